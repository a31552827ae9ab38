"""The metrics of one worker, in a registry of their own, and the observer that feeds them.

On the hot path a finished request is appended to a list and nothing more; the list is folded into plain numbers every
few hundred requests and at each scrape, and the numbers become Prometheus samples only then. Every label has a bounded
set of values: names from the settings and policies, and closed words. No path, host, address, user agent or person is
ever a label.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from gateway.observe.access_log import AccessLine
from gateway.observe.audit import audit_entry
from gateway.observe.events import Event
from gateway.observe.lines import LOST_MEANING, LOST_NAME, LineKind, lost_by_kind
from gateway.observe.merge import Families, Family, Sample
from gateway.observe.thread_access_log import AccessLog

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency histograms, in seconds."""

FOLD_AT: Final = 64
"""Finished requests kept before they are folded."""

MOST_SERIES: Final = 2_000
"""Label combinations of one metric at most. The rest is counted under `other`: a guard, never met in earnest."""

OTHER: Final = "other"

RELOADED: Final = ("settings", "policies", "switches", "certificate")
OUTCOMES: Final = ("adopted", "refused", "held")
"""The gateway counts each thing that it reads anew, and the outcome."""

_log = structlog.get_logger()


class _Counts:
    """A counter by labels, as a plain dictionary, bounded."""

    __slots__ = ("documentation", "labels", "name", "values")

    def __init__(self, name: str, documentation: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self.documentation = documentation
        self.labels = labels
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, key: tuple[str, ...], amount: float = 1) -> None:
        values = self.values
        if key not in values and len(values) >= MOST_SERIES:
            key = (OTHER,) * len(self.labels)
        values[key] = values.get(key, 0) + amount

    def collect(self) -> CounterMetricFamily:
        family = CounterMetricFamily(self.name, self.documentation, labels=self.labels)
        for key, value in self.values.items():
            family.add_metric(key, value)
        return family


