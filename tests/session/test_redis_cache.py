"""A worker on a real Redis: answers from memory, and never from a memory that may be wrong."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import Any

import pytest
from redis import Redis
from redis.crc import key_slot

from gateway.errors import StoreUnavailableError
from gateway.policy.permit_cache import SignedLine
from gateway.policy.verdict import RuleId
from gateway.session.ledger import Disclosure
from gateway.session.redis_cache import CachedReader
from gateway.session.redis_sessions import Sessions
from gateway.session.session import AllSessions, ClientSessions, Found, Gone, Session, Unavailable, Unread
from gateway.session.ticket import Ticket, ticket_name
from tests.builders import CLIENT, session
from tests.redis_server import RedisServer, cluster_redis, move_slot, redis_server, sentinel_redis
from tests.session.conftest import Open, new, until


def now_session(**changes: Any) -> Session:
    """A session that began now."""
    now = time.time()
    return session(**({"created_at": now, "expires_at": now + 28_800} | changes))


async def signed_in(worker: Sessions, **changes: Any) -> Ticket:
    """Sign somebody in and read the session into this worker's memory."""
    ticket = new()
    assert await worker.store.create(ticket, now_session(**changes))
    assert isinstance(await worker.reader.load(ticket, time.time()), Found)
    return ticket


def peek(worker: Sessions, ticket: Ticket) -> object:
    """The worker's answer without asking Redis."""
    return worker.reader.peek(ticket, time.time())


def calls(client: Redis, *commands: str) -> int:
    """How often Redis has executed these commands."""
    info: Any = client.info("commandstats")
    return sum(info.get(f"cmdstat_{command}", {}).get("calls", 0) for command in commands)


