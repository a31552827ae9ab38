"""A node's mark in Redis, by which it notices that Redis has gone back to an older state.

A dump that somebody restores holds the sessions of its time, also those that were revoked later, and nothing in Redis
says so. So each node counts up a number in Redis under a name of its own, and keeps the last one in a file. If Redis
has a number that is too old, or none, then it holds an older state or has lost its data. `system_mark` is the file,
`redis_mark` compares.
"""

from __future__ import annotations

import re
from math import ceil
from typing import NamedTuple

from gateway.instant import Instant

EVERY = 2.0
"""Seconds between two numbers."""

LAG = 5
"""Numbers that Redis may be behind: a failover can lose the writes of the last seconds."""

KEPT_FOR = 400 * 86_400.0
"""Seconds that Redis keeps a mark. A node that was off for longer begins anew."""

_LINE = re.compile(r"sekisho-mark 1 ([0-9a-f]{32}) ([0-9]{1,15}) ([0-9]{1,12})\n")


class Mark(NamedTuple):
    """A mark as the file has it."""

    name: str
    """Random: two nodes never share a mark, and the file of another node is noticed by its number."""
    number: int
    """The last number that Redis has confirmed."""
    written_at: Instant
    """By the node's clock, in whole seconds."""

    def line(self) -> str:
        """Return the content of the file."""
        return f"sekisho-mark 1 {self.name} {self.number} {ceil(self.written_at)}\n"


def read_mark(text: str) -> Mark | None:
    """Return the mark of a file; `None` if it has none."""
    found = _LINE.fullmatch(text)
    return None if found is None else Mark(found[1], int(found[2]), float(found[3]))


def went_back(mark: Mark, found: bytes | None, now: Instant) -> bool:
    """Say whether Redis holds an older state than the one that the mark was written to; `found` is its number."""
    if found is None:
        # Redis itself has forgotten a mark that nobody wrote for so long.
        return mark.number > 0 and now - mark.written_at < KEPT_FOR
    # A number that is none was written by nobody of ours: the state is not the one we know.
    return not found.isdigit() or int(found) + LAG < mark.number
