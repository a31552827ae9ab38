"""The way to the application: connections, and HTTP/1.1 spoken on them.

`UpstreamConnection` sends one request at a time and tells a `Receiver` of the answer; llhttp
parses heads and chunks, counted bodies pass by it untouched. `Upstreams` has the connections of
one App: it hands out kept ones at once and makes new ones in the background. What an answer's
headers may say to the browser is in `headers/answer.py`; what the client hears when all
this fails is the listener's business.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from ssl import SSLContext, TLSVersion, create_default_context
from typing import Any, cast

import httptools
import structlog
from msgspec.structs import replace

from gateway.errors import (
    GatewayError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from gateway.observe.events import Event
from gateway.route.route import Route
from gateway.settings.address import read_address
from gateway.settings.settings import AppSettings, HealthSettings, Limits, UpstreamSettings
from gateway.upstream.asyncio_connect import Connect, connector
from gateway.upstream.balance import least_requests, round_robin
from gateway.upstream.breaker import Breaker
from gateway.upstream.pool import FRESH, IdleConnections
from gateway.upstream.prefix import PathRewrite
from gateway.upstream.standing import Standing
from gateway.upstream.upstream import AnswerFraming, AnswerHead, Exchanger, Headers, Receiver
from gateway.wire.asyncio_outbox import Outbox
from gateway.wire.deadlines import Deadlines
from gateway.wire.pieces import Pieces

log = structlog.get_logger()


class _At(IntEnum):
    """Where a connection is."""

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

_DEFAULTS = UpstreamSettings()

RETURN_CHECK = 1.0
"""Seconds between two active checks of an upstream that is unhealthy, at most."""

_TELL_EVERY = 10.0
"""Seconds between two events that say the same of an upstream that takes no connections."""

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES})
"""Errors of a connection that say something of this machine, and nothing of the server."""

_KNOWN = 64
"""Heads remembered of one upstream: those of the second, as most have a `Date`."""

_LONGEST_KNOWN = 1024
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

    Bare line feeds become line ends, folded lines one line (RFC 9112 sections 2.2 and 5.2). What is
    not whole yet stays as it is.
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

    def __init__(self, home: Endpoint) -> None:
        self._home = home
        self.holder: Receiver | None = None
        """Who holds the lease: from when the connection is handed out to the last word of the answer; `None` between.

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
            # Whom the last holder waited for is not whom the heir waits for.
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
            # It speaks unasked: whatever this is, it must not become the next request's answer.
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
        receiver.upstream_failed(UpstreamProtocolError("the application spoke unasked"), unheard=True)

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
                receiver.upstream_failed(UpstreamProtocolError("the application left the tunnel"), unheard=False)
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
        """Note a field, of whatever it is."""
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
        known = self._home.known.get(data[:end])
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
            self._fail(UpstreamProtocolError("the application switched protocols unasked"))
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


class Endpoint:
    """One upstream, its connections, and what is known of its health."""

    __slots__ = (
        "_owner",
        "active",
        "address",
        "breaker",
        "connect",
        "deadlines",
        "idle",
        "idle_time",
        "known",
        "limits",
        "open",
        "outbox",
        "reads_bodies",
        "tolerate",
        "turn",
    )

    def __init__(
        self,
        address: str,
        connect: Connect,
        limits: Limits,
        deadlines: Deadlines,
        options: UpstreamSettings = _DEFAULTS,
    ) -> None:
        self.address = address
        self.connect = connect
        self.limits = limits
        self.deadlines = deadlines
        self.idle_time = options.idle
        self.idle: IdleConnections[UpstreamConnection] = IdleConnections(options.idle)
        self.open: set[UpstreamConnection] = set()
        self.breaker = Breaker(options)
        self.outbox = Outbox()
        self.tolerate = options.tolerate
        self.reads_bodies = options.reads_bodies
        self.known: dict[bytes, AnswerHead] = {}
        """Heads of counted answers on connections that stay, by their bytes."""
        self.active = 0
        self.turn = 0.0
        self._owner: Upstreams | None = None

    def belongs_to(self, owner: Upstreams) -> None:
        """Tell `owner` of each request that is over."""
        self._owner = owner

    def remember(self, raw: bytes, head: AnswerHead) -> None:
        """Keep what a head means, where the next one may be the same: not where it is made for one person."""
        if len(raw) > _LONGEST_KNOWN or b"\r\nset-cookie:" in raw.lower():
            return
        if len(self.known) >= _KNOWN:
            self.known.clear()
        self.known[raw] = replace(head, ready={})

    def lost(self, connection: UpstreamConnection, *, idle: bool) -> None:
        """Forget a connection that is gone."""
        self.open.discard(connection)
        if idle:
            self.idle.discard(connection)

    def spoke_out_of_turn(self, sign: str) -> None:
        """Say that something came here that is no answer to any request."""
        if self._owner is not None:
            self._owner.put_apart(self, sign)

    @property
    def is_doubted(self) -> bool:
        """Whether the App's servers have spoken out of turn before."""
        return self._owner is not None and self._owner.standing.caught

    def answered(self) -> None:
        """Do as `done` does for a request that was answered well."""
        owner = self._owner
        if owner is None or owner.queue:
            self.done()
        else:
            # What that comes to where nobody waits: nearly every answer's way.
            self.active -= 1
            owner.active -= 1

    def done(self) -> None:
        """Take back what was given, and let the App's next request have it."""
        self.active -= 1
        if self._owner is not None:
            self._owner.freed()

    def close(self) -> None:
        """Close what waits; what is in use ends with its request."""
        for connection in self.idle.empty():
            connection.retire()


