"""Requests flow while Redis has bad weather: how many answers were wrong, which must be none.

Wrong is a session let through more than a second after its revocation was acknowledged, and
a living session called gone. Unavailable is never wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.errors import StoreUnavailableError
from gateway.session.redis_sessions import Sessions
from gateway.session.session import Found, Gone, Unread
from gateway.session.ticket import Ticket, ticket_name
from tests.builders import session
from tests.redis_server import RedisServer, redis_server, sentinel_redis
from tests.session.conftest import Open, new, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

ALLOWED = 1.0
"""Seconds after an acknowledged revocation in which a request may still pass."""


@dataclass
class Traffic:
    """Requests on many sessions through several workers, and the truth to hold them against."""

    workers: list[Sessions]
    revoker: Sessions
    tickets: list[Ticket] = field(default_factory=list)
    ended: dict[Ticket, float] = field(default_factory=dict)
    """When each revocation was acknowledged."""
    trying: set[Ticket] = field(default_factory=set)
    """Revocations sent and not acknowledged: nobody knows."""
    answers: dict[str, int] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    """Seconds after a revocation at which a request still passed."""
    lost: int = 0
    """Living sessions called gone."""
    clock: Callable[[], float] = time.time

    async def sign_in(self, count: int) -> None:
        """Sign people in."""
        for number in range(count):
            ticket = new()
            now = time.time()
            kept = session(created_at=now, expires_at=now + 28_800, pseudonym=str(number))
            assert await self.revoker.store.create(ticket, kept)
            self.tickets.append(ticket)

    async def request(self, worker: Sessions, ticket: Ticket) -> None:
        """One request, and whether its answer was right."""
        begun = time.monotonic()
        state = worker.reader.peek(ticket, self.clock())
        if isinstance(state, Unread):
            state = await worker.reader.load(ticket, self.clock())
        kind = type(state).__name__
        self.answers[kind] = self.answers.get(kind, 0) + 1
        if isinstance(state, Found) and ticket in self.ended:
            self.late.append(begun - self.ended[ticket])
        if isinstance(state, Gone) and ticket not in self.ended and ticket not in self.trying:
            self.lost += 1

    async def _browse(self, worker: Sessions, dice: random.Random) -> None:
        while True:
            for _ in range(20):
                await self.request(worker, dice.choice(self.tickets))
            await asyncio.sleep(0.001)

    async def _revoke(self, dice: random.Random, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            ticket = dice.choice(self.tickets)
            if ticket in self.ended:
                continue
            self.trying.add(ticket)
            with contextlib.suppress(StoreUnavailableError):
                await self.revoker.store.delete(ticket)
                self.ended[ticket] = time.monotonic()
                self.trying.discard(ticket)

    async def during(self, weather: Callable[[], Awaitable[object]], pause: float = 0.01) -> None:
        """Let requests and revocations flow while the weather passes, and a while longer."""
        dice = random.Random(4)
        tasks = [asyncio.create_task(self._browse(worker, random.Random(n))) for n, worker in enumerate(self.workers)]
        tasks.append(asyncio.create_task(self._revoke(dice, pause)))
        try:
            await asyncio.sleep(1.0)
            await weather()
            await asyncio.sleep(2.0)
            # Revocations end first, and requests go on beyond the time they may take.
            tasks[-1].cancel()
            await asyncio.sleep(1.5)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [one for one in results if isinstance(one, Exception)]
        assert failures == []

    def wrong(self) -> dict[str, int]:
        """How many answers were wrong, by kind."""
        return {"late": sum(seconds > ALLOWED for seconds in self.late), "lost": self.lost}


NONE_WRONG = {"late": 0, "lost": 0}
Make = Callable[..., Awaitable[Traffic]]


@pytest.fixture
async def traffic(open_worker: Open) -> Make:
    """Makes traffic through workers on one URL, with revocations by another."""

    async def make(
        url: str, revoker_url: str | None = None, sessions: int = 300, workers: int = 2, **given: Any
    ) -> Traffic:
        opened = [await open_worker(url, timeout=0.5, **given) for _ in range(workers)]
        made = Traffic(opened, await open_worker(revoker_url or url, timeout=0.5))
        await made.sign_in(sessions)
        return made

    return make


async def test_fair_weather(own_redis: RedisServer, traffic: Make) -> None:
    """Without any fault every answer is right, and nothing is unavailable."""
    flow = await traffic(own_redis.url)

    await flow.during(lambda: asyncio.sleep(1))

    assert flow.wrong() == NONE_WRONG
    assert len(flow.ended) > 50
    assert flow.answers.get("Unavailable", 0) == 0


async def test_a_power_cut_and_a_restart(traffic: Make) -> None:
    """Kill -9 with an append-only file: 503 meanwhile, and then everybody is where she was."""
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        flow = await traffic(server.url)

        async def weather() -> None:
            server.kill()
            await asyncio.sleep(2.0)
            await asyncio.to_thread(server.start)

        await flow.during(weather)

    assert flow.wrong() == NONE_WRONG
    assert flow.answers["Unavailable"] > 0
    assert all(worker.status().epochs >= 2 for worker in flow.workers)


async def test_a_standstill(own_redis: RedisServer, traffic: Make) -> None:
    """SIGSTOP for five seconds."""
    flow = await traffic(own_redis.url)

    async def weather() -> None:
        own_redis.signal(signal.SIGSTOP)
        await asyncio.sleep(5.0)
        own_redis.signal(signal.SIGCONT)

    await flow.during(weather)

    assert flow.wrong() == NONE_WRONG
    assert flow.answers["Unavailable"] > 0


async def test_killed_connections(own_redis: RedisServer, traffic: Make) -> None:
    """Every connection, those that tell among them, is killed again and again."""
    flow = await traffic(own_redis.url)

    async def weather() -> None:
        with contextlib.closing(own_redis.client()) as client:
            for _ in range(20):
                client.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
                await asyncio.sleep(0.15)

    await flow.during(weather)

    assert flow.wrong() == NONE_WRONG
    assert all(worker.status().epochs > 5 for worker in flow.workers)


async def test_a_failover(traffic: Make) -> None:
    """Sentinel's failover under load; a revocation that the old primary alone had heard of is Redis's to lose."""
    with sentinel_redis("--min-replicas-to-write", "0") as group:
        flow = await traffic(group.url)
        with contextlib.closing(group.primary().client()) as client:
            client.set("written:last", 1)
            assert client.execute_command("WAIT", 1, 5_000) == 1

        async def weather() -> None:
            await asyncio.to_thread(group.fail_over)
            for worker in flow.workers:
                await until(lambda worker=worker: worker.status().epochs >= 2 and worker.status().trusted, "trust", 20)  # type: ignore[misc]

        # None under way at the moment itself: asynchronous replication may forget what it had acknowledged.
        await flow.during(weather, pause=60.0)
        await flow.during(lambda: asyncio.sleep(1))

    assert flow.wrong() == NONE_WRONG
    assert len(flow.ended) > 20


async def test_everything_flushed(own_redis: RedisServer, traffic: Make) -> None:
    """FLUSHALL is a revocation of everybody."""
    flow = await traffic(own_redis.url)

    async def weather() -> None:
        with contextlib.closing(own_redis.client()) as client:
            flow.trying.update(flow.tickets)
            client.flushall()
            now = time.monotonic()
            flow.ended.update(dict.fromkeys(flow.tickets, now))

    await flow.during(weather)

    assert flow.wrong() == NONE_WRONG


async def test_eviction(own_redis: RedisServer, traffic: Make) -> None:
    """At `maxmemory` records are thrown out, and none is let through from memory after that."""
    flow = await traffic(own_redis.url)

    async def weather() -> None:
        with contextlib.closing(own_redis.client()) as client:
            client.config_set("maxmemory-policy", "allkeys-random")
            flow.trying.update(flow.tickets)
            client.config_set("maxmemory", str(int(client.info("memory")["used_memory"]) - 200_000))
            await asyncio.sleep(1.0)
            client.config_set("maxmemory", "0")
            left = set(client.scan_iter(match="sekisho:t:{*"))
            now = time.monotonic()
            for ticket in flow.tickets:
                if flow.revoker.store.record_key(ticket_name(ticket)).encode() not in left:  # type: ignore[attr-defined]
                    flow.ended.setdefault(ticket, now)

    await flow.during(weather)

    assert flow.wrong() == NONE_WRONG
    assert len(flow.ended) > 0


class Network:
    """A network between workers and Redis that can swallow what passes."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.swallow = False
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await source.read(65_536):
                # Never given on later: a network that drops a packet for good, and says nothing.
                if not self.swallow:
                    sink.write(piece)
        sink.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Network]:
        """Run it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.close()
            await server.wait_closed()


async def test_a_network_that_drops(own_redis: RedisServer, traffic: Make, open_worker: Open) -> None:
    """News and answers vanish without an error while others revoke: trust runs out by itself."""
    async with Network(own_redis.port).running() as network:
        flow = await traffic(network.url, own_redis.url)

        async def weather() -> None:
            network.swallow = True
            await asyncio.sleep(4.0)
            network.swallow = False

        await flow.during(weather)
        for worker in flow.workers:
            await worker.close()

    assert flow.wrong() == NONE_WRONG
    assert len(flow.ended) > 100
    assert flow.answers["Unavailable"] > 0


async def test_a_clock_that_steps(own_redis: RedisServer, traffic: Make) -> None:
    """The wall clock jumps an hour back and forth: trust is on another clock, and nobody is signed out."""
    steps = [0.0]
    flow = await traffic(own_redis.url, clock=lambda: time.time() + steps[0])
    flow.clock = lambda: time.time() + steps[0]

    async def weather() -> None:
        for step in (-3_600.0, 3_600.0, 0.0):
            steps[0] = step
            await asyncio.sleep(0.7)

    await flow.during(weather)

    assert flow.wrong() == NONE_WRONG
    assert flow.answers.get("Unavailable", 0) == 0


async def test_ten_thousand_races(own_redis: RedisServer, open_worker: Open) -> None:
    """Read and deleted at the same moment, ten thousand times: no dead session is remembered."""
    here, there = await open_worker(own_redis.url, timeout=10.0), await open_worker(own_redis.url, timeout=10.0)
    flow = Traffic([here], there)
    dice = random.Random(7)

    async def race(ticket: Ticket) -> None:
        async def read() -> None:
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            await here.reader.load(ticket, time.time())

        async def end() -> None:
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            await there.store.delete(ticket)

        await asyncio.gather(read(), end())

    remembered = 0
    for _ in range(100):
        flow.tickets.clear()
        await flow.sign_in(100)
        await asyncio.gather(*(race(ticket) for ticket in flow.tickets))
        sent = time.monotonic()
        await until(lambda sent=sent: here.reader.cache.trusted_until > sent + 1.0, "a heartbeat")  # type: ignore[attr-defined,misc]
        remembered += sum(isinstance(here.reader.peek(one, time.time()), Found) for one in flow.tickets)

    assert remembered == 0


async def test_commands_in_steady_state(own_redis: RedisServer, traffic: Make) -> None:
    """Ten thousand requests on sessions in use cost Redis under twenty commands, heartbeats apart."""
    flow = await traffic(own_redis.url, sessions=50, workers=1)
    for ticket in flow.tickets:
        await flow.request(flow.workers[0], ticket)
    with contextlib.closing(own_redis.client()) as client:
        client.config_resetstat()
        requests = 0
        begun = time.monotonic()
        # 50 sessions at 5 requests a second: 10,000 requests in 40 seconds.
        while time.monotonic() < begun + 40.0:
            for ticket in flow.tickets:
                await flow.request(flow.workers[0], ticket)
                requests += 1
            await asyncio.sleep(0.2)
        info: Any = client.info("commandstats")

    commands = {name.removeprefix("cmdstat_"): one["calls"] for name, one in info.items()}
    # Heartbeats are SET; the other commands of the server are this test's own.
    spent = sum(calls for name, calls in commands.items() if name not in ("set", "info", "config|resetstat"))
    assert requests >= 9_000
    assert spent * 10_000 / requests < 20
    assert {"Unavailable", "Gone"}.isdisjoint(flow.answers)
