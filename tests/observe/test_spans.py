from __future__ import annotations

from gateway.observe.spans import Span, SpanKind
from gateway.observe.trace_context import TraceContext


def test_a_step_has_not_failed_unless_it_says_so() -> None:
    """A collector shows failed spans in red, so none is by default."""
    assert not Span("GET", SpanKind.SERVER, TraceContext("ab" * 16, "cd" * 8), "", 1.0, 2.0, {}).failed
