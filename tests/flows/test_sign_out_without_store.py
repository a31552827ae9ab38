"""Signing out while Redis is away, with real gateways: the browser forgets at once, the store hears of it later."""

from __future__ import annotations

import asyncio
import http.client
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.identity import Identity, Scope
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.flows.in_process import gateway_in_process
from tests.redis_server import RedisServer, redis_server, wait_until

POLICY = """\
policy: p
rules:
  - {name: all, allow: signed_in, disclose: [subject]}
"""
HANAKO = Identity(CLIENT, "hanako", time.time(), frozenset({Scope.OPENID}))


@pytest.fixture(name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server
        # A server that is stopped cannot be asked to end.
        server.signal(signal.SIGCONT)


def ask(gateway: GatewayProcess, method: str, path: str, cookie: str) -> tuple[int, list[tuple[str, str]], str]:
    """Ask as a browser that is on a page of the application."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    headers = {
        "Host": f"{HOST}:{gateway.port}",
        "Cookie": cookie,
        "Accept": "text/html",
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    with closing(connection):
        connection.request(method, path, body=b"" if method == "POST" else None, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read().decode()


def is_let_in(gateway: GatewayProcess, cookie: str) -> bool:
    """Whether this cookie opens a page; an answer that was cut is a session's that ended meanwhile."""
    try:
        return ask(gateway, "GET", "/", cookie)[0] == 200
    except http.client.IncompleteRead:
        return False


def is_empty(folder: Path) -> bool:
    """Whether no sign-out waits."""
    return not (folder / "sign-outs").exists()


async def test_a_sign_out_while_redis_is_away_ends_the_session_when_it_is_back(
    tmp_path: Path, redis: RedisServer
) -> None:
    """The browser forgets at once, and a page says until when the session could live for who kept the ticket."""
    async with gateway_in_process(tmp_path, redis.url, POLICY) as gateway:
        mine, other = await gateway.sign_in(HANAKO), await gateway.sign_in(HANAKO)
        assert await asyncio.to_thread(is_let_in, gateway, mine)
        redis.signal(signal.SIGSTOP)
        status, headers, page = await asyncio.to_thread(ask, gateway, "POST", "/.sekisho/logout", mine)
        waiting = (tmp_path / "sign-outs").read_text()
        redis.signal(signal.SIGCONT)
        await asyncio.to_thread(wait_until, lambda: not is_let_in(gateway, mine), "the end of the session")
        await asyncio.to_thread(wait_until, lambda: is_empty(tmp_path), "an empty file")

        assert await asyncio.to_thread(is_let_in, gateway, other)

    assert status == 200
    answered = {name.lower(): value for name, value in headers}
    assert answered["set-cookie"].startswith("sekisho=; ")
    assert answered["clear-site-data"] == '"cache", "storage"'
    assert "自動的に消去します" in page
    assert "次の時刻に無効になります" in page
    assert len(waiting.splitlines()) == 1
    assert mine.partition("=")[2] not in waiting


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_sign_out_that_waits_outlives_the_gateway(tmp_path: Path, redis: RedisServer) -> None:
    """Two workers end while Redis is away; the first of the next two that looks tells Redis."""
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis.url, 2, POLICY)
        mine, other = await gateway.sign_in(HANAKO), await gateway.sign_in(HANAKO)
        gateway.start()
        try:
            redis.signal(signal.SIGSTOP)
            assert ask(gateway, "POST", "/.sekisho/logout", mine)[0] == 200
            assert gateway.process is not None
            gateway.process.terminate()
            assert gateway.next_notice() == "STOPPING=1"
            gateway.process.wait(60)
            assert not is_empty(tmp_path)
            redis.signal(signal.SIGCONT)
            gateway.start()

            wait_until(lambda: not is_let_in(gateway, mine), "the end of the session")
            wait_until(lambda: is_empty(tmp_path), "an empty file")
            assert is_let_in(gateway, other)
        finally:
            gateway.stop()
