"""The way to the application: connections, and HTTP/1.1 spoken on them.

`UpstreamConnection` sends one request at a time and tells a `Receiver` of the answer; llhttp
parses heads and chunks, counted bodies pass by it untouched. `Upstreams` has the connections of
one App: it hands out kept ones at once and makes new ones in the background. What an answer's
headers may say to the browser is in `headers/answer.py`; what the client hears when all
this fails is the listener's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum
from ssl import SSLContext
from typing import cast

import httptools

from gateway.config import Limits
from gateway.errors import (
    GatewayError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from gateway.listen.deadlines import Deadlines
from gateway.upstream.pool import FRESH, IDLE, IdleConnections
from gateway.upstream.upstream import Address, AnswerFraming, AnswerHead, Headers, Receiver

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]]
"""Opens a connection and puts the protocol it is given on it, as `loop.create_connection` does."""


class _At(IntEnum):
    """Where a connection is."""

    IDLE = 0
    HEAD = 1
    COUNTED = 2
    CHUNKED = 3
    CLOSE = 4
    TUNNEL = 5
    CLOSED = 6


# As plain integers: an enum's attribute look-up costs more than the comparison it is for.
_IDLE, _HEAD, _COUNTED, _CHUNKED, _CLOSE, _TUNNEL, _CLOSED = (at.value for at in _At)

_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")


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
        "_at",
        "_bodies",
        "_buffer",
        "_complete",
        "_excess",
        "_all_fields",
        "_fields",
        "_head_fields",
        "_home",
        "_is_head",
        "_keep_alive",
        "_left",
        "_parser",
        "_reading_paused",
        "_receiver",
        "_status",
        "_transport",
        "_uploading",
        "_writing_paused",
        "answered",
        "deadline",
        "heard",
        "slot",
    )

    def __init__(self, home: Endpoint) -> None:
        self._home = home
        self._receiver: Receiver | None = None
        self._transport: asyncio.Transport | None = None
        self._at: int = _IDLE
        self._buffer = b""
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
        self._is_head = False
        self._uploading = False
        self._reading_paused = False
        self._writing_paused = False
        self._parser = httptools.HttpResponseParser(self)
        self.answered = 0
        """Requests this connection has answered: more than none, and its end may be a kept connection's end."""
        self.heard = False
        """Whether any byte of the present answer has come."""
        self.deadline = 0.0
        self.slot = 0

    # --- what the listener does ---------------------------------------------------------------

    def send(self, receiver: Receiver, head: bytes, *, is_head: bool, uploading: bool) -> None:
        """Begin a request: a whole head, and whether a body will follow in `send_body`."""
        self._receiver = receiver
        self._at = _HEAD
        self._is_head = is_head
        self._uploading = uploading
        self.heard = False
        limits = self._home.limits
        self._arm(limits.stream_idle if uploading else limits.answer)
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(head)

    def _arm(self, seconds: float) -> None:
        deadlines = self._home.deadlines
        self.deadline = deadlines.now + seconds
        if not self.slot:
            deadlines.enter(self)

    def send_body(self, data: bytes) -> None:
        """Send framed bytes of the request's body, or bytes of a tunnel."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def upload_done(self) -> None:
        """The request is complete: from here the application's time to answer counts."""
        self._uploading = False
        if self._at == _HEAD:
            self._arm(self._home.limits.answer)

    def end_tunnel(self) -> None:
        """Tell the application that the client says nothing more in the tunnel."""
        transport = self._transport
        if transport is not None and not transport.is_closing() and transport.can_write_eof():
            transport.write_eof()

    def pause(self) -> None:
        """Read no more: the client does not keep up."""
        if not self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()

    @property
    def usable(self) -> bool:
        """Whether a kept connection is still one, as far as we have heard."""
        return self._at == _IDLE and self._transport is not None and not self._transport.is_closing()

    def abandon(self) -> None:
        """Nobody wants the answer any more: close, so that it cannot become somebody else's."""
        self._receiver = None
        self._close()

    # --- what the event loop does -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports are none of asyncio's classes, only their like.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        receiver = self._receiver
        at = self._at
        if receiver is None:
            # It speaks unasked: whatever this is, it must not become the next request's answer.
            self._retire()
            return
        if at == _HEAD:
            self._read_head(data, receiver)
        elif at == _COUNTED:
            left = self._left - len(data)
            if left < 0:
                self._excess = True
                data = data[: self._left]
                left = 0
            self._left = left
            self._arm(self._home.limits.stream_idle)
            receiver.answer_goes_on(data)
            if not left and self._receiver is receiver:
                # The parser has not seen this body, so it waits for it still.
                self._parser = httptools.HttpResponseParser(self)
                self._finish()
                receiver.answer_ends(())
        elif at == _CHUNKED:
            self._arm(self._home.limits.stream_idle)
            self._read_chunks(data, receiver)
        elif at == _TUNNEL:
            receiver.tunnel_data(data)
        else:
            self._arm(self._home.limits.stream_idle)
            receiver.answer_goes_on(data)

    def eof_received(self) -> bool:
        """Take the end of what the application says."""
        receiver = self._receiver
        if receiver is None:
            return False
        if self._at == _TUNNEL:
            receiver.tunnel_ends()
            return True
        if self._at == _CLOSE:
            self._finish()
            receiver.answer_ends(())
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, with or without an answer."""
        at = self._at
        self._at = _CLOSED
        self.deadline = 0.0
        receiver = self._receiver
        self._receiver = None
        self._transport = None
        self._home.lost(self, idle=at == _IDLE)
        if receiver is not None:
            if at == _TUNNEL:
                receiver.upstream_failed(UpstreamProtocolError("the application left the tunnel"), unheard=False)
            else:
                error = UpstreamProtocolError("the application closed the connection before its answer was complete")
                receiver.upstream_failed(error, unheard=self.answered > 0 and not self.heard)

    def pause_writing(self) -> None:
        """The application reads slower than the client sends."""
        self._writing_paused = True
        if self._receiver is not None:
            self._receiver.pause_upload()

    def resume_writing(self) -> None:
        """The application has caught up."""
        self._writing_paused = False
        if self._receiver is not None:
            if self._at == _HEAD and self._uploading:
                self._arm(self._home.limits.stream_idle)
            self._receiver.resume_upload()

    def expired(self) -> None:
        """A clock has run out; which one follows from where we are."""
        receiver = self._receiver
        if receiver is None:
            self._retire()
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
            receiver = self._receiver
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
            data = self._buffer + data
            self._buffer = b""
        # Fed only when whole: what is fed in pieces, llhttp's binding joins in quadratic time.
        end = data.find(b"\r\n\r\n") + 4
        start = 0
        if data[8:10] == b" 1":
            start, end = _behind_interim_answers(data)
        if end > self._home.limits.answer_headers or (end < 4 and len(data) > self._home.limits.answer_headers):
            self._fail(UpstreamProtocolError("the answer's header section is too long"))
            return
        if end < 4:
            self._buffer = data
            return
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
        if self._receiver is not receiver or self._head_fields < 0:
            # An interim answer, and nothing behind it yet.
            return
        if self._is_head and len(data) > end:
            self._excess = True
        if data[start : start + 8] not in _VERSIONS:
            self._fail(UpstreamProtocolError("the answer's version is not HTTP/1.1"))
            return
        self._begin_answer(receiver)

    def _begin_answer(self, receiver: Receiver) -> None:
        status = self._status
        headers = tuple(self._fields[: self._head_fields])
        length: int | None = None
        coding: bytes | None = None
        for name, value in headers:
            size = len(name)
            if size == 14:
                if name.lower() == b"content-length":
                    length = int(value)
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
        elif coding is not None:
            framing = AnswerFraming.CHUNKED
        elif length is not None:
            framing = AnswerFraming.COUNTED
        else:
            framing = AnswerFraming.CLOSE
        head = AnswerHead(status, headers, framing, length)
        if self._complete:
            if self._all_fields == self._head_fields:
                self._finish()
                receiver.answer_begins(head, body, complete=True)
                return
            trailers = self._trailers()
            receiver.answer_begins(head, body, complete=False)
            if self._receiver is receiver:
                self._finish()
                receiver.answer_ends(trailers)
            return
        if framing is AnswerFraming.COUNTED and length is not None:
            self._at = _COUNTED
            self._left = length - len(body)
            self._keep_alive = self._parser.should_keep_alive() and not _says_close(headers)
        else:
            self._at = _CHUNKED if framing is AnswerFraming.CHUNKED else _CLOSE
        self._arm(self._home.limits.stream_idle)
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
        if self._complete and self._receiver is receiver:
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
        self._receiver = None
        self.answered += 1
        if self._excess or not self._keep_alive or self._uploading or self._is_head:
            self._close()
            self._home.done(ok=True)
            return
        if self._reading_paused:
            self.resume()
        self._at = _IDLE
        self._fields = []
        self._head_fields = -1
        self._complete = False
        self._left = 0
        home = self._home
        home.done(ok=True)
        home.put_back(self)

    def _fail(self, error: GatewayError) -> None:
        receiver = self._receiver
        self._receiver = None
        self._close()
        if receiver is not None:
            receiver.upstream_failed(error, unheard=False)

    def _retire(self) -> None:
        """Leave the others, and close."""
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
    """One upstream, and its connections."""

    __slots__ = ("address", "connect", "deadlines", "idle", "limits", "open")

    def __init__(
        self, address: str, connect: Connect, limits: Limits, deadlines: Deadlines, idle: float = IDLE
    ) -> None:
        self.address = address
        self.connect = connect
        self.limits = limits
        self.deadlines = deadlines
        self.idle: IdleConnections[UpstreamConnection] = IdleConnections(idle)
        self.open: set[UpstreamConnection] = set()

    def put_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request."""
        if self.idle.put(connection, self.deadlines.time):
            # Closed somewhat late; `take` looks at the age itself.
            connection.deadline = self.deadlines.now + IDLE
        else:
            connection.abandon()

    def lost(self, connection: UpstreamConnection, *, idle: bool) -> None:
        """Forget a connection that is gone."""
        self.open.discard(connection)
        if idle:
            self.idle.discard(connection)

    def done(self, *, ok: bool) -> None:
        """Count an answer."""

    def close(self) -> None:
        """Close what waits; what is in use ends with its request."""
        for connection in self.idle.empty():
            connection.abandon()


