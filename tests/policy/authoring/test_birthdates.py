from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import EARLIEST_YEAR, Birthdate, Identity, Scope
from gateway.instant import start_of
from gateway.policy.age import AgeOneOf, AgeRange, CountedFrom
from gateway.policy.authoring.birthdates import Passing, age_tables
from gateway.policy.conditions import Age, Born, Condition, Context, Surroundings
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Truth
from gateway.yaml.mistakes import Mistakes

TODAY = date(2026, 11, 23)
RULES = "rules:\n  - {name: all, allow: signed_in}\n"


def policy_of(condition: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(f"policy: p\nconditions:\n  a: {condition}\n{RULES}", mistakes)
    assert policy is not None, mistakes.say()
    return policy


def rows_of(condition: str, today: date = TODAY) -> tuple[Passing, ...]:
    (table,) = age_tables(policy_of(condition), today)
    return table.rows


def test_an_age_has_the_youngest_who_passes_today() -> None:
    """A person of 18 since today passes, and one born a day later does not."""
    assert rows_of("{age: {at_least: 18}}") == (Passing(None, date(2008, 11, 23), None, 18),)


def test_the_eve_is_a_day_earlier() -> None:
    """By the law of ages a person reaches an age on the eve of the birthday."""
    assert rows_of("{age: {at_least: 18, counted_from: eve}}")[0].last == date(2008, 11, 24)


def test_a_class_of_a_school_has_two_ends() -> None:
    """Pupils of grade schools in the fiscal year 2026."""
    rows = rows_of("{age: {at_least: 6, below: 12, counted_from: next_april}}")

    assert rows == (Passing(date(2014, 4, 2), date(2020, 4, 1), 12, 6),)


def test_single_ages_have_a_row_each() -> None:
    """A check-up at 40, 45 and 50 years."""
    rows = rows_of("{age: {in: [40, 45, 50]}}")

    assert [(row.oldest, row.youngest) for row in rows] == [(50, 50), (45, 45), (40, 40)]


def test_dates_of_a_notice_are_as_they_are_written() -> None:
    """`born` needs no search."""
    assert rows_of("{born: {until: 1957-04-01}}") == (Passing(None, date(1957, 4, 1), None, 69),)


def test_a_condition_about_something_else_has_no_table() -> None:
    """There is nothing to look up."""
    assert age_tables(policy_of("{switch: rain}"), TODAY) == ()


DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
RANGES = st.builds(
    AgeRange, st.integers(0, 100), st.one_of(st.none(), st.integers(101, 120)), st.sampled_from(CountedFrom)
) | st.builds(AgeOneOf, st.frozensets(st.integers(0, 110), min_size=1, max_size=4), st.sampled_from(CountedFrom))


@given(RANGES, DAYS, st.one_of(st.none(), DAYS), st.data())
def test_a_birthdate_is_in_a_row_exactly_if_the_condition_says_yes(
    ages: AgeRange | AgeOneOf, today: date, on: date | None, data: st.DataObject
) -> None:
    """The condition is asked as the gateway asks it. The days at the ends of each row are among the tried ones."""
    test = Age(ages, on)
    policy = Policy("p", (), conditions={"a": Condition("a", test)})
    (table,) = age_tables(policy, today)
    ends = [end for row in table.rows for end in (row.first, row.last) if end is not None]
    near = [end + timedelta(days=days) for end in ends for days in (-1, 0, 1)]
    tried = [*near, data.draw(st.dates(date(EARLIEST_YEAR, 1, 1), today))]
    for born in (day for day in tried if date(EARLIEST_YEAR, 1, 1) <= day <= today):
        listed = any(
            (row.first is None or row.first <= born) and (row.last is None or born <= row.last) for row in table.rows
        )
        person = Identity("c", "s", 0.0, frozenset(Scope), birthdate=Birthdate(born.year, born.month, born.day))
        context = Context(person, start_of(today), "192.0.2.1", Surroundings())
        assert listed is (test.ask(context).truth is Truth.YES), (born, table)


def test_a_born_condition_is_one_too() -> None:
    """The table is of every condition by which a birthdate decides."""
    (table,) = age_tables(policy_of("{born: {from: 2000-01-01}}"), TODAY)

    assert isinstance(table.condition.test, Born)
    assert table.rows[0].first == date(2000, 1, 1)
