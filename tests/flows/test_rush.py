"""Nine o'clock: two thousand people sign in within a minute, while two hundred others go on with what they do."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

from gateway.demo.emulator import REALM
from gateway.identity import Identity, Scope
from gateway.login.jwcrypto_keys import load_keys
from gateway.session.redis_sessions import open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import Session
from gateway.session.ticket import new_ticket
from gateway.settings.settings import SessionSettings
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.flows.gateway_process import HOST, PATIENCE, GatewayProcess
from tests.redis_server import wait_until

PEOPLE = 2_000
"""People who sign in, each as somebody else."""
MINUTE = 60.0
"""Seconds in which they begin."""
BROWSING = 200
"""People who are signed in, and ask for a page about every two seconds."""
CALM = 10.0
"""Seconds before the rush in which the same people browse."""
ADDED = 0.05
"""Seconds by which the rush may add to the 99th percentile of a page."""
TICK = 0.005
"""Seconds between two looks whether this process stands still."""
STALL = 0.02
"""Seconds by which a look may be late. A page that was asked for around a longer stall waited for this process, in
which browsers and application are, or for the machine."""
ENOUGH = 0.5
"""The part of the pages that must be left; a machine that stands still for half of the time measures itself."""

POLICY = """\
policy: rush
rules:
  - {name: all, allow: signed_in, disclose: [subject]}
"""
NAVIGATION = {
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
}
Record = Callable[[str, object], None]


class _Application(asyncio.Protocol):
    """Says whom it was told of."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._read = (self._read + data).split(b"\r\n\r\n")
        for head in heads:
            said = re.search(rb"(?mi)^x-verified-subject: (.*?)\r?$", head)
            body = b"nobody" if said is None else said[1]
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@dataclass
class Town:
    """A gateway with two workers, its provider and its application, and all their people."""

    gateway: GatewayProcess
    emulator: subprocess.Popen[bytes]
    cookies: list[tuple[str, str]]
    """The cookie of each signed-in person, with her subject."""
    http: aiohttp.ClientSession
    faults: list[str] = field(default_factory=list)
    pages: list[tuple[float, float]] = field(default_factory=list)
    """When each page was asked for, and how many seconds it took."""
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """When this process stood still, and for how many seconds."""
    signed_in: set[str] = field(default_factory=set)

    async def browse(self, number: int) -> None:
        """Ask for a page about every two seconds, until cancelled."""
        cookie, subject = self.cookies[number]
        headers = {"Host": f"{HOST}:{self.gateway.port}", "Cookie": cookie, **_from(number)}
        await asyncio.sleep(2 * number / BROWSING)
        while True:
            url = f"http://127.0.0.1:{self.gateway.port}/page"
            began = time.perf_counter()
            async with self.http.get(url, headers=headers, allow_redirects=False) as answer:
                body = (await answer.read()).decode()
            self.pages.append((began, time.perf_counter() - began))
            if (answer.status, body) != (200, subject):
                self.faults.append(f"browsing as {subject}: {answer.status} {body[:300]}")
            await asyncio.sleep(2.0)

    async def watch_itself(self) -> None:
        """Note when this process stands still, until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            late = time.perf_counter() - began - TICK
            if late > STALL:
                self.stalls.append((began, late))

    def delay(self) -> tuple[float, float]:
        """Return the 99th percentile of the pages that no stall touched, and which part of all pages these are."""
        kept = sorted(
            took
            for began, took in self.pages
            # After a stall, the next pages wait behind those that waited for its end.
            if not any(began < at + 2 * late and at < began + took for at, late in self.stalls)
        )
        return kept[int(0.99 * len(kept))] if kept else 0.0, len(kept) / len(self.pages)

    async def sign_in(self, number: int) -> None:
        """Sign one person in with a card of her own, and see the page that she asked for."""
        origin = f"http://127.0.0.1:{self.gateway.port}"
        headers = {"Host": f"{HOST}:{self.gateway.port}", **NAVIGATION, **_from(BROWSING + number)}
        async with self.http.get(f"{origin}/page", headers=headers, allow_redirects=False) as begun:
            location = begun.headers.get("Location", "")
            if begun.status != 303 or not location:
                self.faults.append(f"the begin of a sign-in: {begun.status} {(await begun.text())[:300]}")
                return
            pending = "; ".join(f"{name}={morsel.value}" for name, morsel in begun.cookies.items())
        async with self.http.get(location) as page:
            action = re.search(r'action="([^"]+)"', await page.text())
            assert action is not None
        choice = {"response": "normal", "card": str(1_000 + number)}
        async with self.http.post(urljoin(location, action[1]), data=choice, allow_redirects=False) as back:
            callback = back.headers["Location"].partition(f":{self.gateway.port}")[2]
        cookies = {**headers, "Cookie": pending}
        async with self.http.get(f"{origin}{callback}", headers=cookies, allow_redirects=False) as ended:
            if ended.status != 303 or "sekisho" not in ended.cookies:
                self.faults.append(f"the end of a sign-in: {ended.status} {(await ended.text())[:300]}")
                return
            cookie = f"sekisho={ended.cookies['sekisho'].value}"
        async with self.http.get(
            f"{origin}/page", headers={**headers, "Cookie": cookie}, allow_redirects=False
        ) as page:
            subject = await page.text()
        if page.status != 200 or subject in self.signed_in:
            self.faults.append(f"the page after a sign-in: {page.status} {subject[:300]}")
        self.signed_in.add(subject)


def _from(number: int) -> dict[str, str]:
    """Return an address of one's own, as the outer proxy tells it."""
    return {"X-Forwarded-For": f"10.0.{number // 250}.{1 + number % 250}"}


