"""Clients and applications that mean ill, or are very slow: what they cost, and that nobody else waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.flows.gateway_process import HOST, GatewayProcess

KIB, MIB = 2**10, 2**20
LARGE = 8 * MIB
PER_ADDRESS = 500
"""Connections from one address; the gateway takes twice as many by default."""
UNNOTICED = 5.0
"""Seconds that somebody else's request may take at worst meanwhile, on a machine that is busy with other tests."""
DRIP = 0.2
"""Seconds between two bytes: faster than a byte a second, so that more of it fits into a test."""
ANSWER = 1.5
"""Seconds an application has for its answer's head."""

Record = Callable[[str, object], None]


class SlowApplication:
    """An application whose answers come at once, in large, or byte by byte."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.asked = 0
        self.uploaded = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Only what the gateway itself keeps is to be counted, and a test machine has only so much memory.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * KIB)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await self._one(reader, writer)
        await hang_up(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/upload"):
            while await reader.read(100):
                self.uploaded += 1
        elif path.startswith(b"/large"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
            for _ in range(LARGE // (64 * KIB)):
                writer.write(b"x" * 64 * KIB)
                await writer.drain()
        elif path.startswith(b"/drip-head"):
            await self._drip(writer, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000)
        elif path.startswith(b"/drip"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            await self._drip(writer, b"x" * 10_000)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async def _drip(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        for byte in data:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(DRIP)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close at once, and be sure of it before the loop ends."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@dataclass
class Siege:
    """A gateway in a process of its own, those who besiege it, and one who just wants a page."""

    gateway: GatewayProcess
    application: SlowApplication
    before: int = 0
    besiegers: list[socket.socket] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """How long the others waited for their pages, in seconds."""

    @property
    def pid(self) -> int:
        assert self.gateway.process is not None
        return self.gateway.process.pid

    def resident(self, key: str = "VmRSS") -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * KIB for line in lines if line.startswith(f"{key}:"))

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.before = self.resident()

    @property
    def grown(self) -> int:
        """Bytes by which it has grown at its worst."""
        return self.resident("VmHWM") - self.before

    def head(self, path: str, *, method: str = "GET") -> bytes:
        return f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{self.gateway.port}\r\n".encode()

    async def besiege(self, count: int, *first: bytes) -> None:
        """Connect so many, from as many addresses as that takes, and have each say something."""
        loop = asyncio.get_running_loop()
        for number in range(count):
            besieger = socket.socket()
            self.besiegers.append(besieger)
            besieger.setblocking(False)  # noqa: FBT003 - a socket's own signature
            besieger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
            besieger.bind((f"127.1.{number // PER_ADDRESS}.1", 0))
            await loop.sock_connect(besieger, ("127.0.0.1", self.gateway.port))
            for data in first:
                besieger.send(data)

    def drip(self, data: bytes) -> None:
        """Have each say a little more, if it still may."""
        for besieger in self.besiegers:
            with contextlib.suppress(OSError):
                besieger.send(data)

    async def answers(self, seconds: float) -> list[bytes]:
        """Return the first bytes that each has got, once all have, or nothing where it was hung up on."""
        loop = asyncio.get_running_loop()

        async def first(besieger: socket.socket) -> bytes:
            try:
                return await loop.sock_recv(besieger, 64)
            except ConnectionError:
                return b""

        async with asyncio.timeout(seconds):
            return list(await asyncio.gather(*map(first, self.besiegers)))

    async def visit(self) -> None:
        """Want a page, again and again."""
        while True:
            began = time.monotonic()
            async with asyncio.timeout(60):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
                try:
                    for _ in range(20):
                        writer.write(self.head("/page") + b"\r\n")
                        head = await reader.readuntil(b"\r\n\r\n")
                        assert head.startswith(b"HTTP/1.1 200 "), head
                        await reader.readexactly(2)
                        self.waits.append(time.monotonic() - began)
                        await asyncio.sleep(0.02)
                        began = time.monotonic()
                finally:
                    await hang_up(writer)

    def figures(self, each_of: int) -> dict[str, object]:
        waits = sorted(self.waits)
        return {
            "besiegers": each_of,
            "grown MiB": round(self.grown / MIB, 1),
            "KiB each": round(self.grown / each_of / KIB, 1),
            "pages meanwhile": len(waits),
            "p50 ms": round(waits[len(waits) // 2] * 1000, 1),
            "worst ms": round(waits[-1] * 1000, 1),
        }


@asynccontextmanager
async def siege(folder: Path, head_time: float, answer: float = 60.0, options: str = "") -> AsyncIterator[Siege]:
    """A gateway that has answered before, and somebody who wants pages from it all the time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The gateway inherits it: ten thousand clients are ten thousand descriptors on both sides.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    application = SlowApplication()
    await application.start()
    limits = f"traffic: {{head_time: {head_time}s, answer: {answer}s}}\n"
    gateway = GatewayProcess(folder, application.port, "memory", more=limits)
    text = gateway.settings.read_text()
    gateway.settings.write_text(text.replace("    policy: policy.yaml\n", f"    policy: policy.yaml\n{options}"))
    besieged = Siege(gateway, application)
    try:
        await asyncio.to_thread(gateway.start)
        visitor = asyncio.create_task(besieged.visit())
        while len(besieged.waits) < 50:
            assert not visitor.done(), visitor
            await asyncio.sleep(0.05)
        besieged.waits.clear()
        besieged.forget_peak()
        yield besieged
        assert not visitor.done(), visitor
        visitor.cancel()
        await asyncio.gather(visitor, return_exceptions=True)
    finally:
        for besieger in besieged.besiegers:
            besieger.close()
        await asyncio.to_thread(gateway.stop)
        await application.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def until(holds: Callable[[], bool], seconds: float = 40.0) -> None:
    """Return once it holds; look every twentieth of a second."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.05)


def small_and_long(small: int, large: int) -> pytest.MarkDecorator:
    """Parametrize by how many besiege it: a few in each run, many in a long one."""
    return pytest.mark.parametrize("count", [small, pytest.param(large, marks=pytest.mark.long)])


def account(besieged: Siege, count: int, each: int, record: Record) -> None:
    """Hold memory and the others' waits against what they may be, and write them down."""
    figures = besieged.figures(count)
    record("siege", figures)
    # Caches and fragments that have nothing to do with how many there are.
    assert besieged.grown < count * each + 4 * MIB, figures
    assert len(besieged.waits) >= 10, figures
    assert max(besieged.waits) < UNNOTICED, figures


