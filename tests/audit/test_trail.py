"""The trail as others see it."""

from __future__ import annotations

from gateway.audit.entry import Action, Entry, Outcome
from gateway.audit.trail import NoTrail, operators_action


async def test_without_a_trail_everything_goes_on() -> None:
    """A gateway without `audit.directory` refuses nothing for want of a record."""
    trail = NoTrail()

    assert not trail.required
    assert await trail.recorded(Entry(Action.SIGN_IN, 0.0))


def test_an_operators_action_names_operator_object_and_reason() -> None:
    """The console makes its entries by this function."""
    made = operators_action(
        9.0, Action.SWITCH_ON, "sato", about="maintenance-booking", reason="update", outcome=Outcome.FAILED, count=1
    )

    assert made == Entry(
        Action.SWITCH_ON,
        9.0,
        Outcome.FAILED,
        operator="sato",
        object="maintenance-booking",
        reason="update",
        count=1,
    )
