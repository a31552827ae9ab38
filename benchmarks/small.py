"""The case that everything is judged by: a small authenticated GET, kept alive, as fast as it goes.

Peers take turns, round by round, so that a slow minute of the machine falls on all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from functools import partial
from statistics import median

from benchmarks import load
from benchmarks.peer import Peer, Running
from benchmarks.programs import BenchmarkError, get
from benchmarks.surroundings import BODY, Surroundings

_WARM_UP_SECONDS = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """One peer's rounds."""

    name: str
    what: str
    rounds: tuple[load.Round, ...]

    @property
    def rate(self) -> float:
        """Requests a second: the median of the rounds."""
        return median(each.rate for each in self.rounds)

    @property
    def spread(self) -> float:
        """How far apart the fastest and the slowest round are, as a share of the median."""
        rates = [each.rate for each in self.rounds]
        return (max(rates) - min(rates)) / self.rate

    @property
    def cpu(self) -> float:
        """CPU microseconds a request: the median of the rounds."""
        return median(each.cpu for each in self.rounds)

    @property
    def busy(self) -> float:
        """Share of its core the peer used: the median of the rounds."""
        return median(each.busy for each in self.rounds)

    @property
    def p99(self) -> float:
        """The 99th percentile under full load, microseconds: the median of the rounds."""
        return median(each.p99 for each in self.rounds)


def check(peer: Running) -> None:
    """Make sure that the peer forwards, before it is measured.

    Raises:
        BenchmarkError: it answers something else than the upstream's answer.

    """
    status, body = get(peer.port, "/", peer.headers)
    if (status, body) != (200, BODY.encode()):
        raise BenchmarkError(
            f"`{peer.program.name}` answers {status} and not the upstream's body:\n{peer.program.tail()}"
        )


def measure(
    peers: Sequence[Peer], around: Surroundings, *, rounds: int, seconds: int, requests: str = ""
) -> list[Result]:
    """Measure every peer in every round; `requests` is Lua for wrk that makes other requests than the small GET."""
    seen: dict[str, list[load.Round]] = {peer.name: [] for peer in peers}
    with contextlib.ExitStack() as stack:
        up = {peer.name: stack.enter_context(peer.run(around)) for peer in peers}
        for peer in up.values():
            check(peer)
        for number in range(rounds):
            for name in turns(list(up), number):
                peer = up[name]
                print(f"round {number + 1} of {rounds}: {name} …", file=sys.stderr, flush=True)
                go = partial(load.run, peer.program, peer.port, "/", peer.headers, folder=around.folder)
                go(seconds=_WARM_UP_SECONDS, requests=requests)
                seen[name].append(go(seconds=seconds, requests=requests))
    return [Result(peer.name, peer.what, tuple(seen[peer.name])) for peer in peers]


def turns(names: Sequence[str], number: int) -> list[str]:
    """Return the order of a round: each begins with another peer, as a place in it may cost or spare something."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


def table(results: Sequence[Result]) -> str:
    """Return the results as a table, fastest first, each as a ratio of the first of them named `sekisho`."""
    ours = next((result.rate for result in results if result.name == "sekisho"), None)
    head = f"{'peer':<20} {'requests/s':>10} {'spread':>7} {'sekisho is':>11} {'µs CPU':>7}"
    head += f" {'busy':>5} {'p99 ms':>7}  what"
    lines = [head]
    for each in sorted(results, key=lambda result: -result.rate):
        ratio = "" if ours is None else f"{ours / each.rate:.2f} ×"
        lines.append(
            f"{each.name:<20} {each.rate:>10,.0f} {each.spread:>6.0%} {ratio:>11} {each.cpu:>7.1f} {each.busy:>5.0%}"
            f" {each.p99 / 1000:>7.2f}  {each.what}"
        )
    return "\n".join(lines)
