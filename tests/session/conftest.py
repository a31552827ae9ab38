"""Sessions of one worker on a real Redis, and ways to wait for what happens beside the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from gateway.session.redis_sessions import Sessions, open_sessions
from gateway.session.seal import Secrets
from gateway.session.ticket import Ticket, new_ticket
from gateway.settings.settings import SessionSettings
from tests.redis_server import RedisServer, redis_server

SECRETS = Secrets.parse("a secret for tests, longer than 32 bytes")

Open = Callable[..., Awaitable[Sessions]]


def new() -> Ticket:
    """A ticket nobody had before."""
    return new_ticket(os.urandom(32))


async def until(holds: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Let others run until it holds; a thousandth of a second at a time.

    Raises:
        AssertionError: it does not, within the time.

    """
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        await asyncio.sleep(0.001)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A redis-server of this test's own, to be killed, stopped and changed."""
    with redis_server() as server:
        yield server


@pytest.fixture
def behind(redis_url: str) -> Iterator[Redis]:
    """A look at the shared server behind the store's back."""
    with contextlib.closing(Redis.from_url(redis_url, protocol=2)) as client:
        yield client


@pytest.fixture
async def open_worker() -> AsyncIterator[Open]:
    """Opens the sessions of a worker on a Redis, waits until it is told of changes, and closes it."""
    opened: list[Sessions] = []

    async def open_it(url: str, *, secrets: Secrets = SECRETS, tracked: bool = True, **changes: Any) -> Sessions:
        given: dict[str, Any] = {"clock": time.time, "random": os.urandom}
        given |= {key: changes.pop(key) for key in ("clock", "monotonic", "options", "background") if key in changes}
        sessions = await open_sessions(SessionSettings(store=url, **changes), secrets, **given)
        opened.append(sessions)
        if tracked:
            await until(lambda: sessions.status().trusted, "trust")
        return sessions

    yield open_it
    for sessions in opened:
        await sessions.close()
