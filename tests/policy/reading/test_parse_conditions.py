"""Conditions: each tests one thing, and every mistake is named with its remedy."""

from __future__ import annotations

from datetime import date, time
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.policy.age import AgeRange, BornRange, CountedFrom
from gateway.policy.conditions import (
    Age,
    AllOf,
    AnyOf,
    Born,
    Dates,
    InNetwork,
    MonthDay,
    Not,
    ResidenceTest,
    SubjectTest,
    SwitchTest,
    Test,
)
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Mistakes


def condition(test: str) -> str:
    return f"policy: p\npurpose: {{ja: x}}\nconditions:\n  c: {test}\nrules:\n  - name: r\n    require: [c]\n"


def mistakes_in(text: str, folder: Path | None = None) -> list[str]:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=folder or Path())
    assert (policy is None) == (len(mistakes) > 0)
    return [str(mistake).removeprefix("policy.yaml:") for mistake in mistakes]


def good(text: str, folder: Path | None = None) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=folder or Path())
    assert policy is not None, mistakes.say()
    return policy


def test_codes_and_names_of_places_are_the_same_place() -> None:
    """A code that begins with 0 survives, with five or six digits, and quoted."""
    for written in ("札幌市", "011002", "01100", '"011002"', "北海道札幌市"):
        test = good(condition(f"{{residence: {{in: [{written}]}}}}")).conditions["c"].test
        assert test == ResidenceTest(frozenset({"01100"}))


def test_at_most_is_below_the_next() -> None:
    """`at_most: N` is `below: N+1`; of two upper bounds both hold."""
    test = good(condition("{age: {at_most: 17, below: 30, counted_from: next_april}}")).conditions["c"].test

    assert test == Age(AgeRange(None, 18, CountedFrom.NEXT_APRIL))


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("{}", "this condition tests nothing"),
        ("{age: {at_least: 18}, switch: x}", "this condition tests more than one thing"),
        ("{age: {}}", "`age` without a number"),
        ("{age: {at_least: １８}}", "full-width digits `１８`, write `18`"),
        ("{age: {at_least： 18}}", "a full-width colon `：`, write `:`"),
        ("{age: {at_least: 65, below: 20}}", "no person has this age"),
        ("{age: {at_least: 18, counted_from: month_of_birth}}", "unknown `counted_from` `month_of_birth`"),
        ("{age: {atleast: 18}}", "unknown key `atleast`, did you mean `at_least`?"),
        ("{residence: {in: [中央区]}}", "`中央区` is in more than one place, write the prefecture: "),
        ("{residence: {in: [東京都渋谷区、東京都港区]}}", "a Japanese comma `、`, write `,`"),
        ("{residence: {in: ［東京都渋谷区］}}", "a full-width bracket `［`, write `[`"),
        ("{residence: {in: [０１１００２]}}", "full-width digits `０１１００２`, write `011002`"),
        ("{residence: {in: [131131]}}", "the last digit of the code `131131` is wrong, write `131130`"),
        ("{residence: {in: [浜松市中区]}}", "`浜松市中区` is a former name, write `静岡県浜松市中央区`"),
        ("{born: {until: 1957/04/01}}", "`1957/04/01` is not a day, write `1957-04-01`"),
        ("{born: {from: 2026-01-02, until: 2026-01-01}}", "`from` 2026-01-02 is after `until` 2026-01-01"),
        ("{born: {until: 2026-02-30}}", "`2026-02-30` is not a day"),
        ("{network: [192.0.2.7/24]}", "`192.0.2.7/24` names an address inside a network, write `192.0.2.0/24`"),
        ("{network: [office]}", "`office` is not a network"),
        ("{dates: {from: 12-29}}", "days of every year need both"),
        ("{dates: {from: 12-29, until: 2026-01-03}}", "days of every year need both"),
        ("{dates: {hours: {from: 25:00, until: 9:00}}}", "`25:00` is not a time of day"),
        ("{dates: {days: [月, 祝]}}", "`祝` is not a day of the week"),
        ("{subject: {in: nowhere.yaml}}", "there is no such file"),
        ("{any: []}", "the list is empty"),
        ("{all: [c]}", "the conditions refer to each other in a circle: c → c"),
        ("{not: [c]}", "expected the name of one condition, found a list"),
        ("{switch: x, if_not: {en: no}}", "`ja` is missing in `if_not`"),
        (
            "{switch: x, if_not: 十八歳以上}",
            "expected `if_not` by language, found `十八歳以上`, write `{ja: 十八歳以上}`",
        ),
    ],
)
def test_a_mistake_in_a_condition_is_named(test: str, said: str) -> None:
    """Place, what, and what would be right; a slip of the keyboard as what it is."""
    found = mistakes_in(condition(test))

    assert any(said in mistake for mistake in found), found


