"""Keeps sign-outs while the store is away, and ends their sessions when it is back, also after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.request.rates import Rate
from gateway.session.owed import NotKept, Owed, Owing
from gateway.session.session import EndCause, ProviderSessions, SessionStore, SubjectSessions
from gateway.session.system_owed import OwedFile

INTERVAL = 2.0
"""Seconds between looks whether any wait: as long as a session may outlive the store's return."""

PER_ADDRESS = 60
"""Sign-outs a minute that one address may have wait."""
IN_ALL = 3_000
"""Sign-outs a minute that may wait in all."""

log = structlog.get_logger()


class OwedToStore:
    """Keeps the promise of `OwedSignOuts` with a file. Each worker has one; the file is the machine's."""

    def __init__(self, file: OwedFile, store: SessionStore, clock: Callable[[], Instant]) -> None:
        """Take the file, the store that must get its sign-outs, and a clock of Unix seconds."""
        self._file = file
        self._store = store
        self._clock = clock
        self._rate = Rate(PER_ADDRESS, IN_ALL)

    async def keep(self, owed: tuple[Owed, ...], *, sealed: bool, address: str | None) -> bool:
        """See `OwedSignOuts`."""
        now = self._clock()
        why: NotKept | None = None
        if address is not None and self._rate.take(address, now) is not None:
            why = NotKept.TOO_MANY
        else:
            try:
                kept = await asyncio.to_thread(self._file.add, owed, now, sealed=sealed)
            except OSError:
                why = NotKept.UNWRITABLE
            else:
                why = None if kept else NotKept.FULL
        if why is not None:
            log.error(Event.SIGN_OUT_NOT_KEPT, fault=why.value)
            return False
        log.warning(Event.SIGN_OUT_WAITS)
        return True

    async def run(self) -> None:
        """End what waits, again and again, for as long as the worker lives."""
        usable = await asyncio.to_thread(lambda: self._file.writable)
        if not usable:
            log.error(Event.SIGN_OUTS_FILE_UNUSABLE)
        while True:
            was_usable, usable = usable, await self._settled()
            # Said once, not every two seconds.
            if was_usable and not usable:
                log.error(Event.SIGN_OUTS_FILE_UNUSABLE)
            await asyncio.sleep(INTERVAL)

    async def _settled(self) -> bool:
        try:
            await self.settle()
        except OSError:
            return False
        return True

    async def settle(self) -> None:
        """End the waiting sessions, as far as the store answers. Several workers may do so at once without harm.

        Raises:
            OSError: the file cannot be read or written.

        """
        waiting = await asyncio.to_thread(self._file.waiting, self._clock())
        if not waiting:
            return
        done: set[Owed] = set()
        ended = 0
        try:
            for owed in waiting:
                ended += await self._end(owed)
                done.add(owed)
        except StoreUnavailableError:
            # It is still away, or away again. The next look goes on from here.
            pass
        if done:
            await asyncio.to_thread(self._file.remove, frozenset(done), self._clock())
            log.info(Event.SIGN_OUTS_CAUGHT_UP, ended=ended, count=len(waiting) - len(done))

    async def _end(self, owed: Owed) -> int:
        match owed.owing:
            case Owing.SESSION:
                return int(await self._store.end(owed.name))
            case Owing.PROVIDER:
                return await self._end_older(ProviderSessions(owed.name), owed.at)
            case Owing.SUBJECT:
                return await self._end_older(SubjectSessions((owed.name,)), owed.at)

    async def _end_older(self, selector: ProviderSessions | SubjectSessions, at: int) -> int:
        # This is no revocation: a person who has signed in again since then stays signed in.
        names = [listed.name async for listed in self._store.sessions(selector) if listed.created_at <= at]
        return sum([await self._store.end(name, EndCause.ELSEWHERE) for name in names])
