"""The table of an answer's states: no order of events makes a whole answer of a part, or one more of excess bytes."""

from __future__ import annotations

import pytest

from gateway.upstream.answer_states import ANSWER, ReaderEvent, ReaderState
from gateway.wire.states import IllegalEventError

FINAL = (ReaderState.SPENT, ReaderState.SWITCHED, ReaderState.BROKEN)


def states_with(event: ReaderEvent) -> set[ReaderState]:
    """Return the states that have an event."""
    return {state for state in ReaderState if event in ANSWER.moves[state]}


def test_an_answer_begins_with_its_head() -> None:
    """Nothing else is due on a new connection."""
    assert ANSWER.starts == (ReaderState.HEAD,)


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("event", ReaderEvent)
def test_bytes_behind_the_last_answer_are_nobodys(state: ReaderState, event: ReaderEvent) -> None:
    """No event leads out of these states, and none is passed over in silence."""
    with pytest.raises(IllegalEventError):
        ANSWER.after(event)[state]


def test_only_the_head_says_where_an_answer_ends() -> None:
    """A body in one framing never goes on in another one."""
    for event in (ReaderEvent.COUNT, ReaderEvent.CHUNK, ReaderEvent.STREAM, ReaderEvent.SWITCH):
        assert states_with(event) == {ReaderState.HEAD}


def test_a_connection_that_ends_is_the_end_of_no_other_answer() -> None:
    """A length or a last chunk is waited for: an answer that was cut short is never taken for whole."""
    assert states_with(ReaderEvent.HANG_UP) == {ReaderState.UNTIL_CLOSE}
    assert ANSWER.after(ReaderEvent.HANG_UP)[ReaderState.UNTIL_CLOSE] is ReaderState.SPENT


def test_another_answer_follows_an_end_alone() -> None:
    """Neither the last answer of a connection nor one with excess bytes has a successor."""
    for event in ReaderEvent:
        for state in states_with(event) - {ReaderState.HEAD}:
            assert (ANSWER.after(event)[state] is ReaderState.HEAD) is (event is ReaderEvent.END)
    assert ReaderEvent.END not in ANSWER.moves[ReaderState.UNTIL_CLOSE]
    for event in (ReaderEvent.LAST, ReaderEvent.EXCEED):
        assert {ANSWER.after(event)[state] for state in states_with(event)} == {ReaderState.SPENT}


def test_bytes_change_no_state_by_themselves() -> None:
    """Only their meaning does."""
    for state in states_with(ReaderEvent.DATA):
        assert ANSWER.after(ReaderEvent.DATA)[state] is state
    assert states_with(ReaderEvent.DATA) == set(ReaderState) - set(FINAL)


def test_a_fault_is_of_bytes_that_have_a_syntax() -> None:
    """A counted body and one until the end may hold any bytes."""
    assert states_with(ReaderEvent.FAULT) == {ReaderState.HEAD, ReaderState.CHUNKED}
    assert {ANSWER.after(ReaderEvent.FAULT)[state] for state in states_with(ReaderEvent.FAULT)} == {ReaderState.BROKEN}
