"""The times and reasons of access lines: who had a request, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus

import pytest

from gateway.observe.causes import Cause, cause_of
from gateway.pipeline.outcome import AskPortal, NeedSession, Step
from gateway.pipeline.visit import OwnPage, Visit
from gateway.request.inbound import Inbound
from gateway.route.table import RouteTable
from gateway.session.session import Gone, SessionState, Unread
from gateway.settings.settings import UpstreamSettings
from gateway.upstream.asyncio_upstreams import Upstreams
from gateway.upstream.upstream import Receiver
from tests.listen.byte_path import PATIENCE, SIGNED_IN, Application, Door, Peer, get, navigate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PAUSE = 0.15


@pytest.fixture
async def quick() -> AsyncIterator[Door]:
    """A door whose application answers within a moment, or not at all."""
    door = Door(Application())
    await door.open(answer=0.3)
    yield door
    await door.close()


async def test_the_application_has_the_time_until_its_head(door: Door) -> None:
    """No other part of the exchange has it where the answer comes whole."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await asyncio.sleep(PAUSE)
        await peer.send(OK)

    door.application.script = script
    await door.open()
    await door.ask(get())
    (line,) = await door.lines(1)

    assert line.upstream_seconds >= PAUSE * 0.9
    assert line.waited_seconds <= line.seconds - line.upstream_seconds


async def test_the_rest_of_a_long_answer_is_a_wait(door: Door) -> None:
    """The gateway only passes it on."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK[:-1])
        await asyncio.sleep(PAUSE)
        await peer.send(OK[-1:])

    door.application.script = script
    await door.open()
    await door.ask(get())
    (line,) = await door.lines(1)

    assert line.upstream_seconds < PAUSE
    assert line.waited_seconds >= PAUSE * 0.9


async def test_an_application_that_hangs_has_a_time(quick: Door) -> None:
    """Until the gateway gives it up, also behind our page about it."""

    async def script(peer: Peer) -> None:
        await quick.application.request(peer)
        await asyncio.Event().wait()

    quick.application.script = script
    quick.portal_application.script = quick.portal_application.say(b"HTTP/1.1 504 X\r\nContent-Length: 0\r\n\r\n")
    await quick.ask(get())
    await quick.ask(navigate())
    for line in await quick.lines(2):
        assert (line.status, line.reason, line.verdict) == (504, "upstream_timeout", "error")
        assert line.upstream_seconds >= 0.2
        assert cause_of(line.status, line.verdict, line.reason) is Cause.UPSTREAM


async def test_a_client_that_gives_up_leaves_the_applications_time(door: Door) -> None:
    """It waited for the application, and for nobody else."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await asyncio.Event().wait()

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get())
    await door.application.has_heard(1)
    await asyncio.sleep(PAUSE)
    client.reset()
    (line,) = await door.lines(1)

    assert (line.status, line.reason) == (499, "client_gone")
    assert line.upstream_seconds >= PAUSE * 0.9


async def test_a_client_that_leaves_between_two_connections_leaves_a_wait(door: Door) -> None:
    """The kept connection died unheard, and the next one is not there yet: no application has the request."""

    class Never(Upstreams):
        """Makes no second connection."""

        def take_fresh(self, receiver: Receiver) -> None:
            asked.set()

    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK)
        await door.application.request(peer)
        await asyncio.sleep(PAUSE)

    door.application.script = script
    await door.open()
    way = door.upstreams
    door.upstreams = Never("booking", way.endpoints, way.limits, way.options)
    await door.ask(get())
    client = await door.client()
    await client.send(get())
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
    client.reset()
    line = (await door.lines(2))[1]

    assert (line.status, line.reason) == (499, "client_gone")
    assert line.upstream_seconds == 0.0
    assert line.waited_seconds >= PAUSE * 0.9


