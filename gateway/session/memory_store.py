"""Sessions in this process's memory: one worker, gone on restart. For the demo, and for trying things.

The store seals nothing, since no record leaves the process. The contract is the same as the Redis store's, so both
behave alike.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from gateway.instant import Instant
from gateway.policy.subject_code import subject_code
from gateway.session.ledger import Disclosure, in_order
from gateway.session.session import (
    CARRY_OVER_SECONDS,
    CAUSE_MEMORY,
    MOST_BOUND,
    MOST_NOTES,
    NEVER_REVOKED,
    REVOCATION_MEMORY,
    AllSessions,
    ClientSessions,
    EndCause,
    Found,
    Gone,
    ListedSession,
    OneSession,
    ProviderSessions,
    Selector,
    Session,
    SubjectSessions,
    Unavailable,
    Unread,
    Watch,
    is_revoked,
)
from gateway.session.ticket import Ticket, ticket_name

Monotonic = float

SWEEP = 1.0
"""Seconds between looks for what a clock has ended."""


@dataclass(slots=True)
class _Kept:
    ticket: Ticket
    found: Found
    silent_at: Monotonic
    """When silence ends it."""
    ends_at: Monotonic
    """The moment that age ends it, on a clock that no step of the wall clock moves."""
    watches: set[_MemoryWatch] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)
    bound: dict[str, None] = field(default_factory=dict)


class MemoryStore:
    """A `SessionStore` and its `SessionReader` in one, since all records are in memory."""

    def __init__(
        self,
        *,
        idle: float,
        clock: Callable[[], Instant],
        monotonic: Callable[[], Monotonic],
        per_subject: int | None = None,
    ) -> None:
        """Begin empty. `idle` in seconds; `clock` gives Unix seconds, `monotonic` seconds that never step."""
        self._idle = idle
        self._clock = clock
        self._monotonic = monotonic
        self._per_subject = per_subject
        self._kept: dict[Ticket, _Kept] = {}
        self._tickets: dict[str, Ticket] = {}
        self._ends: list[tuple[Monotonic, Ticket]] = []
        self._revoked: dict[Selector, Instant] = {}
        self._sweeping: asyncio.Task[None] | None = None
        self._followers: dict[str, tuple[str, Monotonic]] = {}
        self._causes: dict[str, tuple[EndCause, Monotonic]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def find(self, ticket: Ticket) -> Session | None:
        """See `SessionStore`."""
        match self.peek(ticket, self._clock()):
            case Found(session):
                return session
            case _:
                return None

    async def create(self, ticket: Ticket, session: Session, *, begun_at: Instant | None = None) -> bool:
        """See `SessionStore`."""
        if self._is_revoked(session, session.created_at if begun_at is None else begun_at):
            return False
        self.sweep()
        self._keep(ticket, session)
        self._cap(session.pseudonym)
        return True

    async def replace(self, old: Ticket, new: Ticket, session: Session, *, begun_at: Instant | None = None) -> bool:
        """See `SessionStore`."""
        before = self._living(old)
        if before is None or self._is_revoked(session, session.created_at if begun_at is None else begun_at):
            return False
        was = before.found.session.identity
        after = self._keep(new, session)
        if (was.client_id, was.subject) == (session.client_id, session.identity.subject):
            self._followers[ticket_name(old)] = (ticket_name(new), self._monotonic() + CARRY_OVER_SECONDS)
            after.found.ledger = before.found.ledger
            after.notes = before.notes
            after.watches, before.watches = before.watches, set()
            for watch in after.watches:
                watch.kept = after
        self._end(before, EndCause.ANOTHER)
        self._cap(session.pseudonym)
        return True

    async def delete(self, ticket: Ticket, cause: EndCause | None = EndCause.SIGNED_OUT) -> bool:
        """See `SessionStore`."""
        kept = self._living(ticket)
        if kept is None:
            return False
        self._end(kept, cause)
        return True

    async def end(self, name: str, cause: EndCause = EndCause.SIGNED_OUT) -> bool:
        """See `SessionStore`."""
        return await self.delete(self._tickets.get(name, ""), cause)

    async def cause(self, ticket: Ticket) -> EndCause | None:
        """See `SessionStore`."""
        kept = self._kept.get(ticket)
        if kept is not None:
            # A clock has ended it, and the sweep has not come by yet.
            return None if self._seconds_left(kept) > 0 else self._by_clock(kept)
        cause = self._causes.get(ticket_name(ticket))
        return cause[0] if cause is not None and self._monotonic() < cause[1] else None

    async def touch(self, tickets: Iterable[Ticket]) -> frozenset[Ticket]:
        """See `SessionStore`."""
        now = self._clock()
        return frozenset(ticket for ticket in tickets if isinstance(self.peek(ticket, now), Found))

    async def idle_left(self, name: str) -> float | None:
        """See `SessionStore`."""
        kept = self._living(self._tickets.get(name, ""))
        return None if kept is None else self._seconds_left(kept)

    async def follower(self, name: str) -> str | None:
        """See `SessionStore`."""
        following = self._followers.get(name)
        return following[0] if following is not None and self._monotonic() < following[1] else None

    async def sessions(self, selector: Selector) -> AsyncIterator[ListedSession]:
        """See `SessionStore`."""
        for kept in self._selected(selector):
            session = kept.found.session
            yield ListedSession(
                name=ticket_name(kept.ticket),
                client_id=session.client_id,
                pseudonym=session.pseudonym,
                created_at=session.created_at,
                authenticated_at=session.identity.authenticated_at,
                expires_at=session.expires_at,
                idle_left=self._seconds_left(kept),
                code_mark=subject_code(session.client_id, session.identity.subject),
            )

    async def revoke(self, selector: Selector, cause: EndCause = EndCause.OPERATOR) -> int:
        """See `SessionStore`."""
        now = self._clock()
        selected = self._selected(selector)
        if isinstance(selector, OneSession):
            # The person who is signing in from that browser is the same subject, as far as can be told.
            for kept in selected:
                self._revoked[SubjectSessions((kept.found.session.pseudonym,))] = now
        elif isinstance(selector, SubjectSessions):
            for pseudonym in selector.pseudonyms:
                self._revoked[SubjectSessions((pseudonym,))] = now
        else:
            self._revoked[selector] = now
        for kept in selected:
            self._end(kept, cause)
        return len(selected)

    async def disclose(self, told: Sequence[tuple[Ticket, Disclosure]]) -> None:
        """See `SessionStore`."""
        for ticket, each in told:
            kept = self._living(ticket)
            if kept is not None:
                kept.found.ledger.tell(*each)

    async def disclosures(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        """See `SessionStore`."""
        kept = self._living(ticket)
        return () if kept is None else in_order(kept.found.ledger.told)

    async def note(self, ticket: Ticket, name: str, value: str) -> None:
        """See `SessionStore`."""
        kept = self._living(ticket)
        if kept is not None and (name in kept.notes or len(kept.notes) < MOST_NOTES):
            kept.notes[name] = value

    async def notes(self, ticket: Ticket) -> Mapping[str, str]:
        """See `SessionStore`."""
        kept = self._living(ticket)
        return {} if kept is None else dict(kept.notes)

    async def bind(self, ticket: Ticket, hashes: Sequence[str]) -> None:
        """See `SessionStore`."""
        kept = self._living(ticket)
        if kept is None:
            return
        for each in hashes:
            kept.bound.pop(each, None)
            kept.bound[each] = None
        for oldest in [*kept.bound][:-MOST_BOUND]:
            del kept.bound[oldest]

    async def bound(self, ticket: Ticket) -> frozenset[str]:
        """See `SessionStore`."""
        kept = self._living(ticket)
        return frozenset() if kept is None else frozenset(kept.bound)

    async def told(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        """See `SessionReader`."""
        return await self.disclosures(ticket)

    async def check(self) -> None:
        """See `SessionStore`: memory is always there."""

    async def close(self) -> None:
        """See `SessionStore`: nothing to let go of but the sweeping."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    def start(self) -> None:
        """Sweep every second from now on: a session that nobody uses any more is removed, and its streams are cut."""
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep_on())

    async def _sweep_on(self) -> None:
        while True:
            self.sweep()
            await asyncio.sleep(SWEEP)

    def peek(self, ticket: Ticket, now: Instant) -> Found | Gone | Unread | Unavailable:
        """See `SessionReader`. Always knows."""
        kept = self._kept.get(ticket)
        monotonic = self._monotonic()
        if kept is None or self._left(kept, monotonic) <= 0 or now >= kept.found.session.expires_at:
            return Gone()
        kept.silent_at = monotonic + self._idle
        return kept.found

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:
        """See `SessionReader`."""
        state = self.peek(ticket, now)
        return Gone() if isinstance(state, Unread) else state

    def watch(self, ticket: Ticket, on_end: Callable[[], None]) -> Watch:
        """See `SessionReader`."""
        kept = self._living(ticket)
        watch = _MemoryWatch(kept, on_end)
        if kept is None:
            on_end()
        else:
            kept.watches.add(watch)
        return watch

    def _keep(self, ticket: Ticket, session: Session) -> _Kept:
        monotonic = self._monotonic()
        left = session.expires_at - self._clock()
        kept = _Kept(ticket, Found(session), monotonic + self._idle, monotonic + left)
        self._kept[ticket] = kept
        self._tickets[ticket_name(ticket)] = ticket
        heapq.heappush(self._ends, (kept.silent_at, ticket))
        return kept

    def _living(self, ticket: Ticket) -> _Kept | None:
        kept = self._kept.get(ticket)
        return None if kept is None or self._seconds_left(kept) <= 0 else kept

    @staticmethod
    def _left(kept: _Kept, monotonic: Monotonic) -> float:
        """Return what no clock on a wall can lengthen or shorten."""
        return min(kept.silent_at, kept.ends_at) - monotonic

    def _seconds_left(self, kept: _Kept) -> float:
        return min(self._left(kept, self._monotonic()), kept.found.session.expires_at - self._clock())

    def _end(self, kept: _Kept, cause: EndCause | None) -> None:
        name = ticket_name(kept.ticket)
        self._kept.pop(kept.ticket, None)
        self._tickets.pop(name, None)
        if cause is not None:
            self._causes[name] = (cause, kept.ends_at + CAUSE_MEMORY)
        watches, kept.watches = kept.watches, set()
        for watch in watches:
            watch.on_end()

    @staticmethod
    def _by_clock(kept: _Kept) -> EndCause:
        return EndCause.IDLE if kept.silent_at < kept.ends_at else EndCause.AGE

    def sweep(self) -> None:
        """End what a clock has ended, and its open streams."""
        # A heap of moments at which to look again, not of ends: requests move the end, never the heap.
        now = self._monotonic()
        while self._ends and self._ends[0][0] <= now:
            _, ticket = heapq.heappop(self._ends)
            kept = self._kept.get(ticket)
            if kept is None:
                continue
            left = self._left(kept, now)
            if left > 0:
                heapq.heappush(self._ends, (now + left, ticket))
            else:
                self._end(kept, self._by_clock(kept))
        self._causes = {name: cause for name, cause in self._causes.items() if now < cause[1]}
        self._followers = {name: to for name, to in self._followers.items() if now < to[1]}
        forgotten = self._clock() - REVOCATION_MEMORY
        self._revoked = {selector: at for selector, at in self._revoked.items() if at > forgotten}

    def _cap(self, pseudonym: str) -> None:
        if self._per_subject is None:
            return
        oldest_first = sorted(
            self._selected(SubjectSessions((pseudonym,))), key=lambda kept: kept.found.session.created_at
        )
        for kept in oldest_first[: -self._per_subject]:
            self._end(kept, EndCause.NEWER)

    def _is_revoked(self, session: Session, begun_at: Instant) -> bool:
        selectors: list[Selector] = [
            AllSessions(),
            ClientSessions(session.client_id),
            SubjectSessions((session.pseudonym,)),
        ]
        if session.provider_session is not None:
            selectors.append(ProviderSessions(session.provider_session))
        revoked_at = max(self._revoked.get(selector, NEVER_REVOKED) for selector in selectors)
        return is_revoked(begun_at, revoked_at, self._clock())

    def _selected(self, selector: Selector) -> list[_Kept]:
        return [
            kept
            for kept in self._kept.values()
            if self._seconds_left(kept) > 0 and _fits(selector, kept.found.session, kept)
        ]


def _fits(selector: Selector, session: Session, kept: _Kept) -> bool:
    match selector:
        case OneSession(name):
            return ticket_name(kept.ticket) == name
        case SubjectSessions(pseudonyms):
            return session.pseudonym in pseudonyms
        case ProviderSessions(provider_session):
            return session.provider_session == provider_session
        case ClientSessions(client_id):
            return session.client_id == client_id
        case AllSessions():
            return True
        case _:
            assert_never(selector)


class _MemoryWatch:
    """An open stream's place in its session."""

    def __init__(self, kept: _Kept | None, on_end: Callable[[], None]) -> None:
        self.kept = kept
        self.on_end = on_end

    def cancel(self) -> None:
        """See `Watch`."""
        if self.kept is not None:
            self.kept.watches.discard(self)
