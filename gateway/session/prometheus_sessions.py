"""Metrics of a worker's sessions: their state now, and what has happened to them so far."""

from __future__ import annotations

from collections.abc import Callable

from gateway.observe.prometheus_metrics import Metrics
from gateway.session.redis_sessions import SessionsStatus


def show_sessions(metrics: Metrics, status: Callable[[], SessionsStatus]) -> None:
    """Let the metrics read `status` whenever somebody looks: nothing is counted twice, and nothing on the way."""
    metrics.gauge(
        "sekisho_sessions_trusted",
        "Workers that are told of changes and believe their memory",
        lambda: float(status().trusted),
    )
    metrics.gauge(
        "sekisho_session_store_answers",
        "Workers that the session store answers",
        lambda: float(status().store_answers),
    )
    metrics.gauge("sekisho_sessions_remembered", "Sessions in workers' memory", lambda: status().remembered)
    metrics.gauge("sekisho_streams", "Open WebSockets and event streams of sessions", lambda: status().streams)

    def lookups() -> dict[str, float]:
        now = status()
        return {"found": now.found, "gone": now.gone, "unavailable": now.unavailable}

    metrics.counter(
        "sekisho_session_lookups",
        "Tickets that memory did not know, by what the store said",
        lookups,
        label="result",
    )
    metrics.counter(
        "sekisho_session_epochs", "Times that being told of changes began anew", lambda: {"": status().epochs}
    )
    metrics.counter(
        "sekisho_sessions_stale_served",
        "Requests let through on memory while the store was away",
        lambda: {"": status().stale},
    )
    metrics.counter(
        "sekisho_sessions_unopened",
        "Records that did not open: of a retired secret, or tampered with",
        lambda: {"": status().unopened},
    )
    metrics.counter(
        "sekisho_session_store_outages",
        "Times the store was left alone because it failed",
        lambda: {"": status().outages},
    )
