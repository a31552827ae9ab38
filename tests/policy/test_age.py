"""Age as the law counts it, against what notices and elections say and against an oracle that counts days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import EARLIEST_YEAR, Birthdate
from gateway.policy.age import (
    AgeOneOf,
    AgeRange,
    Answer,
    BornRange,
    CountedFrom,
    age_on,
    first_day,
    next_birthday,
    on_day,
)
from gateway.policy.verdict import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)


def exact(day: date) -> Birthdate:
    return Birthdate(day.year, day.month, day.day)


def at_least(years: int, born: str, today: str, counted_from: str = "birthday") -> Truth:
    birthdate = exact(date.fromisoformat(born))
    return AgeRange(years, None, CountedFrom(counted_from)).of(birthdate, date.fromisoformat(today)).truth


@pytest.mark.parametrize(
    ("years", "counted_from", "born", "first"),
    [
        (18, "birthday", "2004-02-29", "2022-03-01"),
        (20, "birthday", "2004-02-29", "2024-02-29"),
        (18, "birthday", "2008-11-23", "2026-11-23"),
        (20, "birthday", "2006-03-01", "2026-03-01"),
        (18, "eve", "1998-07-11", "2016-07-10"),
        (18, "eve", "2004-02-29", "2022-02-28"),
        (20, "eve", "2004-02-29", "2024-02-28"),
        (65, "eve", "1961-01-01", "2025-12-31"),
        (70, "month", "1956-05-01", "2026-04-01"),
        (70, "month", "1956-05-02", "2026-05-01"),
        (70, "month", "1956-05-31", "2026-05-01"),
        (70, "month", "1956-01-01", "2025-12-01"),
        (65, "fiscal_year", "1957-04-01", "2021-04-01"),
        (65, "fiscal_year", "1957-04-02", "2022-04-01"),
        (65, "fiscal_year", "1956-04-02", "2021-04-01"),
        (15, "next_april", "2009-04-01", "2024-04-01"),
        (15, "next_april", "2009-04-02", "2025-04-01"),
        (18, "next_april", "2006-04-01", "2024-04-01"),
        (18, "next_april", "2006-04-02", "2025-04-01"),
        (6, "next_april", "2018-04-01", "2024-04-01"),
        (6, "next_april", "2018-04-02", "2025-04-01"),
        (7, "next_april", "2017-04-01", "2024-04-01"),
        (7, "next_april", "2017-04-02", "2025-04-01"),
    ],
)
def test_the_first_day_of_an_age_is_the_notices_day(years: int, counted_from: str, born: str, first: str) -> None:
    """Cases from statutes and notices: no the day before, yes on the day."""
    day = date.fromisoformat(first)

    assert at_least(years, born, str(day), counted_from) is Truth.YES
    assert at_least(years, born, str(day - DAY), counted_from) is Truth.NO


def oracle_reached(born: date) -> Iterator[tuple[int, date]]:
    """Count days from birth on: an age is complete at the end of the day before the corresponding date.

    民法143条2項: where the last month has no corresponding date, the period ends on that month's last day.
    """
    day = born
    years = 0
    while years <= 3 or day.year <= born.year + 90:
        tomorrow = day + DAY
        corresponds = (tomorrow.month, tomorrow.day) == (born.month, born.day)
        no_such_day = (born.month, born.day) == (2, 29) and (day.month, day.day) == (2, 28) and tomorrow.day == 1
        if day > born and (corresponds or no_such_day):
            years += 1
            yield years, day
        day = tomorrow


def oracle_first_day(eve: date, counted_from: CountedFrom, born: date) -> date:
    """Walk from the eve, a day at a time, to the day from which the age counts."""
    day = eve
    if counted_from is CountedFrom.BIRTH_MONTH:
        while day.month != born.month:
            day += DAY
        while day.day != 1:
            day -= DAY
        return day
    if counted_from is CountedFrom.NEXT_MONTH:
        while day.month == eve.month:
            day += DAY
        return day
    if counted_from is CountedFrom.BIRTHDAY:
        return day + DAY
    if counted_from is CountedFrom.NEXT_APRIL:
        day += DAY
        while (day.month, day.day) != (4, 1):
            day += DAY
        return day
    while counted_from is CountedFrom.MONTH and day.day != 1:
        day -= DAY
    while counted_from is CountedFrom.FISCAL_YEAR and (day.month, day.day) != (4, 1):
        day -= DAY
    return day


@pytest.mark.parametrize(
    "born", [date(2004, 2, 29), date(2003, 2, 28), date(2003, 3, 1), date(1999, 12, 31), date(2000, 1, 1)]
)
def test_every_age_of_a_life_agrees_with_counting_days(born: date) -> None:
    """The hard birthdays, every age of ninety years, every way of counting."""
    for years, eve in oracle_reached(born):
        for counted_from in CountedFrom:
            assert first_day(born, years, counted_from) == oracle_first_day(eve, counted_from, born)


@pytest.mark.parametrize(
    ("born", "years", "counted_from", "first"),
    [
        # 70歳の誕生日の翌月1日から（1日生まれの方はその月の1日から）
        (date(1956, 5, 20), 70, CountedFrom.NEXT_MONTH, date(2026, 6, 1)),
        (date(1956, 5, 1), 70, CountedFrom.NEXT_MONTH, date(2026, 5, 1)),
        (date(1956, 12, 31), 70, CountedFrom.NEXT_MONTH, date(2027, 1, 1)),
        (date(1956, 2, 29), 70, CountedFrom.NEXT_MONTH, date(2026, 3, 1)),
        # 誕生月の初日から
        (date(1956, 5, 20), 70, CountedFrom.BIRTH_MONTH, date(2026, 5, 1)),
        (date(1956, 5, 1), 70, CountedFrom.BIRTH_MONTH, date(2026, 5, 1)),
        (date(1956, 2, 29), 70, CountedFrom.BIRTH_MONTH, date(2026, 2, 1)),
        (date(1956, 1, 1), 70, CountedFrom.BIRTH_MONTH, date(2026, 1, 1)),
        # The month of the eve, as 東京都シルバーパス counts: a month earlier for a person born on the 1st.
        (date(1956, 5, 1), 70, CountedFrom.MONTH, date(2026, 4, 1)),
    ],
)
def test_months_count_as_ordinances_say(born: date, years: int, counted_from: CountedFrom, first: date) -> None:
    """By hand, with the birthdays on which the ways differ."""
    assert first_day(born, years, counted_from) == first


@pytest.mark.parametrize("age", range(38, 54))
def test_one_of_several_ages_is_each_of_them(age: int) -> None:
    """節目健診 at 40, 45 and 50: yes for a whole year of life each time, and no between them."""
    ages = AgeOneOf(frozenset({40, 45, 50}))
    birthday = date(1980 + age, 7, 10)
    for day in (birthday, birthday + timedelta(days=200), date(1981 + age, 7, 9)):
        answer = ages.of(Birthdate(1980, 7, 10), day)
        assert answer.truth is (Truth.YES if age in (40, 45, 50) else Truth.NO)
        assert answer.changes is None or answer.changes > day


def test_an_age_in_a_fiscal_year_is_one_of_several() -> None:
    """その年度に40歳・45歳になる方: everybody of one school year, on every day of it."""
    ages = AgeOneOf(frozenset({40, 45}), CountedFrom.FISCAL_YEAR)
    for born, truth in (
        (Birthdate(1986, 4, 2), Truth.YES),
        (Birthdate(1987, 4, 1), Truth.YES),
        (Birthdate(1987, 4, 2), Truth.NO),
    ):
        assert {ages.of(born, day).truth for day in (date(2026, 4, 1), date(2027, 3, 31))} == {truth}
    assert ages.of(Birthdate(1986), date(2026, 4, 1)).truth is Truth.UNKNOWN
    assert ages.of(None, date(2026, 4, 1)).truth is Truth.UNKNOWN


def test_an_age_on_a_stated_day_does_not_move() -> None:
    """投票日の時点で満18歳以上: the same answer months before and after; the eve of the birthday decides."""
    ages, poll = AgeRange(18, None, CountedFrom.EVE), date(2027, 4, 11)
    for today in (date(2026, 11, 29), poll, date(2030, 1, 1)):
        assert on_day(ages, Birthdate(2009, 4, 12), poll, today) == Answer(Truth.YES)
        assert on_day(ages, Birthdate(2009, 4, 13), poll, today) == Answer(Truth.NO)
        assert on_day(ages, None, poll, today).truth is Truth.UNKNOWN
    # A birthdate to come is no person's, and one after the stated day is of no age then.
    assert on_day(AgeRange(None, 6), Birthdate(2027, 1, 1), poll, date(2026, 11, 29)).truth is Truth.UNKNOWN
    assert on_day(AgeRange(None, 6), Birthdate(2027, 5, 1), poll, date(2030, 1, 1)).truth is Truth.UNKNOWN


def test_every_birthday_of_two_centuries_agrees_with_the_oracle() -> None:
    """Every birthday from 1900 to 2100 and the ages notices speak of; the eve is found by stepping days."""
    born = date(1900, 1, 1)
    while born <= date(2100, 12, 31):
        for years in (6, 18, 20, 65):
            # Step back from the first day that is not before the corresponding date.
            day = date(born.year + years, born.month, 1)
            while (day.month, day.day) < (born.month, born.day):
                day += DAY
            eve = day - DAY
            if (born.month, born.day) == (2, 29):
                eve = date(born.year + years, 2, 28)
            assert first_day(born, years, CountedFrom.EVE) == eve
            assert first_day(born, years, CountedFrom.BIRTHDAY) == eve + DAY
            april = date(eve.year, 4, 1)
            fiscal = april if eve >= april else date(eve.year - 1, 4, 1)
            assert first_day(born, years, CountedFrom.FISCAL_YEAR) == fiscal
            assert first_day(born, years, CountedFrom.NEXT_APRIL) == date(fiscal.year + 1, 4, 1)
            assert first_day(born, years, CountedFrom.MONTH) == date(eve.year, eve.month, 1)
            following = date(eve.year + eve.month // 12, eve.month % 12 + 1, 1)
            assert first_day(born, years, CountedFrom.NEXT_MONTH) == following
        born += DAY


DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
RANGES = st.builds(
    lambda low, width, counted: AgeRange(low, low + width, counted),
    st.integers(0, 100),
    st.integers(1, 40),
    st.sampled_from(CountedFrom),
)


def every_reading(birthdate: Birthdate, today: date) -> list[date]:
    days = (birthdate.latest - birthdate.earliest).days
    return [day for n in range(days + 1) if (day := birthdate.earliest + n * DAY) <= today]


@given(RANGES, DAYS, st.booleans(), DAYS)
def test_unknown_parts_decide_only_what_every_reading_decides(
    ages: AgeRange, born: date, month_known: bool, today: date
) -> None:
    """Yes or no where all days it can mean agree, unknown where they do not."""
    birthdate = Birthdate(born.year, born.month if month_known else None)
    answers = {ages.of(exact(day), today).truth for day in every_reading(birthdate, today)}

    answer = ages.of(birthdate, today).truth

    expected = answers.pop() if len(answers) == 1 else Truth.UNKNOWN
    assert answer is expected


@given(RANGES, DAYS, st.sampled_from(["exact", "month", "year"]), DAYS)
def test_an_answer_holds_until_it_says(ages: AgeRange, born: date, known: str, today: date) -> None:
    """On no day before `changes` does the same person hear anything else."""
    birthdate = {
        "exact": exact(born),
        "month": Birthdate(born.year, born.month),
        "year": Birthdate(born.year),
    }[known]

    answer = ages.of(birthdate, today)

    end = answer.changes or date(today.year + 150, 1, 1)
    assert end > today
    for share in (1, 2, 3, 5, 8, 13):
        day = today + ((end - DAY) - today) / share
        assert ages.of(birthdate, day).truth is answer.truth


@given(DAYS, DAYS, st.integers(0, 110), st.sampled_from(CountedFrom))
def test_at_least_and_below_exclude_each_other(born: date, today: date, years: int, counted: CountedFrom) -> None:
    """A person of at least N is not below N, and everyone born by today is one of the two."""
    old = AgeRange(years, None, counted).of(exact(born), today).truth
    young = AgeRange(None, years, counted).of(exact(born), today).truth

    if born > today:
        assert {old, young} == {Truth.UNKNOWN}
    else:
        assert {old, young} == {Truth.YES, Truth.NO}


def test_no_birthdate_is_unknown_and_never_a_yes() -> None:
    """A birthdate that is missing, in the future or in another era decides nothing."""
    young = AgeRange(None, 18)
    today = date(2026, 11, 23)

    assert young.of(None, today).truth is Truth.UNKNOWN
    assert young.of(Birthdate(2026, 11, 24), today).truth is Truth.UNKNOWN
    assert AgeRange(18).of(Birthdate(1, 1, 1), today).truth is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("since", "until", "birthdate", "truth"),
    [
        (None, "1957-04-01", Birthdate(1957, 4, 1), Truth.YES),
        (None, "1957-04-01", Birthdate(1957, 4, 2), Truth.NO),
        ("2006-04-02", "2009-04-01", Birthdate(2006, 4, 2), Truth.YES),
        ("2006-04-02", "2009-04-01", Birthdate(2006, 4, 1), Truth.NO),
        (None, "1957-04-01", Birthdate(1957), Truth.UNKNOWN),
        (None, "1957-04-01", Birthdate(1956), Truth.YES),
        (None, "1957-04-01", Birthdate(1957, 5), Truth.NO),
        (None, "1957-04-01", None, Truth.UNKNOWN),
    ],
)
def test_born_includes_both_days(since: str | None, until: str, birthdate: Birthdate | None, truth: Truth) -> None:
    """A notice's dates, copied: both days belong, an unknown part decides only what all its days decide."""
    born = BornRange(None if since is None else date.fromisoformat(since), date.fromisoformat(until))

    assert born.of(birthdate) is truth