@pytest.mark.timeout(180)
@small_and_long(300, 10_000)
@pytest.mark.long
async def test_half_open_heads(tmp_path: Path, count: int, record_testsuite_property: Record) -> None:
    """Each costs less than 8 KiB until its time is up; then it is told so."""
    head_time = 1.0 if count < 1_000 else 20.0
    async with siege(tmp_path, head_time) as besieged:
        await besieged.besiege(count, besieged.head("/") + b"X-Half: ")
        await until(lambda: besieged.descriptors >= count)
        answers = await besieged.answers(head_time + 60)
        await until(lambda: besieged.descriptors < 100 and len(besieged.waits) >= 20)

        account(besieged, count, 8 * KIB, record_testsuite_property)
        assert {answer[:13] for answer in answers} == {b"HTTP/1.1 408 "}


@pytest.mark.timeout(180)
@small_and_long(100, 2_000)
async def test_slowloris(tmp_path: Path, count: int, record_testsuite_property: Record) -> None:
    """A client that sends a head byte by byte has no more time for it than others."""
    head_time = 1.0 if count < 1_000 else 10.0
    async with siege(tmp_path, head_time) as besieged:
        await besieged.besiege(count, besieged.head("/") + b"X-Slow: ")
        began = time.monotonic()
        answers = asyncio.create_task(besieged.answers(head_time + 60))
        while not answers.done():
            besieged.drip(b"x")
            await asyncio.sleep(DRIP)
        took = time.monotonic() - began

        account(besieged, count, 16 * KIB, record_testsuite_property)
        assert {answer[:13] for answer in await answers} <= {b"HTTP/1.1 408 ", b""}
        assert took < head_time + 15


