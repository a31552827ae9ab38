"""The page that says how the gateway is: this node, its parts, and today's numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog
from aiohttp import web

from gateway.console.aiohttp_visitor import Visitor
from gateway.console.health import REQUESTS, SECONDS, SIGN_IN_STEPS, SIGN_INS, UPSTREAM_SECONDS, health
from gateway.console.node import Node
from gateway.console.numbers import Numbers
from gateway.console.policies import DENIALS, DIFFERENCES
from gateway.console.routes import Place
from gateway.console.today import LOOK_EVERY, SinceThen, Today
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.observe.merge import Families
from gateway.observe.redact import where_it_failed

READ = frozenset({REQUESTS, SECONDS, UPSTREAM_SECONDS, SIGN_INS, SIGN_IN_STEPS, DENIALS, DIFFERENCES})
"""The samples that the pages read."""

_log = structlog.get_logger()


class HealthPages:
    """Reads the node's numbers, and remembers with which ones the day began."""

    def __init__(self, node: Node, clock: Callable[[], Instant]) -> None:
        self._node = node
        self._clock = clock
        self._today = Today(node.facts().started_at)
        self._looking = asyncio.Lock()

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Look at the numbers every minute, for as long as the application runs."""
        looking = asyncio.create_task(self._look())
        yield
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    async def today(self) -> SinceThen:
        """Return what was added to the numbers today."""
        async with self._looking:
            families = await self._node.numbers()
            # In a gateway of one process, this loop serves requests too.
            return await asyncio.to_thread(self._take, families)

    def _take(self, families: Families) -> SinceThen:
        return self._today.look(Numbers(families, READ), self._clock())

    async def show(self, visitor: Visitor) -> web.StreamResponse:
        """Show how the gateway is."""
        node = self._node
        readiness, today, workers, expiries = await asyncio.gather(
            node.readiness(), self.today(), node.workers(), node.expiries()
        )
        screen = health(node.facts(), readiness, workers, today, expiries, self._clock(), visitor.language)
        return visitor.page(screen, Place.HEALTH)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.today()
            # The look at midnight must come, also after one that met a mistake of ours.
            except Exception as error:  # noqa: BLE001
                _log.error(Event.UNCAUGHT, error=type(error).__name__, where=where_it_failed(error))
