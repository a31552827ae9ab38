"""Which rules a request's method, path and query can fit. The order of rules is kept.

A pattern matches whole segments of the canonical path: `*` is one, `**` any number, none included,
so `/x/**` includes `/x` and `/x/`. The cost of a look-up grows with the segments of the path, not
with the number of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

MEMO_SIZE = 4096
"""Paths whose rules are remembered, per policy; all are forgotten when it is full."""

MEMO_PATH = 200
"""Characters; longer paths are looked up each time, so that strangers' paths cannot fill memory."""


@dataclass(slots=True)
class _Branch:
    """One place in the tree of patterns."""

    literal: dict[str, _Branch] = field(default_factory=dict)
    one: _Branch | None = None
    many: _Branch | None = None
    ends: set[int] = field(default_factory=set)
    is_many: bool = False


class PathIndex:
    """Finds the rules whose path patterns and methods fit, in the order of the rules."""

    __slots__ = ("_always", "_memo", "_methods", "_root")

    def __init__(self, rules: Sequence[tuple[Iterable[str], frozenset[str]]]) -> None:
        """Take (patterns, methods) of each rule; nothing given restricts nothing."""
        self._root = _Branch()
        self._always: list[int] = []
        self._methods = [methods for _, methods in rules]
        self._memo: dict[tuple[str, str], tuple[int, ...]] = {}
        for number, (patterns, _) in enumerate(rules):
            listed = tuple(patterns)
            if not listed:
                self._always.append(number)
            for pattern in listed:
                self._insert(pattern, number)

    def _insert(self, pattern: str, number: int) -> None:
        branch = self._root
        for segment in pattern.split("/")[1:]:
            if segment == "**":
                if branch.many is None:
                    branch.many = _Branch(is_many=True)
                branch = branch.many
            elif segment == "*":
                branch.one = branch.one or _Branch()
                branch = branch.one
            else:
                branch = branch.literal.setdefault(segment, _Branch())
        branch.ends.add(number)

    def candidates(self, method: str, path: str) -> tuple[int, ...]:
        """Return the numbers of the rules that fit, first rule first."""
        key = (method, path)
        known = self._memo.get(key)
        if known is not None:
            return known
        found = set(self._always)
        for branch in self._walk(path):
            found |= branch.ends
        methods = self._methods
        fitting = tuple(number for number in sorted(found) if not methods[number] or method in methods[number])
        if len(path) <= MEMO_PATH:
            if len(self._memo) >= MEMO_SIZE:
                self._memo.clear()
            self._memo[key] = fitting
        return fitting

    def _walk(self, path: str) -> Iterable[_Branch]:
        standing = _with_many([self._root])
        for segment in path.split("/")[1:]:
            going: list[_Branch] = []
            for branch in standing:
                following = branch.literal.get(segment)
                if following is not None:
                    going.append(following)
                # An empty segment is what stands behind a slash at the end: no segment for `*`.
                if branch.one is not None and segment:
                    going.append(branch.one)
                if branch.is_many:
                    going.append(branch)
            if not going:
                return ()
            standing = _with_many(going)
        return standing


def _with_many(branches: Iterable[_Branch]) -> list[_Branch]:
    """Add what `**` reaches without taking a segment; each branch once."""
    reached: dict[int, _Branch] = {}
    for branch in branches:
        following: _Branch | None = branch
        while following is not None and id(following) not in reached:
            reached[id(following)] = following
            following = following.many
    return list(reached.values())


def matches(pattern: str, path: str) -> bool:
    """Say whether one pattern fits a path: what `PathIndex` does, for the author's tools."""
    return bool(PathIndex([((pattern,), frozenset())]).candidates("", path))


# --- the query -----------------------------------------------------------------------


class AmbiguousQuery(ValueError):  # noqa: N818 - not an error of ours: a request nobody can judge
    """A parameter that a rule names is there twice, or so written that two applications read it differently."""


def named_values(query: bytes | None, names: Iterable[str]) -> Mapping[str, str]:
    """Return the values of the named parameters that a query has.

    Raises:
        AmbiguousQuery: one of them comes twice, in any spelling an application may take for it.

    """
    if not query:
        return {}
    wanted = {_fold(name): name for name in names}
    found: dict[str, str] = {}
    # Old frameworks split at `;` too (HTML 4.01 appendix B.2.2): a parameter of ours behind one is ambiguous.
    for part in query.split(b"&"):
        for position, piece in enumerate(part.split(b";")):
            raw_name, _, raw_value = piece.partition(b"=")
            try:
                name = unquote_to_bytes(raw_name.replace(b"+", b" ")).decode()
            except UnicodeDecodeError:
                continue
            meant = wanted.get(_fold(name))
            if meant is None:
                continue
            value = _value(raw_value)
            if meant in found or name != meant or position or value is None or b";" in part:
                raise AmbiguousQuery(meant)
            found[meant] = value
    return found


def _fold(name: str) -> str:
    """Return the name as a careless application may read it: PHP drops blanks before and `[…]` behind."""
    return name.partition("[")[0].partition("\0")[0].strip().casefold().replace(".", "_").replace(" ", "_")


def _value(raw: bytes) -> str | None:
    try:
        value = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in value else value
