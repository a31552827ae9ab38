"""The days that opening hours speak of, against the government's own list and against counting."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.policy.calendar import LAST, Days, Moved, is_holiday, is_workday

YEAR_2026 = (
    """01-01 01-12 02-11 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 11-23"""
)
"""内閣府「国民の祝日」令和8年: 5月6日は振替休日、9月22日は国民の休日."""

DAYS = [date(2026, 1, 1) + timedelta(days) for days in range(3 * 365)]
HOLIDAYS = [day for number in range(-30, 3 * 365 + 30) if is_holiday(day := date(2026, 1, 1) + timedelta(number))]


def after(day: date, step: int = 1) -> date:
    """Count on, or back, to the next day from Monday to Friday that is no holiday."""
    day += timedelta(step)
    while day.weekday() >= 5 or is_holiday(day):
        day += timedelta(step)
    return day


def test_the_holidays_of_a_year_are_the_governments() -> None:
    """With the substitute of 6 May and the day between two holidays, 22 September."""
    found = {day for day in DAYS if day.year == 2026 and is_holiday(day)}
    assert found == {date.fromisoformat(f"2026-{day}") for day in YEAR_2026.split()}


def test_a_numbered_weekday_comes_once_a_month() -> None:
    """第3月曜 is between the 15th and the 21st; the last one is within the last seven days."""
    third, last = Days(numbered=frozenset({(3, 0)})), Days(numbered=frozenset({(LAST, 4)}))
    for year, month in {(day.year, day.month) for day in DAYS}:
        of_month = [day for day in DAYS if (day.year, day.month) == (year, month)]
        mondays = [day for day in of_month if day.weekday() == 0]
        fridays = [day for day in of_month if day.weekday() == 4]
        if of_month[-1].day >= 28:
            assert [day for day in of_month if third.has(day)] == [mondays[2]]
            assert [day for day in of_month if last.has(day)] == [fridays[-1]]


@pytest.mark.parametrize(
    ("days", "named"),
    [
        (Days(frozenset({0})), lambda day: day.weekday() == 0),
        (Days(frozenset({0}), holidays=True), lambda day: day.weekday() == 0 or is_holiday(day)),
        (Days(holidays=True), is_holiday),
        (Days(no_holidays=True), lambda day: not is_holiday(day)),
        (Days(frozenset(range(5)), no_holidays=True), lambda day: day.weekday() < 5 and not is_holiday(day)),
        (Days(numbered=frozenset({(5, 6)})), lambda day: day.weekday() == 6 and day.day > 28),
        (Days(of_month=frozenset({1, 31})), lambda day: day.day in {1, 31}),
        (Days(of_month=frozenset({LAST})), lambda day: (day + timedelta(1)).day == 1),
        (Days(after_holidays=True), lambda day: is_holiday(day - timedelta(1))),
        (Days(workdays_after_holidays=True), lambda day: any(after(other) == day for other in HOLIDAYS)),
    ],
    ids=[
        *("mondays", "mondays or holidays", "holidays", "no holidays", "working days", "fifth sundays"),
        *("days of a month", "last days", "days after holidays", "working days after holidays"),
    ],
)
def test_a_day_is_one_of_the_days(days: Days, named) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Three years, day by day."""
    assert [day for day in DAYS if days.has(day)] == [day for day in DAYS if named(day)]


@pytest.mark.parametrize("weekends", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    "days",
    [
        Days(frozenset({0})),
        Days(frozenset({5})),
        Days(numbered=frozenset({(3, 0)})),
        Days(of_month=frozenset({LAST})),
        Days(of_month=frozenset({10, 23})),
    ],
    ids=["mondays", "saturdays", "third mondays", "last days", "days of a month"],
)
def test_a_day_gives_way_to_a_working_day(days: Days, *, weekends: bool, backwards: bool) -> None:
    """Three years, day by day, against counting on from each day that gives way."""
    moved = Days(moved=(Moved(days, weekends, backwards),))
    around = [date(2026, 1, 1) + timedelta(number) for number in range(-30, 3 * 365 + 30)]
    stays = {d for d in around if days.has(d) and not (is_holiday(d) or (weekends and d.weekday() >= 5))}
    instead = {after(d, -1 if backwards else 1) for d in around if days.has(d) and d not in stays}

    assert [day for day in DAYS if moved.has(day)] == [day for day in DAYS if day in stays | instead]
    assert all(is_workday(day) for day in instead)
