"""The instruments: bounded, begun at 0 where every label is closed, and told as families."""

from __future__ import annotations

import pytest

from gateway.observe import instruments
from gateway.observe.instruments import MOST_AT_ZERO, OTHER, Counter, Declared, Histogram, Kind, shown
from gateway.observe.merge import Exemplar, Family, Over, merge


def counted(family: Family) -> dict[tuple[str, ...], float]:
    """Return each sample's value by its name and the values of its labels."""
    return {(sample.name, *(value for _, value in sample.labels)): sample.value for sample in family.samples}


OPENED = Declared(
    name="sekisho_opened",
    kind=Kind.COUNTER,
    meaning="Doors opened",
    labels=("app", "door"),
    closed={"door": ("front", "back")},
)
CLOSED = Declared(
    name="sekisho_closed",
    kind=Kind.COUNTER,
    meaning="Doors closed",
    labels=("door", "how"),
    closed={"door": ("front", "back"), "how": ("softly",)},
)
WAIT = Declared(
    name="sekisho_wait_seconds", kind=Kind.HISTOGRAM, meaning="The wait", labels=("door",), buckets=(0.1, 1.0)
)


def test_a_counter_of_closed_labels_starts_at_zero() -> None:
    """The first event is an increase, and not a series that begins."""
    counter = Counter(CLOSED)

    assert counted(counter.family()) == {
        ("sekisho_closed_total", "front", "softly"): 0,
        ("sekisho_closed_total", "back", "softly"): 0,
    }


def test_a_counter_without_labels_starts_at_zero() -> None:
    """Its only series is closed."""
    assert counted(Counter(Declared(name="sekisho_x", kind=Kind.COUNTER, meaning="x")).family()) == {
        ("sekisho_x_total",): 0
    }


def test_an_open_label_begins_with_the_values_that_become_known() -> None:
    """Beginning again changes no count."""
    counter = Counter(OPENED)

    assert counted(counter.family()) == {}

    counter.begin({"app": ["booking"]})
    counter.add(("booking", "front"), 2)
    counter.begin({"app": ["booking"]})

    assert counted(counter.family()) == {
        ("sekisho_opened_total", "booking", "front"): 2,
        ("sekisho_opened_total", "booking", "back"): 0,
    }


def test_too_many_combinations_begin_as_they_are_counted() -> None:
    """A thousand Apps do not start thousands of series of zeros."""
    counter = Counter(OPENED)

    counter.begin({"app": [f"app{number}" for number in range(MOST_AT_ZERO // 2 + 1)]})

    assert counted(counter.family()) == {}


def test_a_counter_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is counted under `other`, and nothing is lost of the sum."""
    monkeypatch.setattr(instruments, "MOST_SERIES", 3)
    counter = Counter(OPENED)

    for number in range(10):
        counter.add((f"app{number}", "front"))

    assert counted(counter.family())["sekisho_opened_total", OTHER, OTHER] == 7
    assert len(counter.family().samples) == 4


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    """Each bucket holds those below it as well; the last holds all."""
    histogram = Histogram(WAIT)

    for seconds in (0.1, 0.5, 7.0):
        histogram.add(("front",), seconds)
    histogram.merge(("front",), [1, 0, 0], 0.05)

    assert counted(histogram.family()) == {
        ("sekisho_wait_seconds_bucket", "front", "0.1"): 2,
        ("sekisho_wait_seconds_bucket", "front", "1.0"): 3,
        ("sekisho_wait_seconds_bucket", "front", "+Inf"): 4,
        ("sekisho_wait_seconds_count", "front"): 4,
        ("sekisho_wait_seconds_sum", "front"): pytest.approx(7.65),
    }


def test_a_histogram_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a counter is."""
    monkeypatch.setattr(instruments, "MOST_SPREADS", 2)
    histogram = Histogram(WAIT)

    for number in range(5):
        histogram.add((f"door{number}",), 0.5)

    assert counted(histogram.family())["sekisho_wait_seconds_count", OTHER] == 3


def test_a_bucket_shows_its_last_exemplar() -> None:
    """The request that an operator looks up is the last one of its kind, over all workers."""
    older = Exemplar((("request_id", "r1"),), 0.5, 100.0)
    newer = Exemplar((("request_id", "r2"),), 0.6, 200.0)
    one, other = Histogram(WAIT), Histogram(WAIT)
    one.add(("front",), 0.6, newer)
    other.add(("front",), 0.5, older)

    (family,) = merge([(one.family(),), (other.family(),)])

    assert [sample.exemplar for sample in family.samples] == [None, newer, None, None, None]
    assert counted(family)["sekisho_wait_seconds_count", "front"] == 2


def test_numbers_of_another_object_are_told_by_their_declaration() -> None:
    """With name, labels, unit and the way to merge."""
    free = Declared(
        name="sekisho_free_bytes",
        kind=Kind.GAUGE,
        meaning="Free",
        labels=("worker", "disk"),
        unit="bytes",
        over=Over.EACH,
    )

    family = shown(free, {("0", "log"): 5})

    assert (family.name, family.kind, family.unit, family.over) == ("sekisho_free_bytes", "gauge", "bytes", Over.EACH)
    assert family.samples[0].labels == (("disk", "log"), ("worker", "0"))
