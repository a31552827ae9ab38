"""The settings choose the store, and contradictions are refused before anything is opened."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.observe.events import Event
from gateway.session.memory_store import MemoryStore
from gateway.session.redis_sessions import Sessions, SessionsStatus, open_sessions
from gateway.session.redis_store import RedisStore
from gateway.settings.settings import SessionSettings
from tests.redis_server import RedisServer
from tests.session.conftest import SECRETS, Open, until


async def opened(**settings: object) -> Sessions:
    """Open sessions with these settings."""
    return await open_sessions(SessionSettings(**settings), SECRETS, clock=time.time, random=os.urandom)  # type: ignore[arg-type]


async def test_memory_needs_nothing() -> None:
    """The memory store is its own reader, always trusted, always there."""
    sessions = await opened(store="memory")

    assert isinstance(sessions.store, MemoryStore)
    assert sessions.reader is sessions.store
    assert sessions.status() == SessionsStatus()
    await sessions.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"store": "http://redis"},
        {"store": "redis://redis", "ca": Path("ca.pem")},
        {"store": "redis://me@redis"},
        {"store": "redis://:secret@redis"},
    ],
    ids=["scheme", "ca without TLS", "user without password", "password in the URL"],
)
async def test_contradictions_are_refused(settings: dict[str, object]) -> None:
    """Nothing is opened on settings that cannot all be meant."""
    with pytest.raises(ValueError, match="`"):
        await opened(**settings)


async def test_a_store_that_is_away_is_not_waited_for(free_port: int) -> None:
    """The gateway starts without Redis, serves public rules, and says that it is not ready."""
    begun = time.monotonic()
    sessions = await opened(store=f"redis://127.0.0.1:{free_port}/0")
    took = time.monotonic() - begun

    await until(lambda: not sessions.status().store_answers, "the circuit")

    assert took < 0.5
    assert isinstance(sessions.store, RedisStore)
    assert not sessions.status().trusted
    await sessions.close()


async def test_stale_for_is_said_at_start(redis_url: str, open_worker: Open) -> None:
    """An operator who lets revoked sessions pass for a while reads so in the log."""
    with capture_logs() as logs:
        await open_worker(redis_url, stale_for=60.0)

    assert {"event": Event.SESSIONS_STALE_ALLOWED, "seconds": 60.0, "log_level": "warning"} in logs


async def test_doubts_are_said_at_start(own_redis: RedisServer, open_worker: Open) -> None:
    """A Redis that evicts sessions is told of once."""
    client = own_redis.client()
    client.config_set("maxmemory", "100mb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.close()

    with capture_logs() as logs:
        await open_worker(own_redis.url)
        await until(lambda: any(line["event"] == Event.SESSION_STORE_DOUBTFUL for line in logs), "the doubt")

    (line,) = [line for line in logs if line["event"] == Event.SESSION_STORE_DOUBTFUL]
    assert line["doubt"] == "evicts"


async def test_the_command_line_runs_nothing_beside(redis_url: str, open_worker: Open) -> None:
    """Without a background there is no tracking, and each call asks the store."""
    sessions = await open_worker(redis_url, tracked=False, background=False)

    await sessions.store.check()

    assert sessions.status().epochs == 0
    assert sessions.status().store_answers
