from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.language import Language, preferred


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


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("ja-JP", "ja"),
        ("ja-simple, en", "ja-simple"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_an_apps_own_languages_are_chosen_from(accept: str, language: str) -> None:
    """The first one is for browsers that prefer none of them; a variant is chosen only by its whole name."""
    assert preferred(accept, (Language.EN, Language.JA, Language.EASY)) == language
