"""A restored dump of Redis: noticed by each node, and the sessions of the dump end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import structlog

from gateway.session.mark import KEPT_FOR, LAG, Mark, read_mark, went_back
from gateway.session.redis_mark import RedisMark
from gateway.session.redis_sessions import Sessions
from gateway.session.redis_store import RedisStore
from gateway.session.session import AllSessions
from gateway.session.system_mark import MarkFile
from tests import builders
from tests.redis_server import RedisServer, wait_until
from tests.session.conftest import Open, new


@pytest.mark.parametrize(
    ("number", "found", "age", "back"),
    [
        (10, b"10", 0.0, False),
        (10, b"11", 0.0, False),
        (10, b"%d" % (10 - LAG), 0.0, False),
        (10, b"%d" % (9 - LAG), 0.0, True),
        (10, None, 0.0, True),
        (0, None, 0.0, False),
        (10, None, KEPT_FOR + 1, False),
        (10, b"", 0.0, True),
        (10, b"-1", 0.0, True),
        (10, "１０".encode(), 0.0, True),
        (10, b"nan", 0.0, True),
    ],
)
def test_an_older_number_is_an_older_state(number: int, found: bytes | None, age: float, back: bool) -> None:
    """A failover may lose a few; none at all is lost data, unless Redis itself has forgotten an old mark."""
    assert went_back(Mark("a" * 32, number, 1_000.0), found, 1_000.0 + age) is back


@pytest.mark.parametrize("text", ["", "x", "sekisho-mark 1 zz 1 1\n", "sekisho-mark 2 " + "a" * 32 + " 1 1\n"])
def test_a_file_without_a_mark_begins_anew(text: str) -> None:
    """One of another version, or one that was cut off."""
    assert read_mark(text) is None
    assert read_mark(Mark("a" * 32, 7, 9.5).line()) == Mark("a" * 32, 7, 10.0)


def marked(sessions: Sessions, folder: Path, told: list[str]) -> RedisMark:
    assert isinstance(sessions.store, RedisStore)
    return RedisMark(sessions.store, MarkFile(folder / "mark"), time.time, os.urandom, lambda: told.append("back"))


async def test_a_restored_dump_signs_nobody_in_again(own_redis: RedisServer, open_worker: Open, tmp_path: Path) -> None:
    """Sessions that an operator ended since the dump stay ended; people who sign in afterwards stay signed in."""
    told: list[str] = []
    worker = await open_worker(own_redis.url, tracked=False, background=False)
    mark, ticket = marked(worker, tmp_path, told), new()
    await worker.store.create(ticket, builders.session(created_at=time.time() - 5, expires_at=time.time() + 3_600))
    await mark.look()
    with own_redis.client() as behind:
        behind.save()
    dump = (own_redis.directory / "dump.rdb").read_bytes()
    for _ in range(LAG + 1):
        await mark.look()
    assert await worker.store.revoke(AllSessions()) == 1

    own_redis.kill()
    (own_redis.directory / "dump.rdb").write_bytes(dump)
    own_redis.start()
    wait_until(own_redis.answers, "an answer")
    assert await worker.store.find(ticket) is not None, "the dump has the session, so this test can fail"
    with structlog.testing.capture_logs() as events:
        await mark.look()

    assert told == ["back"]
    assert [event["event"] for event in events] == ["session_store_went_back"]
    assert await worker.store.find(ticket) is None
    fresh = new()
    await worker.store.create(fresh, builders.session(created_at=time.time() + 2, expires_at=time.time() + 3_600))
    await mark.look()
    assert await worker.store.find(fresh) is not None
    assert told == ["back"]


async def test_a_mark_of_a_clock_that_ran_ahead_locks_nobody_out(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path
) -> None:
    """The clock was years ahead as the mark was written, was set right, and then Redis lost its data."""
    worker = await open_worker(own_redis.url, tracked=False, background=False)
    told: list[str] = []
    assert isinstance(worker.store, RedisStore)
    file, ahead = MarkFile(tmp_path / "mark"), time.time() + 4 * 365 * 86_400
    await RedisMark(worker.store, file, lambda: ahead, os.urandom, lambda: None).look()
    with own_redis.client() as behind:
        behind.flushall()

    await marked(worker, tmp_path, told).look()
    fresh = new()
    await worker.store.create(fresh, builders.session(created_at=time.time() + 1, expires_at=time.time() + 3_600))

    assert told == ["back"]
    assert await worker.store.find(fresh) is not None


async def test_workers_of_a_node_share_a_mark(own_redis: RedisServer, open_worker: Open, tmp_path: Path) -> None:
    """One counts at a time, the next one goes on from there, and a restart of Redis with its data is no way back."""
    told: list[str] = []
    first = await open_worker(own_redis.url, tracked=False, background=False)
    second = await open_worker(own_redis.url, tracked=False, background=False)
    marks = [marked(each, tmp_path, told) for each in (first, second)]

    for mark in marks * 3:
        await mark.look()
    with MarkFile(tmp_path / "mark").held() as ours:
        await marks[0].look()

    assert ours
    kept = MarkFile(tmp_path / "mark").read()
    assert kept is not None
    assert kept.number == 6
    assert told == []
    with own_redis.client() as behind:
        assert behind.get(f"sekisho:m:{kept.name}") == b"6"


async def test_a_folder_that_cannot_be_written_is_told_once(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path
) -> None:
    """The gateway serves without the guard, and an operator can know."""
    worker = await open_worker(own_redis.url, tracked=False, background=False)

    with pytest.raises(OSError, match="mark"):
        await marked(worker, tmp_path / "nowhere", []).look()