class Upstreams:
    """The upstreams of one App, or the portal as one."""

    __slots__ = ("_next", "_tasks", "endpoints", "limits", "name")

    def __init__(self, name: str, endpoints: Sequence[Endpoint], limits: Limits) -> None:
        self.name = name
        self.endpoints = tuple(endpoints)
        self.limits = limits
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, receiver: Receiver, *, repeatable: bool, fresh: bool) -> UpstreamConnection | None:
        """Return a kept connection, or `None`, and tell the receiver later.

        `repeatable`: the request may be sent again should the kept connection turn out dead.
        `fresh`: a kept one has just turned out dead.
        """
        endpoint = self.endpoints[self._next]
        self._next = (self._next + 1) % len(self.endpoints)
        if not fresh:
            within = IDLE if repeatable else FRESH
            while (connection := endpoint.idle.take(endpoint.deadlines.time, within)) is not None:
                if connection.usable:
                    return connection
        task = asyncio.get_running_loop().create_task(self._connect(endpoint, receiver))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None

    async def _connect(self, endpoint: Endpoint, receiver: Receiver) -> None:
        try:
            async with asyncio.timeout(self.limits.connect):
                _, protocol = await endpoint.connect(lambda: UpstreamConnection(endpoint))
        except (OSError, TimeoutError):
            receiver.upstream_failed(UpstreamUnreachableError(endpoint.address), unheard=False)
            return
        assert isinstance(protocol, UpstreamConnection)  # noqa: S101  # what the factory made
        endpoint.open.add(protocol)
        receiver.upstream_ready(protocol)

    def close(self) -> None:
        """Close what waits; what is in use ends with its request."""
        for endpoint in self.endpoints:
            endpoint.close()


def connector(address: Address, tls: SSLContext | None = None) -> Connect:
    """Return what opens a connection to an address; its name is looked up each time, so a moved name is followed."""

    async def connect(
        factory: Callable[[], asyncio.Protocol],
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        loop = asyncio.get_running_loop()
        if address.unix:
            return await loop.create_unix_connection(factory, address.unix)
        return await loop.create_connection(
            factory, address.host, address.port, ssl=tls, server_hostname=address.host if tls else None
        )

    return connect
