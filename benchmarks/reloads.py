"""The waits of requests while the configuration is read anew, beside the waits in as long a time without."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import clients
from benchmarks.cases import Row
from benchmarks.peer import Running
from benchmarks.peers.sekisho import Sekisho
from benchmarks.surroundings import Surroundings

ADDED = "longest wait added, ms"
"""The figure that the goal is about."""

_RATE = 1_000
_CONNECTIONS = 32
_MOST_APPS = 300
"""Apps of which each policy is changed in a round. With more, the last round alone does so."""


def reloads(around: Surroundings, *, rounds: int) -> list[Row]:
    """Measure a reload of 1, 300 and 1,000 Apps after a change of every policy, and a change of one policy of 300."""
    rows = []
    for apps in (1, 300, 1_000):
        _say(f"starting a gateway of {apps:,} Apps, each with a policy of its own")
        peer = Sekisho(apps=apps, own_policies=True, name=f"sekisho-{apps}-apps")
        with peer.run(around) as up:
            folder = around.folder / peer.name
            files = sorted(folder.glob("policy*.yaml"))
            times = rounds if apps <= _MOST_APPS else 1
            rows.append(_measured(f"{apps} Apps", up, times, lambda files=files, up=up: _reload(files, up), "reloaded"))  # type: ignore[misc]
            if apps == _MOST_APPS:
                rows.append(
                    _measured("one of 300", up, rounds, lambda files=files: _change(files[:1]), "policies_adopted")  # type: ignore[misc]
                )
    return rows


def _measured(name: str, up: Running, rounds: int, begin: Callable[[], None], word: str) -> Row:
    quiet, during, seconds, cpu = [], [], [], []
    for number in range(rounds):
        _say(f"round {number + 1} of {rounds}: {name}")
        said = _count(up.program.log, word)
        before = up.program.cpu_seconds()
        waits = clients.waits_during(
            up.port,
            "/",
            up.headers,
            rate=_RATE,
            connections=_CONNECTIONS,
            begin=begin,
            is_over=lambda said=said: _count(up.program.log, word) > said,  # type: ignore[misc]
        )
        quiet.append(waits[0])
        during.append(waits[1])
        seconds.append(waits[2])
        cpu.append(up.program.cpu_seconds() - before)
    longest = median(each.longest for each in during)
    without = median(each.longest for each in quiet)
    _say(f"{name}: {median(seconds):.1f} s each, which add {1e3 * (longest - without):.1f} ms to the longest wait")
    return Row(
        "reload",
        name,
        {
            "seconds": median(seconds),
            "longest, ms": 1e3 * longest,
            "p99, ms": 1e3 * median(each.p99 for each in during),
            "longest without, ms": 1e3 * without,
            "p99 without, ms": 1e3 * median(each.p99 for each in quiet),
            ADDED: 1e3 * (longest - without),
        },
    )


def _say(what: str) -> None:
    print(f"reload, {what} …", file=sys.stderr, flush=True)


def _reload(files: list[Path], up: Running) -> None:
    _change(files)
    os.kill(up.program.process.pid, signal.SIGHUP)


def _change(files: list[Path]) -> None:
    for file in files:
        with file.open("a") as policy:
            policy.write("# changed\n")


def _count(log: Path, word: str) -> int:
    return log.read_text(errors="replace").count(f'"event":"{word}"')
