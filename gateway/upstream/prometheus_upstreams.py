"""Metrics of the Apps' servers: their state now, and their behaviour so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.observe.prometheus_metrics import Metrics
from gateway.upstream.standing import Standing


def show_upstreams(
    metrics: Metrics,
    standings: Callable[[], Mapping[str, Standing]],
    ejected: Callable[[], Mapping[str, float]],
    clock: Callable[[], float],
) -> None:
    """Let the metrics read these at each scrape; each is by the App's name, of which the settings have few."""
    metrics.counter(
        "sekisho_upstream_unreachable",
        "Connections that an App's upstream refused or did not accept in time",
        lambda: {app: standing.unreachable for app, standing in standings().items()},
        label="app",
    )
    metrics.counter(
        "sekisho_upstream_ejections",
        "Times that an upstream refused connections in a row, and the App's others were asked instead",
        lambda: {app: standing.ejections for app, standing in standings().items()},
        label="app",
    )
    metrics.gauges(
        "sekisho_upstreams_ejected", "Upstreams that are ejected now, once for each worker", ejected, label="app"
    )
    metrics.counter(
        "sekisho_upstream_out_of_turn",
        "Times that a server of the App sent bytes that belong to no request",
        lambda: {app: standing.out_of_turn for app, standing in standings().items()},
        label="app",
    )
    metrics.gauges(
        "sekisho_apps_apart",
        "Workers that use none of the App's connections twice, since one of its servers spoke out of turn",
        lambda: {app: float(standing.is_apart(clock())) for app, standing in standings().items()},
        label="app",
    )
