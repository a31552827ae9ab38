"""Keeps connections to one upstream, and decides which of them may be used again.

A pooled connection belongs to no request: between two requests nothing of the first is left on it.
The last one put back is the first to be taken, so that those too many grow old and go. Opening
and closing is the business of `asyncio_application`.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Connection = TypeVar("Connection")

IDLE = 1.5
"""Seconds a connection may wait: below the 2 s after which gunicorn, the shortest default we know, hangs up."""

FRESH = 1.0
"""Seconds within which a kept connection is trusted with a request that cannot be sent twice."""


class IdleConnections(Generic[Connection]):
    """The connections that wait, oldest first."""

    __slots__ = ("_idle", "_limit", "_most", "_waiting")

    def __init__(self, idle: float = IDLE, limit: int = 256) -> None:
        self._idle = idle
        self._most = self._limit = limit
        self._waiting: list[tuple[Connection, float]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, *, anything: bool) -> None:
        """Turn pooling on or off; the caller empties the pool with `empty`."""
        self._limit = self._most if anything else 0

    def put(self, connection: Connection, now: float) -> bool:
        """Keep a connection; False where there are enough, and the caller closes it."""
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append((connection, now))
        return True

    def take(self, now: float, within: float) -> Connection | None:
        """Return the connection used last, if that is less than `within` seconds ago."""
        waiting = self._waiting
        if waiting:
            connection, since = waiting[-1]
            if now - since < within and now - since < self._idle:
                del waiting[-1]
                return connection
        return None

    def discard(self, connection: Connection) -> None:
        """Forget a connection that was closed while it waited."""
        self._waiting = [pair for pair in self._waiting if pair[0] is not connection]

    def empty(self) -> list[Connection]:
        """Return, and forget, all of them."""
        every = [connection for connection, _ in self._waiting]
        self._waiting.clear()
        return every
