"""The `Set-Cookie` lines of an application's answer, as browsers read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from gateway.instant import Instant

Headers = tuple[tuple[bytes, bytes], ...]

LONGEST_COOKIE = 8 * 1024
"""Bytes of a cookie that can count."""

_ATTRIBUTE = re.compile(rb";\s*([A-Za-z-]+)\s*(?:=\s*([^;]*))?")


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie as an answer sets it."""

    name: bytes
    value: bytes
    path: bytes
    over: bool
    """It expires the cookie."""


def read_set_cookie(line: bytes, at: str, now: Instant) -> SetCookie | None:
    """Return a `Set-Cookie` line's cookie as browsers read it (RFC 6265bis section 5.6); `at`: the target asked."""
    pair = line.partition(b";")[0]
    name, equals, value = pair.partition(b"=")
    if not equals or not name.strip() or len(line) > LONGEST_COOKIE:
        return None
    path, over, has_age = b"", False, False
    for found in _ATTRIBUTE.finditer(line, len(pair)):
        word, text = found[1].lower(), (found[2] or b"").strip()
        if word == b"path":
            path = text
        elif word == b"max-age" and re.fullmatch(rb"-?[0-9]+", text):
            over, has_age = text.startswith(b"-") or not text.strip(b"0"), True
        elif word == b"expires" and not has_age:
            over = _is_past(text, now)
    if not path.startswith(b"/"):
        path = at.partition("?")[0].rpartition("/")[0].encode("ascii", "replace") or b"/"
    return SetCookie(name.strip(), value.strip(), path, over)


def _is_past(text: bytes, now: Instant) -> bool:
    try:
        return parsedate_to_datetime(text.decode("ascii").replace("-", " ")).timestamp() <= now
    except (ValueError, TypeError, OverflowError):
        return False


def set_cookies(headers: Headers) -> list[tuple[str, bytes]]:
    """Return the cookies that an answer sets or expires: the name, and the whole line."""
    lines = [value for name, value in headers if name.lower() == b"set-cookie"]
    return [(line.partition(b"=")[0].strip().decode("latin-1"), line) for line in lines if b"=" in line]


def given_cookies(headers: Headers, at: str, now: Instant) -> list[tuple[str, str]]:
    """Return the cookies that a browser keeps of an answer: of several for one place the last one counts.

    One that is emptied or expired is none. PHP empties a cookie by `name=deleted` with a day of 1970.
    """
    given: dict[tuple[bytes, bytes], bytes] = {}
    for _, line in set_cookies(headers):
        cookie = read_set_cookie(line, at, now)
        if cookie is None:
            continue
        given.pop((cookie.name, cookie.path), None)
        if cookie.value and not cookie.over:
            given[cookie.name, cookie.path] = cookie.value
    return [(name.decode("latin-1"), value.decode("latin-1")) for (name, _), value in given.items()]
