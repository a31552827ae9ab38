from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Birthdate
from gateway.instant import LATEST, start_of
from gateway.portal.language import Language
from gateway.portal.times import about, birthdate, moment, span
from tests.builders import NOON

DAY = 86_400.0


@pytest.mark.parametrize(
    ("seconds", "ja", "en"),
    [
        (1, "1分", "1 minute"),
        (300, "5分", "5 minutes"),
        (301, "6分", "6 minutes"),
        (5_401, "2時間", "2 hours"),
        (259_196, "3日", "3 days"),
    ],
)
def test_a_length_of_time_is_said_in_the_unit_that_people_use(seconds: float, ja: str, en: str) -> None:
    """It is rounded up, so that nobody is told to wait once more."""
    assert (span(seconds, Language.JA), span(seconds, Language.EN)) == (ja, en)


@pytest.mark.parametrize(
    ("later", "ja", "en"),
    [
        (3_600 * 3, "今日の15時", "15:00 today"),
        (1_800, "今日の12時30分", "12:30 today"),
        (8 * DAY + 9 * 3_600, "12月1日（火）21時", "Tuesday, 1 December, 21:00"),
        (60 * DAY, "2027年1月22日（金）12時", "Friday, 22 January 2027, 12:00"),
    ],
)
def test_a_moment_is_said_with_as_much_of_its_date_as_is_needed(later: float, ja: str, en: str) -> None:
    """The time is Japan's on every machine."""
    assert (moment(NOON + later, NOON, Language.JA).text, moment(NOON + later, NOON, Language.EN).text) == (ja, en)


def test_a_planned_end_is_said_to_the_hour() -> None:
    """Nobody comes back a minute too early."""
    assert about(NOON + 1, NOON, Language.JA).text == "今日の13時"
    assert about(NOON, NOON, Language.JA).text == "今日の12時"


@pytest.mark.parametrize(
    ("born", "ja"),
    [
        (Birthdate(1985, 4, 1), "1985年（昭和60年）4月1日"),
        (Birthdate(1989, 1, 7), "1989年（昭和64年）1月7日"),
        (Birthdate(1989, 1, 8), "1989年（平成元年）1月8日"),
        (Birthdate(1926, 12, 25), "1926年（昭和元年）12月25日"),
        (Birthdate(2019, 5, 1), "2019年（令和元年）5月1日"),
        (Birthdate(1912, 7), "1912年7月（日は不詳）"),
        (Birthdate(1989), "1989年（月日は不詳）"),
        (Birthdate(1946), "1946年（昭和21年）（月日は不詳）"),
        (Birthdate(1868), "1868年（明治元年）（月日は不詳）"),
    ],
)
def test_a_birthdate_has_the_year_of_its_era(born: Birthdate, ja: str) -> None:
    """An era is named if every reading of the date falls in it, and is never guessed."""
    assert birthdate(born, Language.JA) == ja


@given(st.dates(date(1868, 1, 2), date(2100, 12, 31)))
def test_eras_follow_each_other_without_a_gap(day: date) -> None:
    """The next day has the same era and year, or the next year, or the first year of the next era."""

    def of(each: date) -> str:
        return birthdate(Birthdate(each.year, each.month, each.day), Language.JA).split("（")[1].split("）")[0]

    before, after = of(day - timedelta(1)), of(day)
    assert before
    assert after
    assert before == after or after.endswith("元年") or (day.month, day.day) == (1, 1)


@given(st.floats(0, LATEST - 4 * DAY), st.floats(0, 3 * DAY))
def test_no_time_is_said_in_seconds(now: float, later: float) -> None:
    """In no language, for no moment and no length."""
    for language in Language:
        texts = (moment(now + later, now, language).text, about(now + later, now, language).text, span(later, language))
        assert not any("秒" in text or "second" in text for text in texts)


def test_midnight_belongs_to_the_new_day() -> None:
    """The first moment of a day is not the last one of the day before."""
    assert moment(start_of(date(2026, 11, 24)), NOON, Language.JA).text == "11月24日（火）0時"
