from __future__ import annotations

from gateway.portal.attempts import WRONG_PER_ADDRESS, TokenCheck, Wait
from gateway.portal.operators import Operator, new_token, read_operators

TOKEN, LINE = new_token("sato", bytes(32))


def test_guessing_is_bounded_by_address() -> None:
    """Wrong tokens use up an address's share of a minute; the right one from elsewhere still opens."""
    now = [1_000.0]
    check = TokenCheck(lambda: read_operators(LINE), lambda: now[0])

    guesses = [check.who(f"wrong {number}", "10.0.0.9") for number in range(WRONG_PER_ADDRESS)]
    after, elsewhere = check.who(TOKEN, "10.0.0.9"), check.who(TOKEN, "10.0.0.8")
    now[0] += 60
    later = check.who(TOKEN, "10.0.0.9")

    assert guesses == [None] * WRONG_PER_ADDRESS
    assert isinstance(after, Wait)
    assert 1 <= after.seconds <= 60
    assert elsewhere is not None
    assert isinstance(later, Operator)
    assert later.name == "sato"


def test_the_right_token_uses_up_nothing() -> None:
    """A program that asks all day with its token is never told to wait."""
    check = TokenCheck(lambda: read_operators(LINE), lambda: 1_000.0)

    answers = [check.who(TOKEN, "10.0.0.9") for _ in range(WRONG_PER_ADDRESS * 10)]

    assert all(answer is not None and not isinstance(answer, Wait) for answer in answers)
