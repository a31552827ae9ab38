"""Sessions in Redis, sealed, one key for the record and one for its idle clock.

    {prefix}t:{<name>}    the record; lives until the absolute clock ends it
    {prefix}i:{<name>}    the idle clock: there or not there, its time to live is the clock
    {prefix}d:{<name>}    its ledger, each entry sealed; ends with the record
    {prefix}e:{<name>}    when its absolute clock ends it, and then what ended it; for a day longer than it could live
    {prefix}a:{<name>}    words beside it (`note`); end with the record
    {prefix}c:{<name>}    hashes of an application's cookies that were set in it; end with the record
    {prefix}n:{<name>}    the name of the session that followed this one, for its open streams
    {prefix}u:<pseudonym> names of a subject's sessions, by when they end; a superset
    {prefix}p:<hash>      the same for one session at the provider
    {prefix}r:u:…, r:p:…  when those were revoked, for sign-ins under way
    {prefix}m:<name>      a number that a node counts up, to notice that Redis went back to an older state (`mark`)
    {prefix}t:ended       when a client, or everybody, was revoked
    {prefix}f:s:<secret>  the switches of the fleet, sealed (`fleet`)
    {prefix}f:n:<worker>  what a worker of the fleet says of itself, sealed
    {prefix}f:nodes       the names of these workers, by the time of their last word

Only `t:` is watched by the workers' caches (`redis_cache`): restarting an idle clock must not invalidate anything, so
the clock has a key of its own. The braces are for Cluster: all keys of one command or transaction are in one slot.
Indexes and revocations lie where they may, so their order is the guarantee: **a sign-in writes index, record, and then
looks for a revocation; a revocation writes itself, and then reads the index**. The second of the two sees the first.

A record is written again only over one that was there (`_RESEAL`): a late write must not bring a revoked session back.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, assert_never

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.instant import Instant, is_instant
from gateway.redis_client import (
    POOL,
    AnyRedis,
    Timed,
    asking,
    bytes_of_reply,
    close_redis,
    fault_of,
    is_cluster,
    number_of_reply,
    untimed,
)
from gateway.redis_exchange import Command, send_together
from gateway.session.asyncio_lookups import Lookups
from gateway.session.asyncio_turns import Turns
from gateway.session.circuit import Circuit
from gateway.session.ledger import MOST, Disclosure, in_order
from gateway.session.seal import (
    Header,
    Secrets,
    open_disclosure,
    open_record,
    read_header,
    seal,
    seal_disclosure,
    unseal,
)
from gateway.session.sealed_box import NONCE_BYTES
from gateway.session.session import (
    CARRY_OVER_SECONDS,
    CAUSE_MEMORY,
    MOST_BOUND,
    MOST_NOTES,
    NEVER_REVOKED,
    REVOCATION_MEMORY,
    SESSION_NAME,
    AllSessions,
    ClientSessions,
    EndCause,
    ListedSession,
    OneSession,
    ProviderSessions,
    Selector,
    Session,
    SubjectSessions,
    is_revoked,
)
from gateway.session.ticket import Ticket, ticket_name
from gateway.settings.settings import SessionSettings

DEFAULT_PREFIX = "sekisho:"
SWITCHES_KEPT_FOR = 100 * 86_400.0
"""Seconds that Redis keeps the fleet's switches after their last change: longer than any switch may stay on."""

NODE_KEPT_FOR = 86_400.0
"""Seconds that Redis keeps the last word of a worker."""

MOST_NODES = 1_000
"""Workers of which a listing tells."""

PAGE = 500
"""Keys asked for at once when all of them are walked through."""

RESERVED = 4
"""Connections that look-ups leave to everything else; the last of them is the heartbeat's."""

PRUNED_AFTER = 3_600.0
"""Seconds behind its end a name stays in an index, so that a worker whose clock is ahead takes none out that lives.
While its clock is further ahead than that it makes no session, as every ID token is too old for it."""

_RESTORED = b"restored"
"""The field of `t:ended` that says that the store's own past ended everybody, and no operator."""

_RESEAL = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
"""


_END = """
local record = redis.call('DEL', KEYS[1])
local living = redis.call('DEL', KEYS[2])
redis.call('DEL', KEYS[3], KEYS[5], KEYS[6])
if ARGV[1] == '' then
    redis.call('DEL', KEYS[4])
