"""Merges the numbers of many workers into one gateway's: counters add up, and those of ended workers stay.

`prometheus_metrics` has a worker's numbers; the supervisor asks the workers for them.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One number of a metric."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric with all its samples, as a worker sends it."""

    name: str
    kind: str
    """`counter`, `histogram` or `gauge`."""
    documentation: str
    samples: tuple[Sample, ...]


Families = tuple[Family, ...]

_ADDS_UP = frozenset({"counter", "histogram"})

_SAME = frozenset({"sekisho_build_info", "sekisho_switch_on", "sekisho_files_held"})
"""Gauges that every worker shows of the same thing: two workers with a switch on are one switch."""


def merge(every: Iterable[Families]) -> Families:
    """Return the sum of all workers' values, and for a metric in `_SAME` the largest one."""
    kinds: dict[str, tuple[str, str]] = {}
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for families in every:
        for family in families:
            kinds.setdefault(family.name, (family.kind, family.documentation))
            into = sums.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, sample.labels)
                known = into.get(key, 0.0)
                into[key] = max(known, sample.value) if family.name in _SAME else known + sample.value
    return tuple(
        Family(name, kind, documentation, tuple(Sample(*key, value) for key, value in sums[name].items()))
        for name, (kind, documentation) in kinds.items()
    )


def remembered(families: Families) -> Families:
    """Return what stays true of a worker that has ended: its counts, not its gauges."""
    return tuple(family for family in families if family.kind in _ADDS_UP)
