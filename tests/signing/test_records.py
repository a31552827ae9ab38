"""Sealed records: what the store sees, and who opens them. One contract holds for memory and for a real Redis."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.redis_client import RedisOptions, close_redis, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from gateway.signing.memory_store import MemoryByteStore
from gateway.signing.records import Pointer, Records, RecordStore
from gateway.signing.redis_store import RedisByteStore
from gateway.signing.signature import Progress
from tests.signing.test_asked import TEXT, signature

NOW = 1_000.0


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RecordStore]:
    if request.param == "memory":
        yield MemoryByteStore()
        return
    redis = make_redis(parse_redis_url(request.getfixturevalue("redis_url")), RedisOptions())
    yield RedisByteStore(redis, timeout=30.0)
    await close_redis(redis)


async def test_a_value_is_added_once_and_swapped_by_who_knows_it(store: RecordStore) -> None:
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


async def test_an_owner_has_its_own_room(store: RecordStore) -> None:
    """A record that is over, given back or replaced by a smaller one makes room; another owner has its own."""
    assert await store.take("bank", "a", 600, 10, 1000, NOW)
    assert not await store.take("bank", "b", 401, 10, 1000, NOW)
    assert await store.take("town", "b", 401, 10, 1000, NOW)
    assert await store.take("bank", "b", 400, 20, 1000, NOW)
    assert not await store.take("bank", "c", 1, 10, 1000, NOW)
    assert await store.take("bank", "a", 900, 10, 1000, NOW + 1), "it is there already"
    assert not await store.take("bank", "c", 1, 10, 1000, NOW + 1)
    assert await store.take("bank", "a", 100, 10, 1000, NOW + 1)
    assert await store.take("bank", "c", 500, 10, 1000, NOW + 1)
    await store.leave("bank", "c")
    await store.leave("bank", "c")
    await store.leave("town", "c")
    assert not await store.take("bank", "d", 501, 10, 1000, NOW + 1)
    assert await store.take("bank", "d", 500, 10, 1000, NOW + 1)
    assert not await store.take("bank", "e", 601, 10, 1000, NOW + 11), "b is alive"
    assert await store.take("bank", "e", 600, 10, 1000, NOW + 11)
    assert await store.take("bank", "f", 1000, 10, 1000, NOW + 60)


async def test_many_at_once_take_no_more_room_than_there_is(store: RecordStore) -> None:
    """Workers ask side by side, and hundreds that are over make room for as many."""
    taken = await asyncio.gather(*(store.take("bank", f"a{each}", 10, 10, 2_500, NOW) for each in range(300)))
    later = [await store.take("bank", f"b{each}", 10, 10, 2_500, NOW + 10) for each in range(250)]

    assert sum(taken) == 250
    assert all(later)


async def test_signatures_of_an_app_have_the_room_that_the_settings_give(store: RecordStore) -> None:
    """One that grows by its result keeps its place, and one that is confirmed gives it back."""
    own = records(store, room=2_500)
    first, second = signature(ends_at=NOW + 60), signature(id="j" * 43, ends_at=NOW + 60)

    assert await own.add(first, NOW)
    assert await own.add(second, NOW)
    assert not await own.add(signature(id="k" * 43, ends_at=NOW + 60), NOW)
    assert await own.find("k" * 43, NOW) is None
    assert await own.add(signature(id="k" * 43, app="town", ends_at=NOW + 60), NOW)
    found = await own.find(first.id, NOW)
    assert found is not None
    assert await own.replace(found, msgspec.structs.replace(first, document=b"x" * 9_000), NOW)
    assert await own.remove(second)
    assert not await own.add(second, NOW)
    assert await own.remove(first)
    assert await own.add(second, NOW)


async def test_memory_ends_records_and_is_bounded() -> None:
    """An old one makes room, and a live one never gives way."""
    store = MemoryByteStore(most_bytes=4)

    assert await store.add("a", b"1234", 10, NOW)
    assert not await store.add("b", b"1", 10, NOW + 9)
    assert await store.get("a", NOW + 10) is None
    assert await store.add("b", b"1", 10, NOW + 10)


def records(store: RecordStore, secret: bytes = b"s" * 32, room: int = 1024**2) -> Records:
    return Records(store, Secrets.single(secret), os.urandom, room)


async def test_a_signature_opens_by_its_id_alone(store: RecordStore) -> None:
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


async def test_a_secret_is_replaced_while_signatures_are_under_way(store: RecordStore) -> None:
    """The old one opens what it has sealed, and a change seals anew by the first."""
    old, new = b"a" * 32, b"b" * 32
    kept = signature(ends_at=NOW + 60)
    assert await records(store, old).add(kept, NOW)
    both = Records(store, Secrets((Secrets.single(new).first, Secrets.single(old).first)), os.urandom, 1024**2)

    found = await both.find(kept.id, NOW)
    assert found is not None
    assert found.signature == kept
    assert await both.replace(found, msgspec.structs.replace(kept, progress=Progress.CANCELLED), NOW)

    again = await records(store, new).find(kept.id, NOW)
    assert again is not None
    assert again.signature.progress is Progress.CANCELLED
    assert await records(store, old).find(kept.id, NOW) is None


async def test_a_record_opens_under_its_own_name_alone(store: RecordStore) -> None:
    """One who writes to the store cannot give a signature to another id, nor make it a pointer, nor change a byte."""
    own, names = records(store), Spy()
    spied = records(names)
    for each in (signature(ends_at=NOW + 60), signature(id="j" * 43, app="town", ends_at=NOW + 60)):
        await own.add(each, NOW)
        await spied.add(each, NOW)
    await own.point("sign-state", Pointer("i" * 43), 60, NOW)
    await spied.point("sign-state", Pointer("i" * 43), 60, NOW)
    first, second, pointer = names.values
    boxes = {name: await store.get(name, NOW) or b"" for name in names.values}

    for to, moved in ((first, second), (first, pointer), (second, first), (pointer, first)):
        assert await store.swap(to, boxes[to], boxes[moved], 60, NOW)
        assert await own.find("i" * 43 if to == first else "j" * 43, NOW) is None or to == pointer
        assert await own.follow("sign-state", NOW) is None or to != pointer
        assert await store.swap(to, boxes[moved], boxes[to], 60, NOW)
    for place in (0, 8, 20, len(boxes[first]) // 2, -1):
        spoilt = bytearray(boxes[first])
        spoilt[place] ^= 1
        assert await store.swap(first, boxes[first], bytes(spoilt), 60, NOW)
        assert await own.find("i" * 43, NOW) is None
        assert await store.swap(first, bytes(spoilt), boxes[first], 60, NOW)
    assert await own.find("i" * 43, NOW) is not None


async def test_a_change_is_made_to_what_was_read(store: RecordStore) -> None:
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
    assert await own.remove(first.signature)


async def test_a_pointer_leads_on_by_its_own_secret(store: RecordStore) -> None:
    """A state leads to its signature once it is kept, and to no other."""
    own = records(store)

    assert await own.point("sign-state", Pointer("i" * 43), 60, NOW)
    assert not await own.point("sign-state", Pointer("j" * 43), 60, NOW)
    assert await own.follow("sign-state", NOW) == Pointer("i" * 43)
    assert await own.follow("sign-other", NOW) is None


class Spy(MemoryByteStore):
    """A store that remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, bytes] = {}

    async def add(self, name: str, value: bytes, seconds: float, now: Any) -> bool:
        self.values[name] = value
        return await super().add(name, value, seconds, now)


async def test_the_store_sees_nothing_of_a_person() -> None:
    """Its names are hashes, its values are sealed, and two of them are of one length."""
    store = Spy()
    values = store.values
    own = records(store)
    await own.add(signature(ends_at=NOW + 60), NOW)
    await own.add(signature(id="j" * 43, ends_at=NOW + 60, subject="a-longer-subject"), NOW)

    seen = b"".join((*map(str.encode, values), *values.values()))
    for hidden in (TEXT, b"hanako", b"i" * 43, "契約".encode()):
        assert hidden not in seen
    assert len({len(value) for value in values.values()}) == 1
