"""The client's end of a connection: bytes leave on it, reading pauses, and it ends.

`httptools_connection` has the bytes that come in. `client_states` has the moves that are legal.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import Final, Protocol

from gateway.listen.asyncio_exchange import Exchange
from gateway.listen.client_states import CLIENT_CONNECTION, SERVING, ClientEvent, ClientState
from gateway.listen.downstream import Heir
from gateway.listen.services import RequestServices
from gateway.request.head_reader import HeadReader, Refused
from gateway.settings.settings import TrafficSettings
from gateway.wire.asyncio_outbox import ROOM, SMALL, Outbox
from gateway.wire.deadlines import Deadlines
from gateway.wire.pieces import Pieces

LINGER_TIME = 2.0
"""Seconds a refused client may go on sending into the void before we hang up (RFC 9112 section 9.6)."""

UPLOAD_TIME = 30.0
"""Seconds that a client may go on with a body that has been answered already. Many clients read no answer before they
have sent all of it, and closing sooner would reset them."""

UPLOAD_SILENCE = 5.0
"""Seconds of silence after which such a client is not waited for any more."""

LINGER_BYTES = 1024 * 1024
"""Bytes it may send meanwhile."""

NOTHING: Final = Pieces()
"""The buffer of each connection that has kept no byte yet: most never do. Nothing is added to it."""

_HEAD, _TUNNEL = ClientState.HEAD, ClientState.TUNNEL
"""By names of their own: a look-up in an enum costs more than the comparison it is for."""
_READING_AWAY = ClientState.READING_AWAY

AFTER_LAST = CLIENT_CONNECTION.after(ClientEvent.LAST)
AFTER_LAST_BEFORE_BODY = CLIENT_CONNECTION.after(ClientEvent.LAST_BEFORE_BODY)
_AFTER_CLOSE = CLIENT_CONNECTION.after(ClientEvent.CLOSE)


class Acceptor(Protocol):
    """The listener that accepted a connection, as far as the connection knows it."""

    services: RequestServices
    exchange: type[Exchange]
    """The kind of exchange that it makes of an accepted head."""
    heads: HeadReader
    outbox: Outbox
    deadlines: Deadlines
    draining: bool

    def opened(self, connection: ClientEnd, peer: str) -> Refused | None:
        """Count a connection in, and say whether it is one too many."""

    def closed(self, connection: ClientEnd, peer: str) -> None:
        """Count a connection out."""

    def request_id(self) -> str:
        """Return an id no other request of any worker has."""

    def date_line(self) -> bytes:
        """Return a `Date` line with the present second."""


class ClientEnd:
    """One client's connection, as far as bytes leave on it."""

    __slots__ = (
        "_buffer",
        "_deadlines",
        "_exchange",
        "_last_word",
        "_listener",
        "_outbox",
        "_peer",
        "_reading_paused",
        "_services",
        "_transport",
        "_uploads_until",
        "congested",
        "deadline",
        "draining",
        "slot",
        "state",
    )

    def __init__(self, listener: Acceptor) -> None:
        self._listener = listener
        self._outbox = listener.outbox
        self._deadlines = listener.deadlines
        self._services = listener.services
        self._peer = ""
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self.state = _HEAD
        self._buffer = NOTHING
        self._reading_paused = False
        self._uploads_until = 0.0
        """Until when a client that is answered may go on with its body, in the state `READING_AWAY`."""
        self._last_word: Heir | None = None
        """Waits for the answer to a request of this client, which has left."""
        self.congested = False
        self.draining = listener.draining
        """Whether the connection is to be closed as its request ends."""
        self.deadline = 0.0
        self.slot = 0

    @property
    def _traffic(self) -> TrafficSettings:
        """The limits and clocks of the present request, or those of all where there is none."""
        return self._services.limits if self._exchange is None else self._exchange.traffic

    @abstractmethod
    def expired(self) -> None:
        """A deadline has passed; the state tells which one."""

    def _arm(self, seconds: float) -> None:
        deadlines = self._deadlines
        self.deadline = deadlines.now + seconds
        if not self.slot:
            deadlines.enter(self)

    def pause_upload(self) -> None:
        """Read no more of the body for now."""
        exchange = self._exchange
        if exchange is not None and (not exchange.upload_done or self.state is _TUNNEL):
            self._pause_reading()

    def resume_upload(self) -> None:
        """Read on."""
        self._resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send bytes, if the client is still there."""
        if self._outbox.waiting:
            self._outbox.send()
        transport = self._transport
        # Without the look at `is_closing`, uvloop raises inside the other side's callback.
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def write_whole(self, answer: bytes) -> None:
        """Send a whole answer, with those of others when the loop's turn ends."""
        if len(answer) > SMALL:
            self.write(answer)
        elif self._transport is not None:
            outbox = self._outbox
            # As in `put`, for each answer comes by here.
            if 0 < len(outbox.waiting) < ROOM:
                outbox.waiting.append((self._transport, answer))
            else:
                outbox.put(self._transport, answer)

    def date_line(self) -> bytes:
        """Return a `Date` line with the present second."""
        return self._listener.date_line()

    def tunnel_data(self, data: bytes) -> None:
        """Send bytes of a tunnel, which is not silent then."""
        exchange = self._exchange
        if exchange is not None:
            # As in `_arm`, for each message comes by here.
            deadlines = self._deadlines
            self.deadline = deadlines.now + exchange.tunnel_idle
            if not self.slot:
                deadlines.enter(self)
        self.write(data)

    def tunnel_half_over(self) -> None:
        """Send what is left and say that nothing more follows."""
        self._outbox.send()
        transport = self._transport
        if transport is not None and not transport.is_closing() and transport.can_write_eof():
            transport.write_eof()

    def tunnel_over(self) -> None:
        """Send what is left and close."""
        self._close()

    def _linger(self, moves: Mapping[ClientState, ClientState]) -> None:
        """Half-close, and read what still comes: closing at once would reset the client before it reads our answer."""
        after = moves[self.state]
        self.state = after
        self._buffer = NOTHING
        self._exchange = None
        self._outbox.send()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if after is _READING_AWAY:
            self._uploads_until = self._deadlines.now + UPLOAD_TIME
        self._arm(UPLOAD_SILENCE if after is _READING_AWAY else LINGER_TIME)
        # Over TLS there is no half-close; there we only go on reading.
        if transport.can_write_eof():
            transport.write_eof()
        self._resume_reading()

    def _close(self) -> None:
        """Send what is left, then close."""
        self.state = _AFTER_CLOSE[self.state]
        self._exchange = None
        self._outbox.send()
        if self._transport is not None:
            self._transport.close()
            # A client that does not read its answer must not keep us.
            self._arm(self._services.limits.stream_idle)

    def hang_up(self) -> None:
        """Close at once: an answer that cannot be completed must not look complete."""
        self.state = _AFTER_CLOSE[self.state]
        self._exchange = None
        self._outbox.send()
        if self._transport is not None:
            self._transport.abort()

    def outlived_by(self, heir: Heir) -> None:
        """Stay counted as long as a request of this client goes on without it."""
        self._last_word = heir

    def heard_last_word(self) -> None:
        """Nothing of this client's is left."""
        self._last_word = None
        if self._transport is None:
            self._listener.closed(self, self._peer)

    def drain(self) -> None:
        """Close once no request is being served any more."""
        self.draining = True
        if self.state is _HEAD and not self._buffer:
            self._close()

    @property
    def busy(self) -> bool:
        """Whether a request is being served."""
        return self.state in SERVING

    def end(self) -> None:
        """Close now, in any state."""
        exchange = self._exchange
        if exchange is not None:
            exchange.gateway_stops()
        if self._last_word is not None:
            self._last_word.end()
        self.hang_up()
