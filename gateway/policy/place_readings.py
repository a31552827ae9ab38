"""Finds the places that a name in kana can mean: ヨコハマ市 is read as 横浜市 is.

No policy names a place so, since several places share a reading. The places are what its author can have meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import product

from gateway.policy.place_names import fold, in_hiragana

_READ = {
    "都": ("と",),
    "道": ("どう",),
    "府": ("ふ",),
    "県": ("けん",),
    "市": ("し",),
    "区": ("く",),
    "町": ("ちょう", "まち"),
    "村": ("むら", "そん"),
}
"""The signs that a name in kana may still have, and their readings."""

_MOST_SIGNS = 40
"""Signs of the longest name that is looked up; the longest reading of a place has fewer."""

_MOST_READ = 4
"""Signs of a name that have a reading of their own: a prefecture, a city, a ward and one more."""


@cache
def readings() -> Mapping[str, str]:
    """Return the reading of each place by its code."""
    text = files(__package__).joinpath("readings.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.split("\n") if line and not line.startswith("#"))
    return {row[0]: row[1] for row in rows}


@cache
def _codes() -> Mapping[str, frozenset[str]]:
    """Return the codes of the places that are read so, with and without the prefecture."""
    codes: defaultdict[str, set[str]] = defaultdict(set)
    by_code = readings()
    for code, reading in by_code.items():
        codes[reading].add(code)
        codes[by_code[code[:2]] + reading].add(code)
    return {reading: frozenset(each) for reading, each in codes.items()}


def places_read_as(name: str, prefectures: Mapping[str, str]) -> tuple[str, ...]:
    """Return the codes of the places that a name in kana can mean, in order; `prefectures` has their codes by name."""
    folded = in_hiragana(fold(name))
    for prefecture, code in prefectures.items():
        if folded.startswith(prefecture):
            folded = readings()[code] + folded.removeprefix(prefecture)
            break
    if len(folded) > _MOST_SIGNS or sum(sign in _READ for sign in folded) > _MOST_READ:
        return ()
    codes = _codes()
    spelled = ["".join(signs) for signs in product(*(_READ.get(sign, (sign,)) for sign in folded))]
    found = {code for reading in spelled for code in codes.get(reading, ())}
    if not found and folded:
        # People leave the last sign out: ヨコハマ.
        ends = [end for each in _READ.values() for end in each]
        found = {code for reading in spelled for end in ends for code in codes.get(reading + end, ())}
    return tuple(sorted(found))
