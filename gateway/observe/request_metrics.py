"""The numbers of finished requests.

On the hot path a finished request is appended to a list and nothing more; the list is folded into plain numbers every
few hundred requests and at each scrape.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from gateway.observe.access_log import AccessLine
from gateway.observe.causes import Cause, cause_of
from gateway.observe.instruments import BUCKETS, MOST_AT_ZERO, MOST_SERIES, OTHER, Counter, Declared, Histogram, Kind
from gateway.observe.merge import Exemplar, Family

SLOW: Final = 0.25
"""Seconds from which every request becomes an exemplar; of the others, some do."""

FOLD_AT: Final = 256
"""Finished requests kept before they are folded."""

DIRECTIONS: Final = ("in", "out")
STATUSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
VERDICTS: Final = ("permit", "challenge", "deny", "portal", "error")
CAUSES: Final = tuple(cause.value for cause in Cause)

ANSWERED: Final = "answered"
FAILED: Final = "failed"
LEFT: Final = "left"
UPSTREAM_OUTCOMES: Final = (ANSWERED, FAILED, LEFT)
"""The ends of a wait for an application."""

OWN_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds for the gateway's own share, which is much shorter than an application's."""

USUAL: Final = (
    ("2xx", "permit", Cause.UPSTREAM),
    ("3xx", "permit", Cause.UPSTREAM),
    ("4xx", "permit", Cause.UPSTREAM),
    ("5xx", "permit", Cause.UPSTREAM),
    ("4xx", "permit", Cause.CLIENT),
    ("5xx", "permit", Cause.GATEWAY),
    ("5xx", "error", Cause.UPSTREAM),
    ("5xx", "error", Cause.OVERLOAD),
    ("5xx", "error", Cause.STORE),
    ("5xx", "error", Cause.MAINTENANCE),
    ("5xx", "error", Cause.GATEWAY),
    ("5xx", "error", Cause.CLIENT),
    ("4xx", "error", Cause.CLIENT),
    ("4xx", "deny", Cause.POLICY),
    ("4xx", "challenge", Cause.POLICY),
    ("3xx", "challenge", Cause.POLICY),
    ("2xx", "portal", Cause.PORTAL),
    ("3xx", "portal", Cause.PORTAL),
    ("4xx", "portal", Cause.PORTAL),
    ("5xx", "portal", Cause.PROVIDER),
    ("5xx", "portal", Cause.STORE),
    ("5xx", "portal", Cause.GATEWAY),
)
"""The labels of requests that start at 0 for each App, so that an alert sees the first of them: most others never come.
"""

REQUESTS: Final = Declared(
    name="sekisho_requests",
    kind=Kind.COUNTER,
    meaning="Requests by App, class of status, verdict and cause (see `docs/operations.md`)",
    labels=("app", "status", "verdict", "cause"),
    closed={"status": STATUSES, "verdict": VERDICTS, "cause": CAUSES},
)
RULE_REQUESTS: Final = Declared(
    name="sekisho_rule_requests",
    kind=Kind.COUNTER,
    meaning="Requests by App, rule and status code; a code that is not registered counts under its class (`2xx`)",
    labels=("app", "rule", "code"),
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
    meaning="From the complete head to the last byte of the answer, by App and cause",
    labels=("app", "cause"),
    unit="seconds",
    closed={"cause": CAUSES},
)
OWN_SECONDS: Final = Declared(
    name="sekisho_own_seconds",
    kind=Kind.HISTOGRAM,
    meaning="The gateway's own share of a request, without applications, stores, the provider, queues and the client",
    unit="seconds",
    buckets=OWN_BUCKETS,
)
UPSTREAM_SECONDS: Final = Declared(
    name="sekisho_upstream_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the head sent to the application to its answer's head (`answered`), or until the gateway gave it up "
    "(`failed`) or the client left (`left`)",
    labels=("app", "outcome"),
    unit="seconds",
    closed={"outcome": UPSTREAM_OUTCOMES},
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

DECLARED: Final = (
    REQUESTS,
    RULE_REQUESTS,
    BYTES,
    REQUEST_SECONDS,
    UPSTREAM_SECONDS,
    OWN_SECONDS,
    DENIALS,
    CANDIDATES,
)

_STATUS_CLASS: Final[Mapping[int, str]] = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}

