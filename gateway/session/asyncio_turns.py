"""Turns at a store: so many callers at once, a line of bounded length behind them, and an end to their patience.

A flood of forged tickets makes thousands of callers wait, and all lose patience in the same moment. Timers of their
own, each with its exception, would then hold the event loop up, and with it the answers that have come. So the line has
one timer, which turns a few callers away at a time, and a caller that finds the line full is turned away at once.
"""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.errors import StoreFault, StoreUnavailableError

LONGEST_LINE = 2_000
"""Callers that wait; the store answers as many within a second."""

AWAY_AT_ONCE = 50
"""Callers without patience that are turned away in one turn of the event loop."""


class Turns:
    """A number of turns. The first caller in the line gets the next one."""

    def __init__(self, turns: int) -> None:
        """Take the number of callers that may be in at once."""
        self._free = turns
        self._line: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, patience: float) -> None:
        """Wait for a turn; the caller gives it back.

        Raises:
            StoreUnavailableError: none came within `patience` seconds, or too many wait.

        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(patience)

    async def _wait(self, patience: float) -> None:
        if len(self._line) >= LONGEST_LINE:
            raise StoreUnavailableError(StoreFault.TIMEOUT)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._line.append((loop.time() + patience, turn))
        if self._timer is None:
            self._timer = loop.call_at(loop.time() + patience, self._turn_away)
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come in the same moment: the next one in the line gets it.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a turn to the first in the line."""
        while self._line:
            _, turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _turn_away(self) -> None:
        """Turn away a few whose patience is over: all have the same, so they stand at the head of the line."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now, away = loop.time(), 0
        while self._line and away < AWAY_AT_ONCE:
            until, turn = self._line[0]
            if not turn.done() and until > now:
                break
            self._line.popleft()
            if not turn.done():
                turn.set_exception(StoreUnavailableError(StoreFault.TIMEOUT))
                away += 1
        if self._line:
            self._timer = loop.call_at(max(self._line[0][0], now), self._turn_away)
