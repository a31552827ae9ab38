"""A worker's memory of sessions, and the times when it must not believe it.

Redis tells each worker which records changed (`redis_tracking`). The memory is only valid while the worker is sure to
be told of changes. So it believes its memory for `TRUST` seconds after the last heartbeat that is known to have come
back. Each look compares the moment, since a timer that should have withdrawn trust may itself be late.

An **epoch** is one unbroken time of being told. A look-up places a **marker** before it asks
Redis; a push about the record removes the marker; an answer is kept only if its own marker is still there. Without it,
an answer read just before a deletion and arriving just after its notice would be remembered for good.

Pure: moments come in as arguments. `Monotonic` ones never step, so a changed wall clock
moves no trust; only the absolute end of a session is wall time.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from gateway.instant import Instant
from gateway.session.ledger import Disclosure
from gateway.session.session import Found, Gone
from gateway.session.ticket import Ticket

Monotonic = float
"""Seconds on a clock that never steps."""

TRUST = 1.0
"""Seconds that memory is believed after a heartbeat was sent that came back."""
ENTRIES = 100_000
"""Sessions one worker remembers."""
UNKNOWN = 10_000
"""Tickets that stand for nothing one worker remembers, so that a repeated forgery costs Redis nothing."""
UNKNOWN_SECONDS = 10.0
TOUCHES = 10
"""Times in its idle time that a session in use has its idle clock restarted."""
SWEPT = 500
"""Entries that one sweep looks at: all 100,000 in less than a minute, a few dozen microseconds at a time."""
_RETRY = 1.0
"""Seconds until an idle clock that could not be restarted is tried again."""

_GONE = Gone()


class _Entry(msgspec.Struct, eq=False, gc=False):
    """One remembered session."""

    found: Found
    name: str
    expires_at: Instant
    silent_at: Monotonic
    touch_at: Monotonic
    used: bool = False

    def __repr__(self) -> str:
        """Say the name alone."""
        return f"_Entry({self.name})"


class Marker(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A look-up under way."""

    ticket: Ticket
    name: str
    asked_at: Monotonic


