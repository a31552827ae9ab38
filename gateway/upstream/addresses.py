"""The order in which the addresses of one name are tried.

Address families take turns (RFC 8305 section 4), so that a network without one of them costs one attempt. An address
that has just refused, or was still silent when another had answered, comes behind all others for a while, so that the
next request does not lose the same time again. The resolver's order is kept otherwise, as names share out load with it.

`asyncio_connect` looks the name up, and connects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

REMEMBERED = 60.0
"""Seconds for which an address that did not answer is tried last."""


class Place(NamedTuple):
    """One address of a name."""

    host: str
    port: int
    family: int = 0


class Addresses:
    """The state of one name's addresses. Seconds are those of a monotonic clock."""

    __slots__ = ("_bad", "found")

    def __init__(self) -> None:
        self.found: tuple[Place, ...] = ()
        """The addresses of the last look-up, which hold while the name cannot be looked up."""
        self._bad: dict[Place, float] = {}

    def in_order(self, now: float) -> Sequence[Place]:
        """Return the addresses that were found last, the most promising first."""
        bad = self._bad
        if not bad:
            return _families_in_turn(self.found)
        self._bad = bad = {place: since for place, since in bad.items() if now - since < REMEMBERED}
        good = [place for place in self.found if place not in bad]
        return (*_families_in_turn(good), *_families_in_turn([place for place in self.found if place in bad]))

    def tried(self, good: Place | None, bad: Iterable[Place], now: float) -> None:
        """Take note of an attempt: which one answered, and which did not in the time they had."""
        for place in bad:
            self._bad[place] = now
        if good is not None:
            self._bad.pop(good, None)


def _families_in_turn(places: Sequence[Place]) -> tuple[Place, ...]:
    if len(places) < 2:
        return tuple(places)
    rows: dict[int, list[Place]] = {}
    for place in places:
        rows.setdefault(place.family, []).append(place)
    longest = max(len(row) for row in rows.values())
    return tuple(row[at] for at in range(longest) for row in rows.values() if at < len(row))
