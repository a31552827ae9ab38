"""Opens the sessions that `gateway.yaml` asks for: a store, and the reader in front of it.

What each is lives in `memory_store`, `redis_store` and `redis_cache`; this is the one place
that chooses between them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway.config import SessionSettings
from gateway.instant import Instant
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.session.memory_store import MemoryStore
from gateway.session.redis_cache import CachedReader
from gateway.session.redis_store import RedisStore
from gateway.session.seal import Secrets
from gateway.session.session import SessionReader, SessionStore


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one worker."""

    store: SessionStore
    reader: SessionReader
    secrets: Secrets
    close: Callable[[], Awaitable[None]]
    """Stop what runs in the background and let go of every connection."""


async def open_sessions(
    settings: SessionSettings,
    secrets: Secrets,
    *,
    clock: Callable[[], Instant],
    random: Callable[[int], bytes],
    monotonic: Callable[[], float] = time.monotonic,
    options: RedisOptions | None = None,
) -> Sessions:
    """Open the store the settings name, and return at once: a store that is away is not waited for.

    `clock` gives Unix seconds, `random(n)` n random bytes fit for a key. Of `options`
    the passwords count; the rest is in the settings.

    Raises:
        ValueError: the settings contradict themselves; says what would be right.

    """
    if settings.store == "memory":
        memory = MemoryStore(idle=settings.idle, clock=clock, monotonic=monotonic, per_subject=settings.per_subject)
        return Sessions(memory, memory, secrets, memory.close)
    options = replace(options or RedisOptions(), ca=settings.ca, timeout=settings.timeout)
    redis = make_redis(parse_redis_url(settings.store), options)
    store = RedisStore(redis, secrets, settings, clock=clock, random=random)
    reader = CachedReader(store)

    async def close() -> None:
        await reader.close()
        await store.close()

    return Sessions(store, reader, secrets, close)
