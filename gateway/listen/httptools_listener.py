"""The listener accepts connections, counts them, and drains them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from http import HTTPStatus
from ssl import SSLContext

import structlog

from gateway.listen.answer import date_line
from gateway.listen.asyncio_client import LINGER_TIME, ClientEnd
from gateway.listen.asyncio_exchange import Exchange
from gateway.listen.httptools_connection import LAST_REQUEST, ClientConnection
from gateway.listen.otel_connection import TracedConnection
from gateway.listen.otel_exchange import TracedExchange
from gateway.listen.services import RequestServices
from gateway.request.head_reader import HeadReader, Refused
from gateway.wire.asyncio_outbox import Outbox
from gateway.wire.deadlines import Deadlines

log = structlog.get_logger()

_LOW_DIGITS = tuple(f"{number:03x}" for number in range(0x1000))
"""The last digits of request ids, as a table: formatting a number for each request is measurable."""


def _head_reader(services: RequestServices) -> HeadReader:
    table = services.table()
    return HeadReader(table.at_the_door(services.limits), services.trust, table.methods, table.health)


def _exchange(services: RequestServices) -> type[Exchange]:
    """Return the exchanges of a listener: those that record spans only where somebody takes them."""
    return Exchange if services.spans is None else TracedExchange


IDLE = 0.3
"""Seconds without any connection after which a listener that is about to end counts as idle."""


class Listener:
    """The connections of one worker."""

    def __init__(self, services: RequestServices, deadlines: Deadlines) -> None:
        self.services = services
        self.deadlines = deadlines
        self.draining = False
        self.exchange = _exchange(services)
        self.heads = _head_reader(services)
        self.outbox = Outbox()
        self._connection = ClientConnection if services.spans is None else TracedConnection
        self._connections: set[ClientEnd] = set()
        self._arrived = 0
        self._addresses: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._process = secrets.token_hex(6)
        self._block = self._low = 0
        self._prefix = f"{self._process}{self._block:05x}"
        """All but the last three digits of the next requests' ids."""
        self._date_second = -1
        self._date_line = b""
        self._empty = asyncio.Event()
        self._empty.set()

    # --- life ---------------------------------------------------------------------------------

    async def serve(self, sock: socket.socket, *, tls: SSLContext | None = None) -> asyncio.Server:
        """Accept connections on a bound socket; over TLS where a context is given."""
        loop = asyncio.get_running_loop()
        scheme = "http" if tls is None else "https"
        server = await loop.create_server(
            lambda: self._connection(self, scheme),
            sock=sock,
            ssl=tls,
            # A handshake is counted by no limit of ours, as there is no connection yet.
            ssl_handshake_timeout=None if tls is None else self.services.limits.head_time,
            ssl_shutdown_timeout=None if tls is None else LINGER_TIME,
            backlog=4096,
        )
        self._servers.append(server)
        if self._timer is None:
            self._tick()
        return server

    def reload(self, services: RequestServices) -> None:
        """Serve what comes from now on with other services."""
        self.services = services
        self.exchange = _exchange(services)
        self.heads = _head_reader(services)

    def close_idle(self) -> None:
        """Stop keeping connections: close those that wait, and the others as their requests end."""
        self.draining = True
        for connection in tuple(self._connections):
            connection.drain()

    async def lame(self, seconds: float) -> None:
        """Answer new connections for so many seconds; each answer closes its connection.

        The listener does so for less only if it is idle: a balancer that sends now and then has time to notice.
        """
        self.draining = True
        older = tuple(self._connections)
        for connection in older:
            connection.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_REQUEST):
                        await self._empty.wait()
                for connection in older:
                    connection.drain()
                arrived = -1
                while arrived != self._arrived:
                    await self._empty.wait()
                    arrived = self._arrived
                    await asyncio.sleep(IDLE)

    def close_doors(self) -> None:
        """Accept no more connections."""
        for server in self._servers:
            server.close()

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109  # what is left then is closed, not cancelled
        """Accept no more connections, let requests end, and return the number that was cut after `timeout` seconds."""
        self.close_doors()
        self.draining = True
        for connection in self._connections:
            connection.draining = True
        left = 0
        try:
            async with asyncio.timeout(timeout):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_REQUEST):
                        await self._empty.wait()
                self.close_idle()
                await self._empty.wait()
        except TimeoutError:
            left = len(self._connections)
            for connection in tuple(self._connections):
                connection.end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return left

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.deadlines.resolution, self._tick)
        self.deadlines.turn(loop.time())

    # --- what connections ask -----------------------------------------------------------------

    def opened(self, connection: ClientEnd, peer: str) -> Refused | None:
        """Count a new connection, and say whether it exceeds the limit."""
        self._connections.add(connection)
        self._arrived += 1
        self._empty.clear()
        here = self._addresses[peer] = self._addresses.get(peer, 0) + 1
        services = self.services
        services.observer.connections(+1)
        if len(self._connections) > services.limits.connections:
            services.observer.limited("connections")
            return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "connections")
        if here > services.limits.connections_per_address and not services.trust.trusts(peer):
            services.observer.limited("connections_per_address")
            return Refused(HTTPStatus.TOO_MANY_REQUESTS, "connections_per_address")
        return None

    def closed(self, connection: ClientEnd, peer: str) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        left = self._addresses.get(peer, 0) - 1
        if left > 0:
            self._addresses[peer] = left
        else:
            self._addresses.pop(peer, None)
        self.services.observer.connections(-1)
        if not self._connections:
            self._empty.set()

    def request_id(self) -> str:
        """Return a unique id of a request: 12 random digits of the process and 8 of a counter."""
        low = self._low = self._low + 1 & 0xFFF
        if not low:
            self._block += 1
            self._prefix = f"{self._process}{self._block:05x}"
        return self._prefix + _LOW_DIGITS[low]

    def date_line(self) -> bytes:
        """Return a `Date` line; made once a second."""
        second = int(self.services.clock())
        if second != self._date_second:
            self._date_second = second
            self._date_line = date_line(second)
        return self._date_line
