"""A signed-in request whose session is in memory: what it must not do on its way, counted without a clock.

A wait, a log line, a command to Redis or a timer for each request would hardly show in a test's
seconds, and be felt on the morning the gymnasium opens. The budget of calls is what the path
needs today, and a little more: who raises it, has looked.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import structlog
import uvloop
from redis import Redis

import gateway
from gateway.app import Doors, Worker
from gateway.configuration import read_configuration
from gateway.identity import Birthdate, Identity, Scope
from gateway.workers import bind
from gateway.yaml_files import Mistakes
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess

PACKAGE = str(Path(gateway.__file__).parent)
REQUESTS = 400

CALLS = 84
"""Calls of the gateway's own functions a request may make."""

POLICY = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  adult: {age: {at_least: 18}}
rules:
  - name: all
    require: [adult]
    disclose: [subject, adult]
"""
BODY = b"x" * 200


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


class _Application(asyncio.Protocol):
    """Answers each head with two hundred bytes, and does nothing that would be counted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + BODY)


class Hot:
    """A browser's connection to a gateway in this process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    async def ask(self, times: int) -> None:
        """Send a request and read its answer, so many times."""
        for _ in range(times):
            self._writer.write(self._head)
            answer = await self._reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            await self._reader.readexactly(len(BODY))


@pytest.fixture
async def hot(tmp_path: Path, redis_url: str) -> AsyncIterator[Hot]:
    """A signed-in browser whose session has been read."""
    loop = asyncio.get_running_loop()
    application = await loop.create_server(_Application, "127.0.0.1", 0)
    upstream = application.sockets[0].getsockname()[1]
    files = GatewayProcess(tmp_path, upstream, redis_url, policy=POLICY)
    text = files.settings.read_text().replace("client_id:", "contracted: [birthdate]\n  client_id:")
    files.settings.write_text(text.replace("access_log: access.log", "access_log: off"))
    person = Identity(
        CLIENT, "hanako", 1e9, frozenset({Scope.OPENID, Scope.BIRTHDATE}), birthdate=Birthdate(1990, 4, 1)
    )
    cookie = await files.sign_in(person)
    mistakes = Mistakes()
    configuration = read_configuration(files.settings, mistakes, os.environ)
    assert configuration is not None, mistakes.say()
    worker = Worker(configuration)
    await worker.open()
    with bind(f"127.0.0.1:{files.port}") as door:
        await worker.listen(Doors(door))
        reader, writer = await asyncio.open_connection("127.0.0.1", files.port)
        host = f"{HOST}:{files.port}"
        head = f"GET /reserve/42 HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nCookie: {cookie}; app=1\r\n\r\n".encode()
        browser = Hot(reader, writer, head)
        await browser.ask(50)
        yield browser
        writer.close()
        await worker.drain(1)
        await worker.close()
    application.close()
    await application.wait_closed()
    files.stop()


async def test_nothing_waits_and_nothing_is_logged(hot: Hot) -> None:
    """No task and no timer is made, and no event told, however many requests."""
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def counted(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(counted)
    with structlog.testing.capture_logs() as logged:
        await hot.ask(REQUESTS)
    loop.set_task_factory(None)

    # What runs beside the requests, a few times a second at most, is not theirs.
    assert len(made) < REQUESTS / 40, made
    assert logged == []


async def test_redis_is_left_alone(hot: Hot, redis_url: str) -> None:
    """Heartbeats and a touch now and then, whatever the number of requests."""
    with Redis.from_url(redis_url) as redis:
        before = redis.info("stats")["total_commands_processed"]
        await hot.ask(REQUESTS)
        after = redis.info("stats")["total_commands_processed"]

    assert after - before < REQUESTS / 20


async def test_a_request_makes_no_more_calls_than_it_needs(hot: Hot) -> None:
    """Counted, of our own functions alone."""
    counts: dict[str, int] = {}

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            name = frame.f_code.co_qualname
            counts[name] = counts.get(name, 0) + 1

    sys.setprofile(count)
    try:
        await hot.ask(REQUESTS)
    finally:
        sys.setprofile(None)
    each = sum(counts.values()) / REQUESTS
    most = "\n".join(f"{n / REQUESTS:g} {name}" for name, n in sorted(counts.items(), key=lambda item: -item[1])[:80])

    assert 1 < each <= CALLS, f"{each}:\n{most}"


async def test_a_request_leaves_nothing_behind(hot: Hot) -> None:
    """After a warm-up, memory does not grow with the number of requests."""
    await hot.ask(REQUESTS)
    gc.collect()
    before = sys.getallocatedblocks()
    await hot.ask(REQUESTS)
    gc.collect()

    # The metrics keep their finished lines until somebody folds them: one block and a little a request, for a while.
    assert sys.getallocatedblocks() - before < 30 * REQUESTS
