from __future__ import annotations

import threading
import time

from gateway.observe.line_head import LineWriterName
from gateway.observe.otel_export import ROOM, OtelSpans
from gateway.observe.spans import Span, SpanKind
from gateway.observe.trace_context import TraceContext
from tests.conftest import free_port

CONTEXT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True, state="rojo=1")


def spans(ratio: float = 1.0) -> OtelSpans:
    """Return spans on their way to a collector that is away."""
    endpoint = f"http://127.0.0.1:{free_port()}/v1/traces"
    return OtelSpans(endpoint, ratio, LineWriterName("gw-1", 1, 77), "1.0", headers={})


def test_the_ratio_says_how_many_traces_begin() -> None:
    """None, all, or about that share, each with an id of its own."""
    for ratio, least, most in ((0.0, 0, 0), (1.0, 1_000, 1_000), (0.3, 200, 400)):
        sampled = spans(ratio)
        begun = [trace for trace in (sampled.begin() for _ in range(1_000)) if trace is not None]
        sampled.close()

        assert least <= len(begun) <= most
        assert len({trace.trace_id for trace in begun}) == len(begun)
        assert all(trace.sampled and not trace.span_id for trace in begun)


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    """A span more than may wait is lost at once, each lost span is counted, and the end comes in a bounded time."""
    away = spans()
    span = Span("GET", SpanKind.SERVER, CONTEXT, "", 1.0, 2.0, {"http.response.status_code": 200}, failed=True)
    began = time.monotonic()

    for _ in range(2 * ROOM + 10):
        away.put(span)
    took = time.monotonic() - began
    deadline = time.monotonic() + 60
    while away.lost < ROOM and time.monotonic() < deadline:
        # The SDK's thread tells nobody that it has given a batch up.
        threading.Event().wait(0.05)
    lost, sent = away.lost, away.sent
    away.close()

    assert took < 5
    assert lost >= ROOM
    assert sent == 0
