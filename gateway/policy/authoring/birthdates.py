"""Finds the birthdates at which a condition of age changes its answer on a day: the rows that an office checks by hand.

The condition itself answers for each birthdate. This module only finds where to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import assert_never

from gateway.identity import EARLIEST_YEAR, Birthdate
from gateway.policy.age import AgeOneOf, AgeRange, Ages, CountedFrom, age_on, first_day, on_day
from gateway.policy.conditions import Age, Born, Condition
from gateway.policy.policy import Policy
from gateway.policy.verdict import Truth

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Passing:
    """Birthdates in a row that pass a condition on a day, both included."""

    first: date | None
    """The oldest person's; `None`: however old."""
    last: date | None
    """The youngest person's; `None`: however young."""
    oldest: int | None
    """Her age on that day by the birthday."""
    youngest: int | None


@dataclass(frozen=True, slots=True)
class AgeTable:
    """One condition of a policy, with the birthdates that pass it on a day."""

    name: str
    condition: Condition
    day: date
    """The day that the ages are of: a stated day, or today."""
    rows: tuple[Passing, ...]


def age_tables(policy: Policy, today: date) -> tuple[AgeTable, ...]:
    """Return a table for each condition of a policy that tests an age or a date of birth."""
    found = []
    for name, condition in policy.conditions.items():
        match condition.test:
            case Age(on=on) as test:
                found.append(AgeTable(name, condition, on or today, tuple(_rows(test, today))))
            case Born(range=born):
                ages = (_age(born.since, today), _age(born.until, today))
                found.append(AgeTable(name, condition, today, (Passing(born.since, born.until, *ages),)))
            case _:
                pass
    return tuple(found)


def _rows(test: Age, today: date) -> Iterator[Passing]:
    """Give the stretches of birthdates that pass."""
    day = test.on or today
    last = min(day, today)
    # Between two turning points every birthdate has the same answer, so the first of each stretch speaks for all.
    points = sorted({date(EARLIEST_YEAR, 1, 1), *_turning_points(test, day, last)})
    begun: date | None = None
    for point in points:
        passes = _truth(test, point, today) is Truth.YES
        if passes and begun is None:
            begun = point
        elif not passes and begun is not None:
            yield _passing(begun, point - _ONE_DAY, day)
            begun = None
    if begun is not None:
        # A person who was born after a stated day that is over has no age on it.
        newest = last if day < today else None
        yield Passing(_open(begun), newest, _age(begun, day), _age(newest, day))


def _passing(first: date, last: date, day: date) -> Passing:
    return Passing(_open(first), last, _age(_open(first), day), _age(last, day))


def _open(first: date) -> date | None:
    return None if first == date(EARLIEST_YEAR, 1, 1) else first


def _age(born: date | None, day: date) -> int | None:
    return None if born is None else age_on(Birthdate(born.year, born.month, born.day), day)


def _truth(test: Age, born: date, today: date) -> Truth:
    birthdate = Birthdate(born.year, born.month, born.day)
    if test.on is None:
        return test.range.of(birthdate, today).truth
    return on_day(test.range, birthdate, test.on, today).truth


def _turning_points(test: Age, day: date, last: date) -> Iterator[date]:
    """Give the first birthdates that have not reached each age of a test on a day."""
    for years in _bounds(test.range):
        point = _first_too_young(years, test.range.counted_from, day, last)
        if point <= last:
            yield point


def _bounds(ages: Ages) -> frozenset[int]:
    match ages:
        case AgeRange(at_least=at_least, below=below):
            return frozenset(years for years in (at_least, below) if years is not None)
        case AgeOneOf(ages=each):
            return frozenset(bound for years in each for bound in (years, years + 1))
        case _:
            assert_never(ages)


def _first_too_young(years: int, counted_from: CountedFrom, day: date, last: date) -> date:
    """Return the first birthdate of a person who is not `years` old on a day: later born, later of age."""
    low, high = date(EARLIEST_YEAR, 1, 1).toordinal(), last.toordinal() + 1
    while low < high:
        middle = (low + high) // 2
        if first_day(date.fromordinal(middle), years, counted_from) <= day:
            low = middle + 1
        else:
            high = middle
    return date.fromordinal(low)
