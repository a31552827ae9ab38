"""Notices that Redis has gone back to an older state, and ends every session of that state.

A restored dump would sign people in again whose sessions were revoked since. Nobody can say which ones those were, so
all end that began before, on every node at once, by the mark of a revocation that each look-up reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.session.mark import EVERY, KEPT_FOR, Mark, went_back
from gateway.session.redis_store import RedisStore
from gateway.session.system_mark import MarkFile

_log = structlog.get_logger()


class RedisMark:
    """Counts a node's mark up, and compares it before."""

    def __init__(
        self,
        store: RedisStore,
        file: MarkFile,
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
        went_back: Callable[[], None],
    ) -> None:
        """`went_back` is called once Redis has gone back, and its sessions have ended."""
        self._store = store
        self._file = file
        self._clock = clock
        self._random = random
        self._went_back = went_back
        self._told_unusable = False
        self.times = 0
        """How often Redis had gone back."""

    async def run(self) -> None:
        """Look every few seconds, for as long as the worker lives."""
        while True:
            try:
                await self.look()
            except StoreUnavailableError:
                # A store that is away is told of elsewhere, and is compared once it is back.
                pass
            except OSError as error:
                if not self._told_unusable:
                    _log.error(Event.SESSION_MARK_UNUSABLE, error=type(error).__name__)
                self._told_unusable = True
            else:
                self._told_unusable = False
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Compare the mark and count it up, unless another worker does.

        Raises:
            StoreUnavailableError: the store is away.
            OSError: the file cannot be read or written.

        """
        held: AbstractContextManager[bool] = self._file.held()
        if not await asyncio.to_thread(held.__enter__):
            await asyncio.to_thread(held.__exit__, None, None, None)
            return
        try:
            await self._count_up()
        finally:
            await asyncio.to_thread(held.__exit__, None, None, None)

    async def _count_up(self) -> None:
        mark = await asyncio.to_thread(self._file.read) or Mark(self._random(16).hex(), 0, self._clock())
        found = await self._store.read_mark(mark.name)
        now = self._clock()
        if went_back(mark, found, now):
            # A session of the older state began before the mark was written, and one that began since then is new. A
            # mark of a clock that ran ahead must not end the sessions that are still to begin.
            await self._store.end_before(min(mark.written_at, now))
            self.times += 1
            _log.error(Event.SESSION_STORE_WENT_BACK)
            self._went_back()
        number = max(mark.number, int(found) if found is not None and found.isdigit() else 0) + 1
        await self._store.write_mark(mark.name, number, KEPT_FOR)
        await asyncio.to_thread(self._file.write, Mark(mark.name, number, self._clock()))
