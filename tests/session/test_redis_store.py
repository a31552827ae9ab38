"""The faults that only a store on Redis can have: its errors, its secrets, and its readable parts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from redis import Redis

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.identity import Birthdate, Gender, Identity, Scope
from gateway.session.redis_sessions import Sessions
from gateway.session.redis_store import RedisStore
from gateway.session.seal import Header, Secrets
from gateway.session.session import AllSessions, Found, Gone, ProviderSessions, Session, SubjectSessions, Unavailable
from gateway.session.ticket import Ticket, ticket_name
from tests.builders import CLIENT, session
from tests.redis_server import RedisServer, redis_server, wait_until
from tests.session.conftest import SECRETS, Open, new, until

OLD = "an older secret for tests, longer than 32 bytes"
NEW = "a newer secret for tests, longer than 32 bytes!"


def now_session(**changes: Any) -> Session:
    """A session that began now."""
    now = time.time()
    return session(**({"created_at": now, "expires_at": now + 28_800} | changes))


def record_key(ticket: Ticket) -> str:
    """The key of a ticket's record."""
    return f"sekisho:t:{{{ticket_name(ticket)}}}"


def idle_key(ticket: Ticket) -> str:
    """The key of its idle clock."""
    return f"sekisho:i:{{{ticket_name(ticket)}}}"


@pytest.fixture
async def quiet(redis_url: str, open_worker: Open) -> Sessions:
    """Sessions without anything in the background, as the command line has them."""
    return await open_worker(redis_url, tracked=False, background=False)


CANARIES = ("canary-ppid-7f3a", "関所 カナリア", "東京都渋谷区金糸雀町", "canary-acr", "canary-provider-sid")

BIRTH = (1907, 1, None)
BIRTH_SPELLINGS = (b"1907-01", b"190701", b"year=1907", b"[1907,1", b"[1907, 1", msgspec.msgpack.encode(BIRTH))
"""A year alone is four digits, which a time stamp beside it holds by chance."""


