"""A server that speaks out of turn is put apart: at the first byte that can be seen, and for a while."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from gateway.observe.events import Event
from gateway.observe.metrics import Metrics
from gateway.settings.settings import UpstreamSettings
from gateway.upstream.asyncio_endpoint import Endpoint
from gateway.upstream.asyncio_upstreams import Upstreams
from gateway.upstream.prometheus_upstreams import show_upstreams
from gateway.upstream.standing import Standing
from tests.listen.byte_path import HOST, PATIENCE, Answered, Application, Door, Peer, get

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPWNED"
HELLO = "日本".encode()


@dataclass(frozen=True)
class Sign:
    """A server's extra bytes, and the request to which they belong."""

    answer: bytes
    rest: bytes
    method: str = "GET"


SIGNS: dict[str, Sign] = {
    "a byte behind a counted answer": Sign(OK, b"!"),
    "a line end behind a counted answer": Sign(OK, b"\r\n"),
    "a length counted in characters": Sign(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + HELLO[:2], HELLO[2:]),
    "a second answer": Sign(OK, STRAY),
    "a byte behind the last chunk": Sign(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"!"),
    "an answer behind the last chunk": Sign(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", STRAY),
    "a line end behind the last chunk": Sign(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", b"\r\n"
    ),
    "a line end behind trailers": Sign(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", b"\r\n"
    ),
    "a byte behind trailers": Sign(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", b"!"),
    "a body of a 204": Sign(b"HTTP/1.1 204 No Content\r\n\r\n", b"hello"),
    "chunks of a 204": Sign(b"HTTP/1.1 204 No Content\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    "a body of a 304": Sign(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "an empty answer and a byte": Sign(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"!"),
}

USED_ONCE: dict[str, Sign] = {
    "a body of a HEAD answer": Sign(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello", "HEAD"),
    "a body of a 204 with a length": Sign(b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "a byte behind a last answer": Sign(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"!"),
}
"""Signs on connections that are used once in any case."""


def request(method: str, path: bytes) -> bytes:
    return method.encode() + b" " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n"


@dataclass
class Talker:
    """An application that says too much about `/talk`, when it is told to; and that is well otherwise."""

    door: Door
    sign: Sign
    say_rest: asyncio.Event = field(default_factory=asyncio.Event)
    gone: int = 0
    """Connections that have ended."""

    def __post_init__(self) -> None:
        self.door.application.script = self.script

    async def script(self, peer: Peer) -> None:
        try:
            while True:
                asked = await self.door.application.request(peer)
                if asked.target != b"/talk":
                    await peer.send(OK)
                elif self.say_rest.is_set():
                    await peer.send(self.sign.answer + self.sign.rest)
                else:
                    await peer.send(self.sign.answer)
                    await self.say_rest.wait()
                    await peer.send(self.sign.rest)
        finally:
            self.gone += 1


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


async def two_idle_connections(door: Door) -> None:
    """Have two connections kept to the application."""
    both = await door.client(), await door.client()
    for client in both:
        await client.send(get(b"/warm"))
    for client in both:
        await client.answer()
        await client.close()
    assert len(door.upstreams.endpoints[0].idle) == 2


@pytest.mark.parametrize("late", [False, True], ids=["in the same read", "later"])
@pytest.mark.parametrize("name", [*SIGNS, *USED_ONCE])
async def test_a_server_is_put_apart_at_the_first_byte_out_of_turn(door: Door, name: str, late: bool) -> None:
    """Its answer is given, what stands behind it to nobody; no connection is used twice, and the App is named."""
    sign = (SIGNS | USED_ONCE)[name]
    talker = Talker(door, sign)
    if not late:
        talker.say_rest.set()
    await door.open()
    await two_idle_connections(door)
    (endpoint,) = door.upstreams.endpoints

    with capture_logs() as events:
        answer = await door.ask(request(sign.method, b"/talk"), sign.method)
        talker.say_rest.set()
        await until(lambda: door.upstreams.standing.out_of_turn == 1)
        kept = len(endpoint.idle)
        used = door.application.connections
        for _ in range(3):
            assert (await door.ask(get(b"/good"))).body == b"ok"

    assert str(answer.status).encode() == sign.answer[9:12]
    assert b"PWNED" not in answer.body
    assert kept == len(endpoint.idle) == 0
    assert door.application.connections == used + 3
    # The server is told, so that it closes first and no port of ours waits.
    assert [asked.all(b"Connection") for asked in door.application.requests[-3:]] == [[b"close"]] * 3
    (event,) = events
    assert (event["event"], event["app"]) == (Event.UPSTREAM_PUT_APART, "booking")
    assert event["sign"] == ("on an idle connection" if late and name in SIGNS else "behind an answer")
    await until(lambda: talker.gone == door.application.connections)


async def test_the_rest_of_an_answer_is_not_the_next_ones(door: Door) -> None:
    """Bytes behind the next request's head that begin no answer are not taken for one: the request is sent again."""
    first = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK if first.is_set() else SIGNS["a length counted in characters"].answer)
        if not first.is_set():
            first.set()
            await door.application.request(peer)
            await peer.send(HELLO[2:] + OK)
        await peer.to_end()

    door.application.script = script
    await door.open()
    await door.ask(get(b"/characters"))

    with capture_logs() as events:
        answer = await door.ask(get(b"/next"))

    assert (answer.status, answer.body) == (200, b"ok")
    assert [request.target for request in door.application.requests] == [b"/characters", b"/next", b"/next"]
    assert [(event["event"], event["sign"]) for event in events] == [(Event.UPSTREAM_PUT_APART, "before an answer")]


@dataclass
class Held:
    """An application that holds `/wait` until told, and says too much about `/talk`."""

    door: Door
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.door.application.script = self.script

    async def script(self, peer: Peer) -> None:
        number = self.door.application.connections
        while True:
            asked = await self.door.application.request(peer)
            if asked.target == b"/wait" and number <= 2:
                await self.go_on.wait()
            await peer.send(OK + STRAY if asked.target == b"/talk" else OK)


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 502)])
async def test_who_waits_on_a_used_connection_is_served_on_another(door: Door, method: str, status: int) -> None:
    """An answer that comes there now may be the last one's rest: what cannot be sent again is told that it failed."""
    held = Held(door)
    await door.open()
    await two_idle_connections(door)
    waiting = await door.client()
    await waiting.send(request(method, b"/wait"))
    await door.application.has_heard(3)

    await door.ask(get(b"/talk"))
    answer = await waiting.answer()
    held.go_on.set()

    assert answer.status == status
    assert [asked.target for asked in door.application.requests].count(b"/wait") == (2 if method == "GET" else 1)


async def test_connections_are_used_again_after_a_while(door: Door) -> None:
    """The pool does not use them before, and each sign begins the time anew."""
    Talker(door, SIGNS["a second answer"]).say_rest.set()
    door.options = UpstreamSettings(apart_for=60.0, idle=30.0)
    # The test alone turns the clock.
    door.resolution = 3600.0
    await door.open()
    await door.ask(get(b"/talk"))
    door.deadlines.time += 50.0
    await door.ask(get(b"/talk"))
    before = door.application.connections

    with capture_logs() as events:
        for seconds in (50.0, 0.0, 15.0, 0.0, 0.0):
            door.deadlines.time += seconds
            await door.ask(get(b"/good"))

    # The first three were asked apart, and the third begins to be kept.
    assert door.application.connections == before + 3
    assert [event["event"] for event in events] == [Event.UPSTREAM_TRUSTED_AGAIN]
    assert door.application.requests[-1].all(b"Connection") == []
    assert door.upstreams.standing.out_of_turn == 2


async def test_a_reload_does_not_forget(door: Door) -> None:
    """The settings are read anew, and the servers are the same."""
    Talker(door, SIGNS["a second answer"]).say_rest.set()
    await door.open()
    await door.ask(get(b"/talk"))
    (old,) = door.upstreams.endpoints

    again = Endpoint(old.address, old.connect, door.limits, door.deadlines, door.options)
    door.upstreams = Upstreams("booking", [again], door.limits, door.options, standing=door.upstreams.standing)
    before = door.application.connections
    for _ in range(3):
        await door.ask(get(b"/good"))

    assert door.application.connections == before + 3


async def test_what_another_worker_has_heard_is_believed(door: Door) -> None:
    """Until the moment it names, and not in its absence; nothing is counted twice."""
    Talker(door, SIGNS["a second answer"])
    # The test alone turns the clock.
    door.resolution = 3600.0
    await door.open()
    now = door.deadlines.time
    way = door.upstreams

    async def connections() -> int:
        before = door.application.connections
        for _ in range(3):
            await door.ask(get(b"/good"))
        return door.application.connections - before

    with capture_logs() as events:
        way.follow(now - 1.0)
        usual = await connections()
        way.follow(now + 10.0)
        apart = await connections()
        way.follow(now + 5.0)
        door.deadlines.time = now + 8.0
        still = await connections()
        door.deadlines.time = now + 10.0
        again = await connections()

    assert (usual, apart, still, again) == (1, 3, 3, 1)
    assert way.standing.out_of_turn == 0
    assert [event["event"] for event in events] == [Event.UPSTREAM_TRUSTED_AGAIN]


async def test_nothing_lingers_behind_a_reload(door: Door) -> None:
    """The objects of the old settings are closed at once, and a later answer does not linger."""
    ended = [asyncio.Event(), asyncio.Event()]
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        asked = await door.application.request(peer)
        if asked.target == b"/slow":
            await go_on.wait()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await peer.to_end()
        ended[asked.target == b"/slow"].set()

    door.application.script = script
    # Nobody turns the clock that ends a lingering connection.
    door.resolution = 3600.0
    await door.open()
    slow = await door.client()
    await slow.send(request("HEAD", b"/slow"))
    await door.application.has_heard(1)
    await door.ask(request("HEAD", b"/"), "HEAD")
    lingers = not ended[0].is_set()

    door.upstreams.close()
    async with asyncio.timeout(PATIENCE):
        await ended[0].wait()
        go_on.set()
        await slow.answer("HEAD")
        await ended[1].wait()

    assert lingers


async def test_a_server_that_has_waited_enough_may_say_so(door: Door) -> None:
    """An unasked 408 on an idle connection is known HTTP (RFC 9110 section 15.5.9): its connection alone is closed."""
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK)
        await answered.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await peer.to_end()

    door.application.script = script
    await door.open()
    await door.ask(get())
    answered.set()
    await until(lambda: len(door.upstreams.endpoints[0].idle) == 0)
    answered.clear()

    assert (await door.ask(get())).body == b"ok"
    assert door.upstreams.standing.out_of_turn == 0


