"""The one-time token of a page: of this session, for this page, for a while."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.login.pending import SPENT_SECONDS
from gateway.portal.once import (
    CLOCKS_APART,
    NONCE_BYTES,
    TOKEN_SECONDS,
    WORD_SIGNS,
    is_own_press,
    make_token,
    name_to_spend,
    word_of,
)
from tests.builders import NOON, inbound, route

TICKET = "T" * 43
NONCE = bytes(NONCE_BYTES)
TOKEN = make_token(TICKET, "me", NOON, NONCE)


def test_a_token_opens_what_it_was_made_for() -> None:
    """On any worker: nothing but the ticket is needed to check it."""
    assert name_to_spend(TOKEN, TICKET, "me", NOON + 10) is not None


def test_a_token_is_of_one_session_and_one_page() -> None:
    """Another person's is worth nothing here, nor is that of another page."""
    assert name_to_spend(TOKEN, "U" * 43, "me", NOON) is None
    assert name_to_spend(TOKEN, TICKET, "logout", NOON) is None


@pytest.mark.parametrize(
    ("later", "good"),
    [(-CLOCKS_APART - 1, False), (-CLOCKS_APART, True), (TOKEN_SECONDS - 1, True), (TOKEN_SECONDS, False)],
)
def test_a_token_is_good_for_a_while(later: float, *, good: bool) -> None:
    """From when it was made, give or take what clocks differ by."""
    assert (name_to_spend(TOKEN, TICKET, "me", int(NOON) + later) is not None) is good


def test_a_spent_name_is_remembered_longer_than_its_token_is_good() -> None:
    """A token could otherwise be used once more after its name was forgotten."""
    assert TOKEN_SECONDS + 2 * CLOCKS_APART < SPENT_SECONDS


def test_a_word_names_one_thing_of_one_session() -> None:
    """No log has the thing's name, and another session's word for it is another one."""
    word = word_of(TICKET, "unlink", "booking:yamada")

    assert len(word) == WORD_SIGNS
    assert word == word_of(TICKET, "unlink", "booking:yamada")
    others = {
        word_of("U" * 43, "unlink", "booking:yamada"),
        word_of(TICKET, "me", "booking:yamada"),
        word_of(TICKET, "unlink", "booking:tanaka"),
    }
    assert len(others | {word}) == 4


def test_two_tokens_have_two_names() -> None:
    """Of the same session, made in the same second."""
    other = make_token(TICKET, "me", NOON, bytes(15) + b"1")

    assert name_to_spend(TOKEN, TICKET, "me", NOON) != name_to_spend(other, TICKET, "me", NOON)


@given(st.text(max_size=130))
def test_nothing_made_up_is_a_token(text: str) -> None:
    """This holds for everything that a script sends."""
    assert name_to_spend(text, TICKET, "me", NOON) is None


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_a_changed_token_is_none(place: int, character: str) -> None:
    """Neither its moment nor its nonce nor its proof may be another."""
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]

    assert changed == TOKEN or name_to_spend(changed, TICKET, "me", NOON) is None


def test_the_token_tells_nothing_of_the_ticket() -> None:
    """It stands in a page; the ticket does not."""
    assert TICKET not in TOKEN


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, False),
        ({}, False),
    ],
)
def test_a_press_comes_from_a_page_of_ours_by_a_persons_hand(fields: dict[str, str], *, ours: bool) -> None:
    """A script of the same origin, another site and a client that says nothing press no button."""
    here = route()
    sent = inbound("/.sekisho/me", *fields.items(), ("Origin", here.origin), method="POST")

    assert is_own_press(sent, here.origin) is ours
