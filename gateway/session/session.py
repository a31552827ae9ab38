"""What a session is, and when it stops being one.

Two clocks end a session: silence, which every request resets, and age, which nothing
resets. The idle clock belongs to the store (a time to live of its own); the absolute
one is `expires_at`. Stores: `memory_store`, `redis_store`, behind one contract.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.identity import Identity
from gateway.instant import Instant
from gateway.session.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Session:
    """An identity known to one browser. Never accepted on a host of another client."""

    identity: Identity
    created_at: Instant
    expires_at: Instant
    """The absolute clock's end."""
    pseudonym: str
    """A keyed hash of client and subject: names a person in logs and listings without telling who."""
    provider_session: str | None = None
    """Hash of the provider's `sid` or `session_state`, so that sign-out finds its siblings."""

    @property
    def client_id(self) -> str:
        """The client whose subject this is."""
        return self.identity.client_id


@dataclass(frozen=True, slots=True)
class NoTicket:
    """The browser brought no ticket."""


@dataclass(frozen=True, slots=True)
class Unread:
    """There is a ticket, and what it stands for is not in memory."""

    ticket: Ticket


@dataclass(slots=True)
class Found:
    """The session, and a place for what was made of it and can be used again."""

    session: Session
    ready: dict[Any, Any] = field(default_factory=dict)
    """Kept by the pipeline (verdicts, rendered headers), each with its `valid_until`; dies with the cache entry."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The ticket stands for nothing: ended, revoked, or never there. Not a reason to clear a cookie."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The store cannot say. What needs a session gets 503; what needs none goes on."""


SessionState = NoTicket | Unread | Found | Gone | Unavailable


class SessionStore(Protocol):
    """Where sessions wait between requests. One test suite holds every implementation to this.

    Each method raises `StoreUnavailableError` where the store cannot be asked.
    """

    async def find(self, ticket: Ticket) -> Session | None:
        """Return the session, or `None` when it is gone, does not open, or was never there."""

    async def create(self, ticket: Ticket, session: Session) -> None:
        """Keep a new session until its idle or its absolute clock ends it."""

    async def replace(self, old: Ticket, new: Ticket, session: Session) -> bool:
        """Keep `session` under `new` and end `old`, at once; False, and nothing kept, if `old` was gone."""

    async def delete(self, ticket: Ticket) -> bool:
        """End a session; False if there was none."""

    async def touch(self, tickets: Iterable[Ticket]) -> None:
        """Restart the idle clocks of those that still exist; never brings one back."""

    async def check(self) -> None:
        """Return if the store can be read and written now."""

    async def close(self) -> None:
        """Let go of every connection."""


class SessionReader(Protocol):
    """What the listener asks of the cache in front of a store."""

    def peek(self, ticket: Ticket, now: Instant) -> Found | Gone | Unread | Unavailable:
        """Say at once what memory can say; `Unread` asks for `load`. Never waits."""

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:
        """Ask the store, once for all who ask for the same ticket at the same time."""
