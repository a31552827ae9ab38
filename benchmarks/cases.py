"""Cases beside the small GET: bodies, WebSockets, idle connections, delay at half load, growth.

Each case returns rows for the table and the JSON; a figure is named with its unit.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks import clients, load, small
from benchmarks.peer import Peer, Running
from benchmarks.peers.sekisho import Sekisho
from benchmarks.programs import LOAD_CORE, BenchmarkError, core_seconds
from benchmarks.surroundings import Surroundings

MIB = 1 << 20
GIB = 1 << 30
ONE_WORKER, APART = "sekisho-1-worker", "sekisho-2-workers-apart"
DOWN, UP, P99 = "1 GiB down, MiB/s", "1 GiB up, MiB/s", "added p99, ms"
MESSAGE = "µs CPU a message"
"""Figures that a goal is about."""
_BODY_CONNECTIONS = 8
_SOCKETS = 32
_OPEN_LOOP_CONNECTIONS = 256
FORM = """
wrk.method = "POST"
wrk.body = "name=value&text=" .. string.rep("k", 84)
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Sec-Fetch-Site"] = "same-origin"
wrk.headers["Origin"] = "http://" .. (wrk.headers["Host"] or "localhost")
"""
"""A form of 100 bytes that the application's own page sends."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One peer's figures in one case."""

    case: str
    peer: str
    figures: Mapping[str, float]


def bodies(peer: Running, around: Surroundings, *, rounds: int, seconds: int) -> dict[str, float]:
    """Carry bodies of 1 MiB and 1 GiB both ways; how much memory that takes, too."""
    for name, size in (("1m", MIB), ("1g", GIB)):
        path = around.folder / "files" / name
        if not path.exists():
            with path.open("wb") as file:
                # Without blocks on disk: it is read as zeros, at the speed of memory.
                file.truncate(size)
    mebibytes = load.run(
        peer.program,
        peer.port,
        "/files/1m",
        peer.headers,
        seconds=seconds,
        folder=around.folder,
        connections=_BODY_CONNECTIONS,
    )
    before = peer.program.resident_bytes()
    down, up = [], []
    most = before
    for _ in range(rounds):
        down.append(clients.download(peer.port, "/files/1g", peer.headers, GIB))
        most = max(most, peer.program.resident_bytes())
        up.append(clients.upload(peer.port, "/sink/1g", peer.headers, around.folder / "files" / "1g"))
        most = max(most, peer.program.resident_bytes())
    return {
        "1 MiB answers/s": mebibytes.rate,
        DOWN: 1024 / median(down),
        UP: 1024 / median(up),
        "more memory, MiB": (most - before) / MIB,
    }


def websocket(peer: Running, around: Surroundings, *, rounds: int, seconds: int) -> dict[str, float]:
    """Send messages of 125 bytes and wait for their echo, on 32 WebSockets."""
    del around
    rates, costs = [], []
    for _ in range(rounds):
        before = peer.program.cpu_seconds()
        count = clients.messages(peer.port, "/sink/ws", peer.headers, connections=_SOCKETS, seconds=seconds)
        rates.append(count / seconds)
        costs.append((peer.program.cpu_seconds() - before) / max(count, 1) * 1e6)
    return {"messages/s": median(rates), MESSAGE: median(costs)}


def post(peers: Sequence[Peer], around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Send small forms, as many as a peer takes."""
    return [
        Row(
            "post",
            result.name,
            {"requests/s": result.rate, "µs CPU a request": result.cpu, "spread, %": 100 * result.spread},
        )
        for result in small.measure(peers, around, rounds=rounds, seconds=seconds, requests=FORM)
    ]


def idle(peer: Running, around: Surroundings, *, connections: int) -> dict[str, float]:
    """Hold connections that have made one request each and now say nothing."""
    del around
    before = peer.program.resident_bytes()
    with clients.idle_connections(peer.port, "/", peer.headers, connections):
        each = (peer.program.resident_bytes() - before) / connections
    return {"connections": connections, "KiB each": each / 1024}


