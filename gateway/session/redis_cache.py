"""The cache in front of Redis: the sessions that this worker has read, valid while Redis tells it of changes.

The memory and its rules are `cache`; being told is `redis_tracking`; this joins them to a
`RedisStore`. Three things run beside the requests: the epoch with its heartbeats, the restarting
of idle clocks, and the watch over open streams.

The heartbeat is a write, sent the way revocations are sent and confirmed the way their news come. So three faults end
trust within a second: a server that takes no writes, a tracking connection to yesterday's primary, and a network that
drops one direction. Each beat has a key of its own, so that a late answer to an earlier one confirms nothing newer.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from redis.crc import key_slot

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.redis_client import (
    Kind,
    RedisOptions,
    RedisUrl,
    asking,
    end_tasks,
    find_primaries,
    find_primary,
    is_cluster,
)
from gateway.session.cache import Monotonic, SessionCache
from gateway.session.ledger import Disclosure, Ledger
from gateway.session.redis_advice import setup_warnings
from gateway.session.redis_store import RedisStore
from gateway.session.redis_tracking import TrackingConnection, track
from gateway.session.redis_watches import GRACE, Watches
from gateway.session.session import EndCause, Found, Gone, Unavailable, Unread, Watch
from gateway.session.ticket import Ticket, ticket_name

log = structlog.get_logger()

BEAT = 0.25
"""Seconds between heartbeats: three may be lost before trust is."""
BEAT_LASTS = 5.0
"""Seconds a heartbeat's key lives."""
LOST = 3.0
"""Seconds without a heartbeat that came back, after which everything is connected anew."""
TOPOLOGY = 1.0
"""Seconds between looks at who the primaries are."""
RETRY = (0.05, 1.0)
"""Seconds until the next attempt to be told: the first, and the longest."""
TOUCHES_AT_ONCE = 500
TOLD_BEATS = 8
"""Beats between writes of ledgers, so that many people's first entries are one round trip."""
TOLD_AT_ONCE = 100
TOLD_KEPT = 10_000
"""New entries of ledgers that wait for a store that is away; later ones are dropped."""

_NO_PRIMARY = frozenset(
    {
        StoreFault.READ_ONLY,
        StoreFault.MOVED,
        StoreFault.TOO_FEW_REPLICAS,
        StoreFault.LOADING,
        StoreFault.REFUSED,
    }
)
"""A fault that ends trust at once."""

_GONE = Gone()
_UNAVAILABLE = Unavailable()


@dataclass(frozen=True, slots=True)
class Place:
    """A server, or a primary of a cluster, that changes records and must tell of it."""

    address: tuple[str, int] | str
    tag: str = ""
    """A text that a cluster hashes into one of its slots."""

    @property
    def id(self) -> str:
        """Its name among the places."""
        return self.address if isinstance(self.address, str) else f"{self.address[0]}:{self.address[1]}"


@dataclass(slots=True)
class Counts:
    """Counts so far, for metrics."""

    epochs: int = 0
    """The number of times that tracking began."""
    lookups: int = 0
    """Times the store was asked for a ticket."""
    stale: int = 0
    """Requests that were let through on a session remembered from before an outage."""
    found: int = 0
    """Look-ups that found a session."""
    gone: int = 0
    """Look-ups that found none."""
    unavailable: int = 0
    """Requests that were refused as the store was away, also those for which it was not asked."""


