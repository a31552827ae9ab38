"""Every answer has one cause, every 5xx a reason, and no person is in any of it.

One person goes through every flow, and every fault meets her: the provider, the store, the application and the
operator's switch. Then her name is looked for in all that the gateway has written and shown.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.login.jwcrypto_keys import load_keys, new_key
from gateway.observe.causes import REASONS
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, PATIENCE, GatewayProcess
from tests.login.stand_in import PERSON, StandIn
from tests.redis_server import RedisServer, redis_server

POLICY = """\
policy: members
purpose: {ja: 予約のため}
conditions:
  child: {age: {below: 10}}
rules:
  - name: open
    match: {path: /open/**}
    allow: everyone
  - name: children
    match: {path: /children/**}
    require: [child]
  - name: reserve
    match: {path: /reserve/**}
    allow: signed_in
    disclose: [subject, name, address, birthdate]
  - name: draw
    match: {path: /draw, method: POST}
    allow: signed_in
    limit: {name: draw, once: ever, counted_when: {status: 200}, if_over: {ja: 済みです。}}
    audit: true
  - name: rest
    allow: signed_in
    disclose: [subject]
"""
APPLICATION = """\
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(500 if self.path.endswith("/broken") else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
"""
NAVIGATION = {
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
}
LINE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Line/13.0"


class Application:
    """An application in a process of its own, so that it can hang and die."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, on the same port again."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", APPLICATION, str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """End it, in any state."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None


@dataclass
class Place:
    """A gateway, and all that it stands on."""

    gateway: GatewayProcess
    provider: StandIn
    application: Application
    redis: RedisServer
    http: aiohttp.ClientSession
    secrets: set[str] = field(default_factory=set)
    """Tickets, codes, states and tokens that were used."""

    async def ask(
        self, path: str, cookies: dict[str, str], form: dict[str, str] | None = None, *, agent: str = "test"
    ) -> tuple[int, str]:
        """Navigate there, or send a form of the same site; return status and `Location`, and keep the cookies."""
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        origin = f"http://{HOST}:{self.gateway.port}"
        headers = {**NAVIGATION, "Host": f"{HOST}:{self.gateway.port}", **({"Cookie": cookie} if cookie else {})}
        if form is not None:
            headers |= {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        method = "GET" if form is None else "POST"
        async with self.http.request(
            method, url, headers=headers | {"User-Agent": agent}, data=form, allow_redirects=False
        ) as answer:
            cookies |= {name: morsel.value for name, morsel in answer.cookies.items()}
            self.secrets |= {value for value in cookies.values() if len(value) > 20}
            return answer.status, answer.headers.get("Location", "")

    async def begin(self, cookies: dict[str, str], target: str, shown: str = "") -> tuple[int, str]:
        """Press the button of the notice."""
        form = {"rd": target, "method": "GET", "shown": shown}
        return await self.ask("/.sekisho/login", cookies, form)

    def query(self, location: str) -> str:
        """Hold the card to the phone; return the callback's query."""
        query = self.provider.authorize(location).decode()
        self.secrets |= {value for name, value in parse_qsl(query) if name in ("code", "state")}
        return query

    async def sign_in(self, target: str, shown: str = "", cookies: dict[str, str] | None = None) -> dict[str, str]:
        """Sign in, and return the browser's cookies."""
        cookies = {} if cookies is None else cookies
        status, location = await self.begin(cookies, target, shown)
        assert status == 303, location
        assert (await self.ask(f"/.sekisho/callback?{self.query(location)}", cookies))[0] == 303
        return cookies

    async def lines(self, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Return the access lines once they say what is waited for."""

        def read() -> list[dict[str, Any]]:
            return [json.loads(line) for line in (self.gateway.folder / "access.log").read_text().splitlines()]

        found: list[dict[str, Any]] = []
        for _ in range(PATIENCE * 20):
            if holds(found := read()):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(found)

    async def metrics(self) -> str:
        """Scrape as Prometheus does, with exemplars."""
        url = f"http://127.0.0.1:{self.gateway.management}/metrics"
        async with self.http.get(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}) as answer:
            return await answer.text()

    async def numbers(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return a metric's samples of that name which are not 0, by their labels."""
        return {
            frozenset(sample.labels.items()): sample.value
            for family in text_string_to_metric_families(await self.metrics())  # type: ignore[no-untyped-call]
            for sample in family.samples
            if sample.name == name and sample.value
        }

    async def until(self, what: Callable[[], Awaitable[bool]]) -> None:
        """Return once it holds."""
        for _ in range(PATIENCE * 20):
            if await what():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(self.gateway.events())


@asynccontextmanager
async def a_place(folder: Path, redis: RedisServer) -> AsyncIterator[Place]:
    application = Application()
    await asyncio.to_thread(application.start)
    new_key(folder / "audit.jwks", "ES256")
    audit = "audit: {directory: audit, keys: {file: audit.jwks}, mirror: mirror, checkpoint: 1s}"
    gateway = GatewayProcess(
        folder, application.port, redis.url, policy=POLICY, more=f"limits: {{store: memory}}\n{audit}\n"
    )
    provider = StandIn(CLIENT, lambda: load_keys(folder / "keys.jwks").public_jwks())
    await provider.start()
    provider.redirect_uris = {f"http://{HOST}:{gateway.port}/.sekisho/callback"}
    settings = gateway.settings.read_text().replace("http://localhost:1/api/realms/main", provider.issuer)
    settings = settings.replace("client_id:", "contracted: [name, address, birthdate]\n  timeout: 2s\n  client_id:")
    settings = settings.replace("  store: redis", "  timeout: 500ms\n  store: redis")
    settings = settings.replace(
        "    policy: policy.yaml",
        "    maintenance: maintenance-app\n    traffic: {answer: 1s}\n    policy: policy.yaml",
    )
    gateway.settings.write_text(settings)
    await asyncio.to_thread(gateway.start)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            yield Place(gateway, provider, application, redis, http)
    finally:
        await asyncio.to_thread(gateway.stop)
        await asyncio.to_thread(application.stop)
        await provider.stop()


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisServer]:
    """A Redis that may be stopped."""
    with redis_server() as server:
        yield server


def spellings(value: str) -> set[str]:
    """Return the ways in which a value may stand in a line, a label or a URL."""
    raw = value.encode()
    forms = {value, quote(value), quote(value, safe=""), urlencode({"": value})[1:], json.dumps(value)[1:-1]}
    forms |= {b64encode(raw).decode().rstrip("="), urlsafe_b64encode(raw).decode().rstrip("="), raw.hex()}
    return forms | {each.lower() for each in forms}


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_a_canary_goes_through_every_flow_and_fault(tmp_path: Path, own_redis: RedisServer) -> None:
    """Each fault has its cause in the numbers and its reason in the log, and nobody's facts are anywhere."""
    async with a_place(tmp_path, own_redis) as place:
        await _flows(place)
        hanako = await place.sign_in("/me")
        await _faults(place, hanako)

        lines = await place.lines(
            lambda found: {"upstream_timeout", "maintenance"} <= {each["reason"] for each in found}
        )
        requests = await place.numbers("sekisho_requests_total")
        steps = await place.numbers("sekisho_sign_in_steps_total")
        upstream = await place.numbers("sekisho_upstream_seconds_count")
        shown = await place.metrics()
        written = await asyncio.to_thread(_written, tmp_path)

    failed = [line for line in lines if line["status"] >= 500]
    assert {line["reason"] for line in failed} - REASONS.keys() == set()
    assert {line["reason"] for line in failed} >= {
        "upstream_status",
        "upstream_timeout",
        "upstream_unreachable",
        "provider_down",
        "store_unavailable",
        "maintenance",
        "method",
    }
    causes = {cause for labels in requests for name, cause in labels if name == "cause"}
    assert causes >= {"upstream", "policy", "portal", "client", "store", "provider", "maintenance"}
    outcomes = {dict(labels)["outcome"] for labels in upstream}
    assert outcomes >= {"answered", "failed", "left"}
    counted = {(dict(labels)["step"], dict(labels)["kind"]): number for labels, number in steps.items()}
    assert {("notice", "first"), ("sent", "first"), ("returned", "first"), ("signed_in", "first")} <= counted.keys()
    assert {("signed_in", "step_up"), ("failed", "first")} <= counted.keys()
    assert any(dict(labels)["browser"] == "in_app" for labels in steps)
    assert "# {request_id=" in shown

    canaries = {*PERSON.values(), place.provider.subject, *place.secrets, *place.provider.tokens} - {PERSON["gender"]}
    assert len(canaries) > 15
    told = written + shown
    assert "upstream_timeout" in told
    assert '"action":"sign_in"' in told
    leaked = {canary for canary in canaries if any(form in told for form in spellings(canary))}
    assert leaked == set()


def _written(folder: Path) -> str:
    """Return all that the gateway has written: its logs and its audit trail."""
    logs = [folder / "access.log", folder / "events.log", *(folder / "audit").rglob("*"), folder / "mirror"]
    return "".join(each.read_text(errors="replace") for each in logs if each.is_file())


async def _flows(place: Place) -> None:
    """The notice, sign-ins, a step-up, a refusal, a limit, a cancelled sign-in, a sign-out."""
    assert (await place.ask("/reserve/1", {}))[0] == 401
    assert (await place.ask("/me", {}, agent=LINE))[0] == 401
    hanako = await place.sign_in("/me")
    await place.sign_in("/reserve/1", "name address birthdate", hanako)
    assert (await place.ask(f"/reserve/1?name={quote(PERSON['name'])}", hanako))[0] == 200
    assert (await place.ask("/children/1", hanako))[0] == 403
    assert (await place.ask("/draw", hanako, {"name": PERSON["name"]}))[0] == 200
    assert (await place.ask("/draw", hanako, {"name": PERSON["name"]}))[0] == 403
    cookies: dict[str, str] = {}
    _, location = await place.begin(cookies, "/me")
    state = dict(parse_qsl(place.query(location)))["state"]
    assert (await place.ask(f"/.sekisho/callback?error=access_denied&state={state}", cookies))[0] == 403
    assert (await place.ask("/.sekisho/me", hanako, {"token": "none"}))[0] == 200
    assert (await place.ask("/.sekisho/logout", hanako, {}))[0] == 303


async def _faults(place: Place, hanako: dict[str, str]) -> None:
    assert (await place.ask("/open/broken", {}))[0] == 500
    async with place.http.request("FOO", f"http://127.0.0.1:{place.gateway.port}/open/1") as answer:
        assert answer.status == 501
    await _application_fails(place)
    await _store_fails(place, hanako)
    await _provider_fails(place)
    await _closed(place)


async def _application_fails(place: Place) -> None:
    """It hangs, and a browser leaves in the meantime; then it dies, and comes back by itself."""
    application = place.application
    application.signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await place.ask("/open/left", {})
    assert (await place.ask("/open/hangs", {}))[0] == 504
    await asyncio.to_thread(application.stop)
    for _ in range(6):
        assert (await place.ask("/open/dead", {}))[0] == 502
    assert not await place.numbers("sekisho_upstream_up")
    await asyncio.to_thread(application.start)

    async def up() -> bool:
        return bool(await place.numbers("sekisho_upstream_up"))

    await place.until(up)


async def _store_fails(place: Place, hanako: dict[str, str]) -> None:
    """Case 7: each request that the store has failed is counted, also once nobody asks it."""
    place.redis.signal(signal.SIGSTOP)
    before = await _unavailable(place)
    try:

        async def away() -> bool:
            return (await place.ask("/me", dict(hanako)))[0] == 503

        await place.until(away)
        for _ in range(20):
            assert (await place.ask("/me", dict(hanako)))[0] == 503
        assert (await place.ask("/open/1", {}))[0] == 200
        assert await _unavailable(place) >= before + 20
    finally:
        place.redis.signal(signal.SIGCONT)

    async def back() -> bool:
        return (await place.ask("/me", dict(hanako)))[0] == 200

    await place.until(back)


async def _unavailable(place: Place) -> float:
    lookups = await place.numbers("sekisho_session_lookups_total")
    return lookups.get(frozenset({("result", "unavailable")}), 0.0)


async def _provider_fails(place: Place) -> None:
    """Before the browser is sent, and when it comes back."""
    cookies: dict[str, str] = {}
    _, location = await place.begin(cookies, "/me")
    query = place.query(location)
    await place.provider.stop()
    assert (await place.ask(f"/.sekisho/callback?{query}", cookies))[0] == 503
    assert (await place.begin({}, "/me"))[0] == 503
    await place.provider.start()


async def _closed(place: Place) -> None:
    """Case 8: an operator closes the App."""
    command = [sys.executable, "-m", "gateway", "switch", "on", "maintenance-app", "--for", "1h", "--reason", "test"]
    done = await asyncio.to_thread(
        subprocess.run, [*command, "-c", str(place.gateway.settings)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr

    async def closed() -> bool:
        return (await place.ask("/open/1", {}))[0] == 503

    await place.until(closed)
