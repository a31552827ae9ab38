"""The states of an application's answer while it is read, the events, and the legal moves between them.

`answer_reader` obeys the table. `connection_states` has the life of the connection that carries the answer.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.wire.states import States


class ReaderState(StrEnum):
    """The states of a reader."""

    HEAD = "head"
    """The head of the next answer is due, and perhaps interim answers before it."""
    COUNTED = "counted"
    """A body of a known length is coming."""
    CHUNKED = "chunked"
    """A body in chunks is coming."""
    UNTIL_CLOSE = "until_close"
    """A body is coming that ends where the connection does."""
    SPENT = "spent"
    """The last answer is whole. Any further bytes belong to nobody."""
    SWITCHED = "switched"
    """The bytes belong to another protocol."""
    BROKEN = "broken"
    """The bytes are no answer. Nothing behind them can be trusted."""


class ReaderEvent(StrEnum):
    """The events of a reader."""

    DATA = "data"
    """More bytes come."""
    COUNT = "count"
    """The head says how long the body is."""
    CHUNK = "chunk"
    """The head says that the body comes in chunks."""
    STREAM = "stream"
    """The head does not say where the body ends."""
    SWITCH = "switch"
    """The head says that another protocol follows."""
    END = "end"
    """The answer is complete, and another one may follow."""
    LAST = "last"
    """The answer is whole, and it is the last one of its connection."""
    EXCEED = "exceed"
    """The answer is whole, and bytes stand behind it."""
    HANG_UP = "hang_up"
    """The application ends the connection, and with it an answer that goes on until then."""
    FAULT = "fault"
    """The bytes cannot be an answer."""


_S = ReaderState
_E = ReaderEvent

_WHOLE = {_E.END: _S.HEAD, _E.LAST: _S.SPENT, _E.EXCEED: _S.SPENT}

ANSWER = States(
    "an application's answer",
    starts=(_S.HEAD,),
    moves={
        _S.HEAD: {
            _E.DATA: _S.HEAD,
            _E.COUNT: _S.COUNTED,
            _E.CHUNK: _S.CHUNKED,
            _E.STREAM: _S.UNTIL_CLOSE,
            _E.SWITCH: _S.SWITCHED,
            **_WHOLE,
            _E.FAULT: _S.BROKEN,
        },
        _S.COUNTED: {_E.DATA: _S.COUNTED, **_WHOLE},
        _S.CHUNKED: {_E.DATA: _S.CHUNKED, **_WHOLE, _E.FAULT: _S.BROKEN},
        _S.UNTIL_CLOSE: {_E.DATA: _S.UNTIL_CLOSE, _E.HANG_UP: _S.SPENT},
        _S.SPENT: {},
        _S.SWITCHED: {},
        _S.BROKEN: {},
    },
    harmless={},
)
