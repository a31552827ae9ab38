"""The life of a client's connection: its states, its events, and the legal moves between them.

`asyncio_client` and `httptools_connection` obey the table. `stages` has the stages of the request that the connection
brings.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.wire.states import States


class ClientState(StrEnum):
    """The states of a client's connection."""

    HEAD = "head"
    """A head is due, or the rest of one."""
    BUSY = "busy"
    """A request is being decided on, or answered."""
    ANSWERED = "answered"
    """The answer is sent, and the client is still sending a body that nobody reads. The next request follows it."""
    TUNNEL = "tunnel"
    """The bytes belong to a WebSocket."""
    LINGERING = "lingering"
    """The last answer is sent. A few further bytes are dropped, so that the client is not reset before it reads."""
    READING_AWAY = "reading_away"
    """The last answer is sent, and the client is still sending a body. The gateway reads it for a while, because some
    clients read no answer before they have sent the whole body."""
    CLOSED = "closed"
    """The connection is closed, or is about to close once the last bytes have left."""


class ClientEvent(StrEnum):
    """The events of a client's connection."""

    ACCEPT = "accept"
    """A head is accepted."""
    NEXT = "next"
    """The next head may come."""
    ANSWER = "answer"
    """The answer is sent before the request's body has come."""
    OPEN = "open"
    """The application opens a tunnel."""
    LAST = "last"
    """A head is refused, or the last answer is sent."""
    LAST_BEFORE_BODY = "last_before_body"
    """The same, and the client is sending a body."""
    CLOSE = "close"
    """The gateway closes the connection."""
    LOSE = "lose"
    """The connection is closed, by the client or by the gateway."""


_S = ClientState
_E = ClientEvent

_ENDS = {_E.CLOSE: _S.CLOSED, _E.LOSE: _S.CLOSED}
_LASTS = {_E.LAST: _S.LINGERING, _E.LAST_BEFORE_BODY: _S.READING_AWAY, **_ENDS}

CLIENT_CONNECTION = States(
    "a client's connection",
    starts=(_S.HEAD,),
    moves={
        # The gateway reads the next head once the client reads its answers again.
        _S.HEAD: {_E.ACCEPT: _S.BUSY, _E.NEXT: _S.HEAD, **_LASTS},
        _S.BUSY: {_E.NEXT: _S.HEAD, _E.ANSWER: _S.ANSWERED, _E.OPEN: _S.TUNNEL, **_LASTS},
        _S.ANSWERED: {_E.NEXT: _S.HEAD, **_ENDS},
        _S.TUNNEL: _ENDS,
        _S.LINGERING: _ENDS,
        _S.READING_AWAY: _ENDS,
        _S.CLOSED: {},
    },
    # The event loop tells of the loss after the gateway has closed the connection, and a drain may close it again.
    harmless={_S.CLOSED: {_E.CLOSE, _E.LOSE}},
)

IN_REQUEST = frozenset({_S.BUSY, _S.ANSWERED})
"""The states in which bytes belong to the body of a request, or to the next request."""
SERVING = IN_REQUEST | {_S.TUNNEL}
"""The states of a connection that serves a request."""
