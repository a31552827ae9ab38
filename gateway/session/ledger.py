"""A session's ledger: which facts went to which App, and when first. It has names of facts, and no value.

The pipeline tells it when it makes a permit, or when an entry of a limit is taken; a remembered permit tells nothing
new. The store keeps the entries, sealed as the session is, until the session ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.instant import Instant

MOST = 64
"""Entries of one session: an App tells one set of names for each of its rules at most."""


class Disclosure(NamedTuple):
    """One App was told these facts and conditions for the first time."""

    app: str
    names: tuple[str, ...]
    at: Instant


class Ledger(msgspec.Struct, eq=False, gc=False):
    """The entries that one worker knows of one session."""

    ticket: str = ""
    due: list[tuple[str, Disclosure]] | None = None
    """New entries are appended to it as well, for the task that writes them to the store."""
    _told: dict[tuple[str, tuple[str, ...]], Instant] = {}
    """The moment at which an App was told so many facts."""

    def __repr__(self) -> str:
        """Say nothing of the ticket."""
        return "Ledger()"

    def tell(self, app: str, names: tuple[str, ...], at: Instant) -> None:
        """Note that an App is told these facts, unless it was told the same before."""
        key = (app, names)
        if not names or key in self._told or len(self._told) >= MOST:
            return
        self._told[key] = at
        if self.due is not None:
            self.due.append((self.ticket, Disclosure(app, names, at)))

    @property
    def told(self) -> tuple[Disclosure, ...]:
        """The entries, in the order in which they were told."""
        return tuple(Disclosure(app, names, at) for (app, names), at in self._told.items())


def in_order(found: Iterable[Disclosure]) -> tuple[Disclosure, ...]:
    """Return entries by their time; of two about the same App and facts, the earlier."""
    first: dict[tuple[str, tuple[str, ...]], Disclosure] = {}
    for each in sorted(found, key=lambda entry: (entry.at, entry.app, entry.names)):
        first.setdefault((each.app, each.names), each)
    return tuple(first.values())
