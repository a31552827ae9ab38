"""Writes metrics in Prometheus's text format, or in OpenMetrics, which has exemplars as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import prometheus_client.openmetrics.exposition as openmetrics
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import Exemplar, Metric
from prometheus_client.registry import Collector

from gateway.observe.merge import Families

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class _Shown(Collector):
    """Shows our numbers to Prometheus's client."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield each family as the library's metric."""
        for family in self._families:
            metric = Metric(family.name, family.documentation, family.kind, family.unit)
            for sample in family.samples:
                told = sample.exemplar
                exemplar = None if told is None else Exemplar(dict(told.labels), told.value, told.time)
                metric.add_sample(sample.name, dict(sample.labels), sample.value, exemplar=exemplar)
            yield metric


def wants_openmetrics(accept: str) -> bool:
    """Whether an `Accept` field prefers OpenMetrics 1.0.0 to the older text, as Prometheus's does."""
    best: dict[str, float] = {}
    for each in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        told = dict(part.partition("=")[::2] for part in parameters)
        if kind == "application/openmetrics-text" and told.get("version", "1.0.0") != "1.0.0":
            continue
        try:
            weight = float(told.get("q", "1"))
        except ValueError:
            weight = 0.0
        best[kind] = max(weight, best.get(kind, 0.0))
    wanted = best.get("application/openmetrics-text", 0.0)
    return wanted > 0.0 and wanted >= max(best.get("text/plain", 0.0), best.get("*/*", 0.0))


def expose(families: Families, *, as_openmetrics: bool = False) -> bytes:
    """Return metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Shown(families))
    if as_openmetrics:
        return cast("bytes", openmetrics.generate_latest(registry))  # type: ignore[no-untyped-call]
    return exposition.generate_latest(registry)
