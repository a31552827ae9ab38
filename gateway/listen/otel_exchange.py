"""A request whose steps are recorded as spans.

The listener makes such exchanges only if `traces` is set, so a gateway without traces pays nothing. The times are
those that every exchange takes; names and attributes follow OpenTelemetry's conventions for HTTP.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import msgspec

from gateway.listen.asyncio_exchange import Exchange
from gateway.listen.downstream import Downstream
from gateway.listen.otel_connection import TracedConnection
from gateway.listen.services import RequestServices
from gateway.listen.stages import Stage
from gateway.observe.otel_spans import Trace, child_of, step, working_for
from gateway.observe.spans import Span, SpanKind, Spans
from gateway.observe.trace_context import NO_TRACE, TraceContext
from gateway.request.head_reader import Arrival
from gateway.route.table import RouteTable
from gateway.session.ticket import Ticket


class TracedExchange(Exchange):
    """One request being served, and perhaps recorded."""

    __slots__ = ("_above", "_decided", "_head_began", "_server", "_spans")

    def __init__(self, client: Downstream, services: RequestServices, arrival: Arrival, table: RouteTable) -> None:
        super().__init__(client, services, arrival, table)
        self._spans: Spans | None = None
        """Takes this request's spans, if it is recorded."""
        self._server = NO_TRACE
        """The span of the whole request."""
        self._above = ""
        """The caller's span, around ours."""
        self._decided = 0.0
        self._head_began = client.take_head_began() if isinstance(client, TracedConnection) else 0.0

    def decide(self) -> None:
        """Begin to record, if the caller or the ratio says so, and decide."""
        spans = self._services.spans
        told = self.inbound.trace
        trace: TraceContext | None = told
        if spans is None or (told is not NO_TRACE and not told.sampled):
            trace = None
        elif told is NO_TRACE:
            trace = spans.begin()
        if trace is not None:
            self._spans = spans
            self._above = trace.span_id
            self._server = child_of(trace)
            # The application, or the portal, is told the span that asks it. A head section that was rendered for other
            # requests has no trace.
            asking = child_of(trace)
            self.inbound = msgspec.structs.replace(self.inbound, trace=asking, section_cache=None)
        super().decide()
        self._decided = self._services.stopwatch()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        if self._spans is None:
            await super()._guarded(work)
            return
        with working_for(Trace(self._server, self._spans)):
            await super()._guarded(work)

    async def _read_session(self, ticket: Ticket) -> None:
        with step("session look-up") as looking:
            await super()._read_session(ticket)
            looking.attributes["sekisho.session"] = type(self.session).__name__.lower()

    def _done(self, after: Stage) -> None:
        if self._spans is not None:
            self._hand_over(self._spans)
        super()._done(after)

    def _hand_over(self, spans: Spans) -> None:
        """Hand over the spans of this request's steps, which are over."""
        inbound = self.inbound
        began = self._began
        start = self._wall_time - began
        over = self._services.stopwatch()
        server, asking = self._server, inbound.trace

        def inner(name: str, since: float, until: float) -> None:
            if until > since > 0.0:
                spans.put(
                    Span(name, SpanKind.INTERNAL, child_of(server), server.span_id, start + since, start + until, {})
                )

        decided = self._decided or over
        inner("request head", self._head_began, began)
        inner("policy decision", began, min(decided, over))
        inner("upstream wait", decided, self._sent)
        status: dict[str, str | int] = {"http.response.status_code": self._status} if self._status else {}
        method: dict[str, str | int] = {"http.request.method": inbound.method}
        if self._sent:
            name, kind = ("portal", SpanKind.INTERNAL) if self._token else (inbound.method, SpanKind.CLIENT)
            answered = status if self._answered else {}
            failed = not self._answered or self._status >= 500
            attributes = {**method, **answered, "sekisho.app": self._app_name}
            spans.put(
                Span(name, kind, asking, server.span_id, start + self._sent, start + over, attributes, failed=failed)
            )
            inner("response body", self._answered, over)
        spans.put(
            Span(
                inbound.method,
                SpanKind.SERVER,
                server,
                self._above,
                start + (self._head_began or began),
                start + over,
                {
                    **method,
                    **status,
                    "url.scheme": inbound.scheme,
                    "server.address": inbound.host.partition(":")[0] if inbound.host[:1] != "[" else inbound.host,
                    "sekisho.request_id": inbound.request_id,
                    "sekisho.app": self._app_name,
                    "sekisho.verdict": self._verdict,
                    "sekisho.rule": self._rule,
                    "sekisho.reason": self._reason,
                },
                failed=not self._status or self._status >= 500,
            )
        )