@pytest.mark.parametrize("name", ["age", "name", "signed-in-at", "Signed_In_At", "assertion"])
def test_a_condition_cannot_take_a_facts_name(name: str) -> None:
    """`X-Verified-Age: yes` would be read as a number by nobody and as a fact by some."""
    text = f"policy: p\nconditions:\n  {name}: {{switch: x}}\nrules:\n  - {{name: r, allow: nobody}}\n"

    assert mistakes_in(text) == [f"3:3: `{name}` is the name of a fact, give the condition another name"]


def test_a_wrong_sign_in_a_persons_code_is_found(tmp_path: Path) -> None:
    """The last sign is a check: a code heard wrong over a counter names nobody."""
    (tmp_path / "l.yaml").write_text("- {subject: K7QM-2XHD-9TRC-4WBM}\n- {subject: k7qm2xhd9trc4wbn}\n", "utf-8")
    mistakes = Mistakes()

    parse_policy(condition("{subject: {in: l.yaml}}"), mistakes, folder=tmp_path)

    assert mistakes.say().startswith("l.yaml:1:13: `K7QM-2XHD-9TRC-4WBM` is no code of a person")
    assert len(mistakes) == 1


@pytest.mark.parametrize(
    ("written", "test"),
    [
        ("{born: {from: 1957-04-02}}", Born(BornRange(date(1957, 4, 2), None))),
        ("{born: {from: 1957-04-02, until: 1957-04-02}}", Born(BornRange(date(1957, 4, 2), date(1957, 4, 2)))),
        ("{age: {below: 1}}", Age(AgeRange(None, 1, CountedFrom.BIRTHDAY))),
        ("{network: 192.0.2.7}", InNetwork((ip_network("192.0.2.7/32"),))),
        (
            "{network: [192.0.2.0/24, '2001:db8::/32']}",
            InNetwork((ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))),
        ),
        ("{switch: 水害}", SwitchTest("水害")),
    ],
)
def test_a_condition_is_the_test_it_says(written: str, test: Test) -> None:
    """The condition decides by the written values."""
    assert good(condition(written)).conditions["c"].test == test


def test_dates_have_bounds_hours_and_days() -> None:
    """Each part is kept, and days of every year stay days of every year."""
    test = (
        good(condition("{dates: {from: 12-29, until: 01-03, hours: {from: 9:00, until: 17:00}, days: [月, sunday]}}"))
        .conditions["c"]
        .test
    )

    assert isinstance(test, Dates)
    assert (test.since, test.until) == (MonthDay(12, 29), MonthDay(1, 3))
    assert (test.opens, test.closes) == (time(9), time(17))
    assert test.days == {0, 6}


