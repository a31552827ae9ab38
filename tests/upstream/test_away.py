"""Nothing small takes an application away: bad pages, refused connections, clients that leave."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from gateway.observe.events import Event
from gateway.observe.metrics import Metrics
from gateway.settings.settings import HealthSettings, UpstreamSettings
from gateway.upstream.prometheus_upstreams import show_ways
from tests.listen.byte_path import PATIENCE, Application, Door, Peer, app_settings, get

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

BAD_PAGES: dict[str, bytes] = {
    "both lengths": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
    "no answer": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "no HTTP": b"220 mail.test ESMTP\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "error 500": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    "error 503": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000,
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
}


def good_and_bad(application: Application, bad: bytes | None) -> None:
    """Have `/bad` answered so and closed, or never answered; anything else is well."""

    async def script(peer: Peer) -> None:
        while True:
            request = await application.request(peer)
            if request.target != b"/bad":
                await peer.send(OK)
            elif bad is None:
                await peer.to_end()
                return
            else:
                await peer.send(bad)
                return

    application.script = script


async def several(door: Door, count: int) -> list[Application]:
    """Give the door so many upstreams."""
    others = [Application() for _ in range(count - 1)]
    for other in others:
        await other.start()
    every = [door.application, *others]
    door.also_stopped += others
    door.upstream_ports = [application.port for application in every]
    return every


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("bad", [*BAD_PAGES.values(), None], ids=[*BAD_PAGES, "never"])
async def test_a_bad_page_belongs_to_its_url(door: Door, bad: bytes | None, count: int) -> None:
    """However often it is asked for, and of however many upstreams: every other page is there."""
    for application in await several(door, count):
        good_and_bad(application, bad)
    door.options = UpstreamSettings(failures=1)
    await door.open(answer=0.05)

    async with asyncio.timeout(PATIENCE):
        for _ in range(3):
            await asyncio.gather(*(door.ask(get(b"/bad")) for _ in range(2 * count)))
            statuses = [(await door.ask(get(b"/good"))).status for _ in range(2 * count)]
            assert statuses == [200] * (2 * count)

    assert not any(endpoint.breaker.ejected for endpoint in door.upstreams.endpoints)
    assert door.upstreams.standing.ejections == 0


async def test_one_client_that_repeats_a_bad_page_costs_the_others_nothing(door: Door) -> None:
    """Under load, too: not one good request is lost."""
    for application in await several(door, 2):
        good_and_bad(application, BAD_PAGES["both lengths"])
    await door.open()
    over = False
    statuses: Counter[int] = Counter()

    async def repeat(path: bytes) -> None:
        client = await door.client()
        while not over:
            await client.send(get(path))
            answer = await client.answer()
            if path == b"/good":
                statuses[answer.status] += 1

    asking = [asyncio.create_task(repeat(path)) for path in [b"/bad"] * 6 + [b"/good"] * 4]
    await until(lambda: statuses.total() >= 400)
    over = True
    await asyncio.gather(*asking)

    assert set(statuses) == {200}


# --- away, and back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("health", [None, HealthSettings(path="/health", interval=5.0, unhealthy_after=1)])
@pytest.mark.parametrize("count", [1, 2])
async def test_an_application_is_back_for_people_with_its_first_connection(
    door: Door, count: int, health: HealthSettings | None
) -> None:
    """The number of refused requests and the results of checks do not matter."""
    applications = await several(door, count)
    door.options = UpstreamSettings(failures=2, ejected_for=60.0, health=health)
    await door.open()
    for application in applications:
        await application.stop()
    door.upstreams.watch("app.gw.test")
    if health is not None:
        await until(lambda: not any(endpoint.breaker.healthy for endpoint in door.upstreams.endpoints))

    away = Counter([(await door.ask(get())).status for _ in range(20)])
    await applications[-1].restart()
    back = [(await door.ask(get())).status for _ in range(10)]

    assert away == {502: 20}
    assert back == [200] * 10


async def test_an_upstream_that_is_away_costs_no_request_and_is_named(door: Door) -> None:
    """Until a byte is sent any request may go to another; an event says who is asked no more, and who is back."""
    first, second = await several(door, 2)
    await second.stop()
    door.options = UpstreamSettings(failures=3, ejected_for=0.1, slow_return=0.0)
    await door.open()
    way = door.upstreams
    ejected, address = way.endpoints[1].breaker, way.endpoints[1].address

    with capture_logs() as events:
        statuses = Counter([(await door.ask(get())).status for _ in range(12)])
        out = ejected.ejected
        unreachable = way.standing.unreachable
        await second.restart()
        # Nobody asks for anything meanwhile: the gateway finds out by itself.
        await until(lambda: not ejected.ejected)
        asked = len(second.requests)
        statuses += Counter([(await door.ask(get())).status for _ in range(4)])

    assert statuses == {200: 16}
    assert (out, unreachable, way.standing.ejections) == (True, 3, 1)
    assert asked == 0
    assert len(second.requests) == 2
    named = [(entry["event"], entry["app"], entry["upstream"]) for entry in events]
    assert named == [
        (Event.UPSTREAM_UNREACHABLE, "booking", address),
        (Event.UPSTREAM_EJECTED, "booking", address),
        (Event.UPSTREAM_RETURNED, "booking", address),
    ]
    assert len(first.requests) == 14


async def test_the_only_upstream_is_shown_as_down_and_found_again_by_itself(door: Door) -> None:
    """It is never ejected; its number says that it is away, and at night nobody else would find out that it is back."""
    metrics = Metrics("0")
    show_ways(metrics, lambda: {"booking": door.upstreams})

    def up() -> list[float]:
        return [
            sample.value
            for family in metrics.collect()
            for sample in family.samples
            if sample.name == "sekisho_upstream_up"
            and ("upstream", door.upstreams.endpoints[0].address) in sample.labels
        ]

    await door.application.stop()
    door.options = UpstreamSettings(failures=3, ejected_for=0.05, slow_return=0.0)
    await door.open()
    before = up()
    statuses = [(await door.ask(get())).status for _ in range(3)]
    away = up()
    await door.application.restart()
    await until(lambda: up() == [1])

    assert (before, statuses, away) == ([1], [502] * 3, [0])
    assert not door.application.requests
    assert door.upstreams.standing.ejections == 0


async def test_the_last_upstream_is_asked_on(door: Door) -> None:
    """Of two that are both away one alone is ejected, and each request still tries both."""
    first, second = await several(door, 2)
    await first.stop()
    await second.stop()
    door.options = UpstreamSettings(failures=1, ejected_for=60.0)
    await door.open()

    statuses = {(await door.ask(get())).status for _ in range(5)}

    assert statuses == {502}
    assert sum(endpoint.breaker.ejected for endpoint in door.upstreams.endpoints) == 1
    assert door.upstreams.standing.unreachable == 10
    assert door.upstreams.standing.ejections == 1


async def test_an_away_application_does_not_fill_the_log(door: Door) -> None:
    """One event says it, however many ask meanwhile."""
    await door.application.stop()
    await door.open()

    with capture_logs() as events:
        for _ in range(30):
            await door.ask(get())

    assert [entry["event"] for entry in events] == [Event.UPSTREAM_UNREACHABLE]


async def test_what_is_wrong_here_is_not_the_servers_fault(door: Door) -> None:
    """A process without descriptors left must not call its upstreams away."""
    await several(door, 2)
    door.options = UpstreamSettings(failures=1)
    await door.open()

    async def no_descriptors(_factory: object) -> object:
        raise OSError(errno.EMFILE, "Too many open files")

    for endpoint in door.upstreams.endpoints:
        endpoint.connect = no_descriptors  # type: ignore[assignment]

    statuses = {(await door.ask(get())).status for _ in range(4)}

    assert statuses == {502}
    assert not any(endpoint.breaker.ejected for endpoint in door.upstreams.endpoints)


@dataclass
class Outage:
    """The results of requests around an application's absence."""

    back_after: float
    statuses: Counter[int]


