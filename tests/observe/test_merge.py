from __future__ import annotations

import pytest

from gateway.observe.merge import Exemplar, Family, Over, Sample, Spread, merge, remembered


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
    """The counts of workers that have ended are part of it."""
    worker = (family("c", "counter", 5.0), family("g", "gauge", 1.0))

    merged = {each.name: each.samples[0].value for each in merge((remembered(worker), worker))}

    assert merged == {"c": 10.0, "g": 1.0}


def test_series_of_one_worker_stay_apart() -> None:
    """They have the worker's name as a label, so nothing meets."""
    one = Family("g", "gauge", "x", (Sample("g", (("worker", "0"),), 3.0),), Over.EACH)
    other = Family("g", "gauge", "x", (Sample("g", (("worker", "1"),), 4.0),), Over.EACH)

    (merged,) = merge([(one,), (other,)])

    assert [sample.value for sample in merged.samples] == [3.0, 4.0]


def spread(within: tuple[int, ...], total: float, request: str = "", at: float = 0.0) -> Family:
    """Return a histogram of one worker, with one request as the exemplar of its first bucket."""
    known = {0: Exemplar((("request_id", request),), 0.05, at)} if request else {}
    labels = (("app", "booking"), ("outcome", "answered"))
    return Family("h", "histogram", "x", spreads=(Spread(labels, within, total, known),), bounds=(0.1, 1.0))


def test_histograms_add_up_bucket_by_bucket() -> None:
    """Each bucket has those below it, the last one has all, and the younger exemplar stands for both workers."""
    workers = [spread((1, 2, 0), 1.5, "old", 5.0), spread((0, 1, 4), 9.0, "young", 6.0)]
    for order in (workers, workers[::-1]):
        (merged,) = merge((each,) for each in order)
        found = {(sample.name, dict(sample.labels).get("le")): sample for sample in merged.samples}

        assert {key: sample.value for key, sample in found.items()} == {
            ("h_bucket", "0.1"): 1,
            ("h_bucket", "1.0"): 4,
            ("h_bucket", "+Inf"): 8,
            ("h_count", None): 8,
            ("h_sum", None): 10.5,
        }
        exemplar = found["h_bucket", "0.1"].exemplar
        assert exemplar is not None
        assert exemplar.labels == (("request_id", "young"),)


def test_a_bucket_has_its_bound_in_the_order_of_the_labels() -> None:
    """Prometheus's client writes labels by name, and a scraper compares them so."""
    (sample, *_) = spread((1, 0, 0), 0.05).samples

    assert [name for name, _ in sample.labels] == ["app", "le", "outcome"]
    assert all(each.exemplar is None for each in spread((1, 0, 0), 0.05).samples)
