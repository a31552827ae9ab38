"""Moments are held against Japan's calendar, and against clocks that differ."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.instant import CLOCKS_DIFFER, LATEST, began, is_instant, start_of, tokyo_day, tokyo_time


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -1.0, LATEST + 1, 1e300])
def test_what_no_calendar_has_is_no_moment(value: float) -> None:
    """A number in somebody else's file may be anything."""
    assert not is_instant(value)


def test_the_ends_of_the_calendar_are_moments() -> None:
    """The first and the last moment are still moments, and a calendar shows both."""
    assert is_instant(0.0)
    assert is_instant(LATEST)
    assert tokyo_time(LATEST).year == 9999


@given(st.floats(0, LATEST - 86_400))
def test_a_day_begins_before_its_moments(now: float) -> None:
    """Every moment lies between the beginning of its day in Japan and that of the next."""
    day = tokyo_day(now)

    assert start_of(day) <= now < start_of(day + timedelta(days=1))


def test_a_day_in_japan_begins_nine_hours_early() -> None:
    """15:00 UTC is midnight in Tokyo."""
    midnight = datetime(2026, 3, 31, 15, tzinfo=UTC).timestamp()

    assert start_of(date(2026, 4, 1)) == midnight
    assert tokyo_day(midnight) == date(2026, 4, 1)
    assert tokyo_day(midnight - 1) == date(2026, 3, 31)
    assert tokyo_time(midnight).hour == 0


def test_clocks_may_differ_by_a_minute() -> None:
    """A beginning up to a minute ahead of our clock has begun; a later one comes from a clock that ran ahead."""
    assert began(100.0, 100.0)
    assert began(100.0 + CLOCKS_DIFFER, 100.0)
    assert not began(100.1 + CLOCKS_DIFFER, 100.0)