elseif record == 1 then
    redis.call('SET', KEYS[4], living == 1 and ARGV[1] or ARGV[2], 'XX', 'KEEPTTL')
end
return record + living
"""
"""Ends a session and keeps the cause. One that silence has ended already keeps that."""

_DISCLOSE = """
local left = redis.call('PTTL', KEYS[1])
if left <= 0 then return 0 end
local kept = redis.call('HGETALL', KEYS[2])
if #kept >= 2 * tonumber(ARGV[1]) then return 0 end
for at = 1, #kept, 2 do
    if kept[at] == ARGV[2] then return 0 end
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], left)
return 1
"""


_NOTE = """
local left = redis.call('PTTL', KEYS[1])
if left <= 0 then return 0 end
local kept = redis.call('HGETALL', KEYS[2])
local known = #kept < 2 * tonumber(ARGV[1])
for at = 1, #kept, 2 do
    if kept[at] == ARGV[2] then known = true end
end
if not known then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], left)
return 1
"""


_BIND = """
local left = redis.call('PTTL', KEYS[1])
if left <= 0 then return 0 end
for at = 3, #ARGV do redis.call('ZADD', KEYS[2], ARGV[2], ARGV[at]) end
for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1 - tonumber(ARGV[1]))) do
    redis.call('ZREM', KEYS[2], oldest)