async def test_no_claim_reaches_redis(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """In no value, no key and no command that goes over the line is there a claim, or a ticket."""
    identity = Identity(
        CLIENT, CANARIES[0], time.time(), frozenset(Scope), CANARIES[1], CANARIES[2], Birthdate(*BIRTH), Gender.MALE,
        CANARIES[3],
    )  # fmt: skip
    kept = msgspec.structs.replace(now_session(pseudonym=SECRETS.pseudonym(CLIENT, CANARIES[0])), identity=identity)
    seen: list[bytes] = []
    mine, next_one = new(), new()

    with contextlib.closing(Redis.from_url(redis_url, protocol=2)) as watcher, watcher.monitor() as monitor:
        done = threading.Event()

        def listen() -> None:
            for command in monitor.listen():
                seen.append(str(command["command"]).encode())
                if "the-end" in str(command["command"]):
                    done.set()
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        worker = await open_worker(redis_url)
        await worker.store.create(mine, msgspec.structs.replace(kept, provider_session="hash"))
        await worker.reader.load(mine, time.time())
        await worker.store.replace(mine, next_one, kept)
        listed = [one async for one in worker.store.sessions(AllSessions())]
        await worker.store.touch([next_one])
        dump = b"".join(key + (behind.dump(key) or b"") for key in behind.scan_iter())
        await worker.store.revoke(SubjectSessions((kept.pseudonym,)))
        behind.set("the-end", "1")
        await asyncio.to_thread(done.wait, 5)
        thread.join(5)

    assert len(listed) == 1
    assert any(b"PEXPIRE" in line for line in seen)
    everything = dump + b"".join(seen) + repr(listed).encode()
    for canary in (*(text.encode() for text in (*CANARIES, mine, next_one)), *BIRTH_SPELLINGS):
        assert canary not in everything


async def test_a_record_under_anothers_name_is_nobodys(quiet: Sessions, behind: Redis) -> None:
    """A writer in Redis cannot turn one person into another by moving records."""
    mine, theirs = new(), new()
    await quiet.store.create(mine, now_session())
    await quiet.store.create(theirs, now_session(pseudonym="other"))
    first, second = behind.get(record_key(mine)), behind.get(record_key(theirs))

    behind.set(record_key(mine), second)  # type: ignore[arg-type]
    behind.set(record_key(theirs), first)  # type: ignore[arg-type]

    assert await quiet.store.find(mine) is None
    assert await quiet.store.find(theirs) is None
    assert quiet.status().unopened == 2


async def test_a_record_from_before_a_step_up_does_not_return(quiet: Sessions, behind: Redis) -> None:
    """The old record, put under the new name, opens nothing."""
    old, after = new(), new()
    await quiet.store.create(old, now_session())
    before = behind.get(record_key(old))
    await quiet.store.replace(old, after, now_session())

    behind.set(record_key(after), before)  # type: ignore[arg-type]

    assert await quiet.store.find(after) is None


@pytest.mark.parametrize("mark", ["nan", "inf", "-inf", "-1", "1e300", "", "\x1b[2J", "9" * 400])
async def test_a_revocation_at_no_moment_revokes(mark: str, quiet: Sessions, behind: Redis) -> None:
    """Of everybody, of a client, of a person, of a provider's session: nothing that can be written there pardons."""
    mine = new()
    kept = now_session(provider_session="sid-hash")
    await quiet.store.create(mine, kept)

    for field in ("all", f"c:{CLIENT}"):
        behind.hset("sekisho:t:ended", field, mark)
        assert await quiet.store.find(mine) is None
        assert await quiet.store.idle_left(ticket_name(mine)) is None
        behind.hdel("sekisho:t:ended", field)
    for key in (f"sekisho:r:u:{kept.pseudonym}", "sekisho:r:p:sid-hash"):
        behind.set(key, mark)
        assert not await quiet.store.create(new(), kept)
        behind.delete(key)


async def test_what_is_no_record_ends_no_listing(quiet: Sessions, behind: Redis) -> None:
    """Keys of another type, foreign names, records with moments that are none: passed over, and counted."""
    mine = new()
    await quiet.store.create(mine, now_session())
    header = Header("5e3f1a2b", CLIENT, float("nan"), 0.0, 1e300, "0" * 32)
    packed = msgspec.msgpack.encode(header)
    hostile = b"\x01" + len(packed).to_bytes(2) + packed + bytes(64)
    for number, name in enumerate(["a" * 64, "b" * 64, "\x1b[2J", "\xff", "x" * 5_000]):
        behind.set(f"sekisho:t:{{{name}}}", hostile)
        behind.set(f"sekisho:i:{{{name}}}", b"1", px=60_000)
        behind.zadd(f"sekisho:u:{now_session().pseudonym}", {name: number})
    behind.lpush(f"sekisho:t:{{{'c' * 64}}}", "x")
    behind.lpush(f"sekisho:i:{{{'d' * 64}}}", "x")
    behind.set(f"sekisho:t:{{{'d' * 64}}}", behind.get(record_key(mine)))  # type: ignore[arg-type]

    everybody = [listed.name async for listed in quiet.store.sessions(AllSessions())]
    hers = [listed.name async for listed in quiet.store.sessions(SubjectSessions((now_session().pseudonym,)))]

    assert everybody == [ticket_name(mine)]
    assert hers == [ticket_name(mine)]
    store = quiet.store
    assert isinstance(store, RedisStore)
    assert store.unreadable >= 11
    assert await quiet.store.revoke(AllSessions()) >= 1


async def test_an_index_of_any_length_is_walked_through_in_pages(quiet: Sessions, behind: Redis) -> None:
    """An attacker who fills it makes listings slow, but no worker large."""
    mine = new()
    kept = now_session()
    await quiet.store.create(mine, kept)
    far = {f"{number:064x}": 5e9 + number for number in range(2_000)}
    behind.zadd(f"sekisho:u:{kept.pseudonym}", far)

    assert [one.name async for one in quiet.store.sessions(SubjectSessions((kept.pseudonym,)))] == [ticket_name(mine)]
    assert await quiet.store.revoke(SubjectSessions((kept.pseudonym,))) == 1
    assert await quiet.store.find(mine) is None


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01\xff\xff", b"{}", b"\x80\x04N."], ids=repr)
async def test_a_value_that_is_no_record_is_absent(quiet: Sessions, behind: Redis, value: bytes) -> None:
    """Truncated or foreign, it is no session, and breaks no listing."""
    mine = new()
    await quiet.store.create(mine, now_session())

    behind.set(record_key(mine), value, keepttl=True)

    assert await quiet.store.find(mine) is None
    assert await quiet.store.idle_left(ticket_name(mine)) is None
    assert [one async for one in quiet.store.sessions(AllSessions())] == []


async def test_a_foreign_type_is_a_fault_and_no_crash(quiet: Sessions, behind: Redis) -> None:
    """A key of ours that holds a list says something about Redis, and nothing about the person."""
    mine = new()
    await quiet.store.create(mine, now_session())
    behind.delete(record_key(mine))
    behind.lpush(record_key(mine), "x")

    with pytest.raises(StoreUnavailableError) as caught:
        await quiet.store.find(mine)

    assert caught.value.fault is StoreFault.WRONG_TYPE


async def test_look_ups_at_once_each_find_their_own(quiet: Sessions, behind: Redis) -> None:
    """They share a question: each ticket opens its own session, and no key that is none of ours fails another's."""
    store = quiet.store
    people = {new(): f"person-{number}" for number in range(60)}
    for ticket, subject in people.items():
        made = now_session()
        identity = msgspec.structs.replace(made.identity, subject=subject)
        assert await store.create(ticket, msgspec.structs.replace(made, identity=identity))
    strange, foreign, late = new(), new(), new()
    behind.lpush(record_key(foreign), b"a list")
    behind.set(idle_key(foreign), b"1")

    found = await asyncio.gather(
        *(store.find(ticket) for ticket in (*people, strange, foreign, late)), return_exceptions=True
    )
    await store.revoke(AllSessions())
    afterwards = await asyncio.gather(*(store.find(ticket) for ticket in people))

    assert [each.identity.subject for each in found if isinstance(each, Session)] == list(people.values())
    nobody, fault, nobody_either = found[len(people) :]
    assert (nobody, nobody_either) == (None, None)
    assert isinstance(fault, StoreUnavailableError)
    assert fault.fault is StoreFault.WRONG_TYPE
    assert set(afterwards) == {None}


async def test_a_damaged_revocation_revokes(quiet: Sessions, behind: Redis) -> None:
    """A mark that cannot be read counts as one that says now."""
    mine = new()
    await quiet.store.create(mine, now_session())

    behind.hset("sekisho:t:ended", "all", "not a number")

    assert await quiet.store.find(mine) is None
    assert not await quiet.store.create(new(), now_session())


async def test_rotation_with_overlap(redis_url: str, behind: Redis, open_worker: Open) -> None:
    """A record of the old secret opens while that is there, is sealed anew when read, and those left are counted."""
    old = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(OLD))
    read, unread = new(), new()
    for ticket in (read, unread):
        await old.store.create(ticket, now_session())
    both = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(f"{NEW}\n{OLD}"))
    newest = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(NEW))
    life_before = behind.pttl(record_key(read))

    found = await both.store.find(read)

    assert found is not None
    assert await newest.store.find(read) == found
    assert await newest.store.find(unread) is None
    assert isinstance(both.store, RedisStore)
    ids = [secret.id for secret in both.secrets.all]
    assert await both.store.sealed_by() == {ids[0]: 1, ids[1]: 1}
    assert 0 < behind.pttl(record_key(read)) <= life_before


