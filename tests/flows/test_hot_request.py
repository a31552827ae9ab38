"""A signed-in request whose session is in memory: what it must not do on its way, counted without a clock.

A wait, a log line, a command to Redis or a timer for each request would hardly show in a test's
seconds, and be felt on the morning the gymnasium opens. The budget of calls is what the path
needs today, and a little more: who raises it, has looked.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog
import uvloop
from redis import Redis

from gateway.identity import Birthdate
from tests.flows.calls import calls_of_ours, tasks_made
from tests.flows.in_process import Browser, signed_in_browser

REQUESTS = 400

CALLS = 42
"""Calls of the gateway's own functions a request may make."""


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def hot(tmp_path: Path, redis_url: str) -> AsyncIterator[Browser]:
    """A signed-in browser whose session has been read."""
    async with signed_in_browser(tmp_path, redis_url, Birthdate(1990, 4, 1)) as browser:
        await browser.ask(50)
        yield browser


async def test_nothing_waits_and_nothing_is_logged(hot: Browser) -> None:
    """No task and no timer is made, and no event told, however many requests."""
    with tasks_made() as made, structlog.testing.capture_logs() as logged:
        await hot.ask(REQUESTS)

    # The work beside the requests, a few times a second at most, is not counted here.
    assert len(made) < REQUESTS / 40, made
    assert logged == []


async def test_redis_is_left_alone(hot: Browser, redis_url: str) -> None:
    """Redis gets heartbeats and a few touches, independent of the number of requests."""
    with Redis.from_url(redis_url) as redis:
        before = redis.info("stats")["total_commands_processed"]
        await hot.ask(REQUESTS)
        after = redis.info("stats")["total_commands_processed"]

    assert after - before < REQUESTS / 20


async def test_a_request_makes_no_more_calls_than_it_needs(hot: Browser) -> None:
    """Counted, of our own functions alone."""
    with calls_of_ours() as calls:
        await hot.ask(REQUESTS)

    assert 1 < calls.total / REQUESTS <= CALLS, calls.table(REQUESTS)


async def test_a_request_leaves_nothing_behind(hot: Browser) -> None:
    """After a warm-up, memory does not grow with the number of requests."""
    await hot.ask(REQUESTS)
    gc.collect()
    before = sys.getallocatedblocks()
    await hot.ask(REQUESTS)
    gc.collect()

    # The metrics keep their finished lines until somebody folds them: one block and a little a request, for a while.
    assert sys.getallocatedblocks() - before < 30 * REQUESTS
