"""The stages of a request, from its accepted head to its access line, and the events that move it.

`asyncio_exchange` asks this table before it acts. A request's body has states of its own (`upload`).
"""

from __future__ import annotations

from enum import StrEnum

from gateway.wire.states import States


class Stage(StrEnum):
    """The stages of a request."""

    UNDECIDED = "undecided"
    """Only the body's first bytes say whether there is a body, and nothing is decided before them."""
    DECIDING = "deciding"
    """The pipeline says what becomes of the request."""
    ASKING_SESSION = "asking_session"
    """The store of sessions is asked."""
    READING_PRESS = "reading_press"
    """The whole body is read first: it may be the button of our page about a form that came back."""
    TAKING_PRESS = "taking_press"
    """The stores are asked what the press stands for."""
    TAKING_ENTRY = "taking_entry"
    """The store of limits is asked for an entry, or the audit trail for a line about the decision."""
    COUNTING = "counting"
    """The body's chunks are kept until all have come, so that the request can say its length."""
    CONNECTING = "connecting"
    """The request waits for a connection to the application, or to the portal."""
    RECONNECTING = "reconnecting"
    """The connection died before it said a byte, and the request waits for another one, once."""
    SENT = "sent"
    """The request has a connection, and its answer has not begun."""
    RESENT = "resent"
    """The same on the second connection, and there will be no third."""
    SETTLING = "settling"
    """The application has answered. The entries of limits are settled before the client hears of it."""
    SETTLING_WHOLE = "settling_whole"
    """The same, and nothing more comes of the answer."""
    SETTLED = "settled"
    """The entries are settled, and the answer is about to go on."""
    ANSWERING = "answering"
    """The client has the answer's head, and the body follows."""
    TUNNEL = "tunnel"
    """A WebSocket is open, and both sides talk."""
    CLIENT_LISTENS = "client_listens"
    """The client says nothing more in the tunnel, and the application talks still."""
    APPLICATION_LISTENS = "application_listens"
    """The application says nothing more in the tunnel, and the client talks still."""
    OVER = "over"
    """The access line is written, and nothing more is sent."""


class StageEvent(StrEnum):
    """The events of a request."""

    NO_BODY = "no_body"
    """The body that was waited for is none."""
    ASK_SESSION = "ask_session"
    """The pipeline needs a session that is not in memory. It may say so once."""
    READ_PRESS = "read_press"
    """The pipeline needs the body of a form."""
    PRESS = "press"
    """The form has been read."""
    TAKE_ENTRY = "take_entry"
    """A rule's limit needs an entry to be taken first, or the decision must be recorded first."""
    COUNT = "count"
    """The application takes no chunks."""
    WAIT = "wait"
    """No connection is free."""
    SEND = "send"
    """A kept connection takes the request at once."""
    READY = "ready"
    """A connection that the request has waited for takes it."""
    RETRY = "retry"
    """The connection died unheard, and the request may be sent again."""
    FAIL = "fail"
    """There will be no answer from there, or no more of it."""
    REPLACE = "replace"
    """The application's answer does not go on, and another takes its place."""
    INTERIM = "interim"
    """The application says a 1xx."""
    SETTLE = "settle"
    """An answer's head has come, and entries are to be settled by it."""
    SETTLE_WHOLE = "settle_whole"
    """The same, and the answer is whole."""
    GO_ON = "go_on"
    """The stores have settled the entries."""
    ANSWER = "answer"
    """The answer's head goes out, and the body follows."""
    WHOLE_ANSWER = "whole_answer"
    """The answer goes out in one piece."""
    DATA = "data"
    """More of the answer's body comes."""
    END = "end"
    """The answer's body ends."""
    OPEN = "open"
    """The application opens the tunnel."""
    OPEN_HALF = "open_half"
    """The same, for a client that has said its last before."""
    CLIENT_DATA = "client_data"
    """The client talks in the tunnel."""
    APPLICATION_DATA = "application_data"
    """The application talks in the tunnel."""
    CLIENT_ENDS = "client_ends"
    """The client says nothing more in the tunnel."""
    APPLICATION_ENDS = "application_ends"
    """The application says nothing more in the tunnel."""
    OWN_ANSWER = "own_answer"
    """The listener answers by itself, in one piece."""
    CUT = "cut"
    """The connection ends in a way that no client takes for the end of an answer."""
    LEAVE = "leave"
    """The client is gone."""


_S = Stage
_E = StageEvent

