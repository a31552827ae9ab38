"""A session, and the two clocks that end it.

Two clocks end a session: silence, which every request resets, and age, which nothing
resets. The idle clock belongs to the store (a time to live of its own); the absolute
one is `expires_at`. Stores: `memory_store`, `redis_store`, behind one contract.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never

import msgspec

from gateway.identity import Acting, Identity
from gateway.instant import Instant, began
from gateway.policy.permit_cache import PermitCache
from gateway.session.ledger import Disclosure, Ledger
from gateway.session.ticket import Ticket


class Session(msgspec.Struct, frozen=True, gc=False):
    """An identity known to one browser. Never accepted on a host of another client, nor on another host at all."""

    identity: Identity
    created_at: Instant
    expires_at: Instant
    """The absolute clock's end."""
    pseudonym: str
    """A keyed hash of client and subject: names a person in logs and listings without telling who."""
    provider_session: str | None = None
    """Hash of the provider's `sid` or `session_state`, so that sign-out finds its siblings."""
    host: str = ""
    """The host that it was issued at and is good for, without a port; empty in a record from before hosts were kept."""

    @property
    def client_id(self) -> str:
        """The client whose subject this is."""
        return self.identity.client_id

    def __repr__(self) -> str:
        """Say nothing of the person: a session ends up in a log line or a traceback sooner or later."""
        return f"Session(pseudonym={self.pseudonym!r}, created_at={self.created_at!r}, host={self.host!r})"


@dataclass(frozen=True, slots=True)
class NoTicket:
    """The browser brought no ticket."""


@dataclass(frozen=True, slots=True)
class Unread:
    """There is a ticket, and its session is not in memory."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """The application's account for which a person acts, as it was known at one moment."""

    acting: Acting | None
    """`None`: she has none, has not chosen one yet, or has said that she has none."""
    choices: int
    """The accounts that she may choose from."""
    declined: bool
    """She has said in this session that she has none."""
    valid_from: Instant
    valid_until: Instant


class Found(msgspec.Struct, gc=False):
    """The session, and the permits that the pipeline has decided for it.

    A worker remembers up to 100,000 of them, so the garbage collector visits neither them nor most of what they hold:
    no part of them leads back to them.
    """

    session: Session
    permit_cache: PermitCache = msgspec.field(default_factory=PermitCache)
    """The pipeline fills it. It is dropped with the cached session."""
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    """The pipeline tells it which facts go to which App."""
    accounts: dict[str, KnownAccount] | None = None
    """The person's accounts by the App's name, where an App has any and a rule has looked at them."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The ticket stands for nothing: ended, revoked, or never there. Not a reason to clear a cookie."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The store cannot say. A request that needs a session gets 503; one that needs none goes on."""


@dataclass(frozen=True, slots=True)
class Limited:
    """The store is not asked: too many tickets without a session came from this address.

    It is neither a logout nor a pass. A request that needs a session gets 429; one that needs none goes on.
    """

    retry_after: int
    """Seconds."""
    reason: str
    """`forged_tickets` or `ended_tickets`: which of the two limits was met."""


SessionState = NoTicket | Unread | Found | Gone | Unavailable | Limited


SESSION_NAME = re.compile(r"[0-9a-f]{64}")
"""The form of a session's name (`ticket_name`)."""

PSEUDONYM = re.compile(r"[0-9a-f]{32}")
"""The form of a pseudonym. A text of another form may be a person's name, and is not to be recorded."""

CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}")
"""The form in which an operator may name a client, which need not be one of the settings: its sessions may still live.

The log and the trail keep the name as she told it, and nothing longer than any provider gives out.
"""


@dataclass(frozen=True, slots=True)
class OneSession:
    """The session stored under this name (`ticket_name`)."""

    name: str


@dataclass(frozen=True, slots=True)
class SubjectSessions:
    """All sessions of one subject of one client, with the pseudonyms of every kept secret.

    `Secrets.pseudonyms` gives them.
    """

    pseudonyms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProviderSessions:
    """All sessions that came from one session at the provider: `Session.provider_session`."""

    provider_session: str


