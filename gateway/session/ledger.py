"""A session's ledger: which facts went to which App, and when first. It has names of facts, and no value.

The pipeline tells it when it makes a permit, or when an entry of a limit is taken; a remembered permit tells nothing
new. The store keeps the entries, sealed as the session is, until the session ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.instant import Instant

MOST = 64
"""Entries of one session: an App tells one set of names for each of its rules at most."""


class Disclosure(NamedTuple):
    """One App was told these facts and conditions for the first time."""

    app: str
    names: tuple[str, ...]
    at: Instant


class Ledger:
    """The entries that one worker knows of one session."""

    __slots__ = ("_due", "_told", "ticket")

    def __init__(self, ticket: str = "", due: list[tuple[str, Disclosure]] | None = None) -> None:
        """Begin empty. New entries are appended to `due` as well, for the task that writes them to the store."""
        self.ticket = ticket
        self._due = due
        self._told: dict[tuple[str, tuple[str, ...]], Disclosure] = {}

    def tell(self, app: str, names: tuple[str, ...], at: Instant) -> None:
        """Note that an App is told these facts, unless it was told the same before."""
        key = (app, names)
        if not names or key in self._told or len(self._told) >= MOST:
            return
        told = self._told[key] = Disclosure(app, names, at)
        if self._due is not None:
            self._due.append((self.ticket, told))

    @property
    def told(self) -> tuple[Disclosure, ...]:
        """The entries, in the order in which they were told."""
        return tuple(self._told.values())


def in_order(found: Iterable[Disclosure]) -> tuple[Disclosure, ...]:
    """Return entries by their time; of two about the same App and facts, the earlier."""
    first: dict[tuple[str, tuple[str, ...]], Disclosure] = {}
    for each in sorted(found, key=lambda entry: (entry.at, entry.app, entry.names)):
        first.setdefault((each.app, each.names), each)
    return tuple(first.values())
