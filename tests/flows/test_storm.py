"""Everything at once for two minutes: nobody is ever taken for somebody else, and every failure has its reason."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest

from gateway.demo.emulator import REALM, Emulator, EmulatorClient, EmulatorSettings, start_emulator
from gateway.login.jwcrypto_keys import load_keys
from gateway.session.redis_sessions import Sessions, open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import OneSession
from gateway.session.ticket import Ticket, ticket_name
from gateway.settings.settings import SessionSettings
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.flows.gateway_process import GatewayProcess

STORM = 120.0
"""Seconds."""
CALM = 0.6
"""The part of it after which no worker is killed any more: what is left of it tells whether memory stays flat."""
APPS = ("alpha", "beta")
CARDS = (1, 4, 5, 6, 7, 8)
"""Valid ones."""
PEOPLE = len(CARDS)
"""Browsers that sign in, each as somebody else: ending a session ends the same subject's sign-ins under way, too.

As many look around without.
"""

POLICY = """\
policy: {name}
rules:
  - {{name: open, match: {{path: /open/**}}, allow: everyone, disclose: [subject]}}
  - {{name: the rest, allow: signed_in, disclose: [subject]}}
"""
NAVIGATION = {
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
}
AFTER_FLAP = 1.0
"""Seconds after an application is back in which a request may still meet its absence."""
ANSWER = 10.0
"""Seconds an application has for its answer, and a configuration that has been replaced for its requests."""
AFTER_KILL = 3.0
"""Seconds after a kill in which a client may notice that its connection is gone."""
TO_END = 2.0
"""Seconds within which a session that has been ended is honoured nowhere any more."""
KEPT = 8
"""Descriptors that a worker may keep more than one which has just begun: connections to the provider."""
GROWTH = 16 * 2**20
"""Bytes by which a worker that has run for a while may grow to the end, as the last of its caches fill then.
A busy machine has more replaced configurations that still have requests: 14 MiB were measured there."""


class FlappingApplication:
    """An application that tells what it was told, and that can be cut off and come back on its port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.down: list[tuple[float, float]] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._connections):
            writer.transport.abort()
        await self._server.wait_closed()

    async def flap(self, seconds: float) -> None:
        """Be away for so long."""
        began = time.time()
        await self.stop()
        await asyncio.sleep(seconds)
        await self.start()
        self.down.append((began, time.time()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(writer)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        request, *lines = head.split("\r\n")[:-2]
        method, path, _ = request.split(" ")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = 0
        if fields.get("transfer-encoding") == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                await reader.readexactly(size + 2)
                length += size
            await reader.readuntil(b"\r\n")
        else:
            length = len(await reader.readexactly(int(fields.get("content-length", "0"))))
        if "/slow" in path:
            await asyncio.sleep(0.1)
        answered = {
            "subject": fields.get("x-verified-subject"),
            "path": path,
            "length": length,
            "request": fields["x-request-id"],
            "more": "x" * (60_000 if "/large" in path else 0),
        }
        body = json.dumps(answered).encode()
        if "/chunked" in path:
            framing, sent = b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            framing, sent = b"Content-Length: %d" % len(body), body
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + framing + b"\r\n\r\n")
        if method != "HEAD":
            writer.write(sent)
        await writer.drain()
        return True


@dataclass
class Weather:
    """The disturbances of the gateway, and the results that its clients saw."""

    gateway: GatewayProcess
    applications: dict[str, FlappingApplication]
    emulator: Emulator
    sessions: Sessions
    http: aiohttp.ClientSession
    random: Random = field(default_factory=lambda: Random(3))
    kills: list[float] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    failed: dict[str, tuple[str, int, float]] = field(default_factory=dict)
    """The App, the status and the begin of each 5xx that a client got, by path: each path is asked for once."""
    refused: list[tuple[float, str]] = field(default_factory=list)
    """When a step of a sign-in was refused, and what was said."""
    cut: list[tuple[float, float, str]] = field(default_factory=list)
    """When a request began and was cut short, and what was wrong."""
    faults: list[str] = field(default_factory=list)
    over: bool = False
    _asked: int = 0

    async def ask(
        self, app: str, method: str, path: str, **more: Any
    ) -> tuple[int, aiohttp.ClientResponse, bytes] | None:
        """Ask; `None` where the connection was lost."""
        headers = {"Host": f"{app}.localhost:{self.gateway.port}", **more.pop("headers", {})}
        began = time.time()
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        try:
            async with self.http.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.cut.append((began, time.time(), f"{method} {app}{path}: {error!r}"))
            return None
        if answer.status >= 500:
            self.failed[path] = app, answer.status, began
        self.seen[f"{answer.status // 100}xx"] += 1
        return answer.status, answer, body

    def path(self, *words: str) -> str:
        """Return a path nobody else asks for."""
        self._asked += 1
        return "/" + "/".join((*words, str(self._asked)))

    # Browsers

    async def sign_in(self, app: str, card: int) -> str | None:
        """Sign in at the emulator with a card; return the session's cookie, `None` where something was cut or down."""
        begun = await self.ask(app, "GET", self.path("mine"), headers=NAVIGATION)
        if begun is None or begun[0] != 303:
            self._note_refusal("begin", begun)
            return None
        pending = "; ".join(f"{name}={morsel.value}" for name, morsel in begun[1].cookies.items())
        location = begun[1].headers["Location"]
        async with self.http.get(location) as page:
            action = re.search(r'action="([^"]+)"', await page.text())
            assert action is not None
        choice = {"response": "normal", "card": str(card)}
        async with self.http.post(urljoin(location, action[1]), data=choice, allow_redirects=False) as back:
            callback = back.headers["Location"].partition(f":{self.gateway.port}")[2]
        ended = await self.ask(app, "GET", callback, headers={**NAVIGATION, "Cookie": pending})
        if ended is None or ended[0] != 303:
            self._note_refusal("callback", ended)
            return None
        self.seen["sign-ins"] += 1
        return ended[1].cookies["sekisho"].value

    def _note_refusal(self, what: str, answer: tuple[int, aiohttp.ClientResponse, bytes] | None) -> None:
        if answer is not None and answer[0] < 500:
            self.refused.append((time.time(), f"{what} of a sign-in: {answer[0]} {answer[2][-1500:]!r}"))

    async def use(self, app: str, ticket: str | None, subject: str | None) -> None:
        """Ask for something, and be answered as oneself."""
        area = "open" if ticket is None or self.random.random() < 0.3 else "mine"
        kind = self.random.choice(("plain", "plain", "slow", "large", "chunked"))
        method = self.random.choice(("GET", "GET", "GET", "POST", "PUT", "HEAD"))
        path = self.path(area, kind)
        headers = {} if ticket is None else {"Cookie": f"theme=dark; sekisho={ticket}"}
        data: Any = None
        length = 0
        if method in ("POST", "PUT"):
            length = self.random.choice((10, 2_000, 70_000))
            data = b"y" * length
            if self.random.random() < 0.5:
                data = _in_pieces(data)
        answered = await self.ask(app, method, path, headers=headers, data=data)
        if answered is None or answered[0] >= 500:
            return
        status, _, body = answered
        if status != 200:
            self.faults.append(f"{method} {path} as {subject}: {status} {body[:200]!r}")
        elif method != "HEAD":
            answered = json.loads(body)
            if (answered["subject"], answered["path"], answered["length"]) != (subject, path, length):
                self.faults.append(f"{method} {path} as {subject}, {length} bytes: {answered}"[:500])

    async def browse(self, app: str, card: int) -> None:
        """Be a person: sign in, use the application for a while, have the session ended, and again."""
        subject = self.emulator.subject(CLIENT, card)
        while not self.over:
            ticket = await self.sign_in(app, card)
            if ticket is None:
                await asyncio.sleep(0.2)
                continue
            for _ in range(self.random.randint(20, 100)):
                await self.use(app, ticket, subject)
            if self.random.random() < 0.7:
                await self.sessions.store.revoke(OneSession(ticket_name(Ticket(ticket))))
                await self._is_ended(app, ticket)

    async def _is_ended(self, app: str, ticket: str) -> None:
        revoked = time.monotonic()
        self.seen["revocations"] += 1
        ended = 0
        while ended < 4:
            began = time.monotonic()
            answered = await self.ask(
                app, "GET", self.path("mine"), headers={"Accept": "application/json", "Cookie": f"sekisho={ticket}"}
            )
            if answered is not None and answered[0] == 401:
                ended += 1
            elif answered is not None and answered[0] == 200 and (ended or began - revoked > TO_END):
                self.faults.append(f"honoured {began - revoked:.1f} s after its end")
                return
            elif began - revoked > 30:
                self.faults.append(f"unclear 30 s after its end: {answered and answered[0]}")
                return

    async def look_around(self, app: str) -> None:
        while not self.over:
            await self.use(app, None, None)

    # Weather

    async def kill_workers(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(STORM / 12)
            workers = self.gateway.workers()
            if len(workers) == 2:
                os.kill(self.random.choice(workers), signal.SIGKILL)
                self.kills.append(time.time())

    async def reload(self, until: float) -> None:
        """Have the settings read again, of which each time something is another."""
        assert self.gateway.process is not None
        turn = 0
        while time.monotonic() < until:
            await asyncio.sleep(STORM / 30)
            turn += 1
            for name in APPS:
                (self.gateway.folder / f"{name}.yaml").write_text(
                    POLICY.format(name=f"{name}-{turn}"), encoding="utf-8"
                )
            self.gateway.process.send_signal(signal.SIGHUP)

    async def flap(self, until: float) -> None:
        turn = 0
        while time.monotonic() < until:
            await asyncio.sleep(STORM / 12)
            await self.applications[APPS[turn % 2]].flap(1.0)
            turn += 1

    # The account of it

    def in_kill(self, began: float, ended: float) -> bool:
        return any(began <= kill + AFTER_KILL and kill <= ended for kill in self.kills)

    def in_flap(self, app: str, began: float, ended: float) -> bool:
        return app in APPS and any(
            began <= up + AFTER_FLAP and down <= ended for down, up in self.applications[app].down
        )

    def unexplained(self, lines: list[dict[str, Any]]) -> list[str]:
        """Return the failures that no flap of their application and no kill accounts for."""
        found = [f"cut without a kill: {what}" for began, ended, what in self.cut if not self.in_kill(began, ended)]
        # A client sends a request that a kill has cut again, as browsers do: by then a callback's code has been used.
        found += [
            f"refused without a kill: {what}" for when, what in self.refused if not self.in_kill(when - 1.0, when)
        ]
        by_path = {(line.get("app", ""), line["path"]): line for line in lines}
        for line in lines:
            began = datetime.fromisoformat(line["time"]).timestamp()
            if line["status"] >= 500 and not self.in_flap(line.get("app", ""), began, began + line.get("seconds", 0.0)):
                found.append(f"without a flap: {line}")
        for path, (app, status, began) in self.failed.items():
            failed = by_path.get((app, path))
            # Lines that a killed worker had not written yet are lost with it.
            if failed is None and not self.in_kill(began, began + ANSWER + 1.0):
                found.append(f"not in the access log: {status} of {app}{path}")
            if failed is not None and failed["status"] != status:
                found.append(f"{status} of {app}{path}, written down as {failed}")
        return found


async def _in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 10_000):
        yield data[at : at + 10_000]


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int, store: int) -> int:
    """Count what a process has open, but for its connections to the store's port, which are kept for the next rush."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    kept = {f"socket:[{row[9]}]" for row in rows if int(row[2].rpartition(":")[2], 16) == store}
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        # One that was closed since the folder was read is not open.
        with suppress(FileNotFoundError):
            count += os.readlink(link) not in kept  # noqa: PTH115 - not a path
    return count


async def until(holds: Callable[[], bool], what: str, seconds: float = 40.0) -> None:
    """Return once it holds; look every fifth of a second."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.2)


@asynccontextmanager
async def weather(folder: Path, redis_url: str) -> AsyncIterator[Weather]:
    """Two workers, two applications, the emulator and the store, all real."""
    applications = {name: FlappingApplication() for name in APPS}
    gateway = GatewayProcess(folder, 1, redis_url, workers=2)
    issuer_port = free_port()
    issuer = f"http://127.0.0.1:{issuer_port}{REALM}"
    before, _, _ = gateway.settings.read_text().partition("apps:\n")
    apps = ""
    for name, application in applications.items():
        (folder / f"{name}.yaml").write_text(POLICY.format(name=name), encoding="utf-8")
        apps += f"""\
  - name: {name}
    url: http://{name}.localhost:{gateway.port}
    upstream: http://127.0.0.1:{application.port}
    policy: {name}.yaml
    upstream_options: {{ejected_for: 1s, slow_return: 1s}}
"""
    # The gateway closes the old generation after an answer's time: this setting makes it soon, so that the test sees
    # the end.
    more = f"access_log: access.log\ntraffic: {{answer: {ANSWER}s}}\n"
    settings = before.replace("http://localhost:1/api/realms/main", issuer) + "apps:\n" + apps + more
    gateway.settings.write_text(settings, encoding="utf-8")
    callbacks = tuple(f"http://{name}.localhost:{gateway.port}/.sekisho/callback" for name in APPS)
    keys = json.loads(load_keys(folder / "keys.jwks").public_jwks())
    emulator = Emulator(EmulatorSettings(issuer, (EmulatorClient(CLIENT, callbacks, keys),)))
    provider = await start_emulator(emulator.application(), issuer_port)
    sessions = await open_sessions(
        SessionSettings(store=redis_url),
        Secrets.parse((folder / "secret").read_text()),
        clock=time.time,
        random=secrets.token_bytes,
        background=False,
    )
    for application in applications.values():
        await application.start()
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=5)
    timeout = aiohttp.ClientTimeout(total=40)
    try:
        await asyncio.to_thread(gateway.start)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=timeout) as http:
            yield Weather(gateway, applications, emulator, sessions, http)
    finally:
        await asyncio.to_thread(gateway.stop)
        for application in applications.values():
            await application.stop()
        await sessions.close()
        await provider.cleanup()


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_storm(
    tmp_path: Path, redis_url: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Logins, reloads, flaps, kills and revocations under load: no wrong identity, no unexplained failure, no leak."""
    async with weather(tmp_path, redis_url) as storm:
        gateway = storm.gateway
        assert gateway.process is not None
        supervisor = gateway.process.pid
        await storm.use("alpha", None, None)
        store = urlsplit(redis_url).port or 0
        quiet = descriptors(supervisor, store), resident(supervisor)
        before = max(descriptors(pid, store) for pid in gateway.workers())
        # Nobody else reads what the service manager is told, and a full queue would hold the supervisor up.
        loop = asyncio.get_running_loop()
        loop.add_reader(gateway._notices.fileno(), gateway._notices.recv, 1024)
        began = time.monotonic()
        calm, end = began + STORM * CALM, began + STORM
        people = [asyncio.create_task(storm.browse(APPS[n % 2], CARDS[n % len(CARDS)])) for n in range(PEOPLE)]
        people += [asyncio.create_task(storm.look_around(APPS[n % 2])) for n in range(PEOPLE)]
        bad = [asyncio.create_task(work) for work in (storm.kill_workers(calm), storm.reload(end), storm.flap(end))]

        # Anybody who fails ends it: a broken client would else be silence.
        middle = calm + (end - calm) * 0.6
        done, _ = await asyncio.wait(people, timeout=middle - time.monotonic(), return_when=asyncio.FIRST_EXCEPTION)
        assert not done, done
        await until(lambda: len(gateway.workers()) == 2, "two workers")
        workers = gateway.workers()
        grown_up = {pid: resident(pid) for pid in workers}
        done, _ = await asyncio.wait(people, timeout=end - time.monotonic(), return_when=asyncio.FIRST_EXCEPTION)
        assert not done, done
        await asyncio.gather(*bad)
        storm.over = True
        await asyncio.gather(*people)
        grown = {pid: resident(pid) - grown_up[pid] for pid in workers if pid in gateway.workers()}
        # The test first closes the clients' connections; then the workers' connections to applications expire by
        # themselves.
        assert storm.http.connector is not None
        await storm.http.connector.close()
        await until(lambda: descriptors(supervisor, store) <= quiet[0] + 1, "the supervisor's descriptors")
        open_: list[int] = []

        def few() -> bool:
            open_[:] = [descriptors(pid, store) for pid in workers]
            return max(open_) <= before + KEPT

        await until(few, "the workers' descriptors")
        loop.remove_reader(gateway._notices.fileno())
        supervisor_grown = resident(supervisor) - quiet[1]
    lines = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]

    figures = {
        **storm.seen,
        "kills": len(storm.kills),
        "flaps": sum(len(application.down) for application in storm.applications.values()),
        "cut": len(storm.cut),
        "5xx written down": sum(line["status"] >= 500 for line in lines),
        "grown MiB": [round(size / 2**20, 1) for size in grown.values()],
        "supervisor grown MiB": round(supervisor_grown / 2**20, 1),
        "descriptors": [before, *open_],
    }
    record_testsuite_property("storm", figures)
    unexplained = storm.unexplained(lines)
    assert not storm.faults, f"{len(storm.faults)} of {figures}: {storm.faults[:5]}"
    assert not unexplained, f"{len(unexplained)} of {figures}: {unexplained[:5]}"
    assert storm.seen["2xx"] > 1_000, figures
    assert storm.seen["5xx"] > 0, figures
    assert min(storm.seen["sign-ins"], storm.seen["revocations"], len(storm.kills)) >= 3, figures
    assert len(grown) == 2, figures
    assert max(grown.values()) < GROWTH, figures
    assert supervisor_grown < GROWTH, figures
