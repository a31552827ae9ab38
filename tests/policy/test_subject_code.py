"""The code a person reads out: hers alone, the same every time, and a wrong sign shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.subject_code import fold_code, show_code, subject_code

SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_code_is_read_as_it_is_shown(client: str, subject: str) -> None:
    """Hyphens, blanks and small letters do not matter."""
    code = subject_code(client, subject)

    assert len(code) == 16
    assert fold_code(show_code(code)) == fold_code(show_code(code).lower().replace("-", " ")) == code


@given(st.text(max_size=20), st.integers(0, 15), st.sampled_from(SIGNS))
def test_every_wrong_sign_shows(subject: str, place: int, sign: str) -> None:
    """One sign heard wrong is never another valid code."""
    code = subject_code("client", subject)
    wrong = code[:place] + sign + code[place + 1 :]

    assert (fold_code(wrong) is None) is (wrong != code)


def test_codes_of_two_clients_have_nothing_in_common() -> None:
    """The same subject at two clients is two codes, and no boundary between the two names is lost."""
    assert len({subject_code("a", "bc"), subject_code("ab", "c"), subject_code("b", "bc")}) == 3


def test_what_is_no_code_is_none() -> None:
    """Too short, too long, or signs that no code has."""
    for written in ("", "K7QM", "K7QM-2XHD-9TRC-4WB0", "K7QM-2XHD-9TRC-4WBN-AAAA", "あ" * 16):
        assert fold_code(written) is None