@given(DAYS, DAYS)
def test_the_age_told_changes_on_the_next_birthday(born: date, today: date) -> None:
    """The number is right until `next_birthday`, and higher by one from then on."""
    birthdate = exact(born)
    age, turns = age_on(birthdate, today), next_birthday(birthdate, today)

    if born > today:
        assert age is None
        return

    assert age is not None
    assert turns is not None
    assert age_on(birthdate, turns - DAY) == age
    assert age_on(birthdate, turns) == age + 1
    assert 0 <= age <= today.year - born.year


def test_an_age_that_readings_disagree_on_is_not_told() -> None:
    """Born some day in 1980: 45 or 46 in November 2026, so no number; and none for a year all agree on is hidden."""
    assert age_on(Birthdate(1980), date(2026, 11, 23)) is None
    assert age_on(Birthdate(1980), date(2026, 12, 31)) == 46


TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("ages", "birthdate", "answer"),
    [
        (AgeRange(18), Birthdate(2008, 11, 24), Answer(Truth.NO, date(2026, 11, 24))),
        (AgeRange(18), Birthdate(2008, 11, 23), Answer(Truth.YES)),
        (AgeRange(None, 65), Birthdate(1961, 11, 24), Answer(Truth.YES, date(2026, 11, 24))),
        (AgeRange(18, 65), Birthdate(1961, 11, 23), Answer(Truth.NO)),
        # Born on a day in November, or in 2008: only the last possible day decides.
        (AgeRange(18), Birthdate(2008, 11), Answer(Truth.UNKNOWN, date(2026, 11, 30))),
        (AgeRange(18), Birthdate(2008), Answer(Truth.UNKNOWN, date(2026, 12, 31))),
        (AgeRange(18, 65), Birthdate(2008), Answer(Truth.UNKNOWN, date(2026, 12, 31))),
        (AgeRange(None, 18), Birthdate(2008), Answer(Truth.UNKNOWN, date(2026, 12, 31))),
        # Born today, and a card from the future, which says something only from then on.
        (AgeRange(18), Birthdate(2026, 11, 23), Answer(Truth.NO, date(2044, 11, 23))),
        (AgeRange(None, 6), Birthdate(2026, 11), Answer(Truth.YES, date(2026, 11, 24))),
        (AgeRange(18), Birthdate(2026, 11, 24), Answer(Truth.UNKNOWN, date(2026, 11, 24))),
        (AgeRange(18), Birthdate(EARLIEST_YEAR, 1, 1), Answer(Truth.YES)),
        (AgeRange(18), Birthdate(EARLIEST_YEAR - 1, 12, 31), Answer(Truth.UNKNOWN)),
        (AgeRange(18), None, Answer(Truth.UNKNOWN)),
    ],
)
def test_an_age_is_answered_with_the_day_on_which_it_may_change(
    ages: AgeRange, birthdate: Birthdate | None, answer: Answer
) -> None:
    """The gateway keeps the answer until that day, and asks no calendar before."""
    assert ages.of(birthdate, TODAY) == answer


def test_born_is_answered_from_the_first_year_that_a_card_can_have() -> None:
    """An older date is a card's mistake, and decides nothing."""
    assert BornRange(until=TODAY).of(Birthdate(EARLIEST_YEAR, 1, 1)) is Truth.YES
    assert BornRange(until=TODAY).of(Birthdate(EARLIEST_YEAR - 1, 12, 31)) is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("birthdate", "age", "changes"),
    [
        (None, None, None),
        (Birthdate(EARLIEST_YEAR - 1, 12, 31), None, None),
        (Birthdate(2026, 11, 24), None, None),
        (Birthdate(2026, 11, 23), 0, date(2027, 11, 23)),
        (Birthdate(2026, 11), 0, date(2026, 11, 24)),
        (Birthdate(1986, 11, 24), 39, date(2026, 11, 24)),
        (Birthdate(1986), None, date(2026, 12, 31)),
    ],
)
def test_the_age_that_is_told_is_kept_until_it_may_change(
    birthdate: Birthdate | None, age: int | None, changes: date | None
) -> None:
    """An unknown birthdate tells no age, and changes nothing."""
    assert age_on(birthdate, TODAY) == age
    assert next_birthday(birthdate, TODAY) == changes
