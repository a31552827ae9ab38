"""The numbers of finished requests.

On the hot path a finished request is appended to a list and nothing more; the list is folded into plain numbers every
few hundred requests and at each scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from gateway.observe.access_log import AccessLine
from gateway.observe.causes import Cause, cause_of
from gateway.observe.instruments import BUCKETS, MOST_AT_ZERO, MOST_SERIES, OTHER, Counter, Declared, Histogram, Kind
from gateway.observe.merge import Exemplar, Family

SLOW: Final = 0.25
"""Seconds from which every request becomes an exemplar; of the others, some do."""

FOLD_AT: Final = 64
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

    def add(self, requests: int, bytes_in: int, bytes_out: int, seconds: float, upstream_seconds: float) -> None:
        """Count a run of requests."""
        self.requests += requests
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        self.seconds += seconds
        self.upstream_seconds += upstream_seconds

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
        own_within, own_seconds = self._own_within, self._own_seconds
        app, status, verdict, rule, reason, cell, tally = "", -1, "", "", "", _Cell(), _Tally()
        before: AccessLine | None = None
        within, upstream_within = cell.within, cell.upstream_within
        # The sums of a run of lines with the same cell: a local name costs less than an attribute.
        run = bytes_in = bytes_out = 0
        run_seconds = run_upstream = 0.0
        for line in lines:
            # The next line's cell is most often the last one's, and comparing costs less than looking up.
            if (
                line.status != status
                or line.app != app
                or line.verdict != verdict
                or line.rule != rule
                or line.reason != reason
            ):
                if before is not None:
                    cell.remember(before)
                    cell.add(run, bytes_in, bytes_out, run_seconds, run_upstream)
                    tally.requests += run
                    run = bytes_in = bytes_out = 0
                    run_seconds = run_upstream = 0.0
                app, status, verdict, rule, reason = line.app, line.status, line.verdict, line.rule, line.reason
                cell, tally = self._cell(line), self._tally(line)
                within, upstream_within = cell.within, cell.upstream_within
            seconds, upstream_seconds = line.seconds, line.upstream_seconds
            run += 1
            if size := line.bytes_in:
                bytes_in += size
            bytes_out += line.bytes_out
            run_seconds += seconds
            within[bisect_left(BUCKETS, seconds)] += 1
            if upstream_seconds:
                run_upstream += upstream_seconds
                upstream_within[bisect_left(BUCKETS, upstream_seconds)] += 1
            if seconds:
                own = seconds - upstream_seconds - line.waited_seconds
                own_within[bisect_left(OWN_BUCKETS, own)] += 1
                if own > 0.0:
                    own_seconds += own
            if seconds > SLOW:
                # A slow one is worth a name even in the middle of others.
                cell.remember(line)
            before = line
            if verdict == "deny":
                for word in reason.split(","):
                    self._denials.add((app, rule, word))
        if before is not None:
            cell.remember(before)
            cell.add(run, bytes_in, bytes_out, run_seconds, run_upstream)
            tally.requests += run
        self._own_seconds = own_seconds

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
