"""The instruments that count and measure: plain dictionaries, bounded, and each declared once.

A declaration (`Declared`) has everything that a reader must know of a metric: its name, unit, labels and meaning, and
how the numbers of several workers merge. The page of metrics is written from the declarations. Every label has a
bounded set of values: names from the settings and policies, and closed words. No path, host, address, user agent or
person is ever a label. `metrics` has the instruments of one worker, and `prometheus_text` writes their numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import product
from math import prod
from typing import Final

from gateway.observe.merge import Exemplar, Family, Over, Sample, Spread

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the latency histograms, in seconds."""

MOST_SERIES: Final = 10_000
"""Label combinations of one metric at most. The rest is counted under `other`: a guard, never met in earnest."""

MOST_SPREADS: Final = 5_000
"""Label combinations of one histogram at most: each of them has as many series as there are buckets, and two more."""

MOST_AT_ZERO: Final = 1_000
"""Label combinations of one metric that start at 0 before anything is counted. A larger set begins as it is counted."""

OTHER: Final = "other"

Key = tuple[str, ...]
"""The values of a metric's labels, in the order of its declaration."""


class Kind(StrEnum):
    """The kinds of metrics."""

    COUNTER = "counter"
    """Only grows. Its sample's name ends in `_total`."""
    GAUGE = "gauge"
    """Goes up and down."""
    HISTOGRAM = "histogram"
    """Counts values by size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The declaration of one metric."""

    name: str
    """Without `_total`."""
    kind: Kind
    meaning: str
    """One sentence for the operator, without a full stop."""
    labels: tuple[str, ...] = ()
    unit: str = ""
    """`seconds`, `bytes` or nothing; the name ends with it."""
    over: Over = Over.SUM
    closed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The labels whose every value is known beforehand, each with its values."""
    buckets: tuple[float, ...] = BUCKETS

    @property
    def sample(self) -> str:
        """The name of its sample, as queries write it; a histogram's has three."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name

    def at_zero(self, known: Mapping[str, Collection[str]]) -> Iterator[Key]:
        """Yield each combination of labels of which every value is closed, or `known`, unless they are too many."""
        values: list[Collection[str]] = []
        for label in self.labels:
            found = known.get(label, self.closed.get(label))
            if found is None:
                return
            values.append(found)
        if prod(map(len, values)) <= MOST_AT_ZERO:
            yield from product(*values)

    def labelled(self, key: Key) -> tuple[tuple[str, str], ...]:
        """Return the labels of one combination, sorted by their names."""
        labels = self.labels
        return tuple([(labels[place], key[place]) for place in _order(labels)])

    def family(self, samples: Sequence[Sample]) -> Family:
        """Return the metric with its samples."""
        return Family(self.name, self.kind.value, self.meaning, tuple(samples), self.over, self.unit)


@cache
def _order(labels: tuple[str, ...]) -> tuple[int, ...]:
    """Return the places of the labels, in the order of their names."""
    return tuple(sorted(range(len(labels)), key=labels.__getitem__))


def shown(declared: Declared, numbers: Mapping[Key, float]) -> Family:
    """Return numbers that another object keeps as a counter or gauge."""
    return declared.family([Sample(declared.sample, declared.labelled(key), value) for key, value in numbers.items()])


class Counter:
    """A counter by labels. Each combination of closed labels starts at 0."""

    __slots__ = ("_values", "declared")

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self._values: dict[Key, float] = {}
        self.begin({})

    def begin(self, known: Mapping[str, Collection[str]]) -> None:
        """Start at 0 for these values of labels as well, such as the names of the Apps.

        A series that begins with its first event shows no increase, so an alert would miss that event.
        """
        for key in self.declared.at_zero(known):
            self.add(key, 0)

    def add(self, key: Key, amount: float = 1) -> None:
        """Count."""
        values = self._values
        if key not in values and len(values) >= MOST_SERIES:
            key = (OTHER,) * len(self.declared.labels)
        values[key] = values.get(key, 0) + amount

    def family(self) -> Family:
        """Return the numbers so far."""
        return shown(self.declared, self._values)


class _Spread:
    """The numbers of one combination of labels of a histogram."""

    __slots__ = ("exemplars", "total", "within")

    def __init__(self, buckets: int) -> None:
        self.within = [0] * buckets
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}


class Histogram:
    """A histogram by labels. Each bucket can name one request as an exemplar."""

    __slots__ = ("_spreads", "declared")

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self._spreads: dict[Key, _Spread] = {}
        self.begin({})

    def begin(self, known: Mapping[str, Collection[str]]) -> None:
        """Start at 0 for these values of labels, as a counter does."""
        for key in self.declared.at_zero(known):
            self._spread(key)

    def add(self, key: Key, value: float, exemplar: Exemplar | None = None) -> None:
        """Count one value; `exemplar` stands for its bucket from now on."""
        spread = self._spread(key)
        position = bisect_left(self.declared.buckets, value)
        spread.within[position] += 1
        spread.total += value
        if exemplar is not None:
            spread.exemplars[position] = exemplar

    def merge(self, key: Key, within: Sequence[int], total: float, exemplars: Mapping[int, Exemplar] = {}) -> None:
        """Count values that the caller has sorted into buckets: the number in each, without those below."""
        spread = self._spread(key)
        for position, count in enumerate(within):
            spread.within[position] += count
        spread.total += total
        spread.exemplars.update(exemplars)

    def _spread(self, key: Key) -> _Spread:
        spread = self._spreads.get(key)
        if spread is None:
            if len(self._spreads) >= MOST_SPREADS:
                key = (OTHER,) * len(self.declared.labels)
            spread = self._spreads.setdefault(key, _Spread(len(self.declared.buckets) + 1))
        return spread

    def family(self) -> Family:
        """Return the numbers so far."""
        declared = self.declared
        spreads = tuple(
            Spread(declared.labelled(key), tuple(spread.within), spread.total, dict(spread.exemplars))
            for key, spread in self._spreads.items()
        )
        return Family(
            declared.name,
            declared.kind.value,
            declared.meaning,
            over=declared.over,
            unit=declared.unit,
            spreads=spreads,
            bounds=declared.buckets,
        )
