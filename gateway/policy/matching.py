"""Finds the rules that a request's method, path and query can fit, in their order.

A pattern matches whole segments of the canonical path: `*` is one, `**` any number, none included,
so `/x/**` includes `/x` and `/x/`. The cost of a look-up grows with the segments of the path, not
with the number of rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote, unquote_to_bytes

from gateway.request.readings import plain_text, without_unicode_escapes

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

    __slots__ = ("_always", "_fitting_cache", "_methods", "_root")

    def __init__(self, rules: Sequence[tuple[Iterable[str], frozenset[str]]]) -> None:
        """Take (patterns, methods) of each rule; nothing given restricts nothing."""
        self._root = _Branch()
        self._always: list[int] = []
        self._methods = [methods for _, methods in rules]
        self._fitting_cache: dict[tuple[str, str], tuple[int, ...]] = {}
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
        known = self._fitting_cache.get(key)
        if known is not None:
            return known
        found = set(self._always)
        for branch in self._walk(path):
            found |= branch.ends
        methods = self._methods
        fitting = tuple(number for number in sorted(found) if not methods[number] or method in methods[number])
        if len(path) <= MEMO_PATH:
            if len(self._fitting_cache) >= MEMO_SIZE:
                self._fitting_cache.clear()
            self._fitting_cache[key] = fitting
        return fitting

    def _walk(self, path: str) -> Iterable[_Branch]:
        standing = _with_many([self._root])
        for segment in path.split("/")[1:]:
            going: list[_Branch] = []
            for branch in standing:
                following = branch.literal.get(segment)
                if following is not None:
                    going.append(following)
                # An empty segment follows a slash at the end: `*` does not match it.
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


_PLAIN_NAMES = re.compile(rb"[A-Za-z0-9_&-]*")
_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_CUT_OFF = re.compile(r"(?:\A|(?<=&))[\[\]]+|[\[\]\0:][^&]*")
_BLANK_ENDS = re.compile(r"(?:\A|(?<=&)) +|(?<! ) +(?=&|\Z)")
_NUMBER = re.compile(
    r"\s*[+-]?(?=(?:0x(?P<hex>[0-9a-f]+)|0b(?P<binary>[01]+)|0o?(?P<octal>[0-7]+))?)"
    r"(?P<float>(?P<whole>[0-9]+)(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?)"
)
_NOTHING = re.compile(r"(?!)")
_LONGEST_NUMBER = 64
"""Digits of a number that are read: no rule names a longer one."""


def named_values(query: bytes | None, names: Iterable[str]) -> Mapping[str, str]:
    """Return the values of the named parameters that a query has.

    All names are folded at once, however many there are.

    Raises:
        AmbiguousQuery: one of them comes twice, in any spelling an application may take for it.

    """
    if not query:
        return {}
    wanted = {_fold(name): name for name in names}
    parts = query.split(b"&")
    # Old frameworks split at `;` too (HTML 4.01 appendix B.2.2): a parameter of ours behind one is ambiguous.
    split = [(piece, b";" in part) for part in parts for piece in part.split(b";")] if b";" in query else None
    pieces = parts if split is None else [piece for piece, _ in split]
    raw_names = b"&".join([piece.partition(b"=")[0] for piece in pieces])
    if _PLAIN_NAMES.fullmatch(raw_names):
        text = raw_names.decode("ascii")
    else:
        text = unquote_to_bytes(raw_names.replace(b"+", b" ")).decode("utf-8", "replace")
    folded = _fold(text).split("&")
    if len(folded) != len(pieces):
        # A name with an escaped `&` in it: no browser sends one, and a server that decodes first sees two parameters.
        raise AmbiguousQuery(next(iter(wanted.values()), ""))
    found: dict[str, str] = {}
    if wanted.keys().isdisjoint(folded):
        return found
    for place, (name, spelled) in enumerate(zip(folded, text.split("&"), strict=True)):
        meant = wanted.get(name)
        if meant is None:
            continue
        value = _value(pieces[place].partition(b"=")[2])
        if meant in found or spelled != meant or value is None or (split is not None and split[place][1]):
            raise AmbiguousQuery(meant)
        found[meant] = value
    return found


def could_be(value: str | None, allowed: Iterable[str]) -> bool:
    """Whether a careless application may take a parameter's value for one of these; `None`: it is not there."""
    said = value or ""
    for word in allowed:
        meant, dropped = _meant(word)
        if meant in _cleaned(said, dropped):
            return True
        if word.isascii() and word.isdigit() and len(word) <= _LONGEST_NUMBER and int(word) in _numbers(said):
            return True
    return False


