from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.deck import CardState, born_tomorrow, deck, years_before

_DAYS = st.dates(date(2020, 1, 1), date(2099, 12, 31))


def _age(born: date, today: date) -> int:
    """Full years by 民法143条: somebody born on 29 February is older on 1 March of a common year."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def test_the_first_four_are_the_agencys_deck() -> None:
    """Valid, expired, revoked, valid; the first three are one person."""
    cards = deck(date(2026, 11, 23))[:4]

    assert [card.state for card in cards] == [CardState.VALID, CardState.EXPIRED, CardState.REVOKED, CardState.VALID]
    assert [card.serial for card in cards] == ["7F00D011", "7F00D013", "7F00D015", "7F00D017"]
    assert cards[0].person is cards[1].person is cards[2].person
    assert cards[3].person.key != cards[0].person.key


def test_card_1_is_an_adult_of_shibuya_with_a_full_width_space() -> None:
    """The booking application greets this person and takes the resident's fee."""
    person = deck(date(2026, 11, 23))[0].person.claims

    assert person["name"] == "髙橋　花子"
    assert person["address"].startswith("東京都渋谷区")
    assert person["birthdate"] == "19850401"


@given(_DAYS)
def test_birthdays_are_where_their_labels_say(today: date) -> None:
    """On any day: the eve is still too young, today is old enough, and 17 is 17."""
    born = {
        card.person.key: date.fromisoformat(card.person.claims["birthdate"])
        for card in deck(today)
        if card.person.key in {"eve-18", "exactly-18", "eve-20", "exactly-20", "seventeen"}
    }

    assert {key: _age(day, today) for key, day in born.items()} == {
        "eve-18": 17,
        "exactly-18": 18,
        "eve-20": 19,
        "exactly-20": 20,
        "seventeen": 17,
    }


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 22), date(2008, 11, 23)),
        (date(2028, 2, 28), date(2010, 3, 1)),  # nobody was born on 29 February 2010
        (date(2026, 2, 28), date(2008, 3, 1)),
    ],
)
def test_the_eve_exists_on_every_day(today: date, expected: date) -> None:
    """If the year of birth did not have tomorrow's day, the emulator takes the next day."""
    assert born_tomorrow(today, 18) == expected


@given(_DAYS)
def test_years_before_a_leap_day(today: date) -> None:
    """The same day, or 28 February."""
    before = years_before(today, 18)

    assert before.year == today.year - 18
    assert (before.month, before.day) == (today.month, today.day) or (today.day, before.day) == (29, 28)


def test_every_difficulty_has_its_person() -> None:
    """The forms that addresses, names and dates come in, each on one card."""
    claims = {card.person.key: card.person.claims for card in deck(date(2026, 11, 23))}

    assert claims["leap"]["birthdate"] == "20040229"
    assert claims["no-day"]["birthdate"].endswith("00")
    assert claims["no-month"]["birthdate"].endswith("0000")
    assert claims["gender-9"]["gender"] == "9"
    assert "５－２３－１" in claims["full-width"]["address"]
    assert claims["ward"]["address"].startswith("福岡県福岡市中央区")
    assert claims["no-prefecture"]["address"].startswith("広島市中区")
    assert "郡" in claims["county"]["address"]
    assert len(claims["long"]["address"]) == 200
    assert claims["latin"]["name"].startswith("NGUYEN VAN AN（")
    assert "　" not in claims["single"]["name"]
    assert "〓" in claims["glyph"]["name"]
    assert any(ord(sign) > 0xFFFF for sign in claims["plane-2"]["name"])
    assert claims["commuter"]["address"].startswith("埼玉県川口市")
    assert "address" not in claims["no-address"]
    assert not claims["no-birthdate"]["birthdate"].isdigit()


def test_signing_certificates_are_those_of_the_agencys_screen_and_of_two_difficulties() -> None:
    """Each has the serial after the other's; one lapsed by a move, and a child of 14 has none."""
    cards = deck(date(2026, 11, 23))
    by_key = {card.person.key: card for card in cards}

    assert [card.signing_serial for card in cards[:4]] == ["7F00D012", "7F00D014", "7F00D016", "7F00D018"]
    assert [card.signing_state for card in cards[:4]] == [card.state for card in cards[:4]]
    assert (by_key["moved"].state, by_key["moved"].signing_state) == (CardState.VALID, CardState.REVOKED)
    assert (by_key["fourteen"].state, by_key["fourteen"].signing_state) == (CardState.VALID, None)
    born = date.fromisoformat(by_key["fourteen"].person.claims["birthdate"])
    assert _age(born, date(2026, 11, 23)) == 14


def test_numbers_are_consecutive_and_people_distinct() -> None:
    """A number is all a script sends."""
    cards = deck(date(2026, 11, 23))

    assert [card.number for card in cards] == list(range(1, len(cards) + 1))
    assert len({card.person.key for card in cards}) == len(cards) - 2
    assert len({serial for card in cards for serial in (card.serial, card.signing_serial)}) == 2 * len(cards)


def test_the_page_about_the_emulator_lists_every_card() -> None:
    """Its table ends with the last card there is."""
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    listed = [int(number) for row in re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE) for number in row.split(",")]

    assert listed == [card.number for card in deck(date(2026, 11, 23))]
