"""Builds the numbers of a gateway with many Apps, whose every App has had every usual thing happen to it."""

from __future__ import annotations

from gateway.observe.gateway_metrics import LIMITS
from gateway.observe.merge import Families, merge
from gateway.observe.metrics import Metrics
from gateway.observe.sign_in_metrics import OUTCOMES
from gateway.observe.store_metrics import Store, StoreMetrics
from gateway.observe.supervision_metrics import SupervisionMetrics
from gateway.observe.system_process import usage
from gateway.observe.worker_metrics import EventLoopLag, lag_families, process_families
from gateway.session.prometheus_sessions import show_sessions
from gateway.session.redis_sessions import SessionsStatus
from gateway.upstream.prometheus_upstreams import show_upstreams
from gateway.upstream.standing import Standing
from tests.observe.metric_values import line

ENDS = (
    {"status": 200},
    {"status": 304},
    {"status": 404},
    {"status": 401, "verdict": "challenge"},
    {"status": 403, "verdict": "deny", "reason": "condition_no:adult"},
    {"status": 502, "verdict": "error", "reason": "upstream_unreachable"},
    {"status": 503, "verdict": "error", "reason": "store_unavailable"},
    {"status": 503, "verdict": "error", "reason": "maintenance"},
)
"""The ends of requests that every App has sooner or later."""


def worker_numbers(name: str, apps: int) -> Families:
    """Return the numbers of one worker."""
    metrics = Metrics("1.0")
    stores = StoreMetrics(metrics)
    lag = EventLoopLag()
    lag.late(0.01, 0.0)
    names = [f"app{number}" for number in range(apps)]
    metrics.begin(names)
    standings = {app: Standing() for app in names}
    show_sessions(metrics, SessionsStatus)
    show_upstreams(metrics, lambda: standings, lambda: dict.fromkeys(names, 0.0), lambda: 0.0)
    metrics.add(lambda: process_families(name, usage()))
    metrics.add(lambda: lag_families(name, lag, 0.0))
    for store in Store:
        stores.watch(store, lambda: (1, 2), 16)
        stores.of(store)("", 0.001)
    for app in names:
        for end in ENDS:
            metrics.finished(line(app=app, rule=f"{app}/reserve", **end))
        for outcome in OUTCOMES[:5]:
            metrics.sign_ins.sign_in(app, outcome)
    for limit in LIMITS:
        metrics.gateway.limited(limit)
    return metrics.families()


def gateway_numbers(apps: int) -> Families:
    """Return the numbers of a gateway with two workers."""
    supervision = SupervisionMetrics("0" * 12, lambda: 1_795_402_800.0)
    whole = tuple(supervision.families(wanted=2, workers=2, leaving=0, file="0" * 12))
    return merge((whole, *(worker_numbers(str(number), apps) for number in (1, 2))))
