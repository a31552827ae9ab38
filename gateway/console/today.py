"""The numbers of today: metrics count from the start of the gateway, and people ask for the day in Japan.

The console looks at the numbers every minute, and at midnight keeps them to count from. A gateway that started today
counts from its start, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.console.numbers import Numbers
from gateway.instant import Instant, start_of, tokyo_day

LOOK_EVERY = 60.0
"""Seconds between two looks at the numbers."""


@dataclass(frozen=True, slots=True)
class SinceThen:
    """Numbers that have grown since a moment."""

    numbers: Numbers
    since: Instant


class Today:
    """Remembers the numbers with which the day began."""

    def __init__(self, started_at: Instant) -> None:
        self._began_at = started_at
        self._day: date = tokyo_day(started_at)
        self._then = Numbers(())
        self._last = self._then

    def look(self, numbers: Numbers, now: Instant) -> SinceThen:
        """Take the numbers as they are now, and return what was added to them today."""
        if (day := tokyo_day(now)) != self._day:
            # The numbers of the last look before midnight: at most a minute of yesterday is counted as today.
            self._day, self._began_at, self._then = day, start_of(day), self._last
        self._last = numbers
        return SinceThen(numbers.since(self._then), self._began_at)
