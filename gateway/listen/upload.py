"""A request's body on its way in: its end, its new framing, and its destination.

The body belongs to the application, or to the portal, and to nobody before a connection to them is there. A chunked
body may be counted first, because a server that knows no chunks reads nothing of it. An unwanted body is read away.
`asyncio_exchange` feeds this object and sends its output. A request without a body has no `Upload`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus

from gateway.request.inbound import Framing, Inbound
from gateway.wire.chunks import ChunkError, ChunkReader, TrailersTooLongError
from gateway.wire.states import States

Fields = tuple[tuple[bytes, bytes], ...]

DRAINABLE = 64 * 1024
"""Bytes of an unwanted body that are read away so that the connection can be kept; a longer one ends it."""

HELD = 64 * 1024
"""Bytes of a body that are kept while no upstream can accept them; over it, reading pauses."""


class UploadState(StrEnum):
    """The states of a body."""

    HOLDING = "holding"
    """The body arrives before the upstream can accept it: it is kept."""
    HELD = "held"
    """The whole body has arrived, and no upstream has accepted it."""
    PASSING = "passing"
    """The body is forwarded to the upstream as it arrives."""
    DISCARDING = "discarding"
    """The body is not needed: it is read and dropped."""
    DONE = "done"
    """All of the body has come, and has been passed on or thrown away."""
    BROKEN = "broken"
    """The body is framed wrongly or too long. Nothing behind it can be trusted."""


class UploadEvent(StrEnum):
    """The events of a body."""

    DATA = "data"
    """The client sends more of it."""
    END = "end"
    """The client has sent all of it."""
    FAULT = "fault"
    """The client sends a malformed body, or more than the buffer can hold."""
    TAKE = "take"
    """An upstream takes it."""
    DISCARD = "discard"
    """The answer is given without it."""


_S = UploadState
_E = UploadEvent

UPLOAD = States(
    "a body on its way in",
    starts=(_S.HOLDING,),
    moves={
        _S.HOLDING: {
            _E.DATA: _S.HOLDING,
            _E.END: _S.HELD,
            _E.FAULT: _S.BROKEN,
            _E.TAKE: _S.PASSING,
            _E.DISCARD: _S.DISCARDING,
        },
        _S.HELD: {_E.TAKE: _S.DONE, _E.FAULT: _S.BROKEN, _E.DISCARD: _S.DONE},
        _S.PASSING: {_E.DATA: _S.PASSING, _E.END: _S.DONE, _E.FAULT: _S.BROKEN, _E.DISCARD: _S.DISCARDING},
        _S.DISCARDING: {_E.DATA: _S.DISCARDING, _E.END: _S.DONE, _E.FAULT: _S.BROKEN},
        _S.DONE: {},
        _S.BROKEN: {},
    },
    # Our own answer takes the place of an application's, and perhaps of one of our own that could not be given.
    harmless={_S.DISCARDING: {_E.DISCARD}, _S.DONE: {_E.DISCARD}, _S.BROKEN: {_E.DISCARD}},
)

_AFTER_DATA = UPLOAD.after(_E.DATA)
_AFTER_END = UPLOAD.after(_E.END)
_AFTER_FAULT = UPLOAD.after(_E.FAULT)
_AFTER_TAKE = UPLOAD.after(_E.TAKE)
_AFTER_DISCARD = UPLOAD.after(_E.DISCARD)

_HOLDING, _PASSING, _DISCARDING = _S.HOLDING, _S.PASSING, _S.DISCARDING

COMPLETE = frozenset({_S.HELD, _S.DONE})
"""The states of a body that has come whole."""
WANTED = frozenset({_S.HOLDING, _S.HELD})
"""The states of a body that the next upstream is to have."""


class CountedBytes:
    """The bytes of all bodies that a worker keeps until they are whole, and how many there may be."""

    __slots__ = ("_held", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    def take(self, size: int) -> bool:
        """Count bytes in, if there is room for them."""
        if self._held + size > self._most:
            return False
        self._held += size
        return True

    def give_back(self, size: int) -> None:
        """Count bytes out."""
        self._held -= size


class BadUploadError(Exception):
    """The client's body is malformed, or too long. The request is answered with this and ends."""

    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Upload:
    """The body of one request."""

    __slots__ = (
        "_chunks",
        "_counted",
        "_ending",
        "_held",
        "_left",
        "_longest_counted",
        "_together",
        "received",
        "state",
    )

    def __init__(self, inbound: Inbound, longest_trailers: int) -> None:
        self.state = _HOLDING
        self.received = 0
        """Bytes of the body itself."""
        self._held: bytearray | bytes | None = None
        """The part of the body that no upstream has accepted yet."""
        self._ending = b""
        """The last chunk and its trailers, once they have come."""
        self._together: CountedBytes | None = None
        """The account of all bodies that are counted first, if this is one of them."""
        self._counted = self._longest_counted = 0
        chunked = inbound.framing is Framing.CHUNKED
        self._chunks = ChunkReader(longest_trailers) if chunked else None
        self._left = 0 if chunked else inbound.length

    @property
    def is_unknown(self) -> bool:
        """Whether nothing says yet that there is a body: of a chunked one only its first chunk does."""
        return self._chunks is not None and self._chunks.empty

    @property
    def is_full(self) -> bool:
        """Whether as much is held as may be, and more would follow."""
        return self.state is _HOLDING and self._together is None and self._held is not None and len(self._held) >= HELD

    @property
    def is_counted_first(self) -> bool:
        """Whether all of it is to come before any of it goes on."""
        return self._together is not None

    @property
    def can_be_read_away(self) -> bool:
        """Whether the rest is unwanted and short, so that the next request is worth waiting for."""
        return self.state is _DISCARDING and self._chunks is None and self._left <= DRAINABLE

    def feed(self, data: bytes, longest: int | None, trailer_lines: Callable[[Fields], bytes]) -> tuple[bytes, bytes]:
        """Return the framed bytes for the upstream that takes the body, and the bytes that come behind the body.

        The bytes for the upstream are none while nobody takes them: they are held, or thrown away. `trailer_lines`
        returns the lines of those trailers that may be sent on.

        Raises:
            BadUploadError: the client sends what is no body, or more of it than `longest`, or than may be counted.

        """
        after = _AFTER_DATA[self.state]
        chunks = self._chunks
        rest = b""
        if chunks is None:
            left = self._left - len(data)
            if left < 0:
                rest = data[self._left :]
                data = data[: self._left]
                left = 0
            self._left = left
            done = left == 0
            body = framed = data
            ending = b""
        else:
            try:
                body = chunks.feed(data)
            except TrailersTooLongError as error:
                raise self._fault(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers") from error
            except ChunkError as error:
                raise self._fault(HTTPStatus.BAD_REQUEST, "chunks") from error
            done = chunks.complete
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            ending = b""
            if done:
                rest = chunks.rest
                ending = b"0\r\n%b\r\n" % (trailer_lines(chunks.trailers) if chunks.trailers else b"")
        self.received += len(body)
        if longest is not None and self.received > longest:
            raise self._fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body")
        if self._together is not None and after is _HOLDING:
            self._count(len(body), self._together)
        self.state = _AFTER_END[self.state] if done else after
        if after is _PASSING:
            return framed + ending, rest
        if after is _HOLDING:
            if self._held is None:
                self._held = bytearray()
            self._held += body
            self._ending = ending
        return b"", rest

    def hold_whole(self, body: bytes) -> None:
        """Keep a body of a known length that has come whole, with its head."""
        self.state = _AFTER_END[_AFTER_DATA[self.state]]
        self.received = len(body)
        self._left = 0
        self._held = body

    def count_first(self, longest: int, together: CountedBytes) -> None:
        """Keep the body until it is complete, so that it can be sent with its length.

        Raises:
            BadUploadError: there is no room for the part that has come.

        """
        self._longest_counted, self._together = longest, together
        self._count(self.received, together)

    def _count(self, size: int, together: CountedBytes) -> None:
        if self.received > self._longest_counted or not together.take(size):
            raise self._fault(HTTPStatus.LENGTH_REQUIRED, "length_required")
        self._counted += size

    def let_go(self) -> None:
        """Have the bytes that are kept no longer count."""
        self._held = None
        if self._together is not None:
            self._together.give_back(self._counted)
            self._counted = 0

    def _fault(self, status: HTTPStatus, code: str) -> BadUploadError:
        self.state = _AFTER_FAULT[self.state]
        return BadUploadError(status, code)

    def take(self) -> bytes:
        """Begin to pass it on, and return what has been held, framed anew."""
        self.state = _AFTER_TAKE[self.state]
        held = b"" if self._held is None else bytes(self._held)
        if self._chunks is not None and self._together is None:
            held = (b"%x\r\n%b\r\n" % (len(held), held) if held else b"") + self._ending
        self.let_go()
        return held

    def discard(self) -> None:
        """Throw it away, and the part that has been held.

        Behind a head without a body, the held part would be read as a request of its own.
        """
        self.state = _AFTER_DISCARD[self.state]
        self.let_go()


def body_lines(inbound: Inbound, *, again: bool) -> bytes:
    """Return what ends the head of a request with a body; `again`: whether its connection may be used again.

    A server that leaves a body unread takes it for the next request, which is another person's.
    """
    close = b"" if again else b"Connection: close\r\n"
    if inbound.framing is Framing.CHUNKED:
        return close + b"Transfer-Encoding: chunked\r\n\r\n"
    return b"%bContent-Length: %d\r\n\r\n" % (close, inbound.length)
