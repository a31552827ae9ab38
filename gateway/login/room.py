"""The room that waiting entries take in this process's memory, by number and by bytes, for each address and browser.

An entry takes its place from its beginning until it would have ended, used or not. `pending` has the caps.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from gateway.instant import Instant, began
from gateway.login.pending import Cap


class _Place(NamedTuple):
    since: Instant
    share: str
    size: int
    browser: str


class Taken(NamedTuple):
    """The place of a new entry among those of its address, from 1, and the entry that made room for it."""

    place: int
    live: int
    """Entries in all."""
    evicted: str | None


class Room:
    """The places of entries of one kind."""

    def __init__(self, logins: Cap, size: Cap, per_browser: int, life: float) -> None:
        """Begin empty. `life` is the lifetime of an entry, in seconds."""
        self._number = logins
        self._bytes = size
        self._per_browser = per_browser
        self._life = life
        self._places: dict[str, _Place] = {}
        self._of_address: Counter[str] = Counter()
        self._bytes_of_address: Counter[str] = Counter()
        self._all_bytes = 0
        self._browsers: dict[str, list[str]] = {}

    def take(self, name: str, browser: str, share: str, size: int, now: Instant) -> Taken | None:
        """Take a place for an entry of `size` bytes, or none where a cap is met."""
        while self._places and not lives(next(iter(self._places.values())).since, now, self._life):
            self._free(next(iter(self._places)))
        own = self._browsers.get(browser, [])
        evicted = own[0] if len(own) >= self._per_browser else None
        gone = None if evicted is None else self._places[evicted]
        freed, freed_bytes = (0, 0) if gone is None else (1, gone.size)
        same = gone is not None and gone.share == share
        addresses = len(self._of_address)
        if not self._number.admits(
            1,
            live=len(self._places) - freed,
            addresses=addresses,
            of_address=self._of_address[share] - freed * same,
        ) or not self._bytes.admits(
            size,
            live=self._all_bytes - freed_bytes,
            addresses=addresses,
            of_address=self._bytes_of_address[share] - freed_bytes * same,
        ):
            return None
        if evicted is not None:
            self._free(evicted)
        self._places[name] = _Place(now, share, size, browser)
        self._of_address[share] += 1
        self._bytes_of_address[share] += size
        self._all_bytes += size
        self._browsers.setdefault(browser, []).append(name)
        return Taken(self._of_address[share], len(self._places), evicted)

    def leave_browser(self, name: str, browser: str) -> None:
        """Count an entry no longer as its browser's; its place stays taken."""
        own = self._browsers.get(browser, [])
        if name in own:
            own.remove(name)
        if not own:
            self._browsers.pop(browser, None)

    def _free(self, name: str) -> None:
        place = self._places.pop(name)
        self._of_address[place.share] -= 1
        self._bytes_of_address[place.share] -= place.size
        self._all_bytes -= place.size
        if not self._of_address[place.share]:
            del self._of_address[place.share], self._bytes_of_address[place.share]
        self.leave_browser(name, place.browser)


def lives(since: Instant, now: Instant, life: float) -> bool:
    """Say whether a value kept since then may still be used: a clock that was set back must not prolong it."""
    return began(since, now) and now < since + life
