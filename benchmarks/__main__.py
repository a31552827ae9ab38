"""The command line of the measurements: `python -m benchmarks quick`, `python -m benchmarks all`.

Each run starts everything it needs on loopback, pins the measured server to one core and the
rest to another, prints tables, and writes JSON where `BENCH_JSON` says and a plot where `BENCH_PLOT` says.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import cases, cold, goals, login, plot, questions, reloads, sizes, small, tls
from benchmarks.ending import Stopped, at_most, heed_orders
from benchmarks.peer import Peer
from benchmarks.peers import oauth2_proxy
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

CASES = (
    "small",
    "bodies",
    "websocket",
    "idle",
    "delay",
    "workers",
    "growth",
    "sizes",
    "login",
    "forward-auth",
    "cold",
    "post",
    "reload",
    "tls",
)
_IDLE_CONNECTIONS = 10_000

_LONGEST = 1_200.0
"""Seconds that one case may take: the longest takes a quarter of that on a machine with nothing else to do."""


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


def _signing_in() -> list[Peer]:
    """Return the peers with a login of their own, as far as they can be run here."""
    others: list[Peer] = [ModAuthOpenidc(redis=True), EnvoyOAuth2()]
    if oauth2_proxy.is_there():
        return [*others, oauth2_proxy.OAuth2Proxy()]
    print("benchmarks: oauth2-proxy is not measured, as there is no Go to build it", file=sys.stderr)
    return others


def quick(options: argparse.Namespace, around: Surroundings, numbers: dict[str, object]) -> None:
    """Measure the three of every day: us, nginx, and what one would write with aiohttp."""
    names = options.only or ["sekisho", "nginx", "aiohttp"]
    peers = [peer for peer in everyone() if peer.name in names]
    results = small.measure(peers, around, rounds=options.rounds, seconds=options.seconds)
    print(small.table(results))
    numbers |= rates(results)


def whole(options: argparse.Namespace, around: Surroundings, numbers: dict[str, object]) -> None:
    """Measure every case: the small GET beside every peer, the others beside nginx.

    The command prints and notes each result as it comes, and a case that fails does not take the others with it.

    Raises:
        BenchmarkError: a case has failed; the others are done.

    """
    chosen = options.case or CASES
    peers = [peer for peer in everyone() if not options.only or peer.name in options.only]
    near = [peer for peer in peers if peer.name in ("sekisho", "nginx")]
    timing = {"rounds": options.rounds, "seconds": options.seconds}
    full: dict[str, float] = {}
    rows: list[cases.Row] = []
    failed: list[str] = []

    def small_case() -> list[cases.Row]:
        results = small.measure(peers if "small" in chosen else near, around, **timing)
        print(small.table(results), flush=True)
        full.update(rates(results))
        numbers.update(full)
        if target := os.environ.get("BENCH_PLOT"):
            Path(target).write_text(plot.bars("Requests a second, one core", full))
        return []

    measured: Mapping[str, Callable[[], list[cases.Row]]] = {
        # The delay at half of what a peer can take needs to know that first.
        "small": small_case,
        "bodies": lambda: cases.each("bodies", near, around, lambda up, _: cases.bodies(up, around, **timing)),
        "websocket": lambda: cases.each("websocket", near, around, lambda up, _: cases.websocket(up, around, **timing)),
        "idle": lambda: cases.each(
            "idle", near, around, lambda up, _: cases.idle(up, around, connections=_IDLE_CONNECTIONS)
        ),
        "delay": lambda: cases.delays(near, around, full=full, **timing),
        "workers": lambda: cases.workers(around, **timing),
        "growth": lambda: cases.growth(around, **timing),
        "sizes": lambda: sizes.sizes(around, **timing),
        "login": lambda: login.login([*_signing_in(), *login.sizes()], around, **timing),
        "forward-auth": lambda: questions.forward_auth(around, **timing),
        "cold": lambda: cold.cold(around, **timing),
        "post": lambda: cases.post(near, around, **timing),
        "tls": lambda: tls.tls(around, **timing),
        "reload": lambda: reloads.reloads(around, rounds=options.rounds),
    }
    wanted = {
        name: each for name, each in measured.items() if name in chosen or (name == "small" and "delay" in chosen)
    }
    for number, (name, measure) in enumerate(wanted.items(), start=1):
        print(f"benchmarks: {name}, case {number} of {len(wanted)} …", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            with at_most(options.longest):
                seen = measure()
        # A client that is cut off or kept waiting is a failed measurement, too.
        except (BenchmarkError, OSError) as error:
            print(f"benchmarks: {name}: {error}", file=sys.stderr, flush=True)
            failed.append(name)
            continue
        print(f"benchmarks: {name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        rows += seen
        if seen:
            print(f"\n{cases.table(seen)}", flush=True)
        numbers["cases"] = [{"case": row.case, "peer": row.peer, "figures": dict(row.figures)} for row in rows]
    reached = goals.goals(full, rows)
    numbers["goals"] = [{**dataclasses.asdict(goal), "met": goal.met} for goal in reached]
    if reached:
        print(f"\n{goals.table(reached)}", flush=True)
    if failed:
        raise BenchmarkError(f"not measured: {', '.join(failed)}")


def rates(results: Sequence[small.Result]) -> dict[str, float]:
    """Return requests a second by peer."""
    return {result.name: round(result.rate, 1) for result in results}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("what", choices=["quick", "all"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of load, each peer and round")
    parser.add_argument("--only", action="append", default=[], help="a peer's name; may be given several times")
    parser.add_argument("--case", action="append", default=[], choices=CASES, help="of `all`; several times")
    parser.add_argument(
        "--longest", type=float, default=_LONGEST, help="seconds after which a case is stopped, and the next one begins"
    )
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
    numbers: dict[str, object] = {}
    code = 0
    heed_orders()
    try:
        with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder, surroundings(Path(folder)) as around:
            (quick if options.what == "quick" else whole)(options, around, numbers)
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        code = 1
    except Stopped as order:
        print("benchmarks: stopped", file=sys.stderr)
        code = order.code
    if numbers and (target := os.environ.get("BENCH_JSON")):
        Path(target).write_text(json.dumps(numbers, indent=2, ensure_ascii=False) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
