"""The case after a worker's restart: each request is the first of its session, so each asks Redis.

The sessions are copies of one that a sign-in has made, written to Redis under tickets of their own. The worker has seen
none of them. The same requests once more are the warm ones.
"""

from __future__ import annotations

import os
import sys
from statistics import median

import redis

from benchmarks import load
from benchmarks.cases import Row
from benchmarks.peers.sekisho import Sekisho
from benchmarks.programs import BenchmarkError
from benchmarks.surroundings import Surroundings
from gateway.session.redis_store import DEFAULT_PREFIX
from gateway.session.seal import Secrets, seal, ticket_seals, unseal
from gateway.session.session import Session
from gateway.session.ticket import find_ticket, new_ticket, ticket_name

SESSIONS = 50_000
COLD, WARM = "cold", "warm"
_BATCH = 1_000
_MILLISECONDS = 3_600_000
_FASTEST = 20_000
"""More requests a second than any cold round has reached."""

REQUESTS = """
local requests, at = {{}}, 0
for line in io.lines("{cookies}") do
  requests[#requests + 1] = "GET / HTTP/1.1\\r\\nHost: {host}\\r\\nCookie: " .. line .. "\\r\\n\\r\\n"
end
request = function()
  at = at + 1
  return requests[{first} + (at - 1) % {count} + 1]
end
"""


def cold(around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Measure requests of sessions that the worker has never seen, and then of the same ones again.

    Raises:
        BenchmarkError: there were more requests than sessions, or the sign-in left no session.

    """
    seen: dict[str, list[load.Round]] = {COLD: [], WARM: []}
    with Sekisho().run(around) as peer:
        path = around.folder / "cookies"
        path.write_bytes(sessions(around, "sekisho", peer.headers["Cookie"].encode(), SESSIONS))
        first = 0
        # As many sessions as one round takes at the speed of warm ones.
        share = min(seconds, max(1, SESSIONS // (rounds * _FASTEST)))
        for number in range(rounds):
            used = SESSIONS - first
            for name, rounds_seen in seen.items():
                print(f"cold, round {number + 1} of {rounds}: {name} …", file=sys.stderr, flush=True)
                requests = REQUESTS.format(cookies=path, host=peer.headers["Host"], first=first, count=used)
                done = load.run(
                    peer.program, peer.port, "/", {}, seconds=share, folder=around.folder, requests=requests
                )
                rounds_seen.append(done)
                if name == COLD:
                    asked = int(done.rate * share) + load.CONNECTIONS
                    if asked > used:
                        raise BenchmarkError(f"{asked} requests, and {used} sessions for them")
                    used = asked
            first += used
    return [
        Row(
            "cold",
            name,
            {
                "requests/s": median(each.rate for each in found),
                "µs CPU a request": median(each.cpu for each in found),
            },
        )
        for name, found in seen.items()
    ]


def sessions(around: Surroundings, name: str, cookies: bytes, count: int) -> bytes:
    """Write so many sessions of the gateway of this name to Redis; return a Cookie field for each, one a line."""
    secrets = Secrets.parse((around.folder / name / "secret").read_text())
    seals = ticket_seals(secrets, "plain")
    lines: list[bytes] = []
    with redis.Redis(port=around.redis) as store:
        cookie, kept = _found(store, secrets, cookies)
        with store.pipeline(transaction=False) as pipe:
            for _ in range(count):
                ticket = new_ticket(os.urandom(32))
                key = ticket_name(ticket)
                record = seal(kept, ticket, secrets.first, os.urandom(12))
                pipe.set(f"{DEFAULT_PREFIX}t:{{{key}}}", record, px=_MILLISECONDS)
                pipe.set(f"{DEFAULT_PREFIX}i:{{{key}}}", b"1", px=_MILLISECONDS)
                lines.append(cookie + b"=" + seals.cookie(ticket).encode())
                if not len(lines) % _BATCH:
                    pipe.execute()
            pipe.execute()
    return b"\n".join(lines) + b"\n"


def _found(store: redis.Redis, secrets: Secrets, cookies: bytes) -> tuple[bytes, Session]:
    """Return the name of the session's cookie, and the session that the harness has signed in to."""
    for pair in cookies.split(b"; "):
        name, _, _ = pair.partition(b"=")
        ticket = find_ticket(cookies, name)
        record = None if ticket is None else store.get(f"{DEFAULT_PREFIX}t:{{{ticket_name(ticket)}}}")
        kept = unseal(record, ticket, secrets) if ticket is not None and isinstance(record, bytes) else None
        if kept is not None:
            return name, kept
    raise BenchmarkError("the sign-in left no session in Redis")
