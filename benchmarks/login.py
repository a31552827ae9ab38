"""The case of nine o'clock: people without a session sign in, each with a browser of its own.

A sign-in goes from the page that was asked for, over notice and button, the provider and the callback, to the
application's answer. The load's core runs browsers and provider, so it is the limit before a fast peer is: the
peer's CPU time for a sign-in counts, and the sign-ins a second that its core could do alone are made of that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.browser import Browser
from benchmarks.cases import Row
from benchmarks.peer import Peer, Running, SignIn
from benchmarks.peers.sekisho import Sekisho
from benchmarks.programs import BenchmarkError
from benchmarks.surroundings import BODY, Surroundings

PEOPLE = 8
"""People who sign in at the same time."""
CPU = "ms CPU a sign-in"
_WARM_UP = 24


@dataclasses.dataclass(frozen=True, slots=True)
class Rush:
    """The result of one round."""

    count: int
    seconds: float
    cpu: float
    """CPU seconds of the peer."""


def rush(peer: Running, *, seconds: float, at_least: int = 1) -> Rush:
    """Have new people sign in one after the other, eight at a time, for so long.

    Raises:
        BenchmarkError: one of them did not reach the application, or the peer has no login.

    """
    if peer.sign_in is None:
        raise BenchmarkError(f"`{peer.program.name}` signs nobody in")
    way = peer.sign_in
    before, began = peer.program.cpu_seconds(), time.perf_counter()
    done: list[int] = []
    faults: list[BaseException] = []

    def person() -> None:
        try:
            while not faults and (time.perf_counter() < began + seconds or len(done) < at_least):
                sign_in(way)
                done.append(1)
        except (BenchmarkError, OSError) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=person) for _ in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise BenchmarkError(f"`{peer.program.name}` failed a sign-in: {faults[0]}\n{peer.program.tail()}")
    return Rush(len(done), time.perf_counter() - began, peer.program.cpu_seconds() - before)


def sign_in(way: SignIn) -> dict[str, str]:
    """Sign one new person in, to the application's answer; return her cookies there."""
    with contextlib.closing(Browser()) as browser:
        return browser.walk(way.url, BODY.encode(), way.answers)


def sizes() -> list[Peer]:
    """Return the gateway with one App and with many: a sign-in costs the same."""
    return [Sekisho(apps=apps, name=f"sekisho, {apps} Apps") for apps in (1, 300)]


def login(peers: Sequence[Peer], around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Measure every peer in every round."""
    seen: dict[str, list[Rush]] = {peer.name: [] for peer in peers}
    with contextlib.ExitStack() as stack:
        up = {peer.name: stack.enter_context(peer.run(around)) for peer in peers}
        for number in range(rounds):
            for name, peer in up.items():
                print(f"login, round {number + 1} of {rounds}: {name} …", file=sys.stderr, flush=True)
                rush(peer, seconds=0, at_least=_WARM_UP)
                seen[name].append(rush(peer, seconds=seconds))
    return [_row(name, found) for name, found in seen.items()]


def _row(name: str, found: Sequence[Rush]) -> Row:
    cpu = median(each.cpu / each.count for each in found)
    return Row(
        "login",
        name,
        {
            CPU: cpu * 1000,
            "sign-ins/s of its core": 1 / cpu,
            "sign-ins/s here": median(each.count / each.seconds for each in found),
            "busy, %": 100 * median(each.cpu / each.seconds for each in found),
        },
    )
