"""A whole gateway in the test's own process, with a signed-in browser before it and a quick application behind."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.identity import Birthdate, Identity, Scope
from gateway.instant import Instant
from gateway.process.configuration import read_configuration
from gateway.process.sockets import bind
from gateway.process.worker import ListeningSockets, Worker
from gateway.yaml.mistakes import Mistakes
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess

ADULTS = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  adult: {age: {at_least: 18}}
rules:
  - name: all
    match: {method: [GET]}
    require: [adult]
    disclose: [subject, adult]
"""
BODY = b"x" * 200


class QuickApplication(asyncio.Protocol):
    """Answers each head with two hundred bytes, and does nothing that would be counted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + BODY)


class Browser:
    """A signed-in browser's connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, length: int = len(BODY)
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head
        self._length = length

    def asked_about(self) -> Browser:
        """Return nginx on the same connection, as it asks about this browser's request."""
        line, _, fields = self._head.partition(b"\r\n")
        method, target, _ = line.split(b" ")
        host = fields.partition(b"\r\n")[0].removeprefix(b"Host: ")
        told = (b"X-Original-Method: %b\r\nX-Original-Scheme: http\r\n" % method) + (
            b"X-Original-Host: %b\r\nX-Original-URI: %b\r\nX-Forwarded-For: 203.0.113.7\r\n" % (host, target)
        )
        head = b"GET /.sekisho/auth/nginx HTTP/1.1\r\n%b%b" % (told, fields)
        return Browser(self._reader, self._writer, head, 0)

    async def status(self) -> int:
        """Send a request and return its answer's status."""
        self._writer.write(self._head)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        (length,) = (int(line[16:]) for line in answer.split(b"\r\n") if line.startswith(b"Content-Length: "))
        await self._reader.readexactly(length)
        return int(answer[9:12])

    async def ask(self, times: int) -> None:
        """Ask so many times, and be answered 200 each time."""
        for _ in range(times):
            self._writer.write(self._head)
            answer = await self._reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            await self._reader.readexactly(self._length)


class _Mirror(asyncio.Protocol):
    """Answers each head with the head."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._read = (self._read + data).split(b"\r\n\r\n")
        for head in heads:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))


@asynccontextmanager
async def gateway_in_process(
    folder: Path,
    store: str,
    policy: str,
    change: Callable[[str], str] = str,
    clock: Callable[[], Instant] = time.time,
    application_of: Callable[[], asyncio.Protocol] = _Mirror,
) -> AsyncIterator[GatewayProcess]:
    """Run a gateway in this process, in front of an application that answers with what it was asked, or another.

    `change` returns other settings than those of `GatewayProcess`, whose files are used and whose process is not.
    """
    application = await asyncio.get_running_loop().create_server(application_of, "127.0.0.1", 0)
    files = GatewayProcess(folder, application.sockets[0].getsockname()[1], store, policy=policy)
    files.settings.write_text(change(files.settings.read_text()), encoding="utf-8")
    mistakes = Mistakes()
    configuration = read_configuration(files.settings, mistakes, os.environ)
    assert configuration is not None, mistakes.say()
    worker = Worker(configuration, clock)
    await worker.open()
    try:
        with bind(f"127.0.0.1:{files.port}") as door:
            await worker.listen(ListeningSockets(door))
            files.worker = worker
            yield files
            await worker.drain(1)
    finally:
        await worker.close()
        application.close()
        await application.wait_closed()
        files.stop()


@asynccontextmanager
async def signed_in_browser(
    folder: Path, redis_url: str, birthdate: Birthdate, clock: Callable[[], Instant] = time.time
) -> AsyncIterator[Browser]:
    """Run a gateway in this process, and yield the browser of a person born on that day."""
    async with signed_in_worker(folder, redis_url, birthdate, clock) as (browser, _, _):
        yield browser


@asynccontextmanager
async def signed_in_worker(
    folder: Path,
    redis_url: str,
    birthdate: Birthdate,
    clock: Callable[[], Instant] = time.time,
    change: Callable[[str], str] = str,
) -> AsyncIterator[tuple[Browser, Worker, Path]]:
    """Run a gateway in this process, and yield a browser with a session, the gateway's worker, and its settings' file.

    `change` returns other settings, as above.
    """
    loop = asyncio.get_running_loop()
    application = await loop.create_server(QuickApplication, "127.0.0.1", 0)
    upstream = application.sockets[0].getsockname()[1]
    files = GatewayProcess(folder, upstream, redis_url, policy=ADULTS)
    text = files.settings.read_text().replace("client_id:", "contracted: [birthdate]\n  client_id:")
    files.settings.write_text(change(text.replace("access_log: access.log", "access_log: off")))
    asked = frozenset({Scope.OPENID, Scope.BIRTHDATE})
    cookie = await files.sign_in(Identity(CLIENT, "hanako", 1e9, asked, birthdate=birthdate), lasts=3 * 86_400.0)
    mistakes = Mistakes()
    configuration = read_configuration(files.settings, mistakes, os.environ)
    assert configuration is not None, mistakes.say()
    worker = Worker(configuration, clock)
    await worker.open()
    with bind(f"127.0.0.1:{files.port}") as door:
        await worker.listen(ListeningSockets(door))
        reader, writer = await asyncio.open_connection("127.0.0.1", files.port)
        fields = f"Host: {HOST}:{files.port}\r\nAccept: application/json\r\nCookie: {cookie}; app=1\r\n"
        browser = Browser(reader, writer, f"GET /reserve/42 HTTP/1.1\r\n{fields}\r\n".encode())
        yield browser, worker, files.settings
        writer.close()
        await worker.drain(1)
        await worker.close()
    application.close()
    await application.wait_closed()
    files.stop()
