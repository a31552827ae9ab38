"""A body where there should be none: what counts as one, when that is known, and what the connection behind becomes."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.observe.events import Event
from gateway.pipeline.outcome import NeedSession
from gateway.request.inbound import Framing
from gateway.session.session import Found, Unread
from gateway.session.ticket import Ticket
from gateway.settings.settings import UpstreamSettings
from tests.builders import session
from tests.listen.byte_path import HOST, PATIENCE, SIGNED_IN, TICKET, Door, Peer, app_settings, get

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SMUGGLED = b"GET /stolen HTTP/1.1\r\nHost: app\r\nX-Verified-Subject: somebody\r\n\r\n"
BODYLESS = ("GET", "HEAD", "DELETE", "OPTIONS")
EVERY = (*BODYLESS, "POST", "PUT", "PATCH")


def head(method: str, *fields: bytes, path: bytes = b"/form") -> bytes:
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method.encode(), path, HOST, b"".join(field + b"\r\n" for field in fields))


CHUNKED = b"Transfer-Encoding: chunked"
EMPTY_BODIES = {
    "a length of 0": (b"Content-Length: 0", b""),
    "the last chunk alone": (CHUNKED, b"0\r\n\r\n"),
    "a long zero": (CHUNKED, b"000000\r\n\r\n"),
    "with an extension": (CHUNKED, b"0;a=b\r\n\r\n"),
    "with trailers": (CHUNKED, b"0\r\nX-Trailer: t\r\n\r\n"),
}


@pytest.mark.parametrize("pieces", [1, 2, 1000], ids=["with the head", "behind the head", "byte by byte"])
@pytest.mark.parametrize("name", EMPTY_BODIES)
@pytest.mark.parametrize("method", BODYLESS)
async def test_an_empty_body_is_no_body(door: Door, method: str, name: str, pieces: int) -> None:
    """It is decided on as a request without one and goes out as one; what comes behind it is the next request."""
    field, body = EMPTY_BODIES[name]
    await door.open()
    client = await door.client()

    if pieces == 1:
        await client.send(head(method, field) + body + get(b"/next"))
    elif pieces == 2:
        await client.send(head(method, field))
        await client.send(body + get(b"/next"))
    else:
        for byte in head(method, field) + body + get(b"/next"):
            await client.send(bytes([byte]))
    first, second = await client.answer(method), await client.answer()

    assert (first.status, second.status, second.body) == (200, 200, b"hello")
    assert [inbound.framing for inbound, _ in door.seen] == [Framing.EMPTY, Framing.EMPTY]
    request, other = door.application.requests
    assert (request.line, other.target) == (method.encode() + b" /form HTTP/1.1", b"/next")
    for forbidden in (b"Content-Length", b"Transfer-Encoding", b"Connection", b"X-Trailer", b"Trailer"):
        assert not request.all(forbidden)


@pytest.mark.parametrize("first", [b"", b"0", b"0\r\n", b"0\r\nX-Trailer: t\r\n", b"5", b"00", b"5;a=b"])
@pytest.mark.parametrize("method", BODYLESS)
async def test_nothing_is_decided_before_it_is_known_whether_there_is_a_body(
    door: Door, method: str, first: bytes
) -> None:
    """The application hears of nothing; a client that leaves now has asked for nothing."""
    await door.open()
    client = await door.client()

    await client.send(head(method, CHUNKED) + first)
    await door.ask(get(b"/other"))
    client.writer.write_eof()

    assert await client.ended()
    lines = await door.lines(2)
    assert [inbound.target.path for inbound, _ in door.seen] == ["/other"]
    assert [request.target for request in door.application.requests] == [b"/other"]
    assert {line.reason for line in lines} == {"", "client_gone"}


@pytest.mark.parametrize("first", [b"5\r\n", b"5\r\nhel", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n"])
@pytest.mark.parametrize("method", BODYLESS)
async def test_the_first_chunk_says_that_there_is_a_body(door: Door, method: str, first: bytes) -> None:
    """From its size line on the request is decided on; the body arrives whole."""
    await door.open()
    client = await door.client()
    body = b"5\r\nhello\r\n0\r\n\r\n"

    await client.send(head(method, CHUNKED) + first)
    async with asyncio.timeout(PATIENCE):
        while not door.seen:
            await asyncio.sleep(0)
    await client.send(body.removeprefix(first) + get(b"/next"))
    answers = [await client.answer(method), await client.answer()]

    assert [answer.status for answer in answers] == [200, 200]
    assert [inbound.framing for inbound, _ in door.seen] == [Framing.CHUNKED, Framing.EMPTY]
    assert door.application.requests[0].body == b"hello"


async def test_who_expects_100_brings_a_body(door: Door) -> None:
    """Nothing of it comes before 100 is said, so nothing can be waited for."""
    await door.open()
    client = await door.client()

    await client.send(head("DELETE", CHUNKED, b"Expect: 100-continue"))
    interim = await client.answer()
    await client.send(b"5\r\nhello\r\n0\r\n\r\n")
    answer = await client.answer()

    assert (interim.status, answer.status) == (100, 200)
    assert door.seen[0][0].framing is Framing.CHUNKED


async def test_a_broken_beginning_is_400_and_reaches_nobody(door: Door) -> None:
    """As the rest of a body does."""
    await door.open()
    client = await door.client()

    await client.send(head("GET", CHUNKED) + b"zz\r\n" + get(b"/next"))
    answer = await client.answer()

    assert answer.status == 400
    assert await client.ended()
    assert not door.seen
    assert not door.application.requests


async def test_a_body_that_never_begins_is_408(door: Door) -> None:
    """In the time that a body may stand still."""
    await door.open(stream_idle=0.1)
    client = await door.client()

    await client.send(head("GET", CHUNKED))
    answer = await client.answer()

    assert answer.status == 408
    assert not door.seen


# --- the connection to the application -------------------------------------------------------------


def framed(framing: str, body: bytes) -> tuple[bytes, bytes]:
    if framing == "counted":
        return b"Content-Length: %d" % len(body), body
    return CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def know(door: Door, *, reads_bodies: bool) -> None:
    """Set what the App's settings say of its server."""
    door.options = UpstreamSettings(reads_bodies=reads_bodies)
    door.app = app_settings(upstream_options=door.options)


