"""The fields that begin every log line, and the two forms of a line: JSON for programs, text for a person's terminal.

A line says when it was made, its kind, and its writer: the node, the worker and the process. `redact` has the
fields of events and `access_log` those of requests. `console_line` has the form for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.instant import Instant, rfc3339
from gateway.observe.lines import LineKind

NO_WORKER = 0
"""The number of the supervisor and of a command: they serve no requests. Workers count from 1."""


class LineForm(StrEnum):
    """The form of the lines on standard error."""

    JSON = "json"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class LineWriterName:
    """The writer of a line."""

    node: str
    worker: int
    pid: int


@dataclass(frozen=True, slots=True)
class LineStyle:
    """The writer of this process's lines, and their form."""

    writer: LineWriterName
    form: LineForm = LineForm.JSON
    colour: bool = False
    """Whether a terminal is told colours; only in the form for people."""

    def head(self, at: Instant, kind: LineKind) -> dict[str, object]:
        """Return the fields that begin a line."""
        writer = self.writer
        return {
            "time": rfc3339(at),
            "kind": kind,
            "node": writer.node,
            "worker": writer.worker,
            "pid": writer.pid,
        }
