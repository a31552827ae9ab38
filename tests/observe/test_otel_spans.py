from __future__ import annotations

import pytest

from gateway.observe.otel_spans import Trace, note, step, trace_fields, working_for
from gateway.observe.spans import Span, SpanKind
from gateway.observe.trace_context import TraceContext

CONTEXT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True, state="rojo=1")


class Kept:
    """Keeps spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def begin(self) -> TraceContext | None:
        return None

    def put(self, span: Span) -> None:
        self.spans.append(span)


def test_a_step_inside_a_step_is_its_child() -> None:
    """The next server is told the innermost step, and the task has its former trace again behind the block."""
    kept = Kept()
    with working_for(Trace(CONTEXT, kept)):
        with step("page", http__route="/x"):
            note("outcome", "begun")
            with step("redis", SpanKind.CLIENT):
                told = trace_fields()
        assert trace_fields()["traceparent"] == CONTEXT.parent

    inner, outer = kept.spans
    assert (inner.name, inner.kind, inner.parent_id) == ("redis", SpanKind.CLIENT, outer.context.span_id)
    assert (outer.name, outer.parent_id) == ("page", CONTEXT.span_id)
    assert outer.attributes == {"http.route": "/x", "outcome": "begun"}
    assert told == {"traceparent": inner.context.parent, "tracestate": "rojo=1"}
    assert outer.began <= inner.began <= inner.ended <= outer.ended
    assert trace_fields() == {}


def test_a_step_that_fails_says_so_without_words() -> None:
    """The error goes on to its caller."""
    kept = Kept()
    with working_for(Trace(CONTEXT, kept)), pytest.raises(ValueError, match="canary"), step("page"):
        raise ValueError("canary")

    (span,) = kept.spans
    assert span.failed
    assert span.attributes == {}


def test_a_trace_that_is_not_recorded_is_passed_on() -> None:
    """The next server is told the caller's span, as if we were not there."""
    with working_for(Trace(CONTEXT, None)), step("page"):
        assert trace_fields()["traceparent"] == CONTEXT.parent


def test_a_step_without_a_trace_is_nothing() -> None:
    """A note has nowhere to go, either."""
    with step("page") as under_way:
        note("outcome", "begun")

    assert under_way.attributes == {}
