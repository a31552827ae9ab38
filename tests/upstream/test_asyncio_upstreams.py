"""Several upstreams, their health, their limits, their TLS and their old habits, over real sockets."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Never, cast

import pytest

from gateway.errors import GatewayError, UpstreamProtocolError
from gateway.settings.settings import HealthSettings, TrafficSettings, UpstreamSettings
from gateway.upstream.asyncio_endpoint import Endpoint
from gateway.upstream.asyncio_health import check
from gateway.upstream.asyncio_upstreams import Upstreams, client_context, client_contexts, upstreams_of
from gateway.upstream.httptools_connection import UpstreamConnection
from gateway.upstream.prefix import PathRewrite
from gateway.upstream.upstream import AnswerHead, Headers, Receiver
from gateway.wire.deadlines import Deadlines
from tests.builders import app, route
from tests.listen.byte_path import Application, Door, Peer, get
from tests.upstream.certificates import certify

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def second(door: Door) -> Application:
    """A second application beside the door's own."""
    application = Application()
    await application.start()
    door.upstream_ports = [door.application.port, application.port]
    door.also_stopped.append(application)
    return application


async def test_upstreams_take_turns(door: Door, second: Application) -> None:
    """Ten requests, five each."""
    await door.open()

    for _ in range(10):
        await door.ask(get())

    assert (len(door.application.requests), len(second.requests)) == (5, 5)


# --- concurrency ----------------------------------------------------------------------------------


