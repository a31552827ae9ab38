"""Metrics of a worker's sessions: their state now, and what has happened to them so far."""

from __future__ import annotations

from collections.abc import Callable

from gateway.observe.prometheus_metrics import Metrics
from gateway.session.redis_sessions import SessionsStatus


def show_sessions(metrics: Metrics, status: Callable[[], SessionsStatus]) -> None:
    """Let the metrics read `status` at each scrape: nothing is counted twice, and a request counts nothing."""
    metrics.gauge(
        "sekisho_sessions_trusted",
        "Workers that Redis tells of changes, and that answer from memory",
        lambda: float(status().trusted),
    )
    metrics.gauge(
        "sekisho_session_store_answers",
        "Workers that reach the session store",
        lambda: float(status().store_answers),
    )
    metrics.gauge("sekisho_sessions_remembered", "Sessions in workers' memory", lambda: status().remembered)
    metrics.gauge("sekisho_streams", "Open WebSockets and event streams of sessions", lambda: status().streams)

    def lookups() -> dict[str, float]:
        now = status()
        return {"found": now.found, "gone": now.gone, "unavailable": now.unavailable}

    metrics.counter(
        "sekisho_session_lookups",
        "Tickets that memory did not know, by the answer of the store",
        lookups,
        label="result",
    )
    metrics.counter(
        "sekisho_session_epochs",
        "Restarts of the connection on which Redis tells of changes",
        lambda: {"": status().epochs},
    )
    metrics.counter(
        "sekisho_sessions_stale_served",
        "Requests that passed from memory while the store was away",
        lambda: {"": status().stale},
    )
    metrics.counter(
        "sekisho_sessions_unopened",
        "Records that no secret opened, since it was retired or the record was changed",
        lambda: {"": status().unopened},
    )
    metrics.counter(
        "sekisho_session_store_outages",
        "Times that workers stopped asking the store because it failed",
        lambda: {"": status().outages},
    )
