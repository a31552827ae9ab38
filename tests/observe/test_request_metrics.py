"""The numbers of finished requests."""

from __future__ import annotations

import pytest

from gateway.observe import instruments, request_metrics
from gateway.observe.instruments import OTHER
from gateway.observe.metrics import Metrics
from gateway.observe.request_metrics import FOLD_AT
from tests.observe.metric_values import line, samples, value


def test_requests_are_counted_by_app_class_and_verdict() -> None:
    """More of them than are folded at once, and a few that wait to be."""
    metrics = Metrics("1.0")

    for _ in range(FOLD_AT + 3):
        metrics.finished(line())
    metrics.finished(line(status=503, verdict="error"))

    assert value(metrics, "sekisho_requests_total", app="booking", status="2xx", verdict="permit") == FOLD_AT + 3
    assert value(metrics, "sekisho_requests_total", app="booking", status="5xx", verdict="error") == 1
    assert value(metrics, "sekisho_bytes_total", app="booking", direction="out") == 100 * (FOLD_AT + 4)


def test_durations_fall_into_their_buckets() -> None:
    """A bucket counts what is at most its bound, and all below it."""
    metrics = Metrics("1.0")

    for seconds in (0.001, 0.004, 99.0):
        metrics.finished(line(seconds=seconds))

    def within(bound: str) -> float:
        return value(metrics, "sekisho_request_seconds_bucket", app="booking", le=bound)

    assert (within("0.001"), within("0.005"), within("30.0"), within("+Inf")) == (1, 2, 2, 3)
    assert value(metrics, "sekisho_request_seconds_sum", app="booking") == pytest.approx(99.005)
    assert value(metrics, "sekisho_request_seconds_count", app="booking") == 3


def test_looking_twice_counts_once() -> None:
    """A scrape changes nothing."""
    metrics = Metrics("1.0")
    metrics.finished(line())

    assert samples(metrics) == samples(metrics)


def test_denials_name_rule_and_reason() -> None:
    """Why people are refused is what an office wants to see first."""
    metrics = Metrics("1.0")

    metrics.finished(line(verdict="deny", status=403, reason="condition_no:adult"))
    metrics.finished(line(verdict="deny", status=403, reason="condition_no:adult,condition_unknown:resident"))

    labels = {"app": "booking", "rule": "booking/reserve"}
    assert value(metrics, "sekisho_denials_total", reason="condition_no:adult", **labels) == 2
    assert value(metrics, "sekisho_denials_total", reason="condition_unknown:resident", **labels) == 1

    metrics.refused("booking", "booking/reserve", ["condition_no:adult"])

    assert value(metrics, "sekisho_denials_total", reason="condition_no:adult", **labels) == 3


def test_five_thousand_paths_are_one_series() -> None:
    """Nothing a client can choose is a label."""
    metrics = Metrics("1.0")
    metrics.finished(line())
    before = len(samples(metrics))

    for number in range(5_000):
        metrics.finished(
            line(
                path=f"/app/{number}",
                host=f"h{number}",
                method=f"M{number}",
                client=f"c{number}",
                request_id=f"{number}",
            )
        )

    assert len(samples(metrics)) == before


def test_labels_that_grow_all_the_same_end_in_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a label ever be unbounded by mistake, memory is not."""
    monkeypatch.setattr(instruments, "MOST_SERIES", 3)
    monkeypatch.setattr(request_metrics, "MOST_SERIES", 3)
    metrics = Metrics("1.0")

    for number in range(10):
        metrics.finished(line(app=f"app{number}", verdict="deny"))
        metrics.gateway.limited(f"limit{number}")

    assert value(metrics, "sekisho_limits_met_total", limit=OTHER) == 7
    assert value(metrics, "sekisho_requests_total", app=OTHER, status=OTHER, verdict=OTHER) == 7
    assert value(metrics, "sekisho_denials_total", app=OTHER, rule=OTHER, reason=OTHER) == 7
