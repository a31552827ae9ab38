"""Finds the other rules that a path could match if its server reads it in another way (`request/readings.py`).

The first fitting rule decides, so a path that a server reads as a page of a stricter rule is a way around it. Each
reading is looked up among the patterns as they are written, and among the patterns in folded signs: the second are
the policy as that server would have it. A rule that spells the odd segment itself has its author's word for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, assert_never

from gateway.policy.matching import MEMO_PATH, MEMO_SIZE, PathIndex
from gateway.request.readings import Folding, Kind, Reading, Readings, also_served
from gateway.settings.settings import Stack


class Question(NamedTuple):
    """The readings that must have the same rule for a path to mean the same to its server as to us."""

    reading: str
    """The path as a server may read it."""
    others: tuple[int, ...] = ()
    """Rules that it could be about there: whom the found rule permits, each of them must permit as well."""
    own: bool = False
    """Whether the rule of the reading itself must permit them, any rule or none."""
    outside: bool = False
    """Whether the reading is not the App's at all."""


class Spellings:
    """The readings of one App's paths, and the rules they could be about."""

    __slots__ = (
        "_answers_to_suffixes",
        "_elsewhere",
        "_folded",
        "_index",
        "_patterns",
        "_prefix",
        "_readings",
        "_readings_cache",
        "_served",
    )

    def __init__(
        self,
        rules: Sequence[tuple[tuple[str, ...], frozenset[str]]],
        index: PathIndex,
        readings: Readings,
        prefix: str = "/",
        elsewhere: Sequence[str] = (),
    ) -> None:
        """Take (patterns, methods) of each rule, and their index.

        `prefix`: where the App lives. `elsewhere`: where other Apps of its host live.
        """
        self._index = index
        self._readings = readings
        folding = readings.folding
        self._patterns = [[pattern.split("/")[1:] for pattern in patterns] for patterns, _ in rules]
        self._folded = PathIndex([([folding.pattern(p) for p in patterns], methods) for patterns, methods in rules])
        self._served = PathIndex(
            [
                (
                    [folding.pattern(p) for one in patterns for p in also_served(one, readings.stacks)] or ["/\0"],
                    methods,
                )
                for patterns, methods in rules
            ]
        )
        self._answers_to_suffixes = not {Stack.RAILS, Stack.SPRING, Stack.TOMCAT}.isdisjoint(readings.stacks)
        """Whether a handler surely answers to its path with any suffix, without regard to a rule's spelling."""
        self._prefix = "" if prefix == "/" else folding.path(prefix)
        self._elsewhere = tuple(folding.path(other) for other in elsewhere)
        self._readings_cache: dict[str, tuple[Reading, ...] | None] = {}

    def questions(self, method: str, path: str, rule: int, raw: bytes = b"") -> Iterator[Question] | None:
        """Return the readings to compare for a path with a rule; `None` if there are too many.

        `raw`: the path as it was sent, where its escapes are in another charset than UTF-8.
        """
        readings = self._readings.of(path, raw) if raw else self._read(path)
        return None if readings is None else self._ask(method, path, rule, readings)

    @property
    def folding(self) -> Folding:
        """The signs that the application's server takes for one another."""
        return self._readings.folding

    def readings(self, path: str) -> tuple[Reading, ...]:
        """Return every reading of a path, its own first; none if there are too many."""
        return self._read(path) or ()

    def _read(self, path: str) -> tuple[Reading, ...] | None:
        if path in self._readings_cache:
            return self._readings_cache[path]
        readings = self._readings.of(path)
        if len(path) <= MEMO_PATH:
            if len(self._readings_cache) >= MEMO_SIZE:
                self._readings_cache.clear()
            self._readings_cache[path] = readings
        return readings

    def _ask(self, method: str, path: str, rule: int, readings: tuple[Reading, ...]) -> Iterator[Question]:
        here = self._index.candidates(method, path)
        segments = path.split("/")[1:]
        whole = self._spells_all(rule, segments)
        for reading in readings:
            if not self._is_inside(reading.folded):
                yield Question(reading.path, outside=True)
                continue
            exact = self._index.candidates(method, reading.path)
            folded = self._folded.candidates(method, reading.folded)
            loose = tuple(number for number in folded if number not in exact)
            strange = tuple(number for number in (*exact, *loose) if number not in here)
            served: tuple[int, ...] = ()
            if not whole and reading.kind in (Kind.SAME, Kind.ALIAS):
                served = tuple(n for n in self._served.candidates(method, reading.folded) if n not in here)
            others: tuple[int, ...]
            own = False
            match reading.kind:
                case Kind.SAME:
                    others = loose + served
                case Kind.ALIAS:
                    own = not self._spells(rule, segments, reading.touched)
                    others = (loose if own else strange) + served
                case Kind.HANDLER:
                    others = () if whole and not self._answers_to_suffixes else strange
                case Kind.SCRIPT:
                    own = not self._spells(rule, segments, reading.touched)
                    others = loose if own else ()
                case _:
                    assert_never(reading.kind)
            if others or own:
                yield Question(reading.path, others, own)

    def _is_inside(self, folded: str) -> bool:
        """Whether a path in folded signs is this App's, and no other's below it."""
        inside = not self._prefix or folded == self._prefix or folded.startswith(self._prefix + "/")
        return inside and not any(folded == other or folded.startswith(other + "/") for other in self._elsewhere)

    def _spells_all(self, rule: int, segments: list[str]) -> bool:
        """Whether a pattern of the rule has every segment of the path in its very signs."""
        named = [segment for segment in segments if segment]
        return any(
            [segment for segment in pattern if segment and segment != "**"] == named and "*" not in named
            for pattern in self._patterns[rule]
        )

    def _spells(self, rule: int, segments: list[str], touched: frozenset[int]) -> bool:
        """Whether a pattern of the rule has these segments of the path in their very signs."""
        last = max(touched, default=-1)
        return any(
            len(pattern) > last
            and "**" not in pattern[: last + 1]
            and all(pattern[number] == segments[number] for number in touched)
            and all(part in ("*", segment) for part, segment in zip(pattern[: last + 1], segments, strict=False))
            for pattern in self._patterns[rule]
        )