@asynccontextmanager
async def town(folder: Path, redis_url: str) -> AsyncIterator[Town]:
    """Start all of it, and sign the first two hundred in."""
    application = await asyncio.get_running_loop().create_server(_Application, "127.0.0.1", 0)
    port = application.sockets[0].getsockname()[1]
    gateway = GatewayProcess(folder, port, redis_url, workers=2, policy=POLICY, more="trusted_proxies: [127.0.0.1]\n")
    issuer = free_port()
    text = gateway.settings.read_text(encoding="utf-8")
    text = text.replace("http://localhost:1/api/realms/main", f"http://127.0.0.1:{issuer}{REALM}")
    # A machine that stands still for a second is no store that is away.
    text = text.replace("  secret: {file: secret}", "  secret: {file: secret}\n  timeout: 20s")
    gateway.settings.write_text(text, encoding="utf-8")
    keys = folder / "public.jwks"
    keys.write_bytes(load_keys(folder / "keys.jwks").public_jwks())
    redirect = f"http://{HOST}:{gateway.port}/.sekisho/callback"
    command = [sys.executable, "-m", "tests.flows.crowd", str(issuer), str(keys), redirect]
    emulator = await asyncio.to_thread(subprocess.Popen[bytes], command, stdout=subprocess.DEVNULL)
    secret = Secrets.parse((folder / "secret").read_text(encoding="utf-8"))
    sessions = await open_sessions(
        SessionSettings(store=redis_url), secret, clock=time.time, random=secrets.token_bytes, background=False
    )
    cookies = []
    for number in range(BROWSING):
        person = Identity(CLIENT, f"browsing-{number}", time.time(), frozenset({Scope.OPENID}))
        ticket = new_ticket(secrets.token_bytes(32))
        session = Session(person, time.time(), time.time() + 3_600, secret.pseudonym(CLIENT, person.subject))
        assert await sessions.store.create(ticket, session)
        cookies.append((f"sekisho={ticket}", person.subject))
    await sessions.close()
    connector = aiohttp.TCPConnector(limit=0)
    try:
        await asyncio.to_thread(wait_until, lambda: _listens(issuer), "the emulator's start", 120.0)
        await asyncio.to_thread(gateway.start)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=120)
        ) as http:
            yield Town(gateway, emulator, cookies, http)
    finally:
        await asyncio.to_thread(gateway.stop)
        emulator.terminate()
        await asyncio.to_thread(emulator.wait, 30)
        application.close()


def _listens(port: int) -> bool:
    import socket  # noqa: PLC0415

    try:
        with closing(socket.create_connection(("127.0.0.1", port), 1)):
            return True
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_two_thousand_people_sign_in_within_a_minute(
    tmp_path: Path, redis_url: str, record_testsuite_property: Record
) -> None:
    """Everybody gets in and nobody sees an error, over a reload and a change of policy; browsing goes on as before."""
    async with town(tmp_path, redis_url) as here:
        browsing = [asyncio.create_task(here.browse(number)) for number in range(BROWSING)]
        browsing.append(asyncio.create_task(here.watch_itself()))
        await asyncio.sleep(CALM)
        before, _ = here.delay()
        here.pages.clear()

        cpu = _cpu(here.emulator.pid)
        changing = asyncio.create_task(_change(here))
        began = time.monotonic()
        people = []
        for number in range(PEOPLE):
            await asyncio.sleep(max(0.0, began + number * MINUTE / PEOPLE - time.monotonic()))
            people.append(asyncio.create_task(here.sign_in(number)))
        await asyncio.gather(*people)
        took = time.monotonic() - began
        during, part = here.delay()
        await changing
        for each in browsing:
            each.cancel()
        outcomes = await asyncio.gather(*browsing, return_exceptions=True)

        figures = {
            "seconds until the last one was in": round(took, 1),
            "p99 of a page before and during, ms": [round(1e3 * before, 1), round(1e3 * during, 1)],
            "part of the pages that no stall of this process touched": round(part, 2),
            "the emulator's own CPU, ms a sign-in": round(1e3 * (_cpu(here.emulator.pid) - cpu) / PEOPLE, 2),
        }
        record_testsuite_property("rush", figures)
        assert here.faults == [], f"{len(here.faults)} faults; {figures}"
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
        assert len(here.signed_in) == PEOPLE
        events = [event["event"] for event in here.gateway.events() if "event" in event]
        assert events.count("reloaded") == 2
        assert events.count("policies_adopted") >= 2
        if part > ENOUGH:
            assert during - before < ADDED, figures


async def _change(here: Town) -> None:
    """Have the settings read anew after a third of the minute, and change the policy after two thirds."""
    await asyncio.sleep(MINUTE / 3)
    assert here.gateway.process is not None
    text = here.gateway.settings.read_text(encoding="utf-8")
    here.gateway.settings.write_text(text.replace("drain_timeout: 10s", "drain_timeout: 11s"), encoding="utf-8")
    here.gateway.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(MINUTE / 3)
    await _said(here, "reloaded")
    policy = here.gateway.folder / "policy.yaml"
    policy.write_text(POLICY.replace("name: all", "name: everybody"), encoding="utf-8")
    await _said(here, "policies_adopted")


async def _said(here: Town, event: str) -> None:
    """Return once both workers have said it; the log is long, and this process has others to serve."""
    word = f'"event":"{event}"'
    until = time.monotonic() + PATIENCE
    while (here.gateway.folder / "events.log").read_text(encoding="utf-8").count(word) < 2:
        assert time.monotonic() < until, event
        await asyncio.sleep(0.5)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