@dataclass(frozen=True, slots=True)
class ClientSessions:
    """All sessions of one client."""

    client_id: str


@dataclass(frozen=True, slots=True)
class AllSessions:
    """Every session there is."""


Selector = OneSession | SubjectSessions | ProviderSessions | ClientSessions | AllSessions


def selector_fields(selector: Selector) -> dict[str, object]:
    """Return a log's fields for the selected sessions: pseudonyms and names of ours, never a subject."""
    match selector:
        case OneSession(name):
            return {"selector": "session", "session": name}
        case SubjectSessions(pseudonyms):
            return {"selector": "subject", "pseudonym": pseudonyms[0]}
        case ProviderSessions():
            return {"selector": "provider_session"}
        case ClientSessions(client_id):
            return {"selector": "client", "client_id": client_id}
        case AllSessions():
            return {"selector": "all"}
        case _:
            assert_never(selector)


@dataclass(frozen=True, slots=True)
class ListedSession:
    """The part of a session that operators may see: no claim, and nothing that opens it."""

    name: str
    client_id: str
    pseudonym: str
    created_at: Instant
    authenticated_at: Instant
    expires_at: Instant
    idle_left: float
    """Seconds until silence ends it."""
    secret_id: str = ""
    """Which secret sealed it; empty where nothing is sealed."""
    ticket_secret_id: str = ""
    """Which secret sealed the ticket in the browser's cookie; empty where it is plain."""
    code_mark: str = ""
    """The mark of the person's code (`Secrets.code_marks`); empty in a session that an earlier version began."""


class EndCause(StrEnum):
    """The causes that end a session. Only a browser that still brings its ticket is told."""

    IDLE = "idle"
    """Silence."""
    AGE = "age"
    """The absolute clock."""
    SIGNED_OUT = "signed_out"
    """A sign-out in that browser."""
    ELSEWHERE = "elsewhere"
    """A sign-out at the provider, or from another session of the same sign-in there."""
    ANOTHER = "another"
    """A later sign-in in the same browser."""
    NEWER = "newer"
    """Newer sessions of the same person in other browsers (`sessions.per_subject`)."""
    OPERATOR = "operator"
    """An operator revoked it."""
    SAFETY = "safety"
    """The store went back to an older state, and the gateway ended what it could not be sure of."""


CAUSE_MEMORY = 86_400.0
"""Seconds for which the cause is kept beyond the moment at which the absolute clock ends the session."""

NEVER_REVOKED: Instant = -1.0


def is_revoked(begun_at: Instant, revoked_at: Instant, now: Instant) -> bool:
    """Say whether what began at that moment is ended by a revocation, if there was one.

    A session from the future began while our clock was ahead, perhaps before the revocation: it is ended too. An
    invalid time is not before any other, so such a mark revokes.
    """
    later = revoked_at < begun_at and began(begun_at, now)
    return not revoked_at < 0 and not later


REVOCATION_MEMORY = 3_600.0
"""Seconds a revocation is remembered, to refuse sign-ins that began before it: longer than any sign-in may take."""

CARRY_OVER_SECONDS = 60.0
"""Seconds an ended session remembers which one followed it, so that open streams may go over."""


MOST_NOTES = 64
"""Words beside one session."""

MOST_BOUND = 256
"""Hashes of cookies beside one session; some applications set another one with each answer."""


