"""Days, times and numbers in other forms have one meaning, or a reason why they have none."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.reading.meant import (
    day_of,
    era_day,
    is_certain,
    meant_ages,
    meant_clock,
    meant_day,
    meant_duration,
    meant_hours,
    meant_moment,
    meant_network,
    meant_number,
    meant_seconds,
    why_no_day,
)

DAYS = st.dates(date(1868, 1, 25), date(2099, 12, 31))


@given(DAYS)
def test_the_day_of_an_era_is_the_day(day: date) -> None:
    """Every day since 明治 comes back from the paper of an authority, also in full-width digits and without 元."""
    paper = era_day(day)

    assert meant_day(paper) == day.isoformat()
    assert meant_day(
        paper.replace("元年", "1年").translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    ) == str(day)
    assert day_of(day.isoformat()) == day


@given(DAYS)
def test_excel_counts_the_same_days(day: date) -> None:
    """The message for a serial number names the day of that number, from 1900 and from 1904."""
    serial = (day - date(1899, 12, 30)).days
    if serial < 10_000:
        return
    _, remedy = why_no_day(str(serial))

    assert f"`{day}`" in remedy.en
    assert f"`{day + timedelta(days=1462)}`" in remedy.en


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-12-01(月)", "2026-12-01 is a 火"),
        ("2026年13月1日", "there is no month 13"),
        ("令和7年2月29日", "2025-02 has 28 days"),
        ("平成40年1月1日", "平成 began on 1989-01-08 and ended on 2019-04-30"),
        ("令和8年度", "is not a day but a period"),
        ("12月1日から12月10日", "is not a day but a period"),
        ("1/4/2026", "its year stands last"),
        ("8.4.1", "is not a day"),
        ("08.4.1", "its year has two digits"),
    ],
)
def test_what_is_no_day_has_a_reason(text: str, reason: str) -> None:
    """No day is guessed where two can be meant."""
    assert meant_day(text) == ""
    assert reason in why_no_day(text)[0].en


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("9時", "9:00"),
        ("午後5時半", "17:30"),
        ("正午", "12:00"),
        ("午後12時", "12:00"),
        ("12:00am", "0:00"),
        ("０９：００", "9:00"),
        ("二十三時", "23:00"),
        ("25時", ""),
        ("9時70分", ""),
        ("朝", ""),
    ],
)
def test_a_time_of_day(text: str, meant: str) -> None:
    """A time that is none has no meaning."""
    assert meant_clock(text) == meant


@pytest.mark.parametrize(
    ("read", "text", "meant"),
    [
        (meant_moment, "令和8年12月1日午前10時", "2026-12-01 10:00"),
        (meant_moment, "2026/12/31 24:00", "2027-01-01 00:00"),
        (meant_moment, "12月1日10時", ""),
        (meant_hours, "9:00～17:00", "{from: 9:00, until: 17:00}"),
        (meant_hours, "午前9時から午後5時まで", "{from: 9:00, until: 17:00}"),
        (meant_hours, "終日", ""),
        (meant_number, "満18歳以上", "18"),
        (meant_number, "二十", "20"),
        (meant_number, "１，０００", "1000"),
        (meant_number, "18.5", ""),
        (meant_number, "多数", ""),
        (meant_number, "1時間", ""),
        (meant_number, "3日", ""),
        (meant_seconds, "1時間", "3600"),
        (meant_seconds, "5分以内", "300"),
        (meant_seconds, "90", "90"),
        (meant_seconds, "しばらく", ""),
        (meant_ages, "18歳以上", "{at_least: 18}"),
        (meant_ages, "１８〜６４歳", "{at_least: 18, at_most: 64}"),
        (meant_ages, "6歳以上15歳未満", "{at_least: 6, below: 15}"),
        (meant_ages, "65歳未満", "{below: 65}"),
        (meant_ages, "大人", ""),
        (meant_day, "毎年4月1日", "04-01"),
        (meant_day, "5月末", "05-31"),
        (meant_day, "2月末", ""),
        (meant_day, "令和8年度末", "2027-03-31"),
        (meant_duration, "20分前", "20m"),
        (meant_duration, "2 hours", "2h"),
        (meant_duration, "3週間", ""),
        (meant_network, "192.0.2.0～192.0.2.255", "192.0.2.0/24"),
        (meant_network, "192.0.2.*", "192.0.2.0/24"),
        (meant_network, "192.0.*.*", "192.0.0.0/16"),
        (meant_network, "192.0.2.9 - 192.0.2.1", ""),
        (meant_network, "192.0.2.0-2001:db8::", ""),
        (meant_network, "庁内", ""),
    ],
)
def test_a_value_in_another_form(read: object, text: str, meant: str) -> None:
    """Each form that authors use has the one of a policy, or none."""
    assert callable(read)
    assert read(text) == meant


def test_words_around_a_value_make_it_uncertain() -> None:
    """18歳未満 below `at_least` says another thing than its number."""
    assert is_certain("18歳")
    assert not any(is_certain(text) for text in ("18歳以上", "18歳未満", "≧18", "4月1日まで", "4月1日から"))


YEARS = st.sampled_from(["0000", "0001", "0002", "9998", "9999", "2026", "令和0", "令和99", "R1"])
PARTS = st.sampled_from(["0", "00", "1", "01", "2", "12", "13", "31", "末", "99"])
CLOCKS = st.sampled_from(["", " 0:00", " 24:00", " 25:30", "午前0時", "T29:59"])


@given(YEARS, st.sampled_from(["年", "-", "/", "年度", ""]), PARTS, st.sampled_from(["月", "-", ""]), PARTS, CLOCKS)
def test_no_end_of_the_calendar_makes_the_reader_stumble(
    year: str, first: str, month: str, second: str, day: str, clock: str
) -> None:
    """An office writes 9999-12-31 where a right never ends, and a row of zeros where it knows no day."""
    for text in (f"{year}{first}{month}{second}{day}{clock}", f"{year}{first}{month}{second}", f"{year}{first}"):
        meant, moment = meant_day(text), meant_moment(text)
        why, remedy = why_no_day(text)

        assert not meant or day_of(meant) or len(meant) == len("12-29")
        assert not moment or day_of(moment[:10])
        assert all((why.en, why.ja, remedy.en, remedy.ja))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("令和元年度末", "2020-03-31"),
        ("平成31年度末", "2020-03-31"),
        ("昭和元年度末", "1927-03-31"),
        ("昭和70年度末", ""),
        ("令和0年度末", ""),
        ("2026年度末", "2027-03-31"),
    ],
)
def test_a_fiscal_year_shares_a_day_with_its_era(text: str, day: str) -> None:
    """Offices wrote 平成31年度 for the year in which 令和 began; nobody wrote 昭和70年度."""
    assert meant_day(text) == day


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("9999年12月", "write `from: 9999-12-01, until: 9999-12-31`"),
        ("0000年1月", "write it as `2026-04-01`"),
        ("9999年度", "write it as `2026-04-01`"),
        ("9998年度", "write `from: 9998-04-01, until: 9999-03-31`"),
        ("9999-12-32", "write a day up to `9999-12-31`"),
    ],
)
def test_a_period_at_an_end_of_the_calendar_is_one_only_within_it(text: str, remedy: str) -> None:
    """A day to write is a day that the calendar has."""
    assert why_no_day(text)[1].en == remedy
    assert meant_day("9998年度末") == "9999-03-31"
    assert meant_day("9999年度末") == meant_day("0000年度末") == ""
    assert meant_day("9999年12月末") == "9999-12-31"
    assert meant_moment("9999-12-31 25:00") == ""
    assert meant_moment("9999-12-30 25:00") == "9999-12-31 01:00"
