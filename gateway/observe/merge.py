"""Merges the numbers of many workers into one gateway's: counters add up, and those of ended workers stay.

Each family says how its numbers merge (`Over`), so that the supervisor merges what it knows nothing of. `instruments`
makes the families, and the supervisor asks the workers for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import assert_never

import msgspec


class Over(StrEnum):
    """How the numbers of several workers become the gateway's. Counters and histograms always add up."""

    SUM = "sum"
    """The numbers add up."""
    LARGEST = "largest"
    """The largest number is shown."""
    SMALLEST = "smallest"
    """The smallest number is shown, so one worker that fails is enough."""
    ONCE = "once"
    """Every worker sees the same thing, so the number of the worker that was asked last is shown."""
    EACH = "each"
    """Every worker has a series of its own, by the label `worker`."""


class Exemplar(msgspec.Struct, frozen=True, array_like=True):
    """One request that stands for many in the bucket of a histogram."""

    labels: tuple[tuple[str, str], ...]
    """`request_id` or `trace_id`: never a name of a person."""
    value: float
    time: float
    """Unix seconds."""


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One number of a metric."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float
    exemplar: Exemplar | None = None


class Spread(msgspec.Struct, frozen=True, array_like=True):
    """One combination of labels of a histogram. Its samples, one for each bucket, are made where they are written."""

    labels: tuple[tuple[str, str], ...]
    within: tuple[int, ...]
    """The number of values in each bucket, without those of the buckets below."""
    total: float
    exemplars: dict[int, Exemplar] = {}
    """By the number of the bucket."""


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric with all its numbers, as a worker sends it."""

    name: str
    kind: str
    """`counter`, `histogram` or `gauge`."""
    documentation: str
    numbers: tuple[Sample, ...] = ()
    over: Over = Over.SUM
    unit: str = ""
    spreads: tuple[Spread, ...] = ()
    """The numbers of a histogram."""
    bounds: tuple[float, ...] = ()
    """The upper bounds of its buckets; the last bucket has none."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Every number as Prometheus has it: of a histogram each bucket with those below it, the count, and the sum."""
        found = list(self.numbers)
        words = (*map(str, self.bounds), "+Inf")
        for spread in self.spreads:
            so_far = 0
            before = tuple(each for each in spread.labels if each[0] < "le")
            after = spread.labels[len(before) :]
            for position, (bound, count) in enumerate(zip(words, spread.within, strict=True)):
                so_far += count
                labels = (*before, ("le", bound), *after)
                found.append(Sample(f"{self.name}_bucket", labels, so_far, spread.exemplars.get(position)))
            found.append(Sample(f"{self.name}_count", spread.labels, so_far))
            found.append(Sample(f"{self.name}_sum", spread.labels, spread.total))
        return tuple(found)


Families = tuple[Family, ...]

_ADDS_UP = frozenset({"counter", "histogram"})


def merge(every: Iterable[Families]) -> Families:
    """Return the numbers of the whole gateway from those of its workers."""
    firsts: dict[str, Family] = {}
    numbers: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], Sample]] = {}
    spreads: dict[str, dict[tuple[tuple[str, str], ...], Spread]] = {}
    for families in every:
        for family in families:
            first = firsts.setdefault(family.name, family)
            into = numbers.setdefault(family.name, {})
            for sample in family.numbers:
                key = (sample.name, sample.labels)
                known = into.get(key)
                into[key] = sample if known is None else _both(first, known, sample)
            spread_into = spreads.setdefault(family.name, {})
            for spread in family.spreads:
                wide = spread_into.get(spread.labels)
                spread_into[spread.labels] = spread if wide is None else _both_spreads(wide, spread)
    return tuple(
        msgspec.structs.replace(first, numbers=tuple(numbers[name].values()), spreads=tuple(spreads[name].values()))
        for name, first in firsts.items()
    )


def _both_spreads(known: Spread, spread: Spread) -> Spread:
    """Return two workers' numbers as one, with the younger of their exemplars in each bucket."""
    exemplars = dict(known.exemplars)
    for position, exemplar in spread.exemplars.items():
        if position not in exemplars or exemplars[position].time <= exemplar.time:
            exemplars[position] = exemplar
    within = tuple(one + other for one, other in zip(known.within, spread.within, strict=True))
    return Spread(known.labels, within, known.total + spread.total, exemplars)


def _both(family: Family, known: Sample, sample: Sample) -> Sample:
    """Return two workers' numbers as one."""
    over = Over.SUM if family.kind in _ADDS_UP else family.over
    return Sample(known.name, known.labels, _over(over, known.value, sample.value))


def _over(over: Over, known: float, value: float) -> float:
    match over:
        case Over.SUM:
            return known + value
        case Over.LARGEST:
            return max(known, value)
        case Over.SMALLEST:
            return min(known, value)
        case Over.ONCE | Over.EACH:
            return value
        case _:
            assert_never(over)


def remembered(families: Families) -> Families:
    """Return what stays true of a worker that has ended: its counts, not its gauges."""
    return tuple(family for family in families if family.kind in _ADDS_UP)
