"""One coarse clock for all connections, instead of a timer for each request.

A connection changes its deadline several times a request; asking the event loop for a timer
each time would cost more than reading the head. Here a deadline is an attribute, and each
connection waits in one slot of a wheel: when its slot comes it is either late, or put into the
slot of the deadline it has by then. A deadline is met up to two ticks late, never early.

The wheel goes slower than the world where the process was held up: what peers sent meanwhile
waits unread in the kernel, and they must not be taken for silent because we were.

Who turns the wheel (`httptools_listener`) brings the clock.
"""

from __future__ import annotations

from typing import Protocol


HORIZON = 5.0
"""Seconds after which everything that waits is looked at, however late its deadline."""


class Timed(Protocol):
    """Something that may be late."""

    deadline: float
    """When it is late, in the wheel's seconds; 0 for never."""
    slot: int
    """The tick it waits for; 0 when it waits for none. The wheel's own."""

    def expired(self) -> None:
        """The deadline has passed. It is in no slot any more and may be armed again."""


LONGEST_STEP = 4
"""Ticks the wheel moves in one turn at most."""


class Deadlines:
    """The wheel."""

    __slots__ = ("_slots", "_tick", "now", "resolution", "time")

    def __init__(self, now: float, resolution: float = 0.25) -> None:
        self.time = now
        """The last turn's time: good enough for clocks of seconds, and free."""
        self.now = now
        """The wheel's own time."""
        self.resolution = resolution
        self._tick = int(now / resolution)
        self._slots: dict[int, list[Timed]] = {}

    def arm(self, timed: Timed, seconds: float) -> None:
        """Let it be late `seconds` from now."""
        deadline = timed.deadline = self.now + seconds
        slot = timed.slot
        # A closed connection stays in its slot until it is looked at, so no slot is far away.
        tick = int(min(deadline, self.now + HORIZON) / self.resolution) + 1
        # It waits already, and not past its time: moving it can wait until it is looked at.
        if slot and slot <= tick:
            return
        timed.slot = tick
        waiting = self._slots.get(tick)
        if waiting is None:
            self._slots[tick] = [timed]
        else:
            waiting.append(timed)

    def turn(self, now: float) -> None:
        """Move towards `now`, and tell those that are late."""
        step = min(now - self.time, LONGEST_STEP * self.resolution)
        self.time = now
        self.now = now = self.now + step
        last = int(now / self.resolution)
        first = self._tick + 1
        self._tick = last
        for tick in range(first, last + 1):
            for timed in self._slots.pop(tick, ()):
                if timed.slot != tick:
                    continue
                timed.slot = 0
                if not timed.deadline:
                    continue
                left = timed.deadline - now
                if left <= 0:
                    timed.deadline = 0.0
                    timed.expired()
                else:
                    self.arm(timed, left)
