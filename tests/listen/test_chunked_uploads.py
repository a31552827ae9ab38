"""A body in chunks reaches a server that knows none: with its length, or it is refused. It is never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.listen.upload import CountedBytes
from gateway.settings.settings import UpstreamSettings
from tests.listen.byte_path import HOST, PATIENCE, Door, Peer, app_settings, get

POST = b"POST /up HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"


def chunks(*bodies: bytes, end: bool = True) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies) + (b"0\r\n\r\n" if end else b"")


async def opened(door: Door, *, together: int = 1000, **options: Any) -> None:
    """Open a door whose App counts bodies, with room for so many bytes."""
    door.options = UpstreamSettings(**options)
    door.app = app_settings(upstream_options=door.options)
    door.counted = CountedBytes(together)
    await door.open()


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0)


def room(door: Door) -> int:
    """Return how many bytes could be counted now."""
    for size in range(1000, -1, -1):
        if door.counted.take(size):
            door.counted.give_back(size)
            return size
    raise AssertionError


@pytest.mark.parametrize("sent", ["at once", "in pieces", "with the next request", "byte by byte"])
async def test_a_body_in_chunks_arrives_with_its_length(door: Door, sent: str) -> None:
    """However it comes; its trailers are left out, as nothing could carry them."""
    await opened(door)
    client = await door.client()
    message = CHUNKED + b"\r\n" + b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n"
    following = get(b"/next") if sent == "with the next request" else b""
    size = {"in pieces": 7, "byte by byte": 1}.get(sent, 10_000)

    for at in range(0, len(message + following), size):
        await client.send((message + following)[at : at + size])
        await asyncio.sleep(0)
    answers = [await client.answer() for _ in range(2 if following else 1)]

    request = door.application.requests[0]
    assert (request.body, request.all(b"Content-Length")) == (b"hello!", [b"6"])
    assert not request.all(b"Transfer-Encoding")
    assert request.trailers == b""
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert room(door) == 1000


async def test_a_body_without_a_byte_has_the_length_of_none(door: Door) -> None:
    """Its last chunk must not become the next request's beginning."""
    await opened(door)

    answer = await door.ask(CHUNKED + b"\r\n" + chunks())

    assert answer.status == 200
    assert door.application.requests[0].all(b"Content-Length") == [b"0"]


async def test_a_client_that_waits_to_be_told_is_told(door: Door) -> None:
    """The body is counted before there is a connection to the application."""
    await opened(door)
    client = await door.client()
    await client.send(CHUNKED + b"Expect: 100-continue\r\n\r\n")

    line, _ = await client.head()
    assert line.startswith(b"HTTP/1.1 100 ")
    assert not door.application.requests
    await client.send(chunks(b"hello"))

    assert (await client.answer()).status == 200
    assert door.application.requests[0].body == b"hello"


@pytest.mark.parametrize(
    ("options", "together", "body"),
    [
        ({"counted_upload": 9}, 1000, chunks(b"0123456789")),
        ({"counted_upload": 9}, 1000, chunks(b"01234", b"56789", end=False)),
        ({}, 9, chunks(b"0123456789")),
        ({"chunked_uploads": "refuse"}, 1000, chunks(b"0")),
        ({"chunked_uploads": "refuse"}, 1000, b""),
    ],
)
async def test_a_body_that_cannot_be_counted_is_refused(
    door: Door, options: dict[str, Any], together: int, body: bytes
) -> None:
    """411, before anything of it has reached the application; the client may send it with its length."""
    await opened(door, together=together, **options)

    answer = await door.ask(CHUNKED + b"\r\n" + body)
    again = await door.ask(POST + b"Content-Length: 10\r\n\r\n0123456789")

    assert (answer.status, answer[b"Connection"]) == (411, b"close")
    assert b'"length_required"' in answer.body
    assert again.status == 200
    assert [request.body for request in door.application.requests] == [b"0123456789"]
    assert room(door) == together
    lines = await door.lines(2)
    assert (lines[0].status, lines[0].reason, lines[0].app) == (411, "length_required", "booking")


async def test_all_bodies_of_a_worker_have_one_account(door: Door) -> None:
    """The account refuses a body that is too much, and a client that leaves makes room."""
    await opened(door, together=10)
    first, second = await door.client(), await door.client()
    await first.send(CHUNKED + b"\r\n" + chunks(b"012345", end=False))
    await until(lambda: room(door) == 4)

    await second.send(CHUNKED + b"\r\n" + chunks(b"01234", end=False))
    refused = await second.answer()
    first.reset()
    await until(lambda: room(door) == 10)

    assert refused.status == 411
    assert (await door.ask(CHUNKED + b"\r\n" + chunks(b"0123456789"))).status == 200
    assert not [request for request in door.application.requests if request.body != b"0123456789"]


async def test_a_stream_goes_on_as_it_comes(door: Door) -> None:
    """For a server that reads chunks: an upload has no end to wait for."""
    heard = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"5\r\nhello\r\n")
        heard.set()
        await peer.until(b"0\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    door.application.script = script
    await opened(door, together=0, chunked_uploads="stream")
    client = await door.client()

    await client.send(CHUNKED + b"\r\n" + chunks(b"hello", end=False))
    await heard.wait()
    await client.send(chunks(b"!"))

    assert (await client.answer()).status == 200
