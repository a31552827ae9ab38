"""A real listener on a real loop, with a scripted application behind it and raw sockets before it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from gateway.headers.answer import app_answer_headers, portal_answer_headers
from gateway.headers.strip import outbound_head, trailer_lines
from gateway.instant import Instant
from gateway.listen.httptools_listener import Listener
from gateway.listen.services import RequestServices
from gateway.listen.upload import CountedBytes
from gateway.observe.access_log import AccessLine
from gateway.observe.causes import REASONS
from gateway.pipeline.outcome import Forward, Step
from gateway.policy.verdict import Permit, RuleId
from gateway.portal.head import portal_head
from gateway.portal.visits import VisitTable
from gateway.request.inbound import Inbound
from gateway.request.trust import Trust
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.ledger import Disclosure
from gateway.session.session import EndCause, Found, Gone, SessionState, Unavailable, Unread
from gateway.session.ticket import PLAIN, Ticket
from gateway.settings.settings import AppSettings, TrafficSettings, UpstreamSettings
from gateway.upstream.asyncio_endpoint import Endpoint
from gateway.upstream.asyncio_upstreams import Upstreams
from gateway.upstream.prefix import PathRewrite
from gateway.wire.deadlines import Deadlines
from tests.builders import session

HOST = b"Host: app.gw.test\r\n"
TICKET = "t" * 43
OTHER_TICKET = "u" * 43
SIGNED_IN = b"Cookie: __Host-sekisho=" + TICKET.encode() + b"\r\n"

PATIENCE = 10.0
"""Seconds after which a test that waits has failed."""

PERMIT = Permit(RuleId("policy", "rule"), None, shared=True)


def get(path: bytes = b"/", *fields: bytes) -> bytes:
    """Return a script's GET of the App under test: where it is answered by us, then with problem+json."""
    lines = b"".join(line + b"\r\n" for line in fields)
    return b"GET %b HTTP/1.1\r\n%bX-Requested-With: XMLHttpRequest\r\n%b\r\n" % (path, HOST, lines)


def navigate(path: bytes = b"/") -> bytes:
    """Return a person's GET of the App under test: where it is answered by us, then with a page."""
    return b"GET %b HTTP/1.1\r\n%bAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\r\n" % (path, HOST)


@dataclass
class Observed:
    """The reports of the byte path to its observer."""

    lines: list[AccessLine] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    open: int = 0

    def finished(self, line: AccessLine) -> None:
        self.lines.append(line)

    def connections(self, change: int) -> None:
        self.open += change

    def limited(self, limit: str) -> None:
        self.limits.append(limit)


@dataclass
class Answered:
    """An answer as a client reads it."""

    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    trailers: bytes = b""
    complete: bool = True

    def all(self, name: bytes) -> list[bytes]:
        return [value for field_name, value in self.fields if field_name.lower() == name.lower()]

    def __getitem__(self, name: bytes) -> bytes | None:
        values = self.all(name)
        assert len(values) < 2, values
        return values[0] if values else None


class Peer:
    """One end of a raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE):
            await self.writer.drain()

    async def until(self, mark: bytes, patience: float | None = PATIENCE) -> bytes:
        async with asyncio.timeout(patience):
            return await self.reader.readuntil(mark)

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    async def to_end(self) -> bytes:
        """Return everything up to the end of the connection, however it ends."""
        got = b""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                while piece := await self.reader.read(65536):
                    got += piece
        return got

    async def head(self, patience: float | None = PATIENCE) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        lines = (await self.until(b"\r\n\r\n", patience))[:-4].split(b"\r\n")
        fields = []
        for line in lines[1:]:
            name, _, value = line.partition(b": ")
            fields.append((name, value))
        return lines[0], fields

    async def answer(self, method: str = "GET") -> Answered:
        """Read one answer, strictly."""
        first, fields = await self.head()
        assert first.startswith(b"HTTP/1.1 "), first
        answer = Answered(int(first.split(b" ")[1]), fields)
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        answer.body, answer.trailers, answer.complete = await self.body(fields)
        return answer

    async def body(self, fields: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes, bool]:
        lengths = [value for name, value in fields if name.lower() == b"content-length"]
        codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
        assert len(lengths) + len(codings) < 2, fields
        if lengths:
            try:
                return await self.exactly(int(lengths[0])), b"", True
            except asyncio.IncompleteReadError as error:
                return error.partial, b"", False
        if not codings:
            return await self.to_end(), b"", True
        assert codings == [b"chunked"]
        body = b""
        try:
            while True:
                size = await self.until(b"\r\n")
                assert re.fullmatch(rb"[0-9a-f]+\r\n", size), size
                if size == b"0\r\n":
                    break
                body += await self.exactly(int(size, 16))
                assert await self.exactly(2) == b"\r\n"
        except (asyncio.IncompleteReadError, ConnectionError):
            return body, b"", False
        trailers = b""
        while (line := await self.until(b"\r\n")) != b"\r\n":
            trailers += line
        return body, trailers, True

    async def ended(self) -> bool:
        """Whether the other side has closed, with nothing more to say."""
        return await self.to_end() == b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()

    @property
    def _transport(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.writer.transport)

    def pause(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        self._transport.resume_reading()

    def abort(self) -> None:
        self.writer.transport.abort()

    def reset(self) -> None:
        """Leave in a way that cannot be taken for the end of what is said."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Request:
    """A request as the application received it."""

    line: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    trailers: bytes = b""

    @property
    def target(self) -> bytes:
        return self.line.split(b" ")[1]

    def all(self, name: bytes) -> list[bytes]:
        return [value for field_name, value in self.fields if field_name.lower() == name.lower()]


