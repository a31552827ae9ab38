"""A question of another proxy about a request, asked before: what it must not do on its way, counted without a clock.

The twin of `test_hot_request`, for forward-auth.
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
from tests.flows.in_process import Browser, signed_in_worker

QUESTIONS = 400

CALLS = 42
"""Calls of the gateway's own functions a question may make."""


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


def _asked(settings: str) -> str:
    """Return settings of an App whose bytes are with another proxy."""
    lines = ["    mode: forward_auth" if "    upstream:" in line else line for line in settings.splitlines()]
    return "trusted_proxies: [127.0.0.1]\n" + "\n".join(lines) + "\n"


@pytest.fixture
async def nginx(tmp_path: Path, redis_url: str) -> AsyncIterator[Browser]:
    """A proxy that has asked about a signed-in person's request before."""
    async with signed_in_worker(tmp_path, redis_url, Birthdate(1990, 4, 1), change=_asked) as (browser, _, _):
        proxy = browser.asked_about()
        await proxy.ask(50)
        yield proxy


async def test_nothing_waits_and_nothing_is_logged(nginx: Browser) -> None:
    """No task is made and no event told, however many questions."""
    with tasks_made() as made, structlog.testing.capture_logs() as logged:
        await nginx.ask(QUESTIONS)

    assert len(made) < QUESTIONS / 40, made
    assert logged == []


async def test_redis_is_left_alone(nginx: Browser, redis_url: str) -> None:
    """Redis gets heartbeats and a few touches, independent of the number of questions."""
    with Redis.from_url(redis_url) as redis:
        before = redis.info("stats")["total_commands_processed"]
        await nginx.ask(QUESTIONS)
        after = redis.info("stats")["total_commands_processed"]

    assert after - before < QUESTIONS / 20


async def test_a_question_makes_no_more_calls_than_it_needs(nginx: Browser) -> None:
    """Counted, of our own functions alone."""
    with calls_of_ours() as calls:
        await nginx.ask(QUESTIONS)

    assert 1 < calls.total / QUESTIONS <= CALLS, calls.table(QUESTIONS)


async def test_a_question_leaves_nothing_behind(nginx: Browser) -> None:
    """After a warm-up, memory does not grow with the number of questions."""
    await nginx.ask(QUESTIONS)
    gc.collect()
    before = sys.getallocatedblocks()
    await nginx.ask(QUESTIONS)
    gc.collect()

    # As in `test_hot_request`: the metrics keep their finished lines until they are folded.
    assert sys.getallocatedblocks() - before < 30 * QUESTIONS