# --- answers without a body, which name a length ------------------------------------------------------


async def connections_for(door: Door, answer: bytes) -> int:
    """Return how many connections three such answers take."""
    door.application.script = door.application.say(answer)
    before = door.application.connections
    for _ in range(3):
        await door.ask(get())
    return door.application.connections - before


@pytest.mark.parametrize(
    ("answer", "connections", "when_caught"),
    [
        (b"HTTP/1.1 204 X\r\n\r\n", 1, 1),
        (b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n", 1, 1),
        (b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", 3, 3),
        (b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", 3, 3),
        (b"HTTP/1.1 304 X\r\n\r\n", 1, 1),
        (b"HTTP/1.1 304 X\r\nContent-Length: 0\r\n\r\n", 1, 1),
        (b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", 1, 3),
    ],
)
async def test_a_length_without_a_body(door: Door, answer: bytes, connections: int, when_caught: int) -> None:
    """With a 204 it ends the connection; with a 304 it is legal, and doubted of a server that was caught before."""
    # The test alone turns the clock.
    door.resolution = 3600.0
    await door.open()

    first = await connections_for(door, answer)
    await door.ask(get())
    door.upstreams.standing.spoke_out_of_turn(door.deadlines.time, 1.0)
    door.deadlines.time += 2.0
    for endpoint in door.upstreams.endpoints:
        endpoint.close_idle()

    assert first == connections
    assert await connections_for(door, answer) == when_caught


# --- answers that begin as none -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [b"220 mail.test ESMTP\r\n", b"SSH-2.0-x\r\n", b"H", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", b"\r\n"]
)
async def test_what_is_no_answer_is_502_at_once(door: Door, answer: bytes) -> None:
    """The rest of it would never come, and the whole time of an answer would be lost waiting for it."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(answer)
        if answer == b"H":
            await peer.send(b"ello\r\n")
        await peer.to_end()

    door.application.script = script
    await door.open(answer=300.0)

    answered = await door.ask(get())

    assert (answered.status, json.loads(answered.body)["code"]) == (502, "upstream_protocol")


async def test_a_head_in_pieces_is_no_bare_line_feed(door: Door) -> None:
    """Wherever the pieces end."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        for at in range(len(OK)):
            await peer.send(OK[at : at + 1])
            await asyncio.sleep(0)

    door.application.script = script
    await door.open()

    assert (await door.ask(get())).body == b"ok"


# --- metrics --------------------------------------------------------------------------------------------


def test_the_metrics_name_the_app() -> None:
    """A count of what was seen, and whether connections are used twice now."""
    standings = {"booking": Standing(), "library": Standing()}
    metrics = Metrics("0")
    now = 100.0
    show_upstreams(metrics, lambda: standings, lambda: {"booking": 1, "library": 0}, lambda: now)

    def numbers() -> dict[str, float]:
        return {
            " ".join((sample.name, *dict(sample.labels).values())): sample.value
            for family in metrics.collect()
            for sample in family.samples
            if "apart" in sample.name or "upstream_" in sample.name or "ejected" in sample.name
            if not sample.name.startswith("sekisho_upstream_seconds")
        }

    standings["booking"].spoke_out_of_turn(now, 60.0)
    standings["booking"].spoke_out_of_turn(now + 10.0, 60.0)
    standings["library"].unreachable = 3
    standings["library"].ejections = 2
    during = numbers()
    now = 170.0
    after = numbers()

    assert during == {
        "sekisho_apps_apart booking": 1,
        "sekisho_apps_apart library": 0,
        "sekisho_upstream_out_of_turn_total booking": 2,
        "sekisho_upstream_out_of_turn_total library": 0,
        "sekisho_upstream_unreachable_total booking": 0,
        "sekisho_upstream_unreachable_total library": 3,
        "sekisho_upstream_ejections_total booking": 0,
        "sekisho_upstream_ejections_total library": 2,
        "sekisho_upstreams_ejected booking": 1,
        "sekisho_upstreams_ejected library": 0,
    }
    assert after == during | {"sekisho_apps_apart booking": 0}


# --- theft ----------------------------------------------------------------------------------------------


@dataclass
class Thief:
    """An application that sends each person their own page, and what nobody asked for beside it."""

    application: Application
    rest: bytes
    chance: float
    delay: float
    random: random.Random = field(default_factory=lambda: random.Random(11))

    async def script(self, peer: Peer) -> None:
        late: set[asyncio.Task[None]] = set()
        try:
            while True:
                asked = await self.application.request(peer)
                name = asked.target.rpartition(b"/")[2]
                await asyncio.sleep(self.random.uniform(0, 0.002))
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))
                if self.random.random() < self.chance:
                    late.add(asyncio.create_task(self.say_late(peer, name)))
        finally:
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def say_late(self, peer: Peer, name: bytes) -> None:
        await asyncio.sleep(self.random.uniform(0, self.delay))
        await peer.send(self.rest.replace(b"NAME", name))


STRAYS = {
    "another person's page": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nNAME",
    "a chunked page": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nNAME\r\n0\r\n\r\n",
    "the rest of a page": HELLO,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Len",
    "a 204": b"HTTP/1.1 204 No Content\r\n\r\n",
}


@pytest.mark.parametrize("rest", STRAYS.values(), ids=STRAYS)
@pytest.mark.parametrize("seconds", [0.4, pytest.param(15.0, marks=pytest.mark.long)])
async def test_nobody_gets_anothers_page_once_a_byte_was_seen(door: Door, rest: bytes, seconds: float) -> None:
    """Nine people at once: each answer that begins after the first visible byte is its own person's, and whole."""
    thief = Thief(door.application, rest, chance=0.05, delay=0.01)
    door.application.script = thief.script
    await door.open()
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    standing = door.upstreams.standing
    wrong_after: list[tuple[bytes, Answered]] = []
    asked_after = 0

    async def browse(name: bytes) -> None:
        nonlocal asked_after
        client = await door.client()
        while loop.time() < end or not asked_after > 50:
            seen = standing.out_of_turn
            await client.send(get(b"/mine/" + name))
            answer = await client.answer()
            if seen:
                asked_after += 1
                if (answer.status, answer.body) != (200, name):
                    wrong_after.append((name, answer))

    async with asyncio.timeout(seconds + PATIENCE):
        await asyncio.gather(*(browse(b"ann%d" % number) for number in range(9)))

    assert standing.out_of_turn
    assert wrong_after == []
