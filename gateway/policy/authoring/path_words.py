"""Gives one path for each way in which the patterns of a policy can match a path, the shortest first.

A pattern is a regular language over segments: a literal, `*` and `**`. All patterns together are one automaton, and its
determinised states are the ways in which any path can be matched. Beside the state of the path itself stand the states
of the other paths that a server may take it for, so that two paths with one state are judged alike in every reading.
`docs/decisions/0015` has the argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_STATES = 20_000
"""States that are looked at; a policy of an ordinary size has some hundred."""

Places = frozenset[tuple[int, int]]
"""The places that can be reached in the patterns: (number of the pattern, segments of it that are behind)."""

_Reading = tuple[Places, bool, str]
"""The places of a reading of the path, whether it has ended, and the kind of what was read otherwise, if anything."""

_Runs = frozenset[tuple[int, int, bool, bool]]
"""The same, and whether a wildcard has taken a segment, and whether it was one that a server may read otherwise."""


_State = tuple[_Runs, frozenset[_Reading], bool]
"""The state of a path, of its other readings, and whether it has an odd segment that no pattern spells."""


@dataclass(frozen=True, slots=True)
class Habit:
    """The ways in which a server may read a segment where it stands."""

    others: frozenset[tuple[str, str]] = frozenset()
    """Other segments that it may take it for, each with the kind of the reading."""
    skipped: bool = False
    """Whether it may leave the segment out."""
    ends: bool = False
    """Whether it may leave out all that follows."""

    @property
    def is_odd(self) -> bool:
        """Whether there is any other way to read it."""
        return bool(self.others) or self.skipped or self.ends


class TooManyWays(ValueError):  # noqa: N818 - no mistake of a program: an author's patterns are too many
    """The patterns can match in more ways than are looked at."""


class PathWords:
    """The automaton of all patterns of a policy."""

    def __init__(self, patterns: Sequence[str], habits: Mapping[str, Habit]) -> None:
        """Take the patterns, and every segment to build paths of: with each literal, and one that is in no pattern."""
        self._patterns = [pattern.split("/")[1:] for pattern in patterns]
        self._habits = habits

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Give the segments of one path for each state, the shortest first.

        Raises:
            TooManyWays: there are more states than are looked at.

        """
        start = self._closed((number, 0) for number in range(len(self._patterns)))
        first: _State = (frozenset((*place, False, False) for place in start), frozenset({(start, False, "")}), False)
        seen = {first}
        waiting: deque[tuple[tuple[str, ...], _State]] = deque([((), first)])
        while waiting:
            word, (runs, readings, odd) = waiting.popleft()
            if word:
                yield word
            # A slash at the end is a last segment without a sign: nothing follows it.
            if self._run(runs, ""):
                yield (*word, "")
            for segment, habit in self._habits.items():
                # A second odd segment that no pattern spells is like any other that no rule names.
                strange = habit.is_odd and not any(
                    at < len(self._patterns[number]) and self._patterns[number][at] == segment
                    for number, at, _, _ in runs
                )
                moved = frozenset[tuple[int, int, bool, bool]]()
                if not (strange and odd):
                    moved = self._run(runs, segment, odd=habit.is_odd)
                if not moved:
                    continue
                following = (moved, self._read(readings, segment, habit), odd or strange)
                if following in seen:
                    continue
                if len(seen) >= MOST_STATES:
                    raise TooManyWays
                seen.add(following)
                waiting.append(((*word, segment), following))

    def _read(self, places: frozenset[_Reading], segment: str, habit: Habit) -> frozenset[_Reading]:
        """Return where every reading of a path stands behind one more segment."""
        found: set[_Reading] = set()
        for standing, ended, kind in places:
            if ended:
                found.add((standing, True, kind))
                continue
            moved = self._step(standing, segment)
            found.add((moved, False, kind))
            if kind:
                continue
            found |= {(self._step(standing, read), False, other) for read, other in habit.others}
            if habit.ends:
                found.add((moved, True, "ended"))
            if habit.skipped:
                found.add((standing, False, "skipped"))
        return frozenset(found)

    def _closed(self, places: Iterator[tuple[int, int]]) -> Places:
        """Add what `**` reaches without taking a segment."""
        found: set[tuple[int, int]] = set()
        for number, place in places:
            at = place
            found.add((number, at))
            while at < len(self._patterns[number]) and self._patterns[number][at] == "**":
                at += 1
                found.add((number, at))
        return frozenset(found)

    def _step(self, places: Places, segment: str) -> Places:
        return self._closed(
            (number, place) for number, at in places if (place := self._moved(number, at, segment)) is not None
        )

    def _moved(self, number: int, at: int, segment: str) -> int | None:
        """Return the place in one pattern behind one more segment; `None` if it does not fit there."""
        pattern = self._patterns[number]
        if at == len(pattern):
            return None
        wanted = pattern[at]
        if wanted == "**":
            return at
        return at + 1 if wanted == segment or (wanted == "*" and segment) else None

    def _run(self, runs: _Runs, segment: str, *, odd: bool = False) -> _Runs:
        found: set[tuple[int, int, bool, bool]] = set()
        for number, at, wild, loose in runs:
            place = self._moved(number, at, segment)
            if place is None:
                continue
            by_wildcard = self._patterns[number][at] in ("*", "**")
            for _, reached in self._closed(iter([(number, place)])):
                found.add((number, reached, wild or by_wildcard, loose or (odd and by_wildcard)))
        return frozenset(found)
