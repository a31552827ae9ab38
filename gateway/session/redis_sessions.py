"""Opens the sessions that `gateway.yaml` asks for: a store, and the reader in front of it.

This is the one place that chooses between `memory_store`, `redis_store` and `redis_cache`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.redis_client import RedisOptions, Timed, connections_of, make_redis, parse_redis_url, untimed
from gateway.session.cache import SessionCache
from gateway.session.circuit import Circuit
from gateway.session.memory_store import MemoryStore
from gateway.session.redis_cache import CachedReader
from gateway.session.redis_store import RedisStore
from gateway.session.seal import Secrets, ticket_seals
from gateway.session.session import SessionReader, SessionStore
from gateway.session.ticket import TicketSeals
from gateway.settings.settings import SessionSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionsStatus:
    """The state of sessions at one time, for readiness and metrics."""

    trusted: bool = True
    """Whether this worker is told of changes, and believes its memory."""
    store_answers: bool = True
    """False while the store is left alone because it failed."""
    remembered: int = 0
    """Sessions in this worker's memory."""
    streams: int = 0
    """Open streams under watch."""
    epochs: int = 0
    """The number of times that tracking began; more than once means that it was lost in between."""
    lookups: int = 0
    """Tickets the store was asked for."""
    found: int = 0
    """Look-ups that found a session."""
    gone: int = 0
    """Look-ups that found none."""
    unavailable: int = 0
    """Requests that were refused as the store was away."""
    stale: int = 0
    """Requests let through on memory during an outage, as `stale_for` allows."""
    unopened: int = 0
    """Records that did not open: of a retired secret, or tampered with."""
    outages: int = 0
    """The number of times that the worker stopped asking the store because it failed."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one worker."""

    store: SessionStore
    reader: SessionReader
    secrets: Secrets
    seals: TicketSeals
    """The form of tickets in cookies."""
    close: Callable[[], Awaitable[None]]
    """Stop what runs in the background and let go of every connection."""
    status: Callable[[], SessionsStatus]
    connections: Callable[[], tuple[int, int]] | None = None
    """Returns the numbers of busy and idle connections to the store; `None` for a store in this process."""


async def open_sessions(
    settings: SessionSettings,
    secrets: Secrets,
    *,
    clock: Callable[[], Instant],
    random: Callable[[int], bytes],
    monotonic: Callable[[], float] = time.monotonic,
    options: RedisOptions | None = None,
    background: bool = True,
    timed: Timed = untimed,
) -> Sessions:
    """Open the store the settings name, and return at once: a store that is away is not waited for.

    `clock` gives Unix seconds, `random(n)` n random bytes fit for a key. Only the passwords of `options` are used; the
    rest is in the settings. Without `background`, as a command line wants it, nothing runs beside the calls: each
    look-up asks the store, and no stream is watched.

    Raises:
        ValueError: the settings contradict themselves; says what would be right.

    """
    seals = ticket_seals(secrets, settings.tickets)
    if settings.store == "memory":
        memory = MemoryStore(idle=settings.idle, clock=clock, monotonic=monotonic, per_subject=settings.per_subject)
        if background:
            memory.start()
        return Sessions(memory, memory, secrets, seals, memory.close, lambda: SessionsStatus(remembered=len(memory)))
    options = replace(options or RedisOptions(), ca=settings.ca, timeout=settings.timeout)
    url = parse_redis_url(settings.store)
    circuit = Circuit() if background else None
    redis = make_redis(url, options)
    store = RedisStore(redis, secrets, settings, clock=clock, random=random, circuit=circuit, timed=timed)
    cache = SessionCache(idle=settings.idle, stale_for=settings.stale_for)
    reader = CachedReader(
        store,
        cache,
        url,
        options,
        worker=random(8).hex(),
        clock=clock,
        monotonic=monotonic,
        stale_for=settings.stale_for,
    )
    if background:
        if settings.stale_for > 0:
            log.warning(Event.SESSIONS_STALE_ALLOWED, seconds=settings.stale_for)
        reader.start()

    async def close() -> None:
        await reader.close()
        await store.close()

    def status() -> SessionsStatus:
        return SessionsStatus(
            trusted=reader.trusted,
            store_answers=circuit is None or not circuit.is_open,
            remembered=len(cache),
            streams=len(reader.watches),
            epochs=reader.counts.epochs,
            lookups=reader.counts.lookups,
            found=reader.counts.found,
            gone=reader.counts.gone,
            unavailable=reader.counts.unavailable,
            stale=reader.counts.stale,
            unopened=store.unopened,
            outages=0 if circuit is None else circuit.opened,
        )

    return Sessions(store, reader, secrets, seals, close, status, partial(connections_of, redis))
