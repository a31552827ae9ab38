"""A record of a session that a later version wrote, in a fleet that is being upgraded."""

from __future__ import annotations

import time

from gateway.session.redis_store import RedisStore
from tests import builders
from tests.redis_server import RedisServer
from tests.session.conftest import Open, new


async def test_a_record_of_a_later_version_opens_nothing_and_stays(own_redis: RedisServer, open_worker: Open) -> None:
    """The person signs in again at this node, and is still signed in at the newer ones."""
    worker = await open_worker(own_redis.url, tracked=False, background=False)
    assert isinstance(worker.store, RedisStore)
    ticket = new()
    await worker.store.create(ticket, builders.session(expires_at=time.time() + 3_600))
    with own_redis.client() as behind:
        (key,) = behind.keys("sekisho:t:{*}")
        record = behind.get(key)
        assert isinstance(record, bytes)
        later = bytes((record[0] + 1,)) + record[1:]
        behind.set(key, later, keepttl=True)

        assert await worker.store.find(ticket) is None
        assert behind.get(key) == later
        assert worker.store.unopened == 1