def test_names_are_resolved_where_they_are_used() -> None:
    """A group holds its members' tests, in the order of the file's words."""
    text = (
        "policy: p\nconditions:\n  a: {switch: x}\n  b: {not: a}\n  c: {any: [a, b]}\n  d: {all: [c, a]}\n"
        "rules:\n  - {name: r, require: [d]}\n"
    )

    conditions = good(text).conditions

    assert conditions["b"].test == Not("a", SwitchTest("x"))
    assert conditions["c"].test == AnyOf(("a", "b"), (SwitchTest("x"), Not("a", SwitchTest("x"))))
    assert isinstance(conditions["d"].test, AllOf)
    assert conditions["d"].test.names == ("c", "a")


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("[a]", "expected a condition, found a list"),
        ("{age: 18}", "expected keys of `age`, found `18`"),
        ("{age: {at_least: x}}", "`x` is not an age, write 0 to "),
        ("{age: {below: 0}}", "no person has this age"),
        ("{born: x}", "expected keys of `born`"),
        ("{born: {}}", "neither `from` nor `until`, write one of them"),
        ("{residence: x}", "expected `{in: [...]}`"),
        ("{residence: {}}", "`in` is missing in `residence`"),
        ("{residence: {in: [中区]}}", "`中区` is "),
        ("{residence: {in: [東京都架空市]}}", "there is no place `東京都架空市`"),
        ("{residence: {in: [名無しの里]}}", "there is no place `名無しの里`"),
        ("{subject: x}", "expected `{in: file}`"),
        ("{subject: {}}", "`in` is missing in `subject`"),
        ("{subject: {in: [a]}}", "expected the path of a list"),
        ("{network: []}", "the list is empty"),
        ("{dates: x}", "expected keys of `dates`"),
        ("{dates: {}}", "expected `from`, `until`, `hours` or `days`"),
        ("{dates: {from: 2026-01-02, until: 2026-01-01}}", "is after"),
        ("{dates: {hours: {from: 9:00, until: 9:00}}}", "`hours` that begin and end at the same time"),
        ("{dates: {hours: {from: 9:00}}}", "`until` is missing in `hours`"),
        ("{dates: {hours: 9:00}}", "expected `{from: 9:00, until: 17:00}`"),
        ("{dates: {days: []}}", "the list is empty"),
        ("{any: [nowhere]}", "there is no condition `nowhere`"),
        ("{not: nowhere}", "there is no condition `nowhere`"),
        ("{not: ''}", "expected the name of a condition"),
        ("{switch: ''}", "expected a switch"),
    ],
)
def test_a_further_mistake_in_a_condition_is_named(test: str, said: str) -> None:
    """No mistake lets a condition through half read."""
    found = mistakes_in(condition(test))

    assert any(said in mistake for mistake in found), found


def test_conditions_are_named_things() -> None:
    """A list of conditions has no names, and a name is on one line."""
    assert (
        "expected conditions by name, found a list"
        in mistakes_in("policy: p\nconditions: [a]\nrules:\n  - {name: r, allow: nobody}\n")[0]
    )
    assert (
        "this is not a valid name for a condition"
        in mistakes_in(
            f"policy: p\nconditions:\n  {'a' * 81}: {{switch: x}}\nrules:\n  - {{name: r, allow: nobody}}\n"
        )[0]
    )


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("x", "expected a list of entries, found `x`"),
        ("[x]", "expected an entry of the list, found `x`"),
        ("[{note: x}]", "`subject` is missing in this entry"),
        ("[{subject: K7QM-2XHD-9TRC-4WBN, until: never}]", "`never` is not a day"),
        ("[{subject: K7QM-2XHD-9TRC-4WBN}, {subject: k7qm2xhd9trc4wbn}]", "is here twice (first on line 1)"),
        ("{count: 2, entries: [{subject: K7QM-2XHD-9TRC-4WBN}]}", "the list states 2 entries and has 1"),
        ("{count: 1}", "`entries` is missing in a list with its count"),
        ("{entries: []}", "`count` is missing in a list with its count"),
        ("{count: 1, entries: x}", "the list states 1 entries and has 0"),
        ("{count: many, entries: []}", "`many` is not a number of entries"),
    ],
)
def test_a_mistake_in_a_list_of_people_is_named(tmp_path: Path, listed: str, said: str) -> None:
    """A list that cannot be read whole opens nothing, and locks nobody out in silence."""
    (tmp_path / "l.yaml").write_text(listed + "\n", "utf-8")

    found = mistakes_in(condition("{subject: {in: l.yaml}}"), tmp_path)

    assert any(said in mistake for mistake in found), found


def test_a_list_of_people_is_read_once_for_all_conditions(tmp_path: Path) -> None:
    """Its entries are found by the code without its hyphens, with their last day and note."""
    (tmp_path / "l.yaml").write_text(
        "count: 1\nentries:\n  - {subject: K7QM-2XHD-9TRC-4WBN, until: 2027-03-31, note: 窓口}\n", "utf-8"
    )
    text = (
        "policy: p\nconditions:\n  a: {subject: {in: l.yaml}}\n  b: {subject: {in: l.yaml}}\n"
        "rules:\n  - {name: r, require: [a, b]}\n"
    )

    policy = good(text, tmp_path)

    ((path, entries),) = policy.lists.items()
    assert policy.conditions["a"].test == policy.conditions["b"].test == SubjectTest(path)
    ((entry),) = entries.values()
    assert (entry.until, entry.note, entry.line) == (date(2027, 3, 31), "窓口", 3)
