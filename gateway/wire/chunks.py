"""Parses a chunked body (RFC 9112 section 7.1).

llhttp could do it, but cannot say where the body ends in what it was fed, and behind it the
next request may have come already. Strict where servers have been fooled: sizes are plain
hexadecimal, every line ends in CRLF, extensions are dropped, trailers are fields or nothing.
"""

from __future__ import annotations

import re
from enum import Enum

from gateway.wire.http1 import TOKEN
from gateway.wire.pieces import Pieces

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t -~\x80-\xff]*)?")
_FIELD = re.compile(rb"(" + TOKEN + rb"+):[ \t]*([\t -~\x80-\xff]*)")

LONGEST_SIZE_LINE = 1024
"""Most bytes of a chunk's size line with its extensions, which we drop since no application uses them."""


class ChunkError(ValueError):
    """The body is not chunked as the specification says; nothing behind it can be trusted."""


class TrailersTooLongError(ChunkError):
    """The trailer section is longer than a header section may be."""


class _At(Enum):
    SIZE = 1
    DATA = 2
    DATA_END = 3
    TRAILERS = 4
    END = 5


class ChunkReader:
    """Parses one body, in pieces of any size."""

    __slots__ = ("_at", "_left", "_limit", "_pending", "empty", "rest", "trailers")

    def __init__(self, trailer_limit: int) -> None:
        self._at = _At.SIZE
        self._left = 0
        self._pending = Pieces()
        self._limit = trailer_limit
        self.empty = True
        """Whether no chunk with a byte in it has been announced so far."""
        self.rest = b""
        """The bytes behind the body; filled when it is complete."""
        self.trailers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def looked_at(self) -> int:
        """Bytes of unfinished lines that were looked at so far."""
        return self._pending.looked_at

    @property
    def complete(self) -> bool:
        """Whether the last chunk and the trailers have come."""
        return self._at is _At.END

    def feed(self, data: bytes) -> bytes:
        """Return the body's bytes in `data`.

        Raises:
            ChunkError: the framing is wrong.

        """
        if self._at is _At.DATA and len(data) < self._left:
            self._left -= len(data)
            return data
        if self._pending:
            self._pending.add(data)
            if not self._has_more_to_say():
                return b""
            data = self._pending.take()
        pieces: list[bytes] = []
        position = 0
        end = len(data)
        while True:
            if self._at is _At.DATA:
                take = min(self._left, end - position)
                pieces.append(data[position : position + take])
                position += take
                self._left -= take
                if self._left:
                    break
                self._at = _At.DATA_END
            if self._at is _At.DATA_END:
                mark = data[position : position + 2]
                if mark != b"\r\n"[: len(mark)]:
                    raise ChunkError("a chunk does not end where its size says")
                if len(mark) < 2:
                    self._pending.add(mark)
                    break
                position += 2
                self._at = _At.SIZE
            if self._at is _At.SIZE:
                line_end = data.find(b"\r\n", position, position + LONGEST_SIZE_LINE + 2)
                if line_end < 0:
                    self._pending.add(data[position:])
                    if len(self._pending) > LONGEST_SIZE_LINE or self._pending.end_at(b"\n") >= 0:
                        raise ChunkError("a chunk's size line does not end")
                    break
                match = _SIZE_LINE.fullmatch(data, position, line_end)
                if match is None:
                    raise ChunkError("a chunk's size is not a hexadecimal number")
                position = line_end + 2
                self._left = int(match[1], 16)
                if self._left:
                    self._at = _At.DATA
                    self.empty = False
                else:
                    self._at = _At.TRAILERS
                continue
            if self._at is _At.TRAILERS:
                if data.startswith(b"\r\n", position):
                    self._finish(data, position + 2)
                    break
                section_end = data.find(b"\r\n\r\n", position)
                if (section_end if section_end >= 0 else end) - position > self._limit:
                    raise TrailersTooLongError("the trailer section is too long")
                if section_end < 0:
                    self._pending.add(data[position:])
                    break
                self.trailers = _fields(data[position:section_end])
                self._finish(data, section_end + 4)
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _has_more_to_say(self) -> bool:
        """Whether what pends can be read further, or is a fault by now: only its new bytes are looked at."""
        pending = self._pending
        match self._at:
            case _At.SIZE:
                return pending.end_at(b"\n") >= 0 or len(pending) > LONGEST_SIZE_LINE
            case _At.TRAILERS:
                whole = pending.end_at(b"\r\n\r\n") >= 0 or pending[:2] == b"\r\n"
                return whole or len(pending) > self._limit
            case _:
                return True

    def _finish(self, data: bytes, position: int) -> None:
        self._at = _At.END
        self.rest = data[position:]


def _fields(section: bytes) -> tuple[tuple[bytes, bytes], ...]:
    fields: list[tuple[bytes, bytes]] = []
    for line in section.split(b"\r\n"):
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ChunkError("a trailer is not a field")
        fields.append((match[1], match[2].rstrip(b" \t")))
    return tuple(fields)
