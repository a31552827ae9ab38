"""Switches are turned on for a reason and a time, and end by themselves."""

from __future__ import annotations

import pytest

from gateway.policy.switches import (
    LONGEST,
    LONGEST_FILE,
    Switch,
    SwitchesError,
    on_now,
    read_switches,
    turned_off,
    turned_on,
    write_switches,
)

NOW = 1_795_402_800.0
FLOOD = Switch(NOW, NOW + 3600, "tanaka", "台風")


def test_a_file_is_read_as_it_was_written() -> None:
    """The order is that of the names, so that two writers of the same switches write the same bytes."""
    switches = {"水害": FLOOD, "a": Switch(NOW, NOW + 1, "sato", "try")}

    assert read_switches(write_switches(switches)) == switches
    assert write_switches(switches) == write_switches(dict(reversed(switches.items())))
    assert read_switches(write_switches({})) == {}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"a": 1}',
        b'{"a": {"since": 1, "until": 2, "by": "x"}}',
        b'{"": {"since": 1, "until": 2, "by": "x", "reason": "y"}}',
        b'{"a b": {"since": 1, "until": 2, "by": "x", "reason": "y"}}',
        b'{"a": {"since": -1, "until": 2, "by": "x", "reason": "y"}}',
        b'{"a": {"since": 1, "until": 1e300, "by": "x", "reason": "y"}}',
        b'{"a": {"since": 1, "until": 2, "by": "x", "reason": "y", "reason": "z"}}',
        b"{}" + b" " * LONGEST_FILE,
    ],
)
def test_a_file_that_was_written_by_hand_is_refused(text: bytes) -> None:
    """The message names the command that writes one; an empty file is one that is being written."""
    with pytest.raises(SwitchesError, match="`sekisho switch` writes one"):
        read_switches(text)


def test_turning_on_forgets_the_switches_that_are_over() -> None:
    """The file does not grow by what has ended, and a switch that is on gets its new time."""
    old = Switch(NOW - 7200, NOW - 3600, "sato", "over")
    longer = Switch(NOW, NOW + LONGEST, "tanaka", "台風")

    assert turned_on({"old": old, "flood": FLOOD}, "flood", longer) == {"flood": longer}


@pytest.mark.parametrize(
    ("name", "switch", "said"),
    [
        ("a b", FLOOD, "cannot name a switch"),
        ("", FLOOD, "cannot name a switch"),
        ("a" * 65, FLOOD, "cannot name a switch"),
        ("a", Switch(NOW, NOW + 1, "x", " "), "--reason"),
        ("a", Switch(NOW, NOW, "x", "y"), "90 days at most"),
        ("a", Switch(NOW, NOW - 1, "x", "y"), "90 days at most"),
        ("a", Switch(NOW, NOW + LONGEST + 1, "x", "y"), "90 days at most"),
    ],
)
def test_a_switch_that_cannot_be_meant_is_refused(name: str, switch: Switch, said: str) -> None:
    """The message says what would be right."""
    with pytest.raises(SwitchesError, match=said):
        turned_on({}, name, switch)


def test_turning_off_takes_one_switch() -> None:
    """The others stay as they are; one that is not on, or has ended, cannot be turned off."""
    other = Switch(NOW, NOW + 10, "sato", "other")

    assert turned_off({"flood": FLOOD, "other": other}, "flood", NOW + 5) == {"other": other}
    with pytest.raises(SwitchesError, match="`nothing` is not on"):
        turned_off({"flood": FLOOD}, "nothing", NOW)
    with pytest.raises(SwitchesError, match="`flood` is not on"):
        turned_off({"flood": FLOOD}, "flood", NOW + 3600)


def test_a_switch_ends_at_its_time() -> None:
    """Its last moment is the one before `until`."""
    assert on_now({"flood": FLOOD}, NOW + 3599.9) == {"flood": FLOOD}
    assert on_now({"flood": FLOOD}, NOW + 3600) == {}
