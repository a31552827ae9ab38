"""A day of birth with unknown parts stands for every day it can mean."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Birthdate


@given(st.dates())
def test_a_known_day_means_itself(day: date) -> None:
    """Nothing is unknown, so earliest, latest and exact are one day."""
    born = Birthdate(day.year, day.month, day.day)

    assert born.earliest == born.latest == born.exact == day


@given(st.integers(1, 9998), st.integers(1, 12))
def test_an_unknown_day_is_any_of_its_month(year: int, month: int) -> None:
    """The month begins at `earliest` and ends at `latest`; February knows its leap years."""
    born = Birthdate(year, month)

    assert born.exact is None
    assert (born.earliest.month, born.earliest.day) == (month, 1)
    assert (born.latest + timedelta(days=1)).day == 1
    assert (born.latest.year, born.latest.month) == (year, month)


def test_an_unknown_month_is_the_whole_year() -> None:
    """The first and the last day of the year."""
    born = Birthdate(1950)

    assert (born.earliest, born.latest, born.exact) == (date(1950, 1, 1), date(1950, 12, 31), None)


@pytest.mark.parametrize(
    "parts",
    [
        (2023, 2, 29),
        (2024, 13, 1),
        (2024, 0, 1),
        (2024, 1, 0),
        (2024, 0, None),
        (0, 1, 1),
        (10_000, 1, 1),
        (2024, None, 1),
        (2024, 4, 31),
    ],
)
def test_a_day_that_is_none_is_refused(parts: tuple[int, int | None, int | None]) -> None:
    """A day without its month says nothing, and a calendar has no other days."""
    with pytest.raises(ValueError, match=r"."):
        Birthdate(*parts)
