"""The contract of every store of limits, tested against each of them, on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from math import inf

import pytest
from redis import Redis

from gateway.errors import StoreUnavailableError, UnfitLimitStoreError
from gateway.limits.limits import KEPT_AFTER, LEASE, EntryState, LimitStore, LimitUse, Settlement
from gateway.limits.memory_limits import MemoryLimits
from gateway.limits.redis_limits import RedisLimits
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from tests.redis_server import RedisServer, cluster_redis, redis_server, wait_until

NOW = 1_800_000_000.0
ANNA = LimitUse("lottery", "抽選 2026", "ever", "ANNAANNAANNAANNA")
FIT = ("--appendonly", "yes", "--maxmemory-policy", "noeviction")


def open_limits(url: str, prefix: str = "sekisho:") -> RedisLimits:
    return RedisLimits(make_redis(parse_redis_url(url), RedisOptions(timeout=5.0)), timeout=5.0, prefix=prefix)


@pytest.fixture(scope="module", params=["memory", "redis", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "memory":
        yield None
    elif request.param == "redis":
        with redis_server(*FIT) as server:
            yield server.url
    else:
        with cluster_redis(*FIT) as cluster:
            yield cluster.url


@pytest.fixture
async def store(url: str | None, request: pytest.FixtureRequest) -> AsyncIterator[LimitStore]:
    opened: LimitStore = MemoryLimits() if url is None else open_limits(url, prefix=f"{hash(request.node.nodeid)}:")
    await opened.check()
    yield opened
    await opened.close()


async def states(store: LimitStore, now: float = NOW, use: LimitUse = ANNA) -> list[tuple[str, EntryState]]:
    return [(entry.id, entry.state) for entry in await store.show(use.code, now)]


async def test_as_many_as_there_are_and_no_more(store: LimitStore) -> None:
    """The first is taken, the second refused; another person and another period have their own."""
    assert await store.reserve(ANNA, "a", NOW)
    assert not await store.reserve(ANNA, "b", NOW)
    assert await store.reserve(replace(ANNA, code="BERTBERTBERTBERT"), "c", NOW)
    assert await store.reserve(replace(ANNA, period="2027"), "d", NOW)
    assert await store.reserve(replace(ANNA, limit="other"), "e", NOW)


async def test_of_fifty_at_once_exactly_one_comes_through(store: LimitStore) -> None:
    """The order of their arrival does not matter."""
    taken = await asyncio.gather(*(store.reserve(ANNA, f"r{number}", NOW) for number in range(50)))

    assert sum(taken) == 1


async def test_times_raises_the_number(store: LimitStore) -> None:
    """Three, also when the policy raised it after the first was taken."""
    assert await store.reserve(ANNA, "a", NOW)
    assert not await store.reserve(ANNA, "b", NOW)

    more = replace(ANNA, times=3)

    assert [await store.reserve(more, name, NOW) for name in "bcd"] == [True, True, False]


async def test_the_same_reservation_twice_is_one(store: LimitStore) -> None:
    """A command that was sent again because its connection died takes no second chance."""
    assert await store.reserve(ANNA, "a", NOW)
    assert await store.reserve(ANNA, "a", NOW)
    assert len(await states(store)) == 1


async def test_a_definite_failure_gives_the_chance_back_at_once(store: LimitStore) -> None:
    """The store takes the next entry."""
    await store.reserve(ANNA, "a", NOW)

    await store.settle(ANNA, "a", Settlement.GIVE_BACK, NOW)

    assert await store.reserve(ANNA, "b", NOW)


async def test_what_counted_stays_counted(store: LimitStore) -> None:
    """A late failure of the same request takes nothing back."""
    await store.reserve(ANNA, "a", NOW)
    await store.settle(ANNA, "a", Settlement.COUNT, NOW)
    await store.settle(ANNA, "a", Settlement.GIVE_BACK, NOW)

    assert await states(store, NOW + 10 * LEASE) == [("a", EntryState.COUNTED)]
    assert not await store.reserve(ANNA, "b", NOW)


async def test_a_crash_leaves_it_counted_and_findable(store: LimitStore) -> None:
    """In flight while the lease is renewed, unknown when nobody renews it, and never a second chance."""
    await store.reserve(ANNA, "a", NOW)
    assert await states(store, NOW + LEASE - 1) == [("a", EntryState.IN_FLIGHT)]
    assert await store.renew(ANNA, "a", NOW + LEASE - 1)
    assert await states(store, NOW + LEASE + 1) == [("a", EntryState.IN_FLIGHT)]

    later = NOW + 3 * LEASE

    assert await states(store, later) == [("a", EntryState.UNKNOWN)]
    assert not await store.reserve(ANNA, "b", later)


async def test_a_person_can_give_any_entry_back(store: LimitStore) -> None:
    """At the counter, by her code; once."""
    await store.reserve(ANNA, "a", NOW)
    await store.settle(ANNA, "a", Settlement.COUNT, NOW)
    (entry,) = await store.show(ANNA.code, NOW)
    assert (entry.use.policy, entry.use.limit, entry.use.period, entry.since) == ("lottery", "抽選 2026", "ever", NOW)

    assert await store.give_back(entry)

    assert not await store.give_back(entry)
    assert await store.reserve(ANNA, "b", NOW)


async def counted(store: LimitStore, entry: str, at: float, use: LimitUse, name: str = "") -> None:
    """Take an entry and count it."""
    assert await store.reserve(use, entry, at)
    await store.settle(use, entry, Settlement.COUNT, at, name)


async def test_a_cancelled_entry_is_given_back_once(store: LimitStore) -> None:
    """The newest counted one that was there before; then nothing is left to cancel, and the person may try again."""
    twice = replace(ANNA, times=2)
    await counted(store, "old", NOW, twice)
    await counted(store, "new", NOW + 10, twice)

    assert not await store.cancel(twice, "", NOW, NOW + 20)
    assert await store.cancel(twice, "", NOW + 15, NOW + 20)
    assert await states(store, NOW + 20) == [("old", EntryState.COUNTED)]
    assert await store.cancel(twice, "", NOW + 15, NOW + 20)
    assert not await store.cancel(twice, "", NOW + 15, NOW + 20)
    assert await store.reserve(ANNA, "again", NOW + 20)


async def test_an_entry_in_flight_is_never_cancelled(store: LimitStore) -> None:
    """Its own answer decides on it. One whose end nobody knows is given back when there is no counted one."""
    twice = replace(ANNA, times=2)
    assert await store.reserve(twice, "a", NOW)

    assert not await store.cancel(twice, "", NOW + 1, NOW + 2)

    await counted(store, "b", NOW + 1, twice)
    late = NOW + LEASE + 1
    assert await store.cancel(twice, "", late, late)
    assert await states(store, late) == [("a", EntryState.UNKNOWN)]
    assert await store.cancel(twice, "", late, late)
    assert await states(store, late) == []


async def test_a_named_entry_is_cancelled_by_its_name_alone(store: LimitStore) -> None:
    """The same cancellation again, another name, and one of another person or period give nothing back."""
    twice = replace(ANNA, times=2)
    await counted(store, "a", NOW, twice, "first")
    await counted(store, "b", NOW + 1, twice, "second")

    assert not await store.cancel(twice, "third", NOW + 5, NOW + 5)
    assert not await store.cancel(replace(twice, code="BERTBERTBERTBERT"), "first", NOW + 5, NOW + 5)
    assert not await store.cancel(replace(twice, period="2027"), "first", NOW + 5, NOW + 5)
    assert await store.cancel(twice, "first", NOW + 5, NOW + 5)
    assert not await store.cancel(twice, "first", NOW + 5, NOW + 5)
    assert await states(store, NOW + 5) == [("b", EntryState.COUNTED)]


async def test_a_name_cancels_nothing_whose_end_is_unknown(store: LimitStore) -> None:
    """Nobody knows the name of such an entry: a repeated cancellation must not find it."""
    assert await store.reserve(ANNA, "a", NOW)
    late = NOW + LEASE + 1

    assert not await store.cancel(ANNA, "first", late, late)
    assert await states(store, late) == [("a", EntryState.UNKNOWN)]


async def test_renewing_what_is_gone_brings_nothing_back(store: LimitStore) -> None:
    """Settling an entry that is gone brings nothing back either."""
    assert not await store.renew(ANNA, "a", NOW)
    await store.settle(ANNA, "a", Settlement.COUNT, NOW)

    assert await states(store) == []


async def test_entries_are_forgotten_some_time_after_their_period() -> None:
    """In memory by the clock it is given; Redis does the same by expiry."""
    store = MemoryLimits()
    await store.reserve(replace(ANNA, forget_at=NOW + KEPT_AFTER), "a", NOW)

    assert await states(store, NOW + KEPT_AFTER - 1) != []
    assert await states(store, NOW + KEPT_AFTER) == []


async def test_redis_forgets_by_itself_and_never_what_is_for_ever() -> None:
    """The key's expiry is the use's; `ever` has none."""
    with redis_server(*FIT) as server:
        store = open_limits(server.url)
        await store.reserve(replace(ANNA, forget_at=NOW + KEPT_AFTER), "a", NOW)
        await store.reserve(replace(ANNA, period="2026-11-23"), "b", NOW)

        kept = {entry.id: entry.use.forget_at for entry in await store.show(ANNA.code, NOW)}

        assert kept == {"a": NOW + KEPT_AFTER, "b": inf}
        await store.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"), "`maxmemory-policy` is `allkeys-lru`"),
        (("--appendonly", "no", "--save", ""), "neither AOF nor snapshots are on"),
    ],
)
async def test_a_redis_that_may_forget_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """Checked before anything is counted in it."""
    with redis_server(*arguments) as server:
        store = open_limits(server.url)
        with pytest.raises(UnfitLimitStoreError, match=said):
            await store.check()
        await store.close()


async def test_a_reservation_waits_for_a_replica() -> None:
    """Answered for only when a replica has it; with none left it is refused, and stays counted."""
    with redis_server(*FIT, "--repl-diskless-sync-delay", "0") as primary:
        with redis_server(*FIT, "--replicaof", "127.0.0.1", str(primary.port)) as replica:
            await asyncio.to_thread(_follows, primary)
            store = open_limits(primary.url)
            await store.check()
            assert await store.reserve(ANNA, "a", NOW)
            assert _keys(replica) == _keys(primary) != []
        with pytest.raises(StoreUnavailableError):
            await store.reserve(replace(ANNA, limit="second"), "b", NOW)
        assert len(await states(store)) == 2
        await store.close()


def _follows(primary: RedisServer) -> None:
    """Wait until a replica has a write: one that is called `online` may be loading what it was sent still."""
    with primary.client() as client:

        def acknowledged() -> bool:
            # WAIT speaks of what its own connection has written.
            client.set("none of ours", 1)
            client.delete("none of ours")
            return int(client.wait(1, 1_000)) == 1

        wait_until(acknowledged, "replication")


def _keys(server: RedisServer) -> list[bytes]:
    client = server.client()
    found = client.keys("*")
    client.close()
    return [key if isinstance(key, bytes) else key.encode() for key in found]


async def test_a_store_that_is_away_never_lets_anybody_in() -> None:
    """Unreachable is an error, not a free entry."""
    with redis_server(*FIT) as server:
        store = open_limits(server.url)
        await store.check()
    with pytest.raises(StoreUnavailableError):
        await store.reserve(ANNA, "a", NOW)
    await store.close()


@pytest.mark.parametrize(
    "value",
    [b"", b"counted", b"counted nan nan", b"reserved inf 0", b"\xff\xfe", b"\x1b[2J 1 2", b"counted 1e300 0", b"x y z"],
    ids=repr,
)
async def test_an_entry_that_nobody_of_us_wrote_is_told_of_and_can_be_given_back(value: bytes) -> None:
    """The entry counts, so the listing must show it; no other content of the store ends a listing."""
    with redis_server(*FIT) as server:
        store = open_limits(server.url)
        behind = Redis.from_url(server.url)
        assert await store.reserve(replace(ANNA, times=5), "mine", NOW)
        behind.hset(store.key(ANNA), b"\xff\x1b", value)
        behind.hset(f"sekisho:l:{{only:{ANNA.code}}}", "x", "y")
        behind.hset(f"sekisho:l:{{a:b:c:d:{ANNA.code}}}", "x", "y")
        behind.hset(f"sekisho:l:{{{'p' * 5_000}:l:ever:{ANNA.code}}}", "x", "counted 1 0")

        entries = await store.show(ANNA.code, NOW)
        foreign = next(entry for entry in entries if entry.id != "mine")

        assert [entry.id for entry in entries if entry is not foreign] == ["mine"]
        assert (foreign.state, foreign.since) == (EntryState.UNKNOWN, 0.0)
        assert await store.give_back(foreign)
        assert [entry.id for entry in await store.show(ANNA.code, NOW)] == ["mine"]
        behind.close()
        await store.close()
