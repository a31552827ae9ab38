"""Operators are told of a Redis that would lose sessions, or keep them wrongly."""

from __future__ import annotations

import contextlib

import pytest

from gateway.redis_client import RedisOptions, close_redis, make_redis, parse_redis_url
from gateway.session.redis_advice import SetupWarning, is_too_old, setup_warnings
from tests.redis_server import RedisServer, cluster_redis, sentinel_redis


async def ask(text: str, password: str | None = None) -> tuple[SetupWarning, ...]:
    """The warnings about this Redis."""
    url = parse_redis_url(text)
    redis = make_redis(url, RedisOptions(password=password))
    try:
        return await setup_warnings(redis, url, 2.0)
    finally:
        await close_redis(redis)


async def test_a_sound_redis_raises_no_doubt(own_redis: RedisServer) -> None:
    """Without a memory limit nothing is thrown out, and a single server promises no failover."""
    assert await ask(own_redis.url) == ()


async def test_eviction_is_told(own_redis: RedisServer) -> None:
    """A memory limit with eviction signs people out under load."""
    with contextlib.closing(own_redis.client()) as client:
        client.config_set("maxmemory", "100mb")
        assert await ask(own_redis.url) == ()
        client.config_set("maxmemory-policy", "allkeys-lru")

    assert await ask(own_redis.url) == (SetupWarning.EVICTS,)
    assert "noeviction" in SetupWarning.EVICTS.words


async def test_a_failover_without_min_replicas_is_told() -> None:
    """Under Sentinel, a primary must stop when it has lost its replicas."""
    with sentinel_redis() as group:
        assert await ask(group.url) == (SetupWarning.SINGLE,)

    with sentinel_redis("--min-replicas-to-write", "1") as group:
        assert await ask(group.url) == ()


async def test_a_redis_that_does_not_tell_is_told(own_redis: RedisServer) -> None:
    """A managed Redis may forbid the question."""
    with contextlib.closing(own_redis.client()) as client:
        client.execute_command("ACL", "SETUSER", "gateway", "on", ">pass", "~*", "+@all", "-config")

    url = own_redis.url.replace("redis://", "redis://gateway@")
    assert await ask(url, "pass") == (SetupWarning.UNTOLD,)


async def test_a_cluster_is_asked_too() -> None:
    """Any one of its nodes answers."""
    with cluster_redis() as cluster:
        assert await ask(cluster.url) == ()


@pytest.mark.parametrize(
    ("version", "too_old"),
    [
        ("6.2.14", True),
        ("6.0", True),
        ("7.0.0", False),
        ("7.2.4", False),
        ("8.0.1", False),
        ("10.0", False),
        ("", False),
    ],
)
def test_a_redis_before_7_is_told_of(version: str, too_old: bool) -> None:
    """The store of limits asks such a server for what it does not know; one that hides its version is believed."""
    assert is_too_old({"redis_version": version}) is too_old
    assert "7.0" in SetupWarning.OLD.words