@pytest.mark.timeout(180)
@small_and_long(100, 1_000)
@pytest.mark.long
async def test_header_floods(tmp_path: Path, count: int, record_testsuite_property: Record) -> None:
    """The gateway refuses an endless head as soon as it is too long, in spite of other traffic."""
    flood = b"".join(b"X-Flood-%d: %b\r\n" % (number, b"y" * 100) for number in range(400))
    async with siege(tmp_path, 20.0) as besieged:
        loop = asyncio.get_running_loop()
        began = besieged.head("/")

        async def push(besieger: socket.socket) -> None:
            with contextlib.suppress(ConnectionError):
                for part in (began, *[flood] * 20):
                    await loop.sock_sendall(besieger, part)

        await besieged.besiege(count)
        pushing = [asyncio.create_task(push(besieger)) for besieger in besieged.besiegers]
        answers = await besieged.answers(60)
        for task in pushing:
            task.cancel()
        await asyncio.gather(*pushing, return_exceptions=True)
        await until(lambda: len(besieged.waits) >= 20)

        account(besieged, count, 96 * KIB, record_testsuite_property)
        assert {answer[:13] for answer in answers} == {b"HTTP/1.1 431 "}


@pytest.mark.timeout(300)
@small_and_long(40, 1_000)
@pytest.mark.long
async def test_clients_that_read_byte_by_byte(tmp_path: Path, count: int, record_testsuite_property: Record) -> None:
    """Each costs its buffers, not the 8 MiB that are on their way to it."""
    async with siege(tmp_path, 20.0) as besieged:
        await besieged.besiege(count, besieged.head("/large") + b"\r\n")
        await until(lambda: besieged.application.asked >= count)
        for _ in range(5):
            for besieger in besieged.besiegers:
                with contextlib.suppress(BlockingIOError):
                    assert besieger.recv(1)
            await asyncio.sleep(DRIP)
        await until(lambda: len(besieged.waits) >= 10)

        account(besieged, count, 384 * KIB, record_testsuite_property)


@pytest.mark.timeout(180)
@small_and_long(50, 1_000)
@pytest.mark.long
async def test_uploads_byte_by_byte(tmp_path: Path, count: int, record_testsuite_property: Record) -> None:
    """They go through as they come, and hold up nobody."""
    async with siege(tmp_path, 20.0) as besieged:
        head = besieged.head("/upload", method="POST") + b"Content-Length: 100000\r\n\r\n"
        await besieged.besiege(count, head)
        await until(lambda: besieged.application.asked >= count)
        for _ in range(5):
            besieged.drip(b"x")
            await asyncio.sleep(DRIP)
        await until(lambda: besieged.application.uploaded >= count)

        account(besieged, count, 64 * KIB, record_testsuite_property)


@pytest.mark.timeout(180)
@small_and_long(50, 1_000)
@pytest.mark.long
async def test_applications_that_answer_byte_by_byte(
    tmp_path: Path, count: int, record_testsuite_property: Record
) -> None:
    """A body may take its time and costs little; a head that does is given up."""
    # Five heads in a row that never came would have the application left alone by everybody, as if it were down.
    options = "    upstream_options: {failures: 1000000}\n"
    async with siege(tmp_path, 20.0, ANSWER, options) as besieged:
        await besieged.besiege(count // 2, besieged.head("/drip") + b"\r\n")
        await besieged.besiege(count - count // 2, besieged.head("/drip-head") + b"\r\n")
        answers = await besieged.answers(ANSWER + 60)

        account(besieged, count, 64 * KIB, record_testsuite_property)
        assert {answer[:13] for answer in answers[: count // 2]} == {b"HTTP/1.1 200 "}
        assert {answer[:13] for answer in answers[count // 2 :]} == {b"HTTP/1.1 504 "}
