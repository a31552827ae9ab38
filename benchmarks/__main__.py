"""The command line of the measurements: `python -m benchmarks quick`, `python -m benchmarks all`.

Each run starts everything it needs on loopback, pins the measured server to one core and the
rest to another, prints tables, and writes JSON where `BENCH_JSON` says and a plot where `BENCH_PLOT` says.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import cases, plot, small
from benchmarks.peer import Peer
from benchmarks.peers.aiohttp_proxy import AiohttpProxy
from benchmarks.peers.caddy import Caddy
from benchmarks.peers.envoy import Envoy, EnvoyOAuth2
from benchmarks.peers.haproxy import HAProxy
from benchmarks.peers.mod_auth_openidc import ModAuthOpenidc
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.sekisho import Sekisho
from benchmarks.peers.traefik import Traefik
from benchmarks.programs import LOAD_CORE, BenchmarkError
from benchmarks.surroundings import Surroundings, surroundings

CASES = ("small", "bodies", "websocket", "idle", "delay", "growth")
_IDLE_CONNECTIONS = 10_000


def everyone() -> list[Peer]:
    """Return every peer, ourselves first."""
    return [
        Sekisho(),
        Sekisho(memory=True, name="sekisho-memory"),
        Nginx(),
        HAProxy(),
        Envoy(),
        EnvoyOAuth2(),
        ModAuthOpenidc(redis=True),
        ModAuthOpenidc(redis=False),
        Caddy(),
        Traefik(),
        AiohttpProxy(),
    ]


def quick(options: argparse.Namespace, around: Surroundings) -> Mapping[str, object]:
    """Measure the three of every day: us, nginx, and what one would write with aiohttp."""
    names = options.only or ["sekisho", "nginx", "aiohttp"]
    peers = [peer for peer in everyone() if peer.name in names]
    results = small.measure(peers, around, rounds=options.rounds, seconds=options.seconds)
    print(small.table(results))
    return rates(results)


def whole(options: argparse.Namespace, around: Surroundings) -> dict[str, object]:
    """Measure every case: the small GET beside every peer, the others beside nginx."""
    chosen = options.case or CASES
    peers = [peer for peer in everyone() if not options.only or peer.name in options.only]
    near = [peer for peer in peers if peer.name in ("sekisho", "nginx")]
    timing = {"rounds": options.rounds, "seconds": options.seconds}
    numbers: dict[str, object] = {}
    full: Mapping[str, float] = {}
    if "small" in chosen or "delay" in chosen:
        results = small.measure(peers if "small" in chosen else near, around, **timing)
        print(small.table(results), flush=True)
        full = {result.name: result.rate for result in results}
        numbers |= rates(results)
        if target := os.environ.get("BENCH_PLOT"):
            Path(target).write_text(plot.bars("Requests a second, one core", rates(results)))
    found: list[list[cases.Row]] = []
    if "bodies" in chosen:
        found.append(cases.each("bodies", near, around, lambda up, _: cases.bodies(up, around, **timing)))
    if "websocket" in chosen:
        found.append(cases.each("websocket", near, around, lambda up, _: cases.websocket(up, around, **timing)))
    if "idle" in chosen:
        found.append(
            cases.each("idle", near, around, lambda up, _: cases.idle(up, around, connections=_IDLE_CONNECTIONS))
        )
    if "delay" in chosen:
        found.append(
            cases.each("delay", near, around, lambda up, name: cases.delay(up, around, full=full[name], **timing))
        )
    if "growth" in chosen:
        found.append(cases.growth(around, **timing))
    for rows in found:
        print(f"\n{cases.table(rows)}", flush=True)
    numbers["cases"] = [
        {"case": row.case, "peer": row.peer, "figures": dict(row.figures)} for rows in found for row in rows
    ]
    return numbers


def rates(results: Sequence[small.Result]) -> dict[str, float]:
    """Return requests a second by peer."""
    return {result.name: round(result.rate, 1) for result in results}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("what", choices=["quick", "all"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load, each peer and round")
    parser.add_argument("--only", action="append", default=[], help="a peer's name; may be given several times")
    parser.add_argument("--case", action="append", default=[], choices=CASES, help="of `all`; several times")
    options = parser.parse_args()
    if (os.cpu_count() or 1) <= LOAD_CORE:
        print("benchmarks: two cores are needed, one for the server and one for the load", file=sys.stderr)
        return 2
    # The harness itself must not wander onto the measured core.
    os.sched_setaffinity(0, {LOAD_CORE})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Programs that came with this Python (Envoy, Caddy, Traefik) are found without an activated environment.
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    try:
        with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder, surroundings(Path(folder)) as around:
            numbers = (quick if options.what == "quick" else whole)(options, around)
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(numbers, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
