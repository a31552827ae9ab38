"""A span: one step of a request or of a sign-in that is over, as a collector of traces gets it.

A span holds names, closed words, status codes and times: never a claim, a path, a query, a subject or a ticket.
`otel_spans` records spans, and `otel_export` sends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from gateway.observe.trace_context import TraceContext


class SpanKind(StrEnum):
    """The part that a span plays between two servers."""

    SERVER = "server"
    INTERNAL = "internal"
    CLIENT = "client"


class Span(NamedTuple):
    """A step that is over."""

    name: str
    kind: SpanKind
    context: TraceContext
    """The trace, and this span's own id."""
    parent_id: str
    """The id of the span around it; empty for the first of a trace."""
    began: float
    """Unix seconds."""
    ended: float
    attributes: Mapping[str, str | int]
    failed: bool = False


class Spans(Protocol):
    """The destination of spans. Nothing here waits, and nothing raises."""

    def begin(self) -> TraceContext | None:
        """Return a new trace, if this request is one of those to record."""

    def put(self, span: Span) -> None:
        """Take a span, or count it as lost."""
