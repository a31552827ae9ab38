"""The heads that an upstream sends again and again, and their meaning.

In a rush the same page is answered again and again: the same bytes mean the same head. A head that sets one cookie is
known by its other bytes, and the cookie is in no cache, as it is made for one person.
"""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from gateway.upstream.upstream import AnswerFraming, AnswerHead, Headers, SentHeads

MOST = 64
"""Heads of each kind that are kept: those of one second, as most have a `Date`. A cache that is full starts anew."""

LONGEST = 1024
"""Bytes of a head that is worth keeping."""

_SPELLINGS = (b"\r\nSet-Cookie: ", b"\r\nset-cookie: ")
"""The beginnings of a cookie's line, as applications write it."""

_COOKIE = re.compile(rb"[!-~](?:[ -~]*[!-~])?")
"""A cookie in whose bytes a parser finds one value, with nothing to trim."""


class _CookieHead(msgspec.Struct, frozen=True, gc=False):
    """The meaning of a head without its one cookie, and where that stands."""

    status: int
    before: Headers
    name: bytes
    behind: Headers
    framing: AnswerFraming
    length: int | None
    answer_cache: SentHeads


class HeadCache(dict[bytes, AnswerHead]):
    """Heads of counted answers on connections that stay, by their bytes. A `dict`, so that a look-up costs no call."""

    __slots__ = ("_with_cookie", "last")

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[int, bytes, AnswerHead] | None = None
        """The length of the whole answer that came last, the bytes of its head, and their meaning."""
        self._with_cookie: dict[bytes, _CookieHead] = {}
        """Heads that set one cookie, by their bytes without its value."""

    def remember(self, raw: bytes, head: AnswerHead) -> None:
        """Keep the meaning of a head, but nothing that is made for one person."""
        if len(raw) > LONGEST:
            return
        cookies = raw.lower().count(b"\r\nset-cookie:")
        if cookies == 0:
            if len(self) >= MOST:
                self.clear()
            self[raw] = replace(head, answer_cache={})
        elif cookies == 1:
            self._remember_with_cookie(raw, head)

    def _remember_with_cookie(self, raw: bytes, head: AnswerHead) -> None:
        parts = _parted(raw)
        # A line that goes on would go on behind another line.
        if parts is None or b"\r\n " in raw or b"\r\n\t" in raw:
            return
        rest, cookie = parts
        places = [place for place, (name, _) in enumerate(head.headers) if name.lower() == b"set-cookie"]
        if len(places) != 1 or head.headers[places[0]][1] != cookie:
            return
        (place,) = places
        if len(self._with_cookie) >= MOST:
            self._with_cookie.clear()
        headers = head.headers
        self._with_cookie[rest] = _CookieHead(
            head.status,
            headers[:place],
            headers[place][0],
            headers[place + 1 :],
            head.framing,
            head.length,
            {},
        )

    def with_cookie(self, raw: bytes) -> AnswerHead | None:
        """Return the meaning of a head that differs from one before in its one cookie alone."""
        if len(raw) > LONGEST or (parts := _parted(raw)) is None or (known := self._with_cookie.get(parts[0])) is None:
            return None
        cookie = parts[1]
        headers = (*known.before, (known.name, cookie), *known.behind)
        return AnswerHead(known.status, headers, known.framing, known.length, known.answer_cache, cookie)


def _parted(raw: bytes) -> tuple[bytes, bytes] | None:
    """Return the bytes of a head without the value of its first cookie, and that value; `None` without a plain one."""
    for spelling in _SPELLINGS:
        begin = raw.find(spelling)
        if begin >= 0:
            begin += len(spelling)
            end = raw.find(b"\r\n", begin)
            cookie = raw[begin:end]
            return None if _COOKIE.fullmatch(cookie) is None else (raw[:begin] + raw[end:], cookie)
    return None