class Application:
    """The application behind: does what its script says on each connection, and keeps what it heard."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.script: Script = self.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        self.port = 0
        self.answers: list[bytes] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.heard = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=2**20, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def restart(self) -> None:
        await self.start(self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        peer = Peer(reader, writer)
        try:
            await self.script(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, TimeoutError):
            pass
        finally:
            writer.close()
            self.tasks.discard(task)

    async def request(self, peer: Peer) -> Request:
        """Read one request, strictly, and remember it."""
        line, fields = await peer.head(patience=None)
        request = Request(line, fields)
        if any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in fields):
            request.body, request.trailers, complete = await peer.body(fields)
            if not complete:
                raise ConnectionError("half a request")
        async with self.heard:
            self.requests.append(request)
            self.heard.notify_all()
        return request

    async def has_heard(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE), self.heard:
            await self.heard.wait_for(lambda: len(self.requests) >= number)

    def say(self, *answers: bytes, close: bool = False) -> Script:
        """Answer each request of a connection with the next of these, the last one for ever."""

        async def script(peer: Peer) -> None:
            for answer in (*answers, *([] if close else [answers[-1]] * 1000)):
                await self.request(peer)
                await peer.send(answer)

        return script


def app_settings(**changes: Any) -> AppSettings:
    return AppSettings(name="booking", url="https://app.gw.test", **changes)


@dataclass(eq=False)
class Watched:
    """A stream whose session is watched, until it is cancelled."""

    sessions: Sessions
    ticket: Ticket
    on_end: Callable[[], None]

    def cancel(self) -> None:
        self.sessions.watched.remove(self)


class Sessions:
    """A session cache that says what it is told to say."""

    def __init__(self) -> None:
        self.peeked: Found | Gone | Unread | Unavailable = Found(session())
        self.loaded: Found | Gone | Unavailable = Found(session())
        self.loads = 0
        self.services = asyncio.Event()
        self.services.set()
        self.watched: list[Watched] = []

    def watch(self, ticket: Ticket, on_end: Callable[[], None]) -> Watched:
        watched = Watched(self, ticket, on_end)
        self.watched.append(watched)
        return watched

    def peek(self, ticket: Ticket, now: Instant) -> Found | Gone | Unread | Unavailable:
        return self.peeked

    async def cause(self, _ticket: Ticket) -> EndCause | None:
        return None

    async def told(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        return self.peeked.ledger.told if isinstance(self.peeked, Found) else ()

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:
        self.loads += 1
        await self.services.wait()
        return self.loaded


class Door:
    """The gateway's byte path: a listener with everything else faked, and its clients."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.observed = Observed()
        self.sessions = Sessions()
        self.limits = TrafficSettings()
        self.app = app_settings()
        self.trust = Trust(())
        self.visits = VisitTable(lambda size: b"v" * size)
        self.portal_application = Application()
        self.step: Callable[[Inbound, SessionState, Instant, RouteTable], Step] = self.forward
        self.seen: list[tuple[Inbound, SessionState]] = []
        self.seals = PLAIN
        self.tls: ssl.SSLContext | None = None
        self.hsts = b""
        self.counted = CountedBytes(2**20)
        self.upstream_ports: list[int] | None = None
        self.options = UpstreamSettings()
        self.rewrite: PathRewrite | None = None
        self.losses: list[tuple[str, int, int]] = []
        self.resolution = 0.02
        self.port = 0
        self.also_stopped: list[Application] = []
        self._clients: list[Peer] = []
        self.ways: dict[str, Upstreams] = {}
        self.listener: Listener
        self.route: Route

    @property
    def upstreams(self) -> Upstreams:
        """The way to the application; a test may put another in its place."""
        return self.ways["booking"]

    @upstreams.setter
    def upstreams(self, way: Upstreams) -> None:
        self.ways["booking"] = way

    def forward(self, inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
        """Let everybody pass, signed in where a session is known."""
        self.seen.append((inbound, known))
        head = outbound_head(inbound, self.route, b"")
        return Forward(self.route, PERMIT, head, signed_in=isinstance(known, Found), pseudonym="p-hanako")

    def take_step(self, inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
        """Take the step the test has set last."""
        return self.step(inbound, known, now, table)

    def make_gate(self) -> RequestServices:
        loop = asyncio.get_running_loop()
        deadlines = self.deadlines
        self.route = Route(
            app=self.app,
            host="app.gw.test",
            client_id="RP00000001",
            policy=None,  # type: ignore[arg-type]  # the step of these tests asks none
            session_cookie=b"__Host-sekisho",
            pending_cookie=b"__Host-sekisho-login",
        )
        table = RouteTable((self.route,), "/.sekisho/", seals=self.seals)

        def to(port: int) -> Callable[..., Any]:
            return lambda factory: loop.create_connection(factory, "127.0.0.1", port)

        ports = self.upstream_ports or [self.application.port]
        self.ways["booking"] = Upstreams(
            "booking",
            [Endpoint(f"http://127.0.0.1:{port}", to(port), self.limits, deadlines, self.options) for port in ports],
            self.limits,
            self.options,
            self.rewrite,
        )
        self.portal = Upstreams(
            "portal", [Endpoint("portal", to(self.portal_application.port), self.limits, deadlines)], self.limits
        )
        return RequestServices(
            table=lambda: table,
            step=self.take_step,
            original=lambda inbound, _table: inbound,
            sessions=self.sessions,
            upstreams=self.ways,
            portal=self.portal,
            visits=self.visits,
            portal_head=portal_head,
            app_answer=app_answer_headers,
            portal_answer=portal_answer_headers,
            trailers=lambda fields, route: trailer_lines(fields, route.app.headers),
            observer=self.observed,
            clock=time.time,
            stopwatch=time.perf_counter,
            count_encoding_losses=lambda route, *counts: self.losses.append((route.name, *counts)),
            hsts=self.hsts,
            limits=self.limits,
            counted=self.counted,
            trust=self.trust,
        )

    async def open(self, **limits: Any) -> None:
        """Start listening, with these limits changed."""
        self.limits = replace(self.limits, **limits)
        if not self.application.port:
            await self.application.start()
        await self.portal_application.start()
        self.deadlines = Deadlines(asyncio.get_running_loop().time(), self.resolution)
        self.listener = Listener(self.make_gate(), self.deadlines)
        sock = socket.create_server(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        await self.listener.serve(sock, tls=self.tls)

    async def client(self, *, tls: ssl.SSLContext | None = None, small_buffer: bool = False) -> Peer:
        """Connect."""
        sock = socket.socket()
        if small_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)  # noqa: FBT003  # its name says it
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=tls, server_hostname="app.gw.test" if tls else None, limit=2**20
        )
        peer = Peer(reader, writer)
        self._clients.append(peer)
        return peer

    async def ask(self, request: bytes, method: str = "GET") -> Answered:
        """Send a request on a connection of its own and return the answer."""
        client = await self.client()
        await client.send(request)
        answer = await client.answer(method)
        await client.close()
        return answer

    async def lines(self, number: int) -> list[AccessLine]:
        """Return the access lines once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(self.observed.lines) < number:
                await asyncio.sleep(0)
        return self.observed.lines

    async def close(self) -> None:
        for client in self._clients:
            client.abort()
        if hasattr(self, "listener"):
            await self.listener.drain(0.5)
            self.upstreams.close()
            self.portal.close()
        for application in (self.application, self.portal_application, *self.also_stopped):
            await application.stop()
        for line in self.observed.lines:
            hold(line)


def hold(line: AccessLine) -> None:
    """Hold an access line to what every line keeps: the times are parts of the whole, and each 5xx has its reason."""
    assert min(line.seconds, line.upstream_seconds, line.waited_seconds) >= 0.0, line
    assert line.upstream_seconds + line.waited_seconds <= line.seconds + 1e-6, line
    if line.status >= 500 and (line.reason or line.verdict != "error"):
        assert line.reason in REASONS, line


@contextlib.asynccontextmanager
async def open_door(**limits: Any) -> AsyncIterator[Door]:
    """Run a door with an application for the length of a test."""
    door = Door(Application())
    try:
        await door.open(**limits)
        yield door
    finally:
        await door.close()
