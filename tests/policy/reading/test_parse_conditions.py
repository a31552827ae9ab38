"""Conditions: each tests one thing, and every mistake is named with its remedy."""

from __future__ import annotations

from datetime import date, datetime, time
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.identity import Gender
from gateway.instant import TOKYO
from gateway.policy.age import AgeOneOf, AgeRange, BornRange, CountedFrom
from gateway.policy.calendar import LAST, Days
from gateway.policy.conditions import (
    Age,
    AllOf,
    AnyOf,
    Born,
    Dates,
    GenderTest,
    InNetwork,
    MonthDay,
    Not,
    ResidenceTest,
    SubjectTest,
    SwitchTest,
    Test,
    TownTest,
)
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.town import Town
from gateway.policy.verdict import SignedFact
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
        ("{dates: {days: [月, 祝]}}", "`祝` is not a day of the week, write `days: [祝日]`"),
        ("{dates: {days: [平日]}}", "write `days: [月, 火, 水, 木, 金, 祝日を除く]`"),
        ("{dates: {days: [月～金]}}", "write `days: [月, 火, 水, 木, 金]`"),
        ("{dates: {days: [金曜〜月曜]}}", "write `days: [金, 土, 日, 月]`"),
        ("{dates: {days: [mon-wed]}}", "write `days: [月, 火, 水]`"),
        ("{dates: {days: [土日祝]}}", "write `days: [土, 日, 祝日]`"),
        ("{dates: {days: [月・水]}}", "write `days: [月, 水]`"),
        ("{dates: {days: [第6月曜]}}", "`第6月曜` is not a day of the week"),
        ("{dates: {from: 2026-12-01 25:00}}", "`25:00` is not a time of day"),
        ("{dates: {from: 2026-12-10 17:00, until: 2026-12-10 10:00}}", "`from` is not before `until`"),
        ("{dates: {from: 2026-12-10 17:00, until: 2026-12-09}}", "`from` is not before `until`"),
        ("{dates: {from: 2026-12-10 17:00, until: 01-03}}", "days of every year need both"),
        ("{dates: {from: 2026-12-11 0:00, until: 2026-12-10}}", "`from` is not before `until`"),
        ("{dates: {from: 9999-12-31 24:00}}", "`9999-12-31 24:00` has no day behind it, write `9999-12-31`"),
        ("{dates: {in: [2026-13-01]}}", "`2026-13-01` is not a day"),
        ("{dates: {in: no-such-list.csv}}", "no-such-list.csv"),
        ("{age: {in: [40, x]}}", "`x` is not an age"),
        ("{age: {in: [40], at_least: 18}}", "`in` and `at_least` together"),
        ("{age: {at_least: 18, on: soon}}", "`soon` is not a day"),
        ("{gender: woman}", "unknown gender `woman`"),
        ("{town: {of: 千葉県, in: [八幡]}}", "`千葉県` is no single municipality"),
        ("{town: {of: 横浜市, in: [八幡]}}", "`横浜市` is no single municipality"),
        ("{town: {in: [八幡]}}", "`of` is missing"),
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


@pytest.mark.parametrize(
    "dates",
    [
        "from: 2026-12-10 23:59, until: 2026-12-10",
        "from: 2026-12-10, until: 2026-12-10 0:01",
        "from: 2026-12-10 10:00, until: 9999-12-31",
        "from: 0001-01-01, until: 9999-12-31 23:59",
    ],
)
def test_a_period_of_a_minute_is_one_and_so_is_one_to_the_last_day_of_the_calendar(dates: str) -> None:
    """A last day is included, and offices write 9999-12-31 where a right never ends."""
    assert mistakes_in(condition(f"{{dates: {{{dates}}}}}")) == []


@pytest.mark.parametrize(
    "name",
    ["age", "name", "signed-in-at", "Signed_In_At", "assertion", "Signature-ID", *SignedFact],
)
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
    assert test.days == Days(frozenset({0, 6}))