class _Waiting:
    """A request in the queue."""

    __slots__ = ("_owner", "deadline", "receiver", "repeatable", "slot")

    def __init__(self, owner: Upstreams, receiver: Receiver, *, repeatable: bool) -> None:
        self._owner = owner
        self.receiver = receiver
        self.repeatable = repeatable
        self.deadline = 0.0
        self.slot = 0

    def expired(self) -> None:
        """It has waited too long."""
        self._owner.gave_up(self)


class _Connecting:
    """A request for which a connection is being made."""

    __slots__ = ("endpoint", "task")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        """The upstream that is being tried."""
        self.task: asyncio.Task[None]


class Upstreams:
    """The upstreams of one App, or the portal as one."""

    __slots__ = (
        "_apart",
        "_choose",
        "_closed",
        "_connecting",
        "_most",
        "_only",
        "_tasks",
        "_told",
        "_watches",
        "active",
        "deadlines",
        "endpoints",
        "limits",
        "name",
        "options",
        "queue",
        "rewrite",
        "standing",
    )

    def __init__(
        self,
        name: str,
        endpoints: Sequence[Endpoint],
        limits: Limits,
        options: UpstreamSettings = _DEFAULTS,
        rewrite: PathRewrite | None = None,
        standing: Standing | None = None,
    ) -> None:
        self.name = name
        self.endpoints = tuple(endpoints)
        self.limits = limits
        self.options = options
        self.rewrite = rewrite
        """What changes paths on their way there and back; `None` where they are the same."""
        self.standing = standing or Standing()
        self.deadlines = self.endpoints[0].deadlines
        self._most = options.concurrency
        self._only = self.endpoints[0] if len(self.endpoints) == 1 else None
        self._choose = round_robin if options.balance == "round_robin" else least_requests
        self.active = 0
        """Requests that have an upstream."""
        self.queue: deque[_Waiting] = deque()
        """Requests that wait for one of these to end."""
        self._connecting: dict[Receiver, _Connecting] = {}
        """Requests for which a connection is being made."""
        self._told: dict[Endpoint, float] = {}
        """When the log was told last of an upstream that takes no connections."""
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._watches: list[asyncio.Task[None]] = []
        self._apart = self.standing.is_apart(self.deadlines.time)
        for endpoint in self.endpoints:
            endpoint.belongs_to(self)
            endpoint.idle.keep(anything=not self._apart)

    def take(self, receiver: Receiver, *, repeatable: bool) -> UpstreamConnection | None:
        """Return a kept connection, or `None`, and tell the receiver later.

        `repeatable`: the request may be sent again should the kept connection turn out dead.
        """
        endpoint = self._only
        if endpoint is None or self._most is not None:
            endpoint = self._admit(receiver, repeatable=repeatable)
            if endpoint is None:
                return None
        else:
            # What `_admit` comes to where there is no choice: nearly every request's way.
            self.active += 1
            endpoint.active += 1
        now = endpoint.deadlines.time
        within = self.options.idle if repeatable else FRESH
        while (connection := endpoint.idle.take(now, within)) is not None:
            if connection.usable():
                connection.busy = True
                connection.holder = receiver
                return connection
        self._begin_to_connect(endpoint, receiver)
        return None

    def take_fresh(self, receiver: Receiver) -> None:
        """Make a connection, as a kept one has just turned out dead, and tell the receiver then."""
        endpoint = self._admit(receiver, repeatable=False)
        if endpoint is not None:
            self._begin_to_connect(endpoint, receiver)

    def leave(self, receiver: Receiver) -> None:
        """Have nobody wait any more for whom there is no connection yet: the next one takes the place."""
        connecting = self._connecting.pop(receiver, None)
        if connecting is not None:
            connecting.task.cancel()
            connecting.endpoint.active -= 1
            self.freed()
            return
        for waiting in self.queue:
            if waiting.receiver is receiver:
                waiting.deadline = 0.0
                self.queue.remove(waiting)
                return

    def _admit(self, receiver: Receiver, *, repeatable: bool) -> Endpoint | None:
        """Count a request in and return who is asked; else have it wait, or tell it why not."""
        if self._most is not None and self.active >= self._most:
            self._enqueue(receiver, repeatable=repeatable)
            return None
        endpoint = self._only or self._pick(self.endpoints)
        self.active += 1
        endpoint.active += 1
        return endpoint

    def _pick(self, among: Sequence[Endpoint]) -> Endpoint:
        """Return who is asked: one that is well, and where none is, one of the others all the same."""
        now = self.deadlines.now
        candidates = (
            [endpoint for endpoint in among if endpoint.breaker.in_turn]
            or [endpoint for endpoint in among if not endpoint.breaker.ejected]
            or among
        )
        return self._choose([(endpoint, endpoint.breaker.share(now)) for endpoint in candidates])

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _tell_later(self, receiver: Receiver, error: GatewayError) -> None:
        """Fail a request, but not inside the call that began it."""
        asyncio.get_running_loop().call_soon(lambda: receiver.upstream_failed(error, unheard=False))

    # --- connections are made -----------------------------------------------------------------

    def _begin_to_connect(self, endpoint: Endpoint, receiver: Receiver) -> None:
        if self._apart and not self.standing.is_apart(self.deadlines.time):
            self._come_together()
        connecting = self._connecting[receiver] = _Connecting(endpoint)
        connecting.task = self._start(self._connect(connecting, receiver))

    async def _connect(self, connecting: _Connecting, receiver: Receiver) -> None:
        """Connect to the chosen upstream, or to another: until a byte is sent, any request may go anywhere."""
        untried = list(self.endpoints)
        while True:
            place = connecting.endpoint
            error: GatewayError
            try:
                async with asyncio.timeout(self.limits.connect):
                    _, protocol = await place.connect(lambda: UpstreamConnection(place))  # noqa: B023  # awaited here
            except (OSError, TimeoutError) as fault:
                self._unreached(place, fault)
                error = UpstreamUnreachableError(place.address)
            else:
                self._reached(place)
                connection = cast("UpstreamConnection", protocol)
                if connection.usable():
                    del self._connecting[receiver]
                    place.open.add(connection)
                    connection.busy = True
                    connection.holder = receiver
                    connection.last = self._apart
                    receiver.upstream_ready(connection)
                    return
                what = "spoke unasked" if connection.heard else "hung up before it was asked"
                error = UpstreamProtocolError(f"the application {what}")
            place.active -= 1
            untried.remove(place)
            if not untried:
                del self._connecting[receiver]
                self.freed()
                receiver.upstream_failed(error, unheard=False)
                return
            connecting.endpoint = self._pick(untried)
            connecting.endpoint.active += 1

    def _unreached(self, endpoint: Endpoint, error: OSError) -> None:
        """Take note of a connection that could not be made, and have the others asked where that is the upstream's."""
        now = self.deadlines.time
        standing = self.standing
        standing.unreachable += 1
        if (told := self._told.get(endpoint)) is None or now - told >= _TELL_EVERY:
            self._told[endpoint] = now
            log.warning(
                Event.UPSTREAM_UNREACHABLE,
                app=self.name,
                upstream=endpoint.address,
                error=type(error).__name__,
                count=standing.unreachable,
            )
        if error.errno in _OURS:
            return
        last = all(other is endpoint or other.breaker.ejected for other in self.endpoints)
        if endpoint.breaker.unreached(last=last):
            standing.ejections += 1
            log.warning(Event.UPSTREAM_EJECTED, app=self.name, upstream=endpoint.address)
            self._start(self._knock(endpoint))

    def _reached(self, endpoint: Endpoint) -> None:
        if endpoint.breaker.reached(self.deadlines.now):
            log.info(Event.UPSTREAM_RETURNED, app=self.name, upstream=endpoint.address)

    async def _knock(self, endpoint: Endpoint) -> None:
        """Try an ejected upstream again and again until it takes a connection: so that no person has to."""
        await asyncio.sleep(self.options.ejected_for)
        while endpoint.breaker.ejected and not self._closed:
            # The next knock does not wait for this one: a host that is away answers nothing, and is back at any time.
            self._start(self._knock_once(endpoint))
            await asyncio.sleep(self.options.ejected_for)

    async def _knock_once(self, endpoint: Endpoint) -> None:
        try:
            async with asyncio.timeout(self.limits.connect):
                _, protocol = await endpoint.connect(lambda: UpstreamConnection(endpoint))
        except (OSError, TimeoutError):
            return
        cast("UpstreamConnection", protocol).retire()
        self._reached(endpoint)

    # --- a server that speaks out of turn -----------------------------------------------------

    def put_apart(self, endpoint: Endpoint, sign: str) -> None:
        """Use each connection for one request alone from now on: what is too much in an answer is the next one's."""
        apart_for = self.options.apart_for
        if self.standing.spoke_out_of_turn(self.deadlines.time, apart_for):
            log.warning(
                Event.UPSTREAM_PUT_APART, app=self.name, upstream=endpoint.address, sign=sign, seconds=apart_for
            )
        self._separate()

    def follow(self, until: float) -> None:
        """Do so because another worker has heard a server of the App speak out of turn."""
        self.standing.follow(until)
        if self.standing.is_apart(self.deadlines.time):
            self._separate()

    def _separate(self) -> None:
        if self._apart:
            return
        self._apart = True
        for each in self.endpoints:
            each.idle.keep(anything=False)
            each.close()
        for each in self.endpoints:
            for connection in tuple(each.open):
                connection.doubt()

    def _come_together(self) -> None:
        self._apart = False
        for endpoint in self.endpoints:
            endpoint.idle.keep(anything=True)
        log.info(Event.UPSTREAM_TRUSTED_AGAIN, app=self.name)

    # --- the queue ----------------------------------------------------------------------------

    def _enqueue(self, receiver: Receiver, *, repeatable: bool) -> None:
        if len(self.queue) >= self.options.queue:
            self._tell_later(receiver, UpstreamOverloadedError(f"the queue of `{self.name}` is full"))
            return
        waiting = _Waiting(self, receiver, repeatable=repeatable)
        self.queue.append(waiting)
        self.deadlines.arm(waiting, self.options.queue_time)

    def gave_up(self, waiting: _Waiting) -> None:
        """Answer a request that has waited too long."""
        self.queue.remove(waiting)
        error = UpstreamOverloadedError(f"the queue of `{self.name}` is too slow")
        waiting.receiver.upstream_failed(error, unheard=False)

    def freed(self) -> None:
        """One request is over: let the first in the queue take its place."""
        self.active -= 1
        queue = self.queue
        most = self._most
        while queue and (most is None or self.active < most):
            waiting = queue.popleft()
            waiting.deadline = 0.0
            connection = self.take(waiting.receiver, repeatable=waiting.repeatable)
            if connection is not None:
                # Not in the callback of whoever has just left: that one has not finished yet.
                asyncio.get_running_loop().call_soon(connection.hand_over, waiting.receiver)

    # --- life ---------------------------------------------------------------------------------

    def watch(self, host: str) -> None:
        """Begin the active health checks, if any are configured. `host` is what they send as Host."""
        if self.options.health is not None:
            for endpoint in self.endpoints:
                self._watches.append(self._start(watch(endpoint, self.options.health, host)))

    def close(self) -> None:
        """Close what waits; what is in use ends with its request."""
        self._closed = True
        for watching in self._watches:
            watching.cancel()
        for endpoint in self.endpoints:
            endpoint.close()


