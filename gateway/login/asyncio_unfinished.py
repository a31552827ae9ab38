"""Finds out which logins were abandoned: nobody brought them back in their time.

The worker that sent a login off remembers its name, which is a hash. Shortly before the login's end the worker asks the
store whether it still waits, since another worker may have taken the callback. Each login is counted at most once,
and by one worker alone. The count is low by the logins whose worker ended before they did, or whose store did not
answer at that moment; it is never high but by those that come back in the last `MARGIN` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import takewhile
from typing import Final

from gateway.errors import StoreUnavailableError
from gateway.login.funnel import Attempt, Funnel, SignInStep
from gateway.login.pending import PENDING_IN_TOTAL, PENDING_SECONDS, PendingStore

MARGIN: Final = 15.0
"""Seconds before its end at which a login is asked for: afterwards the store has forgotten it, used or not."""

INTERVAL: Final = 3.0
"""Seconds between two looks; well under `MARGIN`."""

MOST: Final = PENDING_IN_TOTAL
"""Logins that a worker remembers; under a flood it counts no more than these."""


class UnfinishedLogins:
    """The logins that this worker has sent off, each until it is back or its time is over."""

    def __init__(
        self, store: PendingStore, funnel: Funnel, monotonic: Callable[[], float], life: float = PENDING_SECONDS
    ) -> None:
        """`monotonic` returns seconds of a clock that never steps. `life` is the lifetime of a login, in seconds."""
        self._life = life
        self._store = store
        self._funnel = funnel
        self._monotonic = monotonic
        self._away: dict[str, tuple[float, Attempt]] = {}

    def sent(self, name: str, attempt: Attempt) -> None:
        """Remember a login by the name under which the store keeps it."""
        self._funnel.step(SignInStep.SENT, attempt)
        if len(self._away) < MOST:
            self._away[name] = (self._monotonic() + self._life - MARGIN, attempt)

    def returned(self, name: str, attempt: Attempt) -> None:
        """Forget a login that came back; another worker may have sent it off."""
        self._funnel.step(SignInStep.RETURNED, attempt)
        self._away.pop(name, None)

    async def run(self) -> None:
        """Look again and again, for as long as the worker lives."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Count the logins whose time is over and that still wait."""
        for name in self._due():
            # One may come back while another is asked for.
            _, attempt = self._away.pop(name, (0.0, None))
            if attempt is None:
                continue
            try:
                waits = await self._store.waits(name)
            except StoreUnavailableError:
                # Nobody can tell, and a guess would be no number.
                continue
            if waits:
                self._funnel.step(SignInStep.ABANDONED, attempt)

    def _due(self) -> list[str]:
        """Return the names whose time is over; they stand in the order in which they were sent off."""
        now = self._monotonic()
        return [name for name, _ in takewhile(lambda item: item[1][0] <= now, self._away.items())]
