"""One client's connection: heads come in on it, and answers go out.

A `ClientConnection` finds where a head ends, has llhttp check its syntax and `inbound` its sense,
and makes an `Exchange` of it, which does the rest. It feeds llhttp whole heads only: this replaces the pause that
llhttp's binding lacks, counts the bytes for the limit, and avoids the binding's quadratic joining of pieces. Refusals
of heads are answered here, and lingered on.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import unquote

import httptools
import structlog

from gateway.listen.asyncio_client import (
    AFTER_LAST,
    AFTER_LAST_BEFORE_BODY,
    LINGER_BYTES,
    NOTHING,
    UPLOAD_SILENCE,
    Acceptor,
    ClientEnd,
)
from gateway.listen.asyncio_exchange import Exchange
from gateway.listen.client_states import CLIENT_CONNECTION, IN_REQUEST, ClientEvent, ClientState
from gateway.listen.refusal import fault_of, refusal, server_wide
from gateway.listen.stages import Stage
from gateway.listen.upload import COMPLETE
from gateway.observe.access_log import AccessLine
from gateway.observe.events import Event
from gateway.request.described import LONGEST_START, UNREAD, Described, described, described_start
from gateway.request.head_reader import Arrival, HeadReader, Refused, ServerWide
from gateway.request.trust import peer_address
from gateway.wire.methods import REGISTERED
from gateway.wire.pieces import Pieces

log = structlog.get_logger()

LAST_LOOK = 0.25
"""Seconds in which a client that has said its last may get its answer still: most have left, a few only listen."""

LAST_REQUEST = 1.0
"""Seconds a kept-alive connection has, when we drain, to send what may be on its way already; its answer closes it."""

PIPELINED = 64 * 1024
"""Bytes of further requests kept while one is being answered; over it, reading waits."""

_LONGEST_KNOWN = 2048
"""Bytes of a header section worth keeping for the next request of the same connection."""

_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")

_PARSER_OF_NOBODY: Final = httptools.HttpRequestParser(object())
"""The parser of each connection that is lost. A parser of its own would refer to it in a circle, and keep it."""

_NO_FIELDS: Final[list[tuple[bytes, bytes]]] = []
"""The fields while no head is read. Nothing is added to it, as each head begins a list."""

# By names of their own: a look-up in an enum costs more than the comparison it is for.
_HEAD, _BUSY, _ANSWERED, _TUNNEL = ClientState.HEAD, ClientState.BUSY, ClientState.ANSWERED, ClientState.TUNNEL
_LINGERING, _READING_AWAY, _CLOSED = ClientState.LINGERING, ClientState.READING_AWAY, ClientState.CLOSED
_UNDECIDED = Stage.UNDECIDED

_AFTER_ACCEPT = CLIENT_CONNECTION.after(ClientEvent.ACCEPT)
_AFTER_NEXT = CLIENT_CONNECTION.after(ClientEvent.NEXT)
_AFTER_ANSWER = CLIENT_CONNECTION.after(ClientEvent.ANSWER)
_AFTER_OPEN = CLIENT_CONNECTION.after(ClientEvent.OPEN)
_AFTER_LOSE = CLIENT_CONNECTION.after(ClientEvent.LOSE)

# The moves of nearly every request, looked up once.
_ACCEPTED = _AFTER_ACCEPT[_HEAD]
_FREE_AGAIN = _AFTER_NEXT[_ACCEPTED]


class ClientConnection(ClientEnd, asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "_before",
        "_headers",
        "_heads",
        "_lingered",
        "_parser",
        "_pumping",
        "_scheme",
        "_section",
    )

    def __init__(self, listener: Acceptor, scheme: str) -> None:
        super().__init__(listener)
        self._scheme = scheme
        self._parser = httptools.HttpRequestParser(self)
        self._headers = _NO_FIELDS
        """The fields of the head that is being read."""
        # A client repeats the same header section, and the connection parses it once: while it arrives byte for byte
        # the same, and the same reader reads it (a reload makes another).
        self._section = b""
        self._before: Arrival | None = None
        """The reading of that section, with its last request line."""
        self._heads: HeadReader | None = None
        """The reader that read it."""
        self._pumping = False
        self._lingered = 0
        """The bytes that came behind the last answer."""

    # --- what the event loop does -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and refuse it where there are too many."""
        # uvloop's transports are none of asyncio's classes, only their like.
        self._transport = cast("asyncio.Transport", transport)
        # Again: over TLS, the handshake has come between.
        self.draining = self._listener.draining
        name = transport.get_extra_info("peername")
        self._peer = peer_address(name[0]) if isinstance(name, tuple) else "unix"
        refused = self._listener.opened(self, self._peer)
        if refused is not None:
            self._refuse(refused)
            return
        # A client has this long for its first head, whether it begins at once or not.
        self._arm(self._services.limits.head_time)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the part that expects them."""
        state = self.state
        if state is _HEAD:
            # Other bytes are the rest of a head, or were decrypted already when reading was paused.
            if not (self._buffer or self.congested or self._pumping):
                section = self._section
                # Most likely one head, of which all but the request line is known. If more stands before the section
                # than a line that has been read before, `_accept_again` says so.
                if section and data.endswith(section) and self._accept_again(data[: -len(section)]):
                    return
                if self._accept_whole(data):
                    return
            self._keep(data)
            self._pump()
        elif state is _BUSY or state is _ANSWERED:
            exchange = self._exchange
            if exchange is None or exchange.upload_done:
                self._keep(data)
                if len(self._buffer) > PIPELINED:
                    self._pause_reading()
                return
            self._arm(exchange.traffic.stream_idle)
            self._feed_body(exchange, data)
        elif state is _TUNNEL:
            exchange = self._exchange
            if exchange is not None:
                # As in `_arm`, for each message comes by here.
                deadlines = self._deadlines
                self.deadline = deadlines.now + exchange.tunnel_idle
                if not self.slot:
                    deadlines.enter(self)
                exchange.feed_tunnel(data)
        elif state is _READING_AWAY:
            if self._deadlines.now > self._uploads_until:
                self.hang_up()
            else:
                self._arm(UPLOAD_SILENCE)
        elif state is _LINGERING:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.hang_up()

    def eof_received(self) -> bool:
        """The client says nothing more; it may still be listening."""
        # Our return value may have the loop close the transport, and waiting bytes would be lost.
        self._outbox.send()
        exchange = self._exchange
        if self.state is _TUNNEL and exchange is not None:
            exchange.client_ends_tunnel()
            return True
        if self.state is _BUSY and exchange is not None and not exchange.over:
            if exchange.upload_done:
                exchange.half_closed = True
                if not exchange.listens_on():
                    # By a timer of its own: the wheel would have the application work on for a second more.
                    asyncio.get_running_loop().call_later(LAST_LOOK, self._look_again, exchange)
                return True
            # Half a body is no request.
            exchange.client_gone()
        return False

    def _look_again(self, exchange: Exchange) -> None:
        """Take a client that has said its last, and has not got its answer since, for one that has left."""
        if self._exchange is exchange and not exchange.over and not exchange.listens_on():
            exchange.client_gone()
            # If the client still reads, a truncated answer must not look complete.
            self.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # how it was lost changes nothing
        """The client is gone."""
        self.state = _AFTER_LOSE[self.state]
        self.deadline = 0.0
        self._transport = None
        self._parser = _PARSER_OF_NOBODY
        self._buffer = NOTHING
        exchange = self._exchange
        self._exchange = None
        if exchange is not None:
            exchange.client_gone()
        if self._last_word is None:
            self._listener.closed(self, self._peer)

    def pause_writing(self) -> None:
        """The client reads slower than the answer comes."""
        self.congested = True
        exchange = self._exchange
        if exchange is not None and exchange.upstream is not None:
            exchange.upstream.pause(exchange)
        if self.state is _HEAD:
            self._pause_reading()
        self._arm(self._traffic.stream_idle)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.congested = False
        exchange = self._exchange
        if exchange is not None and exchange.upstream is not None:
            exchange.upstream.resume(exchange)
        if self.state is _HEAD:
            self._next()

    def expired(self) -> None:
        """A deadline has passed; the state tells which one."""
        exchange = self._exchange
        if self.state is _HEAD:
            if self._buffer and not self.congested:
                self._services.observer.limited("head_time")
                self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "head_time"), self._described())
            else:
                # A slow reader gets the time once more for the bytes that were sent already.
                self._services.observer.limited("stream_idle" if self.congested else "idle")
                self._close()
        elif self.state is _BUSY and exchange is not None:
            if self.congested or not exchange.upload_done:
                exchange.client_stalled()
        elif self.state is _LINGERING or self.state is _READING_AWAY:
            # Politely: over TLS an end without `close_notify` would look like a truncation.
            self._close()
        elif self.state is _TUNNEL and exchange is not None:
            self._services.observer.limited("tunnel_idle")
            exchange.client_gone()
            self._close()
        else:
            self.hang_up()

    # --- heads --------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field: llhttp calls this."""
        self._headers.append((name, value))

    def _keep(self, data: bytes, *, before: bool = False) -> None:
        """Keep bytes until somebody takes them, behind or before those that are kept already."""
        if self._buffer is NOTHING:
            self._buffer = Pieces()
        if before:
            self._buffer.put_before(data)
        else:
            self._buffer.add(data)

    def _pump(self) -> None:
        """Serve what has come, one request after the other; a loop, as each may be answered at once."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self.state is _HEAD and self._buffer and not self.congested and self._read_head():
                pass
        finally:
            self._pumping = False

    def _read_head(self) -> bool:
        """Serve the request whose head has come; False where more is needed first."""
        buffer = self._buffer
        limits = self._services.limits
        if buffer[0] < 0x21:
            # One empty line before a request line is ignored, as RFC 9112 section 2.2 wants; no more.
            if len(buffer) <= 2 and b"\r\n".startswith(buffer[:2]):
                return False
            if buffer[:2] == b"\r\n" and buffer[2] >= 0x21:
                buffer.drop(2)
            else:
                self._refuse(Refused(HTTPStatus.BAD_REQUEST, "request_line"))
                return False
        line_end = buffer.end_at(b"\r\n")
        end = buffer.end_at(b"\r\n\r\n")
        if (line_end if line_end >= 0 else len(buffer)) > limits.request_line:
            self._services.observer.limited("request_line")
            self._refuse(Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "request_line"), self._described())
            return False
        if (end if end >= 0 else len(buffer)) - max(line_end, 0) > limits.headers:
            self._services.observer.limited("headers")
            self._refuse(Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers"), self._described())
            return False
        if end < 0:
            if not 0x41 <= buffer[0] <= 0x5A or buffer.match_at(_BARE_LINE_FEED, 1) >= 0:
                # A TLS greeting on a plain port, or lines that will never end as lines do.
                self._refuse(Refused(HTTPStatus.BAD_REQUEST, "request_line"), self._described())
            elif self.deadline == 0.0 or self.deadline - self._deadlines.now > limits.head_time:
                self._arm(limits.head_time)
            return False
        head = buffer.take(end + 4)
        self._accept(head, head[:line_end])
        return True

    def _accept_whole(self, data: bytes) -> bool:
        """Serve bytes that begin with a whole head, as nearly every read does; False where they must be gathered."""
        end = data.find(b"\r\n\r\n") + 4
        line_end = data.find(b"\r\n")
        limits = self._services.limits
        if end < 4 or line_end > limits.request_line or end - line_end > limits.headers or data[0] <= 0x20:
            return False
        self._accept(data[:end], data[:line_end], data[end:])
        return True

    def _accept_again(self, request_line: bytes) -> bool:
        """Serve a head with the same section as the last one; False if it must be parsed as a new one."""
        listener = self._listener
        heads = listener.heads
        before = self._before
        if before is None or heads is not self._heads:
            return False
        table = listener.services.table()
        # llhttp would give the same result for the fields. It would also check the request line, but `HeadReader.read`
        # has made the same checks.
        arrival = heads.again(request_line, before, listener.request_id(), table.paths_of)
        if arrival is None:
            return False
        services = self._services = listener.services
        # The bytes of a head are looked at in this state alone.
        self.state = _ACCEPTED
        self.deadline = 0.0
        exchange = self._exchange = listener.exchange(self, services, arrival, table)
        # As in `_serve`, for nearly each request comes by here.
        try:
            exchange.decide()
        except Exception:
            log.exception(Event.BYTE_PATH_FAILED, request_id=exchange.inbound.request_id)
            exchange.broken()
        return True

    def _accept(self, head: bytes, request_line: bytes, behind: bytes = b"") -> None:
        listener = self._listener
        services = self._services = listener.services
        table = services.table()
        heads = listener.heads
        section = head[len(request_line) :]
        self._headers = []
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            # The parser believes that what follows is no HTTP. That is for `inbound` to say.
            self._parser = httptools.HttpRequestParser(self)
        except httptools.HttpParserInvalidMethodError:
            if not self._feed_registered(head):
                self._refuse(fault_of(request_line), described_start(head[:LONGEST_START]))
                return
        except httptools.HttpParserError:
            self._refuse(fault_of(request_line), described_start(head[:LONGEST_START]))
            return
        if b" \r\n" in head or b"\t\r\n" in head:
            # llhttp leaves white space behind a value on it (RFC 9110 section 5.5 does not).
            self._headers = [(name, value.rstrip(b" \t")) for name, value in self._headers]
        before = self._before
        # The request line is new and the fields are the same: the results of the earlier fields are valid for it, too.
        kept = (
            before.inbound.section_cache
            if before is not None and section == self._section and heads is self._heads
            else None
        )
        arrival = heads.read(
            request_line, tuple(self._headers), self._peer, self._scheme, listener.request_id(), table.paths_of, kept
        )
        if isinstance(arrival, Arrival):
            self.state = _AFTER_ACCEPT[self.state]
            self.deadline = 0.0
            # The request has them; a connection that waits for the next one keeps no list.
            self._headers = _NO_FIELDS
            exchange = listener.exchange(self, services, arrival, table)
            if arrival.inbound.section_cache is not None and arrival.keep_alive and len(section) <= _LONGEST_KNOWN:
                self._section, self._before, self._heads = section, arrival, heads
            elif (upload := exchange.upload) is not None:
                # The head's parser never sees the body and would wait for it.
                self._parser = httptools.HttpRequestParser(self)
                length = arrival.inbound.length
                if 0 < length <= len(behind):
                    upload.hold_whole(behind[:length])
                    behind = behind[length:]
                else:
                    listener.deadlines.arm(self, services.limits.stream_idle)
            elif not arrival.keep_alive:
                self._parser = httptools.HttpRequestParser(self)
            if behind:
                self._keep(behind)
            if exchange.stage is _UNDECIDED:
                self._exchange = exchange
            else:
                self._serve(exchange)
            if self._buffer and self._exchange is exchange and not exchange.upload_done and self.state in IN_REQUEST:
                self._feed_body(exchange, self._buffer.take())
        elif isinstance(arrival, ServerWide):
            self._answer_server_wide(described(request_line, self._headers))
        else:
            if arrival.code in ("header_count", "body"):
                services.observer.limited(arrival.code)
            self._refuse(arrival, described(request_line, self._headers))

    def _feed_registered(self, head: bytes) -> bool:
        """Have the parser read a head whose method is registered and not of its own list; False where it is not one.

        The parser does the same for any method without a meaning of its own, so it is given another's name.
        """
        method = head.partition(b" ")[0]
        self._parser = httptools.HttpRequestParser(self)
        if method not in REGISTERED:
            return False
        try:
            self._parser.feed_data(b"POST" + head[len(method) :])
        except httptools.HttpParserUpgrade:
            self._parser = httptools.HttpRequestParser(self)
        except httptools.HttpParserError:
            return False
        return True

    def _serve(self, exchange: Exchange) -> None:
        self._exchange = exchange
        try:
            exchange.decide()
        except Exception:
            log.exception(Event.BYTE_PATH_FAILED, request_id=exchange.inbound.request_id)
            exchange.broken()

    def _answer_server_wide(self, head: Described) -> None:
        """Answer OPTIONS about the gateway itself: its methods, and nothing about the applications."""
        self._line(HTTPStatus.NO_CONTENT, "server_wide", self._listener.request_id(), head)
        self.write(server_wide(self.date_line()))
        self._linger(AFTER_LAST)

    # --- bodies -------------------------------------------------------------------------------

    def _feed_body(self, exchange: Exchange, data: bytes) -> None:
        rest = exchange.feed(data)
        if rest and (self.state is _HEAD or self.state in IN_REQUEST):
            self._keep(rest, before=True)
        if exchange.upload_done:
            if not self.congested:
                self.deadline = 0.0
            if self._exchange is exchange and self.state is _ANSWERED:
                # The answer was sent before the unwanted body had been read away.
                self._next()
        if exchange.stage is _UNDECIDED and exchange.is_ripe():
            self._serve(exchange)

    # --- answers ------------------------------------------------------------------------------

    def answered(self) -> None:
        """The answer is sent: serve the next request."""
        exchange = self._exchange
        if self.state is _CLOSED or exchange is None:
            return
        # The property's own words: each answer comes by here.
        if exchange.upload is None or exchange.upload.state in COMPLETE:
            if self._buffer or self.congested or self._reading_paused or self.state is not _BUSY or not self.slot:
                self._next()
                return
            # As in `_next`, for nearly each answer comes by here.
            self._exchange = None
            self.state = _FREE_AGAIN
            self.deadline = self._deadlines.now + (LAST_REQUEST if self.draining else self._services.limits.idle)
        else:
            self.state = _AFTER_ANSWER[self.state]
            self._resume_reading()
            self._arm(self._services.limits.stream_idle)

    def answered_last(self) -> None:
        """The answer is sent, and the connection ends with it."""
        exchange = self._exchange
        if self.state is _CLOSED or exchange is None:
            return
        if exchange.upload_done and not self._buffer:
            self._close()
        else:
            self._linger(AFTER_LAST if exchange.upload_done else AFTER_LAST_BEFORE_BODY)

    def _next(self) -> None:
        """Wait for the next request, or go on with the one that has come already."""
        self._exchange = None
        state = self.state
        self.state = _FREE_AGAIN if state is _BUSY else _AFTER_NEXT[state]
        if self.congested:
            # A client that does not read its answers gets no further one; `resume_writing` goes on.
            self._pause_reading()
            self._arm(self._services.limits.stream_idle)
            return
        if self._reading_paused:
            self._resume_reading()
        if self._buffer:
            self._arm(self._services.limits.head_time)
            self._pump()
        else:
            # A client that was told to keep the connection may have sent the next request, even if we drain.
            # As in `_arm`, for each request comes by here.
            deadlines = self._deadlines
            self.deadline = deadlines.now + (LAST_REQUEST if self.draining else self._services.limits.idle)
            if not self.slot:
                deadlines.enter(self)

    def tunnelling(self) -> bool:
        """Tunnel bytes from now on; False if the client has not waited for the 101."""
        self.state = _AFTER_OPEN[self.state]
        self._arm(self._traffic.tunnel_idle)
        if self._buffer:
            # RFC 6455 section 4.1 has a client wait for the 101. The bytes before it may be a request that an attacker
            # wants carried past the policy, or frames. The gateway cannot tell.
            return False
        self._resume_reading()
        return True

    # --- refusals and the end -----------------------------------------------------------------

    def _refuse(self, refused: Refused, head: Described = UNREAD) -> None:
        """Say no to a head, or to what will not become one, and mean it; `head` is what the access line calls it."""
        request_id = self._listener.request_id()
        self._line(HTTPStatus(refused.status), refused.code, request_id, head)
        route = self._services.table().home(head.host) if head.host else None
        self.write(refusal(refused, request_id, self.date_line(), head.reader, route))
        self._linger(AFTER_LAST_BEFORE_BODY if refused.code == "body" else AFTER_LAST)

    def _described(self) -> Described:
        """Return what the head in the buffer can be called, as far as it has come."""
        with memoryview(self._buffer) as view:
            return described_start(bytes(view[:LONGEST_START]))

    def _line(self, status: HTTPStatus, reason: str, request_id: str, head: Described = UNREAD) -> None:
        services = self._services
        # The path is as it came, and may spell the App's own path with escapes.
        route = services.table().match(head.host, unquote(head.path)) if head.host else None
        services.observer.finished(
            AccessLine(
                services.clock(),
                request_id,
                self._peer,
                head.method,
                head.host if route is None else route.host,
                head.path,
                status.value,
                app="" if route is None else route.name,
                verdict="error",
                reason=reason,
            )
        )
