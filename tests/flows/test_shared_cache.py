"""An outer nginx with `proxy_cache` in front of a real gateway: each kind of rule beside each wish of an application.

It caches every status, and everything that is silent; only what an answer says keeps a page out of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from gateway.policy.switches import Switch, write_switches
from gateway.process.configuration import read_configuration
from gateway.process.sockets import bind
from gateway.process.worker import ListeningSockets, Worker
from gateway.yaml.mistakes import Mistakes
from tests.conftest import free_port, program
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.security.wire import Connection, Response, exchange, head
from tests.shared_caches import (
    ALICE,
    BOB,
    KINDS,
    LISTED,
    OFFICE,
    OUTSIDE,
    SWITCHED_OFF_AT,
    VARIANTS,
    Asked,
    Days,
    Kind,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; access_log off;
  proxy_cache_path {folder}/cache keys_zone=pages:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{gateway};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $http_x_comes_from;
      proxy_set_header X-Comes-From "";
      proxy_cache pages;
      proxy_cache_key $scheme$http_host$request_uri;
      proxy_cache_methods GET HEAD POST;
      proxy_cache_valid any 10m;
      proxy_cache_use_stale error timeout updating http_403 http_404 http_500 http_502 http_503;
      proxy_cache_background_update on;
      add_header X-Cache $upstream_cache_status always;
    }}
  }}
}}
"""


@dataclass
class Application:
    """Answers `/KIND/VARIANT` as the variant says, with a page that names whom it is for."""

    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                target = lines[0].split(" ")[1]
                self.asked.append(target)
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                page = json.dumps({"page": target, "for": fields.get("x-verified-subject", "")}).encode()
                variant = target.split("?")[0].split("/")[2]
                said = "".join(f"{name}: {value}\r\n" for name, value in VARIANTS[variant])
                writer.write(f"HTTP/1.1 200 OK\r\n{said}Content-Length: {len(page)}\r\n\r\n".encode() + page)
        writer.close()


@dataclass
class PortalServices:
    """A gateway behind a cache, at a moment that the test says."""

    days: Days
    host: str
    application: Application
    cookies: dict[str, str]
    port: int = 0
    hours: float = 10

    async def ask(self, target: str, asked: Asked, method: str = "GET") -> Response:
        self.hours = asked.hours
        fields = [("Host", self.host), ("X-Comes-From", asked.client), ("Accept", "*/*")]
        if asked.person is not None:
            fields.append(("Cookie", self.cookies[asked.person.subject]))
        if method == "POST":
            fields.append(("Content-Length", "0"))
        connection = await Connection.open(("127.0.0.1", self.port), "127.0.0.1")
        try:
            raw = [(name.encode(), value.encode()) for name, value in fields]
            answered = await exchange(connection, head(method, target.encode(), raw), [method])
        finally:
            await connection.close()
        assert answered.response is not None, answered.received
        return answered.response


@asynccontextmanager
async def caching(folder: Path, gateway: int) -> AsyncIterator[int]:
    """Run an nginx that keeps what it may, and yield its port."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, gateway=gateway))
    with (folder / "nginx.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(configuration), stderr=log
        )
    try:
        for _ in range(200):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.05)
                raise AssertionError(f"nginx did not start: {(folder / 'nginx.log').read_text()}")
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def behind_a_cache(folder: Path, redis_url: str) -> AsyncIterator[PortalServices]:
    """Run an application, a gateway in this process, and a cache in front of it."""
    application = Application()
    server = await asyncio.start_server(application.serve, "127.0.0.1", 0)
    days = Days.after(time.time())
    files = GatewayProcess(
        folder,
        server.sockets[0].getsockname()[1],
        redis_url,
        policy=days.policy,
        more="trusted_proxies: [127.0.0.1]\n",
    )
    text = files.settings.read_text().replace("client_id:", "contracted: [birthdate]\n  client_id:")
    files.settings.write_text(text.replace("access_log: access.log", "access_log: off"))
    (folder / "listed.yaml").write_text(LISTED)
    on = Switch(since=time.time(), until=days.moment(SWITCHED_OFF_AT), by="me", reason="a test")
    (folder / "switches.json").write_bytes(write_switches({"disaster": on}))
    cookies = {person.subject: await files.sign_in(person, lasts=5 * 86_400.0) for person in (ALICE, BOB)}
    mistakes = Mistakes()
    configuration = read_configuration(files.settings, mistakes, os.environ)
    assert configuration is not None, mistakes.say()
    behind = PortalServices(days, f"{HOST}:{files.port}", application, cookies)
    worker = Worker(configuration, lambda: days.moment(behind.hours))
    await worker.open()
    try:
        with bind(f"127.0.0.1:{files.port}") as door:
            await worker.listen(ListeningSockets(door))
            async with caching(folder, files.port) as behind.port:
                yield behind
            await worker.drain(1)
    finally:
        await worker.close()
        server.close()
        await server.wait_closed()
        files.stop()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_no_page_reaches_somebody_whom_policy_refuses(kind: Kind, tmp_path: Path, redis_url: str) -> None:
    """This holds for every earlier reader and every caching header of the application, and for refusals."""
    async with behind_a_cache(tmp_path, redis_url) as behind:
        for variant in VARIANTS:
            page = f"/{kind.name}/{variant}"
            first = [await behind.ask(page + kind.permitted.query, kind.permitted) for _ in range(2)]
            refused = [await behind.ask(page + kind.refused.query, kind.refused, method) for method in ("GET", "HEAD")]
            again = await behind.ask(page + kind.permitted.query, kind.permitted)

            assert {answer.status for answer in (*first, again)} == {200}
            assert all(answer.status >= 300 and b'"page": ' not in answer.body for answer in refused), variant
            assert all(answer.one("x-cache") != "HIT" for answer in refused), variant


@pytest.mark.parametrize("asked", [Asked(person=BOB), Asked()], ids=["another", "nobody"])
async def test_no_page_made_for_one_person_reaches_another(asked: Asked, tmp_path: Path, redis_url: str) -> None:
    """A rule for everybody that tells the application who is signed in."""
    async with behind_a_cache(tmp_path, redis_url) as behind:
        for variant in VARIANTS:
            hers = await behind.ask(f"/told/{variant}", Asked(person=ALICE))
            theirs = await behind.ask(f"/told/{variant}", asked)

            assert b"alice" in hers.body
            assert theirs.status == 200
            assert b"alice" not in theirs.body


async def test_the_cache_of_this_test_keeps_what_it_may(tmp_path: Path, redis_url: str) -> None:
    """A page for everybody at any time comes from it; one that a POST brought, under the same address, does not."""
    async with behind_a_cache(tmp_path, redis_url) as behind:
        for variant in VARIANTS:
            page = f"/public/{variant}"
            posted = [await behind.ask(page, Asked(), "POST") for _ in range(2)]
            seen = [(await behind.ask(page, asked)).one("x-cache") for asked in (Asked(OFFICE), Asked(OUTSIDE))]

            assert [answer.one("x-cache") for answer in posted] == ["MISS", "MISS"], variant
            assert seen == ["MISS", "HIT"] or variant in ("quoted", "qualified"), variant