async def test_the_store_has_the_time_of_a_look_up(door: Door) -> None:
    """A slow store is not the gateway's own share."""

    class SlowSessions:
        def peek(self, ticket: str, now: float) -> Unread:
            return Unread(ticket)

        async def load(self, ticket: str, now: float) -> Gone:
            await asyncio.sleep(PAUSE)
            return Gone()

    def step(inbound: Inbound, known: SessionState, now: float, table: RouteTable) -> Step:
        return NeedSession(known.ticket) if isinstance(known, Unread) else door.forward(inbound, known, now, table)

    door.application.script = door.application.say(OK)
    door.step = step
    await door.open()
    door.listener.reload(replace(door.listener.services, sessions=SlowSessions()))  # type: ignore[arg-type]
    await door.ask(get(b"/", SIGNED_IN.rstrip()))
    (line,) = await door.lines(1)

    assert line.waited_seconds >= PAUSE * 0.9
    assert line.upstream_seconds < PAUSE


async def test_the_queue_is_a_wait(door: Door) -> None:
    """The time of the wait is told to the App's record."""
    waits: list[float] = []

    async def script(peer: Peer) -> None:
        for _ in range(2):
            await door.application.request(peer)
            await asyncio.sleep(PAUSE)
            await peer.send(OK)

    door.application.script = script
    door.options = UpstreamSettings(concurrency=1)
    await door.open()
    door.upstreams.standing.queued = waits.append
    await asyncio.gather(door.ask(get(b"/1")), door.ask(get(b"/2")))
    lines = await door.lines(2)

    assert max(line.waited_seconds for line in lines) >= PAUSE * 0.9
    assert all(line.upstream_seconds < 2 * PAUSE for line in lines)
    assert len(waits) == 1
    assert waits[0] >= PAUSE * 0.9


@pytest.mark.parametrize(
    ("answer", "reason", "cause"),
    [
        (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", "portal_failed", Cause.GATEWAY),
        (
            b"HTTP/1.1 503 X\r\nSekisho-Reason: provider_down\r\nContent-Length: 0\r\n\r\n",
            "provider_down",
            Cause.PROVIDER,
        ),
        (b"HTTP/1.1 200 X\r\nSekisho-Waited: 0.000001\r\nContent-Length: 0\r\n\r\n", "", Cause.PORTAL),
    ],
)
async def test_the_portal_tells_the_reason_and_the_client_never_hears_of_it(
    door: Door, answer: bytes, reason: str, cause: Cause
) -> None:
    """A portal that says nothing of a 5xx has failed."""

    def step(inbound: Inbound, known: SessionState, now: float, table: RouteTable) -> Step:
        return AskPortal(Visit(door.route, inbound, known, OwnPage()))

    door.portal_application.script = door.portal_application.say(answer)
    door.step = step
    await door.open()
    got = await door.ask(get())
    (line,) = await door.lines(1)

    assert line.reason == reason
    assert cause_of(line.status, line.verdict, line.reason) is cause
    assert not any(name.lower().startswith(b"sekisho-") for name, _ in got.fields)


async def test_a_portal_that_is_away_is_no_application_that_is(door: Door) -> None:
    """The page of last resort blames the gateway."""

    def step(inbound: Inbound, known: SessionState, now: float, table: RouteTable) -> Step:
        return AskPortal(Visit(door.route, inbound, known, OwnPage()))

    door.step = step
    await door.open()
    await door.portal_application.stop()
    got = await door.ask(get())
    (line,) = await door.lines(1)

    assert got.status == HTTPStatus.BAD_GATEWAY
    assert (line.reason, cause_of(line.status, line.verdict, line.reason)) == ("portal_failed", Cause.GATEWAY)


@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_5xx_of_the_application_has_a_reason(door: Door, status: int) -> None:
    """It is told from ours, also when the same head is sent again."""
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status
    door.application.script = door.application.say(answer, answer)
    await door.open()
    client = await door.client()
    for _ in range(2):
        await client.send(get())
        await client.answer()
    lines = await door.lines(2)

    assert {(line.status, line.reason, line.verdict) for line in lines} == {(status, "upstream_status", "permit")}
