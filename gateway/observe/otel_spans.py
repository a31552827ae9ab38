"""Records steps as spans, where `traces` is set, and knows for which trace each task works.

The application and the provider are told the span that asked them, so that a trace goes on there. `spans` says what a
span holds, and `otel_export` sends it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.observe.spans import Span, SpanKind, Spans
from gateway.observe.trace_context import TraceContext


@dataclass(slots=True)
class Step:
    """A step under way, to which its end is still to be written."""

    attributes: dict[str, str | int] = field(default_factory=dict)
    failed: bool = False


class Trace(NamedTuple):
    """The trace for which a task works, with the span around the task."""

    context: TraceContext
    spans: Spans | None
    """`None` if this trace is passed on and not recorded here."""
    step: Step | None = None
    """The step under way."""


CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


def new_span_id() -> str:
    """Return 16 random hexadecimal digits."""
    return os.urandom(8).hex()


def new_trace_id() -> str:
    """Return 32 random hexadecimal digits."""
    return os.urandom(16).hex()


def child_of(context: TraceContext) -> TraceContext:
    """Return the same trace with a new span."""
    return context._replace(span_id=new_span_id())


@contextmanager
def working_for(trace: Trace) -> Iterator[None]:
    """Have the block work for this trace, and the task for its former one afterwards: a task may outlive a request."""
    token = CURRENT.set(trace)
    try:
        yield
    finally:
        CURRENT.reset(token)


def note(name: str, value: str) -> None:
    """Add an attribute to the step under way, if one is recorded."""
    trace = CURRENT.get()
    if trace is not None and trace.step is not None:
        trace.step.attributes[name] = value


@contextmanager
def step(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int) -> Iterator[Step]:
    """Record the block as a span of the current trace, if the trace is recorded; steps inside are its children.

    A dot in an attribute's name is written as two underscores. An exception marks the span as failed, without words.
    """
    under_way = Step({key.replace("__", "."): value for key, value in attributes.items()})
    trace = CURRENT.get()
    if trace is None or trace.spans is None:
        yield under_way
        return
    context = child_of(trace.context)
    began, clock = time.time(), time.perf_counter()
    token = CURRENT.set(Trace(context, trace.spans, under_way))
    try:
        yield under_way
    except BaseException:
        under_way.failed = True
        raise
    finally:
        CURRENT.reset(token)
        ended = began + time.perf_counter() - clock
        trace.spans.put(
            Span(name, kind, context, trace.context.span_id, began, ended, under_way.attributes, under_way.failed)
        )


def is_recorded() -> bool:
    """Return whether the current work has a trace whose spans are taken."""
    trace = CURRENT.get()
    return trace is not None and trace.spans is not None


def trace_fields() -> dict[str, str]:
    """Return the header fields that tell the next server of the current trace; none without one."""
    trace = CURRENT.get()
    if trace is None:
        return {}
    state = {"tracestate": trace.context.state} if trace.context.state else {}
    return {"traceparent": trace.context.parent, **state}
