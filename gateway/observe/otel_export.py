"""Sends spans to a collector over OTLP/HTTP, by OpenTelemetry's SDK, which the extra `sekisho[otel]` installs.

A thread of the SDK sends them in batches. A collector that is slow or away costs spans, which are counted, and never
holds up a request. `spans` says what a span holds.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from gateway.observe.line_head import LineWriterName
from gateway.observe.otel_spans import new_trace_id
from gateway.observe.spans import Span
from gateway.observe.spans import SpanKind as OurKind
from gateway.observe.trace_context import TraceContext

ROOM: Final = 2048
"""Spans that may wait; at most so many are lost where a process is killed."""

BATCH: Final = 256
PAUSE: Final = 1_000
"""Milliseconds between two batches."""

PATIENCE: Final = 5.0
"""Seconds for one batch; the SDK's own tries again are within them."""

LAST_BATCH: Final = 2.0
"""Seconds at the end for the spans that still wait."""

_KINDS: Final = {
    OurKind.SERVER: SpanKind.SERVER,
    OurKind.INTERNAL: SpanKind.INTERNAL,
    OurKind.CLIENT: SpanKind.CLIENT,
}


class OtelSpans:
    """The spans of one process on their way to the collector."""

    def __init__(
        self,
        endpoint: str,
        ratio: float,
        writer: LineWriterName,
        version: str,
        *,
        headers: Mapping[str, str],
        ca: Path | None = None,
    ) -> None:
        """Send to `endpoint`, and begin a trace for this share of the requests that no caller has begun one for."""
        self._ratio = ratio
        self._random = random.Random()  # noqa: S311 - a sample, no secret
        self._resource = Resource(
            {
                "service.name": "sekisho",
                "service.version": version,
                "service.instance.id": f"{writer.node}/{writer.worker}",
                "host.name": writer.node,
                "process.pid": writer.pid,
            }
        )
        self._scope = InstrumentationScope("sekisho", version)
        exporter = OTLPSpanExporter(
            endpoint=endpoint,
            headers=dict(headers),
            timeout=PATIENCE,
            certificate_file=None if ca is None else str(ca),
        )
        self._counted = _Counted(exporter)
        self._processor = BatchSpanProcessor(
            cast("SpanExporter", self._counted),
            max_queue_size=ROOM,
            schedule_delay_millis=PAUSE,
            max_export_batch_size=BATCH,
            export_timeout_millis=PATIENCE * 1_000,
        )
        self._given = 0
        self._overflowed = 0

    @property
    def lost(self) -> int:
        """Spans that did not reach the collector: it was away or slow, or refused them."""
        return self._overflowed + self._counted.failed

    @property
    def sent(self) -> int:
        """Spans that the collector has taken."""
        return self._counted.sent

    def begin(self) -> TraceContext | None:
        """Return a new trace, if this request is one of those to record."""
        if self._random.random() >= self._ratio:
            return None
        return TraceContext(new_trace_id(), "", sampled=True)

    def put(self, span: Span) -> None:
        """Hand a span to the SDK's queue; without room there it is lost, and counted."""
        if self._given - self._counted.failed - self._counted.sent >= ROOM:
            self._overflowed += 1
            return
        self._given += 1
        self._processor.on_end(self._readable(span))

    def _readable(self, span: Span) -> ReadableSpan:
        state = TraceState.from_header([span.context.state]) if span.context.state else None
        trace_id = int(span.context.trace_id, 16)
        own, parent = (
            SpanContext(trace_id, int(each, 16), is_remote=False, trace_flags=TraceFlags(1), trace_state=state)
            if each
            else None
            for each in (span.context.span_id, span.parent_id)
        )
        return ReadableSpan(
            name=span.name,
            context=own,
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=int(span.began * 1e9),
            end_time=int(span.ended * 1e9),
            instrumentation_scope=self._scope,
        )

    def close(self) -> None:
        """Send what waits, in a bounded time: a collector that is away holds no end up."""
        last = threading.Thread(target=self._processor.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(LAST_BATCH)
        if last.is_alive():
            # The batch under way is given up, and those behind it are lost at once.
            self._counted.shutdown()
            last.join(LAST_BATCH)


class _Counted:
    """Counts what became of each batch, as an exporter of the SDK, whose thread alone calls it."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.sent = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, and count it."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is SpanExportResult.SUCCESS:
                self.sent += len(spans)
            else:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """Give up a batch under way."""
        self._exporter.shutdown()