class _Spread:
    """A histogram by labels, as plain lists, bounded. The last place of a list is the sum."""

    __slots__ = ("documentation", "labels", "name", "values")

    def __init__(self, name: str, documentation: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self.documentation = documentation
        self.labels = labels
        self.values: dict[tuple[str, ...], list[float]] = {}

    def add(self, key: tuple[str, ...], seconds: float) -> None:
        found = self.values.get(key)
        if found is None:
            if len(self.values) >= MOST_SERIES:
                key = (OTHER,) * len(self.labels)
            found = self.values.setdefault(key, [0.0] * (len(BUCKETS) + 2))
        found[bisect_left(BUCKETS, seconds)] += 1
        found[-1] += seconds

    def merge(self, key: tuple[str, ...], within: list[int], total: float) -> None:
        found = self.values.setdefault(key, [0.0] * (len(BUCKETS) + 2))
        for position, count in enumerate(within):
            found[position] += count
        found[-1] += total

    def collect(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(self.name, self.documentation, labels=self.labels)
        for key, counts in self.values.items():
            so_far = 0.0
            buckets: list[tuple[str, float]] = []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts[:-1], strict=True):
                so_far += count
                buckets.append((bound, so_far))
            family.add_metric(key, buckets, counts[-1])
        return family


class _Cell:
    """The counters of one App, class of status and verdict: one look-up serves all of them."""

    __slots__ = ("bytes_in", "bytes_out", "requests", "seconds", "upstream_seconds", "upstream_within", "within")

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.seconds = 0.0
        self.upstream_seconds = 0.0
        self.within = [0] * (len(BUCKETS) + 1)
        self.upstream_within = [0] * (len(BUCKETS) + 1)


class Metrics:
    """The numbers of one worker. Methods are for the event loop's thread alone, but for reading `lost`."""

    def __init__(self, version: str, *, lost: Callable[[], Mapping[LineKind, int]] = dict) -> None:
        """Take the gateway's version and how to ask for the numbers of lost log lines."""
        self._cells: dict[tuple[str, int, str], _Cell] = {}
        self._denials = _Counts(
            "sekisho_denials",
            "Refusals by App, rule and reason; one with two reasons counts for both",
            ("app", "rule", "reason"),
        )
        self._sign_ins = _Counts("sekisho_sign_ins", "Steps of sign-ins by App and outcome", ("app", "outcome"))
        self._provider_calls = _Counts(
            "sekisho_provider_calls", "Calls to the provider by endpoint and outcome", ("endpoint", "outcome")
        )
        self._provider_seconds = _Spread("sekisho_provider_seconds", "Duration of calls to the provider", ("endpoint",))
        self._claims = _Counts(
            "sekisho_claims_troubled", "Requested items that were missing or unreadable", ("scope", "trouble")
        )
        self._values = _Counts(
            "sekisho_header_values_troubled",
            "Disclosed values with characters the App's charset lacks (`replaced`), or too long (`left_out`)",
            ("app", "trouble"),
        )
        self._removed = _Counts(
            "sekisho_headers_removed",
            "Header fields of clients that no browser sends and that the application did not get, by App and family",
            ("app", "family"),
        )
        self._limited = _Counts(
            "sekisho_limits_met", "Limits and time-outs of the byte path that were reached", ("limit",)
        )
        self._reloads = _Counts(
            "sekisho_reloads", "Settings, policies and switches read anew, by outcome", ("what", "outcome")
        )
        # From 0, so that the first refusal is an increase and not a series that begins.
        self._reloads.values |= {(what, outcome): 0.0 for what in RELOADED for outcome in OUTCOMES}
        self._candidates = _Counts(
            "sekisho_candidate_differences",
            "Requests that the candidate policy would have judged differently, by its verdict and reason",
            ("app", "verdict", "reason"),
        )
        self._switches: tuple[str, ...] = ()
        self._opened = 0
        self._closed = 0
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._labelled: dict[str, tuple[str, str, Callable[[], Mapping[str, float]]]] = {}
        self._counters: dict[str, tuple[str, str | None, Callable[[], Mapping[str, float]]]] = {}
        self._version = version
        self._lost = lost
        self._lines: list[AccessLine] = []
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def finished(self, line: AccessLine) -> None:
        """Count one finished request, soon."""
        self._lines.append(line)
        if len(self._lines) >= FOLD_AT:
            self.fold()

    def connections(self, change: int) -> None:
        """Count client connections opened (+1) or closed (-1)."""
        if change > 0:
            self._opened += change
        else:
            self._closed -= change

    def limited(self, limit: str) -> None:
        """Count a limit of `TrafficSettings` that was reached."""
        self._limited.add((limit,))

    def sign_in(self, app: str, outcome: str) -> None:
        """Count a step of a sign-in; `outcome` is a closed word."""
        self._sign_ins.add((app, outcome))

    def refused(self, app: str, rule: str, reasons: Iterable[str]) -> None:
        """Count a refusal that no request of the App shows: a sign-in the policy says no to."""
        for reason in reasons:
            self._denials.add((app, rule, reason))

    def provider_call(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Count a call to the provider: `endpoint` by name, `outcome` a closed word."""
        self._provider_calls.add((endpoint, outcome))
        self._provider_seconds.add((endpoint,), seconds)

    def claim_troubled(self, scope: str, trouble: str) -> None:
        """Count an item that was asked for and is missing, malformed or was not granted."""
        self._claims.add((scope, trouble))

    def header_value_troubled(self, app: str, trouble: str, count: int = 1) -> None:
        """Count disclosed values the App cannot get whole: `replaced` (〓 stands in) or `left_out`."""
        self._values.add((app, trouble), count)

    def header_removed(self, app: str, family: str) -> None:
        """Count a client's header field that the App's application did not get; `family` is a closed word."""
        self._removed.add((app, family))

    def reload(self, what: str, outcome: str) -> None:
        """Count `settings`, `policies` or `switches` read anew: `adopted` or `refused`."""
        self._reloads.add((what, outcome))

    def candidate_differs(self, app: str, verdict: str, reason: str) -> None:
        """Count a request that the candidate policy would have judged otherwise."""
        self._candidates.add((app, verdict, reason))

    def switches_on(self, names: Iterable[str]) -> None:
        """Show which switches are on from now on."""
        self._switches = tuple(sorted(names))

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show a number that another object keeps, read at each scrape. `name` begins with `sekisho_`."""
        self._gauges[name] = (documentation, read)

    def gauges(self, name: str, documentation: str, read: Callable[[], Mapping[str, float]], *, label: str) -> None:
        """Show numbers that another object keeps, by `label`, read at each scrape."""
        self._labelled[name] = (documentation, label, read)

    def counter(
        self, name: str, documentation: str, read: Callable[[], Mapping[str, float]], *, label: str | None = None
    ) -> None:
        """Show counts that another object keeps and that only grow, by `label`; without one, the only value."""
        self._counters[name] = (documentation, label, read)

    def fold(self) -> None:
        """Fold the finished requests so far into numbers."""
        lines, self._lines = self._lines, []
        cells = self._cells
        app, status, verdict, cell = "", -1, "", _Cell()
        within = upstream_within = cell.within
        for line in lines:
            # The next line's cell is most often the last one's, and comparing costs less than looking up.
            if line.status != status or line.app != app or line.verdict != verdict:
                app, status, verdict = line.app, line.status, line.verdict
                key = (app, status // 100, verdict)
                cell = cells.get(key) or self._cell(key)
                within, upstream_within = cell.within, cell.upstream_within
            seconds = line.seconds
            cell.requests += 1
            if size := line.bytes_in:
                cell.bytes_in += size
            cell.bytes_out += line.bytes_out
            cell.seconds += seconds
            within[bisect_left(BUCKETS, seconds)] += 1
            if seconds := line.upstream_seconds:
                cell.upstream_seconds += seconds
                upstream_within[bisect_left(BUCKETS, seconds)] += 1
            if verdict == "deny":
                for reason in line.reason.split(","):
                    self._denials.add((line.app, line.rule, reason))

    def _cell(self, key: tuple[str, int, str]) -> _Cell:
        if len(self._cells) >= MOST_SERIES:
            key = (OTHER, 0, OTHER)
        return self._cells.setdefault(key, _Cell())

    def _requests(self) -> Iterator[Metric]:
        """Yield what the cells hold: requests and bytes as counters, durations as histograms by App."""
        requests = _Counts(
            "sekisho_requests", "Requests by App, class of status and verdict", ("app", "status", "verdict")
        )
        size = _Counts("sekisho_bytes", "Bytes of bodies by App and direction", ("app", "direction"))
        seconds = _Spread("sekisho_request_seconds", "From the complete head to the last byte of the answer", ("app",))
        upstream = _Spread(
            "sekisho_upstream_seconds", "From the head sent to the application to its answer's head", ("app",)
        )
        for (app, status, verdict), cell in self._cells.items():
            requests.add((app, _STATUS_CLASS.get(status, OTHER), verdict), cell.requests)
            size.add((app, "in"), cell.bytes_in)
            size.add((app, "out"), cell.bytes_out)
            seconds.merge((app,), cell.within, cell.seconds)
            upstream.merge((app,), cell.upstream_within, cell.upstream_seconds)
        for family in (requests, size, seconds, upstream):
            yield family.collect()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; Prometheus's client calls it."""
        self.fold()
        yield from self._requests()
        for family in (
            self._denials,
            self._sign_ins,
            self._provider_calls,
            self._provider_seconds,
            self._claims,
            self._values,
            self._removed,
            self._limited,
            self._reloads,
            self._candidates,
        ):
            yield family.collect()
        switches = GaugeMetricFamily("sekisho_switch_on", "Switches that are on, 1 each", labels=("switch",))
        for name in self._switches:
            switches.add_metric((name,), 1)
        yield switches
        yield _counter("sekisho_connections_opened", "Client connections accepted", self._opened)
        yield GaugeMetricFamily("sekisho_connections", "Client connections open now", self._opened - self._closed)
        lost = CounterMetricFamily(LOST_NAME, LOST_MEANING, labels=("kind",))
        for kind, lines in lost_by_kind((self._lost(),)).items():
            lost.add_metric((kind,), lines)
        yield lost
        for name, (documentation, read) in self._gauges.items():
            yield GaugeMetricFamily(name, documentation, read())
        for name, (documentation, named, numbers) in self._labelled.items():
            shown = GaugeMetricFamily(name, documentation, labels=(named,))
            for word, number in numbers().items():
                shown.add_metric((word,), number)
            yield shown
        for name, (documentation, label, counts) in self._counters.items():
            kept = CounterMetricFamily(name, documentation, labels=() if label is None else (label,))
            for word, count in counts().items():
                kept.add_metric(() if label is None else (word,), count)
            yield kept
        build = GaugeMetricFamily("sekisho_build_info", "The version that runs; always 1", labels=("version", "python"))
        build.add_metric((self._version, ".".join(map(str, sys.version_info[:3]))), 1)
        yield build

    def families(self) -> Families:
        """Return all metrics as values that can be sent to another process, and merged there."""
        return tuple(
            Family(
                metric.name,
                metric.type,
                metric.documentation,
                tuple(Sample(each.name, tuple(sorted(each.labels.items())), each.value) for each in metric.samples),
            )
            for metric in self.collect()
        )

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)


class GatewayObserver:
    """The `Observer` of the byte path: access log, metrics and audit in one, in under two microseconds."""

    def __init__(
        self,
        metrics: Metrics,
        access_log: AccessLog,
        audited: Callable[[str], bool],
        version: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Take the registry, the access log, and the values that the audit needs.

        `audited` says which rules (`policy/rule`) want their permits recorded, `version` which version of an
        App's policy is in force.
        """
        self._version = version
        self._count = metrics.finished
        self._differs = metrics.candidate_differs
        self._put = access_log.put
        self._audited = audited
        self.connections = metrics.connections
        self.limited = metrics.limited

    def finished(self, line: AccessLine) -> None:
        """Tell everybody of a finished request."""
        self._count(line)
        self._put(line)
        if line.candidate:
            self._differs(line.app, *_verdict_and_reason(line.candidate))
        verdict = line.verdict
        if verdict == "deny" or (verdict == "permit" and self._audited(line.rule)):
            entry = audit_entry(line, self._audited, self._version)
            if entry is not None:
                _log.info(
                    Event.AUDIT,
                    time=entry.time,
                    request_id=entry.request_id,
                    app=entry.app,
                    rule=entry.rule,
                    verdict=entry.verdict,
                    reasons=entry.reasons,
                    pseudonym=entry.pseudonym,
                    policy_version=entry.policy_version,
                )


def _verdict_and_reason(words: str) -> tuple[str, str]:
    verdict, _, reason = words.partition(":")
    return verdict, reason


_STATUS_CLASS: Mapping[int, str] = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


def _counter(name: str, documentation: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, documentation, value=value)


class _Merged(Collector):
    """Shows merged numbers to Prometheus's client."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield each family as the metric it was."""
        for family in self._families:
            metric = Metric(family.name, family.documentation, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, dict(sample.labels), sample.value)
            yield metric


def expose(families: Families) -> bytes:
    """Return merged metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Merged(families))
    return generate_latest(registry)
