"""How long a session outlives its revocation: `python -m benchmarks.revocation`.

Worker processes of two nodes answer requests from their caches as fast as they are asked to;
one process revokes sessions at random. Measured is, for each revocation, the time from its
acknowledgement by Redis to the beginning of the last request that any worker still let through:
all on one machine, so on one monotonic clock. Between them lie Redis's push, and the load of the workers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from gateway.identity import Identity, Scope
from gateway.session.redis_sessions import Sessions, open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import Found, Session, Unread
from gateway.session.ticket import Ticket, new_ticket
from gateway.settings.settings import SessionSettings
from tests.redis_server import redis_server

WORKERS = 4
PER_TURN = 50
"""Requests a worker answers before it lets others run: about what a busy one has at once."""
SECRETS = Secrets.parse("a secret for measurements, longer than 32 bytes")
WRONG = 1.0
"""Seconds after which a request that is let through is wrong."""


async def until_trusted(sessions: Sessions) -> None:
    """Return when this worker believes its memory."""
    while not sessions.status().trusted:  # noqa: ASYNC110 - trust is compared on each look, there is no event for it
        await asyncio.sleep(0.01)


async def _open(url: str) -> Sessions:
    settings = SessionSettings(store=url, timeout=5.0)
    sessions = await open_sessions(settings, SECRETS, clock=time.time, random=os.urandom)
    await until_trusted(sessions)
    return sessions


def person(number: int) -> Session:
    """Return the session of a resident of whom everything is known."""
    now = time.time()
    identity = Identity(
        client_id="RP00000001",
        subject=f"subject-{number:08d}",
        authenticated_at=now,
        asked=frozenset(Scope),
        name="関所 花子",
        address="東京都渋谷区神南一丁目19番11号",
        acr="aal3",
    )
    return Session(identity, now, now + 28_800, SECRETS.pseudonym("RP00000001", identity.subject))


async def _work(url: str, tickets: list[Ticket], pipe: Connection) -> None:
    sessions = await _open(url)
    for ticket in tickets:
        await sessions.reader.load(ticket, time.time())
    pipe.send("ready")
    passed: dict[Ticket, float] = {}
    dice = random.Random(os.getpid())
    requests = 0
    while not pipe.poll():
        for _ in range(PER_TURN):
            ticket = dice.choice(tickets)
            begun = time.monotonic()
            state = sessions.reader.peek(ticket, time.time())
            if isinstance(state, Unread):
                state = await sessions.reader.load(ticket, time.time())
            if isinstance(state, Found):
                passed[ticket] = begun
            requests += 1
        await asyncio.sleep(0.0005)
    pipe.send((passed, requests))
    await sessions.close()


def _worker(url: str, tickets: list[Ticket], pipe: Connection) -> None:
    uvloop.run(_work(url, tickets, pipe))


async def _revoke(url: str, count: int, pipes: list[Connection], start: list[Connection]) -> dict[str, object]:
    sessions = await _open(url)
    tickets = [new_ticket(os.urandom(32)) for _ in range(count)]
    for number, ticket in enumerate(tickets):
        await sessions.store.create(ticket, person(number))
    for pipe in start:
        pipe.send(tickets)
    for pipe in pipes:
        await asyncio.to_thread(pipe.recv)
    await asyncio.sleep(1.0)
    ended: dict[Ticket, float] = {}
    begun = time.monotonic()
    for ticket in random.Random(1).sample(tickets, count):
        await sessions.store.delete(ticket)
        ended[ticket] = time.monotonic()
        await asyncio.sleep(0.005)
    took = time.monotonic() - begun
    await asyncio.sleep(2.0)
    last: dict[Ticket, float] = {}
    requests = 0
    for pipe in pipes:
        pipe.send("stop")
        passed, answered = await asyncio.to_thread(pipe.recv)
        requests += answered
        for ticket, moment in passed.items():
            last[ticket] = max(last.get(ticket, 0.0), moment)
    await sessions.close()
    late = sorted(max(0.0, last[ticket] - ended[ticket]) * 1_000 for ticket in tickets if ticket in last)
    return {
        "revocations": count,
        "workers": len(pipes),
        "requests": requests,
        "seconds": round(took, 2),
        "p50_ms": round(late[len(late) // 2], 3),
        "p99_ms": round(late[int(len(late) * 0.99)], 3),
        "max_ms": round(late[-1], 3),
        "wrong": sum(one > WRONG * 1_000 for one in late),
    }


def _waiting_worker(url: str, pipe: Connection) -> None:
    _worker(url, pipe.recv(), pipe)


def main() -> int:
    """Measure, print, and exit 1 where a request was let through that was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revocations", type=int, default=1_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    context = get_context("spawn")
    with redis_server() as server:
        pairs = [context.Pipe() for _ in range(WORKERS)]
        workers = [context.Process(target=_waiting_worker, args=(server.url, there)) for _, there in pairs]
        for worker in workers:
            worker.start()
        try:
            here = [pipe for pipe, _ in pairs]
            result = uvloop.run(_revoke(server.url, arguments.revocations, here, here))
        finally:
            for worker in workers:
                worker.join(10)
                if worker.is_alive():
                    worker.kill()
    text = json.dumps(result, indent=1)
    sys.stdout.write(f"{text}\n")
    if arguments.json is not None:
        arguments.json.write_text(f"{text}\n")
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
