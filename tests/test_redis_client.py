"""A URL says where Redis is, contradictions are refused, and errors are ours."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from redis import exceptions as theirs
from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from gateway import redis_client
from gateway.errors import StoreFault, StoreUnavailableError
from gateway.redis_client import (
    Kind,
    RedisOptions,
    RedisUrl,
    asking,
    check_options,
    end_tasks,
    fault_of,
    find_primaries,
    find_primary,
    make_redis,
    parse_redis_url,
    tls_context,
)
from gateway.settings.settings import REDIS_SCHEMES


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("redis://redis", RedisUrl(Kind.STANDALONE, (("redis", 6379),))),
        ("redis://redis:7000/2", RedisUrl(Kind.STANDALONE, (("redis", 7000),), db=2)),
        ("redis://gate%40way@redis/", RedisUrl(Kind.STANDALONE, (("redis", 6379),), username="gate@way")),
        ("redis://[::1]:7000/0", RedisUrl(Kind.STANDALONE, (("::1", 7000),))),
        ("rediss://redis", RedisUrl(Kind.STANDALONE, (("redis", 6379),), tls=True)),
        ("unix:///run/redis.sock?db=1", RedisUrl(Kind.UNIX, db=1, path="/run/redis.sock")),
        ("unix://me@/run/redis.sock", RedisUrl(Kind.UNIX, username="me", path="/run/redis.sock")),
        (
            "redis+sentinel://a,b:26380/sekisho/1",
            RedisUrl(Kind.SENTINEL, (("a", 26379), ("b", 26380)), db=1, service="sekisho"),
        ),
        ("rediss+cluster://a:1,b", RedisUrl(Kind.CLUSTER, (("a", 1), ("b", 6379)), tls=True)),
    ],
)
def test_a_url_says_where_redis_is(text: str, meant: RedisUrl) -> None:
    """Every form of the documentation is understood."""
    assert parse_redis_url(text) == meant


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("http://redis", "`redis://`"),
        ("redis://:secret@redis", "`password: {file: …}`"),
        ("redis://me:secret@redis", "`password: {file: …}`"),
        ("redis://", "names no host"),
        ("redis://a,b", "`redis+sentinel://`"),
        ("redis://redis/one", "no database number"),
        ("redis://redis/1/2", "no database number"),
        ("redis://redis:99999", "no port number"),
        ("redis://redis:x", "no port number"),
        ("redis://redis/0?ssl_cert_reqs=none", "keys of their own"),
        ("redis://redis/0#x", "no meaning in"),
        ("redis://[::1/0", "cannot be read"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix:///run/redis.sock?database=1", "only `?db=`"),
        ("redis+sentinel://a:26379", "the service's name"),
        ("redis+cluster://a/1", "only database 0"),
    ],
)
def test_a_contradiction_is_refused_with_the_remedy(text: str, remedy: str) -> None:
    """An impossible URL is refused, and the message repeats no password."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_redis_url(text)

    assert remedy in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options", "remedy"),
    [
        ("redis://redis", RedisOptions(ca=Path("ca.pem")), "use `rediss://`"),
        ("redis://me@redis", RedisOptions(), "no `password` is given"),
        ("redis://redis", RedisOptions(sentinel_password="x"), "not `redis+sentinel://`"),
    ],
)
def test_options_that_contradict_the_url_are_refused(url: str, options: RedisOptions, remedy: str) -> None:
    """Nobody believes to have TLS, or a user of its own, who has not."""
    with pytest.raises(ValueError, match=r".") as caught:
        check_options(parse_redis_url(url), options)

    assert remedy in str(caught.value)


