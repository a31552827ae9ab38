"""The heads that an upstream sends again and again, and their meaning.

In a rush the same page is answered again and again: the same bytes mean the same head.
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.upstream.upstream import AnswerHead

MOST = 64
"""Heads that are kept: those of one second, as most have a `Date`. A cache that is full starts anew."""

LONGEST = 1024
"""Bytes of a head that is worth keeping."""


class HeadCache(dict[bytes, AnswerHead]):
    """Heads of counted answers on connections that stay, by their bytes. A `dict`, so that a look-up costs no call."""

    __slots__ = ()

    def remember(self, raw: bytes, head: AnswerHead) -> None:
        """Keep the meaning of a head, unless it is made for one person."""
        if len(raw) > LONGEST or b"\r\nset-cookie:" in raw.lower():
            return
        if len(self) >= MOST:
            self.clear()
        self[raw] = replace(head, answer_cache={})