end
redis.call('PEXPIRE', KEYS[2], left)
return 1
"""


_Replies = tuple[Any, Any, Any]


class RedisStore:
    """A `SessionStore` on Redis of any deployment."""

    def __init__(
        self,
        redis: AnyRedis,
        secrets: Secrets,
        settings: SessionSettings,
        *,
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
        circuit: Circuit | None = None,
        prefix: str = DEFAULT_PREFIX,
        timed: Timed = untimed,
    ) -> None:
        """Take a client (`redis_client.make_redis`) and close it with the store.

        `clock` gives Unix seconds; `random(n)` returns n random bytes fit for a nonce. A caller that brings a `circuit`
        must `probe` now and then: nothing else closes it again.
        """
        self.circuit = circuit
        self._timed = timed
        self.on_fault: Callable[[StoreFault], None] | None = None
        """It is called at each failure, before the caller gets the error."""
        self.redis = redis
        self.is_cluster = is_cluster(redis)
        self.prefix = prefix
        self.unopened = 0
        """Records seen that did not open: of a retired secret, or tampered with."""
        self.unreadable = 0
        """Keys seen in listings that hold no record of ours."""
        self._secrets = secrets
        self._idle = settings.idle
        self._absolute = settings.absolute
        self._timeout = settings.timeout
        self._per_subject = settings.per_subject
        self._ticket_secret_id = "" if settings.tickets == "plain" else secrets.first.id
        self._clock = clock
        self._random = random
        # Turns, of which one connection each is sure: a flood of forged cookies may fill the look-ups' but must keep
        # neither sign-outs nor heartbeats waiting, which have the rest.
        self._found: Lookups[_Replies] = Lookups(self._find)
        self._lookups = Turns(POOL - RESERVED)
        self._others = Turns(RESERVED - 1)

    @property
    def tracked_prefix(self) -> str:
        """Keys that begin so are what caches must hear about."""
        return f"{self.prefix}t:"

    def record_key(self, name: str) -> str:
        """Return the key of a session's record."""
        return f"{self.prefix}t:{{{name}}}"

    def idle_key(self, name: str) -> str:
        """Return the key of a session's idle clock."""
        return f"{self.prefix}i:{{{name}}}"

    @property
    def ended_key(self) -> str:
        """The key of the revocations that concern more than one person."""
        return f"{self.prefix}t:ended"

    async def find(self, ticket: Ticket) -> Session | None:
        """See `SessionStore`."""
        return await self.find_named(ticket, ticket_name(ticket))

    async def find_named(self, ticket: Ticket, name: str) -> Session | None:
        """Do what `find` does for a caller that knows the name of the session already."""
        if self.is_cluster:
            # Its nodes are asked each by itself.
            (found,) = await self._find((name,))
            if isinstance(found, StoreUnavailableError):
                raise found
        else:
            found = await self._found.of(name)
        record, silent, ended = found
        if record is None or not silent:
            return None
        opened = open_record(bytes_of_reply(record), ticket, self._secrets)
        if opened is None:
            self.unopened += 1
            return None
        session, header = opened
        now = self._clock()
        if now >= session.expires_at or is_revoked(session.created_at, _ended_at(ended, session.client_id), now):
            return None
        if header.secret_id != self._secrets.first.id:
            await self._reseal(name, ticket, session, record, header.ticket_secret_id)
        return session

    async def _find(self, names: Sequence[str]) -> list[_Replies | StoreUnavailableError]:
        """Return for each session its record, whether its idle clock ran, and the revocations that stand now."""
        idle = _milliseconds(self._idle)
        commands: list[Command] = []
        for name in names:
            # PEXPIRE restarts the clock, says whether there is one, and never makes one. It is also a write: a
            # replica, whose record may be long revoked, refuses it even where there is no such key.
            commands += [("GET", self.record_key(name)), ("PEXPIRE", self.idle_key(name), idle)]
        # The revocations last, behind every record that they may end.
        *replies, ended = await self._ask(*commands, ("HGETALL", self.ended_key), lookup=True, tolerant=len(names) > 1)
        found: list[_Replies | StoreUnavailableError] = []
        for record, silent in zip(replies[::2], replies[1::2], strict=True):
            # A key that is none of ours fails its own look-up, and not those beside it.
            if isinstance(record, Exception):
                found.append(StoreUnavailableError(fault_of(record)))
            elif isinstance(silent, Exception):
                found.append(StoreUnavailableError(fault_of(silent)))
            elif isinstance(ended, Exception):
                found.append(StoreUnavailableError(fault_of(ended)))
            else:
                found.append((record, silent, ended))
        return found

    async def create(self, ticket: Ticket, session: Session, *, begun_at: Instant | None = None) -> bool:
        """See `SessionStore`."""
        name = ticket_name(ticket)
        if not await self._write(name, ticket, session, session.created_at if begun_at is None else begun_at):
            await self._remove(name, None)
            return False
        await self._cap(session.pseudonym)
        return True

    async def replace(self, old: Ticket, new: Ticket, session: Session, *, begun_at: Instant | None = None) -> bool:
        """See `SessionStore`."""
        old_name, new_name = ticket_name(old), ticket_name(new)
        before, living, ended, told, notes = await self._ask(
            ("GET", self.record_key(old_name)),
            ("EXISTS", self.idle_key(old_name)),
            ("HGETALL", self.ended_key),
            ("HGETALL", self._ledger_key(old_name)),
            ("HGETALL", self._notes_key(old_name)),
        )
        if before is None or not living:
            return False
        was = unseal(bytes_of_reply(before), old, self._secrets)
        now = self._clock()
        if was is None or now >= was.expires_at:
            return False
        if is_revoked(was.created_at, _ended_at(ended, was.client_id), now):
            return False
        # For a moment both are alive, and no browser has the new one's ticket yet.
        if not await self._write(new_name, new, session, session.created_at if begun_at is None else begun_at):
            await self._remove(new_name, None)
            return False
        same = (was.client_id, was.identity.subject) == (session.client_id, session.identity.subject)
        # The pointer stands before its reader is woken by the end of the old one.
        if same:
            await self._ask(
                ("SET", self._follower_key(old_name), new_name, "PX", _milliseconds(CARRY_OVER_SECONDS)),
                *(self._disclosing(new, each) for each in self._ledger(told, old)),
                *(self._noting(new_name, _text(name), _text(value)) for name, value in _pairs(notes)),
            )
        if not await self._remove(old_name, EndCause.ANOTHER):
            # Ended while we wrote: by sign-out, by revocation, or by another sign-in that was quicker.
            await self._ask(("DEL", self._follower_key(old_name)))
            await self._remove(new_name, None)
            return False
        await self._cap(session.pseudonym)
        return True

    async def delete(self, ticket: Ticket, cause: EndCause | None = EndCause.SIGNED_OUT) -> bool:
        """See `SessionStore`."""
        return await self._remove(ticket_name(ticket), cause)

    async def end(self, name: str, cause: EndCause = EndCause.SIGNED_OUT) -> bool:
        """See `SessionStore`."""
        return await self._remove(name, cause)

    async def cause(self, ticket: Ticket) -> EndCause | None:
        """See `SessionStore`."""
        name = ticket_name(ticket)
        record, living, word, ended = await self._ask(
            ("GET", self.record_key(name)),
            ("EXISTS", self.idle_key(name)),
            ("GET", self._cause_key(name)),
            ("HGETALL", self.ended_key),
            lookup=True,
        )
        text = "" if word is None else bytes_of_reply(word).decode("ascii", "replace")
        if text in tuple(EndCause):
            return EndCause(text)
        now = self._clock()
        header = None if record is None else read_header(bytes_of_reply(record))
        if header is None:
            # Before its time the record was lost, and nobody knows how.
            return EndCause.AGE if word is not None and 0 <= _instant(word) <= now else None
        revoked_at = _ended_at(ended, header.client_id)
        if is_revoked(header.created_at, revoked_at, now):
            restored = _instant(dict(_pairs(ended)).get(_RESTORED))
            return EndCause.SAFETY if restored == revoked_at else EndCause.OPERATOR
        if now >= header.expires_at:
            return EndCause.AGE
        return None if living else EndCause.IDLE

    async def touch(self, tickets: Iterable[Ticket]) -> frozenset[Ticket]:
        """See `SessionStore`."""
        touched = tuple(tickets)
        if not touched:
            return frozenset()
        replies = await self._ask(
            *(("PEXPIRE", self.idle_key(ticket_name(ticket)), _milliseconds(self._idle)) for ticket in touched)
        )
        return frozenset(ticket for ticket, living in zip(touched, replies, strict=True) if living)

    async def idle_left(self, name: str) -> float | None:
        """See `SessionStore`."""
        record, idle, whole = await self._ask(
            ("GET", self.record_key(name)), ("PTTL", self.idle_key(name)), ("PTTL", self.record_key(name))
        )
        header = None if record is None else read_header(bytes_of_reply(record))
        # Nothing: less than a millisecond is left.
        if header is None or number_of_reply(idle) < 0 or number_of_reply(whole) < 0:
            return None
        (ended,) = await self._ask(("HGETALL", self.ended_key))
        now = self._clock()
        if now >= header.expires_at or is_revoked(header.created_at, _ended_at(ended, header.client_id), now):
            return None
        return min(float(idle), float(whole)) / 1_000

    async def follower(self, name: str) -> str | None:
        """See `SessionStore`."""
        (follower,) = await self._ask(("GET", self._follower_key(name)))
        return None if follower is None else bytes_of_reply(follower).decode("ascii", "replace")

    async def sessions(self, selector: Selector) -> AsyncIterator[ListedSession]:
        """See `SessionStore`."""
        async for names in self._names(selector):
            for listed in await self._listed(names, selector):
                yield listed

    async def revoke(self, selector: Selector, cause: EndCause = EndCause.OPERATOR) -> int:
        """See `SessionStore`."""
        await self._mark_revoked(selector)
        count = 0
        async for names in self._names(selector):
            chosen = names
            if isinstance(selector, ClientSessions):
                chosen = [listed.name for listed in await self._listed(names, selector, ended_too=True)]
            replies = await self._ask(*(self._ending(name, cause) for name in chosen)) if chosen else []
            count += sum(reply == 2 for reply in replies)
        return count

    async def disclose(self, told: Sequence[tuple[Ticket, Disclosure]]) -> None:
        """See `SessionStore`."""
        if told:
            await self._ask(*(self._disclosing(ticket, each) for ticket, each in told))

    async def disclosures(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        """See `SessionStore`."""
        name = ticket_name(ticket)
        living, told = await self._ask(("EXISTS", self.record_key(name)), ("HGETALL", self._ledger_key(name)))
        return self._ledger(told, ticket) if living else ()

    async def note(self, ticket: Ticket, name: str, value: str) -> None:
        """See `SessionStore`."""
        await self._ask(self._noting(ticket_name(ticket), name, value))

    def _noting(self, session: str, name: str, value: str) -> Command:
        return ("EVAL", _NOTE, 2, self.record_key(session), self._notes_key(session), MOST_NOTES, name, value)

    async def notes(self, ticket: Ticket) -> Mapping[str, str]:
        """See `SessionStore`."""
        name = ticket_name(ticket)
        living, notes = await self._ask(("EXISTS", self.record_key(name)), ("HGETALL", self._notes_key(name)))
        return {_text(word): _text(value) for word, value in _pairs(notes)} if living else {}

    async def bind(self, ticket: Ticket, hashes: Sequence[str]) -> None:
        """See `SessionStore`."""
        if hashes:
            name = ticket_name(ticket)
            keys = (self.record_key(name), self._bound_key(name))
            await self._ask(("EVAL", _BIND, 2, *keys, MOST_BOUND, repr(self._clock()), *hashes))

    async def bound(self, ticket: Ticket) -> frozenset[str]:
        """See `SessionStore`."""
        name = ticket_name(ticket)
        living, hashes = await self._ask(("EXISTS", self.record_key(name)), ("ZRANGE", self._bound_key(name), 0, -1))
        return frozenset(_text(each) for each in hashes) if living else frozenset()

    def _disclosing(self, ticket: Ticket, told: Disclosure) -> Command:
        name = ticket_name(ticket)
        field, sealed = seal_disclosure(told, ticket, self._secrets.first, self._random(NONCE_BYTES))
        return ("EVAL", _DISCLOSE, 2, self.record_key(name), self._ledger_key(name), MOST, field, sealed)

    def _ledger(self, reply: object, ticket: Ticket) -> tuple[Disclosure, ...]:
        opened = [open_disclosure(bytes_of_reply(value), ticket, self._secrets) for _, value in _pairs(reply)]
        return in_order(each for each in opened if each is not None)

    async def check(self) -> None:
        """See `SessionStore`."""
        key = f"{self.prefix}check"
        await self._ask(("SET", key, b"1", "PX", 10_000), ("GET", key))

    async def read_mark(self, name: str) -> bytes | None:
        """Return the number of a node's mark; `None` if there is none."""
        (found,) = await self._ask(("GET", f"{self.prefix}m:{name}"))
        return None if found is None else bytes_of_reply(found)

    async def end_before(self, moment: Instant) -> None:
        """End every session that began before a moment, now and everywhere."""
        (ended,) = await self._ask(("HGETALL", self.ended_key))
        if _ended_at(ended, "") < moment:
            longest = _milliseconds(max(REVOCATION_MEMORY, self._absolute))
            await self._ask(
                ("HSET", self.ended_key, "all", repr(moment), _RESTORED, repr(moment)),
                ("PEXPIRE", self.ended_key, longest),
            )

    async def write_mark(self, name: str, number: int, seconds: float) -> None:
        """Set the number of a node's mark, for that time."""
        await self._ask(("SET", f"{self.prefix}m:{name}", str(number), "PX", _milliseconds(seconds)))

    async def read_switches(self, secret_ids: Sequence[str]) -> list[bytes | None]:
        """Return the fleet's switches as they were sealed with each of these secrets."""
        found = await self._ask(*(("GET", self._switches_key(each)) for each in secret_ids))
        return [None if each is None else bytes_of_reply(each) for each in found]

    async def write_switches(self, secret_id: str, sealed: bytes) -> None:
        """Write the fleet's switches as they are sealed with this secret."""
        await self._ask(("SET", self._switches_key(secret_id), sealed, "PX", _milliseconds(SWITCHES_KEPT_FOR)))

    async def say_of_worker(self, name: str, sealed: bytes) -> None:
        """Write what a worker says of itself, and forget the workers that have long been silent."""
        now, index = self._clock(), f"{self.prefix}f:nodes"
        await self._ask(
            ("SET", self._node_key(name), sealed, "PX", _milliseconds(NODE_KEPT_FOR)),
            ("ZADD", index, now, name),
            ("ZREMRANGEBYSCORE", index, "-inf", now - NODE_KEPT_FOR),
        )

    async def said_of_workers(self) -> list[tuple[bytes, float]]:
        """Return what the workers of the fleet said last, the latest first, and how many seconds ago.

        The age comes from the time that Redis still keeps the word: it does not depend on the clock of a node.
        """
        (names,) = await self._ask(("ZRANGE", f"{self.prefix}f:nodes", 0, MOST_NODES - 1, "REV"))
        if not names:
            return []
        keys = [self._node_key(_text(name)) for name in names]
        found = await self._ask(*(command for key in keys for command in (("GET", key), ("PTTL", key))))
        said = ((each, left) for each, left in zip(found[::2], found[1::2], strict=True) if each is not None)
        return [(bytes_of_reply(each), max(0.0, NODE_KEPT_FOR - left / 1000)) for each, left in said]

    def _switches_key(self, secret_id: str) -> str:
        return f"{self.prefix}f:s:{secret_id}"

    def _node_key(self, name: str) -> str:
        return f"{self.prefix}f:n:{name}"

    async def probe(self, key: str, seconds: float) -> None:
        """Write a key that lasts for that time, also with an open circuit: a heartbeat, or a sign of life."""
        await self._replies((("SET", key, b"", "PX", _milliseconds(seconds)),), tolerant=False)

    async def close(self) -> None:
        """See `SessionStore`."""
        await self._found.close()
        await close_redis(self.redis)

    async def sealed_by(self) -> dict[str, int]:
        """Count the sessions that need each secret, by its id; walks through all of them.

        A session needs the secret that seals its record, and the one that sealed the cookie of its browser: a record
        is sealed anew when it is read, a cookie is not.
        """
        counts: dict[str, int] = {}
        async for names in self._names(AllSessions()):
            for listed in await self._listed(names, AllSessions()):
                for needed in {listed.secret_id, listed.ticket_secret_id} - {""}:
                    counts[needed] = counts.get(needed, 0) + 1
        return counts

    async def _write(self, name: str, ticket: Ticket, session: Session, begun_at: Instant) -> bool:
        """Keep a session; return whether nothing of it was revoked since its sign-in began."""
        now = self._clock()
        left = session.expires_at - now
        if left <= 0:
            raise ValueError("a session that is over cannot be kept")
        indexes = [self._subject_key(session.pseudonym)]
        revocations = [self._revoked_subject_key(session.pseudonym)]
        if session.provider_session is not None:
            indexes.append(self._provider_key(session.provider_session))
            revocations.append(self._revoked_provider_key(session.provider_session))
        # The index first: a session that stands in no index could not be revoked.
        named: list[Command] = []
        for index in indexes:
            named += [
                ("ZREMRANGEBYSCORE", index, "-inf", now - PRUNED_AFTER),
                ("ZADD", index, session.expires_at, name),
                ("PEXPIRE", index, _milliseconds(max(left, self._absolute))),
            ]
        record = seal(
            session, ticket, self._secrets.first, self._random(NONCE_BYTES), ticket_secret_id=self._ticket_secret_id
        )
        kept: list[Command] = [
            ("SET", self.idle_key(name), b"1", "PX", _milliseconds(min(self._idle, left))),
            ("SET", self.record_key(name), record, "PX", _milliseconds(left), "NX"),
            ("SET", self._cause_key(name), repr(session.expires_at), "PX", _milliseconds(left + CAUSE_MEMORY)),
        ]
        looked_for: list[Command] = [*(("GET", key) for key in revocations), ("HGETALL", self.ended_key)]
        if self.is_cluster:
            # Its nodes keep no order among themselves.
            replies = [*await self._ask(*named), *await self._ask(*kept), *await self._ask(*looked_for)]
        else:
            # One server runs them in this order.
            replies = await self._ask(*named, *kept, *looked_for)
        if not replies[len(named) + 1]:
            raise ValueError("a ticket is given out once")
        *marks, ended = replies[len(named) + len(kept) :]
        revoked_at = max(*(_instant(mark) for mark in marks), _ended_at(ended, session.client_id))
        return not is_revoked(begun_at, revoked_at, self._clock())

    async def _reseal(self, name: str, ticket: Ticket, session: Session, record: bytes, ticket_secret_id: str) -> None:
        """Seal a record of an older secret with the first one, unless another worker did it before."""
        again = seal(session, ticket, self._secrets.first, self._random(NONCE_BYTES), ticket_secret_id=ticket_secret_id)
        await self._ask(("EVAL", _RESEAL, 1, self.record_key(name), record, again))

    async def _remove(self, name: str, cause: EndCause | None) -> bool:
        (removed,) = await self._ask(self._ending(name, cause))
        return bool(removed == 2)

    def _ending(self, name: str, cause: EndCause | None) -> Command:
        """Return the command that ends a session. Its keys are in one slot; its reply is 2 if the session lived."""
        keys = (
            self.record_key(name),
            self.idle_key(name),
            self._ledger_key(name),
            self._cause_key(name),
            self._notes_key(name),
            self._bound_key(name),
        )
        return ("EVAL", _END, len(keys), *keys, "" if cause is None else cause.value, EndCause.IDLE.value)

    async def _mark_revoked(self, selector: Selector) -> None:
        now = repr(self._clock())
        memory = ("PX", _milliseconds(REVOCATION_MEMORY))
        match selector:
            case OneSession(name):
                # The person who signs in from that browser is, as far as we know, the same subject.
                (record,) = await self._ask(("GET", self.record_key(name)))
                header = None if record is None else read_header(bytes_of_reply(record))
                if header is not None:
                    await self._ask(("SET", self._revoked_subject_key(header.pseudonym), now, *memory))
            case SubjectSessions(pseudonyms):
                await self._ask(*(("SET", self._revoked_subject_key(one), now, *memory) for one in pseudonyms))
            case ProviderSessions(provider_session):
                await self._ask(("SET", self._revoked_provider_key(provider_session), now, *memory))
            case ClientSessions() | AllSessions():
                # These take effect by themselves at once, however long it takes to walk through the records:
                # the key is a watched one, and each reading looks at it.
                field = f"c:{selector.client_id}" if isinstance(selector, ClientSessions) else "all"
                longest = _milliseconds(max(REVOCATION_MEMORY, self._absolute))
                await self._ask(("HSET", self.ended_key, field, now), ("PEXPIRE", self.ended_key, longest))
            case _:
                assert_never(selector)

    async def _cap(self, pseudonym: str) -> None:
        """End the oldest sessions of a subject that has more than it may have."""
        if self._per_subject is None:
            return
        subject = SubjectSessions((pseudonym,))
        living = [
            listed
            async for names in self._indexed(self._subject_key(pseudonym))
            for listed in await self._listed(names, subject)
        ]
        oldest_first = sorted(living, key=lambda listed: (listed.created_at, listed.name))
        for listed in oldest_first[: -self._per_subject]:
            await self._remove(listed.name, EndCause.NEWER)

    async def _names(self, selector: Selector) -> AsyncIterator[list[str]]:
        match selector:
            case OneSession(name):
                yield [name]
            case SubjectSessions(pseudonyms):
                for pseudonym in pseudonyms:
                    async for page in self._indexed(self._subject_key(pseudonym)):
                        yield page
            case ProviderSessions(provider_session):
                async for page in self._indexed(self._provider_key(provider_session)):
                    yield page
            case ClientSessions() | AllSessions():
                async for page in self._all_names():
                    yield page
            case _:
                assert_never(selector)

    async def _indexed(self, index: str) -> AsyncIterator[list[str]]:
        """Walk through the names in an index, which nothing takes out while they are walked through but their time."""
        for first in itertools.count(0, PAGE):
            (names,) = await self._ask(("ZRANGE", index, first, first + PAGE - 1))
            yield [_text(name) for name in names]
            if len(names) < PAGE:
                return

    async def _all_names(self) -> AsyncIterator[list[str]]:
        start, end = f"{self.prefix}t:{{", "}"
        page: list[str] = []
        walk = self.redis.scan_iter(match=_literal(start) + "*", count=PAGE)
        while True:
            async with asking(self._timeout):
                key = await anext(walk, None)
            if key is not None:
                page.append(_text(key).removeprefix(start).removesuffix(end))
            if page and (key is None or len(page) >= PAGE):
                yield page
                page = []
            if key is None:
                return

    async def _listed(self, names: list[str], selector: Selector, *, ended_too: bool = False) -> list[ListedSession]:
        if not names:
            return []
        commands: list[Command] = []
        for name in names:
            commands += [("GET", self.record_key(name)), ("PTTL", self.idle_key(name))]
        *replies, ended = await self._ask(*commands, ("HGETALL", self.ended_key), tolerant=True)
        now = self._clock()
        listed: list[ListedSession] = []
        for number, name in enumerate(names):
            record, left = replies[2 * number], replies[2 * number + 1]
            if record is None:
                continue
            header = read_header(record) if isinstance(record, bytes) and SESSION_NAME.fullmatch(name) else None
            if header is None:
                # A key of another program, of a later version or of an attacker: the listing shows none of it.
                self.unreadable += 1
                continue
            if number_of_reply(left) < 0 or now >= header.expires_at or not _fits(selector, header):
                continue
            if not ended_too and is_revoked(header.created_at, _ended_at(ended, header.client_id), now):
                continue
            listed.append(
                ListedSession(
                    name=name,
                    client_id=header.client_id,
                    pseudonym=header.pseudonym,
                    created_at=header.created_at,
                    authenticated_at=header.authenticated_at,
                    expires_at=header.expires_at,
                    idle_left=min(left / 1_000, header.expires_at - now),
                    secret_id=header.secret_id,
                    ticket_secret_id=header.ticket_secret_id,
                    code_mark=header.code_mark,
                )
            )
        return listed

    async def _ask(self, *commands: Command, lookup: bool = False, tolerant: bool = False) -> list[Any]:
        """Send commands together and return their replies; one that fails fails all.

        `tolerant`: a key that holds something of another type is an error among the replies, and fails no other.

        Not a transaction: a caller that needs an order asks twice.
        """
        if self.circuit is not None and self.circuit.is_open:
            raise StoreUnavailableError(StoreFault.CIRCUIT_OPEN)
        turns = self._lookups if lookup else self._others
        # Waiting for a turn is our own load and no failure of the store: nothing is concluded from it.
        await turns.take(self._timeout)
        try:
            return await self._replies(commands, tolerant=tolerant)
        finally:
            turns.give_back()

    async def _replies(self, commands: Sequence[Command], *, tolerant: bool) -> list[Any]:
        """Send commands within the time, and conclude from their outcome whether the store is there."""
        circuit = self.circuit
        try:
            async with asking(self._timeout, self._timed):
                replies = await send_together(self.redis, commands)
                for reply in replies:
                    if isinstance(reply, Exception) and not (tolerant and fault_of(reply) is StoreFault.WRONG_TYPE):
                        raise reply
        except StoreUnavailableError as error:
            if circuit is not None:
                circuit.failed(error.fault)
            if self.on_fault is not None:
                self.on_fault(error.fault)
            raise
        if circuit is not None:
            circuit.succeeded()
        return replies

    def _notes_key(self, name: str) -> str:
        return f"{self.prefix}a:{{{name}}}"

    def _bound_key(self, name: str) -> str:
        return f"{self.prefix}c:{{{name}}}"

    def _ledger_key(self, name: str) -> str:
        return f"{self.prefix}d:{{{name}}}"

    def _cause_key(self, name: str) -> str:
        return f"{self.prefix}e:{{{name}}}"

    def _follower_key(self, name: str) -> str:
        return f"{self.prefix}n:{{{name}}}"

    def _subject_key(self, pseudonym: str) -> str:
        return f"{self.prefix}u:{pseudonym}"

    def _provider_key(self, provider_session: str) -> str:
        return f"{self.prefix}p:{provider_session}"

    def _revoked_subject_key(self, pseudonym: str) -> str:
        return f"{self.prefix}r:u:{pseudonym}"

    def _revoked_provider_key(self, provider_session: str) -> str:
        return f"{self.prefix}r:p:{provider_session}"


def _fits(selector: Selector, header: Header) -> bool:
    match selector:
        case ClientSessions(client_id):
            return header.client_id == client_id
        case SubjectSessions(pseudonyms):
            return header.pseudonym in pseudonyms
        case OneSession() | ProviderSessions() | AllSessions():
            return True
        case _:
            assert_never(selector)


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1_000))


