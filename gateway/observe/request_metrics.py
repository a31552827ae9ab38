"""The numbers of finished requests.

On the hot path a finished request is appended to a list and nothing more; the list is folded into plain numbers every
few hundred requests and at each scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from gateway.observe.access_log import AccessLine
from gateway.observe.instruments import BUCKETS, MOST_SERIES, OTHER, Counter, Declared, Histogram, Kind
from gateway.observe.merge import Family

FOLD_AT: Final = 64
"""Finished requests kept before they are folded."""

DIRECTIONS: Final = ("in", "out")

REQUESTS: Final = Declared(
    name="sekisho_requests",
    kind=Kind.COUNTER,
    meaning="Requests by App, class of status and verdict",
    labels=("app", "status", "verdict"),
)
BYTES: Final = Declared(
    name="sekisho_bytes",
    kind=Kind.COUNTER,
    meaning="Bytes of bodies by App and direction",
    labels=("app", "direction"),
    unit="bytes",
    closed={"direction": DIRECTIONS},
)
REQUEST_SECONDS: Final = Declared(
    name="sekisho_request_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the complete head to the last byte of the answer",
    labels=("app",),
    unit="seconds",
)
UPSTREAM_SECONDS: Final = Declared(
    name="sekisho_upstream_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the head sent to the application to its answer's head",
    labels=("app",),
    unit="seconds",
)
DENIALS: Final = Declared(
    name="sekisho_denials",
    kind=Kind.COUNTER,
    meaning="Refusals by App, rule and reason; one with two reasons counts for both",
    labels=("app", "rule", "reason"),
)
CANDIDATES: Final = Declared(
    name="sekisho_candidate_differences",
    kind=Kind.COUNTER,
    meaning="Requests that the candidate policy would have judged differently, by its verdict and reason",
    labels=("app", "verdict", "reason"),
)

DECLARED: Final = (REQUESTS, BYTES, REQUEST_SECONDS, UPSTREAM_SECONDS, DENIALS, CANDIDATES)

_STATUS_CLASS: Final[Mapping[int, str]] = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


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


class RequestMetrics:
    """Counts finished requests. Its methods are for the event loop's thread alone."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, int, str], _Cell] = {}
        self._denials = Counter(DENIALS)
        self._candidates = Counter(CANDIDATES)
        self._apps: Collection[str] = ()
        self._lines: list[AccessLine] = []

    def begin(self, apps: Collection[str]) -> None:
        """Start at 0 for these Apps where every other label is closed."""
        self._apps = frozenset(apps).union(self._apps)

    def finished(self, line: AccessLine) -> None:
        """Count one finished request, soon."""
        self._lines.append(line)
        if len(self._lines) >= FOLD_AT:
            self.fold()

    def refused(self, app: str, rule: str, reasons: Iterable[str]) -> None:
        """Count a refusal that no request of the App shows: a sign-in the policy says no to."""
        for reason in reasons:
            self._denials.add((app, rule, reason))

    def candidate_differs(self, app: str, verdict: str, reason: str) -> None:
        """Count a request that the candidate policy would have judged otherwise."""
        self._candidates.add((app, verdict, reason))

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

    def families(self) -> Iterator[Family]:
        """Yield the requests and bytes as counters, the durations as histograms by App."""
        self.fold()
        requests, size = Counter(REQUESTS), Counter(BYTES)
        seconds, upstream = Histogram(REQUEST_SECONDS), Histogram(UPSTREAM_SECONDS)
        for instrument in (requests, size, seconds, upstream):
            instrument.begin({"app": self._apps})
        for (app, status, verdict), cell in self._cells.items():
            requests.add((app, _STATUS_CLASS.get(status, OTHER), verdict), cell.requests)
            size.add((app, "in"), cell.bytes_in)
            size.add((app, "out"), cell.bytes_out)
            seconds.merge((app,), cell.within, cell.seconds)
            upstream.merge((app,), cell.upstream_within, cell.upstream_seconds)
        for instrument in (requests, size, seconds, upstream, self._denials, self._candidates):
            yield instrument.family()
