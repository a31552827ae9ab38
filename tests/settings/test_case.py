"""Upper and lower case are folded by one function, and no stranger becomes a letter of ASCII."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.case import fold_case


@given(st.text())
def test_each_sign_keeps_its_place(text: str) -> None:
    """A folded path has as many signs as the path, and folding again changes nothing."""
    folded = fold_case(text)

    assert len(folded) == len(text)
    assert fold_case(folded) == folded


@given(st.characters(min_codepoint=0x80))
def test_no_stranger_becomes_ascii(sign: str) -> None:
    """The Kelvin sign is no `k`: not every server follows Unicode there."""
    assert not fold_case(sign).isascii()


def test_letters_are_folded() -> None:
    """ASCII, and every alphabet with two cases."""
    assert fold_case("/Reserve/ÄÖ/ＡＢ") == "/reserve/äö/ａｂ"
    assert fold_case("/\u212a") == "/\u212a"
    assert fold_case("/\u0130") == "/\u0130"
