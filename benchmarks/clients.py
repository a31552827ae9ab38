"""Clients for what wrk cannot do: one large body, WebSocket messages, idle connections, requests on schedule.

Each runs in the harness's own process, on the load's core.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.programs import BenchmarkError
from benchmarks.sink import MASKED, PAYLOAD, UNMASKED

_MASKED_MESSAGE = bytes((0x82, 0x80 | PAYLOAD)) + b"\0\0\0\0" + b"m" * PAYLOAD
"""One binary message, masked with zeros, as a client must mask (RFC 6455 section 5.3)."""
assert len(_MASKED_MESSAGE) == MASKED  # noqa: S101 - two constants that must agree

_LONGEST_EVENT = 480.0
"""Seconds of an event during which waits are measured, at most: a reload of 1,000 Apps has little claim to a core that
other programs want."""
_PART = 0.1
"""Seconds between two looks whether it is over."""
_TIMEOUT = 120.0

_TICK_NANOSECONDS = 200_000
"""How often an open loop looks which requests are due."""


def head(method: str, path: str, headers: Mapping[str, str], *more: str) -> bytes:
    """Return a request's head."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), *more]
    if "Host" not in headers:
        lines.append("Host: localhost")
    return "\r\n".join([*lines, "", ""]).encode()


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return an answer's head and what came behind it."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = connection.recv(65536)
        if not part:
            raise BenchmarkError("the connection was closed before an answer's head")
        got += part
    start, _, rest = got.partition(b"\r\n\r\n")
    if not start.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
        raise BenchmarkError(f"an answer that is no success: {start.splitlines()[0].decode()}")
    return start, rest


def download(port: int, path: str, headers: Mapping[str, str], size: int) -> float:
    """Fetch one body of a known size and return the seconds it took."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as connection:
        began = time.perf_counter()
        connection.sendall(head("GET", path, headers))
        start, rest = _read_head(connection)
        chunked = b"transfer-encoding: chunked" in start.lower()
        got = len(rest)
        while got < size:
            count = connection.recv_into(buffer)
            if not count:
                raise BenchmarkError(f"a body of {size} bytes that ends after {got}")
            got += count
        seconds = time.perf_counter() - began
    if not chunked and got != size:
        raise BenchmarkError(f"a body of {size} bytes that has {got}")
    return seconds


def upload(port: int, path: str, headers: Mapping[str, str], body: Path) -> float:
    """Send one file as a body and return the seconds until it was answered."""
    size = body.stat().st_size
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as connection, body.open("rb") as source:
        began = time.perf_counter()
        connection.sendall(
            head("POST", path, headers, f"Content-Length: {size}", "Content-Type: application/octet-stream")
        )
        sent = 0
        connection.settimeout(None)
        while sent < size:
            sent += os.sendfile(connection.fileno(), source.fileno(), sent, min(1 << 22, size - sent))
        _read_head(connection)
        return time.perf_counter() - began


class _Talker(asyncio.Protocol):
    """One WebSocket that sends a message, waits for its echo, and sends the next."""

    def __init__(self, request: bytes, count: list[int], opened: asyncio.Future[None]) -> None:
        self._request, self._count, self._opened = request, count, opened
        self._got = 0
        self._head: bytes | None = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - asyncio calls `connection_made` first
        if self._head is not None:
            self._head += data
            start, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if not start.startswith(b"HTTP/1.1 101"):
                if not self._opened.done():
                    self._opened.set_exception(BenchmarkError(f"no upgrade: {start.splitlines()[0].decode()}"))
                return
            self._head = None
            if not self._opened.done():
                self._opened.set_result(None)
            self._transport.write(_MASKED_MESSAGE)
        self._got += len(data)
        while self._got >= UNMASKED:
            self._got -= UNMASKED
            self._count[0] += 1
            self._transport.write(_MASKED_MESSAGE)


def messages(port: int, path: str, headers: Mapping[str, str], *, connections: int, seconds: float) -> int:
    """Return how many messages were echoed in some seconds over so many WebSockets."""
    request = head(
        "GET",
        path,
        headers,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Origin: http://{headers.get('Host', 'localhost')}",
    )

    async def talk() -> int:
        loop = asyncio.get_running_loop()
        count = [0]
        opened: list[asyncio.Future[None]] = []
        transports = []
        for _ in range(connections):
            future: asyncio.Future[None] = loop.create_future()
            opened.append(future)
            transport, _protocol = await loop.create_connection(
                lambda future=future: _Talker(request, count, future),  # type: ignore[misc]
                "127.0.0.1",
                port,
            )
            transports.append(transport)
        await asyncio.wait_for(asyncio.gather(*opened), _TIMEOUT)
        before = count[0]
        await asyncio.sleep(seconds)
        after = count[0]
        for transport in transports:
            transport.abort()
        return after - before

    return uvloop.run(talk())


@contextlib.contextmanager
def idle_connections(port: int, path: str, headers: Mapping[str, str], count: int) -> Iterator[None]:
    """Hold so many connections open, each having made one request, for the length of a block."""
    request = head("GET", path, headers)
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
            held.append(connection)
            connection.sendall(request)
            _read_head(connection)
        yield
    finally:
        for connection in held:
            connection.close()


@dataclass(frozen=True, slots=True)
class Delays:
    """The result of an open loop: delays from the moment a request was due, whether or not it could be sent."""

    rate: float
    """Requests a second that were answered."""
    p50: float
    p99: float
    p999: float


class _Caller(asyncio.Protocol):
    """One kept-alive connection of an open loop: answers are of one known length, so they are counted, not parsed."""

    def __init__(self, loop: _OpenLoop) -> None:
        self._loop = loop
        self._got = 0
        self.due = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._got >= self._loop.answer_length:
            self._got = 0
            self._loop.answered(self)


class _OpenLoop:
    """Sends requests when they are due. One that finds no free connection waits, and its wait counts."""

    def __init__(self, request: bytes, answer_length: int, rate: float) -> None:
        self.request, self.answer_length, self.rate = request, answer_length, rate
        self.free: deque[_Caller] = deque()
        self.waiting: deque[float] = deque()
        self.delays: list[float] = []

    def answered(self, caller: _Caller) -> None:
        self.delays.append(time.perf_counter() - caller.due)
        if self.waiting:
            self._send(caller, self.waiting.popleft())
        else:
            self.free.append(caller)

    def _send(self, caller: _Caller, due: float) -> None:
        assert caller.transport is not None  # noqa: S101 - it was connected before it was free
        caller.due = due
        caller.transport.write(self.request)

    async def run(self, seconds: float) -> None:
        began = time.perf_counter()
        sent = 0
        async with contextlib.aclosing(_ticks()) as ticks:
            async for _ in ticks:
                elapsed = time.perf_counter() - began
                if elapsed >= seconds:
                    return
                while sent < elapsed * self.rate:
                    due = began + sent / self.rate
                    sent += 1
                    if self.free:
                        self._send(self.free.popleft(), due)
                    else:
                        self.waiting.append(due)


async def _ticks() -> AsyncGenerator[None, None]:
    """Yield every `_TICK_NANOSECONDS`: an event loop's own timers come once a millisecond, and so in bursts."""
    libc = ctypes.CDLL(None, use_errno=True)
    timer = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    # struct itimerspec (timerfd_create(2)): the interval and the first expiry, each in seconds and nanoseconds.
    every = (ctypes.c_long * 4)(0, _TICK_NANOSECONDS, 0, _TICK_NANOSECONDS)
    if timer < 0 or libc.timerfd_settime(timer, 0, every, None):
        raise BenchmarkError(f"no timer: {os.strerror(ctypes.get_errno())}")
    loop = asyncio.get_running_loop()
    ticked = asyncio.Event()

    def tick() -> None:
        os.read(timer, 8)
        ticked.set()

    loop.add_reader(timer, tick)
    try:
        while True:
            await ticked.wait()
            ticked.clear()
            yield
    finally:
        loop.remove_reader(timer)
        os.close(timer)


