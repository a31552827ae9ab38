"""Switches are turned on for a reason and a time, and end by themselves."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.reading.parse import parse_policy
from gateway.policy.switches import (
    AHEAD,
    LATER,
    LONGEST,
    LONGEST_FILE,
    LONGEST_MESSAGE,
    MOST_LISTED,
    Switch,
    SwitchesError,
    certainly_off,
    doubt_of,
    kept,
    merged,
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


def test_turning_on_forgets_what_no_longer_matters() -> None:
    """The file does not grow by what has ended; a switch that is on gets its new time, and is later than it was."""
    old = Switch(NOW - LONGEST - 3600, NOW - LONGEST, "sato", "over")
    longer = Switch(NOW, NOW + LONGEST, "tanaka", "台風")

    turned = turned_on({"old": old, "flood": FLOOD}, "flood", longer)

    assert turned == {"flood": msgspec.structs.replace(longer, since=NOW + LATER, until=NOW + LATER + LONGEST)}


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
    """The others stay as they are; one that is not on, has ended or is off already cannot be turned off."""
    other = Switch(NOW, NOW + 10, "sato", "other")
    off = Switch(NOW + 5, 0.0, "tanaka", "over")

    turned = turned_off({"flood": FLOOD, "other": other}, "flood", NOW + 5, "tanaka", "over")

    assert turned == {"flood": off, "other": other}
    assert on_now(turned, NOW + 5) == {"other": other}
    for switches, name, now in (({"flood": FLOOD}, "nothing", NOW), ({"flood": FLOOD}, "flood", NOW + 3600)):
        with pytest.raises(SwitchesError, match=f"`{name}` is not on"):
            turned_off(switches, name, now, "tanaka", "over")
    with pytest.raises(SwitchesError, match="`flood` is not on"):
        turned_off(turned, "flood", NOW + 6, "tanaka", "over")


def test_an_operator_outvotes_what_she_saw() -> None:
    """Her machine's clock may be behind that of the node that turned the switch: her action is the later one."""
    ahead = Switch(NOW + 60, NOW + 3600, "sato", "a clock ahead")

    off = turned_off({"flood": ahead}, "flood", NOW, "tanaka", "over")["flood"]
    on = turned_on({"flood": off}, "flood", FLOOD)["flood"]

    assert merged({"flood": ahead}, {"flood": off}) == {"flood": off}
    assert off.is_off
    assert merged({"flood": on}, {"flood": ahead}, {"flood": off}) == {"flood": on}
    assert not on.is_off
    assert on.until - on.since == FLOOD.until - FLOOD.since


ENTRIES = st.dictionaries(
    st.sampled_from(("a", "b", "水害")),
    st.builds(
        Switch,
        since=st.sampled_from((NOW, NOW + 1, NOW + 2)),
        until=st.sampled_from((0.0, NOW + 5, NOW + 10)),
        by=st.sampled_from(("sato", "tanaka")),
        reason=st.just("r"),
    ),
)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_every_node_agrees_in_whatever_order_it_hears(
    one: dict[str, Switch], other: dict[str, Switch], third: dict[str, Switch]
) -> None:
    """An entry that comes twice, late or from an older Redis changes nothing."""
    all_of_them = merged(one, other, third)

    assert merged(third, merged(other, one)) == merged(merged(one, third), other) == all_of_them
    assert merged(all_of_them, one) == merged(one, all_of_them) == all_of_them


def test_an_entry_is_kept_while_an_earlier_one_could_be_on() -> None:
    """A node that was away for weeks must not turn a switch on again that was turned off."""
    off = Switch(NOW, 0.0, "tanaka", "over")

    assert kept({"flood": off}, NOW + LONGEST - 1) == {"flood": off}
    assert kept({"flood": off}, NOW + LONGEST) == {}


def test_an_entry_of_a_clock_far_ahead_is_passed_over() -> None:
    """Otherwise it would hold against every operator until its time comes."""
    ahead = Switch(NOW + AHEAD + 1, NOW + AHEAD + 2, "sato", "x")

    assert kept({"flood": ahead}, NOW) == {}
    assert kept({"flood": ahead}, NOW + 1) == {"flood": ahead}


def test_an_operator_can_turn_off_what_her_node_does_not_know() -> None:
    """Another node may have turned it on while this one could not be told."""
    assert certainly_off({}, "flood", NOW, "tanaka", "over") == {"flood": Switch(NOW, 0.0, "tanaka", "over")}


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
        turned_off({"flood": FLOOD}, "flod", NOW, "tanaka", "over")
