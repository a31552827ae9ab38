"""The numbers of a process."""

from __future__ import annotations

from gateway.observe.merge import Over, merge
from gateway.observe.worker_metrics import KEPT, EventLoopLag, Usage, lag_families, process_families


def test_each_process_has_series_of_its_own() -> None:
    """Two workers are not one with twice the memory."""
    usage = Usage(1.5, 1_000, 7, 1_024, 100.0, (5, 2, 1))

    merged = merge([tuple(process_families(name, usage)) for name in ("1", "2")])

    numbers = {
        (sample.name, *(value for _, value in sample.labels)): sample.value
        for family in merged
        for sample in family.samples
    }
    assert numbers["sekisho_process_resident_memory_bytes", "1"] == 1_000
    assert numbers["sekisho_process_resident_memory_bytes", "2"] == 1_000
    assert numbers["sekisho_process_cpu_seconds_total", "1"] == 1.5
    assert numbers["sekisho_process_open_fds", "1"] == 7
    assert numbers["sekisho_process_max_fds", "1"] == 1_024
    assert numbers["sekisho_process_start_time_seconds", "1"] == 100
    assert numbers["sekisho_gc_collections_total", "2", "1"] == 1
    assert all(family.over is Over.EACH for family in merged if family.kind == "gauge")


def test_the_largest_lag_of_the_last_minute_is_shown() -> None:
    """It is forgotten after that, and the histogram keeps it."""
    lag = EventLoopLag()

    lag.late(0.2, 0.0)
    lag.late(0.7, 10.0)
    lag.late(0.1, 20.0)

    assert lag.longest(20.0) == 0.7
    assert lag.longest(11.0 + KEPT) == 0.1
    assert lag.longest(21.0 + KEPT) == 0.0
    histogram, longest = lag_families("1", lag, 20.0)
    assert [sample.value for sample in histogram.samples if sample.name.endswith("_count")] == [3]
    assert (longest.samples[0].labels, longest.samples[0].value) == ((("worker", "1"),), 0.7)


def test_lags_that_are_over_are_forgotten() -> None:
    """An hour of looks keeps at most those of a minute."""
    lag = EventLoopLag()

    for moment in range(3_600):
        lag.late(1.0 - moment / 10_000, float(moment))

    assert lag.longest(3_599.0) == 1.0 - (3_599 - KEPT) / 10_000
