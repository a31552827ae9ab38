"""Switches are turned on for a reason and a time, and end by themselves."""

from __future__ import annotations

import pytest

from gateway.policy.reading.parse import parse_policy
from gateway.policy.switches import (
    LONGEST,
    LONGEST_FILE,
    LONGEST_MESSAGE,
    MOST_LISTED,
    Switch,
    SwitchesError,
    doubt_of,
    named_by,
    on_now,
    read_switches,
    turned_off,
    turned_on,
    write_switches,
)
from gateway.yaml.mistakes import Language, Mistakes

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
        ("a", Switch(NOW, NOW + 1, "x", "y", {"ja": "あ" * (LONGEST_MESSAGE + 1)}), "500 characters at most"),
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


KNOWN = frozenset({"flood", "disaster"})


def test_a_switch_that_an_app_looks_at_is_in_no_doubt() -> None:
    """Neither is it where a policy could not be read."""
    assert doubt_of("flood", KNOWN, all_read=True) is None
    assert doubt_of("flood", KNOWN, all_read=False) is None


@pytest.mark.parametrize(
    ("name", "known", "all_read", "refuses", "remedy"),
    [
        ("flod", KNOWN, True, True, "did you mean `flood`"),
        ("flod", KNOWN, False, True, "did you mean `flood`"),
        ("earthquake", KNOWN, True, True, "known switches: `disaster`, `flood`"),
        # The policy that cannot be read may be the one that looks at it.
        ("earthquake", KNOWN, False, False, "known switches: `disaster`, `flood`"),
        ("earthquake", frozenset(), True, True, "known switches: none"),
    ],
)
def test_a_switch_that_nothing_looks_at_is_told_before_it_is_turned_on(
    name: str, known: frozenset[str], all_read: bool, refuses: bool, remedy: str
) -> None:
    """An operator who mistypes it at three in the morning is told, and is not stopped by somebody's broken file."""
    doubt = doubt_of(name, known, all_read=all_read)

    assert doubt is not None
    assert doubt.refuses is refuses
    assert f"`{name}`" in doubt.what.say(Language.EN)
    assert ("readable" in doubt.what.say(Language.EN)) is not all_read
    assert remedy in doubt.remedy.say(Language.EN)


def test_a_refusal_lists_a_few_of_many_switches() -> None:
    """The message stays one that can be read."""
    doubt = doubt_of("zzz", frozenset(f"switch-{number:02}" for number in range(40)), all_read=True)

    assert doubt is not None
    assert doubt.remedy.say(Language.EN).count("`switch-") == MOST_LISTED


def test_the_switches_of_policies_are_those_that_conditions_look_at() -> None:
    """Within `any`, `all` and `not` as well, and of every policy."""
    mistakes = Mistakes()
    text = (
        "policy: p\nconditions:\n  a: {switch: flood}\n  b: {not: a}\n  c: {switch: {name}}\n  d: {any: [b, c]}\n"
        "rules: [{name: r, allow: everyone}]\n"
    )
    first, second = (parse_policy(text.replace("{name}", name), mistakes) for name in ("storm", "quake"))

    assert first is not None, mistakes.say()
    assert second is not None
    assert named_by([first, second]) == {"flood", "storm", "quake"}
    assert named_by([]) == frozenset()


def test_turning_off_names_the_switch_that_may_have_been_meant() -> None:
    """Of those that are on."""
    with pytest.raises(SwitchesError, match="`flod` is not on; did you mean `flood`"):
        turned_off({"flood": FLOOD}, "flod", NOW)