class _Probe:
    """Who hears the answer of a health check."""

    def __init__(self, status: asyncio.Future[int]) -> None:
        self._status = status

    @property
    def over(self) -> bool:
        return self._status.done()

    def _tell(self, status: int) -> None:
        if not self._status.done():
            self._status.set_result(status)

    def upstream_ready(self, connection: Exchanger) -> None:
        """Never called: the check makes its own connection."""

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:  # noqa: ARG002
        self._tell(0)

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Wait for the final one."""

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:  # noqa: ARG002
        self._tell(head.status)

    def answer_goes_on(self, body: bytes) -> None:
        """The head has said enough."""

    def answer_ends(self, trailers: Headers) -> None:
        """The head has said enough."""

    def upgraded(self, headers: Headers, rest: bytes) -> None:  # noqa: ARG002
        self._tell(0)

    def tunnel_data(self, data: bytes) -> None:
        """There is no tunnel."""

    def tunnel_ends(self) -> None:
        """There is no tunnel."""

    def pause_upload(self) -> None:
        """There is no upload."""

    def resume_upload(self) -> None:
        """There is no upload."""


async def check(endpoint: Endpoint, settings: HealthSettings, host: str) -> bool:
    """Ask an upstream once whether it is well, on a connection of its own."""
    connection: UpstreamConnection | None = None
    try:
        async with asyncio.timeout(settings.timeout):
            _, protocol = await endpoint.connect(lambda: UpstreamConnection(endpoint))
            connection = cast("UpstreamConnection", protocol)
            status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            head = f"GET {settings.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: sekisho\r\nConnection: close\r\n\r\n"
            if not connection.usable():
                return False
            connection.holder = probe = _Probe(status)
            # The upstream may keep the connection in spite of what we ask; the pool must not.
            connection.last = True
            connection.send(probe, head.encode(), is_head=False, uploading=False)
            return 200 <= await status < 400
    except (OSError, TimeoutError):
        return False
    finally:
        if connection is not None:
            connection.retire()


async def watch(endpoint: Endpoint, settings: HealthSettings, host: str) -> None:
    """Check an upstream for ever."""
    good = bad = 0
    while True:
        if await check(endpoint, settings, host):
            good, bad = good + 1, 0
        else:
            good, bad = 0, bad + 1
        breaker = endpoint.breaker
        if breaker.healthy and bad >= settings.unhealthy_after:
            breaker.checked(endpoint.deadlines.now, healthy=False)
            log.warning(Event.UPSTREAM_UNHEALTHY, upstream=endpoint.address)
        elif good >= settings.healthy_after and not breaker.healthy:
            breaker.checked(endpoint.deadlines.now, healthy=True)
            log.info(Event.UPSTREAM_HEALTHY, upstream=endpoint.address)
        # One that is out is looked at more often: people wait for its return.
        await asyncio.sleep(settings.interval if breaker.healthy else min(settings.interval, RETURN_CHECK))


def client_context(options: UpstreamSettings) -> SSLContext:
    """Return what an `https` upstream is spoken to with: verified always, TLS 1.2 and up, HTTP/1.1.

    Raises:
        OSError: the CA or the client certificate cannot be read or used.

    """
    context = create_default_context(cafile=None if options.ca is None else str(options.ca))
    context.minimum_version = TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if options.certificate is not None:
        context.load_cert_chain(str(options.certificate), None if options.key is None else str(options.key))
    return context


def client_contexts(every: Iterable[AppSettings]) -> dict[str, SSLContext]:
    """Return, by App, what its `https` upstreams are spoken to with. Apps that say the same share one.

    Each reads files, and takes 40 ms where it reads the system's certificates: call it in a thread.

    Raises:
        OSError: a CA or client certificate cannot be read or used.

    """
    made: dict[tuple[Path | None, ...], SSLContext] = {}
    found: dict[str, SSLContext] = {}
    for app in every:
        options = app.upstream_options
        if any(read_address(url).tls for url in app.upstream):
            files = (options.ca, options.certificate, options.key)
            if files not in made:
                made[files] = client_context(options)
            found[app.name] = made[files]
    return found


def upstreams_of(
    route: Route,
    limits: Limits,
    deadlines: Deadlines,
    standing: Standing | None = None,
    tls: SSLContext | None = None,
) -> Upstreams:
    """Return the way to an App's application, as its settings describe it.

    `tls` is what its `https` upstreams are spoken to with, of `client_contexts`.

    Raises:
        ValueError: an upstream's URL is none, or the upstreams' paths differ.

    """
    app = route.app
    options = app.upstream_options
    addresses = [read_address(url) for url in app.upstream]
    if len({address.prefix for address in addresses}) != 1:
        raise ValueError(f"the upstreams of `{app.name}` have different paths")
    if tls is None and any(address.tls for address in addresses):
        raise ValueError(f"an upstream of `{app.name}` is https, and no context is given")
    endpoints = [
        Endpoint(
            str(address),
            connector(address, tls if address.tls else None, options.server_name),
            limits,
            deadlines,
            options,
        )
        for address in addresses
    ]
    stripped = route.prefix.rstrip("/") if options.strip_prefix else ""
    added = addresses[0].prefix
    rewrite = None
    if stripped or added:
        origins = {str(address).lower().encode() for address in addresses}
        origins |= {origin.lower().encode() for origin in (*app.internal_origins, route.origin, *app.upstream)}
        rewrite = PathRewrite(stripped, added, frozenset(origins))
    return Upstreams(app.name, endpoints, limits, options, rewrite, standing)
