"""The users of Redis on the sessions page: each has every right that its work needs, and the doctor misses one."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from gateway.accounts.redis_accounts import RedisAccounts
from gateway.limits.redis_limits import RedisLimits
from gateway.login.aiohttp_doctor import examine_accounts, examine_limits, examine_store
from gateway.login.doctor import Finding, Level
from gateway.login.redis_pending import RedisPendingStore
from gateway.redis_client import RedisOptions, ask_sentinels, close_redis, make_redis, parse_redis_url
from gateway.session.redis_sessions import open_sessions
from gateway.session.seal import Secrets
from gateway.settings.settings import SessionSettings
from gateway.signing.records import Pointer, Records
from gateway.signing.redis_store import RedisByteStore
from gateway.yaml.mistakes import Language
from tests.redis_server import RedisServer, redis_server, sentinel_redis, wait_until
from tests.signing.test_asked import signature

PASSWORD = "right and wrong"
PAGE = Path(__file__).parents[2] / "docs" / "sessions.md"
LINES = {
    line.split()[1]: line.split()[4:] for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:5] == "user "
}

NEEDED = {
    "gateway": [
        *("get", "set", "del", "hgetall", "eval", "pexpire"),
        *("zadd", "zcard", "zrange", "zrem", "zscore", "zremrangebyscore"),
    ],
    "accounts": [
        *("get", "set", "del", "mget", "incr", "sadd", "srem", "sunion", "eval", "info"),
        *("zadd", "zrem", "zcard", "zscore", "zrangebylex", "zremrangebyscore"),
    ],
    "limits": ["hexists", "hlen", "hset", "hget", "hdel", "hgetall", "pexpireat", "eval", "info"],
}
"""The commands without which nobody signs in, or no entry is counted. The others list, search, or tell of changes."""


@pytest.fixture(scope="module", name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server("--appendonly", "yes") as server:
        yield server


def give_rights(redis: RedisServer, user: str, *, without: str = "") -> None:
    """Make a user anew by its line on the page, with one right fewer where one is named."""
    rights = [right for right in LINES[user] if not without or right != f"+{without}"]
    with closing(redis.client()) as client:
        client.flushall()
        client.execute_command("ACL", "SETUSER", user, "reset", "on", f">{PASSWORD}", *rights)


@asynccontextmanager
async def examined(redis: RedisServer, user: str) -> AsyncIterator[Finding]:
    """Do a user's work as the doctor does, and yield what it finds."""
    url = redis.url.replace("redis://", f"redis://{user}@")
    options = RedisOptions(password=PASSWORD)
    client = make_redis(parse_redis_url(url), options)
    seals = Secrets.parse(secrets.token_hex(32))
    sessions = await open_sessions(
        SessionSettings(store=url),
        seals,
        clock=time.time,
        random=secrets.token_bytes,
        options=options,
        background=False,
    )
    try:
        if user == "accounts":
            yield await examine_accounts(RedisAccounts(client, seals), url)
        elif user == "limits":
            yield await examine_limits(RedisLimits(client), url)
        else:
            pending = RedisPendingStore(client, seals, random=secrets.token_bytes, timeout=1)
            yield await examine_store(pending, sessions.store, url)
    finally:
        await sessions.close()
        await close_redis(client)


@pytest.mark.parametrize("user", LINES)
async def test_the_documented_rights_are_enough(redis: RedisServer, user: str) -> None:
    """An operator who copies the line has a gateway that works."""
    give_rights(redis, user)

    async with examined(redis, user) as finding:
        assert finding.level is Level.PASS


async def test_the_documented_rights_are_enough_for_signatures(redis: RedisServer) -> None:
    """Records, pointers and the room of an App, in the store of sessions."""
    give_rights(redis, "gateway")
    url = parse_redis_url(redis.url.replace("redis://", "redis://gateway@"))
    client = make_redis(url, RedisOptions(password=PASSWORD))
    store = RedisByteStore(client, timeout=5.0)
    own = Records(store, Secrets.single(secrets.token_bytes(32)), secrets.token_bytes, 1024**2)
    kept = signature(ends_at=time.time() + 60)
    try:
        assert await own.add(kept, time.time())
        assert await own.point("sign-state", Pointer(kept.id), 60, time.time())
        found = await own.find(kept.id, time.time())
        assert found is not None
        assert await own.replace(found, kept, time.time())
        assert await own.follow("sign-state", time.time())
        assert await own.remove(kept)
    finally:
        await close_redis(client)


@pytest.mark.parametrize(("user", "right"), [(user, right) for user, rights in NEEDED.items() for right in rights])
async def test_a_missing_right_is_found_before_a_person_meets_it(redis: RedisServer, user: str, right: str) -> None:
    """For each command that Redis refuses, the doctor reports a refusal, and the page with the line."""
    give_rights(redis, user, without=right)

    async with examined(redis, user) as finding:
        assert finding.level is Level.FAIL
        assert "refused" in finding.said.say(Language.EN)
        assert "docs/sessions.md" in finding.remedy.say(Language.JA)


async def test_a_rehearsed_entry_leaves_nothing_behind(redis: RedisServer) -> None:
    """The doctor may ask as often as an operator likes."""
    give_rights(redis, "limits")

    async with examined(redis, "limits") as finding:
        assert finding.level is Level.PASS

    with closing(redis.client()) as client:
        assert not client.keys("sekisho:l:*")


@pytest.mark.long
async def test_sentinels_are_asked_whether_they_could_fail_over() -> None:
    """By what each says: one that has its quorum, one that does not know the service, one that is not there."""
    with sentinel_redis(sentinels=3) as group:
        url = parse_redis_url(group.url)
        places = [f"127.0.0.1:{sentinel.port}" for sentinel in group.sentinels]
        assert await ask_sentinels(url, RedisOptions()) == dict.fromkeys(places, "ok")

        other = parse_redis_url(group.url.replace("/sekisho/", "/another/"))
        assert await ask_sentinels(other, RedisOptions()) == dict.fromkeys(places, "unknown")

        for sentinel in group.sentinels[1:]:
            sentinel.kill()
        wait_until(lambda: _has_no_quorum(group.sentinels[0]), "the first sentinel to miss the others", 60)
        left = await ask_sentinels(url, RedisOptions())

    assert left == {places[0]: "noquorum", places[1]: "unreachable", places[2]: "unreachable"}


def _has_no_quorum(sentinel: RedisServer) -> bool:
    with closing(sentinel.client()) as client, suppress(ResponseError):
        client.execute_command("SENTINEL", "CKQUORUM", "sekisho")
        return False
    return True