def open_loop(
    port: int, path: str, headers: Mapping[str, str], *, rate: float, seconds: float, connections: int
) -> Delays:
    """Send requests on schedule and return the delays; a second of warm-up is not counted."""
    request = head("GET", path, headers)
    length = _length_of(port, request)

    async def drive() -> Delays:
        pacer = _OpenLoop(request, length, rate)
        await _connect(pacer, port, connections)
        await pacer.run(1.0)
        pacer.delays.clear()
        await pacer.run(seconds)
        delays = sorted(pacer.delays)
        if not delays:
            raise BenchmarkError("an open loop without a single answer")

        def at(share: float) -> float:
            return delays[min(len(delays) - 1, int(share * len(delays)))]

        return Delays(len(delays) / seconds, at(0.5), at(0.99), at(0.999))

    return uvloop.run(drive())


def _length_of(port: int, request: bytes) -> int:
    """Return the bytes of an answer, head and all."""
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as probe:
        probe.sendall(request)
        start, rest = _read_head(probe)
        length = len(start) + 4 + len(rest)
        if b"content-length: 200" not in start.lower():
            raise BenchmarkError("an open loop needs answers of one length")
        while len(rest) < 200:
            part = probe.recv(65536)
            rest += part
            length += len(part)
    return length


async def _connect(pacer: _OpenLoop, port: int, connections: int) -> None:
    for _ in range(connections):
        transport, caller = await asyncio.get_running_loop().create_connection(
            lambda: _Caller(pacer), "127.0.0.1", port
        )
        assert transport is caller.transport  # noqa: S101 - asyncio connected it
        pacer.free.append(caller)


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of requests during some event: the longest, and the 99th percentile."""

    longest: float
    p99: float


def waits_during(
    port: int,
    path: str,
    headers: Mapping[str, str],
    *,
    rate: float,
    connections: int,
    begin: Callable[[], None],
    is_over: Callable[[], bool],
) -> tuple[Waits, Waits, float]:
    """Return the waits of as many seconds without an event as it takes, those during it, and its seconds.

    The quiet ones are measured last, as nobody knows before how long the event takes.
    """
    request = head("GET", path, headers)
    length = _length_of(port, request)

    async def drive() -> tuple[Waits, Waits, float]:
        pacer = _OpenLoop(request, length, rate)
        await _connect(pacer, port, connections)
        await pacer.run(1.0)
        pacer.delays.clear()
        began = time.perf_counter()
        begin()
        while not is_over():
            if time.perf_counter() - began > _LONGEST_EVENT:
                raise BenchmarkError("the event that is waited for did not end")
            await pacer.run(_PART)
        took = time.perf_counter() - began
        during = _waits(pacer.delays)
        # The event may leave something behind, such as closed connections: that is still its own.
        await pacer.run(1.0)
        pacer.delays.clear()
        while time.perf_counter() - began < 2 * took + 1.0:
            await pacer.run(_PART)
        return _waits(pacer.delays), during, took

    return uvloop.run(drive())


def _waits(delays: list[float]) -> Waits:
    ordered = sorted(delays)
    if not ordered:
        raise BenchmarkError("an open loop without a single answer")
    return Waits(ordered[-1], ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))])
