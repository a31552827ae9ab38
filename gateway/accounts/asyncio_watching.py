"""Open WebSockets and streams of people with an old account, cut when the link that they were opened with ends.

A stream outlives the request that was decided on. So each worker asks the store every few seconds whether links have
changed, and reads those of its open streams again if they have. Plain requests do not pass here. If the store is away,
a stream is kept for `GRACE` seconds and then cut: a person who lost the account meanwhile must not go on listening.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from gateway.accounts.accounts import Held
from gateway.errors import StoreUnavailableError
from gateway.identity import Acting
from gateway.observe.events import Event
from gateway.route.route import Route
from gateway.session.session import Session

log = structlog.get_logger()

EVERY = 5.0
"""Seconds between looks: other requests, too, may know a link for as long."""

GRACE = 10.0
"""Seconds for which a stream outlives the last moment at which its link was known."""


class Links(Protocol):
    """The links in force, by the settings in force."""

    async def revision(self, route: Route) -> int | None:
        """Return a number that grows with every change of the App's links; `None` if it has no accounts any more."""

    async def links_of(self, route: Route, session: Session) -> tuple[Held, ...]:
        """Return every account that a person is linked to."""

    def opens(self, route: Route, session: Session, held: Held) -> bool:
        """Say whether a person may use an account of hers now."""


class _Stream:
    """One open stream."""

    __slots__ = ("_watches", "acting", "held", "known_at", "on_end", "revision", "route", "session")

    def __init__(
        self,
        watches: LinkWatches,
        route: Route,
        session: Session,
        acting: Acting,
        on_end: Callable[[], None],
        known_at: float,
    ) -> None:
        self._watches = watches
        self.route = route
        self.session = session
        self.acting = acting
        self.on_end = on_end
        self.known_at = known_at
        self.revision = -1
        """The revision at which its links were read; at first they have not been read for it."""
        self.held: Held | None = None

    def cancel(self) -> None:
        """See `Watch`."""
        self._watches.remove(self)


class LinkWatches:
    """The open streams of one worker that were opened for an account."""

    def __init__(self, monotonic: Callable[[], float], *, every: float = EVERY) -> None:
        """Take a clock; `every`: seconds between looks."""
        self._monotonic = monotonic
        self._every = every
        self._streams: set[_Stream] = set()
        self._links: Links | None = None
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._streams)

    def follow(self, links: Links | None) -> None:
        """Look at these links from now on, because other settings are in force."""
        self._links = links
        for stream in self._streams:
            stream.revision = -1

    def add(self, route: Route, session: Session, acting: Acting, on_end: Callable[[], None]) -> _Stream:
        """Call `on_end` once when a person may no longer act so."""
        stream = _Stream(self, route, session, acting, on_end, self._monotonic())
        self._streams.add(stream)
        self._wake.set()
        return stream

    def remove(self, stream: _Stream) -> None:
        """Watch it no longer."""
        self._streams.discard(stream)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            if not self._streams:
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(self._every)
            try:
                await self.look()
            except Exception:
                # An unforeseen error must not be the last look.
                log.exception(Event.SESSION_TRACKING_FAILED)

    async def look(self) -> None:
        """Cut the streams whose link has ended."""
        apps: dict[str, list[_Stream]] = {}
        for stream in self._streams:
            apps.setdefault(stream.route.name, []).append(stream)
        for streams in apps.values():
            now = self._monotonic()
            try:
                await self._look_at(streams, now)
            except StoreUnavailableError:
                for stream in streams:
                    if now >= stream.known_at + GRACE:
                        self._end(stream)

    async def _look_at(self, streams: list[_Stream], now: float) -> None:
        links = self._links
        # The number comes first: a change that follows it is seen by the next look.
        revision = None if links is None else await links.revision(streams[0].route)
        for stream in streams:
            if links is None or revision is None:
                self._end(stream)
                continue
            if stream.revision != revision:
                found = await links.links_of(stream.route, stream.session)
                stream.held = next((each for each in found if _acting(each) == stream.acting), None)
                stream.revision = revision
            stream.known_at = now
            if stream.held is None or not links.opens(stream.route, stream.session, stream.held):
                self._end(stream)

    def _end(self, stream: _Stream) -> None:
        if stream in self._streams:
            self._streams.discard(stream)
            stream.on_end()


def _acting(held: Held) -> Acting:
    return Acting(held.account.name, held.account.kind, held.link.role)
