"""The kinds of lines we log, and how much of each may wait to be written.

Losing a line is a policy: a line that cannot be written in time is lost and counted by its kind,
and the request it speaks of goes on. Each kind has room of its own, so that a flood of access
lines loses access lines, and never an audit's. Writing is `thread_lines`' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Protocol

from gateway.observe.instruments import Declared, Kind, shown
from gateway.observe.merge import Family


class LineKind(StrEnum):
    """The kind of a line, as the label `kind` of the metric of lost lines."""

    ACCESS = "access"
    """One finished request."""
    EVENT = "event"
    """Anything that is neither a request nor a decision."""
    AUDIT = "audit"
    """One decision, or any other entry of the audit trail."""
    COPY = "copy"
    """A signature of the audit trail for its mirror, or a line for a syslog server."""


MIB: Final = 1024 * 1024

ROOM: Final[Mapping[LineKind, int]] = {
    LineKind.ACCESS: 24 * MIB,
    LineKind.EVENT: 4 * MIB,
    LineKind.AUDIT: 16 * MIB,
    LineKind.COPY: 4 * MIB,
}
"""Bytes of each kind that may wait: some three seconds of a busy worker's access lines."""

LOST: Final = Declared(
    name="sekisho_log_lines_lost",
    kind=Kind.COUNTER,
    meaning="Lines of the logs that could not be written, by kind: `access`, `event`, `audit` or `copy`",
    labels=("kind",),
    closed={"kind": tuple(LineKind)},
)


class Sink(Protocol):
    """The destination of lines. Nothing here waits, and nothing raises."""

    def put(self, text: bytes, lines: int, kind: LineKind) -> None:
        """Take whole lines, or count them as lost."""

    def lose(self, lines: int, kind: LineKind) -> None:
        """Count lines that could not even be made."""


def lost_by_kind(every: Iterable[Mapping[LineKind, int]]) -> dict[LineKind, int]:
    """Return the sum of several counts; every kind is there, from 0."""
    counts = tuple(every)
    return {kind: sum(count.get(kind, 0) for count in counts) for kind in LineKind}


def lost_family(lost: Mapping[LineKind, int]) -> Family:
    """Return the metric of lost lines."""
    return shown(LOST, {(kind.value,): lost.get(kind, 0) for kind in LineKind})
