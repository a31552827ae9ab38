"""A dump of Redis that was taken before, restored under a gateway: nobody is signed in by it, and switches stay."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.identity import Identity, Scope
from gateway.session.mark import LAG
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.redis_server import RedisServer, redis_server, wait_until

pytestmark = pytest.mark.long

POLICY = """\
policy: p
rules:
  - {name: open, match: {path: /public/**}, allow: everyone}
  - {name: all, allow: signed_in, disclose: [subject]}
"""


@pytest.fixture(name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def seen(gateway: GatewayProcess, cookie: str) -> str | None:
    """Return the person as whom the application meets this browser; `None` if it meets nobody."""
    request = urllib.request.Request(f"http://127.0.0.1:{gateway.port}/page")
    for name, value in {"Host": f"{HOST}:{gateway.port}", "Cookie": cookie, "Accept": "application/json"}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            headers: dict[str, str] = json.loads(answer.read())["headers"]
            return next((value for name, value in headers.items() if name.lower() == "x-verified-subject"), None)
    except urllib.error.HTTPError as refused:
        refused.close()
        return None


def number(gateway: GatewayProcess) -> int:
    """Return the number that the node has counted up in Redis."""
    (file,) = gateway.folder.glob("session-mark-*")
    return int(file.read_text().split()[3])


async def test_nobody_is_signed_in_by_an_older_dump(tmp_path: Path, redis: RedisServer) -> None:
    """Neither the person whose session was ended since, nor anybody else, nor one person as another."""
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis.url, policy=POLICY)
        gateway.start()
        try:
            people = {
                name: await gateway.sign_in(Identity(CLIENT, name, time.time(), frozenset({Scope.OPENID})))
                for name in ("hanako", "taro")
            }
            assert {name: seen(gateway, cookie) for name, cookie in people.items()} == {
                "hanako": "hanako",
                "taro": "taro",
            }
            with redis.client() as behind:
                behind.save()
            dump, before = (redis.directory / "dump.rdb").read_bytes(), number(gateway)
            wait_until(lambda: number(gateway) > before + LAG + 1, "an older dump", 60)
            turn = ["switch", "on", "kept", "--for", "1h", "--reason", "test", "--force", "-c", str(gateway.settings)]
            assert (await asyncio.to_thread(CliRunner().invoke, app, turn)).exit_code == 0
            gateway.wait_for_event("switches_adopted", "kept")
            assert gateway.process is not None
            gateway.process.terminate()
            assert gateway.next_notice() == "STOPPING=1"
            assert gateway.process.wait(60) == 0

            redis.kill()
            (redis.directory / "dump.rdb").write_bytes(dump)
            redis.start()
            wait_until(redis.answers, "an answer", 60)
            gateway.start()
            gateway.wait_for_event("session_store_went_back")
            wait_until(lambda: not any(seen(gateway, cookie) for cookie in people.values()), "the end of all", 60)

            assert 'sekisho_switch_on{switch="kept"} 1.0' in gateway.ask_management("/metrics")[1]
            again = await gateway.sign_in(Identity(CLIENT, "jiro", time.time(), frozenset({Scope.OPENID})))
            assert seen(gateway, again) == "jiro"
        finally:
            gateway.stop()