def delay(peer: Running, around: Surroundings, *, rate: float, rounds: int, seconds: int) -> dict[str, float]:
    """Send so many requests a second, on schedule; what the peer adds to asking the upstream directly."""
    added: dict[str, list[float]] = {"p50": [], "p99": [], "p999": []}
    busy = []
    for _ in range(rounds):
        before = core_seconds(LOAD_CORE)
        began = time.perf_counter()
        seen = clients.open_loop(
            peer.port, "/", peer.headers, rate=rate, seconds=seconds, connections=_OPEN_LOOP_CONNECTIONS
        )
        busy.append((core_seconds(LOAD_CORE) - before) / (time.perf_counter() - began))
        plain = clients.open_loop(
            around.upstream, "/", peer.headers, rate=rate, seconds=seconds, connections=_OPEN_LOOP_CONNECTIONS
        )
        for name, delays in added.items():
            delays.append((getattr(seen, name) - getattr(plain, name)) * 1000)
    return {
        "requests/s": rate,
        "added p50, ms": median(added["p50"]),
        P99: median(added["p99"]),
        "added p99.9, ms": median(added["p999"]),
        "load core busy, %": 100 * median(busy),
    }


def delays(
    peers: Sequence[Peer], around: Surroundings, *, full: Mapping[str, float], rounds: int, seconds: int
) -> list[Row]:
    """Measure each peer at half of what it can take, and nginx at half of what we can, too."""
    rows = []
    for peer in peers:
        if peer.name not in full:
            raise BenchmarkError(f"what `{peer.name}` can take is not known, so half of it is not")
        with peer.run(around) as up:
            rates = {peer.name: full[peer.name] / 2}
            if peer.name == "nginx" and "sekisho" in full:
                rates["nginx, at our rate"] = full["sekisho"] / 2
            for name, rate in rates.items():
                figures = delay(up, around, rate=rate, rounds=rounds, seconds=seconds)
                rows.append(Row("delay", name, figures))
    return rows


def growth(around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Measure the gateway as its configuration grows: 1 to 1,000 Apps, 1 to 500 rules."""
    sizes = [(1, 1), (1, 20), (1, 500), (100, 20), (1000, 20)]
    peers = [Sekisho(rules=rules, apps=apps, name=f"sekisho-{apps}-apps-{rules}-rules") for apps, rules in sizes]
    results = small.measure(peers, around, rounds=rounds, seconds=seconds)
    return [
        Row(
            "growth",
            result.name,
            {"Apps": apps, "rules": rules, "requests/s": result.rate, "µs CPU a request": result.cpu},
        )
        for (apps, rules), result in zip(sizes, results, strict=True)
    ]


def workers(around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Measure what a request costs when one worker runs, when two share the measured core, and with a core for each.

    A machine of two cores has no third one for the load: there the second worker shares the load's core, which costs it
    a part of its caches. Its time is counted by the kernel, and the load's is not.
    """
    peers = [
        Sekisho(workers=1, name=ONE_WORKER),
        Sekisho(workers=2, name="sekisho-2-workers"),
        Sekisho(workers=2, apart=True, name=APART),
    ]
    results = small.measure(peers, around, rounds=rounds, seconds=seconds)
    return [
        Row(
            "workers", result.name, {"workers": peer.workers, "requests/s": result.rate, "µs CPU a request": result.cpu}
        )
        for peer, result in zip(peers, results, strict=True)
    ]


def each(
    case: str, peers: Sequence[Peer], around: Surroundings, measure: Callable[[Running, str], Mapping[str, float]]
) -> list[Row]:
    """Run one case for each peer, one after the other, alone on its core."""
    rows = []
    for peer in peers:
        with peer.run(around) as up:
            rows.append(Row(case, peer.name, measure(up, peer.name)))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return one case's rows as a table."""
    names = list(rows[0].figures)
    lines = [f"{rows[0].case:<28}" + "".join(f"{name:>20}" for name in names)]
    lines += [f"  {row.peer:<26}" + "".join(f"{row.figures[name]:>20,.1f}" for name in names) for row in rows]
    return "\n".join(lines)
