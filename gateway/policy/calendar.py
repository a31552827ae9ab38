"""The days of a calendar that opening hours speak of: weekdays, their number in a month, and holidays (祝日).

Holidays are those of 国民の祝日に関する法律, with 振替休日 and 国民の休日. `jpholiday` knows them by the law, so they
need no file; the days of the equinoxes are fixed by a notice of the year before and computed until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import jpholiday

LAST = -1
"""Stands for the last of its kind in a month."""

MOST_IN_A_MONTH = 5
"""A weekday comes at most five times in a month."""

_WEEK = timedelta(days=7)


@lru_cache(maxsize=512)
def is_holiday(day: date) -> bool:
    """Say whether a day is a holiday (祝日, 振替休日 or 国民の休日)."""
    return bool(jpholiday.is_holiday(day))


@dataclass(frozen=True, slots=True)
class Days:
    """A choice of days; a day that any part names is one of them."""

    weekdays: frozenset[int] = frozenset()
    """Days of the week, Monday 0."""
    numbered: frozenset[tuple[int, int]] = frozenset()
    """Number in the month, 1 to 5 or `LAST`, and day of the week: (3, 0) is the third Monday."""
    holidays: bool = False
    no_holidays: bool = False
    """Holidays are not among them (祝日を除く). With nothing else, every other day is."""

    def has(self, day: date) -> bool:
        """Say whether a day is one of them."""
        weekday = day.weekday()
        if self.no_holidays and is_holiday(day):
            return False
        if not (self.weekdays or self.numbered or self.holidays):
            return self.no_holidays
        if weekday in self.weekdays or (self.numbered and self._is_numbered(day, weekday)):
            return True
        return self.holidays and is_holiday(day)

    def _is_numbered(self, day: date, weekday: int) -> bool:
        last = (day + _WEEK).month != day.month
        return ((day.day - 1) // 7 + 1, weekday) in self.numbered or (last and (LAST, weekday) in self.numbered)
