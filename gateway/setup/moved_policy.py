"""Moves a shipped policy to another municipality: its place, its labels and the addresses of its examples.

A shipped policy names one place. Its text names the other place wherever it named this one, and the other way round,
so that an example of a person from elsewhere stays an example of a person from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.policy.residence import NotAPlace, Place, find_place

_HOME = re.compile(r"residence: \{in: \[([^\],]+)\]\}")
_MUNICIPALITY = re.compile(r"[一-龠]{2,3}[都道府県][一-龠ぁ-んァ-ヶ]{1,7}?[市町村]")
"""A municipality with its prefecture, as the shipped policies write addresses."""

_SHORTEST = 3
"""Characters of a name that is replaced by itself: a shorter one can be a part of a word."""


def home_of(text: str) -> Place | None:
    """Return the place that a shipped policy names; none if it names none, or several."""
    named = set(_HOME.findall(text))
    if len(named) != 1:
        return None
    place = find_place(named.pop())
    return None if isinstance(place, NotAPlace) else place


def move_policy(text: str, town: Place) -> str:
    """Return the policy with `town`, a municipality, in the place of the one it names."""
    home = home_of(text)
    if home is None:
        return text
    if home.municipality:
        return _exchange(text, dict(_swapped(home, town)))
    # The policy is a prefecture's. The people of its examples live in municipalities of it, and of others.
    lived = _named_in(home.prefecture, text)
    pairs = {home.prefecture: town.prefecture, town.prefecture: home.prefecture}
    for place in _named_in(town.prefecture, text) if lived and home.prefecture != town.prefecture else ():
        pairs |= dict.fromkeys(_ways(place), lived[0].full_name)
    for place in lived:
        pairs |= _swapped(place, town)
    return _exchange(text, pairs)


def _named_in(prefecture: str, text: str) -> list[Place]:
    """Return the municipalities of a prefecture that a text names by their full names."""
    written = dict.fromkeys(name for name in _MUNICIPALITY.findall(text) if name.startswith(prefecture))
    return [place for place in map(find_place, written) if isinstance(place, Place)]


def _swapped(one: Place, other: Place) -> dict[str, str]:
    """Return the ways of writing one place, each with the same way of writing the other, and the other way round."""
    there = dict(zip(_ways(other), _ways(one), strict=True))
    return there | dict(zip(_ways(one), _ways(other), strict=True))


def _ways(place: Place) -> tuple[str, str, str, str]:
    """Return a place's full name, the same without its county, its name alone, and its code.

    The name alone stands for one place: where it does not, the full name is in its stead.
    """
    alone = place.municipality
    is_clear = len(alone) >= _SHORTEST and isinstance(find_place(alone), Place)
    return place.full_name, place.prefecture + alone, alone if is_clear else place.full_name, place.full_code


def _exchange(text: str, pairs: Mapping[str, str]) -> str:
    """Replace each of the words by its partner, the longest first, in one pass."""
    longest_first = sorted(pairs, key=len, reverse=True)
    written: list[str] = []
    place = 0
    while place < len(text):
        word = next((word for word in longest_first if text.startswith(word, place)), text[place])
        written.append(pairs.get(word, word))
        place += len(word)
    return "".join(written)
