"""One connection to an application, and HTTP/1.1 spoken on it.

`UpstreamConnection` sends one request at a time and tells a `Receiver` of the answer; llhttp
parses heads and chunks, counted bodies pass by it untouched. `asyncio_upstreams` hands connections
out. `headers/answer` decides which headers of an answer the browser gets, and the listener tells
the client when all this fails.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Literal, Protocol, cast

import httptools
import structlog

from gateway.errors import (
    GatewayError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
)
from gateway.settings.settings import TrafficSettings
from gateway.upstream.pool import IdleConnections
from gateway.upstream.upstream import AnswerFraming, AnswerHead, Headers, Receiver
from gateway.wire.asyncio_outbox import Outbox
from gateway.wire.deadlines import Deadlines
from gateway.wire.pieces import Pieces

log = structlog.get_logger()


class _At(IntEnum):
    """The states of a connection."""

    IDLE = 0
    HEAD = 1
    COUNTED = 2
    CHUNKED = 3
    CLOSE = 4
    TUNNEL = 5
    LINGER = 6
    """The answer is whole, and the application was told to close; what it says still is no answer."""
    CLOSED = 7


# As plain integers: an enum's attribute look-up costs more than the comparison it is for.
_IDLE, _HEAD, _COUNTED, _CHUNKED, _CLOSE, _TUNNEL, _LINGER, _CLOSED = (at.value for at in _At)

_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES})
"""Errors of a connection that say something of this machine, and nothing of the server."""

KNOWN = 64
"""Heads remembered of one upstream: those of the second, as most have a `Date`."""

LONGEST_KNOWN = 1024
"""Bytes of a head worth remembering."""

_LINE_END_TOO_MANY = b"\r\n\r\n\r\n"
"""How bytes end where a line end stands behind the last chunk."""

_WAITED_ENOUGH = (b"HTTP/1.1 408 ", b"HTTP/1.0 408 ")

_A_MOMENT = 0.25
"""Seconds that a connection stays open behind the answer to a HEAD: a body comes with it, or soon."""

_TO_END = 1.0
"""Seconds that an application has to close a connection that has carried a body."""

_HALF_A_LINE_END = re.compile(rb"(?<!\r)\n|\r[^\n]")
_BEGINNING = re.compile(rb"HTTP/1\.[01] [0-9]{3}[ \r\n]")
_A_BEGINNING = b"HTTP/1.1 200 "
"""Completes what has come of a beginning, so that the pattern above can judge a part."""
_END_OF_OLD_HEAD = re.compile(rb"\n\r?\n")
_OLD_LINE_END = re.compile(rb"\r?\n")
_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")


def tolerated_head(data: bytes, tolerate: Sequence[str]) -> bytes:
    """Return an answer's bytes with its head written anew, where it has a form the App may still use.

    Bare line feeds become line ends, folded lines one line (RFC 9112 sections 2.2 and 5.2). An unfinished head stays as
    it is.
    """
    found = _END_OF_OLD_HEAD.search(data) if "bare_lf" in tolerate else None
    end = found.end() if found is not None else data.find(b"\r\n\r\n") + 4
    if end < 4:
        return data
    head = data[:end]
    if "bare_lf" in tolerate:
        head = _OLD_LINE_END.sub(b"\r\n", head)
    if "obs_fold" in tolerate:
        head = _FOLD.sub(b" ", head[:-4]) + b"\r\n\r\n"
    return head + data[end:]


def _behind_interim_answers(data: bytes) -> tuple[int, int]:
    """Return where the final answer's head begins and ends; the end is below 4 where it is not there yet."""
    start = 0
    while True:
        end = data.find(b"\r\n\r\n", start) + 4
        if end < 4:
            # Interim answers that came alone are complete in themselves.
            return (start, start) if start and start == len(data) else (start, -1)
        if data[start + 8 : start + 10] != b" 1" or data[start + 9 : start + 12] == b"101":
            return start, end
        start = end


def _says_close(headers: Headers) -> bool:
    return any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)


