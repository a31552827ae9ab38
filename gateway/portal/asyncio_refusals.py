"""Tells of the refusals of the management listener: the log, the audit trail, and a counter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from gateway.audit.entry import Action, Entry, Outcome
from gateway.audit.trail import AuditTrail
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.portal.refusals import MINUTE, RefusalCounts, RefusalReason

_log = structlog.get_logger()


def uncounted(_reason: str) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """Records refusals: the sessions API and the console share one."""

    trail: AuditTrail
    clock: Callable[[], Instant]
    counted: Callable[[str], None] = uncounted
    """Is told of each refusal, by its reason."""
    _counts: RefusalCounts = field(default_factory=RefusalCounts)

    def refused(self, reason: RefusalReason, address: str, operator: str = "") -> None:
        """Record that a client was refused; `operator` is empty where nobody knows who it is."""
        self.counted(reason.value)
        if self._counts.is_first(reason, operator):
            self._tell(reason, operator, 1, address)

    def tell_rest(self) -> None:
        """Record what was only counted since the last time."""
        for refusals in self._counts.take():
            self._tell(refusals.reason, refusals.operator, refusals.count)

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Tell of the counts every minute for as long as the application runs, and at its end."""
        telling = asyncio.create_task(self._tell_each_minute())
        yield
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        self.tell_rest()

    async def _tell_each_minute(self) -> None:
        while True:
            await asyncio.sleep(MINUTE)
            self.tell_rest()

    def _tell(self, reason: RefusalReason, operator: str, count: int, address: str | None = None) -> None:
        _log.warning(
            Event.MANAGEMENT_REFUSED, address=address, operator=operator or None, reason=reason.value, count=count
        )
        self.trail.record(
            Entry(
                Action.MANAGEMENT_REFUSED,
                self.clock(),
                Outcome.REFUSED,
                operator=operator,
                reasons=(reason.value,),
                count=count,
            )
        )
