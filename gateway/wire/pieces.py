"""Keeps the beginning of a message until the rest has arrived.

A sender chooses the pieces of its bytes. So a byte is copied in once. A search for the end looks at the new bytes,
and at as many before them as the end can have begun in. A head that comes byte by byte costs what its length costs, not
its length times the number of its pieces.
"""

from __future__ import annotations

import re


class Pieces(bytearray):
    """Bytes in their order, and how far each kind of end has been looked for.

    A `bytearray`, so that to ask whether there are any costs no call. Only the methods below change it.
    """

    __slots__ = ("_seen", "looked_at")

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[bytes, int] = {}
        """The place at which the next search must begin, by the bytes searched for."""
        self.looked_at = 0
        """The number of bytes that searches have read so far: tests compare it with the bytes that came."""

    def add(self, data: bytes) -> None:
        """Take what has come behind."""
        self += data

    def put_before(self, data: bytes) -> None:
        """Put bytes back that were taken and not used."""
        self[:0] = data
        self._seen.clear()

    def drop(self, count: int) -> None:
        """Forget that many bytes at the beginning."""
        del self[:count]
        self._seen.clear()

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._seen.clear()

    def take(self, count: int | None = None) -> bytes:
        """Return that many bytes from the beginning, or all; they are no longer here."""
        if count is None:
            count = len(self)
        with memoryview(self) as view:
            taken = bytes(view[:count])
        self.drop(count)
        return taken

    def end_at(self, end: bytes) -> int:
        """Return the first position of `end`, or -1 if it has not come."""
        seen = self._seen.get(end, 0)
        found = self.find(end, seen)
        if found >= 0:
            self.looked_at += found + len(end) - seen
            self._seen[end] = found
        else:
            self.looked_at += len(self) - seen
            # Its first bytes may be here already.
            self._seen[end] = max(seen, len(self) - len(end) + 1)
        return found

    def match_at(self, end: re.Pattern[bytes], longest: int) -> int:
        """Return where a match begins, or -1; `longest`: bytes that a match has at most."""
        seen = self._seen.get(end.pattern, 0)
        found = end.search(self, seen)
        if found is not None:
            self.looked_at += found.end() - seen
            self._seen[end.pattern] = found.start()
            return found.start()
        self.looked_at += len(self) - seen
        self._seen[end.pattern] = max(seen, len(self) - longest + 1)
        return -1
