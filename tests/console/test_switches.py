from __future__ import annotations

import pytest

from gateway.console.switches import LENGTHS, length_of, switches_page
from gateway.policy.switches import LONGEST, Switch
from tests.builders import NOON
from tests.console.conftest import FakeNode


def test_every_offered_time_is_one_a_switch_may_have() -> None:
    """The times grow down the list."""
    lengths = [length_of(each) for each in LENGTHS]

    assert all(each is not None and 0 < each <= LONGEST for each in lengths)
    assert lengths == sorted(lengths, key=lambda each: each or 0)


@pytest.mark.parametrize("text", ["", "90d", "1m", "30M", "-1h"])
def test_no_other_time_is_taken(text: str) -> None:
    """The page sends one of its own."""
    assert length_of(text) is None


def test_a_page_shows_what_is_on_and_what_can_be() -> None:
    """With the minutes left, and the App that a switch closes; a file that cannot be read is no empty one."""
    facts = FakeNode().facts()
    switches = {"rain": Switch(NOON, NOON + 90, "ito", "storm")}

    screen, unread = switches_page(facts, switches, NOON), switches_page(facts, None, NOON)

    assert [(row.name, row.minutes, row.by) for row in screen.values["rows"]] == [("rain", 2, "ito")]  # type: ignore[attr-defined]
    assert screen.values["choices"] == [("maintenance-booking", "booking"), ("rain", "")]
    assert (screen.values["readable"], unread.values["readable"]) == (True, False)
