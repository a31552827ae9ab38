"""The days of a calendar that opening hours speak of: weekdays, days of a month, holidays (祝日), and the days after.

Holidays are those of 国民の祝日に関する法律, with 振替休日 and 国民の休日. `jpholiday` knows them by the law, so they
need no file; the days of the equinoxes are fixed by a notice of the year before and computed until then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import jpholiday

LAST = -1
"""Stands for the last of its kind in a month."""

MOST_IN_A_MONTH = 5
"""A weekday comes at most five times in a month."""

LONGEST_MONTH = 31

WEEKDAYS = "月火水木金土日"
"""The days of the week as an office writes them, Monday first as in `date.weekday`."""

_WEEK = timedelta(days=7)
_ONE_DAY = timedelta(days=1)
_SATURDAY = 5


@lru_cache(maxsize=512)
def is_holiday(day: date) -> bool:
    """Say whether a day is a holiday (祝日, 振替休日 or 国民の休日)."""
    return bool(jpholiday.is_holiday(day))


def is_workday(day: date) -> bool:
    """Say whether a day is a 平日: from Monday to Friday, and no holiday."""
    return day.weekday() < _SATURDAY and not is_holiday(day)


@dataclass(frozen=True, slots=True)
class Days:
    """A choice of days; a day that any part names is one of them."""

    weekdays: frozenset[int] = frozenset()
    """Days of the week, Monday 0."""
    numbered: frozenset[tuple[int, int]] = frozenset()
    """Number in the month, 1 to 5 or `LAST`, and day of the week: (3, 0) is the third Monday."""
    of_month: frozenset[int] = frozenset()
    """Days of each month, 1 to 31, and `LAST` for the last one. A month without a 31st has none."""
    holidays: bool = False
    after_holidays: bool = False
    """The day after each holiday (祝日の翌日), on any day of the week."""
    workdays_after_holidays: bool = False
    """The first 平日 after each holiday (祝日の翌平日)."""
    moved: tuple[Moved, ...] = ()
    no_holidays: bool = False
    """Holidays are not among them (祝日を除く). With nothing else, every other day is."""

    def has(self, day: date) -> bool:
        """Say whether a day is one of them."""
        if self.no_holidays and is_holiday(day):
            return False
        if self._names_none:
            return self.no_holidays
        weekday = day.weekday()
        return (
            weekday in self.weekdays
            or (bool(self.numbered) and self._is_numbered(day, weekday))
            or (bool(self.of_month) and self._is_of_month(day))
            or (self.holidays and is_holiday(day))
            or (self.after_holidays and is_holiday(day - _ONE_DAY))
            or (self.workdays_after_holidays and _stands_for(day, -_ONE_DAY, is_holiday))
            or any(one.has(day) for one in self.moved)
        )

    @property
    def _names_none(self) -> bool:
        return not (
            self.weekdays
            or self.numbered
            or self.of_month
            or self.holidays
            or self.after_holidays
            or self.workdays_after_holidays
            or self.moved
        )

    def _is_numbered(self, day: date, weekday: int) -> bool:
        last = (day + _WEEK).month != day.month
        return ((day.day - 1) // 7 + 1, weekday) in self.numbered or (last and (LAST, weekday) in self.numbered)

    def _is_of_month(self, day: date) -> bool:
        return day.day in self.of_month or (LAST in self.of_month and (day + _ONE_DAY).month != day.month)


@dataclass(frozen=True, slots=True)
class Moved:
    """Days that give way to a 平日: 月曜日（祝日のときは翌平日）, 末日（土日祝のときは前平日）."""

    days: Days
    weekends: bool = False
    """Saturdays and Sundays give way, too."""
    backwards: bool = False
    """To the 平日 before, and not to the one after."""

    def has(self, day: date) -> bool:
        """Say whether a day is one of them, or stands for one that gave way."""
        if self.days.has(day) and not self._gives_way(day):
            return True
        return _stands_for(day, _ONE_DAY if self.backwards else -_ONE_DAY, self._is_one_that_gives_way)

    def _gives_way(self, day: date) -> bool:
        return is_holiday(day) or (self.weekends and day.weekday() >= _SATURDAY)

    def _is_one_that_gives_way(self, day: date) -> bool:
        return self._gives_way(day) and self.days.has(day)


def _stands_for(day: date, step: timedelta, is_meant: Callable[[date], bool]) -> bool:
    """Say whether a 平日 is the first one on its side of a day that is meant; `step` leads back to that day."""
    if not is_workday(day):
        return False
    other = day + step
    while not is_workday(other):
        if is_meant(other):
            return True
        other += step
    return False
