"""No body becomes a request, and nobody gets another person's answer: before servers whose pages read no body.

One gateway has an App for each server, and more for what an App may set. Three attackers send bodies that are
requests, whole and cut off, with every method; six people who are signed in ask for their own pages all the while. Each
server writes down every request that it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest

from gateway.identity import Identity, Scope
from tests.builders import CLIENT
from tests.flows.gateway_process import GatewayProcess
from tests.flows.unread_bodies import METHODS, NAMES, QUICK, STAYS, Asked, UnreadServer, unread_server

SECONDS = 15.0
"""How long each server is attacked."""

A_MOMENT = 2.0
"""The same in the tests that always run, for the one server that takes a body for a request."""

PEOPLE = 6
ATTACKERS = 3

POLICY = """\
policy: p
rules:
  - {name: open, match: {path: /p/open/**}, allow: everyone}
  - {name: adults alone, match: {path: /p/adult/**}, allow: nobody}
  - {name: the rest, allow: signed_in, disclose: [subject]}
"""

STOLEN = "/p/adult/stolen"
PAGES = (
    STOLEN,
    *(f"/p/own/{number}" for number in range(PEOPLE)),
    *(f"/p/open/{number}" for number in range(ATTACKERS)),
)
"""Those that httpd has a file for."""

BODYLESS = ("GET", "HEAD", "DELETE", "OPTIONS")
READS = ("gunicorn", "node", "httpd", "tomcat")
"""Servers of which `reads_bodies` is true."""


class City:
    """Some of the servers, and one gateway with an App for each server and setting."""

    def __init__(self, names: Sequence[str], redis_url: str) -> None:
        self._names = names
        self._redis_url = redis_url
        self._open = contextlib.ExitStack()
        # pytest's own folders are for their owner alone, and httpd's children are somebody else where we are root.
        self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        self._folder.chmod(0o755)
        self.servers: dict[str, UnreadServer] = {}
        self.gateway: GatewayProcess

    def __enter__(self) -> Self:
        try:
            for name in self._names:
                server = unread_server(name, self._folder / f"server {name}".replace(" ", "-"), PAGES)
                self.servers[name] = self._open.enter_context(server)
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def _start(self) -> None:
        folder = self._folder / "gateway"
        folder.mkdir()
        gateway = self.gateway = GatewayProcess(folder, 1, self._redis_url, policy=POLICY)
        apps = [self._app(name, "plain") for name in self._names]
        apps += [
            self._app(name, "open", "refuse_body: []\n    upstream_options: {chunked_uploads: stream}")
            for name in self._names
        ]
        known = "refuse_body: []\n    upstream_options: {reads_bodies: true, chunked_uploads: stream}"
        apps += [self._app(name, "known", known) for name in self._names if name in READS]
        apps += [self._app(name, "strict", f"refuse_body: [{', '.join(BODYLESS)}]") for name in self._names]
        before, _, _ = gateway.settings.read_text().partition("apps:\n")
        gateway.settings.write_text(f"{before}apps:\n{''.join(apps)}access_log: off\n")
        self._open.callback(gateway.stop)
        gateway.start()

    def _app(self, name: str, kind: str, settings: str = "") -> str:
        return f"""\
  - name: {self.host(name, kind).partition(".")[0]}
    url: http://{self.host(name, kind)}:{self.gateway.port}
    upstream: http://127.0.0.1:{self.servers[name].port}
    policy: policy.yaml
    {settings}
"""

    def host(self, name: str, kind: str = "plain") -> str:
        return f"{name.replace('.', '-').replace(' ', '-')}-{kind}.localhost"

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def browser(self, name: str, kind: str = "plain") -> Browser:
        return Browser(self.gateway.port, f"{self.host(name, kind)}:{self.gateway.port}")

    def refusals(self, name: str) -> float:
        """Return how many bodies were refused for a server's plain App, as the metrics say."""
        app = self.host(name).partition(".")[0]
        lines = re.findall(
            r"^sekisho_denials_total\{(.*)\} (.*)$", self.gateway.ask_management("/metrics")[1], re.MULTILINE
        )
        return sum(
            float(value) for labels, value in lines if f'"{app}"' in labels and 'reason="unexpected_body"' in labels
        )


@dataclass
class Answer:
    """An answer as a browser reads it."""

    status: int
    body: bytes
    closes: bool


class Browser:
    """One connection to the gateway, made anew when it has ended."""

    def __init__(self, port: int, host: str) -> None:
        self._port = port
        self._host = host
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def head(self, method: str, path: str, *lines: str) -> bytes:
        fields = (f"Host: {self._host}", "Accept: application/json", *lines)
        return "\r\n".join((f"{method} {path} HTTP/1.1", *fields, "", "")).encode()

    async def send(self, data: bytes) -> None:
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, method: str = "GET") -> Answer:
        assert self._reader is not None
        async with asyncio.timeout(30):
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            status, fields = int(head[9:12]), head.split(b"\r\n")[1:-2]
            values = dict(line.split(b": ", 1) for line in fields)
            body = b""
            if method == "HEAD" or status in (204, 304):
                pass
            elif b"content-length" in values:
                body = await self._reader.readexactly(int(values[b"content-length"]))
            elif values.get(b"transfer-encoding") == b"chunked":
                while size := int(await self._reader.readuntil(b"\r\n"), 16):
                    body += (await self._reader.readexactly(size + 2))[:-2]
                await self._reader.readexactly(2)
            else:
                body = await self._reader.read()
        closes = values.get(b"connection") == b"close"
        if closes:
            await self.leave()
        return Answer(status, body, closes)

    async def leave(self, *, at_once: bool = False) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        if at_once:
            writer.transport.abort()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def smuggled(*, cut_off: bool = False) -> bytes:
    """Return a body that is a request, or its beginning, for which the next head would be a field's value."""
    head = f"GET {STOLEN} HTTP/1.1\r\nHost: app\r\nX-Verified-Subject: stolen\r\nX-Verified-Adult: yes\r\n"
    return (head + "X-Rest: ").encode() if cut_off else f"{head}\r\n".encode()


def framed(framing: str, body: bytes) -> tuple[str, bytes]:
    """Return the field that frames a body, and the body in it."""
    if framing == "counted":
        return f"Content-Length: {len(body)}", body
    return "Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.fixture(scope="module")
def quick(_redis: Any) -> Iterator[City]:
    """The servers that start in a moment."""
    with City((*QUICK, STAYS), _redis.url) as city:
        yield city


@pytest.fixture(scope="module")
def every(_redis: Any) -> Iterator[City]:
    """All of them."""
    with City(NAMES, _redis.url) as city:
        yield city


async def send_bodies(city: City, name: str, kind: str) -> tuple[list[str], list[str]]:
    """Send a body that is a request with every method and framing; return which were forwarded, and which refused."""
    forwarded, refused = [], []
    for method in METHODS:
        for framing in ("counted", "chunked"):
            browser = city.browser(name, kind)
            field_line, body = framed(framing, smuggled())
            await browser.send(browser.head(method, "/p/open/0", field_line) + body)
            answer = await browser.answer(method)
            if answer.status == 400:
                assert answer.closes
                assert method == "HEAD" or json.loads(answer.body)["code"] == "unexpected_body"
                refused.append(method)
            else:
                forwarded.append(method)
            # The next client may share this connection to the server, if there is a next one.
            await browser.send(browser.head("GET", "/p/open/1"))
            assert (await browser.answer()).body.startswith(b"/p/open/1\n")
            await browser.leave()
            forwarded.append("GET")
    return forwarded, refused


def stolen(asked: Sequence[Asked]) -> list[Asked]:
    """Return what a server has served that did not come from the gateway."""
    return [request for request in asked if request.request_id == "-" or request.target == STOLEN]


async def check_bodies(city: City, name: str, kind: str, refused_methods: Sequence[str]) -> None:
    """Check that a server serves each request that the gateway forwards, once, and nothing out of a body."""
    before = len(city.servers[name].asked())

    forwarded, refused = await send_bodies(city, name, kind)

    # httpd and Tomcat write a line when the answer has been sent.
    async with asyncio.timeout(30):
        while len(city.servers[name].asked()) - before < len(forwarded):
            await asyncio.sleep(0.01)
    asked = city.servers[name].asked()[before:]
    assert refused == [method for method in METHODS for _ in range(2) if method in refused_methods]
    assert stolen(asked) == []
    # A server writes its lines when its answers have left, and two may leave in another order.
    assert sorted(request.method for request in asked) == sorted(forwarded)
    assert all(re.fullmatch("[0-9a-f]{20}", request.request_id) for request in asked)


@pytest.mark.parametrize("name", QUICK)
async def test_a_body_never_becomes_a_request(name: str, quick: City) -> None:
    """The server receives as many requests as the gateway sends, and no GET and HEAD with a body."""
    before = quick.refusals(name)

    await check_bodies(quick, name, "plain", ("GET", "HEAD"))

    assert quick.refusals(name) - before == 4


@pytest.mark.long
@pytest.mark.parametrize("kind", ["plain", "open", "strict"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_body_never_becomes_a_request_in_any_server(name: str, kind: str, every: City) -> None:
    """Each server obeys the `Connection: close` of a request that the App does not refuse."""
    refused = {"plain": ("GET", "HEAD"), "open": (), "strict": BODYLESS}[kind]

    await check_bodies(every, name, kind, refused)


async def test_an_app_may_take_every_body(quick: City) -> None:
    """If GET and HEAD may have a body, `Connection: close` keeps it from becoming a request."""
    await check_bodies(quick, "http.server", "open", ())


@pytest.mark.long
@pytest.mark.parametrize("name", READS)
async def test_a_server_that_reads_every_body_may_keep_its_connections(name: str, every: City) -> None:
    """`reads_bodies` is true of these: what their pages leave unread is never a request."""
    await check_bodies(every, name, "known", ())

    assert every.host(name, "known").partition(".")[0] not in str(put_apart(every))


def put_apart(city: City) -> list[object]:
    return [event["app"] for event in city.gateway.events() if event.get("event") == "upstream_put_apart"]


async def test_a_server_that_does_not_close_needs_more_refusals(quick: City) -> None:
    """With them it hears bodies only where they belong; where it serves one, nobody gets that, and the App is named."""
    before = len(quick.servers[STAYS].asked())
    field_line, body = framed("counted", smuggled())
    browser = quick.browser(STAYS, "strict")

    refused = []
    for method in BODYLESS:
        await browser.send(browser.head(method, "/p/open/0", field_line) + body)
        refused.append((await browser.answer(method)).status)
    heard = quick.servers[STAYS].asked()[before:]
    await browser.send(browser.head("POST", "/p/open/0", field_line) + body)
    answer = await browser.answer()
    await asyncio.to_thread(quick.gateway.wait_for_event, "upstream_put_apart", "stays-strict")
    await browser.send(browser.head("GET", "/p/open/1"))
    after = await browser.answer()
    await browser.leave()

    assert (refused, heard) == ([400] * 4, [])
    assert (answer.status, answer.body) == (200, b"/p/open/0\n-\n")
    assert after.body == b"/p/open/1\n-\n"


# --- theft ------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """The answers that people received."""

    own: list[int] = field(default_factory=lambda: [0] * PEOPLE)
    others: list[tuple[int, bytes]] = field(default_factory=list)
    without: list[int] = field(default_factory=list)
    """Statuses of answers that were no page."""
    attacks: int = 0


class Theft:
    """Three who try to have others answered as they like, and six who ask for their own pages."""

    def __init__(self, city: City, name: str, seconds: float) -> None:
        self._city = city
        self._name = name
        self._until = time.monotonic() + seconds
        self.seen = Seen()

    @property
    def _goes_on(self) -> bool:
        seen = self.seen
        # On a machine that is busy with other tests, until there is something to look at.
        return time.monotonic() < self._until or not min(seen.own) or seen.attacks < 10 * ATTACKERS

    async def person(self, number: int, cookie: str) -> None:
        browser = self._city.browser(self._name)
        page = f"/p/own/{number}"
        # httpd has a file, and knows nobody.
        wanted = f"{page}\n" if self._name == "httpd" else f"{page}\nperson-{number}\n"
        while self._goes_on:
            await browser.send(browser.head("GET", page, f"Cookie: {cookie}"))
            answer = await browser.answer()
            if answer.status != 200:
                self.seen.without.append(answer.status)
            elif answer.body == wanted.encode():
                self.seen.own[number] += 1
            else:
                self.seen.others.append((number, answer.body))
        await browser.leave()

    async def attacker(self, number: int, cookie: str) -> None:
        random = Random(number)
        browser = self._city.browser(self._name)
        while self._goes_on:
            self.seen.attacks += 1
            method = random.choice(METHODS)
            body = smuggled(cut_off=random.random() < 0.4) * random.choice([1, 1, 5])
            field_line, body = framed(random.choice(["counted", "chunked"]), body)
            head = browser.head(method, f"/p/open/{number}", field_line, *([f"Cookie: {cookie}"] if cookie else []))
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                if await self._attack(browser, head, body, random):
                    await browser.answer(method)
                    continue
            await browser.leave(at_once=True)
        await browser.leave()

    async def _attack(self, browser: Browser, head: bytes, body: bytes, random: Random) -> bool:
        """Send a request in one of the ways there are; return whether its answer is waited for."""
        match random.choice(["at once", "at once", "in two", "half", "not heard out"]):
            case "in two":
                await browser.send(head)
                await asyncio.sleep(random.random() * 0.01)
                await browser.send(body)
            case "half":
                await browser.send(head + body[: len(body) // 2])
                await asyncio.sleep(random.random() * 0.01)
                return False
            case "not heard out":
                await browser.send(head + body)
                return False
            case _:
                await browser.send(head + body)
        return True

    async def go(self) -> Seen:
        asked = frozenset({Scope.OPENID})
        cookies = [
            await self._city.gateway.sign_in(Identity(CLIENT, f"person-{number}", time.time(), asked))
            for number in range(PEOPLE + ATTACKERS - 1)
        ]
        async with asyncio.TaskGroup() as everybody:
            for number, cookie in enumerate(cookies[:PEOPLE]):
                everybody.create_task(self.person(number, cookie))
            for number, cookie in enumerate(["", *cookies[PEOPLE:]]):
                everybody.create_task(self.attacker(number, cookie))
        return self.seen


async def attack(city: City, name: str, seconds: float) -> None:
    before = len(city.servers[name].asked())

    seen = await Theft(city, name, seconds).go()

    assert seen.others == []
    assert stolen(city.servers[name].asked()[before:]) == []
    assert seen.without == []


async def test_nobody_gets_what_an_attacker_chose_for_a_moment(quick: City) -> None:
    """In front of CPython's server, for which a body that is left unread is the next request."""
    await attack(quick, "http.server", A_MOMENT)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
async def test_nobody_gets_what_an_attacker_chose(name: str, every: City) -> None:
    """In front of each real server, for a while."""
    await attack(every, name, SECONDS)
