"""Reads single numbers out of the gateway's metrics, for pages. The metrics' own modules say what each means."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from gateway.observe.merge import Families

Labels = Mapping[str, str]


class Numbers:
    """The numbers of one moment."""

    def __init__(self, families: Families, only: Collection[str] | None = None) -> None:
        """Read the samples of these names, or all of them: a gateway of a thousand Apps has very many."""
        self._samples: dict[str, list[tuple[Labels, float]]] = {}
        for family in families:
            if only is not None and not any(name.startswith(family.name) for name in only):
                continue
            for sample in family.samples:
                if only is not None and sample.name not in only:
                    continue
                self._samples.setdefault(sample.name, []).append((dict(sample.labels), sample.value))

    def each(self, name: str) -> Iterator[tuple[Labels, float]]:
        """Yield a sample's numbers with their labels."""
        yield from self._samples.get(name, ())

    def total(self, name: str, fits: Callable[[Labels], bool] = lambda _: True) -> float:
        """Return the sum of a sample's numbers whose labels fit."""
        return sum(value for labels, value in self.each(name) if fits(labels))

    def by(self, name: str, label: str, fits: Callable[[Labels], bool] = lambda _: True) -> dict[str, float]:
        """Return the sums of a sample's numbers by one label."""
        found: dict[str, float] = {}
        for labels, value in self.each(name):
            if fits(labels):
                found[labels.get(label, "")] = found.get(labels.get(label, ""), 0.0) + value
        return found

    def since(self, before: Numbers) -> Numbers:
        """Return how much each number has grown since then; one that is smaller now began anew, and counts whole."""
        grown = Numbers(())
        for name, samples in self._samples.items():
            then = {tuple(sorted(labels.items())): value for labels, value in before.each(name)}
            grown._samples[name] = [
                (labels, value - known if (known := then.get(tuple(sorted(labels.items())), 0.0)) <= value else value)
                for labels, value in samples
            ]
        return grown