class CachedReader:
    """A `SessionReader` in front of a `RedisStore`."""

    def __init__(
        self,
        store: RedisStore,
        cache: SessionCache,
        url: RedisUrl,
        options: RedisOptions,
        *,
        worker: str,
        clock: Callable[[], Instant],
        monotonic: Callable[[], Monotonic],
        stale_for: float = 0.0,
    ) -> None:
        """Read through `store` and remember in `cache`.

        `worker` is a name no other worker of any node has; `clock` gives Unix seconds, `monotonic` seconds that
        never step.
        """
        self.cache = cache
        self.counts = Counts()
        self.watches = Watches(
            store,
            monotonic=monotonic,
            told_until=lambda: cache.trusted_until,
            grace=max(GRACE, stale_for),
        )
        self._store = store
        self._url = url
        self._options = options
        self._clock = clock
        self._monotonic = monotonic
        self._on_lost: Callable[[StoreFault], None] | None = None
        self._loads: dict[Ticket, list[asyncio.Future[Found | Gone | Unavailable | None]]] = {}
        """Tickets that are asked for, each with the later callers, who get the answer of the first."""
        self._tasks: list[asyncio.Task[None]] = []
        self._places: tuple[Place, ...] = ()
        self._heart = f"{store.prefix}h:{worker}:"
        self._heart_bytes = self._heart.encode()
        opening, closing = store.record_key("\n").encode().split(b"\n")
        self._record_ends = (opening, closing)
        self._beats: dict[bytes, tuple[str, TrackingConnection, Monotonic]] = {}
        self._beat_number = 0

    def _on_fault(self, fault: StoreFault) -> None:
        # A request or a readiness check has met it: a server that is no primary tells nothing worth believing.
        if fault in _NO_PRIMARY and self._on_lost is not None:
            self._on_lost(fault)

    def start(self) -> None:
        """Begin to be told. Until then, and whenever not, every look-up asks the store."""
        self._store.on_fault = self._on_fault
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work()) for work in (self._run, self._restart_clocks, self.watches.run)]

    async def close(self) -> None:
        """Stop everything that runs."""
        await end_tasks(self._tasks)
        self.cache.end()

    @property
    def trusted(self) -> bool:
        """Whether memory is believed at this moment."""
        return self._monotonic() < self.cache.trusted_until

    def peek(self, ticket: Ticket, now: Instant) -> Found | Gone | Unread | Unavailable:
        """See `SessionReader`."""
        known = self.cache.peek(ticket, now, self._monotonic())
        if known is not None:
            return known
        circuit = self._store.circuit
        if circuit is not None and circuit.is_open:
            return self._without_store(ticket, now)
        return Unread(ticket)

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:
        """See `SessionReader`."""
        state: Found | Gone | Unavailable | None = None
        while state is None:
            others = self._loads.get(ticket)
            if others is None:
                others = self._loads[ticket] = []
                try:
                    state = await self._load(ticket)
                finally:
                    # Without an answer, as its caller went away, one of the others asks.
                    del self._loads[ticket]
                    for each in others:
                        if not each.done():
                            each.set_result(state)
            else:
                answer: asyncio.Future[Found | Gone | Unavailable | None] = asyncio.get_running_loop().create_future()
                others.append(answer)
                state = await answer
        return self._without_store(ticket, now) if isinstance(state, Unavailable) else state

    async def told(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        """See `SessionReader`."""
        await self._write_told()
        return await self._store.disclosures(ticket)

    async def cause(self, ticket: Ticket) -> EndCause | None:
        """See `SessionReader`."""
        try:
            return await self._store.cause(ticket)
        except StoreUnavailableError:
            # The page says that the session has ended, and not why.
            return None

    def watch(self, ticket: Ticket, on_end: Callable[[], None]) -> Watch:
        """See `SessionReader`."""
        known_until = self.cache.known_until(ticket, self._clock(), self._monotonic())
        return self.watches.add(ticket_name(ticket), on_end, known_until)

    async def _load(self, ticket: Ticket) -> Found | Gone | Unavailable:
        self.counts.lookups += 1
        name = ticket_name(ticket)
        # The marker stands before the question goes out.
        marker = self.cache.place(ticket, name, self._monotonic())
        try:
            session = await self._store.find_named(ticket, name)
        except StoreUnavailableError:
            self.cache.give_up(marker)
            return _UNAVAILABLE
        except BaseException:
            self.cache.give_up(marker)
            raise
        if session is None:
            self.counts.gone += 1
            self.cache.keep_unknown(marker)
            return _GONE
        self.counts.found += 1
        found = Found(session, ledger=Ledger(ticket, self.cache.told))
        if self._is_told_of(name):
            self.cache.keep(marker, found)
        else:
            self.cache.give_up(marker)
        return found

    def _without_store(self, ticket: Ticket, now: Instant) -> Found | Unavailable:
        stale = self.cache.stale(ticket, now, self._monotonic())
        if stale is None:
            # The store failed this request also if the circuit is open, and nobody asked it.
            self.counts.unavailable += 1
            return _UNAVAILABLE
        self.counts.stale += 1
        return stale

    def _is_told_of(self, name: str) -> bool:
        """Whether the server that answered for a session is one that tells us: a slot may have moved to a new one."""
        if not self._store.is_cluster:
            return True
        redis = self._store.redis
        if is_cluster(redis):
            node = redis.get_node_from_key(self._store.record_key(name))
            return node is not None and any(place.address == (node.host, int(node.port)) for place in self._places)
        return True

    async def _run(self) -> None:
        pause = RETRY[0]
        while True:
            epochs = self.counts.epochs
            fault = StoreFault.PROTOCOL
            try:
                await self._be_told()
            except StoreUnavailableError as error:
                fault = error.fault
            except Exception:
                log.exception(Event.SESSION_TRACKING_FAILED)
            log.warning(Event.SESSION_TRACKING_LOST, fault=fault.value)
            self.watches.all_changed()
            pause = RETRY[0] if self.counts.epochs > epochs else min(pause * 2, RETRY[1])
            await asyncio.sleep(pause)

    async def _be_told(self) -> None:
        """Connect, begin an epoch, and keep its heart beating until something is wrong.

        Raises:
            StoreUnavailableError: what is wrong.

        """
        # Before anything else, whether it can be written at all: this is also what closes the circuit.
        await self._store.probe(f"{self._store.prefix}check", BEAT_LASTS)
        lost: asyncio.Future[StoreFault] = asyncio.get_running_loop().create_future()
        connections: dict[str, TrackingConnection] = {}

        def on_lost(fault: StoreFault) -> None:
            # This happens at once and not in the next turn of the loop: requests may come first.
            self.cache.end()
            if not lost.done():
                lost.set_result(fault)

        self._on_lost = on_lost
        try:
            places = await self._find_places(None)
            for place in places:
                connection = TrackingConnection(self._on_keys, on_lost)
                connections[place.id] = connection
                prefixes = (self._store.tracked_prefix, self._heart)
                await track(connection, place.address, self._url, self._options, prefixes)
            if await self._find_places(connections) != places:
                raise StoreUnavailableError(StoreFault.MOVED)
            if lost.done():
                raise StoreUnavailableError(lost.result())
            self._places = places
            self.cache.begin(frozenset(place.id for place in places))
            self.counts.epochs += 1
            self.watches.all_changed()
            log.info(Event.SESSION_TRACKING_BEGUN, places=len(places))
            if self.counts.epochs == 1:
                for warning in await setup_warnings(self._store.redis, self._url, self._options.timeout):
                    log.warning(Event.SESSION_STORE_DOUBTFUL, doubt=warning.value)
            await self._beat(connections, lost)
        finally:
            self._on_lost = None
            self.cache.end()
            self._beats.clear()
            for connection in connections.values():
                connection.close()

    async def _beat(self, connections: dict[str, TrackingConnection], lost: asyncio.Future[StoreFault]) -> None:
        begun = looked_at = self._monotonic()
        while True:
            await asyncio.gather(*(self._send_beat(place, connections[place.id]) for place in self._places))
            await asyncio.wait({lost}, timeout=BEAT)
            if lost.done():
                raise StoreUnavailableError(lost.result())
            now = self._monotonic()
            if now >= max(begun, self.cache.trusted_until) + LOST:
                raise StoreUnavailableError(StoreFault.TIMEOUT)
            if now >= looked_at + TOPOLOGY and self._url.kind in (Kind.SENTINEL, Kind.CLUSTER):
                looked_at = now
                if await self._find_places(connections) != self._places:
                    raise StoreUnavailableError(StoreFault.MOVED)

    async def _send_beat(self, place: Place, connection: TrackingConnection) -> None:
        self._beat_number += 1
        key = f"{self._heart}{{{place.tag}}}:{self._beat_number}" if place.tag else f"{self._heart}{self._beat_number}"
        beat = key.encode()
        self._beats[beat] = (place.id, connection, self._monotonic())
        try:
            await self._store.probe(key, BEAT_LASTS)
        except StoreUnavailableError as error:
            self._beats.pop(beat, None)
            # A slow answer is no lost one; `LOST` is the limit.
            if error.fault is not StoreFault.TIMEOUT:
                raise

    def _on_keys(self, connection: TrackingConnection, keys: list[bytes] | None) -> None:
        """Take news in. It must not raise; a push that is not understood may concern any session."""
        if keys is None:
            self._forget()
            return
        opening, closing = self._record_ends
        for key in keys:
            if key.startswith(self._heart_bytes):
                beat = self._beats.pop(key, None)
                if beat is not None and beat[1] is connection:
                    self.cache.confirm(beat[0], beat[2])
            elif key.startswith(opening) and key.endswith(closing):
                name = key[len(opening) : -len(closing)].decode("ascii", "replace")
                self.cache.invalidate(name)
                self.watches.changed(name)
            else:
                # `ended`, or a key that no gateway writes.
                self._forget()

    def _forget(self) -> None:
        self.cache.forget()
        self.watches.all_changed()

    async def _find_places(self, connections: dict[str, TrackingConnection] | None) -> tuple[Place, ...]:
        """Return who the primaries are now."""
        redis = self._store.redis
        match self._url.kind:
            case Kind.UNIX:
                return (Place(self._url.path),)
            case Kind.STANDALONE:
                return (Place(self._url.hosts[0]),)
            case Kind.SENTINEL:
                async with asking(self._options.timeout):
                    return (Place(await find_primary(redis)),)
            case Kind.CLUSTER:
                return await self._find_primaries(connections)

    async def _find_primaries(self, connections: dict[str, TrackingConnection] | None) -> tuple[Place, ...]:
        """Read the cluster's table of slots: once we are connected every primary's own, and they must agree."""
        redis = self._store.redis
        async with asking(self._options.timeout):
            if not connections:
                return _places(await find_primaries(redis))
            tables = [await connection.ask("CLUSTER", "SLOTS") for connection in connections.values()]
        found = {_places(_first_slots(table)) for table in tables}
        if len(found) != 1:
            raise StoreUnavailableError(StoreFault.MOVED)
        return found.pop()

    async def _write_told(self) -> None:
        """Write the new entries of ledgers; those that could not be written wait for the next time."""
        waiting = self.cache.told
        while waiting:
            batch = waiting[:TOLD_AT_ONCE]
            del waiting[: len(batch)]
            try:
                await self._store.disclose(batch)
            except StoreUnavailableError:
                # A second write of an entry changes nothing.
                waiting[:0] = batch
                del waiting[TOLD_KEPT:]
                raise

    async def _restart_clocks(self) -> None:
        """Restart the idle clocks of sessions in use, off the requests' way and many at a time."""
        for beat in itertools.count(1):
            await asyncio.sleep(BEAT)
            if beat % TOLD_BEATS == 0:
                with suppress(StoreUnavailableError):
                    await self._write_told()
            self.cache.sweep(self._clock(), self._monotonic())
            due, self.cache.due[:] = list(dict.fromkeys(self.cache.due)), []
            for first in range(0, len(due), TOUCHES_AT_ONCE):
                batch = due[first : first + TOUCHES_AT_ONCE]
                sent_at = self._monotonic()
                try:
                    living = await self._store.touch(batch)
                except StoreUnavailableError:
                    for ticket in batch:
                        self.cache.not_touched(ticket, sent_at)
                    continue
                for ticket in batch:
                    if ticket in living:
                        self.cache.touched(ticket, sent_at)
                    else:
                        self.cache.discard(ticket)


def _first_slots(table: object) -> dict[tuple[str, int], int]:
    """Read an answer to `CLUSTER SLOTS`: each primary's address and its first slot."""
    firsts: dict[tuple[str, int], int] = {}
    if not isinstance(table, list):
        raise StoreUnavailableError(StoreFault.PROTOCOL)
    try:
        for start, _, (host, port, *_), *_ in sorted(table, key=lambda row: row[0]):
            firsts.setdefault((host.decode(), int(port)), int(start))
    except (ValueError, TypeError, AttributeError, IndexError):
        raise StoreUnavailableError(StoreFault.PROTOCOL) from None
    return firsts


def _places(first_slots: dict[tuple[str, int], int]) -> tuple[Place, ...]:
    slots = {slot: address for address, slot in first_slots.items()}
    return tuple(Place(slots[slot], _tag_of(slot)) for slot in sorted(slots))


_tags: dict[int, str] = {}


def _tag_of(slot: int) -> str:
    """Return what hashes into a slot."""
    number = 0
    while slot not in _tags:
        _tags.setdefault(key_slot(str(number).encode()), str(number))
        number += 1
    return _tags[slot]