_ENDS = {_E.CUT: _S.OVER, _E.LEAVE: _S.OVER}
_UNANSWERED = _ENDS | {_E.OWN_ANSWER: _S.OVER}
_COUNTED = _UNANSWERED | {_E.WAIT: _S.CONNECTING, _E.SEND: _S.SENT}
_UNSENT = _COUNTED | {_E.TAKE_ENTRY: _S.TAKING_ENTRY, _E.COUNT: _S.COUNTING}
_NEW = _UNSENT | {_E.ASK_SESSION: _S.ASKING_SESSION, _E.READ_PRESS: _S.READING_PRESS}
_FORWARDED = _UNANSWERED | {
    _E.FAIL: _S.DECIDING,
    _E.REPLACE: _S.DECIDING,
    _E.SETTLE: _S.SETTLING,
    _E.SETTLE_WHOLE: _S.SETTLING_WHOLE,
    _E.ANSWER: _S.ANSWERING,
    _E.WHOLE_ANSWER: _S.OVER,
    _E.OPEN: _S.TUNNEL,
    _E.OPEN_HALF: _S.CLIENT_LISTENS,
}

STAGES = States(
    "a request",
    starts=(_S.DECIDING, _S.UNDECIDED),
    moves={
        _S.UNDECIDED: _NEW | {_E.NO_BODY: _S.DECIDING},
        _S.DECIDING: _NEW,
        # The person's account at the application may follow.
        _S.ASKING_SESSION: _UNSENT | {_E.READ_PRESS: _S.READING_PRESS, _E.ASK_SESSION: _S.ASKING_SESSION},
        _S.READING_PRESS: _UNANSWERED | {_E.PRESS: _S.TAKING_PRESS},
        _S.TAKING_PRESS: _UNSENT,
        _S.TAKING_ENTRY: _UNSENT,
        _S.COUNTING: _COUNTED,
        _S.CONNECTING: _UNANSWERED | {_E.READY: _S.SENT, _E.RETRY: _S.RECONNECTING, _E.FAIL: _S.DECIDING},
        _S.RECONNECTING: _UNANSWERED | {_E.READY: _S.RESENT, _E.FAIL: _S.DECIDING},
        _S.SENT: _FORWARDED | {_E.INTERIM: _S.SENT, _E.RETRY: _S.RECONNECTING},
        _S.RESENT: _FORWARDED | {_E.INTERIM: _S.RESENT},
        # The rest of the answer waits for the store, its failure too.
        _S.SETTLING: _UNANSWERED
        | {_E.DATA: _S.SETTLING, _E.END: _S.SETTLING_WHOLE, _E.FAIL: _S.SETTLING_WHOLE, _E.GO_ON: _S.SETTLED},
        _S.SETTLING_WHOLE: _UNANSWERED | {_E.GO_ON: _S.SETTLED},
        _S.SETTLED: _UNANSWERED | {_E.REPLACE: _S.DECIDING, _E.ANSWER: _S.ANSWERING, _E.WHOLE_ANSWER: _S.OVER},
        _S.ANSWERING: _ENDS | {_E.DATA: _S.ANSWERING, _E.END: _S.OVER, _E.FAIL: _S.OVER},
        _S.TUNNEL: _ENDS
        | {_E.CLIENT_DATA: _S.TUNNEL, _E.APPLICATION_DATA: _S.TUNNEL, _E.FAIL: _S.OVER}
        | {_E.CLIENT_ENDS: _S.CLIENT_LISTENS, _E.APPLICATION_ENDS: _S.APPLICATION_LISTENS},
        _S.CLIENT_LISTENS: _ENDS
        | {_E.APPLICATION_DATA: _S.CLIENT_LISTENS, _E.APPLICATION_ENDS: _S.OVER, _E.FAIL: _S.OVER},
        _S.APPLICATION_LISTENS: _ENDS
        | {_E.CLIENT_DATA: _S.APPLICATION_LISTENS, _E.CLIENT_ENDS: _S.OVER, _E.FAIL: _S.OVER},
        _S.OVER: {},
    },
    harmless={
        # An interim answer behind the head has nobody to tell.
        _S.ANSWERING: {_E.INTERIM},
        _S.CLIENT_LISTENS: {_E.CLIENT_ENDS},
        _S.APPLICATION_LISTENS: {_E.APPLICATION_ENDS},
        # A connection that comes too late is given back; a client may leave in the same turn as its session ends.
        _S.OVER: {_E.READY, _E.FAIL, _E.INTERIM, _E.CUT, _E.LEAVE},
    },
)

BEGUN = frozenset({_S.ANSWERING, _S.TUNNEL, _S.CLIENT_LISTENS, _S.APPLICATION_LISTENS, _S.OVER})
"""The stages in which the client has heard of an answer, so that no other may begin."""
WAITING_FOR_ANSWER = frozenset({_S.SENT, _S.RESENT})
TUNNELS = frozenset({_S.TUNNEL, _S.CLIENT_LISTENS, _S.APPLICATION_LISTENS})
