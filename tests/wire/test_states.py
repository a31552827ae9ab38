"""Tables of states: what a table may say, and what happens to an event that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import pytest

from gateway.wire.states import IllegalEventError, States


class Light(StrEnum):
    RED = "red"
    GREEN = "green"


class Hand(StrEnum):
    GO = "go"
    STOP = "stop"


MOVES: Mapping[Light, Mapping[Hand, Light]] = {Light.RED: {Hand.GO: Light.GREEN}, Light.GREEN: {Hand.STOP: Light.RED}}


def test_a_move_leads_where_the_table_says() -> None:
    """One look-up, by the present state."""
    machine = States("a light", starts=(Light.RED,), moves=MOVES, harmless={})

    assert machine.after(Hand.GO)[Light.RED] is Light.GREEN


def test_a_harmless_event_leads_nowhere_else() -> None:
    """It may come, and the state stays."""
    machine = States("a light", starts=(Light.RED,), moves=MOVES, harmless={Light.RED: {Hand.STOP}})

    assert machine.after(Hand.STOP)[Light.RED] is Light.RED


def test_an_event_that_a_state_does_not_have_raises() -> None:
    """The error names the machine, the state and the event."""
    machine = States("a light", starts=(Light.RED,), moves=MOVES, harmless={})

    with pytest.raises(IllegalEventError, match=r"`stop` is no event of `red` in the states of a light"):
        machine.after(Hand.STOP)[Light.RED]


@pytest.mark.parametrize(
    ("moves", "harmless", "fault"),
    [
        ({Light.RED: {}}, {}, "green"),
        ({Light.RED: {}, Light.GREEN: {}}, {}, "green"),
        (MOVES, {Light.RED: {Hand.GO}}, "twice"),
    ],
    ids=["a state without a row", "a state that nothing reaches", "an event with two meanings"],
)
def test_a_table_that_cannot_be_meant_is_refused(
    moves: Mapping[Light, Mapping[Hand, Light]], harmless: Mapping[Light, set[Hand]], fault: str
) -> None:
    """A slip in a table is found when its module is imported."""
    with pytest.raises(ValueError, match=fault):
        States("a light", starts=(Light.RED,), moves=moves, harmless=harmless)
