"""Kept passwords: sealed under a key of their own, and in the clear nowhere."""

from __future__ import annotations

import pytest

from gateway.accounts.passwords import LONGEST, NONCE, open_password, resealed_password, seal_password
from gateway.session.seal import Secrets

OLD, NEW = Secrets.parse("0123456789abcdef" * 4), Secrets.parse("fedcba9876543210" * 4)
BOTH = Secrets((*NEW.all, *OLD.all))
FIRST, SECOND = bytes(NONCE), bytes(range(NONCE))


@pytest.mark.parametrize("password", ["", "hunter2", "パスワード", "a" * LONGEST, "with \0 and \n"])
def test_a_password_comes_back_as_it_was(password: str) -> None:
    """For its account, in every spelling of the name."""
    box = seal_password(OLD, "booking", "Tanaka", password, FIRST)

    assert open_password(OLD, "booking", "ＴＡＮＡＫＡ", box) == password
    assert not password or password.encode() not in box


def test_a_box_opens_for_its_account_and_key_alone() -> None:
    """A box that is copied to an attacker's own account tells nothing."""
    box = seal_password(OLD, "booking", "tanaka", "secret", FIRST)

    assert open_password(OLD, "booking", "mallory", box) is None
    assert open_password(OLD, "library", "tanaka", box) is None
    assert open_password(NEW, "booking", "tanaka", box) is None
    assert open_password(OLD, "booking", "tanaka", box[:-1]) is None


def test_the_length_says_little() -> None:
    """Passwords of common lengths have boxes of one length."""
    assert len({len(seal_password(OLD, "a", "b", "x" * n, FIRST)) for n in range(100)}) == 1


def test_a_password_too_long_is_refused_without_a_word_of_it() -> None:
    """The message names the limit."""
    with pytest.raises(ValueError, match=str(LONGEST)) as error:
        seal_password(OLD, "booking", "tanaka", "canary" * LONGEST, FIRST)

    assert "canary" not in str(error.value)


def test_a_rotation_seals_anew_under_the_first_key() -> None:
    """Once; a box of the first key, and one that does not open, stay as they are."""
    box = seal_password(OLD, "booking", "tanaka", "secret", FIRST)

    anew = resealed_password(BOTH, "booking", "tanaka", box, SECOND)

    assert anew is not None
    assert open_password(NEW, "booking", "tanaka", anew) == "secret"
    assert resealed_password(BOTH, "booking", "tanaka", anew, SECOND) is None
    assert resealed_password(NEW, "booking", "tanaka", box, SECOND) is None
