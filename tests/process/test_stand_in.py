"""The stand-in answers while there is no worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.process import stand_in as module
from gateway.process.sockets import bind
from gateway.process.stand_in import stand_in


@asynccontextmanager
async def standing(*, secured: bool = False) -> AsyncIterator[tuple[int, list[int]]]:
    """Stand in on a free port, and yield the port and a list that has an entry for each refused connection."""
    refused: list[int] = []
    with bind("127.0.0.1:0") as door:
        task = asyncio.create_task(stand_in([(door, secured)], lambda: refused.append(1)))
        try:
            yield door.getsockname()[1], refused
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_person_gets_a_page_and_may_come_again() -> None:
    """The answer is whole though the request was not read, and the connection ends."""
    async with standing() as (port, refused), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000)
        answer = await reader.read()
        writer.close()

        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5" in head
        assert b"\r\nConnection: close" in head
        assert f"\r\nContent-Length: {len(body)}".encode() in head
        assert "少し待ってから" in body.decode()
        assert refused == [1]


async def test_a_client_that_speaks_tls_is_told_at_once() -> None:
    """Only workers have the certificate: a reset is what a balancer understands."""
    async with standing(secured=True) as (port, refused), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

        assert refused == [1]


async def test_a_flood_is_reset_and_the_page_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that send nothing hold few places, and each for a moment."""
    monkeypatch.setattr(module, "MOST", 1)
    async with standing() as (port, _), asyncio.timeout(20):
        first, holding = await asyncio.open_connection("127.0.0.1", port)
        assert (await first.readline()).startswith(b"HTTP/1.1 503 ")
        second, over = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionResetError):
            await second.read()
        holding.close()
        over.close()
        while True:
            third, again = await asyncio.open_connection("127.0.0.1", port)
            try:
                answered = (await third.readline()).startswith(b"HTTP/1.1 503 ")
            except ConnectionResetError:
                answered = False
            again.close()
            if answered:
                break


async def test_it_ends_with_the_first_worker() -> None:
    """Its socket stays open: connections wait in it for the worker."""
    with bind("127.0.0.1:0") as door:
        task = asyncio.create_task(stand_in([(door, False)], lambda: None))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        with socket.create_connection(door.getsockname(), 5):
            connection, _ = await asyncio.get_running_loop().sock_accept(door)
            connection.close()
