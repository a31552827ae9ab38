"""Open WebSockets and event streams, cut when their session ends.

A stream outlives the request that was decided on, so its session is looked at again: when
Redis tells of a change, when a clock may have ended it, and every second while nothing is
told. Neither this check nor bytes on a stream restart an idle clock. After a
step-up of the same subject the stream goes over to the session that followed.

If the store is away, a stream is kept for the longer of `GRACE` seconds (a failover's length) and `stale_for`, and then
cut: a person who was revoked meanwhile must not go on listening.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.errors import StoreUnavailableError
from gateway.observe.events import Event
from gateway.observe.redact import where_it_failed
from gateway.session.cache import Monotonic
from gateway.session.session import SessionStore

log = structlog.get_logger()

GRACE = 10.0
"""Seconds a stream outlives the last moment its session was known to live."""
LOOK = 1.0
"""Seconds between looks while nothing is told of changes."""
_AT_ONCE = 32
"""Looks under way at a time: after an outage every stream is looked at."""
_MARGIN = 0.01
"""Seconds after a clock's end at which to look: Redis's clock and ours round differently."""


class _Stream:
    """One open stream. Two of one session are two."""

    __slots__ = ("_watches", "known_at", "look_at", "name", "on_end")

    def __init__(
        self, watches: Watches, name: str, on_end: Callable[[], None], known_at: Monotonic, look_at: Monotonic
    ) -> None:
        self._watches = watches
        self.name = name
        self.on_end = on_end
        self.known_at = known_at
        self.look_at = look_at

    def cancel(self) -> None:
        """See `Watch`."""
        self._watches.remove(self)


class Watches:
    """The open streams of one worker."""

    def __init__(
        self,
        store: SessionStore,
        *,
        monotonic: Callable[[], Monotonic],
        told_until: Callable[[], Monotonic],
        grace: float = GRACE,
    ) -> None:
        """`told_until` gives the moment until which every change is sure to have been told."""
        self._store = store
        self._monotonic = monotonic
        self._told_until = told_until
        self._grace = grace
        self._streams: dict[str, set[_Stream]] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return sum(len(streams) for streams in self._streams.values())

    def add(self, name: str, on_end: Callable[[], None], known_until: Monotonic | None = None) -> _Stream:
        """Watch the session of this name.

        If its clocks are not known at this moment, the watch looks once more: the session may have ended since the
        request was decided on.
        """
        now = self._monotonic()
        stream = _Stream(self, name, on_end, now, now if known_until is None else known_until + _MARGIN)
        self._streams.setdefault(name, set()).add(stream)
        if known_until is None:
            self._wake.set()
        return stream

    def remove(self, stream: _Stream) -> None:
        """Watch it no longer."""
        streams = self._streams.get(stream.name)
        if streams is not None:
            streams.discard(stream)
            if not streams:
                del self._streams[stream.name]

    def changed(self, name: str) -> None:
        """Look at the session of this name soon: its record was written or ended."""
        for stream in self._streams.get(name, ()):
            stream.look_at = float("-inf")
            self._wake.set()

    def all_changed(self) -> None:
        """Look at every session soon."""
        for name in self._streams:
            self.changed(name)

    async def run(self) -> None:
        """Look where a look is due, until cancelled."""
        while True:
            self._wake.clear()
            now = self._monotonic()
            trusted = now < self._told_until()
            due = [
                stream
                for streams in self._streams.values()
                for stream in streams
                if now >= stream.look_at or not (trusted or now < stream.known_at + LOOK)
            ]
            for first in range(0, len(due), _AT_ONCE):
                looks = [self._look(stream) for stream in due[first : first + _AT_ONCE]]
                for failed in await asyncio.gather(*looks, return_exceptions=True):
                    # An unforeseen error must not be the last look: a person who signs out relies on the next one.
                    if isinstance(failed, Exception):
                        log.error(
                            Event.SESSION_TRACKING_FAILED, error=type(failed).__name__, where=where_it_failed(failed)
                        )
            try:
                async with asyncio.timeout(LOOK):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self, stream: _Stream) -> None:
        asked_at = self._monotonic()
        try:
            left = await self._store.idle_left(stream.name)
            if left is None:
                follower = await self._store.follower(stream.name)
                if follower is not None:
                    self.remove(stream)
                    stream.name = follower
                    self._streams.setdefault(follower, set()).add(stream)
                    stream.look_at = float("-inf")
                    self._wake.set()
                    return
        except StoreUnavailableError:
            known = max(stream.known_at, min(asked_at, self._told_until()))
            if self._monotonic() >= known + self._grace:
                self._end(stream)
            else:
                stream.look_at = asked_at + LOOK
            return
        if left is None:
            self._end(stream)
        else:
            stream.known_at = asked_at
            stream.look_at = asked_at + left + _MARGIN

    def _end(self, stream: _Stream) -> None:
        if stream in self._streams.get(stream.name, ()):
            self.remove(stream)
            stream.on_end()
