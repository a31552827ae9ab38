"""The application learns that the client has left, and what it does already comes to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from gateway.limits.limits import EntryState, LimitUse
from gateway.limits.memory_limits import MemoryLimits
from gateway.listen.httptools_connection import LAST_LOOK
from gateway.pipeline.outcome import Answer, Forward, NeedReservation, Step
from gateway.policy.verdict import Limit, Once
from gateway.request.inbound import Inbound
from gateway.route.table import RouteTable
from gateway.session.session import SessionState
from gateway.settings.settings import UpstreamSettings
from tests.listen.byte_path import HOST, PATIENCE, Door, Peer, app_settings, get

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"

Leave = Callable[[Peer], None]


def says_its_last(client: Peer) -> None:
    """Close as a browser does whose tab is closed: politely."""
    client.writer.write_eof()


def resets(client: Peer) -> None:
    client.reset()


LEAVING = pytest.mark.parametrize("leave", [says_its_last, resets])


class Watched:
    """An application that says what it is told to say, and notes when a connection of its is gone."""

    def __init__(self, door: Door, says: bytes = b"") -> None:
        self.door = door
        self.says = says
        self.go_on = asyncio.Event()
        self.gone = asyncio.Event()
        door.application.script = self.script

    async def script(self, peer: Peer) -> None:
        while True:
            request = await self.door.application.request(peer)
            if request.target == b"/other":
                await peer.send(OK)
            elif self.says or b"POST" not in request.line:
                await peer.send(self.says)
                await peer.to_end()
                self.gone.set()
                return
            else:
                await self.go_on.wait()
                await peer.send(OK)

    async def is_told(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.gone.wait()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


@LEAVING
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
async def test_a_slow_page_ends_with_its_client(door: Door, leave: Leave, method: bytes) -> None:
    """The application is told within a moment, and the access line says why there was no answer."""
    application = Watched(door)
    await door.open()
    client = await door.client()
    await client.send(method + b" /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    await door.application.has_heard(1)

    leave(client)
    async with asyncio.timeout(4 * LAST_LOOK):
        await application.is_told()

    (line,) = await door.lines(1)
    assert (line.status, line.reason) == (499, "client_gone")
    assert door.upstreams.active == 0


@LEAVING
@pytest.mark.parametrize("says", [STREAM, CHUNKED, COUNTED], ids=["stream", "chunked", "counted"])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_an_answer_that_has_begun_ends_with_its_client(
    door: Door, leave: Leave, says: bytes, method: bytes
) -> None:
    """This holds for every method, since the application has already acted."""
    application = Watched(door, says)
    await door.open()
    client = await door.client()
    await client.send(method + b" /events HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
    await client.until(b"hello")

    leave(client)
    await application.is_told()

    (line,) = await door.lines(1)
    assert (line.status, line.reason) == (200, "client_gone")


async def test_who_listens_still_does_not_take_a_part_for_the_whole(door: Door) -> None:
    """An answer to HTTP/1.0 ends where its connection does, so that the connection is reset."""
    Watched(door, STREAM)
    await door.open()
    client = await door.client()
    await client.send(b"GET /events HTTP/1.0\r\n" + HOST + b"\r\n")
    await client.until(b"hello")
    # Unread, so that the end is a reset.
    await client.send(b"x")

    client.writer.write_eof()
    (line,) = await door.lines(1)

    assert line.reason == "client_gone"


@LEAVING
async def test_who_waits_in_the_queue_leaves_it(door: Door, leave: Leave) -> None:
    """With a body, too: it is read a little, or nobody would notice."""
    application = Watched(door)
    door.options = UpstreamSettings(concurrency=1, queue_time=60.0)
    await door.open()
    served, upload, page = await door.client(), await door.client(), await door.client()
    await served.send(get(b"/slow"))
    await door.application.has_heard(1)
    await upload.send(b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n" + b"x" * 30_000)
    await page.send(get(b"/other"))
    await until(lambda: len(door.upstreams.queue) == 2)

    leave(upload)
    leave(page)
    await until(lambda: not door.upstreams.queue)
    resets(served)
    await application.is_told()

    assert [line.status for line in await door.lines(3)] == [499] * 3
    assert len(door.application.requests) == 1


async def test_a_waiting_body_is_bounded(door: Door) -> None:
    """The bytes of a client whose body is not read yet stay in the kernel, except for a little."""
    Watched(door)
    door.options = UpstreamSettings(concurrency=1, queue_time=60.0)
    await door.open()
    served, upload = await door.client(), await door.client()
    await served.send(get(b"/slow"))
    await door.application.has_heard(1)
    await upload.send(b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 50000000\r\n\r\n")
    await until(lambda: len(door.upstreams.queue) == 1)

    sending = asyncio.create_task(upload.send(b"x" * 50_000_000))
    (waiting,) = door.upstreams.queue
    exchange = waiting.receiver
    await until(lambda: len(exchange.upload._held or b"") >= 64 * 1024)  # type: ignore[attr-defined]
    for _ in range(50):
        await asyncio.sleep(0)
    held = len(exchange.upload._held)  # type: ignore[attr-defined]
    sending.cancel()

    assert held < 1024 * 1024


@pytest.mark.parametrize("body", [b"", b"x" * 50_000])
async def test_a_body_that_waited_arrives_whole(door: Door, body: bytes) -> None:
    """The body arrives whole, in pieces of any size."""
    application = Watched(door)
    door.options = UpstreamSettings(concurrency=1, queue_time=60.0)
    await door.open()
    served, upload = await door.client(), await door.client()
    await served.send(get(b"/slow"))
    await door.application.has_heard(1)
    await upload.send(b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (2 * len(body)))
    await until(lambda: len(door.upstreams.queue) == 1)
    await upload.send(body)
    resets(served)
    await application.is_told()
    await upload.send(body)
    application.go_on.set()

    assert (await upload.answer()).body == b"ok"
    assert door.application.requests[1].body == 2 * body


# --- what has been sent runs on -----------------------------------------------------------------------


@LEAVING
async def test_a_post_that_was_sent_runs_on_to_its_answers_head(door: Door, leave: Leave) -> None:
    """To cut it would not undo it; its place is taken until then."""
    application = Watched(door)
    await door.open()
    client = await door.client()
    await client.send(b"POST /reserve HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody")
    await door.application.has_heard(1)

    leave(client)
    (line,) = await door.lines(1)
    at_work = door.upstreams.active
    application.go_on.set()
    await until(lambda: door.upstreams.active == 0)

    assert (line.status, line.reason) == (499, "client_gone")
    assert at_work == 1
    assert door.observed.lines == [line]
    assert (await door.ask(get(b"/other"))).body == b"ok"


@LEAVING
async def test_half_a_body_ends_with_its_client(door: Door, leave: Leave) -> None:
    """The application has not been asked for anything yet."""
    Watched(door)
    await door.open()
    client = await door.client()
    await client.send(b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nhalf")
    await until(lambda: door.application.connections == 1)

    leave(client)
    (line,) = await door.lines(1)
    await until(lambda: not door.application.tasks)

    assert line.status == 499
    assert door.application.requests == []


USE = LimitUse("policy", "draw", "ever", "a-code")
LIMIT = Limit("draw", Once.EVER, frozenset({303}))

DRAWN = b"HTTP/1.1 303 See Other\r\nLocation: /drawn\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


async def limited(door: Door) -> MemoryLimits:
    """Open a door whose `/draw` takes an entry of a limit."""
    store = MemoryLimits()

    def step(inbound: Inbound, known: SessionState, now: float, table: RouteTable) -> Step:
        forward = door.forward(inbound, known, now, table)
        if inbound.target.path != "/draw":
            return forward
        return NeedReservation(USE, (LIMIT,), cast("Forward", forward), Answer(403), Answer(503))

    door.step = step
    await door.open()
    door.listener.reload(replace(door.listener.services, entries=store))
    return store


async def states(store: MemoryLimits) -> list[EntryState]:
    return [entry.state for entry in await store.show("a-code", 0.0)]


@LEAVING
@pytest.mark.parametrize("method", [b"POST", b"GET"])
@pytest.mark.parametrize(
    ("says", "left"), [(DRAWN, [EntryState.COUNTED]), (REFUSED, []), (b"", [EntryState.UNKNOWN])], ids=str
)
async def test_the_answer_settles_the_entry_of_somebody_who_left(
    door: Door, leave: Leave, says: bytes, left: list[EntryState], method: bytes
) -> None:
    """To close a tab neither uses up a once-only entry nor gives one back; where no answer comes, nobody knows."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await go_on.wait()
        await peer.send(says)

    door.application.script = script
    store = await limited(door)
    client = await door.client()
    await client.send(method + b" /draw HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
    await door.application.has_heard(1)

    leave(client)
    (line,) = await door.lines(1)
    before = len(await states(store))
    go_on.set()
    await until(lambda: door.upstreams.active == 0)
    await until(lambda: not door.listener._connections)
    for _ in range(5):
        await asyncio.sleep(0)

    assert (line.status, before) == (499, 1)
    kept = await store.show("a-code", 0.0)
    assert [entry.state is EntryState.COUNTED for entry in kept] == [state is EntryState.COUNTED for state in left]


async def test_a_client_is_counted_until_its_request_is_over(door: Door) -> None:
    """A client that sends and leaves again and again has no more requests under way than a client that stays."""
    application = Watched(door)
    await door.open(connections_per_address=3)
    for number in range(3):
        client = await door.client()
        await client.send(b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
        await door.application.has_heard(number + 1)
        resets(client)
        await door.lines(number + 1)

    refused = await door.ask(get(b"/other"))
    application.go_on.set()
    await until(lambda: not door.listener._connections)
    served = await door.ask(get(b"/other"))

    assert (refused.status, served.status) == (429, 200)


@pytest.mark.parametrize(("patience", "cut"), [(PATIENCE, 0), (0.05, 1)])
async def test_a_drain_waits_for_what_runs_on(door: Door, patience: float, cut: int) -> None:
    """For as long as it may; then it is cut as everything else."""
    application = Watched(door)
    store = await limited(door)
    client = await door.client()
    await client.send(b"POST /draw HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
    await door.application.has_heard(1)
    resets(client)
    await door.lines(1)

    draining = asyncio.create_task(door.listener.drain(patience))
    await asyncio.sleep(0)
    if not cut:
        application.go_on.set()

    assert await draining == cut
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(await states(store)) == cut
    assert door.upstreams.active == 0


# --- the old way --------------------------------------------------------------------------------------


async def test_an_app_may_take_a_half_closed_client_for_one_that_listens(door: Door) -> None:
    """As some old programs do; one that resets has left all the same."""
    application = Watched(door)
    door.app = app_settings(upstream_options=UpstreamSettings(half_close="listens"))
    await door.open()
    client = await door.client()
    await client.send(b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
    await door.application.has_heard(1)

    client.writer.write_eof()
    application.go_on.set()

    assert (await client.answer()).body == b"ok"
    gone = await door.client()
    await gone.send(get(b"/slow"))
    await door.application.has_heard(2)
    resets(gone)
    assert [line.status for line in await door.lines(2)] == [200, 499]
