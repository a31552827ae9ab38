"""An application's cookies: which ones count in a session, and which go where."""

from __future__ import annotations

import pytest

from gateway.accounts.application_cookies import (
    Jar,
    cookie_hash,
    cookie_key,
    cookies_in,
    counted,
    field_of,
    hashes_of,
    over,
    with_cookies,
)
from tests.builders import NOON

KEY = cookie_key("ticket")


def test_a_jar_keeps_the_last_of_each_and_sends_what_fits_the_path() -> None:
    """Two cookies of one name and other paths are two; one that is over is gone."""
    first = ((b"Set-Cookie", b"S=1; Path=/"), (b"Set-Cookie", b"A=1; Path=/admin"), (b"Set-Cookie", b"T=1; Path=/"))
    then = ((b"set-cookie", b"S=2; Path=/"), (b"Set-Cookie", b"T=; Max-Age=0; Path=/"))
    jar = Jar().after(first, "/login", NOON).after(then, "/login", NOON)

    assert jar.field_for("/") == b"S=2"
    assert set(jar.field_for("/admin/x?y").split(b"; ")) == {b"S=2", b"A=1"}
    assert jar.field_for("/administrator") == b"S=2"


def test_of_two_cookies_with_one_name_that_of_the_longer_path_comes_first() -> None:
    """Servers read the first one, and browsers send them so."""
    lines = ((b"Set-Cookie", b"S=site; Path=/"), (b"Set-Cookie", b"S=app; Path=/app"))

    assert Jar().after(lines, "/login", NOON).field_for("/app/page") == b"S=app; S=site"


def test_a_cookie_counts_for_its_session_account_and_value_alone() -> None:
    """Another ticket, account, App, name or value is another hash: nothing carries over."""
    own = cookie_hash(KEY, "old", "yamada", b"S", b"1")
    others = {
        cookie_hash(cookie_key("other"), "old", "yamada", b"S", b"1"),
        cookie_hash(KEY, "new", "yamada", b"S", b"1"),
        cookie_hash(KEY, "old", "suzuki", b"S", b"1"),
        cookie_hash(KEY, "old", "yamada", b"T", b"1"),
        cookie_hash(KEY, "old", "yamada", b"S", b"2"),
        cookie_hash(KEY, "oldy", "amada", b"S", b"1"),
    }

    assert own not in others
    assert len(others) == 6


def test_only_what_was_set_in_this_session_goes_on() -> None:
    """A planted pair beside a good one is cut out, in every order, and the rest is written anew."""
    known = set(hashes_of(((b"Set-Cookie", b"S=good; Path=/; HttpOnly"),), KEY, "old", "yamada", "/", NOON))

    kept = counted(b'S=evil; S=good; T="x; S=evil2', known, KEY, "old", "yamada")

    assert field_of(kept) == b"S=good"
    assert counted(b"S=good", known, cookie_key("other"), "old", "yamada") == ()


def test_a_cookie_that_ends_counts_nowhere() -> None:
    """An empty value that deletes a cookie is not bound."""
    assert hashes_of(((b"Set-Cookie", b"S=; Max-Age=0"),), KEY, "old", "yamada", "/", NOON) == ()


@pytest.mark.parametrize(
    ("head", "field", "changed"),
    [
        (b"GET / HTTP/1.1\r\nCookie: a=1\r\nX: y\r\n", b"b=2", b"GET / HTTP/1.1\r\nCookie: b=2\r\nX: y\r\n"),
        (b"GET / HTTP/1.1\r\nX: y\r\nCookie: a=1\r\n", b"", b"GET / HTTP/1.1\r\nX: y\r\n"),
        (b"GET / HTTP/1.1\r\nX: y\r\n", b"b=2", b"GET / HTTP/1.1\r\nCookie: b=2\r\nX: y\r\n"),
        (b"GET / HTTP/1.1\r\nX: y\r\n", b"", b"GET / HTTP/1.1\r\nX: y\r\n"),
    ],
)
def test_a_head_has_the_cookies_that_count(head: bytes, field: bytes, changed: bytes) -> None:
    """The one Cookie field of our head is replaced, added or removed."""
    assert with_cookies(head, field) == changed
    assert cookies_in(changed) == field


def test_a_cookie_whose_session_the_application_ended_counts_no_more() -> None:
    """The others of the browser count still, and so does a newer value."""
    headers = ((b"Set-Cookie", b"S=1; Path=/"), (b"Set-Cookie", b"L=ja; Path=/"), (b"Set-Cookie", b"S=2; Path=/"))
    known = {*hashes_of(headers, KEY, "old", "yamada", "/", NOON), *over([(b"S", b"1")], KEY, "old", "yamada")}

    assert counted(b"S=1; L=ja", known, KEY, "old", "yamada") == ((b"L", b"ja"),)
    assert counted(b"S=2; L=ja", known, KEY, "old", "yamada") == ((b"S", b"2"), (b"L", b"ja"))
