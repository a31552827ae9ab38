from __future__ import annotations

import pytest

from gateway.observe.merge import Family, Over, Sample, merge, remembered


def family(name: str, kind: str, value: float, over: Over = Over.SUM) -> Family:
    return Family(name, kind, "x", (Sample(name, (("a", "b"),), value),), over)


@pytest.mark.parametrize(
    ("over", "merged"),
    [(Over.SUM, 5.0), (Over.LARGEST, 3.0), (Over.SMALLEST, 2.0), (Over.ONCE, 2.0), (Over.EACH, 2.0)],
)
def test_a_gauge_merges_as_it_says(over: Over, merged: float) -> None:
    """Two workers with a switch on are one switch; connections add up; one worker that failed is enough."""
    (merged_family,) = merge([(family("g", "gauge", 3.0, over),), (family("g", "gauge", 2.0, over),)])

    assert merged_family.samples[0].value == merged
    assert merged_family.over is over


def test_counts_add_up() -> None:
    """Also of workers that have ended."""
    worker = (family("c", "counter", 5.0), family("g", "gauge", 1.0))

    merged = {each.name: each.samples[0].value for each in merge((remembered(worker), worker))}

    assert merged == {"c": 10.0, "g": 1.0}


def test_series_of_one_worker_stay_apart() -> None:
    """They have the worker's name as a label, so nothing meets."""
    one = Family("g", "gauge", "x", (Sample("g", (("worker", "0"),), 3.0),), Over.EACH)
    other = Family("g", "gauge", "x", (Sample("g", (("worker", "1"),), 4.0),), Over.EACH)

    (merged,) = merge([(one,), (other,)])

    assert [sample.value for sample in merged.samples] == [3.0, 4.0]
