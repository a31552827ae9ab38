"""The cases once more, for a gateway of one App and for one of a thousand: what a request costs must not grow.

Both run at the same time and take turns in every round, so that a slow minute of the machine falls on both.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from statistics import median

from benchmarks import load
from benchmarks.cases import FORM, Row
from benchmarks.cold import REQUESTS, sessions
from benchmarks.login import rush
from benchmarks.peer import Running
from benchmarks.peers.sekisho import Sekisho
from benchmarks.surroundings import Surroundings

ONE, MANY = 1, 1_000
CPU = "µs CPU"
PARTS = ("small", "post", "forward-auth", "cold", "login")
_WARM_UP = 16
_SHARE = 1
"""Seconds of a round of cold sessions."""
_FASTEST = 20_000
"""More cold requests a second than any round has reached."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Gateway:
    """The two gateways of one size: one that proxies, and one that nginx asks."""

    proxying: Running
    asked: Running
    cookies: str
    """The file with a Cookie field for each session that the worker has not seen."""


def sizes(around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Return what each part costs with one App and with a thousand."""
    seen: dict[tuple[str, int], list[float]] = {}
    with contextlib.ExitStack() as stack:
        gateways = {apps: _begin(around, stack, apps, rounds) for apps in (ONE, MANY)}
        for number in range(rounds):
            for part in PARTS:
                for apps, gateway in gateways.items():
                    print(f"sizes, round {number + 1} of {rounds}: {part}, {apps} Apps …", file=sys.stderr, flush=True)
                    cost = _measures(gateway, around, number, seconds)[part]()
                    seen.setdefault((part, apps), []).append(cost)
    return [
        Row("sizes", f"{part}, {apps} Apps", {"Apps": apps, CPU: median(costs)}) for (part, apps), costs in seen.items()
    ]


def growth(rows: Iterable[Row]) -> Mapping[str, float]:
    """Return how many times as much each part costs with a thousand Apps."""
    found = {row.peer: row.figures[CPU] for row in rows if row.case == "sizes"}
    pairs = {part: (found.get(f"{part}, {ONE} Apps"), found.get(f"{part}, {MANY} Apps")) for part in PARTS}
    return {part: many / one for part, (one, many) in pairs.items() if one and many}


def _begin(around: Surroundings, stack: contextlib.ExitStack, apps: int, rounds: int) -> _Gateway:
    name = f"sekisho-of-{apps}"
    proxying = stack.enter_context(Sekisho(apps=apps, name=name).run(around))
    asked = stack.enter_context(Sekisho(apps=apps, asked=True, name=f"{name}-asked").run(around))
    cookies = around.folder / f"{name}-cookies"
    made = sessions(around, name, proxying.headers["Cookie"].encode(), rounds * _SHARE * _FASTEST)
    cookies.write_bytes(made)
    return _Gateway(proxying, asked, str(cookies))


def _measures(gateway: _Gateway, around: Surroundings, number: int, seconds: int) -> Mapping[str, Callable[[], float]]:
    """Return the function that measures each part, in this round."""
    peer = gateway.proxying

    def loaded(running: Running, *, requests: str = "", warm: bool = True, share: int = seconds) -> float:
        headers = running.headers if warm else {}
        go = partial(load.run, running.program, running.port, running.path, headers, folder=around.folder)
        if warm:
            go(seconds=1, requests=requests)
        return go(seconds=share, requests=requests).cpu

    def cold() -> float:
        count = _SHARE * _FASTEST
        requests = REQUESTS.format(
            cookies=gateway.cookies, host=peer.headers["Host"], first=number * count, count=count
        )
        return loaded(peer, requests=requests, warm=False, share=_SHARE)

    def login() -> float:
        rush(peer, seconds=0, at_least=_WARM_UP)
        done = rush(peer, seconds=seconds)
        return done.cpu / done.count * 1e6

    return {
        "small": lambda: loaded(peer),
        "post": lambda: loaded(peer, requests=FORM),
        "forward-auth": lambda: loaded(gateway.asked),
        "cold": cold,
        "login": login,
    }
