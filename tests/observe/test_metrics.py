"""The metrics of one worker, by concern."""

from __future__ import annotations

from gateway.observe.instruments import Declared, Histogram, Key, Kind
from gateway.observe.merge import Family, Sample
from gateway.observe.metrics import Metrics
from tests.observe.metric_values import line, value


def test_a_reload_that_is_refused_for_the_first_time_is_an_increase() -> None:
    """Series of closed labels are there from 0, and so are those of each App once the settings name it."""
    metrics = Metrics("1.0")
    metrics.begin(["booking"])

    assert value(metrics, "sekisho_reloads_total", what="settings", outcome="refused") == 0
    assert value(metrics, "sekisho_request_seconds_count", app="booking", cause="store") == 0
    assert value(metrics, "sekisho_header_values_troubled_total", app="booking", trouble="left_out") == 0


def test_numbers_of_other_objects_are_read_when_they_are_asked_for() -> None:
    """Nothing is counted twice."""
    metrics = Metrics("1.0")
    cached: dict[Key, float] = {(): 5.0}
    metrics.show(Declared(name="sekisho_cached", kind=Kind.GAUGE, meaning="Sessions in memory"), lambda: cached)
    doors = Declared(name="sekisho_doors", kind=Kind.COUNTER, meaning="Doors opened", labels=("door",))
    metrics.show(doors, lambda: {("front",): 3})

    cached[()] = 6.0

    assert value(metrics, "sekisho_cached") == 6
    assert value(metrics, "sekisho_doors_total", door="front") == 3


def test_every_concern_is_counted() -> None:
    """One method of each, and the families that are sent to the supervisor have all."""
    metrics = Metrics("1.0")

    metrics.finished(line())
    metrics.requests.refused("booking", "booking/reserve", ["condition_no:adult"])
    metrics.sign_ins.sign_in("booking", "cancelled")
    metrics.gateway.limited("headers")

    names = [family.name for family in metrics.families()]
    assert len(names) == len(set(names))
    assert {"sekisho_requests", "sekisho_denials", "sekisho_sign_ins", "sekisho_limits_met"} <= set(names)


def test_histograms_and_families_of_other_objects_are_shown_as_they_are() -> None:
    """A store feeds its own histogram, and a pool makes its numbers at each scrape."""
    metrics = Metrics("1.0")
    kind = Declared(name="sekisho_waits", kind=Kind.HISTOGRAM, meaning="Waits", unit="seconds", buckets=(1.0,))
    waits = metrics.keep(Histogram(kind))
    made: list[Family] = []
    metrics.add(lambda: made)

    waits.add((), 0.5)
    made.append(Family("sekisho_pool", "gauge", "x", (Sample("sekisho_pool", (), 3.0),)))

    assert value(metrics, "sekisho_waits_bucket", le="1.0") == 1
    assert value(metrics, "sekisho_pool") == 3