_LEFT_STATUS: Final = 499
"""The status of a client that left before its answer began."""

_CODES: Final[Mapping[int, str]] = {status.value: str(status.value) for status in HTTPStatus} | {
    _LEFT_STATUS: str(_LEFT_STATUS)
}

_Example = tuple[str, float, float]
"""A request's id, its seconds, and the moment at which it was over."""

_CellKey = tuple[str, int, str, str, bool]
"""App, class of status, verdict, cause, and whether the client left before an answer began."""


class _Cell:
    """The counters of one App, class of status, verdict and cause: one look-up serves all of them."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "examples",
        "requests",
        "seconds",
        "upstream_examples",
        "upstream_seconds",
        "upstream_within",
        "within",
    )

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.seconds = 0.0
        self.upstream_seconds = 0.0
        self.within = [0] * (len(BUCKETS) + 1)
        self.upstream_within = [0] * (len(BUCKETS) + 1)
        self.examples: dict[int, _Example] = {}
        self.upstream_examples: dict[int, _Example] = {}

    def remember(self, line: AccessLine) -> None:
        """Let this request stand for its buckets: by its id alone, which leads to its line in the log."""
        over = line.time + line.seconds
        self.examples[bisect_left(BUCKETS, line.seconds)] = (line.request_id, line.seconds, over)
        if seconds := line.upstream_seconds:
            self.upstream_examples[bisect_left(BUCKETS, seconds)] = (line.request_id, seconds, over)


class _Tally:
    """The number of requests of one App, rule and status code."""

    __slots__ = ("requests",)

    def __init__(self) -> None:
        self.requests = 0


def _exemplars(examples: Mapping[int, _Example]) -> dict[int, Exemplar]:
    return {
        place: Exemplar((("request_id", request_id),), seconds, over)
        for place, (request_id, seconds, over) in examples.items()
    }


_FEW = 8
"""Values that are counted one by one: sorting them would cost more."""


def _count(values: list[float], buckets: Sequence[float], within: list[int]) -> None:
    """Count values into the buckets that hold them; `values` may be sorted by it."""
    if len(values) < _FEW:
        for value in values:
            within[bisect_left(buckets, value)] += 1
        return
    values.sort()
    before = 0
    for place, edge in enumerate(buckets):
        upto = bisect_right(values, edge, before)
        within[place] += upto - before
        before = upto
    within[-1] += len(values) - before


class RequestMetrics:
    """Counts finished requests. Its methods are for the event loop's thread alone."""

    def __init__(self) -> None:
        self._cells: dict[_CellKey, _Cell] = {}
        self._tallies: dict[tuple[str, str, str], _Tally] = {}
        self._own_within = [0] * (len(OWN_BUCKETS) + 1)
        self._own_seconds = 0.0
        self._denials = Counter(DENIALS)
        self._candidates = Counter(CANDIDATES)
        self._apps: Collection[str] = ()
        self.lines: list[AccessLine] = []
        """Finished requests that are no numbers yet. The list stays the same for good, as the observer adds to it."""

    def begin(self, apps: Collection[str]) -> None:
        """Start at 0 for these Apps where every other label is closed."""
        self._apps = frozenset(apps).union(self._apps)

    def finished(self, line: AccessLine) -> None:
        """Count one finished request, soon."""
        self.lines.append(line)
        if len(self.lines) >= FOLD_AT:
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
        lines = self.lines.copy()
        self.lines.clear()
        app, status, verdict, rule, reason = "", -1, "", "", ""
        begin = 0
        for place, line in enumerate(lines):
            # The next line's cell is most often the last one's, and comparing costs less than looking up.
            if (
                line.status != status
                or line.app != app
                or line.verdict != verdict
                or line.rule != rule
                or line.reason != reason
            ):
                if place > begin:
                    self._fold_run(lines[begin:place])
                begin = place
                app, status, verdict, rule, reason = line.app, line.status, line.verdict, line.rule, line.reason
        if lines:
            self._fold_run(lines[begin:])

    def _fold_run(self, run: list[AccessLine]) -> None:
        """Fold requests of one cell and one tally."""
        first = run[0]
        cell, tally = self._cell(first), self._tally(first)
        tally.requests += len(run)
        cell.requests += len(run)
        cell.bytes_in += sum([line.bytes_in for line in run])
        cell.bytes_out += sum([line.bytes_out for line in run])
        seconds = [line.seconds for line in run]
        upstream = [each for line in run if (each := line.upstream_seconds)]
        own = [line.seconds - line.upstream_seconds - line.waited_seconds for line in run if line.seconds]
        cell.seconds += sum(seconds)
        cell.upstream_seconds += sum(upstream)
        self._own_seconds += sum([each for each in own if each > 0.0])
        _count(seconds, BUCKETS, cell.within)
        _count(upstream, BUCKETS, cell.upstream_within)
        _count(own, OWN_BUCKETS, self._own_within)
        if max(seconds) > SLOW:
            # A slow one is worth a name even in the middle of others.
            for line in run:
                if line.seconds > SLOW:
                    cell.remember(line)
        cell.remember(run[-1])
        if first.verdict == "deny":
            for word in first.reason.split(","):
                self._denials.add((first.app, first.rule, word), len(run))

    def _cell(self, line: AccessLine) -> _Cell:
        status = line.status
        cause = cause_of(status, line.verdict, line.reason).value
        key: _CellKey = (line.app, status // 100, line.verdict, cause, status == _LEFT_STATUS)
        found = self._cells.get(key)
        if found is None:
            if len(self._cells) >= MOST_SERIES:
                key = (OTHER, 0, OTHER, OTHER, False)
            found = self._cells.setdefault(key, _Cell())
        return found

    def _tally(self, line: AccessLine) -> _Tally:
        status = line.status
        key = (line.app, line.rule, _CODES.get(status) or _STATUS_CLASS.get(status // 100, OTHER))
        found = self._tallies.get(key)
        if found is None:
            if len(self._tallies) >= MOST_SERIES:
                key = (OTHER, OTHER, OTHER)
            found = self._tallies.setdefault(key, _Tally())
        return found

    def families(self) -> Iterator[Family]:
        """Yield the requests and bytes as counters, the durations as histograms by App."""
        self.fold()
        requests, size, rules = Counter(REQUESTS), Counter(BYTES), Counter(RULE_REQUESTS)
        seconds, upstream, own = Histogram(REQUEST_SECONDS), Histogram(UPSTREAM_SECONDS), Histogram(OWN_SECONDS)
        for instrument in (size, seconds, upstream):
            instrument.begin({"app": self._apps})
        if len(self._apps) * len(USUAL) <= MOST_AT_ZERO:
            for app in self._apps:
                for usual in USUAL:
                    requests.add((app, *usual), 0)
        for (app, status, verdict, cause, left), cell in self._cells.items():
            requests.add((app, _STATUS_CLASS.get(status, OTHER), verdict, cause), cell.requests)
            size.add((app, "in"), cell.bytes_in)
            size.add((app, "out"), cell.bytes_out)
            seconds.merge((app, cause), cell.within, cell.seconds, _exemplars(cell.examples))
            outcome = LEFT if left else FAILED if verdict == "error" else ANSWERED
            examples = _exemplars(cell.upstream_examples)
            upstream.merge((app, outcome), cell.upstream_within, cell.upstream_seconds, examples)
        for key, tally in self._tallies.items():
            rules.add(key, tally.requests)
        own.merge((), self._own_within, self._own_seconds)
        for instrument in (requests, rules, size, seconds, upstream, own, self._denials, self._candidates):
            yield instrument.family()