async def test_a_secret_that_sealed_cookies_is_needed_as_long_as_they_live(redis_url: str, open_worker: Open) -> None:
    """A record is sealed anew when it is read, a browser's cookie is not: who takes the secret away signs it out."""
    old = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(OLD), tickets="sealed")
    mine, plain = new(), new()
    await old.store.create(mine, now_session())
    before = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(OLD))
    await before.store.create(plain, now_session())
    both = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(f"{NEW}\n{OLD}"))

    await both.store.find(mine)
    await both.store.find(plain)

    assert isinstance(both.store, RedisStore)
    ids = [secret.id for secret in both.secrets.all]
    assert await both.store.sealed_by() == {ids[0]: 2, ids[1]: 1}


async def test_sealing_anew_brings_nothing_back(
    redis_url: str, behind: Redis, open_worker: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session revoked between reading it and sealing it anew stays revoked."""
    old = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(OLD))
    both = await open_worker(redis_url, tracked=False, background=False, secrets=Secrets.parse(f"{NEW}\n{OLD}"))
    mine = new()
    await old.store.create(mine, now_session())
    assert isinstance(both.store, RedisStore)
    reseal = both.store._reseal

    async def after_the_revocation(*arguments: Any) -> None:
        await old.store.delete(mine)
        await reseal(*arguments)

    monkeypatch.setattr(both.store, "_reseal", after_the_revocation)
    await both.store.find(mine)

    assert behind.exists(record_key(mine)) == 0


async def test_a_full_redis_still_answers(own_redis: RedisServer, open_worker: Open) -> None:
    """At `maxmemory` with noeviction nobody can sign in, and those signed in go on."""
    worker = await open_worker(own_redis.url)
    mine, late = new(), new()
    await worker.store.create(mine, now_session())
    with contextlib.closing(own_redis.client()) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1mb")

        found = await worker.store.find(mine)
        with pytest.raises(StoreUnavailableError) as caught:
            await worker.store.create(late, now_session())

    assert found is not None
    assert caught.value.fault is StoreFault.OUT_OF_MEMORY


async def test_an_evicted_session_is_gone_and_not_remembered(own_redis: RedisServer, open_worker: Open) -> None:
    """Redis throwing records out is heard of like any other end."""
    worker = await open_worker(own_redis.url)
    mine = new()
    await worker.store.create(mine, now_session())
    await worker.reader.load(mine, time.time())
    with contextlib.closing(own_redis.client()) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "1mb")
        with contextlib.suppress(Exception):
            client.ping()

        await until(lambda: not isinstance(worker.reader.peek(mine, time.time()), Found), "news of the eviction", 5.0)


async def test_a_primary_without_its_replica_takes_no_sign_in(own_redis: RedisServer, open_worker: Open) -> None:
    """`min-replicas-to-write`: a cut-off primary refuses, and is unavailable rather than trusted."""
    worker = await open_worker(own_redis.url)
    mine = new()
    await worker.store.create(mine, now_session())
    with contextlib.closing(own_redis.client()) as client:
        client.config_set("min-replicas-to-write", "1")

        with pytest.raises(StoreUnavailableError) as caught:
            await worker.store.find(mine)
        await until(lambda: not worker.status().trusted, "distrust", 3.0)

    assert caught.value.fault is StoreFault.TOO_FEW_REPLICAS


class Stub:
    """A server that says one thing to everything: what a broken or foreign Redis may say."""

    def __init__(self, says: bytes, delay: float = 0.0) -> None:
        self.says = says
        self.delay = delay
        self.url = ""
        self.connections: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each command."""
        self.connections.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                if line.startswith(b"*"):
                    for _ in range(int(line[1:])):
                        length = int((await reader.readline())[1:])
                        await reader.readexactly(length + 2)
                    await asyncio.sleep(self.delay)
                    writer.write(self.says)
        writer.close()


@pytest.fixture
async def stub(request: pytest.FixtureRequest) -> AsyncIterator[Stub]:
    """A running stub."""
    stub = Stub(*request.param)
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    yield stub
    server.close()
    for writer in stub.connections:
        writer.close()
    await server.wait_closed()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("stub", "fault"),
    [
        ((b"-MOVED 3999 127.0.0.1:6381\r\n",), StoreFault.MOVED),
        ((b"-CLUSTERDOWN The cluster is down\r\n",), StoreFault.MOVED),
        ((b"-LOADING Redis is loading the dataset in memory\r\n",), StoreFault.LOADING),
        ((b"-READONLY You can't write against a read only replica.\r\n",), StoreFault.READ_ONLY),
        ((b"-MASTERDOWN Link with MASTER is down\r\n",), StoreFault.READ_ONLY),
        ((b"-NOAUTH Authentication required.\r\n",), StoreFault.REFUSED),
        ((b"-NOPERM this user has no permissions\r\n",), StoreFault.REFUSED),
        ((b"-ERR something else\r\n",), StoreFault.PROTOCOL),
        ((b"+OK\r\n", 5.0), StoreFault.TIMEOUT),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), StoreFault.PROTOCOL),
    ],
    indirect=["stub"],
    ids=["moved", "clusterdown", "loading", "readonly", "masterdown", "noauth", "noperm", "err", "slow", "http"],
)
async def test_whatever_redis_says_is_unavailable(stub: Stub, fault: StoreFault, open_worker: Open) -> None:
    """No answer that is none is a session, a logout or a crash; and it takes no longer than its time."""
    worker = await open_worker(stub.url, tracked=False, background=False, timeout=0.5)
    begun = time.monotonic()

    with pytest.raises(StoreUnavailableError) as caught:
        await worker.store.find(new())

    assert caught.value.fault is fault
    assert time.monotonic() - begun < 2.0
    assert isinstance(await worker.reader.load(new(), time.time()), Unavailable)