class Home(Protocol):
    """The upstream that a connection belongs to, as far as the connection knows it."""

    limits: TrafficSettings
    deadlines: Deadlines
    outbox: Outbox
    idle: IdleConnections[UpstreamConnection]
    idle_time: float
    tolerate: tuple[Literal["bare_lf", "obs_fold"], ...]
    reads_bodies: bool
    head_cache: dict[bytes, AnswerHead]
    closed: bool

    @property
    def is_doubted(self) -> bool:
        """Whether the App's servers have spoken out of turn before."""

    def remember(self, raw: bytes, head: AnswerHead) -> None:
        """Keep the meaning of a head for the next one."""

    def lost(self, connection: UpstreamConnection, *, idle: bool) -> None:
        """Forget a connection that is gone."""

    def spoke_out_of_turn(self, sign: str) -> None:
        """Say that bytes came that answer no request."""

    def answered(self) -> None:
        """Count a request out that was answered well."""

    def done(self) -> None:
        """Count a request out."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to an application, and at most one request on it."""

    __slots__ = (
        "_all_fields",
        "_at",
        "_bodies",
        "_buffer",
        "_carries",
        "_complete",
        "_excess",
        "_fields",
        "_head_fields",
        "_home",
        "_is_head",
        "_keep_alive",
        "_leaves",
        "_left",
        "_parser",
        "_patience",
        "_reading_paused",
        "_status",
        "_transport",
        "_uploading",
        "_writing_paused",
        "answered",
        "busy",
        "deadline",
        "heard",
        "holder",
        "last",
        "slot",
    )

    def __init__(self, home: Home) -> None:
        self._home = home
        self.holder: Receiver | None = None
        """The holder of the lease, from the moment the connection is handed out to the last word of the answer; `None`
        between.

        Each method that a request calls takes the caller, and does nothing for anybody but the holder.
        """
        self._transport: asyncio.Transport | None = None
        self._at: int = _IDLE
        self._buffer = Pieces()
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_fields = -1
        """How many of them are the head's; -1 while there is no head."""
        self._all_fields = 0
        """How many of them are the answer's; the rest are trailers."""
        self._bodies: list[bytes] = []
        self._complete = False
        self._excess = False
        self._keep_alive = False
        self._status = 0
        self._left = 0
        self._leaves = -1
        """`Outbox.times` when the last head was put there."""
        self._patience = home.limits.stream_idle
        self._is_head = False
        self._uploading = False
        self._carries = False
        """Whether the present request is more than a head that was sent at once."""
        self._reading_paused = False
        self._writing_paused = False
        self._parser = httptools.HttpResponseParser(self)
        self.busy = False
        """Whether somebody was given this connection and has not left it yet."""
        self.answered = 0
        """Requests this connection has answered: more than none, and its end may be a kept connection's end."""
        self.heard = False
        """Whether any byte of the present answer has come; or, before any request, any byte at all."""
        self.last = False
        """Whether no further request may be sent here."""
        self.deadline = 0.0
        self.slot = 0

    # --- what the listener does ---------------------------------------------------------------

    def send(self, holder: Receiver, head: bytes, *, is_head: bool, uploading: bool) -> None:
        """Begin a request: a whole head, and whether a body will follow in `send_body`."""
        if self.holder is not holder:
            raise RuntimeError("a request goes out on a connection that its exchange does not hold")
        self._at = _HEAD
        if is_head:
            self._is_head = self.last = True
        self._uploading = uploading
        self.heard = False
        home = self._home
        limits = home.limits
        # As in `_arm`, for each request comes by here.
        self.deadline = home.deadlines.now + (limits.stream_idle if uploading else limits.answer)
        if not self.slot:
            home.deadlines.enter(self)
        transport = self._transport
        if transport is None:
            return
        if not uploading:
            self._leaves = home.outbox.times
            home.outbox.put(transport, head)
            return
        self._carries = True
        if not transport.is_closing():
            transport.write(head)

    def _arm(self, seconds: float) -> None:
        deadlines = self._home.deadlines
        self.deadline = deadlines.now + seconds
        if not self.slot:
            deadlines.enter(self)

    def send_body(self, holder: Receiver, data: bytes) -> None:
        """Send framed bytes of the request's body, or bytes of a tunnel."""
        if self.holder is not holder:
            return
        self._carries = True
        if self._home.outbox.waiting:
            self._home.outbox.send()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def upload_done(self, holder: Receiver) -> None:
        """The request is complete: from here the application's time to answer counts."""
        if self.holder is not holder:
            return
        self._uploading = False
        if self._at == _HEAD:
            self._arm(self._home.limits.answer)

    def end_tunnel(self, holder: Receiver) -> None:
        """Tell the application that the client says nothing more in the tunnel."""
        if self.holder is not holder:
            return
        self._home.outbox.send()
        transport = self._transport
        if transport is not None and not transport.is_closing() and transport.can_write_eof():
            transport.write_eof()

    def pause(self, holder: Receiver) -> None:
        """Read no more: the client does not keep up."""
        if self.holder is not holder:
            return
        if not self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def resume(self, holder: Receiver) -> None:
        """Read on."""
        if self.holder is holder:
            self._read_on()

    def _read_on(self) -> None:
        if self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()

    def usable(self) -> bool:
        """Whether a kept connection is still one, as far as we have heard."""
        return self._at == _IDLE and self._transport is not None and not self._transport.is_closing()

    def abandon(self, holder: Receiver) -> None:
        """The holder wants the answer no more: close, so that it cannot become somebody else's."""
        if self.holder is not holder:
            return
        self.holder = None
        self._close()
        self._leave()

    def pass_on(self, holder: Receiver, heir: Receiver) -> None:
        """Make somebody else the holder: the answer is theirs to hear."""
        if self.holder is holder:
            self.holder = heir
            # The last holder waited for its own client, the next one waits for another.
            self._read_on()

    def hand_over(self, holder: Receiver) -> None:
        """Tell the holder that the connection is its own, if it has not been lost since it was taken."""
        if self.holder is holder:
            holder.upstream_ready(self)

    # --- what the event loop does -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports are none of asyncio's classes, only their like.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        receiver = self.holder
        at = self._at
        if receiver is None:
            # It speaks unasked: these bytes must not become the next request's answer.
            self.heard = True
            self.retire()
            if at == _LINGER:
                # Behind a body, it has most likely taken that for a request.
                self._home.spoke_out_of_turn("behind a request's body" if self._carries else "behind an answer")
            # A server may say that it has waited long enough for a request (RFC 9110 section 15.5.9).
            elif at == _IDLE and not data.startswith(_WAITED_ENOUGH):
                self._home.spoke_out_of_turn("on an idle connection")
            return
        if at == _HEAD:
            if self._leaves == self._home.outbox.times:
                # The head that this would be the answer to is still in the outbox.
                self._unasked(receiver)
                return
            self._read_head(data, receiver)
        elif at == _COUNTED:
            left = self._left - len(data)
            if left < 0:
                self._excess = True
                data = data[: self._left]
                left = 0
            self._left = left
            self._arm(self._patience)
            receiver.answer_goes_on(data)
            if not left and self.holder is receiver:
                # The parser has not seen this body, so it waits for it still.
                self._parser = httptools.HttpResponseParser(self)
                self._finish()
                receiver.answer_ends(())
        elif at == _CHUNKED:
            self._arm(self._patience)
            self._read_chunks(data, receiver)
        elif at == _TUNNEL:
            receiver.tunnel_data(data)
        elif at == _CLOSE:
            self._arm(self._patience)
            receiver.answer_goes_on(data)
        else:
            # The connection was taken from the pool, and its request is not sent yet.
            self._unasked(receiver)

    def _unasked(self, receiver: Receiver) -> None:
        self.holder = None
        self._close()
        self._leave()
        self._home.spoke_out_of_turn("before the request had left")
        receiver.upstream_failed(UpstreamProtocolError("the application sent bytes without a request"), unheard=True)

    def eof_received(self) -> bool:
        """Take the end of what the application says."""
        receiver = self.holder
        if receiver is None:
            return False
        if self._at == _TUNNEL:
            receiver.tunnel_ends()
            return True
        if self._at == _CLOSE:
            self._finish()
            receiver.answer_ends(())
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # how it was lost changes nothing
        """The connection is gone, with or without an answer."""
        at = self._at
        self._at = _CLOSED
        self.deadline = 0.0
        receiver = self.holder
        self.holder = None
        self._transport = None
        self._home.lost(self, idle=at == _IDLE)
        # Nothing was sent yet, or nothing has come, on a connection that the application may have closed for its age.
        kept_too_long = at == _IDLE or (self.answered > 0 and not self.heard)
        self._leave()
        if receiver is not None:
            if at == _TUNNEL:
                receiver.upstream_failed(UpstreamProtocolError("the application closed the tunnel"), unheard=False)
            else:
                error = UpstreamProtocolError("the application closed the connection before its answer was complete")
                receiver.upstream_failed(error, unheard=kept_too_long)

    def pause_writing(self) -> None:
        """The application reads slower than the client sends."""
        self._writing_paused = self._carries = True
        if self.holder is not None:
            self.holder.pause_upload()

    def resume_writing(self) -> None:
        """The application has caught up."""
        self._writing_paused = False
        if self.holder is not None:
            if self._at == _HEAD and self._uploading:
                self._arm(self._home.limits.stream_idle)
            self.holder.resume_upload()

    def expired(self) -> None:
        """A clock has run out; which one follows from where we are."""
        receiver = self.holder
        if receiver is None:
            self.retire()
            return
        if self._at == _IDLE:
            # It waited in the pool until this very turn. `send` sets the next clock.
            return
        if (self._uploading and not self._writing_paused) or self._reading_paused:
            # It waits for the client, whose own clock the listener watches.
            self._arm(self._home.limits.stream_idle)
            return
        self._fail(UpstreamTimeoutError("the application was silent for too long"))

    # --- the parser's callbacks: they only take notes ------------------------------------------

    def on_message_begin(self) -> None:
        """A message begins; behind a final answer there must be none."""
        if self._complete:
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field of a head or of a trailer."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Note what only the parser knows, and only now: the fields so far are the head's."""
        if not self._excess:
            self._head_fields = len(self._fields)
            self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Note a piece of the body."""
        if not self._excess:
            self._bodies.append(body)

    def on_message_complete(self) -> None:
        """Note the end of the answer; of an interim one, only that another head follows."""
        if self._excess:
            return
        status = self._status
        if 100 <= status < 200 and status != 101:
            receiver = self.holder
            if receiver is not None:
                receiver.interim_answer(status, tuple(self._fields))
            self._fields = []
            self._head_fields = -1
            return
        self._all_fields = len(self._fields)
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()

    # --- reading ------------------------------------------------------------------------------

    def _read_head(self, data: bytes, receiver: Receiver) -> None:
        self.heard = True
        if self._buffer:
            buffer = self._buffer
            buffer.add(data)
            old = "bare_lf" in self._home.tolerate
            end = buffer.match_at(_END_OF_OLD_HEAD, 3) if old else buffer.end_at(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > self._home.limits.answer_headers:
                    self._fail(UpstreamProtocolError("the answer's header section is too long"))
                elif not b"HTTP/".startswith(buffer[:5]):
                    self._no_answer(receiver)
                elif self._is_hopeless():
                    self._fail(UpstreamProtocolError("the answer's head cannot become one of HTTP/1.1"))
                return
            data = buffer.take()
        if self._home.tolerate:
            data = tolerated_head(data, self._home.tolerate)
        # Fed only when whole: what is fed in pieces, llhttp's binding joins in quadratic time.
        end = data.find(b"\r\n\r\n") + 4
        known = self._home.head_cache.get(data[:end])
        if known is not None and len(data) - end == known.length and not self._is_head:
            # In a rush the same page is answered again and again: the same bytes, the same head.
            self._keep_alive = True
            self._finish()
            receiver.answer_begins(known, data[end:], complete=True)
            return
        if not data.startswith(b"HTTP/") and not b"HTTP/".startswith(data):
            self._no_answer(receiver)
            return
        start = 0
        if data[8:10] == b" 1":
            start, end = _behind_interim_answers(data)
        if end > self._home.limits.answer_headers or (end < 4 and len(data) > self._home.limits.answer_headers):
            self._fail(UpstreamProtocolError("the answer's header section is too long"))
            return
        if end < 4:
            self._buffer.add(data[start:])
            if self._is_hopeless():
                self._fail(UpstreamProtocolError("the answer's head cannot become one of HTTP/1.1"))
                return
            if not start:
                return
            # Interim answers that are whole are told now, so that the next piece has nobody look at them again.
            data, end = data[:start], start
        try:
            # A parser cannot be told that the request was HEAD; it would wait for the body.
            self._parser.feed_data(data[:end] if self._is_head else data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :], receiver)
            return
        except httptools.HttpParserError as error:
            if not self._complete:
                self._fail(UpstreamProtocolError(f"the answer is not HTTP/1.1: {error}"))
                return
            # The answer was whole; what stands behind it is nobody's, and ends the connection.
            self._excess = True
        if self.holder is not receiver or self._head_fields < 0:
            # An interim answer, and nothing behind it yet.
            return
        if self._is_head and len(data) > end:
            self._excess = True
        if data[start : start + 8] not in _VERSIONS:
            self._fail(UpstreamProtocolError("the answer's version is not HTTP/1.1"))
            return
        self._begin_answer(receiver, data[start:end], data[end:])

    def _is_hopeless(self) -> bool:
        """Say whether the end that is waited for would never come, or would end no head of HTTP/1.1."""
        begun = bytes(self._buffer[: len(_A_BEGINNING)])
        if _BEGINNING.fullmatch(begun + _A_BEGINNING[len(begun) :]) is None:
            return True
        return "bare_lf" not in self._home.tolerate and self._buffer.match_at(_HALF_A_LINE_END, 2) >= 0

    def _begin_answer(self, receiver: Receiver, raw: bytes, rest: bytes) -> None:
        status = self._status
        headers = tuple(self._fields[: self._head_fields])
        length: int | None = None
        coding: bytes | None = None
        limits = self._home.limits
        patience = limits.stream_idle
        for name, value in headers:
            size = len(name)
            if size == 14:
                if name.lower() == b"content-length":
                    length = int(value)
            elif size == 12:
                if value.startswith(b"text/event-stream") and name.lower() == b"content-type":
                    patience = limits.tunnel_idle
            elif size == 17 and name.lower() == b"transfer-encoding":
                coding = value if coding is None else b"%b,%b" % (coding, value)
        if coding is not None and coding.strip().lower() != b"chunked":
            self._fail(UpstreamProtocolError("the answer has a transfer coding other than chunked"))
            return
        if not 200 <= status <= 599:
            self._fail(UpstreamProtocolError(f"the answer's status is `{status}`"))
            return
        bodies = self._bodies
        body = b""
        if bodies:
            body = bodies[0] if len(bodies) == 1 else b"".join(bodies)
            self._bodies = []
        if self._is_head:
            framing = AnswerFraming.NONE
            self._all_fields = self._head_fields
            self._complete = True
        elif status in (204, 304):
            framing = AnswerFraming.NONE
            if (length or coding is not None) and (status == 204 or self._home.is_doubted):
                # There is no such body; a server that thinks so may send it. With a 304 the length is that of another
                # answer (RFC 9110 section 8.6), as far as this server can be believed.
                self._keep_alive = False
        elif coding is not None:
            framing = AnswerFraming.CHUNKED
        elif length is not None:
            framing = AnswerFraming.COUNTED
        else:
            framing = AnswerFraming.CLOSE
        head = AnswerHead(status, headers, framing, length)
        if self._complete:
            # The parser passes over line ends between messages, and they are one sign as good as another.
            if rest.endswith(_LINE_END_TOO_MANY) if framing is AnswerFraming.CHUNKED else len(rest) != len(body):
                self._excess = True
            if self._all_fields == self._head_fields:
                if self._keep_alive and framing is AnswerFraming.COUNTED and not self._excess:
                    self._home.remember(raw, head)
                self._finish()
                receiver.answer_begins(head, body, complete=True)
                return
            trailers = self._trailers()
            receiver.answer_begins(head, body, complete=False)
            if self.holder is receiver:
                self._finish()
                receiver.answer_ends(trailers)
            return
        if framing is AnswerFraming.COUNTED and length is not None:
            self._at = _COUNTED
            self._left = length - len(body)
            self._keep_alive = self._parser.should_keep_alive() and not _says_close(headers)
        elif framing is AnswerFraming.CHUNKED:
            self._at = _CHUNKED
        else:
            self._at = _CLOSE
            # The parser says this at a message's end, which such an answer does not have: what stands here is the
            # last answer's.
            self._keep_alive = False
        # Events come when they come: such a stream may be as silent as a tunnel.
        self._patience = patience
        self._arm(patience)
        receiver.answer_begins(head, body, complete=False)

    def _trailers(self) -> Headers:
        return tuple(self._fields[self._head_fields : self._all_fields])

    def _read_chunks(self, data: bytes, receiver: Receiver) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                self._fail(UpstreamProtocolError(f"the answer's body is not chunked: {error}"))
                return
            self._excess = True
        if self._complete and data.endswith(_LINE_END_TOO_MANY):
            self._excess = True
        bodies = self._bodies
        if bodies:
            body = bodies[0] if len(bodies) == 1 else b"".join(bodies)
            self._bodies = []
            self._left = 0
            receiver.answer_goes_on(body)
        else:
            # Size lines and trailers alone: bounded, as they are joined in quadratic time.
            self._left += len(data)
            if self._left > self._home.limits.answer_headers:
                self._fail(UpstreamProtocolError("the answer's trailer section is too long"))
                return
        if self._complete and self.holder is receiver:
            trailers = self._trailers()
            self._finish()
            receiver.answer_ends(trailers)

    def _upgrade(self, rest: bytes, receiver: Receiver) -> None:
        if self._status != 101:
            self._fail(UpstreamProtocolError("the application switched protocols without a request for it"))
            return
        self._at = _TUNNEL
        self.deadline = 0.0
        receiver.upgraded(tuple(self._fields), rest)

    # --- the end of an answer -----------------------------------------------------------------

    def _finish(self) -> None:
        """Take leave of the receiver, and go back to the others if nothing speaks against it."""
        self.holder = None
        self.answered += 1
        if self._excess or not self._keep_alive or self.last or (self._carries and not self._has_sent_all()):
            if self._excess or self._uploading or self._writing_paused or self._at == _CLOSE:
                self._close()
            else:
                self._linger()
            self._leave()
            if self._excess:
                self._home.spoke_out_of_turn("behind an answer")
            return
        if self._reading_paused:
            self._read_on()
        self._at = _IDLE
        home = self._home
        if self._head_fields >= 0:
            self._fields = []
            self._head_fields = -1
            self._complete = False
            self._left = 0
        if self.busy:
            self.busy = False
            home.answered()
        # Closed somewhat late; `take` looks at the age itself.
        self.deadline = home.deadlines.now + home.idle_time
        if not home.idle.put(self, home.deadlines.time):
            self._linger()

    def _linger(self) -> None:
        """Wait a moment for the application to close: if it speaks instead, it must be known."""
        if self._home.closed:
            self._close()
            return
        if self._reading_paused:
            self._read_on()
        self._at = _LINGER
        # One that was not told to close, and does not mean to, may serve nobody else meanwhile.
        self._arm(_A_MOMENT if self._is_head and self._keep_alive else _TO_END)

    def _has_sent_all(self) -> bool:
        """Whether nothing of the request is left that could be read before the next one, or in its place."""
        if self._uploading or self._writing_paused or not self._home.reads_bodies:
            return False
        self._carries = False
        return True

    def _fail(self, error: GatewayError) -> None:
        receiver = self.holder
        self.holder = None
        self._close()
        self._leave()
        if receiver is not None:
            receiver.upstream_failed(error, unheard=False)

    def _no_answer(self, receiver: Receiver) -> None:
        """Take bytes that begin no answer: of a connection that has answered before, they are that answer's rest."""
        error = UpstreamProtocolError("the application's answer does not begin as one of HTTP/1.1")
        if not self.answered:
            self._fail(error)
            return
        self.holder = None
        self._close()
        self._leave()
        self._home.spoke_out_of_turn("before an answer")
        receiver.upstream_failed(error, unheard=True)

    def doubt(self) -> None:
        """Have nobody wait here for an answer that may not be theirs: another request has been answered before."""
        waits = self._at == _IDLE or (self._at == _HEAD and not self.heard)
        if self.busy and waits and self.answered:
            receiver = self.holder
            self.holder = None
            self._close()
            self._leave()
            if receiver is not None:
                receiver.upstream_failed(UpstreamProtocolError("the application speaks out of turn"), unheard=True)

    def _leave(self) -> None:
        """Say once that this connection serves nobody any more."""
        if self.busy:
            self.busy = False
            self._home.done()

    def retire(self) -> None:
        """Leave the others, and close."""
        self.holder = None
        self._home.idle.discard(self)
        self._close()

    def _close(self) -> None:
        tunnel = self._at == _TUNNEL
        self._at = _CLOSED
        self.deadline = 0.0
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if tunnel:
                # The client's last words, a close frame most likely, are on their way still.
                transport.close()
            else:
                transport.abort()