async def live_through(door: Door, applications: list[Application], seconds: float) -> Outage:
    """Ask at a steady rate while the application is away for so long, and say how soon it was back for people."""
    loop = asyncio.get_running_loop()
    over = False
    good_at: list[float] = []
    statuses: Counter[int] = Counter()

    async def browse() -> None:
        while not over:
            answer = await door.ask(get())
            statuses[answer.status] += 1
            if answer.status == 200:
                good_at.append(loop.time())
            await asyncio.sleep(0.02)

    people = [asyncio.create_task(browse()) for _ in range(6)]
    await until(lambda: statuses[200] > 20)
    for application in applications:
        await application.stop()
    await asyncio.sleep(seconds)
    returned = loop.time()
    for application in applications:
        await application.restart()
    await until(lambda: any(at > returned for at in good_at))
    await until(lambda: sum(at > returned for at in good_at) > 50)
    over = True
    await asyncio.gather(*people)
    return Outage(min(at for at in good_at if at > returned) - returned, statuses)


@pytest.mark.parametrize("health", [None, HealthSettings(path="/health")], ids=["passive", "active"])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "seconds", [0.5, *(pytest.param(seconds, marks=pytest.mark.long) for seconds in (3.0, 12.0, 60.0))]
)
@pytest.mark.timeout(120)
async def test_people_have_an_application_back_within_a_second(
    door: Door, seconds: float, count: int, health: HealthSettings | None
) -> None:
    """Under load, with the settings as they come, with and without active checks."""
    applications = await several(door, count)
    door.options = UpstreamSettings(health=health)
    await door.open()
    door.upstreams.watch("app.gw.test")

    outage = await live_through(door, applications, seconds)

    assert outage.back_after < 1.0
    assert set(outage.statuses) <= {200, 502}


