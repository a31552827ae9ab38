"""Heads and answers that leave together, at the end of the event loop's turn.

A loop that is busy hands over many reads in one turn. Were each answered with a write of its own at once, each write
would wake the reader, and find it asleep again the next time. Waking it costs more than the write. Here all messages of
one turn are sent together; a single message leaves no later than it would have.

Only small, complete messages wait here. Bodies go by it, since a write tells their sender to pause. Code that writes,
closes or ends a transport otherwise calls `send` first.
"""

from __future__ import annotations

import asyncio

MOST = 32
"""The most that waits: a turn of a thousand reads must not hold up the answer to its first."""

ROOM = MOST - 1
"""With fewer messages than these, one more leaves room."""


SMALL = 64 * 1024
"""Bytes of an answer that may wait."""


class Outbox:
    """The bytes that wait for the end of the turn."""

    __slots__ = ("times", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[asyncio.Transport, bytes]] = []
        """Check this before a call of `send` on paths where the call costs more than the check.

        Some paths add to it themselves, as `put` does where something waits and there is `ROOM`.
        """
        self.times = 0
        """The number of times that it was emptied: a message that was put at the current number has not left."""

    def put(self, transport: asyncio.Transport, data: bytes) -> None:
        """Send these bytes when the turn ends."""
        waiting = self.waiting
        if not waiting:
            asyncio.get_running_loop().call_soon(self.send)
        waiting.append((transport, data))
        if len(waiting) >= MOST:
            self.send()

    def send(self) -> None:
        """Send all that waits, now."""
        self.times += 1
        waiting, self.waiting = self.waiting, []
        for transport, data in waiting:
            # Without the look at `is_closing`, uvloop raises, and the others would wait for ever.
            if not transport.is_closing():
                transport.write(data)