def _text(reply: object) -> str:
    return bytes_of_reply(reply).decode("utf-8", "replace")


def _instant(reply: object) -> Instant:
    """Read a time; an invalid one counts as the end of time, so that the mark revokes every session."""
    if reply is None:
        return NEVER_REVOKED
    try:
        moment = float(bytes_of_reply(reply))
    except ValueError:
        return float("inf")
    # `nan` is after nothing and before nothing, and would be overlooked among others.
    return moment if is_instant(moment) else float("inf")


def _ended_at(ended: object, client_id: str) -> Instant:
    """Return when everybody, or every session of this client, was revoked last."""
    pairs = _pairs(ended)
    if not pairs:
        return NEVER_REVOKED
    wanted = (b"all", f"c:{client_id}".encode())
    return max((_instant(moment) for name, moment in pairs if name in wanted), default=NEVER_REVOKED)


def _pairs(reply: object) -> list[tuple[Any, Any]]:
    """Return the fields and values of a hash."""
    if isinstance(reply, dict):
        return list(reply.items())
    if isinstance(reply, list):
        # A pipeline's raw reply: names and values in turn.
        return list(zip(reply[::2], reply[1::2], strict=False))
    raise StoreUnavailableError(StoreFault.PROTOCOL)


def _literal(pattern: str) -> str:
    return "".join(f"\\{sign}" if sign in "*?[]\\^" else sign for sign in pattern)
