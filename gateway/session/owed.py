"""Sign-outs that the store has not received yet: the values kept of each, and their greatest number.

A person signs out while the store is away. Her browser forgets its cookies at once; the session in
the store cannot be ended yet. Its name waits in a file, and opens nothing: it is a hash. `system_owed` keeps the file,
and `asyncio_owed` ends the sessions in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.instant import Instant

MOST = 10_000
"""Sign-outs that may wait, of all workers: an outage of hours in a large city. The file stays under two megabytes."""
MOST_UNSEALED = MOST // 2
"""The number that may wait before only those with a sealed ticket are accepted: every client can invent a plain one."""
LONGEST = 160
"""Bytes of a line at most."""

_LINE = re.compile(r"(session|provider|subject) ([0-9a-f]{64}|[0-9a-f]{32}) ([0-9]{1,12}) ([0-9]{1,12})")


class Owing(StrEnum):
    """The sessions that are to be ended."""

    SESSION = "session"
    """The one of this name."""
    PROVIDER = "provider"
    """Those that began in this session at the provider, and before the sign-out."""
    SUBJECT = "subject"
    """Those of one person that began before the sign-out."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One sign-out that waits."""

    owing: Owing
    name: str
    """`ticket_name`, `Session.provider_session`, or `Session.pseudonym`."""
    at: int
    """When the person signed out, in seconds: a session that began later is not meant."""
    until: int
    """When a clock has ended it in any case."""

    def line(self) -> str:
        """Return it as a line of the file."""
        return f"{self.owing} {self.name} {self.at} {self.until}\n"


def read_owed(text: str, now: Instant) -> tuple[Owed, ...]:
    """Return the entries of a file that no clock has ended; a broken line (cut by a full disk) is skipped."""
    found: dict[Owed, None] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        owed = Owed(Owing(match[1]), match[2], int(match[3]), int(match[4]))
        if owed.until > now:
            found[owed] = None
    return tuple(found)


def room_for(waiting: Iterable[Owed], count: int, *, sealed: bool) -> bool:
    """Whether so many more may wait."""
    return len(tuple(waiting)) + count <= (MOST if sealed else MOST_UNSEALED)


class NotKept(StrEnum):
    """Why a sign-out does not wait. Field of an event."""

    FULL = "full"
    TOO_MANY = "too_many"
    """From one address, or of all."""
    UNWRITABLE = "unwritable"


class OwedSignOuts(Protocol):
    """The file in which sign-outs wait for the store."""

    async def keep(self, owed: tuple[Owed, ...], *, sealed: bool, address: str | None) -> bool:
        """Keep them until the store has heard of them; False where that cannot be.

        `sealed`: the tickets bore our seal. `address`: the browser's; `None` for the provider, whose signed tokens
        nobody makes up, and who may sign out a whole town in a minute.
        """
