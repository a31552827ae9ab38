"""The application's end of a connection: bytes leave on it, one request holds it, and it ends.

`httptools_connection` has the bytes that come in. `connection_states` has the moves that are legal.
`asyncio_upstreams` hands connections out.
"""

from __future__ import annotations

import asyncio
import os
from abc import abstractmethod
from typing import Protocol

from gateway.errors import UpstreamProtocolError
from gateway.settings.settings import TrafficSettings
from gateway.upstream.answer_events import Ending
from gateway.upstream.answer_reader import AnswerReader, ReadingRules
from gateway.upstream.answer_states import ReaderState
from gateway.upstream.connection_states import (
    IS_COMING,
    SENDING,
    UPSTREAM_CONNECTION,
    SendingEvent,
    SendingState,
    UpstreamEvent,
    UpstreamState,
)
from gateway.upstream.pool import IdleConnections
from gateway.upstream.upstream import Receiver
from gateway.wire.asyncio_outbox import ROOM, Outbox
from gateway.wire.deadlines import Deadlines

_S = UpstreamState
_E = UpstreamEvent

_AFTER_LEASE = UPSTREAM_CONNECTION.after(_E.LEASE)
_AFTER_SEND = UPSTREAM_CONNECTION.after(_E.SEND)
_AFTER_KEEP = UPSTREAM_CONNECTION.after(_E.KEEP)
_AFTER_SETTLE = UPSTREAM_CONNECTION.after(_E.SETTLE)
_AFTER_CLOSE = UPSTREAM_CONNECTION.after(_E.CLOSE)

_AFTER_BEGIN = SENDING.after(SendingEvent.BEGIN)
_AFTER_DEAFEN = SENDING.after(SendingEvent.DEAFEN)
_AFTER_BODY = SENDING.after(SendingEvent.END)

# By names of their own: a look-up in an enum costs more than the comparison it is for.
_CONNECTING, _LEASED, _SENT, _TUNNELLING = _S.CONNECTING, _S.LEASED, _S.SENT, _S.TUNNELLING
_WHOLE, _DEAF = SendingState.WHOLE, SendingState.DEAF
_HEAD = ReaderState.HEAD
_REUSABLE, _EXCESS, _HUNG_UP = Ending.REUSABLE, Ending.EXCESS, Ending.HUNG_UP

_A_MOMENT = 0.25
"""Seconds that a connection stays open behind the answer to a HEAD: a body comes with it, or soon."""

_TO_END = 1.0
"""Seconds that an application has to close a connection that has carried a body."""


class Home(ReadingRules, Protocol):
    """The upstream that a connection belongs to, as far as the connection knows it."""

    deadlines: Deadlines
    outbox: Outbox
    idle: IdleConnections[ApplicationEnd]
    idle_time: float
    reads_bodies: bool
    closed: bool

    def lost(self, connection: ApplicationEnd, *, idle: bool) -> None:
        """Forget a connection that is gone."""

    def spoke_out_of_turn(self, sign: str) -> None:
        """Say that bytes came that answer no request."""

    def answered(self) -> None:
        """Count a request out that was answered well."""

    def done(self) -> None:
        """Count a request out."""


