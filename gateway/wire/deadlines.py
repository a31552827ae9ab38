"""One coarse clock for all connections, instead of a timer for each request.

A connection changes its deadline several times a request; asking the event loop for a timer
each time would cost more than reading the head. Here a deadline is a plain attribute, and the wheel checks each
connection once a second: a deadline takes effect up to a second late, never early.

The wheel goes slower than the world where the process was held up: what peers sent meanwhile
waits unread in the kernel, and they must not be taken for silent because we were.

`httptools_listener` turns the wheel and brings the clock.
"""

from __future__ import annotations

from typing import Protocol

LONGEST_STEP = 4
"""Ticks the wheel moves in one turn at most."""

ROUND = 4
"""Ticks after which each connection is looked at again."""


class Timed(Protocol):
    """Something that may be late."""

    deadline: float
    """When it is late, in the wheel's seconds; 0 for never."""
    slot: int
    """0 while the wheel does not look at it. The wheel's own."""

    def expired(self) -> None:
        """The deadline has passed. It is in no slot any more and may be armed again."""


class Deadlines:
    """The wheel."""

    __slots__ = ("_slots", "_tick", "now", "resolution", "time")

    def __init__(self, now: float, resolution: float = 0.25) -> None:
        self.time = now
        """The last turn's time: good enough for clocks of seconds, and free."""
        self.now = now
        """The wheel's own time; deadlines are counted from it."""
        self.resolution = resolution
        self._tick = ROUND
        self._slots: list[list[Timed]] = [[] for _ in range(ROUND)]

    def enter(self, timed: Timed) -> None:
        """Begin to check an object whose `slot` is 0, and go on while it has a deadline."""
        timed.slot = self._tick
        self._slots[self._tick % ROUND].append(timed)

    def arm(self, timed: Timed, seconds: float) -> None:
        """Let it be late `seconds` from now."""
        timed.deadline = self.now + seconds
        if not timed.slot:
            self.enter(timed)

    def turn(self, now: float) -> None:
        """Move towards `now`, and tell those that are late."""
        step = min(now - self.time, LONGEST_STEP * self.resolution)
        self.time = now
        self.now = now = self.now + step
        self._tick += 1
        place = self._tick % ROUND
        waiting = self._slots[place]
        stay: list[Timed] = []
        self._slots[place] = stay
        for timed in waiting:
            deadline = timed.deadline
            if not deadline:
                # The connection is closed or waits for nothing: drop it, until it is armed again.
                timed.slot = 0
            elif deadline <= now:
                timed.slot = 0
                timed.deadline = 0.0
                timed.expired()
            else:
                stay.append(timed)
