from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.portal.language import Language, Said, preferred, said


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "ja"),
        ("*", "ja"),
        ("fr-FR,fr;q=0.9", "ja"),
        ("ja", "ja"),
        ("en", "en"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("ja-JP,en;q=0.9", "ja"),
        ("en;q=0.5, ja;q=0.6", "ja"),
        ("EN", "en"),
        ("en;q=0", "ja"),
        ("en;q=nan", "ja"),
        ("en;q=1e9, ja", "ja"),
        ("en;q=", "ja"),
        ("zh, en;q=0.1", "en"),
        ("english", "ja"),
    ],
)
def test_the_language_a_person_prefers(accept: str, language: str) -> None:
    """English where it is preferred to Japanese; Japanese for everybody else."""
    assert preferred(accept) == language


@given(st.text())
def test_whatever_a_browser_sends_is_a_language(accept: str) -> None:
    """The header is the client's; reading it cannot fail."""
    assert preferred(accept) in Language


def test_words_fall_back_to_japanese_and_say_so() -> None:
    """A policy need not be in English; the page must know which language it then speaks."""
    assert said({"ja": "満員です。", "en": "Full."}, Language.EN) == Said("Full.", "en")
    assert said({"ja": "満員です。", "en": ""}, Language.EN) == Said("満員です。", "ja")
    assert said({"zh": "客满"}, Language.JA) == Said("客满", "zh")
    assert not said({}, Language.JA)