class ApplicationEnd:
    """One connection to an application, as far as bytes leave on it: it is lent to one request at a time, and ends."""

    __slots__ = (
        "_carries",
        "_counted",
        "_home",
        "_leaves",
        "_limits",
        "_patience",
        "_reader",
        "_reading_paused",
        "_sending",
        "_transport",
        "_writing_paused",
        "answered",
        "deadline",
        "holder",
        "last",
        "slot",
        "spoke_unasked",
        "state",
    )

    def __init__(self, home: Home, reader: AnswerReader) -> None:
        self._home = home
        self.state = _CONNECTING
        self.holder: Receiver | None = None
        """The holder of the lease, from the moment the connection is handed out to the last word of the answer; `None`
        between.

        Each method that a request calls takes the caller, and does nothing unless the caller is the holder.
        """
        self._transport: asyncio.Transport | None = None
        self._reader = reader
        self._leaves = -1
        """`Outbox.times` when the last head was put there."""
        self._limits = home.limits
        """The clocks of the present request."""
        self._patience = home.limits.stream_idle
        """Seconds that the application may be silent within its answer's body."""
        self._counted = False
        """Whether the upstream counts the present lease, and has not been told of its end."""
        self._sending = _WHOLE
        """The state of the present request's body."""
        self._carries = False
        """Whether the present request is more than a head that was sent at once."""
        self._reading_paused = False
        self._writing_paused = False
        self.answered = 0
        """Requests this connection has answered: more than none, and its end may be a kept connection's end."""
        self.spoke_unasked = False
        """Whether any byte has come while nobody held the connection."""
        self.last = False
        """Whether no further request may be sent here."""
        self.deadline = 0.0
        self.slot = 0

    @abstractmethod
    def expired(self) -> None:
        """A clock has run out; which one follows from where we are."""

    # --- the lease ----------------------------------------------------------------------------

    def lease(self, holder: Receiver, *, counted: bool = True, last: bool = False) -> bool:
        """Give an idle connection to a request; False where it has been closed, as far as we have heard.

        `counted`: the upstream counts the request, and is told of its end. `last`: no other request follows.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        self.state = _AFTER_LEASE[self.state]
        self.holder = holder
        self._counted = counted
        if last:
            self.last = True
        return True

    # --- what the listener does ---------------------------------------------------------------

    def send(self, holder: Receiver, head: bytes, *, is_head: bool, uploading: bool, with_body: bool = False) -> None:
        """Begin a request: a whole head, and whether a body stands behind it or will follow in `send_body`."""
        if self.holder is not holder:
            raise RuntimeError("a request goes out on a connection that its exchange does not hold")
        self.state = _AFTER_SEND[self.state]
        if is_head:
            self._reader.is_head = self.last = True
        if uploading:
            self._sending = _AFTER_BEGIN[self._sending]
        home = self._home
        limits = self._limits = home.limits
        # As in `_arm`, for each request comes by here.
        self.deadline = home.deadlines.now + (limits.stream_idle if uploading else limits.answer)
        if not self.slot:
            home.deadlines.enter(self)
        transport = self._transport
        if transport is None:
            return
        if with_body:
            self._carries = True
        if not uploading:
            outbox = home.outbox
            self._leaves = outbox.times
            # As in `put`, for each request comes by here.
            if 0 < len(outbox.waiting) < ROOM:
                outbox.waiting.append((transport, head))
            else:
                outbox.put(transport, head)
            return
        self._carries = True
        if not transport.is_closing():
            transport.write(head)

    def within(self, holder: Receiver, limits: TrafficSettings) -> None:
        """Have other clocks than the App's hold for the request that has just been sent."""
        if self.holder is holder:
            self._limits = limits
            self._arm(limits.stream_idle if self._sending in IS_COMING else limits.answer)

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
            # In a tunnel nothing of the request is missing.
            if self._sending is not _WHOLE and self._sending in IS_COMING:
                self._write_body(transport, data)
            else:
                transport.write(data)

    def _write_body(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write a piece of a body so that a reset connection hides no answer that came before the reset.

        A server that refuses an upload answers and closes. A transport that cannot write closes at once, and what has
        come would never be read. So the piece is written here if nothing waits before it. If that fails, nothing more
        is written, and the transport reads the answer and then the end.
        """
        if self._sending is _DEAF:
            return
        plain = transport.get_extra_info("socket") if transport.get_extra_info("sslcontext") is None else None
        if plain is not None and not transport.get_write_buffer_size():
            try:
                sent = os.write(plain.fileno(), data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._sending = _AFTER_DEAFEN[self._sending]
                return
            data = data[sent:]
        if data:
            transport.write(data)

    def upload_done(self, holder: Receiver) -> None:
        """The request is complete: from here the application's time to answer counts."""
        if self.holder is not holder:
            return
        self._sending = _AFTER_BODY[self._sending]
        if self._reader.state is _HEAD and self.state is not _LEASED:
            self._arm(self._limits.answer)

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

    def abandon(self, holder: Receiver) -> None:
        """The holder does not want the answer any more: close, so that it cannot become another request's."""
        if self.holder is not holder:
            return
        self.holder = None
        self._close()
        self._leave()

    def pass_on(self, holder: Receiver, heir: Receiver) -> None:
        """Make another object the holder, which then receives the answer."""
        if self.holder is holder:
            self.holder = heir
            # The last holder waited for its own client, the next one waits for another.
            self._read_on()

    def hand_over(self, holder: Receiver) -> None:
        """Tell the holder that the connection is its own, if it has not been lost since it was taken."""
        if self.holder is holder:
            holder.upstream_ready(self)

    # --- the end of an answer -----------------------------------------------------------------

    def _finish(self, ending: Ending) -> None:
        """Take leave of the receiver, and go back to the others if nothing speaks against it."""
        self.holder = None
        self.answered += 1
        if ending is not _REUSABLE or self.last or (self._carries and not self._has_sent_all()):
            if ending is _EXCESS or ending is _HUNG_UP or self._sending is not _WHOLE or self._writing_paused:
                self._close()
            else:
                # A body that does not belong to the answer of a HEAD comes with it, or soon.
                self._settle(_A_MOMENT if self._reader.is_head and ending is _REUSABLE else _TO_END)
            self._leave()
            if ending is _EXCESS:
                self._home.spoke_out_of_turn("behind an answer")
            return
        if self._reading_paused:
            self._read_on()
        self.state = _AFTER_KEEP[self.state]
        home = self._home
        if self._counted:
            self._counted = False
            home.answered()
        # Closed somewhat late; `take` looks at the age itself.
        self.deadline = home.deadlines.now + home.idle_time
        if not home.idle.put(self, home.deadlines.time):
            self._settle(_TO_END)

    def _settle(self, seconds: float) -> None:
        """Wait a moment for the application to close: if it speaks instead, it must be known."""
        if self._home.closed:
            self._close()
            return
        if self._reading_paused:
            self._read_on()
        self.state = _AFTER_SETTLE[self.state]
        # A server that was not told to close, and does not close by itself, must get no other request in the meantime.
        self._arm(seconds)

    def _has_sent_all(self) -> bool:
        """Whether nothing of the request is left that could be read before the next one, or in its place."""
        if self._sending is not _WHOLE or self._writing_paused or not self._home.reads_bodies:
            return False
        self._carries = False
        return True

    def doubt(self) -> None:
        """Fail a request that waits here: the answer may not be its own, since another request was answered before."""
        receiver = self.holder
        if receiver is not None and self.answered and (self.state is _LEASED or self.state is _SENT):
            self.holder = None
            self._close()
            self._leave()
            receiver.upstream_failed(UpstreamProtocolError("the application speaks out of turn"), unheard=True)

    def _leave(self) -> None:
        """Report once that this connection serves no request any more."""
        if self._counted:
            self._counted = False
            self._home.done()

    def retire(self) -> None:
        """Leave the others, and close."""
        self.holder = None
        self._home.idle.discard(self)
        self._close()
        self._leave()

    def _close(self) -> None:
        tunnel = self.state is _TUNNELLING
        self.state = _AFTER_CLOSE[self.state]
        self.deadline = 0.0
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if tunnel:
                # The client's last words, a close frame most likely, are on their way still.
                transport.close()
            else:
                transport.abort()
