"""One connection to an application: the bytes that come in on it.

`UpstreamConnection` tells the `Receiver` that holds it of the answer. `answer_reader` reads that; `connection_states`
has the moves that are legal. `asyncio_application` has the way out, the lease and the end. `headers/answer` decides
which headers of an answer the browser gets, and the listener tells the client when all this fails.
"""

from __future__ import annotations

import asyncio
from typing import assert_never, cast

import httptools

from gateway.errors import GatewayError, UpstreamProtocolError, UpstreamTimeoutError
from gateway.upstream.answer_events import (
    AnswerBegins,
    AnswerEnds,
    AnswerFault,
    AnswerGoesOn,
    Ending,
    InterimAnswer,
    Switched,
)
from gateway.upstream.answer_reader import AnswerReader, Syntax
from gateway.upstream.answer_states import ReaderState
from gateway.upstream.asyncio_application import ApplicationEnd, Home
from gateway.upstream.connection_states import IS_COMING, UPSTREAM_CONNECTION, UpstreamEvent, UpstreamState
from gateway.upstream.upstream import Receiver

_S = UpstreamState
_E = UpstreamEvent

_AFTER_CONNECT = UPSTREAM_CONNECTION.after(_E.CONNECT)
_AFTER_HEAR = UPSTREAM_CONNECTION.after(_E.HEAR)
_AFTER_SWITCH = UPSTREAM_CONNECTION.after(_E.SWITCH)
_AFTER_LOSE = UPSTREAM_CONNECTION.after(_E.LOSE)

# By names of their own: a look-up in an enum costs more than the comparison it is for.
_IDLE, _LEASED, _SENT = _S.IDLE, _S.LEASED, _S.SENT
_READING, _TUNNELLING, _SETTLING = _S.READING, _S.TUNNELLING, _S.SETTLING
_HEAD, _UNTIL_CLOSE = ReaderState.HEAD, ReaderState.UNTIL_CLOSE
_REUSABLE = Ending.REUSABLE

_LLHTTP = Syntax(httptools.HttpResponseParser, httptools.HttpParserUpgrade, httptools.HttpParserError)

_WAITED_ENOUGH = (b"HTTP/1.1 408 ", b"HTTP/1.0 408 ")