@pytest.mark.parametrize("reads_bodies", [False, True])
@pytest.mark.parametrize("framing", ["counted", "chunked"])
@pytest.mark.parametrize("method", EVERY)
async def test_a_connection_that_carried_a_body_carries_nothing_else(
    door: Door, method: str, framing: str, reads_bodies: bool
) -> None:
    """The application is told so, unless its server is known to read what its pages do not."""
    know(door, reads_bodies=reads_bodies)
    if method == "HEAD":
        door.application.script = door.application.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await door.open()
    client = await door.client()
    field, body = framed(framing, SMUGGLED)

    await client.send(get(b"/warm"))
    await client.answer()
    await client.send(head(method, field) + body)
    await client.answer(method)
    await client.send(get(b"/after"))
    await client.answer()

    _, request, after = door.application.requests
    kept = reads_bodies and method != "HEAD"
    assert request.body == SMUGGLED
    assert request.all(b"Connection") == ([] if reads_bodies else [b"close"])
    assert after.all(b"Connection") == []
    assert door.application.connections == (1 if kept else 2)


@pytest.mark.parametrize("reads_bodies", [False, True])
async def test_a_body_that_came_before_its_connection_counts_as_one(door: Door, reads_bodies: bool) -> None:
    """It was held while the session was asked for, and is sent at once with the head."""
    door.sessions.services.clear()
    door.sessions.peeked = Unread(Ticket(TICKET))
    know(door, reads_bodies=reads_bodies)
    door.step = lambda inbound, known, now, table: (
        NeedSession(known.ticket) if isinstance(known, Unread) else door.forward(inbound, known, now, table)
    )
    await door.open()
    client = await door.client()
    field, body = framed("counted", SMUGGLED)

    await client.send(head("POST", field, SIGNED_IN.strip()) + body)
    door.sessions.services.set()
    await client.answer()
    door.sessions.peeked = Found(session())
    await client.send(get(b"/after"))
    await client.answer()

    assert door.application.connections == (1 if reads_bodies else 2)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_server_that_takes_a_body_for_a_request_is_named(door: Door, method: str) -> None:
    """The answer to the body reaches nobody, and puts the App apart: such a server does not close as it is told."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        await peer.send(OK)
        await peer.until(b"\r\n\r\n")
        await go_on.wait()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")
        await peer.to_end()

    door.application.script = script
    await door.open()
    client = await door.client()

    with capture_logs() as events:
        await client.send(head(method, b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED)
        answer = await client.answer()
        go_on.set()
        async with asyncio.timeout(PATIENCE):
            while door.application.tasks:
                await asyncio.sleep(0.01)

    assert (answer.status, answer.body) == (200, b"ok")
    (event,) = events
    assert (event["event"], event["app"]) == (Event.UPSTREAM_PUT_APART, "booking")
    assert event["sign"] == "behind a request's body"


async def test_an_application_that_does_not_close_is_closed(door: Door) -> None:
    """It has a second for it, and nobody waits meanwhile."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK)
        await peer.to_end()

    door.application.script = script
    await door.open()

    answer = await door.ask(head("POST", b"Content-Length: 5") + b"hello")
    active = door.upstreams.active
    async with asyncio.timeout(PATIENCE):
        while door.application.tasks:
            await asyncio.sleep(0.01)

    assert (answer.status, active) == (200, 0)
    assert not door.upstreams.endpoints[0].open
