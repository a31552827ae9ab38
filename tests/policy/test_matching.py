"""Which rules a request can fit: whole segments, in the order of the rules, and queries nobody can read two ways."""

from __future__ import annotations

import gc
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.matching import MEMO_SIZE, AmbiguousQuery, PathIndex, _cleaned, could_be, matches, named_values


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/", "/", True),
        ("/", "/x", False),
        ("/**", "/", True),
        ("/**", "/a/b/", True),
        ("/x/**", "/x", True),
        ("/x/**", "/x/", True),
        ("/x/**", "/x/a/b", True),
        ("/x/**", "/xy", False),
        ("/x/**", "/X", False),
        ("/x", "/x/", False),
        ("/x/", "/x", False),
        ("/x/*", "/x/a", True),
        ("/x/*", "/x/", False),
        ("/x/*", "/x", False),
        ("/x/*", "/x/a/b", False),
        ("/*/edit", "/12/edit", True),
        ("/**/edit", "/edit", True),
        ("/**/edit", "/a/b/edit", True),
        ("/**/edit", "/a/b/edit/", False),
        ("/a/**/b/**", "/a/b", True),
        ("/a/**/b/**", "/a/x/y/b/z", True),
        ("/予約/**", "/予約/一", True),
    ],
)
def test_a_pattern_matches_whole_segments(pattern: str, path: str, *, fits: bool) -> None:
    """`*` is one, `**` any number, none included."""
    assert matches(pattern, path) is fits


SEGMENTS = st.sampled_from(["a", "b", "*", "**", ""])
PATTERNS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
PATHS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


def by_regex(pattern: str, path: str) -> bool:
    """The same rule said otherwise."""
    out = "".join(
        "(/[^/]*)*" if p == "**" else "/[^/]+" if p == "*" else "/" + re.escape(p) for p in pattern.split("/")[1:]
    )
    return re.fullmatch(out, path) is not None


@given(st.lists(PATTERNS, max_size=6), PATHS)
def test_the_tree_finds_what_each_pattern_alone_finds(patterns: list[str], path: str) -> None:
    """All rules that fit and no other, in their order, warm and cold."""
    index = PathIndex([((pattern,), frozenset()) for pattern in patterns])

    found = index.candidates("GET", path)

    assert list(found) == [number for number, pattern in enumerate(patterns) if by_regex(pattern, path)]
    assert index.candidates("GET", path) == found


def test_methods_restrict_and_nothing_given_does_not() -> None:
    """A rule without `match` is about every request."""
    index = PathIndex([(("/x",), frozenset({"POST"})), ((), frozenset()), ((), frozenset({"GET"}))])

    assert index.candidates("GET", "/x") == (1, 2)
    assert index.candidates("POST", "/x") == (0, 1)
    assert index.candidates("DELETE", "/y") == (1,)


def test_strangers_paths_do_not_fill_memory() -> None:
    """The memory is bounded, in number and in length."""
    index = PathIndex([(("/**",), frozenset())])

    for number in range(MEMO_SIZE + 50):
        index.candidates("GET", f"/{number}")
    index.candidates("GET", "/" + "x" * 5000)

    assert len(index._fitting_cache) <= MEMO_SIZE
    assert max(len(path) for _, path in index._fitting_cache) < 5000


@pytest.mark.parametrize(
    ("query", "value"),
    [
        (b"action=reserve", "reserve"),
        (b"a=1&action=reserve", "reserve"),
        (b"action=re%73erve", "reserve"),
        (b"action=a+b", "a b"),
        (b"action", ""),
        (b"action=", ""),
        (b"other=1", None),
        (b"", None),
        (None, None),
    ],
)
def test_a_named_value_is_read_once(query: bytes | None, value: str | None) -> None:
    """Percent-decoded, `+` as a space; other parameters do not matter, however odd."""
    assert named_values(query, ["action"]).get("action") == value


