"""The metrics of one worker, by concern: requests, sign-ins, the gateway itself, and numbers that other objects keep.

`instruments` says how each is declared, `merge` how those of several workers become the gateway's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from gateway.observe.access_log import AccessLine
from gateway.observe.gateway_metrics import GatewayMetrics
from gateway.observe.instruments import Declared, Histogram, Key, shown
from gateway.observe.lines import LineKind
from gateway.observe.merge import Families, Family
from gateway.observe.request_metrics import RequestMetrics
from gateway.observe.sign_in_metrics import SignInMetrics

Numbers = Callable[[], Mapping[Key, float]]
"""Returns the numbers of a metric that another object keeps, by its labels; without labels, by `()`."""


class Metrics:
    """The numbers of one worker. Methods are for the event loop's thread alone, but for reading `lost`."""

    def __init__(self, version: str, *, lost: Callable[[], Mapping[LineKind, int]] = dict) -> None:
        """Take the gateway's version and how to ask for the numbers of lost log lines."""
        self.requests = RequestMetrics()
        self.sign_ins = SignInMetrics()
        self.gateway = GatewayMetrics(version, lost)
        self._added: list[Callable[[], Iterable[Family]]] = []
        self._shown: dict[str, tuple[Declared, Numbers]] = {}
        self._kept: list[Histogram] = []

    def begin(self, apps: Collection[str]) -> None:
        """Start at 0 for the Apps that the settings name."""
        self.requests.begin(apps)
        self.sign_ins.begin(apps)

    def keep(self, histogram: Histogram) -> Histogram:
        """Show a histogram that another object feeds, and return it."""
        self._kept.append(histogram)
        return histogram

    def show(self, declared: Declared, numbers: Numbers) -> None:
        """Show numbers that another object keeps, read at each scrape."""
        self._shown[declared.name] = (declared, numbers)

    def add(self, families: Callable[[], Iterable[Family]]) -> None:
        """Show metrics that another object makes, at each scrape."""
        self._added.append(families)

    def finished(self, line: AccessLine) -> None:
        """Count one finished request, soon."""
        self.requests.finished(line)

    def collect(self) -> Iterator[Family]:
        """Yield every metric."""
        yield from self.requests.families()
        yield from self.sign_ins.families()
        yield from self.gateway.families()
        for histogram in self._kept:
            yield histogram.family()
        for families in self._added:
            yield from families()
        for declared, numbers in self._shown.values():
            yield shown(declared, numbers())

    def families(self) -> Families:
        """Return all metrics as values that can be sent to another process, and merged there."""
        return tuple(self.collect())