class SessionCache:
    """The sessions of one worker, and the tickets it knows to stand for none."""

    __slots__ = (
        "_confirmed",
        "_entries",
        "_idle",
        "_lost_at",
        "_markers",
        "_size",
        "_stale_for",
        "_sweeping",
        "_tickets",
        "_trusted_until",
        "_unknown",
        "_unknown_size",
        "due",
        "telling",
        "told",
    )

    def __init__(
        self, *, idle: float, stale_for: float = 0.0, size: int = ENTRIES, unknown_size: int = UNKNOWN
    ) -> None:
        """Begin empty and without trust. `idle` and `stale_for` in seconds."""
        self._idle = idle
        self._stale_for = stale_for
        self._size = size
        self._unknown_size = unknown_size
        # In the order in which they are thrown out, but for those used since they were last considered.
        self._entries: OrderedDict[Ticket, _Entry] = OrderedDict()
        self._unknown: OrderedDict[Ticket, tuple[Monotonic, str]] = OrderedDict()
        self._sweeping: list[Ticket] = []
        self._tickets: dict[str, Ticket] = {}
        self._markers: dict[str, Marker] = {}
        self._confirmed: dict[str, Monotonic] = {}
        self._trusted_until: Monotonic = float("-inf")
        self._lost_at: Monotonic = float("-inf")
        self.telling = False
        """Whether an epoch is running: every place that may change a record tells us."""
        self.due: list[Ticket] = []
        """Sessions in use whose idle clock is to be restarted; the task that does it empties the list."""
        self.told: list[tuple[Ticket, Disclosure]] = []
        """New entries of sessions' ledgers; the task that writes them empties the list."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def trusted_until(self) -> Monotonic:
        """The moment memory stops being believed, if nothing more is heard."""
        return self._trusted_until

    def begin(self, places: frozenset[str]) -> None:
        """Begin an epoch in which these servers tell of changes; trust begins when all of them do."""
        self._drop()
        self._confirmed = dict.fromkeys(places, float("-inf"))
        self.telling = True

    def end(self) -> None:
        """End the epoch: something was, or may have been, missed."""
        self.telling = False
        self._lost_at = max(self._lost_at, self._trusted_until)
        self._trusted_until = float("-inf")
        self._markers.clear()
        if self._stale_for <= 0:
            self._drop()

    def forget(self) -> None:
        """Forget everything; the epoch goes on. For news that concern any session."""
        self._drop()

    def confirm(self, place: str, sent_at: Monotonic) -> None:
        """A heartbeat sent to this server at that time has come back, so every earlier change has been pushed."""
        if not self.telling or place not in self._confirmed:
            return
        self._confirmed[place] = max(self._confirmed[place], sent_at)
        self._trusted_until = min(self._confirmed.values()) + TRUST

    def peek(self, ticket: Ticket, now: Instant, monotonic: Monotonic) -> Found | Gone | None:
        """Return the answer of memory if it may be believed, or `None`."""
        if monotonic >= self._trusted_until:
            return None
        entry = self._entries.get(ticket)
        if entry is None:
            unknown = self._unknown.get(ticket)
            return _GONE if unknown is not None and monotonic < unknown[0] else None
        # Silence as far as we know: another worker may have heard from her. So ask, rather than end it.
        if monotonic >= entry.silent_at or now >= entry.expires_at:
            return None
        # Only where it is news: setting a field takes longer than looking at it.
        if not entry.used:
            entry.used = True
        if monotonic >= entry.touch_at:
            entry.touch_at = monotonic + self._idle / TOUCHES
            self.due.append(ticket)
        return entry.found

    def known_until(self, ticket: Ticket, now: Instant, monotonic: Monotonic) -> Monotonic | None:
        """Return when a clock may end this session, if memory knows it and may be believed. No use of the session."""
        entry = self._entries.get(ticket)
        if entry is None or monotonic >= self._trusted_until:
            return None
        return min(entry.silent_at, monotonic + entry.expires_at - now)

    def stale(self, ticket: Ticket, now: Instant, monotonic: Monotonic) -> Found | None:
        """Return a session that was known when trust ended, where the operator honours it for a while.

        It is used only while the store does not answer. Never beyond the absolute clock, nor beyond the idle one as
        known here.
        """
        since = max(self._lost_at, self._trusted_until)
        entry = self._entries.get(ticket)
        if entry is None or monotonic >= since + self._stale_for:
            return None
        if monotonic >= entry.silent_at or now >= entry.expires_at:
            return None
        return entry.found

    def place(self, ticket: Ticket, name: str, monotonic: Monotonic) -> Marker:
        """Place a marker, before the store is asked at that moment."""
        marker = Marker(ticket, name, monotonic)
        if self.telling:
            self._markers[name] = marker
        return marker

    def keep(self, marker: Marker, found: Found) -> bool:
        """Remember an answer, if nothing has been heard since it was asked for."""
        if not self._lift(marker):
            return False
        self._unknown.pop(marker.ticket, None)
        self._entries[marker.ticket] = _Entry(
            found,
            marker.name,
            found.session.expires_at,
            marker.asked_at + self._idle,
            marker.asked_at + self._idle / TOUCHES,
        )
        self._tickets[marker.name] = marker.ticket
        self._make_room()
        return True

    def keep_unknown(self, marker: Marker) -> None:
        """Remember for a moment that this ticket stands for nothing, on the same condition."""
        self.discard(marker.ticket)
        if not self._lift(marker):
            return
        self._unknown[marker.ticket] = (marker.asked_at + UNKNOWN_SECONDS, marker.name)
        self._tickets[marker.name] = marker.ticket
        while len(self._unknown) > self._unknown_size:
            _, (_, name) = self._unknown.popitem(last=False)
            self._tickets.pop(name, None)

    def give_up(self, marker: Marker) -> None:
        """The store did not answer."""
        self._lift(marker)

    def invalidate(self, name: str) -> None:
        """The record of this name was written, ended or thrown out."""
        self._markers.pop(name, None)
        ticket = self._tickets.pop(name, None)
        if ticket is not None:
            self._entries.pop(ticket, None)
            self._unknown.pop(ticket, None)

    def discard(self, ticket: Ticket) -> None:
        """The store has said that this one is gone."""
        entry = self._entries.pop(ticket, None)
        if entry is not None:
            self._tickets.pop(entry.name, None)

    def sweep(self, now: Instant, monotonic: Monotonic) -> None:
        """Forget some entries that no look may believe any more: a person who has left shall not stay in memory.

        Call it often. Each call looks at the next few entries, and all are looked at before one is looked at again.
        """
        for _ in range(min(SWEPT, len(self._unknown))):
            ticket, (until, name) = next(iter(self._unknown.items()))
            if monotonic < until:
                break
            del self._unknown[ticket]
            self._tickets.pop(name, None)
        if not self._sweeping:
            self._sweeping = list(self._entries)
        for _ in range(min(SWEPT, len(self._sweeping))):
            ticket = self._sweeping.pop()
            entry = self._entries.get(ticket)
            if entry is not None and (monotonic >= entry.silent_at or now >= entry.expires_at):
                self.discard(ticket)

    def touched(self, ticket: Ticket, sent_at: Monotonic) -> None:
        """The command sent at that time restarted its idle clock."""
        entry = self._entries.get(ticket)
        if entry is not None:
            entry.silent_at = max(entry.silent_at, sent_at + self._idle)
            entry.touch_at = max(entry.touch_at, sent_at + self._idle / TOUCHES)

    def not_touched(self, ticket: Ticket, monotonic: Monotonic) -> None:
        """Its idle clock could not be restarted, and will be tried again when it is next used."""
        entry = self._entries.get(ticket)
        if entry is not None:
            entry.touch_at = monotonic + _RETRY

    def _lift(self, marker: Marker) -> bool:
        if self._markers.get(marker.name) is not marker:
            return False
        del self._markers[marker.name]
        return True

    def _make_room(self) -> None:
        while len(self._entries) > self._size:
            ticket, entry = self._entries.popitem(last=False)
            if entry.used:
                entry.used = False
                self._entries[ticket] = entry
            else:
                self._tickets.pop(entry.name, None)

    def _drop(self) -> None:
        self._entries.clear()
        self._unknown.clear()
        self._tickets.clear()
        self._markers.clear()
        self._sweeping.clear()
        self.due.clear()
