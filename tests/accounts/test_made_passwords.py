"""Passwords that the gateway makes."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest

from gateway.accounts.made_passwords import make_password

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


@pytest.mark.parametrize("alphabet", [LETTERS, LETTERS + "-_.!", "0123456789"])
@pytest.mark.parametrize("length", [12, 24, 64])
def test_a_password_has_its_length_its_signs_and_every_class(alphabet: str, length: int) -> None:
    """An application that asks for a capital, a digit and a sign gets all that its alphabet has."""
    for _ in range(50):
        made = make_password(alphabet, length, secrets.token_bytes)

        assert len(made) == length
        assert set(made) <= set(alphabet)
        for kind in (str.isupper, str.islower, str.isdigit):
            assert any(map(kind, made)) == any(map(kind, alphabet))
        assert any(not sign.isalnum() for sign in made) == any(not sign.isalnum() for sign in alphabet)


def test_every_sign_is_as_likely_as_the_others() -> None:
    """No sign comes noticeably more often, although 256 is no multiple of the alphabet's length."""
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyz-"
    counts = Counter(make_password(alphabet, 3_700, secrets.token_bytes))

    assert set(counts) == set(alphabet)
    assert all(40 < count < 200 for count in counts.values())


def test_no_two_are_alike() -> None:
    """Each account has one of its own."""
    assert len({make_password(LETTERS, 24, secrets.token_bytes) for _ in range(200)}) == 200