def test_passwords_do_not_show() -> None:
    """Options can be logged."""
    assert "hush" not in repr(RedisOptions(password="hush", sentinel_password="hush"))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (theirs.BusyLoadingError(), StoreFault.LOADING),
        (theirs.AuthenticationError(), StoreFault.REFUSED),
        (theirs.MasterDownError("MASTERDOWN x"), StoreFault.READ_ONLY),
        (theirs.ClusterDownError("CLUSTERDOWN x"), StoreFault.MOVED),
        (theirs.MovedError("1 127.0.0.1:1"), StoreFault.MOVED),
        (theirs.TimeoutError(), StoreFault.TIMEOUT),
        (theirs.MaxConnectionsError(), StoreFault.UNREACHABLE),
        (
            theirs.ResponseError(
                "ERR The user executing the script can't run this command or subcommand script: 2f, on @user_script:2."
            ),
            StoreFault.REFUSED,
        ),
        (theirs.ResponseError("ERR Error running script: NOPERM this user has no permissions"), StoreFault.REFUSED),
        (theirs.ResponseError("NOREPLICAS Not enough good replicas to write."), StoreFault.TOO_FEW_REPLICAS),
        (theirs.ResponseError("MISCONF Redis is configured to save RDB snapshots"), StoreFault.READ_ONLY),
        (theirs.ResponseError("ERR anything"), StoreFault.PROTOCOL),
        (ConnectionRefusedError(), StoreFault.UNREACHABLE),
    ],
    ids=repr,
)
def test_each_error_has_one_word(error: Exception, fault: StoreFault) -> None:
    """A closed word, for a metric's label."""
    assert fault_of(error) is fault


async def test_theirs_become_ours_without_their_words() -> None:
    """A library's error may quote a command, and so a record: nothing of it is kept."""
    with pytest.raises(StoreUnavailableError) as caught:
        async with asking(1.0):
            raise theirs.ResponseError("WRONGTYPE while doing SET secret value")

    assert caught.value.fault is StoreFault.WRONG_TYPE
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["rediss://a", "rediss+sentinel://a/primary", "rediss+cluster://a,b"])
async def test_no_connection_reads_a_certificate_for_itself(url: str) -> None:
    """The context is made once, before anybody waits, and verifies by the given CA alone, by name."""
    options = RedisOptions()
    context = tls_context(options)

    redis = make_redis(parse_redis_url(url), options)

    made: list[AbstractConnection] = []
    if isinstance(redis, RedisCluster):
        made += [node.connection_class(**node.connection_kwargs) for node in redis.startup_nodes]
        answered = ClusterNode("c", 1, **redis.nodes_manager.connection_kwargs)
        made.append(answered.connection_class(**answered.connection_kwargs))
    else:
        made.append(redis.connection_pool.make_connection())
        if isinstance(redis.connection_pool, SentinelConnectionPool):
            sentinels = redis.connection_pool.sentinel_manager.sentinels
            made += [asked.connection_pool.make_connection() for asked in sentinels]
    assert len(made) == {"rediss": 1, "rediss+sentinel": 2, "rediss+cluster": 3}[url.partition(":")[0]]
    assert all(isinstance(each, SSLConnection) and each.ssl_context.get() is context for each in made)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


async def test_only_sentinels_and_clusters_are_asked_for_primaries() -> None:
    """Asking the wrong kind of client is our mistake and says so."""
    redis = make_redis(parse_redis_url("redis://127.0.0.1:1"), RedisOptions())

    with pytest.raises(TypeError):
        await find_primary(redis)
    with pytest.raises(TypeError):
        await find_primaries(redis)


async def test_a_task_that_takes_a_cancellation_for_an_answer_ends_all_the_same() -> None:
    """A look at Redis in a loop hears the second or the third, and one that has ended is not waited for."""
    heard = 0

    async def look() -> None:
        nonlocal heard
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                heard += 1
                if heard > 2:
                    raise

    looking = asyncio.create_task(look())
    over = asyncio.create_task(asyncio.sleep(0))
    await over
    await asyncio.wait_for(end_tasks([looking, over]), 30)

    assert looking.cancelled()
    assert heard == 3


def test_the_settings_admit_the_schemes_that_a_client_connects_by() -> None:
    """A scheme that one of the two does not know would be refused after the check, or never be allowed."""
    assert set(redis_client._SCHEMES) == set(REDIS_SCHEMES)
