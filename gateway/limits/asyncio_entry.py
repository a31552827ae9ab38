"""One entry of a limit while its request is under way: reserved before, settled by the answer's head.

The lease is renewed meanwhile, so that a slow application's request is not taken for a crashed
one. `limits` decides what an answer means for an entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.limits.limits import (
    RENEW_EVERY,
    AnswerWords,
    Cancellation,
    LimitStore,
    LimitUse,
    Settlement,
    cancelled_entries,
    entry_name,
    settle_answer,
    strictest,
)
from gateway.observe.events import Event
from gateway.policy.verdict import GivesBack, Limit

log = structlog.get_logger()

_under_way: set[asyncio.Task[None]] = set()
"""Settlements for which no caller waits; without this reference the collector may remove a task before it is done."""


class Entry(Protocol):
    """Something that a request has used up, until it is known what became of the request."""

    async def settle_by(self, answer: AnswerWords) -> None:
        """Say what became of it by the head of the application's answer."""

    def settle_by_soon(self, answer: AnswerWords) -> None:
        """The same, with nobody waiting for it."""

    def settle_soon(self, settlement: Settlement) -> None:
        """Settle without an answer, with nobody waiting for it."""


class ReservedEntry:
    """An entry that has been taken and not yet settled."""

    def __init__(
        self, store: LimitStore, use: LimitUse, name: str, clock: Callable[[], Instant], limits: tuple[Limit, ...] = ()
    ) -> None:
        """`limits`: those that the entry was taken for."""
        self._store = store
        self._limits = limits
        self._use = use
        self._name = name
        self._clock = clock
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            try:
                if not await self._store.renew(self._use, self._name, self._clock()):
                    return
            except StoreUnavailableError:
                # It stays counted whether or not the lease is renewed; only its state reads `unknown` for a while.
                log.warning(Event.LIMIT_UNSETTLED, request_id=self._name, limit=self._use.limit)

    async def settle(self, settlement: Settlement, name: str = "") -> None:
        """Say what became of it. If the store is away, the entry stays counted until an operator gives it back."""
        self._renewing.cancel()
        try:
            await self._store.settle(self._use, self._name, settlement, self._clock(), name)
        except Exception:
            # The application has answered. Without this catch the client would wait for that answer for ever.
            log.exception(Event.LIMIT_UNSETTLED, request_id=self._name, limit=self._use.limit)

    async def settle_by(self, answer: AnswerWords) -> None:
        """Say what became of it by the head of the application's answer."""
        name = next(iter(entry_name(limit, answer) for limit in self._limits), "")
        await self.settle(strictest(settle_answer(limit, answer) for limit in self._limits), name)

    def settle_soon(self, settlement: Settlement) -> None:
        """Settle in the background."""
        _begin(self.settle(settlement))

    def settle_by_soon(self, answer: AnswerWords) -> None:
        """Settle by the head of the application's answer, in the background."""
        _begin(self.settle_by(answer))


class CancelledEntry:
    """An earlier entry that the application's answer may say was cancelled."""

    def __init__(
        self,
        store: LimitStore,
        use: LimitUse,
        gives_back: GivesBack,
        clock: Callable[[], Instant],
        tell: Callable[[Cancellation], None],
    ) -> None:
        """Take the store, the person's use of the limit, and the function that is told of each cancellation."""
        self._store = store
        self._use = use
        self._gives_back = gives_back
        self._clock = clock
        self._began = clock()
        self._tell = tell

    async def settle_by(self, answer: AnswerWords) -> None:
        """Give back each entry that the answer says was cancelled, if it was counted before this request began."""
        for name in cancelled_entries(self._gives_back, answer):
            try:
                found = await self._store.cancel(self._use, name, self._began, self._clock())
            except Exception:
                # The application has answered. Without this catch the client would wait for that answer for ever.
                log.exception(Event.LIMIT_UNSETTLED, limit=self._use.limit)
                self._tell(Cancellation.UNSETTLED)
            else:
                self._tell(Cancellation.GIVEN_BACK if found else Cancellation.NONE)

    def settle_by_soon(self, answer: AnswerWords) -> None:
        """The same, in the background."""
        _begin(self.settle_by(answer))

    def settle_soon(self, settlement: Settlement) -> None:
        """There is no answer, so nothing was cancelled as far as anybody knows."""


def _begin(settling: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(settling)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
