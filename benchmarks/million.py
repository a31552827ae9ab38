"""A million sessions in Redis and 100,000 in a worker: `python -m benchmarks.million`.

Look-ups are timed on the way up, so that a curve that is not flat shows. Bytes a session are
Redis's own count (`used_memory`) and the worker's resident size, each divided by the sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.revocation import SECRETS, person, until_trusted
from gateway.session.redis_sessions import open_sessions
from gateway.session.redis_store import RedisStore
from gateway.session.seal import seal
from gateway.session.session import Found
from gateway.session.ticket import Ticket, new_ticket, ticket_name
from gateway.settings.settings import SessionSettings
from tests.redis_server import redis_server

STEPS = (1_000, 10_000, 100_000, 1_000_000)
LOOKS = 2_000
CACHED = 100_000


def _resident() -> int:
    """Return this process's resident bytes."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def _commands(store: RedisStore, tickets: list[Ticket], first: int) -> Iterator[tuple[object, ...]]:
    """Give what `RedisStore.create` writes, without waiting for each."""
    for number, ticket in enumerate(tickets, start=first):
        name, kept = ticket_name(ticket), person(number)
        index = f"{store.prefix}u:{kept.pseudonym}"
        yield ("ZADD", index, kept.expires_at, name)
        yield ("PEXPIRE", index, 28_800_000)
        yield ("SET", store.idle_key(name), b"1", "PX", 1_800_000)
        yield ("SET", store.record_key(name), seal(kept, ticket, SECRETS.first, os.urandom(12)), "PX", 28_800_000)


async def _measure(url: str, most: int) -> dict[str, Any]:
    sessions = await open_sessions(
        SessionSettings(store=url, timeout=10.0), SECRETS, clock=time.time, random=os.urandom, background=False
    )
    store = sessions.store
    if not isinstance(store, RedisStore):
        raise TypeError("the million is about Redis")
    info: Any = await store.redis.execute_command("INFO", "memory")
    empty = int(info["used_memory"])
    tickets: list[Ticket] = []
    rows: list[dict[str, object]] = []
    for step in (step for step in STEPS if step <= most):
        while len(tickets) < step:
            batch = [new_ticket(os.urandom(32)) for _ in range(min(2_000, step - len(tickets)))]
            pipeline: Any = store.redis.pipeline(transaction=False)
            for command in _commands(store, batch, len(tickets)):
                pipeline.execute_command(*command)
            await pipeline.execute()
            tickets += batch
        dice = random.Random(3)
        begun = time.perf_counter()
        for ticket in dice.choices(tickets, k=LOOKS):
            if await store.find(ticket) is None:
                raise LookupError("a session that was just written is not there")
        took = time.perf_counter() - begun
        info = await store.redis.execute_command("INFO", "memory")
        rows.append(
            {
                "sessions": step,
                "lookup_us": round(took / LOOKS * 1e6, 1),
                "redis_bytes_a_session": round((int(info["used_memory"]) - empty) / step),
            }
        )
    await sessions.close()

    worker = await open_sessions(SessionSettings(store=url, timeout=10.0), SECRETS, clock=time.time, random=os.urandom)
    await until_trusted(worker)
    wanted = tickets[: min(CACHED, len(tickets))]
    gc.collect()
    before = _resident()
    peeks: list[dict[str, object]] = []
    for count in (step for step in STEPS if step <= len(wanted)):
        for first in range(worker.status().remembered, count, 50):
            await asyncio.gather(
                *(worker.reader.load(one, time.time()) for one in wanted[first : min(first + 50, count)])
            )
        await until_trusted(worker)
        asked = random.Random(5).choices(wanted[:count], k=LOOKS)
        now, peek = time.time(), worker.reader.peek
        begun = time.perf_counter()
        found = sum(isinstance(peek(ticket, now), Found) for ticket in asked)
        took = time.perf_counter() - begun
        peeks.append({"remembered": count, "found": found, "peek_ns": round(took / LOOKS * 1e9)})
    gc.collect()
    result = {
        "redis": rows,
        "worker": peeks,
        "worker_bytes_a_session": round((_resident() - before) / max(1, worker.status().remembered)),
    }
    await worker.close()
    return result


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=STEPS[-1], help="the most: 1000, 10000, 100000 or 1000000")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with redis_server() as server:
        result = uvloop.run(_measure(server.url, arguments.sessions))
    text = json.dumps(result, indent=1)
    sys.stdout.write(f"{text}\n")
    if arguments.json is not None:
        arguments.json.write_text(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
