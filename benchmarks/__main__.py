"""The command line of the measurements: `python -m benchmarks quick`, `python -m benchmarks all`.

Each run starts everything it needs on loopback, pins the measured server to one core and the
rest to another, prints a table, and writes JSON where `BENCH_JSON` says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import small
from benchmarks.peer import Peer
from benchmarks.peers.aiohttp_proxy import AiohttpProxy
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.sekisho import Sekisho
from benchmarks.programs import LOAD_CORE, BenchmarkError
from benchmarks.surroundings import surroundings


def quick(options: argparse.Namespace) -> None:
    """Measure the three of every day: us, nginx, and what one would write with aiohttp."""
    everyone: list[Peer] = [Sekisho(), Nginx(), AiohttpProxy()]
    if "sekisho-memory" in options.only:
        everyone.append(Sekisho(memory=True, name="sekisho-memory"))
    peers = [peer for peer in everyone if not options.only or peer.name in options.only]
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder, surroundings(Path(folder)) as around:
        results = small.measure(peers, around, rounds=options.rounds, seconds=options.seconds)
    print(small.table(results))
    write_json({result.name: round(result.rate, 1) for result in results})


def write_json(numbers: dict[str, float]) -> None:
    """Write plain numbers to the file that `BENCH_JSON` names, where it names one."""
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(numbers, indent=2) + "\n")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("case", choices=["quick"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load, each peer and round")
    parser.add_argument("--only", action="append", default=[], help="a peer's name; may be given several times")
    options = parser.parse_args()
    if (os.cpu_count() or 1) <= LOAD_CORE:
        print("benchmarks: two cores are needed, one for the server and one for the load", file=sys.stderr)
        return 2
    # The harness itself must not wander onto the measured core.
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        quick(options)
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
