"""One path for each way in which patterns can match: every combination that any path has is among them."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.policy.authoring import path_words
from gateway.policy.authoring.path_words import Habit, PathWords, TooManyWays
from gateway.policy.matching import matches

PLAIN = {"a": Habit(), "b": Habit(), "x": Habit()}


@pytest.mark.parametrize(
    "patterns",
    [
        ("/a", "/a/**"),
        ("/*/b", "/a/*", "/**"),
        ("/**/b/**", "/a/**/b", "/a/"),
        ("/a/*/b", "/**/b", "/*/*/**", "/"),
    ],
)
def test_every_combination_of_patterns_that_a_path_can_match_has_a_path(patterns: tuple[str, ...]) -> None:
    """All paths of up to five segments match in no way that is not there."""
    words = {"/" + "/".join(word) for word in PathWords(patterns, PLAIN)}
    known = {tuple(matches(pattern, path) for pattern in patterns) for path in words}

    for count in range(1, 6):
        for segments in product(PLAIN, repeat=count):
            for end in ("", "/"):
                path = "/" + "/".join(segments) + end
                fits = tuple(matches(pattern, path) for pattern in patterns)
                assert fits in known or not any(fits), path


def test_the_shortest_path_comes_first() -> None:
    """An author reads the simplest request."""
    lengths = [len(word) for word in PathWords(("/a/**", "/**/b"), PLAIN)]

    assert lengths[:2] == [1, 1]
    assert max(lengths) <= 4


def test_a_path_that_may_be_another_has_a_way_of_its_own() -> None:
    """Two paths that match alike are told apart where a server takes one of them for a page of another pattern."""
    plain = set(PathWords(("/a", "/**"), {"a": Habit(), "x": Habit()}))
    odd = set(PathWords(("/a", "/**"), {"a": Habit(), "x": Habit(), "A": Habit(others=frozenset({("a", "signs")}))}))

    assert ("A",) in odd
    assert ("A",) not in plain


def test_patterns_that_match_in_too_many_ways_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is proved of them, and the reader must hear it."""
    monkeypatch.setattr(path_words, "MOST_STATES", 3)

    with pytest.raises(TooManyWays):
        list(PathWords(("/**/a/*/*", "/b/**"), PLAIN))