async def test_a_session_once_read_needs_no_redis(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """Ten thousand requests on a known session: not one look-up, and only heartbeats in Redis."""
    worker = await open_worker(redis_url)
    ticket = await signed_in(worker)
    before = calls(behind, "get", "pexpire", "hgetall")

    states = {type(peek(worker, ticket)) for _ in range(10_000)}

    assert states == {Found}
    assert calls(behind, "get", "pexpire", "hgetall") == before


async def test_what_was_kept_ready_stays_with_the_session(redis_url: str, open_worker: Open) -> None:
    """The pipeline finds what it left with the session."""
    worker = await open_worker(redis_url)
    ticket = await signed_in(worker)
    found = peek(worker, ticket)
    assert isinstance(found, Found)

    found.permit_cache.keep_assertion("booking", RuleId("test", "rule"), SignedLine(None, (), b"kept", 0.0))

    again = peek(worker, ticket)
    assert isinstance(again, Found)
    assert again.permit_cache is found.permit_cache
    assert again.permit_cache.assertions["booking", RuleId("test", "rule")].line == b"kept"


async def test_a_session_ended_by_another_worker_is_gone_here(redis_url: str, open_worker: Open) -> None:
    """Within a blink: this worker hears of it and asks."""
    here, there = await open_worker(redis_url), await open_worker(redis_url)
    ticket = await signed_in(here)

    await there.store.delete(ticket)

    await until(lambda: isinstance(peek(here, ticket), Unread), "news of the end", 1.0)
    assert isinstance(await here.reader.load(ticket, time.time()), Gone)


@pytest.mark.parametrize("selector", [ClientSessions(CLIENT), AllSessions()], ids=["client", "all"])
async def test_a_wide_revocation_is_everywhere_before_it_has_walked(
    redis_url: str, behind: Redis, open_worker: Open, selector: ClientSessions | AllSessions
) -> None:
    """Revoking many takes effect by its mark, though the records still lie there."""
    here, there = await open_worker(redis_url), await open_worker(redis_url)
    ticket = await signed_in(here)
    record = behind.get(f"sekisho:t:{{{ticket_name(ticket)}}}")

    await there.store.revoke(selector)
    # As if the walk had not come so far yet.
    behind.set(f"sekisho:t:{{{ticket_name(ticket)}}}", record)  # type: ignore[arg-type]
    behind.set(f"sekisho:i:{{{ticket_name(ticket)}}}", "1", px=60_000)

    await until(lambda: isinstance(peek(here, ticket), Unread), "news of the revocation", 1.0)
    assert isinstance(await here.reader.load(ticket, time.time()), Gone)


async def test_many_who_ask_for_one_ticket_ask_once(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """A page's twenty requests after a restart cost one look-up."""
    worker = await open_worker(redis_url)
    ticket = new()
    await worker.store.create(ticket, now_session())
    before = calls(behind, "get")

    states = await asyncio.gather(*(worker.reader.load(ticket, time.time()) for _ in range(50)))

    assert all(state is states[0] and isinstance(state, Found) for state in states)
    assert calls(behind, "get") == before + 1


async def test_who_goes_away_takes_no_answer_from_the_others(redis_url: str, open_worker: Open) -> None:
    """The first of several who ask may be cut off; the others are answered."""
    worker = await open_worker(redis_url)
    ticket = new()
    await worker.store.create(ticket, now_session())
    first = asyncio.create_task(worker.reader.load(ticket, time.time()))
    second = asyncio.create_task(worker.reader.load(ticket, time.time()))
    await asyncio.sleep(0)

    first.cancel()

    assert isinstance(await second, Found)


async def test_a_forged_cookie_is_asked_for_once(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """The same unknown ticket a thousand times costs one look-up."""
    worker = await open_worker(redis_url)
    forged = new()
    before = calls(behind, "get")
    for _ in range(1_000):
        if isinstance(peek(worker, forged), Unread):
            await worker.reader.load(forged, time.time())

    assert isinstance(peek(worker, forged), Gone)
    assert calls(behind, "get") == before + 1


async def test_a_ticket_that_was_unknown_is_known_once_given_out(redis_url: str, open_worker: Open) -> None:
    """Remembering that a ticket stands for nothing ends when it stands for something."""
    here, there = await open_worker(redis_url), await open_worker(redis_url)
    ticket = new()
    assert isinstance(await here.reader.load(ticket, time.time()), Gone)

    await there.store.create(ticket, now_session())

    await until(lambda: isinstance(peek(here, ticket), Unread), "news of the beginning", 1.0)
    assert isinstance(await here.reader.load(ticket, time.time()), Found)


async def test_a_killed_tracking_connection_drops_the_memory(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """A connection that is told can be lost at any moment; then nothing is believed until a new one is."""
    worker = await open_worker(redis_url)
    ticket = await signed_in(worker)

    # Only the tracking connections speak RESP3.
    behind.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")

    await until(lambda: not isinstance(peek(worker, ticket), Found), "distrust", 1.0)
    await until(lambda: worker.status().epochs == 2 and worker.status().trusted, "trust")
    assert isinstance(await worker.reader.load(ticket, time.time()), Found)


async def test_flushall_ends_every_session(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """Redis says that with one word for all keys."""
    worker = await open_worker(redis_url)
    ticket = await signed_in(worker)

    behind.flushall()

    await until(lambda: isinstance(peek(worker, ticket), Unread), "news of the flush", 1.0)
    assert isinstance(await worker.reader.load(ticket, time.time()), Gone)


async def test_a_key_nobody_of_us_writes_drops_the_memory(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """News that are not understood may concern any session."""
    worker = await open_worker(redis_url)
    ticket = await signed_in(worker)

    behind.set("sekisho:t:something-new", "1")

    await until(lambda: isinstance(peek(worker, ticket), Unread), "the memory's end", 1.0)


async def test_a_server_that_takes_no_writes_is_not_trusted(own_redis: RedisServer, open_worker: Open) -> None:
    """A primary that became a replica answers reads with yesterday's truth: unavailable, and not signed in."""
    worker = await open_worker(own_redis.url)
    ticket = await signed_in(worker)

    with redis_server() as other, contextlib.closing(own_redis.client()) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", other.port)
        client.config_set("replica-serve-stale-data", "yes")
        await until(lambda: not worker.status().trusted, "distrust", 3.0)
        state = await worker.reader.load(ticket, time.time())

    assert isinstance(state, Unavailable)


async def test_a_dead_redis_is_no_logout_and_costs_nothing(own_redis: RedisServer, open_worker: Open) -> None:
    """Unavailable at once and for everybody, without asking; the session is there again with Redis."""
    worker = await open_worker(own_redis.url)
    ticket = await signed_in(worker)

    own_redis.kill()
    await until(lambda: not worker.status().store_answers, "the circuit", 5.0)
    begun = time.perf_counter()
    states = {type(peek(worker, ticket)) for _ in range(1_000)}
    spent = time.perf_counter() - begun

    assert states == {Unavailable}
    assert spent < 0.1
    # Each of them is a request that the store has failed, though nobody asked it.
    assert worker.status().unavailable == 1_000
    own_redis.start()
    await until(lambda: worker.status().trusted, "trust")
    # Its memory went with it, which is an end of every session and not a failure.
    assert isinstance(await worker.reader.load(ticket, time.time()), Gone)


async def test_a_stopped_redis_is_waited_for_once(own_redis: RedisServer, open_worker: Open) -> None:
    """A Redis that hangs (SIGSTOP) ends trust within a second, and sessions go on when it does."""
    worker = await open_worker(own_redis.url, timeout=0.3)
    ticket = await signed_in(worker)

    own_redis.signal(signal.SIGSTOP)
    try:
        await until(lambda: not worker.status().trusted, "distrust", 1.5)
        state = await worker.reader.load(ticket, time.time())
        await until(lambda: not worker.status().store_answers, "the circuit", 3.0)
        begun = time.perf_counter()
        at_once = peek(worker, ticket)
        spent = time.perf_counter() - begun
    finally:
        own_redis.signal(signal.SIGCONT)

    assert isinstance(state, Unavailable)
    assert isinstance(at_once, Unavailable)
    assert spent < 0.01
    await until(lambda: worker.status().trusted, "trust")
    assert isinstance(await worker.reader.load(ticket, time.time()), Found)


async def test_stale_for_honours_what_was_known(own_redis: RedisServer, open_worker: Open) -> None:
    """With this setting, signed-in people go on for a while without Redis; others get 503."""
    worker = await open_worker(own_redis.url, stale_for=60.0)
    ticket, never_read = await signed_in(worker), new()
    await worker.store.create(never_read, now_session())

    own_redis.kill()
    await until(lambda: not worker.status().store_answers, "the circuit", 5.0)

    assert isinstance(peek(worker, ticket), Found)
    assert isinstance(peek(worker, never_read), Unavailable)
    assert worker.status().stale == 1


async def test_use_is_told_to_redis_now_and_then(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """A session in use stays alive beyond its idle time, by few commands and none on the request's way."""
    worker = await open_worker(redis_url, idle=1.0)
    ticket = await signed_in(worker)
    begun, before = time.monotonic(), calls(behind, "pexpire")
    states: set[type] = set()

    while time.monotonic() < begun + 2.0:
        states.add(type(peek(worker, ticket)))
        await asyncio.sleep(0.005)

    assert states == {Found}
    assert calls(behind, "pexpire") - before <= 2.0 / 0.1 + 1


async def test_a_ledger_is_written_beside_the_requests(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """One write of each new entry, by the task that restarts clocks; another worker reads it, and no dump does."""
    worker, other = await open_worker(redis_url), await open_worker(redis_url)
    ticket = await signed_in(worker)
    found = await worker.reader.load(ticket, time.time())
    assert isinstance(found, Found)
    before = calls(behind, "eval")

    for _ in range(3):
        found.ledger.tell("booking", ("subject", "name"), 1.0)
    await until(lambda: calls(behind, "eval") > before, "the write")

    assert await other.reader.told(ticket) == (Disclosure("booking", ("subject", "name"), 1.0),)
    assert calls(behind, "eval") == before + 1
    key = f"sekisho:d:{{{ticket_name(ticket)}}}"
    assert not any(b"booking" in part for pair in behind.hgetall(key).items() for part in pair)
    # The record's time is read first, as time goes on between the two. The script reads one clock and sets the other,
    # and a millisecond can pass between.
    record = behind.pttl(key.replace(":d:", ":t:"))
    assert 0 < behind.pttl(key) <= record + 10


async def test_a_ledger_waits_for_the_store(own_redis: RedisServer, open_worker: Open) -> None:
    """An entry that cannot be written now is kept for later, and a page that asks meanwhile hears of the outage."""
    worker = await open_worker(own_redis.url)
    ticket = await signed_in(worker)
    found = await worker.reader.load(ticket, time.time())
    assert isinstance(found, Found)

    own_redis.kill()
    found.ledger.tell("booking", ("name",), 1.0)
    with pytest.raises(StoreUnavailableError):
        await worker.reader.told(ticket)

    reader = worker.reader
    assert isinstance(reader, CachedReader)
    assert [told.app for _, told in reader.cache.told] == ["booking"]


async def test_silence_ends_it_here_too(redis_url: str, open_worker: Open) -> None:
    """Without a request the idle clock runs out, and memory does not say otherwise."""
    worker = await open_worker(redis_url, idle=0.2)
    ticket = await signed_in(worker)
    name = ticket_name(ticket)
    async with asyncio.timeout(5):
        while await worker.store.idle_left(name) is not None:
            await asyncio.sleep(0.01)

    state = peek(worker, ticket)

    assert isinstance(state, Unread)
    assert isinstance(await worker.reader.load(ticket, time.time()), Gone)


async def test_a_touch_under_way_brings_no_session_back(redis_url: str, open_worker: Open) -> None:
    """Restarting the clock of a session that was revoked meanwhile ends it here."""
    here, there = await open_worker(redis_url, idle=1.0), await open_worker(redis_url)
    ticket = await signed_in(here)
    await there.store.delete(ticket)

    assert await here.store.touch([ticket]) == frozenset()
    assert isinstance(await here.reader.load(ticket, time.time()), Gone)
    assert await there.store.idle_left(ticket_name(ticket)) is None


async def test_the_read_then_delete_race(redis_url: str, open_worker: Open) -> None:
    """Sessions read at the very moment they are deleted: none stays in memory."""
    here, there = await open_worker(redis_url, timeout=10.0), await open_worker(redis_url, timeout=10.0)
    tickets = [new() for _ in range(300)]
    for ticket in tickets:
        await there.store.create(ticket, now_session())

    async def race(ticket: Ticket) -> None:
        await asyncio.gather(here.reader.load(ticket, time.time()), there.store.delete(ticket))

    await asyncio.gather(*(race(ticket) for ticket in tickets))
    # A heartbeat that went out after the last deletion has come back: all news are in.
    sent = time.monotonic()
    await until(lambda: here.reader.cache.trusted_until > sent + 1.0, "a heartbeat")  # type: ignore[attr-defined]

    assert [ticket for ticket in tickets if isinstance(peek(here, ticket), Found)] == []


async def test_a_stream_is_cut_when_its_session_ends(redis_url: str, open_worker: Open) -> None:
    """A WebSocket does not outlive its session, wherever that was ended."""
    here, there = await open_worker(redis_url), await open_worker(redis_url)
    mine, other = await signed_in(here), await signed_in(here, pseudonym="other")
    cut: list[str] = []
    here.reader.watch(mine, lambda: cut.append("mine"))
    here.reader.watch(other, lambda: cut.append("other"))

    await there.store.delete(mine)

    await until(lambda: bool(cut), "the cut", 2.0)
    assert cut == ["mine"]


async def test_a_stream_goes_over_to_the_session_that_followed(redis_url: str, open_worker: Open) -> None:
    """A step-up of the same person keeps her streams; when that session ends, they end."""
    here, there = await open_worker(redis_url), await open_worker(redis_url)
    old, new_one = await signed_in(here), new()
    cut: list[str] = []
    here.reader.watch(old, lambda: cut.append("cut"))

    assert await there.store.replace(old, new_one, now_session())
    sent = time.monotonic()
    await until(lambda: here.reader.cache.trusted_until > sent + 2.0, "heartbeats")  # type: ignore[attr-defined]
    kept = not cut
    await there.store.delete(new_one)

    assert kept
    await until(lambda: cut == ["cut"], "the cut", 2.0)


async def test_sessions_follow_a_failover(open_worker: Open) -> None:
    """Sentinel makes the replica the primary: sessions are still there, and memory is told by the new one."""
    with sentinel_redis() as group:
        worker = await open_worker(group.url)
        ticket = await signed_in(worker)
        await until(lambda: worker.status().trusted, "trust")

        with contextlib.closing(group.primary().client()) as client:
            # A write that the replica has not received is lost with its primary; Redis promises that much, and we do
            # not test it. WAIT looks at this connection's own writes alone, so one is made behind the session's.
            client.set("written:last", 1)
            assert client.execute_command("WAIT", 1, 5_000) == 1
        await asyncio.to_thread(group.fail_over)

        await until(lambda: worker.status().epochs >= 2 and worker.status().trusted, "trust in the new primary", 20)
        assert isinstance(await worker.reader.load(ticket, time.time()), Found)
        with contextlib.closing(group.primary().client()) as client:
            client.delete(f"sekisho:t:{{{ticket_name(ticket)}}}")
        await until(lambda: isinstance(peek(worker, ticket), Unread), "news from the new primary", 1.0)


@pytest.mark.long
async def test_every_primary_of_a_cluster_tells(open_worker: Open) -> None:
    """Sessions lie on all primaries, and the end of each is heard."""
    with cluster_redis() as cluster:
        here, there = await open_worker(cluster.url), await open_worker(cluster.url)
        tickets = [await signed_in(here, pseudonym=str(number)) for number in range(24)]
        assert {type(peek(here, ticket)) for ticket in tickets} == {Found}

        for ticket in tickets:
            await there.store.delete(ticket)

        await until(lambda: all(isinstance(peek(here, one), Unread) for one in tickets), "all news", 2.0)


async def test_a_lost_primary_of_a_cluster_ends_trust(open_worker: Open) -> None:
    """One primary that does not tell is one too many."""
    with cluster_redis() as cluster:
        worker = await open_worker(cluster.url)
        ticket = await signed_in(worker)

        cluster.servers[1].kill()

        await until(lambda: not isinstance(peek(worker, ticket), Found), "distrust", 3.0)


@pytest.mark.long
async def test_a_slot_that_moves_to_a_new_primary_is_followed(open_worker: Open) -> None:
    """A resharding drops the memory; no session of the new primary is remembered before that one tells."""
    with cluster_redis() as cluster:
        worker = await open_worker(cluster.url, timeout=5.0)
        ticket = await signed_in(worker)
        slot = key_slot(ticket_name(ticket).encode())
        source = cluster.servers[min(slot // (16_384 // 3), 2)]
        target = await asyncio.to_thread(cluster.join)
        others = [server for server in cluster.servers if server is not source]

        await asyncio.to_thread(move_slot, slot, source, target, others)

        await until(lambda: worker.status().epochs >= 2 and worker.status().trusted, "trust in all four", 20)
        assert isinstance(await worker.reader.load(ticket, time.time()), Found)
        assert isinstance(peek(worker, ticket), Found)
        with contextlib.closing(target.client()) as client:
            assert client.delete(f"sekisho:t:{{{ticket_name(ticket)}}}") == 1
        await until(lambda: isinstance(peek(worker, ticket), Unread), "news from the new primary", 1.0)


async def test_look_ups_are_counted_by_what_came_of_them(redis_url: str, open_worker: Open) -> None:
    """Each once; what memory says is no look-up."""
    worker = await open_worker(redis_url)
    ticket = await signed_in(worker)

    await worker.reader.load(new(), time.time())
    peek(worker, ticket)
    status = worker.status()

    assert (status.lookups, status.found, status.gone, status.unavailable) == (2, 1, 1, 0)