class UpstreamConnection(ApplicationEnd, asyncio.Protocol):
    """One connection to an application, and at most one request on it."""

    __slots__ = ()

    def __init__(self, home: Home) -> None:
        super().__init__(home, AnswerReader(home, _LLHTTP))

    # --- what the event loop does -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports are not subclasses of asyncio's, but behave the same.
        self._transport = cast("asyncio.Transport", transport)
        self.state = _AFTER_CONNECT[self.state]

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        receiver = self.holder
        state = self.state
        if receiver is None:
            # It speaks unasked: these bytes must not become the next request's answer.
            self.spoke_unasked = True
            self.retire()
            if state is _SETTLING:
                # Behind a body, it has most likely taken that for a request.
                self._home.spoke_out_of_turn("behind a request's body" if self._carries else "behind an answer")
            # A server may say that it has waited long enough for a request (RFC 9110 section 15.5.9).
            elif state is _IDLE and not data.startswith(_WAITED_ENOUGH):
                self._home.spoke_out_of_turn("on an idle connection")
            return
        reader = self._reader
        if state is _SENT:
            if self._leaves == self._home.outbox.times:
                # The head that this would be the answer to is still in the outbox.
                self._unasked(receiver)
                return
            whole = reader.whole_answer(data)
            if whole is not None:
                self._finish(_REUSABLE)
                receiver.answer_begins(whole[0], whole[1], complete=True)
                return
            self.state = _AFTER_HEAR[state]
        elif state is _READING:
            if reader.state is not _HEAD:
                self._arm(self._patience)
        elif state is _TUNNELLING:
            receiver.tunnel_data(data)
            return
        else:
            # The connection was taken from the pool, and its request is not sent yet.
            self._unasked(receiver)
            return
        for event in reader.feed(data):
            if type(event) is AnswerBegins:
                if event.ending is not None:
                    self._finish(event.ending)
                    receiver.answer_begins(event.head, event.body, complete=True)
                    return
                limits = self._limits
                self._patience = limits.tunnel_idle if reader.is_event_stream else limits.stream_idle
                self._arm(self._patience)
                receiver.answer_begins(event.head, event.body, complete=False)
            elif type(event) is AnswerGoesOn:
                receiver.answer_goes_on(event.body)
            elif type(event) is AnswerEnds:
                self._finish(event.ending)
                receiver.answer_ends(event.trailers)
                return
            elif type(event) is InterimAnswer:
                receiver.interim_answer(event.status, event.headers)
            elif type(event) is Switched:
                self.state = _AFTER_SWITCH[self.state]
                self.deadline = 0.0
                receiver.upgraded(event.headers, event.rest)
            elif type(event) is AnswerFault:
                self._take_fault(event)
                return
            else:
                assert_never(event)
            # The receiver may have left. If it has passed the answer on, the rest is for its heir to hear.
            receiver = self.holder
            if receiver is None:
                return

    def _unasked(self, receiver: Receiver) -> None:
        self.holder = None
        self._close()
        self._leave()
        self._home.spoke_out_of_turn("before the request had left")
        receiver.upstream_failed(UpstreamProtocolError("the application sent bytes without a request"), unheard=True)

    def eof_received(self) -> bool:
        """Handle the end of the application's bytes."""
        receiver = self.holder
        if receiver is None:
            return False
        if self.state is _TUNNELLING:
            receiver.tunnel_ends()
            return True
        if self._reader.state is _UNTIL_CLOSE:
            end = self._reader.hang_up()
            self._finish(end.ending)
            receiver.answer_ends(end.trailers)
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # how it was lost changes nothing
        """The connection is gone, with or without an answer."""
        state = self.state
        self.state = _AFTER_LOSE[state]
        self.deadline = 0.0
        receiver = self.holder
        self.holder = None
        self._transport = None
        self._reader.part()
        self._home.lost(self, idle=state is _IDLE)
        # Nothing was sent yet, or nothing has come, on a connection that the application may have closed for its age.
        kept_too_long = state is _LEASED or (state is _SENT and self.answered > 0)
        self._leave()
        if receiver is not None:
            if state is _TUNNELLING:
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
            if self._sending in IS_COMING and self._reader.state is _HEAD and self.state is not _LEASED:
                self._arm(self._limits.stream_idle)
            self.holder.resume_upload()

    def expired(self) -> None:
        """A clock has run out; which one follows from where we are."""
        receiver = self.holder
        if receiver is None:
            self.retire()
            return
        if self.state is _LEASED:
            # It waited in the pool until this very turn. `send` sets the next clock.
            return
        if (self._sending in IS_COMING and not self._writing_paused) or self._reading_paused:
            # It waits for the client, whose own clock the listener watches.
            self._arm(self._limits.stream_idle)
            return
        self._fail(UpstreamTimeoutError("the application was silent for too long"))

    # --- an answer that is none ---------------------------------------------------------------

    def _fail(self, error: GatewayError) -> None:
        receiver = self.holder
        self.holder = None
        self._close()
        self._leave()
        if receiver is not None:
            receiver.upstream_failed(error, unheard=False)

    def _take_fault(self, fault: AnswerFault) -> None:
        """Give the answer up.

        If the connection has answered before, bytes that begin no answer are the rest of that one.
        """
        receiver = self.holder
        error = UpstreamProtocolError(fault.reason)
        if receiver is None or fault.begun or not self.answered:
            self._fail(error)
            return
        self.holder = None
        self._close()
        self._leave()
        self._home.spoke_out_of_turn("before an answer")
        receiver.upstream_failed(error, unheard=True)