class SessionStore(Protocol):
    """The store that keeps sessions between requests. One test suite holds every implementation to this.

    Each method raises `StoreUnavailableError` if the store does not answer.
    """

    async def find(self, ticket: Ticket) -> Session | None:
        """Return the session and restart its idle clock; `None` when it is gone, does not open, or was never there."""

    async def create(self, ticket: Ticket, session: Session, *, begun_at: Instant | None = None) -> bool:
        """Keep a new session until its idle or its absolute clock ends it.

        `begun_at` is the time at which the sign-in began; the default is `session.created_at`. False, and
        nothing kept, where the subject, its provider session, its client or everybody has been
        revoked since then.
        """

    async def replace(self, old: Ticket, new: Ticket, session: Session, *, begun_at: Instant | None = None) -> bool:
        """Keep `session` under `new` and end `old`, at once; False, and nothing kept, if `old` was gone.

        It is also False if `create` returns False. Open streams of `old` go over to `new` if both are
        the same subject of the same client.
        """

    async def delete(self, ticket: Ticket, cause: EndCause | None = EndCause.SIGNED_OUT) -> bool:
        """End a session; False if there was none. Without a cause nothing of it is remembered."""

    async def end(self, name: str, cause: EndCause = EndCause.SIGNED_OUT) -> bool:
        """End the session of this name, as `delete` does; False if there was none. For who no longer has the ticket."""

    async def cause(self, ticket: Ticket) -> EndCause | None:
        """Return what ended a session; `None` if it lives, was never there, or nobody knows any more.

        The store forgets it `CAUSE_MEMORY` after the session could have lived at most.
        """

    async def touch(self, tickets: Iterable[Ticket]) -> frozenset[Ticket]:
        """Restart the idle clocks of those that still exist, and return these; never brings one back."""

    async def idle_left(self, name: str) -> float | None:
        """Return the seconds until a clock ends the session of this name; `None` if it is gone. Restarts nothing."""

    async def follower(self, name: str) -> str | None:
        """Return the name of the session that replaced this one for the same subject, for `CARRY_OVER_SECONDS`."""

    def sessions(self, selector: Selector) -> AsyncIterator[ListedSession]:
        """List sessions, in no order. Restarts no clock."""

    async def revoke(self, selector: Selector, cause: EndCause = EndCause.OPERATOR) -> int:
        """End sessions now and everywhere, those whose sign-in is under way included; return how many there were.

        New sign-ins of the same persons are possible at once.
        """

    async def disclose(self, told: Sequence[tuple[Ticket, Disclosure]]) -> None:
        """Keep entries of the ledgers of sessions that still exist, as long as these do; of the same ones the first.

        `replace` hands them on if the subject stays the same.
        """

    async def disclosures(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        """Return a session's ledger, the earliest entry first."""

    async def note(self, ticket: Ticket, name: str, value: str) -> None:
        """Keep a word beside a session that still exists, as long as it does. It holds no claim.

        `replace` hands the words on if the subject stays the same.
        """

    async def notes(self, ticket: Ticket) -> Mapping[str, str]:
        """Return the words beside a session."""

    async def bind(self, ticket: Ticket, hashes: Sequence[str]) -> None:
        """Keep hashes of an application's cookies beside a session that still exists: the newest `MOST_BOUND`.

        The hashes end with this ticket, and `replace` hands none on.
        """

    async def bound(self, ticket: Ticket) -> frozenset[str]:
        """Return the hashes of the cookies that were set in this session."""

    async def check(self) -> None:
        """Return if the store can be read and written now."""

    async def close(self) -> None:
        """Let go of every connection."""


class Watch(Protocol):
    """An open stream's claim to be told when its session ends."""

    def cancel(self) -> object:
        """The stream is over; nothing more is told."""


@dataclass(frozen=True, slots=True)
class BothWatches:
    """Two claims of one stream."""

    first: Watch
    second: Watch

    def cancel(self) -> None:
        """See `Watch`."""
        self.first.cancel()
        self.second.cancel()


class SessionReader(Protocol):
    """The cache in front of a store, as the listener sees it."""

    def peek(self, ticket: Ticket, now: Instant) -> Found | Gone | Unread | Unavailable:
        """Answer at once from memory; `Unread` asks the caller for `load`. Never waits."""

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:
        """Ask the store, once for all who ask for the same ticket at the same time."""

    async def told(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        """Return the session's ledger, with all that this worker has told."""

    async def cause(self, ticket: Ticket) -> EndCause | None:
        """Return what ended a session, as `SessionStore.cause` does; `None` also if the store does not answer."""

    def watch(self, ticket: Ticket, on_end: Callable[[], None]) -> Watch:
        """Call `on_end` once when the session ends by any clock or hand, or can no longer be known to live.

        For what outlives the request that opened it: WebSockets and event streams. Bytes on a stream
        restart no clock: a page left open at a library's PC must not keep its session alive.
        """