async def test_a_wrong_password_is_a_fault(open_worker: Open) -> None:
    """A server that refuses us is unavailable, and its refusal is in our words alone."""
    with redis_server("--requirepass", "right", password="right") as server:
        worker = await open_worker(server.url, tracked=False, background=False)

        with pytest.raises(StoreUnavailableError) as caught:
            await worker.store.find(new())

    assert caught.value.fault is StoreFault.REFUSED
    assert caught.value.__cause__ is None


async def test_an_index_is_a_superset_and_harmless(quiet: Sessions, behind: Redis) -> None:
    """Entries of sessions that are gone list nothing, revoke nothing, and end with their time."""
    mine, gone = new(), new()
    for ticket in (mine, gone):
        await quiet.store.create(ticket, now_session(provider_session="sid"))
    behind.delete(record_key(gone))

    listed = [one.name async for one in quiet.store.sessions(ProviderSessions("sid"))]

    assert behind.zcard("sekisho:p:sid") == 2
    assert listed == [ticket_name(mine)]
    assert behind.pttl("sekisho:p:sid") > 0
    assert await quiet.store.revoke(ProviderSessions("sid")) == 1


async def test_every_key_ends(quiet: Sessions, behind: Redis) -> None:
    """Nothing we write stays in Redis for good."""
    first, second = new(), new()
    await quiet.store.create(first, now_session(provider_session="sid"))
    await quiet.store.replace(first, second, now_session(provider_session="sid"))
    await quiet.store.revoke(AllSessions())
    await quiet.store.revoke(SubjectSessions(("someone",)))
    await quiet.store.revoke(ProviderSessions("sid"))
    await quiet.store.check()

    endless = [key for key in behind.scan_iter() if behind.pttl(key) < 0]

    assert endless == []