class Slow:
    """An application that answers when told."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.go_on = asyncio.Semaphore(0)
        self.now = self.most = 0
        door.application.script = self.script

    async def script(self, peer: Peer) -> None:
        while True:
            await self.door.application.request(peer)
            self.now += 1
            self.most = max(self.most, self.now)
            await self.go_on.acquire()
            self.now -= 1
            await peer.send(OK)

    def release(self, number: int) -> None:
        for _ in range(number):
            self.go_on.release()


async def test_no_more_requests_than_the_app_bears(door: Door) -> None:
    """The others wait their turn, and are served in it."""
    slow = Slow(door)
    door.options = UpstreamSettings(concurrency=2)
    await door.open()

    asking = [asyncio.create_task(door.ask(get(b"/%d" % number))) for number in range(6)]
    await door.application.has_heard(2)
    slow.release(6)
    answers = await asyncio.gather(*asking)

    assert [answer.status for answer in answers] == [200] * 6
    assert slow.most == 2
    assert not door.upstreams.queue


async def test_a_full_queue_is_503(door: Door) -> None:
    """At once, and it says so."""
    slow = Slow(door)
    door.options = UpstreamSettings(concurrency=1, queue=1)
    await door.open()
    served, waiting = await door.client(), await door.client()
    await served.send(get())
    await door.application.has_heard(1)
    await waiting.send(get())
    async with asyncio.timeout(5):
        while not door.upstreams.queue:
            await asyncio.sleep(0)

    third = await door.ask(get())
    slow.release(2)

    assert (third.status, third[b"Retry-After"], json.loads(third.body)["code"]) == (503, b"5", "overloaded")
    assert (await served.answer()).status == 200
    assert (await waiting.answer()).status == 200


async def test_waiting_has_an_end(door: Door) -> None:
    """After `queue_time`, 503."""
    slow = Slow(door)
    door.options = UpstreamSettings(concurrency=1, queue_time=0.1)
    await door.open()
    served = await door.client()
    await served.send(get())
    await door.application.has_heard(1)

    second = await door.ask(get())
    slow.release(1)

    assert second.status == 503
    assert (await served.answer()).status == 200


# --- health ---------------------------------------------------------------------------------------


async def test_a_check_asks_for_its_path(door: Door) -> None:
    """Below 400 is well, on a connection of its own."""
    await door.open()
    (endpoint,) = door.upstreams.endpoints

    well = await check(endpoint, HealthSettings(path="/health"), "app.gw.test")

    assert well
    assert door.application.requests[0].line == b"GET /health HTTP/1.1"
    assert door.application.requests[0].all(b"Host") == [b"app.gw.test"]
    assert endpoint.active == 0


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", b"garbage\r\n\r\n", b""])
async def test_a_bad_answer_is_not_well(door: Door, answer: bytes) -> None:
    """An error, no HTTP, or nothing."""
    door.application.script = door.application.say(answer, close=True)
    await door.open()

    assert not await check(door.upstreams.endpoints[0], HealthSettings(), "app.gw.test")


async def test_no_answer_is_not_well(door: Door) -> None:
    """Neither in time nor ever."""

    async def script(peer: Peer) -> None:
        await peer.to_end()

    door.application.script = script
    await door.open()
    (endpoint,) = door.upstreams.endpoints

    silent = await check(endpoint, HealthSettings(timeout=0.05), "app.gw.test")
    await door.application.stop()
    away = await check(endpoint, HealthSettings(), "app.gw.test")

    assert (silent, away) == (False, False)


async def test_an_unhealthy_upstream_gets_no_requests_until_it_is_well(door: Door, second: Application) -> None:
    """The active check takes it out, and brings it back."""
    second.script = second.say(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
    door.options = UpstreamSettings(
        health=HealthSettings(path="/health", interval=0.02, unhealthy_after=2), slow_return=0.0
    )
    await door.open()
    door.upstreams.watch("app.gw.test")
    breaker = door.upstreams.endpoints[1].breaker

    async def until(*, healthy: bool) -> None:
        async with asyncio.timeout(5):
            while breaker.healthy is not healthy:
                await asyncio.sleep(0)

    await until(healthy=False)
    statuses = {(await door.ask(get())).status for _ in range(6)}
    second.script = second.say(OK)
    await until(healthy=True)

    assert statuses == {200}
    assert all(request.target == b"/health" for request in second.requests)


# --- old habits -----------------------------------------------------------------------------------

OLD = b"HTTP/1.0 200 OK\nContent-Type: text/html;\n charset=cp932\nX-A: 1\n\nhello"


async def test_old_heads_are_accepted_where_the_app_says_so(door: Door) -> None:
    """The gateway writes the head anew, strictly."""
    door.application.script = door.application.say(OLD, close=True)
    door.options = UpstreamSettings(tolerate=("bare_lf", "obs_fold"))
    await door.open()

    answer = await door.ask(get())

    assert (answer.status, answer.body) == (200, b"hello")
    assert answer[b"Content-Type"] == b"text/html; charset=cp932"
    assert answer[b"X-A"] == b"1"


class Nowhere(asyncio.Transport):
    """A transport that takes everything and leads nowhere."""

    def is_closing(self) -> bool:
        return False

    def write(self, data: object) -> None:
        """Nobody reads it."""

    def abort(self) -> None:
        """Nobody is there."""


class ConditionResult:
    """A receiver that only takes notes."""

    over = False

    def __init__(self) -> None:
        self.said: list[Any] = []

    def interim_answer(self, status: int, headers: Headers) -> None:
        self.said.append(status)

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        del body, complete
        self.said.append((head.status, dict(head.headers)[b"X-A"]))

    def answer_goes_on(self, data: bytes) -> None:
        """Take no note of a body."""

    def answer_ends(self, trailers: Headers) -> None:
        """Take no note of an end."""

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        self.said.append(error)


ANSWERS: dict[str, tuple[bytes, tuple[Any, ...], list[object]]] = {
    "plain": (b"HTTP/1.1 200 OK\r\nX-A: %b\r\nContent-Length: 2\r\n\r\nok", (), [(200, True)]),
    "interim": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50
        + b"HTTP/1.1 200 OK\r\nX-A: %b\r\nContent-Length: 2\r\n\r\nok",
        (),
        [*[103] * 50, (200, True)],
    ),
    "old": (b"HTTP/1.1 200 OK\nX-A: %b\nContent-Length: 2\n\nok", ("bare_lf",), [(200, True)]),
    "too long": (b"HTTP/1.1 200 OK\r\nX-B: " + b"b" * 70_000 + b"\r\nX-A: %b", (), [UpstreamProtocolError]),
}


@pytest.mark.parametrize("size", [1, 3, 40, 1_000])
@pytest.mark.parametrize("kind", ANSWERS)
async def test_an_unfinished_answer_is_looked_at_once(kind: str, size: int) -> None:
    """A head that comes in pieces costs what its length costs, interim answers before it included."""
    form, tolerate, wanted = ANSWERS[kind]
    came = form % (b"a" * 20_000)

    async def connect(_factory: object) -> Never:
        raise AssertionError

    options = UpstreamSettings(tolerate=tolerate)
    connection = UpstreamConnection(Endpoint("http://a", connect, TrafficSettings(), Deadlines(0.0), options))
    heard = ConditionResult()
    connection.connection_made(Nowhere())
    connection.lease(heard)  # type: ignore[arg-type]  # only what is called is there
    connection.send(heard, b"", is_head=False, uploading=True)  # type: ignore[arg-type]  # as above

    for begin in range(0, len(came), size):
        connection.data_received(came[begin : begin + size])
        if heard.said and isinstance(heard.said[-1], Exception):
            break

    kinds = [
        said
        if isinstance(said, int)
        else type(said)
        if isinstance(said, Exception)
        else (said[0], said[1] == b"a" * 20_000)
        for said in heard.said
    ]
    assert kinds[: len(wanted)] == wanted
    assert connection._reader._buffer.looked_at <= 3 * len(came) + 6 * (len(came) // size + 1)


async def test_paths_are_rewritten_both_ways(door: Door) -> None:
    """The application sees its path, the browser ours."""
    door.application.script = door.application.say(
        b"HTTP/1.1 302 X\r\nLocation: /inner/rooms\r\nSet-Cookie: a=b; Path=/inner\r\nContent-Length: 0\r\n\r\n"
    )
    door.rewrite = PathRewrite("/app", "/inner")
    await door.open()

    answer = await door.ask(get(b"/app/x?y"))

    assert door.application.requests[0].target == b"/inner/x?y"
    assert answer[b"Location"] == b"/app/rooms"
    assert answer[b"Set-Cookie"] == b"a=b; Path=/app/"


NO_HEADS = {
    "a banner": b"220 mail.example ESMTP\r\n",
    "the beginning of one": b"220",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "a bare line feed further on": b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n",
    "bare carriage returns": b"HTTP/1.1 200 OK\rContent-Length: 5\r\rhello",
    "HTTP/0.9": b"<html>hello",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n",
    "another protocol": b"ICE/1.0 200 OK\r\n",
    "no status": b"HTTP/1.1 OK\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\n",
    "bare line feeds behind an interim answer": b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\n",
}
"""Bytes of an application before it is silent, which cannot become a head any more."""


@pytest.mark.parametrize("pieces", [1, 1000], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("when", ["when asked", "at once"])
@pytest.mark.parametrize("name", NO_HEADS)
async def test_what_cannot_become_a_head_is_502_at_once(door: Door, name: str, when: str, pieces: int) -> None:
    """Nobody waits for the rest of it: not the 60 seconds that an application has for its answer."""
    said = NO_HEADS[name]

    async def script(peer: Peer) -> None:
        if when == "when asked":
            await door.application.request(peer)
        size = max(1, len(said) // pieces)
        for begin in range(0, len(said), size):
            await peer.send(said[begin : begin + size])
        await peer.to_end()

    door.application.script = script
    await door.open(answer=60.0)

    # The test's own patience is ten seconds.
    answer = await door.ask(get())

    assert (answer.status, json.loads(answer.body)["code"]) == (502, "upstream_protocol")


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_an_application_that_hangs_up_at_once_is_502_at_once(door: Door, method: bytes) -> None:
    """Whether the end comes before the request has left or after it."""

    async def script(peer: Peer) -> None:
        peer.reset()

    door.application.script = script
    door.options = UpstreamSettings(failures=1_000)
    await door.open(answer=60.0)
    request = get().replace(b"GET", method)
    statuses = {(await door.ask(request)).status for _ in range(10)}

    assert statuses == {502}


@pytest.mark.parametrize("said", [b"", b"220 hello\r\n"], ids=["hung up", "spoke"])
async def test_what_happens_before_the_request_is_sent_costs_no_request(said: bytes) -> None:
    """The connection was made, and is useless before it was handed over: another upstream is asked."""
    used: list[str] = []

    class Quiet(asyncio.Transport):
        def is_closing(self) -> bool:
            return "closed" in used

        def abort(self) -> None:
            used.append("closed")

        close = abort

    async def useless(factory: Callable[[], asyncio.Protocol]) -> tuple[Any, asyncio.BaseProtocol]:
        protocol = factory()
        protocol.connection_made(Quiet())
        if said:
            protocol.data_received(said)
        protocol.connection_lost(None)
        return None, protocol

    async def away(_: Callable[[], asyncio.Protocol]) -> tuple[Any, asyncio.BaseProtocol]:
        used.append("the other")
        raise ConnectionRefusedError

    class Asker:
        over = False
        errors: ClassVar[list[GatewayError]] = []

        def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
            self.errors.append(error)

    deadlines = Deadlines(0.0)
    ways = [Endpoint(name, way, TrafficSettings(), deadlines) for name, way in (("one", useless), ("two", away))]
    way = Upstreams("app", ways, TrafficSettings())

    assert way.take(cast("Receiver", Asker()), repeatable=False) is None
    async with asyncio.timeout(5):
        while not Asker.errors:
            await asyncio.sleep(0)

    assert "the other" in used
    assert (way.active, ways[0].active, ways[1].active) == (0, 0, 0)
    assert not ways[0].open


# --- TLS ------------------------------------------------------------------------------------------


async def tls_application(door: Door, folder: Path, *, client_ca: Path | None = None) -> tuple[Application, Path]:
    certificate, key = certify(folder, "inner.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    application = Application()
    await application.start(tls=context)
    door.also_stopped.append(application)
    return application, certificate


def way(application: Application, options: UpstreamSettings, prefix: str = "") -> object:
    url = f"https://127.0.0.1:{application.port}{prefix}"
    behind = app(upstream=(url,), upstream_options=options)
    return upstreams_of(
        route(app=behind), TrafficSettings(), Deadlines(0.0), tls=client_contexts([behind])[behind.name]
    )


async def test_an_upstream_over_tls_is_verified(door: Door, tmp_path: Path) -> None:
    """By the CA that is configured, and the name that is configured; with neither it is 502."""
    application, ca = await tls_application(door, tmp_path)
    await door.open()
    options = UpstreamSettings(ca=ca, server_name="inner.test")

    statuses = []
    for settings in (options, replace(options, ca=None), replace(options, server_name="other.test")):
        door.upstreams = way(application, settings)  # type: ignore[assignment]
        statuses.append((await door.ask(get())).status)

    assert statuses == [200, 502, 502]


async def test_an_upstream_may_ask_who_we_are(door: Door, tmp_path: Path) -> None:
    """We show the certificate that is configured."""
    ours, key = certify(tmp_path, "gateway.test")
    application, ca = await tls_application(door, tmp_path, client_ca=ours)
    await door.open()
    door.upstreams = way(  # type: ignore[assignment]
        application, UpstreamSettings(ca=ca, server_name="inner.test", certificate=ours, key=key)
    )

    assert (await door.ask(get())).status == 200


def test_verification_cannot_be_lost() -> None:
    """This holds for every configuration."""
    context = client_context(UpstreamSettings())

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_apps_that_say_the_same_share_what_is_read_for_them(tmp_path: Path) -> None:
    """A thousand Apps read the certificates once; an App with a CA of its own reads its own, plain ones none."""
    ca, _ = certify(tmp_path, "inner.test")
    said = [
        app(name="one", upstream=("https://a.test",)),
        app(name="two", upstream=("https://b.test",)),
        app(name="own", upstream=("https://c.test",), upstream_options=UpstreamSettings(ca=ca)),
        app(name="plain", upstream=("http://d.test",)),
    ]

    contexts = client_contexts(said)

    assert contexts.keys() == {"one", "two", "own"}
    assert contexts["one"] is contexts["two"] is not contexts["own"]


def test_upstreams_of_one_app_share_their_path() -> None:
    """A rewritten path would otherwise depend on whose turn it is."""
    two = route(app=app(upstream=("http://127.0.0.1:1/a", "http://127.0.0.1:2/b")))

    with pytest.raises(ValueError, match="different paths"):
        upstreams_of(two, TrafficSettings(), Deadlines(0.0))
