"""The pages of policies and of applications: what judges, what it refuses, and who answers behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from gateway.console.aiohttp_visitor import Visitor
from gateway.console.node import Node
from gateway.console.policies import applications_page, policies_page
from gateway.console.refusals import Refusals
from gateway.console.routes import Place
from gateway.console.today import SinceThen
from gateway.instant import Instant

LOOKED_BACK = 86_400.0
"""Seconds of refused requests that the page of applications counts."""

LONGEST_READ = 8 * 1024 * 1024
"""Bytes at the end of the access log that the page reads: the rest is for `sekisho apps report`."""


class PolicyPages:
    """Shows policies and applications."""

    def __init__(self, node: Node, today: Callable[[], Awaitable[SinceThen]], clock: Callable[[], Instant]) -> None:
        self._node = node
        self._today = today
        self._clock = clock

    async def show_policies(self, visitor: Visitor) -> web.StreamResponse:
        """Show the versions in force, the candidates' differences, and today's refusals."""
        workers, today = await asyncio.gather(self._node.workers(), self._today())
        return visitor.page(policies_page(self._node.facts(), workers, today), Place.POLICIES)

    async def show_applications(self, visitor: Visitor) -> web.StreamResponse:
        """Show the upstreams of each App, and the addresses that were refused."""
        facts = self._node.facts()
        workers = await self._node.workers()
        found: Refusals | None = None
        whole = True
        if facts.access_log is not None:
            refusals = Refusals(self._clock() - LOOKED_BACK)
            with suppress(OSError):
                whole = await asyncio.to_thread(_read, facts.access_log, refusals)
                found = refusals
        screen = applications_page(facts, workers, found, whole=whole, language=visitor.language)
        return visitor.page(screen, Place.APPLICATIONS)


def _read(file: Path, found: Refusals) -> bool:
    """Take the last lines of a log; return whether it was read from the beginning.

    Raises:
        OSError: it cannot be read.

    """
    with file.open("rb") as lines:
        size = lines.seek(0, 2)
        lines.seek(max(0, size - LONGEST_READ))
        if size > LONGEST_READ:
            # The first line is only the end of one.
            lines.readline()
        for line in lines:
            found.take(line)
    return size <= LONGEST_READ