async def test_a_cancelled_look_up_shifts_no_answers(quiet: Sessions) -> None:
    """A request that is cancelled in the middle of an answer leaves the answer to no other request."""
    people = {new(): f"sub-{number}" for number in range(20)}
    for ticket, name in people.items():
        await quiet.store.create(ticket, now_session(pseudonym=name))

    for _ in range(5):
        tasks = [asyncio.create_task(quiet.store.find(ticket)) for ticket in people]
        await asyncio.sleep(0.0005)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        found = await asyncio.gather(*(quiet.store.find(ticket) for ticket in people))
        assert [one.pseudonym for one in found if one is not None] == list(people.values())


async def test_a_ticket_with_signs_of_redis_is_only_hashed(quiet: Sessions, behind: Redis) -> None:
    """Line ends, spaces and braces in a cookie reach no command and choose no slot."""
    before = behind.dbsize()

    for hostile in ("a\r\nFLUSHALL\r\n", "{x}", "a b", "*", "\x00"):
        assert await quiet.store.find(hostile) is None
        assert isinstance(await quiet.reader.load(hostile, time.time()), Gone)

    assert behind.dbsize() == before


async def test_a_restarted_redis_is_found_again(own_redis: RedisServer, open_worker: Open) -> None:
    """A pooled connection that died is replaced without anybody noticing."""
    worker = await open_worker(own_redis.url, tracked=False, background=False)
    await worker.store.check()

    own_redis.kill()
    own_redis.start()

    wait_until(own_redis.answers, "an answer")
    assert await worker.store.find(os.urandom(8).hex()) is None


async def test_a_flood_of_look_ups_delays_no_heartbeat(redis_url: str, open_worker: Open) -> None:
    """Thousands of forged cookies at once: the epoch goes on, the circuit stays closed, and sign-out works."""
    # Trust lasts four seconds by this clock, and a command has four, so that a machine which stands still for one ends
    # no epoch and takes the store for no other than it is.
    worker = await open_worker(redis_url, monotonic=lambda: time.monotonic() / 4, timeout=4.0)
    mine = new()
    await worker.store.create(mine, now_session())
    await worker.reader.load(mine, time.time())

    flood = [asyncio.create_task(worker.reader.load(new(), time.time())) for _ in range(3_000)]
    await asyncio.sleep(0)
    signed_out = await worker.store.delete(mine)
    states = await asyncio.gather(*flood)

    assert signed_out
    assert {type(state) for state in states} <= {Gone, Unavailable}
    assert worker.status().outages == 0
    assert worker.status().epochs == 1
