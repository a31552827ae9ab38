"""One upstream of an App: the connections to it, and the health that is known of it."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

from gateway.settings.settings import TrafficSettings, UpstreamSettings
from gateway.upstream.asyncio_application import ApplicationEnd
from gateway.upstream.asyncio_connect import Connect
from gateway.upstream.breaker import Breaker
from gateway.upstream.head_cache import HeadCache
from gateway.upstream.pool import IdleConnections
from gateway.upstream.standing import Standing
from gateway.wire.asyncio_outbox import Outbox
from gateway.wire.deadlines import Deadlines

_DEFAULTS = UpstreamSettings()


class Owner(Protocol):
    """All the upstreams of one App, as far as each of them knows it."""

    standing: Standing
    active: int
    """Requests that have an upstream."""

    @property
    def queue(self) -> Sized:
        """The requests that wait for one of these to end."""

    def put_apart(self, endpoint: Endpoint, sign: str) -> None:
        """Use each connection for one request alone from now on."""

    def freed(self) -> None:
        """Count a request out, and let the first in the queue take its place."""


class Endpoint:
    """One upstream, its connections, and its known health."""

    __slots__ = (
        "_owner",
        "active",
        "address",
        "breaker",
        "closed",
        "connect",
        "deadlines",
        "head_cache",
        "idle",
        "idle_time",
        "limits",
        "open",
        "outbox",
        "reads_bodies",
        "tolerate",
        "turn",
    )

    def __init__(
        self,
        address: str,
        connect: Connect,
        limits: TrafficSettings,
        deadlines: Deadlines,
        options: UpstreamSettings = _DEFAULTS,
    ) -> None:
        self.address = address
        self.connect = connect
        self.limits = limits
        self.deadlines = deadlines
        self.idle_time = options.idle
        self.idle: IdleConnections[ApplicationEnd] = IdleConnections(options.idle)
        self.open: set[ApplicationEnd] = set()
        self.breaker = Breaker(options)
        self.outbox = Outbox()
        self.tolerate = options.tolerate
        self.reads_bodies = options.reads_bodies
        self.head_cache = HeadCache()
        self.active = 0
        self.turn = 0.0
        self.closed = False
        """Whether connections end with their requests from now on."""
        self._owner: Owner | None = None

    def belongs_to(self, owner: Owner) -> None:
        """Tell `owner` of each request that is over."""
        self._owner = owner

    def lost(self, connection: ApplicationEnd, *, idle: bool) -> None:
        """Forget a connection that is gone."""
        self.open.discard(connection)
        if idle:
            self.idle.discard(connection)

    def spoke_out_of_turn(self, sign: str) -> None:
        """Say that something came here that is no answer to any request."""
        if self._owner is not None:
            self._owner.put_apart(self, sign)

    @property
    def is_doubted(self) -> bool:
        """Whether the App's servers have spoken out of turn before."""
        return self._owner is not None and self._owner.standing.caught

    def answered(self) -> None:
        """Do as `done` does for a request that was answered well."""
        owner = self._owner
        if owner is None or owner.queue:
            self.done()
        else:
            # The same for an empty queue: nearly every answer's way.
            self.active -= 1
            owner.active -= 1

    def done(self) -> None:
        """Take a connection back, and give it to the App's next request."""
        self.active -= 1
        if self._owner is not None:
            self._owner.freed()

    def close(self) -> None:
        """Close connections that wait, and those that only listen for a last word; others end with their request."""
        self.closed = True
        for connection in tuple(self.open):
            if connection.holder is None:
                connection.retire()
        if not self.active:
            # Both refer to each other, and one without requests has nothing to tell: so they leave memory at once.
            self._owner = None

    def close_idle(self) -> None:
        """Close what waits for a request."""
        for connection in self.idle.empty():
            connection.retire()
