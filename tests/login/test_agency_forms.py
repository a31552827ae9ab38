"""The agency's forms: their checks, and the days before a wished date."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.login.agency_forms import (
    FIELDS,
    KEYS,
    OPEN_DAYS_BEFORE,
    PREPARATION,
    SIGN_INS,
    SIGNATURES,
    corporate_number_fault,
    differences,
    filed_number,
    is_open,
    latest_filing_day,
    rotation_days,
    wished_day,
)

CHECKS = {field.key: field.check for field in FIELDS}


@pytest.mark.parametrize("number", ["7000012050002", "2000012010019", "8000020130001", "5010401067252"])
def test_a_corporate_number_has_its_check_digit(number: str) -> None:
    """Real numbers pass (国税庁, 総務省, 東京都, a company); each wrong first digit is named with the right one."""
    assert corporate_number_fault(number) == ""
    for digit in set("123456789") - {number[0]}:
        assert number[0] in corporate_number_fault(digit + number[1:])


@pytest.mark.parametrize("number", ["", "123", "70000120500021", "７０００００１２０５０００", "7-0000-1205-0002"])
def test_another_text_is_no_corporate_number(number: str) -> None:
    """Thirteen half-width digits, and nothing else."""
    assert corporate_number_fault(number) == "13桁の半角数字で書いてください"


@pytest.mark.parametrize(
    ("key", "good", "wrong"),
    [
        ("start", "2027-04-01", "令和9年4月1日"),
        ("contact_mail", "a@city.example.lg.jp", "a@city.example.lg.jp, b@city.example.lg.jp"),
        ("content", "あ" * 100, "あ" * 101),
        ("kind", "行政機関", "市役所"),
        ("transactions", "1200", "約1200件"),
    ],
)
def test_a_wrong_value_has_a_fault(key: str, good: str, wrong: str) -> None:
    """The form comes back weeks later otherwise."""
    assert CHECKS[key](good) == ""
    assert CHECKS[key](wrong)


def test_ten_open_days_lie_before_the_wished_date() -> None:
    """New Year, weekends and holidays do not count."""
    assert latest_filing_day(date(2027, 1, 15)) == date(2026, 12, 25)
    for number in range(400):
        wished = date(2026, 11, 30) + timedelta(days=number)
        last = latest_filing_day(wished)
        between = [last + timedelta(days=step) for step in range((wished - last).days)]
        assert is_open(last)
        assert sum(is_open(day) for day in between) == OPEN_DAYS_BEFORE


@pytest.mark.parametrize("day", ["2026-12-29", "2027-01-03", "2026-11-23", "2026-11-28", "2027-01-01"])
def test_offices_are_closed(day: str) -> None:
    """The end of the year, a holiday, a Saturday."""
    assert not is_open(date.fromisoformat(day))


def test_every_field_has_a_key_and_a_name_of_its_own() -> None:
    """Two fields under one key would be filled alike."""
    assert len({field.key for field in FIELDS}) == len({field.name for field in FIELDS}) == len(FIELDS)
    assert {field.key for field in FIELDS} < KEYS.keys()
    assert PREPARATION


def test_a_difference_names_what_was_filed_and_what_is() -> None:
    """An unchanged field says nothing, and a file of another shape has no values."""
    filed = {"a": {"values": ["1"]}, "b": {"values": None}, "c": {"values": ["x", "y"]}, "d": "odd"}
    now = {"a": {"values": ["2"]}, "b": {"values": None}, "c": {"values": ["x", "y"]}, "e": {"values": ["new"]}}

    assert differences(filed, now) == (("a", "1", "2"), ("e", "（なし）", "new"))


@pytest.mark.parametrize("text", ["0001-01-05", "9999-12-31", "2027-02-30", "明日", ""])
def test_a_wished_date_has_days_on_both_sides(text: str) -> None:
    """The forms are filed before it, and an old key goes after it."""
    assert wished_day(text) is None
    assert wished_day("2027-01-15") == date(2027, 1, 15)
    assert latest_filing_day(date(2, 1, 1)) < date(2, 1, 1)
    assert CHECKS["start"](text)


def test_a_rotation_has_its_days() -> None:
    """A key that signs from a Monday in January on is filed before New Year; the old one goes a day later."""
    assert rotation_days(date(2027, 1, 18)) == (date(2026, 12, 28), date(2027, 1, 19))


def test_only_a_number_that_was_filed_counts() -> None:
    """Neither an empty field nor words are a number of transactions."""
    fields = {SIGN_INS: {"values": ["5000"]}, SIGNATURES: {"values": []}, "x": {"values": ["about 5"]}, "y": 3}

    assert filed_number(fields, SIGN_INS) == 5_000
    assert [filed_number(fields, name) for name in (SIGNATURES, "x", "y", "z")] == [None] * 4
