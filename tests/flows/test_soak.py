"""An hour of everything with five per cent faults: memory and descriptors stay, and no line of the audit trail is lost.

`make soak` lets it last for an hour, and `make test-long` for two minutes (`SEKISHO_SOAK_SECONDS`).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from urllib.parse import urljoin

import aiohttp
import pytest

from gateway.demo.emulator import REALM, EmulatorClient, EmulatorSettings, start_emulator
from gateway.login.jwcrypto_keys import load_keys, new_key
from gateway.process.audit_trail import verifier_of
from tests.audit.folders import said, verified
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.flows.crowd import Crowd
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.test_rush import NAVIGATION
from tests.flows.test_storm import descriptors, resident

LASTS = float(os.environ.get("SEKISHO_SOAK_SECONDS", "120"))
"""Seconds."""
WARM_UP = max(40.0, LASTS / 6)
"""Seconds until caches, pools and the allocator have what they keep: ten minutes of an hour.

By then the workers have as much as they keep of these: sessions (`idle`), logins that another worker has finished
(`sign_in`), and the series of each rule (`RULES`). They know 1,024 codes of people (`subject_code`) by the middle of
the first third of the looks, as each signs in about fifty people a minute.
"""
HOUR = 3_600.0
GROWTH = 2**20
"""Bytes of each worker that may come in an hour."""
SHORT_GROWTH = 8 * 2**20
"""Bytes of each worker that may come in less than an hour, while the last caches and sessions fill."""
KEPT = 40
"""Descriptors by which one look may differ from another: each client has a connection, and so has its request."""
CLIENTS = 16
PAUSE = 0.05
"""Seconds between two requests of one client."""
RELOAD = 15.0
"""Seconds between two changes of the configuration: reloads and policies in turn."""
RULES = 4
"""Names that one rule has in turn. Each name has counters of its own, and they stay as long as the worker."""
FAULTS = ("cut", "garbage", "error", "leave", "forged")
FAULTY = 0.05
"""The part of the requests that is one of these."""

POLICY = """\
policy: soak
rules:
  - {name: open, match: {path: /open/**}, allow: everyone}
  - {name: watched, match: {path: /watched/**}, allow: signed_in, disclose: [subject], audit: true}
  - {name: shut, match: {path: /shut/**}, allow: nobody}
  - {name: rest, allow: signed_in, disclose: [subject]}
"""
Record = Callable[[str, object], None]


class _Application(asyncio.Protocol):
    """Answers by the words of the path, some of them badly."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while True:
            head, end, rest = self._read.partition(b"\r\n\r\n")
            length = re.search(rb"(?mi)^content-length: (\d+)", head)
            body = int(length[1]) if length else 0
            if not end or len(rest) < body:
                return
            self._read = rest[body:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        write = self._transport.write
        if b"/cut" in head:
            write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 100)
            self._transport.close()
        elif b"/garbage" in head:
            write(b"HTTP/1.1 two hundred\r\n\r\n")
        elif b"/error" in head:
            write(b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno")
        else:
            said = re.search(rb"(?mi)^x-request-id: (\S+)", head)
            answer = (said[1] if said else b"") + b"\n" + b"x" * (60_000 if b"/large" in head else 200)
            if b"/chunked" in head:
                write(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
                    % (len(answer), answer)
                )
            else:
                write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


@dataclass
class Soak:
    """A gateway, and all that is done to it."""

    gateway: GatewayProcess
    http: aiohttp.ClientSession
    random: Random = field(default_factory=lambda: Random(18))
    seen: Counter[str] = field(default_factory=Counter)
    watched: set[str] = field(default_factory=set)
    """The requests whose permits must be in the audit trail."""
    faults: list[str] = field(default_factory=list)
    people: int = 0

    def headers(self, **more: str) -> dict[str, str]:
        return {"Host": f"{HOST}:{self.gateway.port}", **more}

    async def live(self) -> None:
        """Be one person after another: each signs in, does things for a while, and leaves."""
        while True:
            cookie = await self.sign_in()
            if cookie is None:
                await asyncio.sleep(1.0)
                continue
            for _ in range(self.random.randint(20, 200)):
                await asyncio.sleep(PAUSE)
                if self.random.random() < FAULTY:
                    await self.fail(self.random.choice(FAULTS), cookie)
                else:
                    await self.use(cookie)

    async def sign_in(self) -> str | None:
        """Sign a new person in; `None` if somebody said no."""
        self.people += 1
        origin = f"http://127.0.0.1:{self.gateway.port}"
        headers = self.headers(**NAVIGATION)
        async with self.http.get(f"{origin}/page", headers=headers, allow_redirects=False) as begun:
            if begun.status != 303:
                self.faults.append(f"the begin of a sign-in: {begun.status}")
                return None
            location = begun.headers["Location"]
            pending = "; ".join(f"{name}={morsel.value}" for name, morsel in begun.cookies.items())
        async with self.http.get(location) as page:
            action = re.search(r'action="([^"]+)"', await page.text())
            assert action is not None
        choice = {"response": "normal", "card": str(1_000 + self.people)}
        async with self.http.post(urljoin(location, action[1]), data=choice, allow_redirects=False) as back:
            callback = back.headers["Location"].partition(f":{self.gateway.port}")[2]
        headers["Cookie"] = pending
        async with self.http.get(f"{origin}{callback}", headers=headers, allow_redirects=False) as ended:
            if ended.status != 303:
                self.faults.append(f"the end of a sign-in: {ended.status} {(await ended.text())[:200]}")
                return None
            self.seen["sign-ins"] += 1
            return f"sekisho={ended.cookies['sekisho'].value}"

    async def use(self, cookie: str) -> None:
        """Ask for something that must be answered well."""
        area = self.random.choice(("open", "watched", "page", "page", "shut"))
        kind = self.random.choice(("plain", "plain", "plain", "large", "chunked"))
        body = b"y" * self.random.choice((10, 3_000)) if self.random.random() < 0.2 else None
        method = "GET" if body is None else "POST"
        url = f"http://127.0.0.1:{self.gateway.port}/{area}/{kind}"
        async with self.http.request(method, url, headers=self.headers(Cookie=cookie), data=body) as answer:
            text = await answer.read()
        self.seen[f"{area} {answer.status}"] += 1
        if answer.status != (403 if area == "shut" else 200):
            self.faults.append(f"{method} /{area}/{kind}: {answer.status} {text[:200]!r}")
        elif area == "watched":
            self.watched.add(text.partition(b"\n")[0].decode())

    async def fail(self, kind: str, cookie: str) -> None:
        """Do one of the things that go wrong every day; any answer will do."""
        self.seen[kind] += 1
        if kind == "leave":
            with suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
                head = f"POST /page/plain HTTP/1.1\r\nHost: {HOST}:{self.gateway.port}\r\nCookie: {cookie}\r\n"
                writer.write(f"{head}Content-Length: 5000\r\n\r\nhalf of it".encode())
                await writer.drain()
                writer.transport.abort()
            return
        headers = self.headers(Cookie="sekisho=" + "A" * 43 if kind == "forged" else cookie)
        with suppress(aiohttp.ClientError):
            async with self.http.get(f"http://127.0.0.1:{self.gateway.port}/page/{kind}", headers=headers) as answer:
                await answer.read()

    async def change(self) -> None:
        """Have the settings read anew, then change the policy, and again."""
        process = self.gateway.process
        assert process is not None
        number = 0
        while True:
            await asyncio.sleep(RELOAD)
            number += 1
            if number % 2:
                process.send_signal(signal.SIGHUP)
            else:
                text = POLICY.replace("name: rest", f"name: rest {number // 2 % RULES}")
                await asyncio.to_thread((self.gateway.folder / "policy.yaml").write_text, text, encoding="utf-8")
            self.seen["changes"] += 1


@dataclass
class Look:
    """The workers at one moment."""

    at: float
    memory: int
    """Bytes of the largest worker."""
    open: int
    """Descriptors of all workers."""


@asynccontextmanager
async def soaking(folder: Path, redis_url: str) -> AsyncIterator[Soak]:
    """Start all of it."""
    application = await asyncio.get_running_loop().create_server(_Application, "127.0.0.1", 0)
    port = application.sockets[0].getsockname()[1]
    more = "audit: {directory: audit, keys: {file: audit.jwks}, checkpoint: 10s}\ntraffic: {answer: 10s}\n"
    more += "rates: {sign_ins_per_address: 100000, callbacks_per_address: 100000}\n"
    gateway = GatewayProcess(folder, port, redis_url, workers=2, policy=POLICY, more=more)
    new_key(folder / "audit.jwks", "ES256")
    issuer_port = free_port()
    issuer = f"http://127.0.0.1:{issuer_port}{REALM}"
    text = gateway.settings.read_text(encoding="utf-8").replace("http://localhost:1/api/realms/main", issuer)
    text = text.replace(
        "    policy: policy.yaml\n", "    policy: policy.yaml\n    upstream_options: {ejected_for: 1s}\n"
    )
    # A machine that stands still for a second is no store that is away. Sessions and sign-ins end within the warm-up,
    # so that memory has a level.
    text = text.replace(
        "  secret: {file: secret}", "  secret: {file: secret}\n  timeout: 20s\n  idle: 1m\n  sign_in: 5m"
    )
    gateway.settings.write_text(text, encoding="utf-8")
    redirect = f"http://{HOST}:{gateway.port}/.sekisho/callback"
    keys = json.loads(load_keys(folder / "keys.jwks").public_jwks())
    emulator = Crowd(EmulatorSettings(issuer, (EmulatorClient(CLIENT, (redirect,), keys),)))
    provider = await start_emulator(emulator.application(), issuer_port)
    try:
        await asyncio.to_thread(gateway.start)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=60),
        ) as http:
            yield Soak(gateway, http)
    finally:
        await asyncio.to_thread(gateway.stop)
        await provider.cleanup()
        application.close()


@pytest.mark.long
@pytest.mark.timeout(LASTS + 600)
async def test_nothing_grows_and_nothing_is_lost(
    tmp_path: Path, redis_url: str, record_testsuite_property: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sign-ins, pages, uploads, faults of applications and clients, reloads and changed policies, all at once."""
    store = int(redis_url.rpartition(":")[2].partition("/")[0])
    looks: list[Look] = []
    async with soaking(tmp_path, redis_url) as here:
        workers = here.gateway.workers()
        living = [asyncio.create_task(here.live()) for _ in range(CLIENTS)]
        living.append(asyncio.create_task(here.change()))
        began = time.monotonic()
        while (now := time.monotonic() - began) < LASTS:
            await asyncio.sleep(1.0)
            assert here.gateway.workers() == workers
            if now >= WARM_UP:
                memory = max(map(resident, workers))
                looks.append(Look(now, memory, sum(descriptors(pid, store) for pid in workers)))
                if len(looks) % 60 == 1:
                    look = looks[-1]
                    with capsys.disabled():
                        sys.stdout.write(
                            f"\n{now:.0f} s: {look.memory / 2**20:.1f} MiB, {look.open} open, {here.people} people"
                        )
            ended = [task.exception() for task in living if task.done()]
            assert not ended
        for task in living:
            task.cancel()
        await asyncio.gather(*living, return_exceptions=True)
        _, numbers = here.gateway.ask_management("/metrics")
    first, last = _parts(looks)
    grown = median(look.memory for look in last) - median(look.memory for look in first)
    hours = (median(look.at for look in last) - median(look.at for look in first)) / HOUR
    figures = {
        **here.seen,
        "MiB of a worker, first and last": [
            round(median(look.memory for look in part) / 2**20, 1) for part in (first, last)
        ],
        "descriptors, first and last": [median(look.open for look in part) for part in (first, last)],
    }
    record_testsuite_property("soak", figures)

    assert here.faults == [], (len(here.faults), here.faults[:5], figures)
    assert grown < (GROWTH * hours if LASTS >= HOUR else SHORT_GROWTH), figures
    assert abs(median(look.open for look in last) - median(look.open for look in first)) < KEPT, figures
    lost = [line for line in numbers.splitlines() if line.startswith("sekisho_log_lines_lost_total")]
    assert lost
    assert all(float(line.rpartition(" ")[2]) == 0.0 for line in lost), lost
    trail = tmp_path / "audit"
    keys = verifier_of(load_keys(tmp_path / "audit.jwks"))
    assert verified(trail, by=keys, now=time.time()).faults == ()
    recorded = {entry.get("request_id") for entry in said(trail) if entry["action"] == "decision"}
    assert here.watched - recorded == set()
    assert here.seen["watched 200"] == len(here.watched)
    assert sum(entry["action"] == "entries_lost" for entry in said(trail)) == 0


def _parts(looks: list[Look]) -> tuple[list[Look], list[Look]]:
    """Return the first and the last third of the looks."""
    third = len(looks) // 3
    return looks[:third], looks[-third:]
