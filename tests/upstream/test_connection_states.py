"""The table of a connection's states: no order of events gives one person the bytes of another."""

from __future__ import annotations

import pytest

from gateway.upstream.connection_states import (
    IS_COMING,
    SENDING,
    UPSTREAM_CONNECTION,
    SendingEvent,
    SendingState,
    UpstreamEvent,
    UpstreamState,
)
from gateway.wire.states import IllegalEventError

MOVES = [
    (state, event, UPSTREAM_CONNECTION.after(event)[state])
    for state in UpstreamState
    for event in UPSTREAM_CONNECTION.moves[state]
]


def reached_from(state: UpstreamState) -> set[UpstreamState]:
    """Return every state that some order of events leads to."""
    reached: set[UpstreamState] = set()
    ahead = {state}
    while ahead:
        reached |= ahead
        ahead = {after for before, _, after in MOVES if before in ahead} - reached
    return reached


def test_a_new_connection_can_come_into_every_state() -> None:
    """The table has no state that only a mistake could lead to."""
    assert reached_from(UpstreamState.CONNECTING) == set(UpstreamState)


@pytest.mark.parametrize("state", UpstreamState)
def test_every_connection_can_end_and_an_end_is_for_good(state: UpstreamState) -> None:
    """No state keeps a descriptor for ever, and nothing brings a closed connection back."""
    for event in (UpstreamEvent.CLOSE, UpstreamEvent.LOSE):
        assert UPSTREAM_CONNECTION.after(event)[state] is UpstreamState.CLOSED
    assert reached_from(UpstreamState.CLOSED) == {UpstreamState.CLOSED}


def test_a_connection_has_one_holder() -> None:
    """Only an idle one is leased, and only the holder's request is sent, once."""
    assert [move for move in MOVES if move[1] is UpstreamEvent.LEASE] == [
        (UpstreamState.IDLE, UpstreamEvent.LEASE, UpstreamState.LEASED)
    ]
    assert [move for move in MOVES if move[1] is UpstreamEvent.SEND] == [
        (UpstreamState.LEASED, UpstreamEvent.SEND, UpstreamState.SENT)
    ]


def test_an_answer_is_heard_behind_a_request_alone() -> None:
    """Bytes that come before a request was sent, or between two, are nobody's answer."""
    hears = {before for before, event, _ in MOVES if event in (UpstreamEvent.HEAR, UpstreamEvent.SWITCH)}

    assert hears == {UpstreamState.SENT, UpstreamState.READING}
    for state in set(UpstreamState) - hears:
        with pytest.raises(IllegalEventError):
            UPSTREAM_CONNECTION.after(UpstreamEvent.HEAR)[state]


def test_a_connection_is_idle_again_behind_a_whole_answer_alone() -> None:
    """A request that was given up in the middle leaves bytes on the way, which the next person would get."""
    ways = {(before, event) for before, event, after in MOVES if after is UpstreamState.IDLE}

    assert ways == {
        (UpstreamState.CONNECTING, UpstreamEvent.CONNECT),
        (UpstreamState.SENT, UpstreamEvent.KEEP),
        (UpstreamState.READING, UpstreamEvent.KEEP),
    }


@pytest.mark.parametrize("state", [UpstreamState.TUNNELLING, UpstreamState.SETTLING])
def test_a_connection_on_its_way_out_serves_nobody_else(state: UpstreamState) -> None:
    """A tunnel's bytes and those of a server that speaks out of turn end with the connection."""
    assert reached_from(state) == {state, UpstreamState.CLOSED}


def test_a_body_that_was_not_taken_whole_is_never_whole_again() -> None:
    """The application may take the rest for the next request, so no other request begins behind it."""
    for state in (SendingState.DEAF, SendingState.CUT):
        assert set(SENDING.moves[state].values()) <= {SendingState.CUT}
        with pytest.raises(IllegalEventError):
            SENDING.after(SendingEvent.BEGIN)[state]


def test_a_body_begins_once_and_ends_once() -> None:
    """A second body would stand inside the first."""
    coming = SENDING.after(SendingEvent.BEGIN)[SendingState.WHOLE]

    with pytest.raises(IllegalEventError):
        SENDING.after(SendingEvent.BEGIN)[coming]
    assert SENDING.after(SendingEvent.END)[coming] is SendingState.WHOLE
    assert {coming, SENDING.after(SendingEvent.DEAFEN)[coming]} == IS_COMING
