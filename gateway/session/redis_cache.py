"""What the listener asks instead of Redis: sessions this worker has read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.session.redis_store import RedisStore
from gateway.session.session import Found, Gone, Unavailable, Unread, Watch
from gateway.session.ticket import Ticket, ticket_name


class CachedReader:
    """A `SessionReader` in front of a `RedisStore`."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._watches: set[asyncio.Task[None]] = set()

    def peek(self, ticket: Ticket, now: Instant) -> Found | Gone | Unread | Unavailable:  # noqa: ARG002
        """See `SessionReader`."""
        return Unread(ticket)

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:  # noqa: ARG002
        """See `SessionReader`."""
        try:
            session = await self._store.find(ticket)
        except StoreUnavailableError:
            return Unavailable()
        return Gone() if session is None else Found(session)

    def watch(self, ticket: Ticket, on_end: Callable[[], None]) -> Watch:
        """See `SessionReader`."""
        task = asyncio.get_running_loop().create_task(self._follow(ticket_name(ticket), on_end))
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)
        return task

    async def _follow(self, name: str, on_end: Callable[[], None]) -> None:
        while True:
            try:
                left = await self._store.idle_left(name)
                if left is None:
                    follower = await self._store.follower(name)
                    if follower is None:
                        break
                    name = follower
                    continue
            except StoreUnavailableError:
                break
            await asyncio.sleep(min(left, 1.0))
        on_end()

    async def close(self) -> None:
        """Stop watching."""
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
