from __future__ import annotations

from gateway.console.numbers import Numbers
from gateway.observe.merge import Families, Family, Sample


def families(*values: tuple[str, str, float]) -> Families:
    samples = tuple(Sample("n_total", (("app", app), ("status", status)), value) for app, status, value in values)
    return (Family("n", "counter", "", samples),)


def test_numbers_are_read_by_label() -> None:
    """Sums of what fits; a name that is not there sums to nothing."""
    numbers = Numbers(families(("a", "2xx", 3), ("a", "5xx", 1), ("b", "2xx", 7)))

    assert numbers.total("n_total") == 11
    assert numbers.total("n_total", lambda labels: labels["app"] == "a") == 4
    assert numbers.by("n_total", "status") == {"2xx": 10, "5xx": 1}
    assert numbers.by("n_total", "app", lambda labels: labels["status"] == "5xx") == {"a": 1}
    assert numbers.by("n_total", "other") == {"": 11}
    assert numbers.total("m_total") == 0


def test_only_what_is_asked_for_is_read() -> None:
    """Nothing else takes room."""
    numbers = Numbers(families(("a", "2xx", 3)), frozenset({"m_total"}))

    assert numbers.total("n_total") == 0


def test_numbers_since_then_are_what_was_added() -> None:
    """A series that is new counts whole, and so does one that has begun anew."""
    then = Numbers(families(("a", "2xx", 3), ("b", "2xx", 7)))
    now = Numbers(families(("a", "2xx", 5), ("b", "2xx", 2), ("c", "2xx", 1)))

    assert now.since(then).by("n_total", "app") == {"a": 2, "b": 2, "c": 1}
