"""A browser that leaves, with the nginx in front that we hand out the configuration of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from tests.deploy.nginx import nginx_before
from tests.listen.byte_path import HOST, PATIENCE, Application, Door, Peer


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door(Application())
    await door.open()
    yield door
    await door.close()


@pytest.mark.parametrize(
    ("says", "status"), [(b"", 499), (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n", 200)]
)
async def test_the_application_learns_that_the_browser_has_left(
    door: Door, tmp_path: Path, says: bytes, status: int
) -> None:
    """Within a moment, of a slow page as of an event stream, though nginx alone has heard the browser leave."""
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(says)
        await peer.to_end()
        answered.set()

    door.application.script = script
    with nginx_before(tmp_path, door.port, "app.gw.test") as front:
        browser = await asyncio.to_thread(front.connect, "app.gw.test")
        with browser:
            await asyncio.to_thread(browser.sendall, b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
            await door.application.has_heard(1)
            if says:
                await asyncio.to_thread(browser.recv, 65536)
        async with asyncio.timeout(PATIENCE / 5):
            await answered.wait()
        (line,) = await door.lines(1)

    assert (line.status, line.reason) == (status, "client_gone")
