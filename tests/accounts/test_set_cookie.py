"""The `Set-Cookie` lines of an application, as browsers read them."""

from __future__ import annotations

import pytest

from gateway.accounts.set_cookie import (
    LONGEST_COOKIE,
    Headers,
    SetCookie,
    given_cookies,
    read_set_cookie,
    set_cookies,
)
from tests.builders import NOON


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"S=1", SetCookie(b"S", b"1", b"/a", over=False)),
        (b"S=1; Path=/x; HttpOnly", SetCookie(b"S", b"1", b"/x", over=False)),
        (b"S=; Max-Age=0; Path=/", SetCookie(b"S", b"", b"/", over=True)),
        (b"S=1; max-age=-5; path=/", SetCookie(b"S", b"1", b"/", over=True)),
        (b"S=1; Max-Age=60; Expires=Thu, 01-Jan-1970 00:00:01 GMT; Path=/", SetCookie(b"S", b"1", b"/", over=False)),
        (b"S=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Path=/", SetCookie(b"S", b"deleted", b"/", over=True)),
        (b"S=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT; Path=/", SetCookie(b"S", b"1", b"/", over=False)),
        (b"S=1; Expires=soon; Path=/", SetCookie(b"S", b"1", b"/", over=False)),
        (b"nothing", None),
        (b"=1", None),
        (b"S=" + b"x" * LONGEST_COOKIE, None),
    ],
)
def test_a_set_cookie_is_read_as_browsers_read_it(line: bytes, read: SetCookie | None) -> None:
    """Name, value, path, and whether it ends the cookie."""
    assert read_set_cookie(line, "/a/b?c", NOON) == read


def lines(*values: bytes) -> Headers:
    return tuple((b"Set-Cookie", value) for value in values)


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        (lines(b"S=1; Path=/", b"T=a=b"), [("S", "1"), ("T", "a=b")]),
        (lines(b"S=1; Path=/", b"S=2; Path=/"), [("S", "2")]),
        (lines(b"S=1; Path=/", b"S=2; Path=/b"), [("S", "1"), ("S", "2")]),
        (lines(b"S=; Path=/"), []),
        (lines(b"S=1; Path=/", b"S=deleted; Max-Age=0; Path=/"), []),
        (lines(b"S=deleted; Max-Age=0; Path=/", b"S=1; Path=/"), [("S", "1")]),
        (lines(b"nothing", b"=1"), []),
        (((b"X-Set-Cookie", b"S=1"),), []),
    ],
)
def test_a_browser_keeps_what_was_set_last(headers: Headers, given: list[tuple[str, str]]) -> None:
    """A cookie that is emptied or expired is none, and each path has its own."""
    assert given_cookies(headers, "/login", NOON) == given


def test_every_line_that_sets_or_ends_a_cookie_is_found() -> None:
    """By its name, in any case of the field's."""
    headers = (*lines(b"S=1"), (b"set-cookie", b"T=; Max-Age=0"), (b"Cookie", b"U=1"), *lines(b"nothing"))

    assert set_cookies(headers) == [("S", b"S=1"), ("T", b"T=; Max-Age=0")]
