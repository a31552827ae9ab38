"""The application behind the gateway: repeats what it received, and keeps every byte of it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

GZIP_BOMB = gzip.compress(bytes(64 * 1024 * 1024), 9)
"""64 MiB of zeros in 64 KiB: who inflates it shows in memory."""

BODIES = {
    "/admin/secret": b"PROTECTED",
    "/adult/page": b"ADULT-ONLY",
    "/adult18/page": b"ADULT18",
    "/stepup/page": b"STEPUP",
}


KEYS = frozenset({"raw", "headers", "late", "reads"})
"""The keys of a case for the application. `raw` has bytes in place of its answer to `/app/…`, `headers` has more
headers, and `late` has bytes that follow the answer to `/app/late`. With `reads: head` it reads no body, so that a body
is the next request unless the connection is closed when the gateway asks for that."""


def faults(answers: dict[str, Any]) -> list[str]:
    """Return what a case has the application do that it cannot."""
    found = [f"unknown key `{key}`" for key in sorted(set(answers) - KEYS)]
    for key in ("raw", "late"):
        if not isinstance(answers.get(key, ""), str):
            found += [f"`{key}` is no text"]
    if answers.get("reads", "head") != "head":
        found.append("`reads` is not `head`")
    return found


LATE = 0.05
"""Seconds after an answer at which bytes come that nobody asked for."""


@dataclass
class Received:
    """One request as the application got it."""

    app: str
    line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    head: bytes = b""
    connection: int = 0

    @property
    def method(self) -> str:
        return self.line.split(b" ")[0].decode("latin-1")

    @property
    def target(self) -> str:
        return self.line.split(b" ")[1].decode("latin-1")

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def values(self, name: str) -> list[bytes]:
        """Values of a field, by the exact name without regard to case."""
        return [value for key, value in self.headers if key.lower() == name.lower().encode()]

    def folded(self, name: str) -> list[bytes]:
        """Values of every field that a careless server would take for this one."""
        wanted = fold(name.encode())
        return [value for key, value in self.headers if fold(key) == wanted]


def fold(name: bytes) -> bytes:
    return bytes(byte if chr(byte).isalnum() and byte < 128 else 0x2D for byte in name.lower())


@dataclass
class Upstream:
    """A server for all Apps of the fixture; `app` is told by the port."""

    received: list[Received] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    """The answers of the current case."""
    sent_first_event: float | None = None
    open_websockets: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _connections: int = 0

    async def start(self, app: str) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            self._connections += 1
            try:
                await self._serve(app, self._connections, reader, writer)
            except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                pass
            finally:
                self._tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, app: str, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            line, *rest = head[:-4].split(b"\r\n")
            headers = [(name, value.strip()) for name, _, value in (field_.partition(b":") for field_ in rest)]
            request = Received(app, line, headers, b"", head, number)
            self.received.append(request)
            if self.answers.get("reads") != "head":
                request.body = await self._body(request, reader)
            if not await self._answer(request, reader, writer):
                return
            if self.answers.get("reads") == "head" and b"close" in [
                value.lower() for value in request.values("connection")
            ]:
                return

    @staticmethod
    async def _body(request: Received, reader: asyncio.StreamReader) -> bytes:
        if request.values("transfer-encoding"):
            body = bytearray()
            while True:
                size = int((await reader.readline()).split(b";")[0], 16)
                if size:
                    body += await reader.readexactly(size)
                    await reader.readline()
                    continue
                while (await reader.readline()) not in (b"\r\n", b""):
                    pass
                return bytes(body)
        lengths = request.values("content-length")
        return await reader.readexactly(int(lengths[0])) if lengths else b""

    async def _answer(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        raw = self.answers.get("raw")
        if raw is not None and request.path.startswith("/app/"):
            writer.write(raw.encode("latin-1"))
            await writer.drain()
            return True
        if request.values("sec-websocket-key") and request.path != "/ws-404":
            await self._websocket(request, reader, writer)
            return False
        status, headers, body = self._page(request)
        for name, value in self.answers.get("headers", []):
            headers.append((name.encode(), value.encode()))
            if name.lower() == "location":
                status = b"302 Found"
        if request.path == "/sse":
            await self._events(writer)
            return False
        if request.path in ("/app/slow", "/slow"):
            await asyncio.sleep(0.2 if request.path == "/app/slow" else 0.5)
        body_sent = b"" if request.method == "HEAD" else body
        headers.append((b"Content-Length", b"%d" % len(body)))
        lines = [b"HTTP/1.1 " + status, *(b"%b: %b" % header for header in headers), b"", b""]
        writer.write(b"\r\n".join(lines) + body_sent)
        await writer.drain()
        if "late" in self.answers and request.path == "/app/late":
            await asyncio.sleep(LATE)
            writer.write(self.answers["late"].encode("latin-1"))
            await writer.drain()
        return True

    @staticmethod
    def _page(request: Received) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
        path = request.path
        if path in BODIES:
            return b"200 OK", [(b"Content-Type", b"text/plain")], BODIES[path]
        if path.startswith("/draw/"):
            return b"400 Bad Request", [(b"Content-Type", b"text/plain")], b"not drawn"
        if path == "/ws-404" or (path.startswith("/%3C") and path.endswith("%3E")):
            return b"404 Not Found", [(b"Content-Type", b"text/plain")], b"no such page"
        if path == "/app/gzipbomb":
            return b"200 OK", [(b"Content-Encoding", b"gzip"), (b"Content-Type", b"text/plain")], GZIP_BOMB
        cacheable = (
            [(b"Cache-Control", b"public, max-age=600, s-maxage=600")] if path.endswith((".css", "/page")) else []
        )
        echo = {
            "app": request.app,
            "line": request.line.decode("latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers],
            "body": len(request.body),
        }
        return b"200 OK", [(b"Content-Type", b"application/json"), *cacheable], json.dumps(echo).encode()

    async def _events(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            if self.sent_first_event is None:
                self.sent_first_event = asyncio.get_running_loop().time()
            writer.write(b"c\r\ndata: tick\n\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.2)

    async def _websocket(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = request.values("sec-websocket-key")[0]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 (RFC 6455)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        await writer.drain()
        self.open_websockets += 1
        try:
            with suppress(OSError):
                while piece := await reader.read(1 << 16):
                    writer.write(piece)
        finally:
            self.open_websockets -= 1
