"""The memory that bodies and idle clients cost, from the kernel's account of a process that does nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.listen.byte_path import HOST, Application, Peer, get

MIB = 2**20
PIECE = b"x" * 2**18
MUCH = b"x" * (8 * MIB)
"""More than the kernel takes off our hands."""


class Process:
    """The byte path in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    def _account(self, key: str) -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(key)

    @property
    def resident(self) -> int:
        return self._account("VmRSS")

    @property
    def peak(self) -> int:
        return self._account("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    async def client(self) -> Peer:
        return Peer(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**20))


@contextlib.asynccontextmanager
async def process(application: Application) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.listen.byte_path_process",
        str(application.port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield Process(child, int(await child.stdout.readline()))
    finally:
        child.stdin.close()
        await child.wait()


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    application = Application()
    await application.start()
    yield application
    await application.stop()


async def warm_up(gateway: Process) -> None:
    """Have everything imported and every cache begun."""
    client = await gateway.client()
    for _ in range(50):
        await client.send(get())
        await client.answer()
    await client.close()


async def let_go(application: Application) -> None:
    """Wait until the kept connection has been closed, so that the next one meets the next script."""
    async with asyncio.timeout(10):
        while application.tasks:
            await asyncio.sleep(0.02)


async def upload(application: Application, size: int) -> int:
    """Send so much up and return by how much the process grew at its worst."""

    async def script(peer: Peer) -> None:
        await peer.head()
        left = size
        while left:
            left -= len(await peer.reader.read(2**20))
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with process(application) as gateway:
        await warm_up(gateway)
        await let_go(application)
        application.script = script
        gateway.forget_peak()
        before = gateway.resident
        client = await gateway.client()
        await client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(PIECE)):
            await client.send(PIECE)
        assert (await client.answer()).status == 200
        await client.close()
        return gateway.peak - before


async def download(application: Application, size: int) -> int:
    """Take so much down and return by how much the process grew at its worst."""

    async def script(peer: Peer) -> None:
        await application.request(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(PIECE)):
            await peer.send(PIECE)

    async with process(application) as gateway:
        await warm_up(gateway)
        await let_go(application)
        application.script = script
        gateway.forget_peak()
        before = gateway.resident
        client = await gateway.client()
        await client.send(get())
        await client.head()
        left = size
        async with asyncio.timeout(120):
            while left:
                left -= len(await client.reader.read(2**20))
        await client.close()
        return gateway.peak - before


@pytest.mark.long
async def test_an_upload_passes_through(application: Application) -> None:
    """64 MiB up cost less than 16."""
    assert await upload(application, 64 * MIB) < 16 * MIB


@pytest.mark.long
async def test_a_download_passes_through(application: Application) -> None:
    """64 MiB down cost less than 16."""
    assert await download(application, 64 * MIB) < 16 * MIB


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_two_gibibytes_up_pass_through(application: Application) -> None:
    """This holds for every size."""
    assert await upload(application, 2048 * MIB) < 16 * MIB


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_two_gibibytes_down_pass_through(application: Application) -> None:
    """This holds for every size."""
    assert await download(application, 2048 * MIB) < 16 * MIB


@pytest.mark.long
async def test_an_idle_connection_costs_little(application: Application) -> None:
    """Less than 12 KiB each, over 400 that have had a request answered."""
    async with process(application) as gateway:
        await warm_up(gateway)
        before = gateway.resident
        clients = [await gateway.client() for _ in range(400)]
        for client in clients:
            await client.send(get())
        for client in clients:
            await client.answer()
        each = (gateway.resident - before) / len(clients)
        for client in clients:
            await client.close()

    assert each < 12 * 1024


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_clients_that_hardly_read_cost_what_their_buffers_do(application: Application) -> None:
    """One read and one write buffer each, however much is on its way to them: less than 384 KiB."""

    async def script(peer: Peer) -> None:
        await application.request(peer)
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        peer.writer.write(MUCH)
        await peer.to_end()

    async with process(application) as gateway:
        await warm_up(gateway)
        await let_go(application)
        application.script = script
        before = gateway.resident
        clients = [await gateway.client() for _ in range(60)]
        for client in clients:
            client.pause()
            await client.send(get())
        await application.has_heard(50 + len(clients))
        grown = -1
        while grown != (now := gateway.resident - before):
            grown = now
            await asyncio.sleep(0.5)
        for client in clients:
            client.abort()

    assert grown / len(clients) < 384 * 1024
