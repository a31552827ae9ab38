from __future__ import annotations

from gateway.console.numbers import Numbers
from gateway.console.today import Today
from gateway.instant import start_of, tokyo_day
from gateway.observe.merge import Family, Sample
from tests.builders import NOON


def numbers(count: float) -> Numbers:
    return Numbers((Family("n", "counter", "", (Sample("n_total", (), count),)),))


def test_a_day_counts_from_midnight_in_japan() -> None:
    """Until then from the start of the gateway; afterwards from what the last look before midnight saw."""
    midnight = start_of(tokyo_day(NOON)) + 86_400
    today = Today(NOON)

    first = today.look(numbers(5), NOON + 60)
    today.look(numbers(9), midnight - 1)
    second = today.look(numbers(10), midnight + 30)
    third = today.look(numbers(12), midnight + 3_600)

    assert (first.numbers.total("n_total"), first.since) == (5, NOON)
    assert (second.numbers.total("n_total"), second.since) == (1, midnight)
    assert (third.numbers.total("n_total"), third.since) == (3, midnight)