# --- who leaves -------------------------------------------------------------------------------------


async def test_who_has_left_makes_room_in_the_queue(door: Door) -> None:
    """At once, not when their time is over: the next person waits in their place, and is served."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await door.application.request(peer)
            await go_on.wait()
            await peer.send(OK)

    door.application.script = script
    door.options = UpstreamSettings(concurrency=1, queue=5)
    await door.open()
    served = await door.client()
    await served.send(get(b"/served"))
    await door.application.has_heard(1)
    gone = [await door.client() for _ in range(5)]
    for client in gone:
        await client.send(get(b"/gone"))
    await until(lambda: len(door.upstreams.queue) == 5)

    for client in gone:
        client.reset()
    await door.lines(5)
    queued = len(door.upstreams.queue)
    asking = asyncio.create_task(door.ask(get(b"/waits")))
    await until(lambda: len(door.upstreams.queue) == 1)
    go_on.set()

    assert queued == 0
    assert (await asking).status == 200
    assert (await served.answer()).status == 200
    assert [request.target for request in door.application.requests] == [b"/served", b"/waits"]
    assert [line.status for line in door.observed.lines[:5]] == [499] * 5


def never(tries: list[asyncio.Task[object] | None]) -> Callable[..., Awaitable[object]]:
    """Return what connects to a host that does not answer."""

    async def connect(_factory: object) -> object:
        tries.append(asyncio.current_task())
        return await asyncio.get_running_loop().create_future()

    return connect


async def test_who_leaves_while_a_connection_is_made_frees_the_place(door: Door) -> None:
    """The attempt ends with them, and is no failure of the server's."""
    door.options = UpstreamSettings(concurrency=2, queue=0)
    await door.open()
    (endpoint,) = door.upstreams.endpoints
    real = endpoint.connect
    tries: list[asyncio.Task[object] | None] = []
    endpoint.connect = never(tries)  # type: ignore[assignment]
    gone = [await door.client() for _ in range(2)]
    for client in gone:
        await client.send(get(b"/gone"))
    await until(lambda: len(tries) == 2)

    for client in gone:
        client.reset()
    await door.lines(2)
    endpoint.connect = real
    answer = await door.ask(get())
    await until(lambda: all(task is not None and task.done() for task in tries))

    assert answer.status == 200
    assert (endpoint.active, door.upstreams.active, door.upstreams.standing.unreachable) == (0, 0, 0)


@pytest.mark.parametrize("last", ["half a body", "too long"])
async def test_a_refused_upload_leaves_the_queue(door: Door, last: str) -> None:
    """For every end of a waiting request, the request waits no more."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await door.application.request(peer)
            await go_on.wait()
            await peer.send(OK)

    door.application.script = script
    door.options = UpstreamSettings(concurrency=1, chunked_uploads="stream")
    door.app = app_settings(upstream_options=door.options)
    await door.open(body=10)
    served, upload = await door.client(), await door.client()
    await served.send(get(b"/served"))
    await door.application.has_heard(1)
    await upload.send(b"POST /up HTTP/1.1\r\nHost: app.gw.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    await until(lambda: len(door.upstreams.queue) == 1)

    if last == "half a body":
        upload.reset()
    else:
        # Reading is paused while it waits, so the end of the queue's time is what it meets.
        door.deadlines.now += door.options.queue_time
    await until(lambda: not door.upstreams.queue)
    go_on.set()

    assert (await served.answer()).status == 200
    assert [request.target for request in door.application.requests] == [b"/served"]
