"""Builds access lines and reads a worker's numbers, for the tests of metrics."""

from __future__ import annotations

from gateway.observe.access_log import AccessLine
from gateway.observe.metrics import Metrics


def line(**changes: object) -> AccessLine:
    values: dict[str, object] = {
        "time": 1_795_402_800.0,
        "request_id": "r1",
        "client": "198.51.100.7",
        "method": "GET",
        "host": "app.gw.test",
        "path": "/reserve/42",
        "status": 200,
        "app": "booking",
        "verdict": "permit",
        "rule": "booking/reserve",
        "seconds": 0.004,
        "upstream_seconds": 0.003,
        "bytes_out": 100,
    }
    return AccessLine(**(values | changes))  # type: ignore[arg-type]


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every number by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels)): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """Return one number."""
    return samples(metrics)[name, frozenset(labels.items())]
