"""The life of a connection to an application, and of the request's body on it: states, events, and the legal moves.

`asyncio_application` and `httptools_connection` obey the table. `answer_reader` has the states of the answer that the
connection carries.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.wire.states import States


class UpstreamState(StrEnum):
    """The states of a connection to an application."""

    CONNECTING = "connecting"
    """The connection is being made."""
    IDLE = "idle"
    """The connection serves nobody: it waits in the pool, or for its first request."""
    LEASED = "leased"
    """A request holds the connection, and its head has not been sent."""
    SENT = "sent"
    """The request's head has been sent, and perhaps a part of its body. No byte of the answer has come."""
    READING = "reading"
    """A part of the answer has come."""
    TUNNELLING = "tunnelling"
    """The application has switched protocols, so bytes pass in both directions."""
    SETTLING = "settling"
    """The answer is whole, and nobody gets the connection again. The application has a moment to close it, and
    shows by any further byte that it speaks out of turn."""
    CLOSED = "closed"
    """The connection is closed."""


class UpstreamEvent(StrEnum):
    """The events of a connection to an application."""

    CONNECT = "connect"
    """The connection is made."""
    LEASE = "lease"
    """A request gets the connection."""
    SEND = "send"
    """The holder sends the request's head."""
    HEAR = "hear"
    """The application sends a part of its answer."""
    SWITCH = "switch"
    """The application switches protocols (101)."""
    KEEP = "keep"
    """The answer is whole, and the connection may carry another request."""
    SETTLE = "settle"
    """The answer is whole, and the connection is to end."""
    CLOSE = "close"
    """The gateway closes the connection."""
    LOSE = "lose"
    """The connection is gone, by either side's hand."""


_S = UpstreamState
_E = UpstreamEvent

_ENDS = {_E.CLOSE: _S.CLOSED, _E.LOSE: _S.CLOSED}

UPSTREAM_CONNECTION = States(
    "a connection to an application",
    starts=(_S.CONNECTING,),
    moves={
        _S.CONNECTING: {_E.CONNECT: _S.IDLE, **_ENDS},
        # It settles where the pool is full.
        _S.IDLE: {_E.LEASE: _S.LEASED, _E.SETTLE: _S.SETTLING, **_ENDS},
        _S.LEASED: {_E.SEND: _S.SENT, **_ENDS},
        # An answer that comes whole, in one read, is not seen being read.
        _S.SENT: {_E.HEAR: _S.READING, _E.KEEP: _S.IDLE, _E.SETTLE: _S.SETTLING, **_ENDS},
        _S.READING: {
            _E.HEAR: _S.READING,
            _E.SWITCH: _S.TUNNELLING,
            _E.KEEP: _S.IDLE,
            _E.SETTLE: _S.SETTLING,
            **_ENDS,
        },
        _S.TUNNELLING: _ENDS,
        _S.SETTLING: _ENDS,
        _S.CLOSED: {},
    },
    # The event loop tells of the loss after the gateway has closed the connection.
    harmless={_S.CLOSED: {_E.CLOSE, _E.LOSE}},
)


class SendingState(StrEnum):
    """The states of a request's body on its way to an application."""

    WHOLE = "whole"
    """Nothing of the request is missing, as far as this connection knows."""
    COMING = "coming"
    """The client sends the body, and the application takes it."""
    DEAF = "deaf"
    """The client sends the body, and the application takes no more of it: it has closed, or reset, its receiving
    side. Its answer may have come before that, and is read."""
    CUT = "cut"
    """The client has sent all, and the application has not taken all. No other request follows here."""


class SendingEvent(StrEnum):
    """The events of a request's body on its way to an application."""

    BEGIN = "begin"
    """The head is sent, and the body follows."""
    DEAFEN = "deafen"
    """The application's receiving side is found closed."""
    END = "end"
    """The client has sent all."""


_T = SendingState
_F = SendingEvent

SENDING = States(
    "a request's body on its way to an application",
    starts=(_T.WHOLE,),
    moves={
        _T.WHOLE: {_F.BEGIN: _T.COMING},
        _T.COMING: {_F.DEAFEN: _T.DEAF, _F.END: _T.WHOLE},
        _T.DEAF: {_F.END: _T.CUT},
        _T.CUT: {},
    },
    # The body was sent with its head.
    harmless={_T.WHOLE: {_F.END}},
)

IS_COMING = frozenset({_T.COMING, _T.DEAF})
"""The states in which the client owes a part of the body."""
