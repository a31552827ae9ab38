"""The case of forward-auth: another proxy has the bytes, and asks about each request.

The decision is measured alone, as the proxy asks for it, beside our own proxied request and oauth2-proxy; and whole,
with nginx in front that asks, beside nginx alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from functools import partial
from statistics import median

from benchmarks import load
from benchmarks.cases import Row
from benchmarks.peer import Peer, Running
from benchmarks.peers import oauth2_proxy
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.sekisho import Sekisho
from benchmarks.programs import BenchmarkError, get
from benchmarks.surroundings import Surroundings

DECISION, PROXIED, WHOLE = "sekisho, asked", "sekisho, proxying", "nginx that asks sekisho"
_WARM_UP_SECONDS = 1


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    running: Running
    path: str
    answer: int


def forward_auth(around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Measure all of them in every round."""
    seen: dict[str, list[load.Round]] = {}
    with contextlib.ExitStack() as stack:

        def up(peer: Peer) -> Running:
            return stack.enter_context(peer.run(around))

        asked = up(Sekisho(asked=True, name="sekisho-asked"))
        if asked.front is None:
            raise BenchmarkError("no proxy asks")
        measured = {
            DECISION: _Asked(asked, asked.path, 200),
            PROXIED: _Asked(up(Sekisho()), "/", 200),
            WHOLE: _Asked(asked.front, "/", 200),
            "nginx": _Asked(up(Nginx()), "/", 200),
        }
        if oauth2_proxy.is_there():
            measured["oauth2-proxy"] = _Asked(up(oauth2_proxy.OAuth2Proxy()), "/oauth2/auth", 202)
        else:
            print("forward-auth: oauth2-proxy is not measured, as there is no Go to build it", file=sys.stderr)
        for name, each in measured.items():
            status, _ = get(each.running.port, each.path, each.running.headers)
            if status != each.answer:
                raise BenchmarkError(f"{name} answers {status}, and not {each.answer}")
        for number in range(rounds):
            for name, each in measured.items():
                print(f"forward-auth, round {number + 1} of {rounds}: {name} …", file=sys.stderr, flush=True)
                go = partial(
                    load.run,
                    each.running.program,
                    each.running.port,
                    each.path,
                    each.running.headers,
                    folder=around.folder,
                    # Both programs share the measured core, so the whole way counts both.
                    beside=asked.program if name == WHOLE else None,
                )
                go(seconds=_WARM_UP_SECONDS)
                seen.setdefault(name, []).append(go(seconds=seconds))
    return [
        Row(
            "forward-auth",
            name,
            {
                "requests/s": median(each.rate for each in found),
                "µs CPU a request": median(each.cpu for each in found),
                "busy, %": 100 * median(each.busy for each in found),
            },
        )
        for name, found in seen.items()
    ]
