"""The forms that several settings share: one answer, wherever an operator writes such a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.settings.forms import check_header_name, check_path_pattern
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes, Where


def mistakes_of(check: Callable[[str, str, Reading], None], word: str) -> list[str]:
    reading = Reading(Path(), Mistakes(), {"": Where("gateway.yaml"), "here": Where("gateway.yaml", 3)})
    check(word, "here", reading)
    return [str(mistake) for mistake in reading.mistakes]


@pytest.mark.parametrize("name", ["X-Remote-User", "x", "A1", "Sekisho.Name", "~"])
def test_a_token_without_an_underscore_names_a_header(name: str) -> None:
    assert mistakes_of(check_header_name, name) == []


@pytest.mark.parametrize("name", ["", "X Remote", "X:Remote", "X_Remote", "X\nRemote", "X-Remote\n", "名前", "X-\x00"])
def test_another_word_names_no_header(name: str) -> None:
    """The mistake tells its line and what to write, in both languages."""
    (said,) = mistakes_of(check_header_name, name)

    assert said.startswith("gateway.yaml:3")
    assert "cannot name a header" in said
    assert "no `_`" in said


@pytest.mark.parametrize("pattern", ["/", "/a", "/a/**", "/*/b", "/api/*/file", "/教室/申込", "/a//b"])
def test_a_path_with_whole_stars_is_a_pattern(pattern: str) -> None:
    assert mistakes_of(check_path_pattern, pattern) == []


@pytest.mark.parametrize("pattern", ["", "a/b", "/a*", "/***", "/a?b", "/a#b", "/a b", "/a\n", "/a/\u3000"])
def test_another_word_is_no_pattern(pattern: str) -> None:
    """The mistake tells its line and what to write."""
    (said,) = mistakes_of(check_path_pattern, pattern)

    assert said.startswith("gateway.yaml:3")
    assert "is no pattern of paths" in said
    assert "`/upload/**`" in said
