"""Our goals beside a run's results: ratios within that run, and never numbers alone.

A goal whose case or peer was not in the run is not shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks import sizes, tls
from benchmarks.cases import APART, DOWN, MESSAGE, ONE_WORKER, P99, UP, Row
from benchmarks.cold import COLD, WARM
from benchmarks.login import CPU as SIGN_IN
from benchmarks.questions import DECISION, PROXIED, WHOLE
from benchmarks.reloads import ADDED

ADDED_BY_RELOAD = 20.0
"""Milliseconds that a reload adds to the longest wait of a request, at most."""

IDLE_KIB = 12.0
"""Memory of an idle connection, at most."""


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """One goal, and how near we are."""

    what: str
    seen: float
    bound: float
    at_least: bool
    """Whether the bound is the least that is wanted, or the most."""

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.seen >= self.bound if self.at_least else self.seen <= self.bound


def goals(rates: Mapping[str, float], rows: Iterable[Row]) -> list[Goal]:
    """Return every goal that the figures of a run can tell of: requests a second by peer, and the rows of its cases."""
    return [*_of_rates(rates), *_of_rows(list(rows))]


def _of_rates(rates: Mapping[str, float]) -> Iterator[Goal]:
    ours = rates.get("sekisho")
    for peer, bound in (("envoy-oauth2", 2.8), ("mod_auth_openidc-redis", 11.0), ("nginx", 0.7)):
        if ours is not None and peer in rates:
            yield Goal(f"small requests a second, × {peer}", ours / rates[peer], bound, at_least=True)


def _of_rows(rows: Sequence[Row]) -> Iterator[Goal]:
    by_peer = {(row.case, row.peer): row.figures for row in rows}

    def of_nginx(case: str, figure: str) -> float | None:
        ours, theirs = by_peer.get((case, "sekisho")), by_peer.get((case, "nginx"))
        return None if ours is None or theirs is None or theirs[figure] <= 0 else ours[figure] / theirs[figure]

    for figure in (DOWN, UP):
        if (ratio := of_nginx("bodies", figure)) is not None:
            yield Goal(f"{figure}, × nginx", ratio, 0.65, at_least=True)
    if (ratio := of_nginx("delay", P99)) is not None:
        yield Goal(f"{P99} at half load, × nginx", ratio, 2.0, at_least=False)
    if (idle := by_peer.get(("idle", "sekisho"))) is not None:
        yield Goal("KiB an idle connection", idle["KiB each"], IDLE_KIB, at_least=False)
    shares = tls.ratios({row.peer: row.figures for row in rows if row.case == "tls"})
    for name, bound, least in (
        (tls.KEPT, 0.7, True),
        (tls.WHOLE, 1.3, False),
        (tls.RESUMED, 1.3, False),
        (tls.LONG, 0.65, True),
    ):
        if name in shares:
            yield Goal(f"TLS: {name}, × nginx", shares[name], bound, at_least=least)
    added = [row.figures[ADDED] for row in rows if row.case == "reload"]
    if added:
        yield Goal("longest wait that a reload adds, ms", max(added), ADDED_BY_RELOAD, at_least=False)
    if (ratio := of_nginx("websocket", MESSAGE)) is not None:
        yield Goal("CPU a WebSocket message, × nginx", ratio, 1.2, at_least=False)
    apart, alone = (by_peer.get(("workers", name)) for name in (APART, ONE_WORKER))
    if apart is not None and alone is not None:
        cost = "µs CPU a request"
        yield Goal("CPU a request, two workers apart × one", apart[cost] / alone[cost], 1.05, at_least=False)
    costs = [row.figures["µs CPU a request"] for row in rows if row.case == "growth"]
    if len(costs) > 1:
        yield Goal("CPU a request, dearest × cheapest", max(costs) / min(costs), 1.1, at_least=False)
    for part, times in sizes.growth(rows).items():
        yield Goal(f"CPU of {part}, {sizes.MANY:,} Apps × 1", times, 1.1, at_least=False)
    yield from _of_identity(by_peer)


def _of_identity(by_peer: Mapping[tuple[str, str], Mapping[str, float]]) -> Iterator[Goal]:
    """Yield the goals of sign-ins, questions of another proxy, and sessions that are new to a worker."""

    def ratio(case: str, ours: str, theirs: str, figure: str) -> float | None:
        one, other = by_peer.get((case, ours)), by_peer.get((case, theirs))
        return None if one is None or other is None or other[figure] <= 0 else one[figure] / other[figure]

    rate, cpu = "requests/s", "µs CPU a request"
    small, large = (f"sekisho, {apps} Apps" for apps in (1, 300))
    for what, seen, bound, at_least in (
        (
            "CPU a sign-in, × mod_auth_openidc-redis",
            ratio("login", small, "mod_auth_openidc-redis", SIGN_IN),
            2.5,
            False,
        ),
        ("CPU a sign-in, 300 Apps × 1", ratio("login", large, small, SIGN_IN), 1.1, False),
        ("CPU a decision, × our proxied request", ratio("forward-auth", DECISION, PROXIED, cpu), 0.8, False),
        ("decisions a second, × oauth2-proxy", ratio("forward-auth", DECISION, "oauth2-proxy", rate), 3.0, True),
        ("requests a second through nginx that asks, × nginx", ratio("forward-auth", WHOLE, "nginx", rate), 0.25, True),
        ("cold sessions a second, × warm", ratio("cold", COLD, WARM, rate), 0.35, True),
        ("small forms a second, × nginx", ratio("post", "sekisho", "nginx", rate), 0.3, True),
    ):
        if seen is not None:
            yield Goal(what, seen, bound, at_least=at_least)


def table(found: Sequence[Goal]) -> str:
    """Return the goals as a table."""
    wide = max((len(goal.what) for goal in found), default=0)
    lines = [f"{'goal':<{wide + 2}}{'wanted':>10}{'seen':>10}"]
    for goal in found:
        bound = f"{'≥' if goal.at_least else '≤'} {goal.bound:g}"
        lines.append(f"  {goal.what:<{wide}}{bound:>10}{goal.seen:>10.2f}  {'met' if goal.met else 'NOT MET'}")
    return "\n".join(lines)
