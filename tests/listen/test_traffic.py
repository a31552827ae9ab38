"""Limits and clocks of an App and of its paths, over raw sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.route.traffic import RouteTraffic
from gateway.settings.settings import AppTraffic, PathTraffic
from tests.listen.byte_path import HOST, Door, Peer, get

OWN = AppTraffic(
    body=10,
    answer=30.0,
    paths=(PathTraffic(("/slow/**",), answer=90.0), PathTraffic(("/upload/**",), body=20, answer=1.0)),
)


async def opened(door: Door) -> None:
    """Open a door whose App has limits of its own, for some paths others."""
    make = door.make_gate

    def make_gate() -> object:
        services = make()
        door.route = replace(door.route, traffic=RouteTraffic(door.limits, OWN))
        table = services.table()
        limited = type(table)((door.route,), "/.sekisho/")
        return replace(services, table=lambda: limited)

    door.make_gate = make_gate  # type: ignore[method-assign,assignment]
    await door.open(body=5)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/", 10, 200), ("/", 11, 413), ("/upload/a", 20, 200), ("/upload/a", 21, 413), ("/slow/a", 11, 413)],
)
async def test_a_body_may_be_as_long_as_its_path_allows(
    door: Door, path: str, size: int, status: int, chunked: bool
) -> None:
    """However short the common limit is, and however the length is said."""
    await opened(door)
    body = b"x" * size
    framing, sent = b"Content-Length: %d\r\n\r\n" % size, body
    if chunked:
        framing, sent = b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)

    answer = await door.ask(b"POST " + path.encode() + b" HTTP/1.1\r\n" + HOST + framing + sent)

    assert answer.status == status
    assert [request.body for request in door.application.requests] == ([body] if status == 200 else [])


@pytest.mark.parametrize(
    ("path", "patience"), [(b"/", 30.0), (b"/slow/a", 90.0), (b"/upload/a", 1.0), (b"/slow/b", 90.0)]
)
async def test_an_application_has_the_time_of_its_path(door: Door, path: bytes, patience: float) -> None:
    """The clock of one request holds for no other one on its connection."""
    waits = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await door.application.request(peer)
        waits.set()
        await asyncio.Event().wait()

    door.application.script = script
    await opened(door)
    assert (await door.ask(get(b"/upload/first"))).status == 200
    client = await door.client()
    await client.send(get(path))
    await waits.wait()

    door.deadlines.now += patience - 0.5
    await asyncio.sleep(0.1)
    assert not [line for line in door.observed.lines if line.status == 504]
    door.deadlines.now += 1.0

    assert (await client.answer()).status == 504