def test_the_words_of_ordinances_are_read() -> None:
    """Moments, numbered weekdays, holidays, ages on a day, sets of ages, gender and towns."""

    def test_of(text: str) -> Test:
        return good(condition(text)).conditions["c"].test

    span = test_of("{dates: {from: 2026-12-01 10:00, until: 2026-12-10 24:00}}")
    assert isinstance(span, Dates)
    assert (span.starts, span.ends) == (
        datetime(2026, 12, 1, 10, tzinfo=TOKYO).timestamp(),
        datetime(2026, 12, 11, tzinfo=TOKYO).timestamp(),
    )
    closed = test_of("{dates: {days: [第3月曜日, 最終金曜, 2nd tue, 祝日]}}")
    assert isinstance(closed, Dates)
    assert closed.days == Days(numbered=frozenset({(3, 0), (LAST, 4), (2, 1)}), holidays=True)
    assert test_of("{age: {at_least: 18, on: 2027-04-11}}") == Age(AgeRange(18), date(2027, 4, 11))
    assert test_of("{age: {in: [40, 45]}}") == Age(AgeOneOf(frozenset({40, 45})))
    assert test_of("{gender: 女性}") == test_of("{gender: female}") == GenderTest(Gender.FEMALE)
    towns = test_of("{town: {of: 千葉県市川市, in: [大字八幡一丁目, 南八幡]}}")
    assert towns == TownTest("12203", frozenset({Town("八幡", 1), Town("南八幡")}))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_lists_come_from_csv(tmp_path: Path, encoding: str) -> None:
    """An office keeps its lists in Excel: towns of a school, closed days, people, in either encoding."""
    (tmp_path / "school.csv").write_text("町丁目,備考\r\n八幡一丁目,\r\n南八幡,全域\r\n", encoding)
    (tmp_path / "closed.csv").write_text("日付\n2026/12/28\n2027-01-04\n", encoding)
    (tmp_path / "people.csv").write_text(
        "本人のコード,期限,備考\nK7QM-2XHD-9TRC-4WBN,2027/3/31,在勤 窓口２\n", encoding
    )
    text = (
        "policy: p\npurpose: {ja: x}\nconditions:\n  school: {town: {of: 千葉県市川市, in: school.csv}}\n"
        "  closed: {dates: {in: closed.csv}}\n  people: {subject: {in: people.csv}}\n"
        "rules:\n  - {name: r, require: [school, closed, people]}\n"
    )
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=tmp_path)

    assert policy is not None, list(map(str, mistakes))
    assert policy.conditions["school"].test == TownTest(
        "12203", frozenset({Town("八幡", 1), Town("南八幡")}), "school.csv"
    )
    closed = policy.conditions["closed"].test
    assert isinstance(closed, Dates)
    assert closed.listed == frozenset({date(2026, 12, 28), date(2027, 1, 4)})
    (entries,) = policy.lists.values()
    assert [entry.until for entry in entries.values()] == [date(2027, 3, 31)]
    assert {path.name for path in policy.sources} >= {"school.csv", "closed.csv", "people.csv"}


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ("", "the list is empty"),
        ("町丁目\n", "the list is empty"),
        ("丁目\n八幡\n", "unknown column `丁目`"),
        ("町丁目\n八幡,余り\n", "`余り` stands in no column"),
    ],
)
def test_a_slip_in_a_list_has_its_place(tmp_path: Path, sheet: str, said: str) -> None:
    """The file, the line and the cell."""
    (tmp_path / "school.csv").write_text(sheet, "utf-8")
    text = (
        "policy: p\npurpose: {ja: x}\nconditions:\n  school: {town: {of: 千葉県市川市, in: school.csv}}\n"
        "rules:\n  - {name: r, require: [school]}\n"
    )
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=tmp_path)

    assert policy is None
    assert any(said in str(mistake) and "school.csv" in str(mistake) for mistake in mistakes)


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
        ("{age: 18}", "`18` has no key, write `age: {at_least: 18}`"),
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