@pytest.mark.parametrize(
    "query",
    [
        b"action=view&action=reserve",
        b"action=view&Action=reserve",
        b"action=view&%61ction=reserve",
        b"action=view&action[]=reserve",
        b"action=view&action%00=reserve",
        b"action=view&+action=reserve",
        b"x=1;action=reserve",
        b"action=view;action=reserve",
        b"action=view;x=1",
        b"ACTION=reserve",
        b"action[]=reserve",
        b"action=%ff",
        b"action=view%00",
        b"action=view&%2561ction=reserve",
        b"action=view&%u0061ction=reserve",
        b"action=view&%25u0061ction=reserve",
        b"action=view&a%ction=reserve",
        b"action=view&%EF%BD%81ction=reserve",
        b"action=view&%C3%A1ction=reserve",
        b"action=view&act%E2%80%8Bion=reserve",
        b"action=view&%CE%B1ction=reserve",
        b"action=view&action%5B=reserve",
        b"action=view&action+=reserve",
        b"action=view&%26action=reserve",
        b"action=view&x%26action=reserve",
        b"action=view&action%0d=reserve",
        b"action=view&%FFaction&action=1",
        b"ac\\u0074ion=1&action=view&action",
        b"[action]=reserve",
        b"%5Baction%5D=reserve",
        b"action]=reserve",
        b"x=1&]action=reserve",
        b"action:string=reserve",
    ],
)
def test_what_two_applications_read_differently_is_ambiguous(query: bytes) -> None:
    """Twice, in another spelling, behind a semicolon, or not text: nobody's word."""
    with pytest.raises(AmbiguousQuery):
        named_values(query, ["action"])


def test_other_parameters_may_come_twice() -> None:
    """Only what a rule names is looked at."""
    assert named_values(b"id=1&id=2;3&action=view", ["action"]) == {"action": "view"}


def test_many_parameters_cost_few_calls() -> None:
    """All names are folded at once: a query of a thousand parameters makes no more calls of ours than one of ten."""

    def calls(query: bytes) -> int:
        made = 0

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal made
            made += event == "call"

        gc.disable()  # a collection calls finalizers
        sys.setprofile(count)
        try:
            named_values(query, ["action"])
        finally:
            sys.setprofile(None)
            gc.enable()
        return made

    for part in (b"a=1&", b"%E3%81%82=1&", b"a+b[]=1;"):
        calls(part)
        few, many = calls(part * 10 + b"x"), calls(part * 999 + b"x")
        assert many <= few + 999 * (b"%" in part)


@pytest.mark.parametrize(
    ("value", "allowed", "could"),
    [
        ("Edit", "edit", True),
        (" edit ", "edit", True),
        ("ｅｄｉｔ", "edit", True),
        ("édit", "edit", True),
        ("01", "1", True),
        ("+1x", "1", True),
        ("1.0", "1", True),
        ("1e1", "10", True),
        ("9.99999999999999999", "10", True),
        ("0xA", "10", True),
        ("012", "10", True),
        ("0b1010", "10", True),
        ("١٠", "10", True),
        ("1_0", "10", True),
        ("0" * 5_000 + "10", "10", True),
        ("1" * 5_000, "10", False),
        ("1e999", "10", False),
        ("10", "1", False),
        ("A1", "A2", False),
        ("e-dit", "edit", True),
        ("edit0", "edit", True),
        ("edi.t/", "edit", True),
        ("あedit", "edit", True),
        ("eéedit", "edit", False),
        ("éedit", "edit", True),
        ("特別:_ログイン", "特別:ログイン", True),
        ("大阪A", "東京A", False),
        ("15", "1.5", False),
        ("a-c", "a-b", False),
        ("view", "edit", False),
        (None, "", True),
        (None, "edit", False),
        ("", "edit", False),
        ("1", "1" * 5_000, False),
        ("+" + "1" * 5_000, "1" * 5_000, True),
    ],
)
def test_a_value_can_be_read_carelessly(value: str | None, allowed: str, *, could: bool) -> None:
    """In another case, another width, as a number, without the signs that an application drops, or as none."""
    assert could_be(value, [allowed]) is could


def test_a_long_value_is_read_once_for_a_hundred_rules() -> None:
    """A request with a value as long as a target costs each further rule a look-up."""
    value = "a-" * 4_000
    _cleaned.cache_clear()

    for number in range(100):
        could_be(value, [f"edit{number}", str(number)])

    assert _cleaned.cache_info().misses == 2  # one for words with letters and digits, one for digits alone
    assert _cleaned.cache_info().maxsize == 64
