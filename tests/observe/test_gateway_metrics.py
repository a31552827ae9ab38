"""The numbers of the gateway itself."""

from __future__ import annotations

from gateway.observe.lines import LineKind
from gateway.observe.metrics import Metrics
from tests.observe.metric_values import samples, value


def test_the_gateway_counts_what_it_does() -> None:
    """Connections, limits, reloads, switches, lost lines and the build."""
    metrics = Metrics("1.0", lost=lambda: {LineKind.AUDIT: 7})

    metrics.gateway.connections(+1)
    metrics.gateway.connections(+1)
    metrics.gateway.connections(-1)
    metrics.gateway.limited("headers")
    metrics.gateway.reload("settings", "refused")
    metrics.gateway.switches_on(["stop", "maintenance"])

    assert value(metrics, "sekisho_connections") == 1
    assert value(metrics, "sekisho_connections_opened_total") == 2
    assert value(metrics, "sekisho_limits_met_total", limit="headers") == 1
    assert value(metrics, "sekisho_reloads_total", what="settings", outcome="refused") == 1
    assert value(metrics, "sekisho_reloads_total", what="certificate", outcome="refused") == 0
    assert value(metrics, "sekisho_switch_on", switch="stop") == 1
    assert value(metrics, "sekisho_log_lines_lost_total", kind="audit") == 7
    assert value(metrics, "sekisho_log_lines_lost_total", kind="access") == 0
    assert value(metrics, "sekisho_log_lines_lost_total", kind="event") == 0
    assert any(name == "sekisho_build_info" and ("version", "1.0") in labels for name, labels in samples(metrics))