@lru_cache(maxsize=64)
def _cleaned(value: str, dropped: re.Pattern[str]) -> frozenset[str]:
    """Return a value in folded signs, with and without those that an application drops.

    The last few are remembered: each of a hundred rules asks for the same value, which may be as long as a target.
    """
    folded = plain_text(value).strip()
    return frozenset((folded, dropped.sub("", folded), dropped.sub("", value.lower())))


@lru_cache(maxsize=16_384)
def _meant(word: str) -> tuple[str, re.Pattern[str]]:
    """Return a word of a rule in folded signs, and the signs that an application drops which expects such words.

    DokuWiki takes `do=e-dit` for `edit`, and Moodle's `PARAM_ALPHA` takes `edit2` for it. A sign stays if it is of the
    same kind as one of the word's: a letter, a digit, no ASCII, or that very sign.
    """
    meant = plain_text(word).strip()
    ascii_letters = any(sign.isascii() and sign.isalpha() for sign in meant)
    kept = ("a-z" if ascii_letters else "") + ("0-9" if any(map(str.isdigit, meant)) else "")
    kept += "" if meant.isascii() else "\x80-\U0010ffff"
    kept += "".join([re.escape(sign) for sign in sorted(set(meant)) if sign.isascii() and not sign.isalnum()])
    if not kept:
        return meant, _NOTHING
    dropped = re.compile(f"[^{kept}]+")
    return meant, dropped


@lru_cache(maxsize=16)
def _numbers(value: str) -> frozenset[int]:
    """Return the numbers that a language may read at the beginning of a value.

    PHP takes `1x`, `01`, `+1` and `1e0` for 1. JavaScript knows `0x1`, and C takes `010` for 8. Python and Java know
    the digits of every script.
    """
    text = plain_text(value).strip()
    if not text.isascii():
        text = "".join([str(unicodedata.decimal(sign, sign)) for sign in text])
    found = _NUMBER.match(text)
    if found is None:
        return frozenset()
    whole = found["whole"].lstrip("0")[:_LONGEST_NUMBER] or "0"
    numbers = {int(whole)}
    for digits, base in ((found["hex"], 16), (found["octal"], 8), (found["binary"], 2)):
        if digits:
            numbers.add(int(digits[:_LONGEST_NUMBER], base))
    with suppress(OverflowError):
        numbers.add(int(float(found["float"])))
    return frozenset(numbers)


def _fold(names: str) -> str:
    """Return names, joined by `&`, as a careless application may read them.

    PHP drops blanks before and `[…]` behind, and takes `.` and a blank for `_`. Rack and qs take `[do]` for `do`, Rack
    also `do]`, and Zope `do:string`. Classic ASP drops a lone `%`, and knows `%uXXXX`. Some applications decode twice,
    and some fold signs as they do in paths.
    """
    if "%" in names:
        names = _BROKEN_ESCAPE.sub("", unquote(without_unicode_escapes(names)))
    names = _CUT_OFF.sub("", plain_text(names).replace("+", " "))
    return _BLANK_ENDS.sub("", names).replace(".", "_").replace(" ", "_")


def _value(raw: bytes) -> str | None:
    try:
        value = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in value else value
