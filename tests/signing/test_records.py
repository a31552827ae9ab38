"""Sealed records: what the store sees, and who opens them. One contract holds for memory and for a real Redis."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.redis_client import RedisOptions, close_redis, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from gateway.signing.memory_store import MemoryByteStore
from gateway.signing.records import ByteStore, Pointer, Records
from gateway.signing.redis_store import RedisByteStore
from gateway.signing.signature import Progress
from tests.signing.test_asked import TEXT, signature

NOW = 1_000.0


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ByteStore]:
    if request.param == "memory":
        yield MemoryByteStore()
        return
    redis = make_redis(parse_redis_url(request.getfixturevalue("redis_url")), RedisOptions())
    yield RedisByteStore(redis, timeout=30.0)
    await close_redis(redis)


async def test_a_value_is_added_once_and_swapped_by_who_knows_it(store: ByteStore) -> None:
    """A second one changes nothing, a swap of something else neither, and one caller alone removes it."""
    assert await store.add("a", b"1", 60, NOW)
    assert not await store.add("a", b"2", 60, NOW)
    assert not await store.swap("a", b"2", b"3", 60, NOW)
    assert await store.get("a", NOW) == b"1"
    assert await store.swap("a", b"1", b"3", 60, NOW)
    assert await store.get("a", NOW) == b"3"
    assert await store.remove("a")
    assert not await store.remove("a")
    assert await store.get("a", NOW) is None
    assert not await store.swap("a", b"3", b"4", 60, NOW)


async def test_memory_ends_records_and_is_bounded() -> None:
    """An old one makes room, and a live one never gives way."""
    store = MemoryByteStore(most_bytes=4)

    assert await store.add("a", b"1234", 10, NOW)
    assert not await store.add("b", b"1", 10, NOW + 9)
    assert await store.get("a", NOW + 10) is None
    assert await store.add("b", b"1", 10, NOW + 10)


def records(store: ByteStore, secret: bytes = b"s" * 32) -> Records:
    return Records(store, Secrets.single(secret), os.urandom)


async def test_a_signature_opens_by_its_id_alone(store: ByteStore) -> None:
    """Neither another id nor another secret opens it, and its time ends it."""
    kept = signature(ends_at=NOW + 60)
    own = records(store)

    assert await own.add(kept, NOW)
    found = await own.find(kept.id, NOW)

    assert found is not None
    assert found.signature == kept
    assert await own.find("j" * 43, NOW) is None
    assert await records(store, b"t" * 32).find(kept.id, NOW) is None
    assert await own.find(kept.id, NOW + 60) is None


async def test_a_change_is_made_to_what_was_read(store: ByteStore) -> None:
    """Of two who read the same, one alone changes it."""
    own = records(store)
    await own.add(signature(ends_at=NOW + 60), NOW)
    first, second = await own.find("i" * 43, NOW), await own.find("i" * 43, NOW)
    assert first is not None
    assert second is not None
    changed = msgspec.structs.replace(first.signature, progress=Progress.DECLINED)

    assert await own.replace(first, changed, NOW) is not None
    assert await own.replace(second, second.signature, NOW) is None
    found = await own.find("i" * 43, NOW)
    assert found is not None
    assert found.signature.progress is Progress.DECLINED
    assert await own.remove("i" * 43)


async def test_a_pointer_leads_on_by_its_own_secret(store: ByteStore) -> None:
    """A state leads to its signature once it is kept, and to no other."""
    own = records(store)

    assert await own.point("sign-state", Pointer("i" * 43), 60, NOW)
    assert not await own.point("sign-state", Pointer("j" * 43), 60, NOW)
    assert await own.follow("sign-state", NOW) == Pointer("i" * 43)
    assert await own.follow("sign-other", NOW) is None


async def test_the_store_sees_nothing_of_a_person() -> None:
    """Its names are hashes, its values are sealed, and two of them are of one length."""
    values: dict[str, bytes] = {}

    class Spy(MemoryByteStore):
        async def add(self, name: str, value: bytes, seconds: float, now: Any) -> bool:
            values[name] = value
            return await super().add(name, value, seconds, now)

    own = records(Spy())
    await own.add(signature(ends_at=NOW + 60), NOW)
    await own.add(signature(id="j" * 43, ends_at=NOW + 60, subject="a-longer-subject"), NOW)

    seen = b"".join((*map(str.encode, values), *values.values()))
    for hidden in (TEXT, b"hanako", b"i" * 43, "契約".encode()):
        assert hidden not in seen
    assert len({len(value) for value in values.values()}) == 1
