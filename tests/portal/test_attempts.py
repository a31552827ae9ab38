from __future__ import annotations

import pytest

from gateway.portal.attempts import WRONG_PER_ADDRESS, WRONG_TOKENS, TokenCheck, Wait
from gateway.portal.operators import Operator, hash_of, new_token, read_operators

TOKEN, LINE = new_token("sato", bytes(32))


def wrong(number: int) -> str:
    """Return a token that nobody has."""
    return new_token("nobody", number.to_bytes(32))[0]


def test_wrong_tokens_are_told_to_wait() -> None:
    """Beyond an address's share of a minute; another address has a share of its own, and the next minute a new one."""
    now = [1_000.0]
    check = TokenCheck(lambda: read_operators(LINE), lambda: now[0])

    guesses = [check.who(wrong(number), "10.0.0.9") for number in range(1, WRONG_PER_ADDRESS + 1)]
    after, elsewhere = check.who(wrong(90), "10.0.0.9"), check.who(wrong(91), "10.0.0.8")
    now[0] += 60
    later = check.who(wrong(92), "10.0.0.9")

    assert guesses == [None] * WRONG_PER_ADDRESS
    assert isinstance(after, Wait)
    assert 1 <= after.seconds <= 60
    assert (elsewhere, later) == (None, None)


@pytest.mark.parametrize("strangers", ["10.0.0.9", "10.0.0.8"])
def test_no_guess_stands_in_the_way_of_a_right_token(strangers: str) -> None:
    """Behind a proxy all operators and every stranger have one address; a flood from there refuses no operator."""
    check = TokenCheck(lambda: read_operators(LINE), lambda: 1_000.0)

    for number in range(1, WRONG_TOKENS * 2):
        check.who(wrong(number), strangers)
        found = check.who(TOKEN, "10.0.0.9")
        assert isinstance(found, Operator)
        assert found.name == "sato"


@pytest.mark.parametrize("token", ["", "geheim", "sekisho_", "sekisho_" + "a" * 42, "sekisho_" + "a" * 44, TOKEN + " "])
def test_a_text_without_the_form_of_a_token_is_nobodys(token: str) -> None:
    """The rule holds where somebody has put its hash into the file as well: a token chosen by hand can be guessed."""
    line = f"sato {hash_of(token)} look"
    check = TokenCheck(lambda: read_operators(line), lambda: 1_000.0)

    assert check.who(token, "10.0.0.9") is None


def test_the_right_token_uses_up_nothing() -> None:
    """A program that asks all day with its token is never told to wait."""
    check = TokenCheck(lambda: read_operators(LINE), lambda: 1_000.0)

    answers = [check.who(TOKEN, "10.0.0.9") for _ in range(WRONG_PER_ADDRESS * 10)]

    assert all(answer is not None and not isinstance(answer, Wait) for answer in answers)
