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


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric with all its samples, as a worker sends it."""

    name: str
    kind: str
    """`counter`, `histogram` or `gauge`."""
    documentation: str
    samples: tuple[Sample, ...]
    over: Over = Over.SUM
    unit: str = ""


Families = tuple[Family, ...]

_ADDS_UP = frozenset({"counter", "histogram"})


def merge(every: Iterable[Families]) -> Families:
    """Return the numbers of the whole gateway from those of its workers."""
    firsts: dict[str, Family] = {}
    merged: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], Sample]] = {}
    for families in every:
        for family in families:
            first = firsts.setdefault(family.name, family)
            into = merged.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, sample.labels)
                known = into.get(key)
                into[key] = sample if known is None else _both(first, known, sample)
    return tuple(
        Family(name, first.kind, first.documentation, tuple(merged[name].values()), first.over, first.unit)
        for name, first in firsts.items()
    )


def _both(family: Family, known: Sample, sample: Sample) -> Sample:
    """Return two workers' numbers as one, with the younger of their exemplars."""
    over = Over.SUM if family.kind in _ADDS_UP else family.over
    value = _over(over, known.value, sample.value)
    exemplars = [each for each in (known.exemplar, sample.exemplar) if each is not None]
    return Sample(known.name, known.labels, value, max(exemplars, key=lambda each: each.time, default=None))


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
