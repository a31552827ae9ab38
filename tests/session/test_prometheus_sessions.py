"""A worker's sessions, as the metrics show them."""

from __future__ import annotations

from gateway.observe.metrics import Metrics
from gateway.session.prometheus_sessions import show_sessions
from gateway.session.redis_sessions import SessionsStatus


def numbers(metrics: Metrics) -> dict[str, float]:
    """Return every sample about sessions, with its label's value behind its name."""
    return {
        " ".join((sample.name, *dict(sample.labels).values())): sample.value
        for family in metrics.collect()
        for sample in family.samples
        if "session" in sample.name or "streams" in sample.name
    }


def test_what_only_grows_is_a_counter() -> None:
    """Prometheus can take a rate of it, and a worker's end does not take it away."""
    metrics = Metrics("0")
    status = SessionsStatus(remembered=3, streams=2, epochs=4, found=5, gone=6, unavailable=7, stale=8, unopened=9)

    show_sessions(metrics, lambda: status)

    assert numbers(metrics) == {
        "sekisho_sessions_trusted": 1,
        "sekisho_session_store_answers": 1,
        "sekisho_sessions_remembered": 3,
        "sekisho_streams": 2,
        "sekisho_session_lookups_total found": 5,
        "sekisho_session_lookups_total gone": 6,
        "sekisho_session_lookups_total unavailable": 7,
        "sekisho_session_epochs_total": 4,
        "sekisho_sessions_stale_served_total": 8,
        "sekisho_sessions_unopened_total": 9,
        "sekisho_session_store_outages_total": 0,
    }
