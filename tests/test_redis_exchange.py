"""Commands that are sent to Redis together: their order, their errors, and connections that are lost on the way."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from redis import exceptions as theirs

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.redis_client import (
    AnyRedis,
    RedisOptions,
    asking,
    close_redis,
    connections_of,
    make_redis,
    parse_redis_url,
)
from gateway.redis_exchange import send_together
from tests.redis_server import RedisServer, cluster_redis, redis_server


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[AnyRedis]:
    redis = make_redis(parse_redis_url(url), RedisOptions(timeout=5.0))
    try:
        yield redis
    finally:
        await close_redis(redis)


async def test_replies_come_in_the_order_of_their_commands(server: RedisServer) -> None:
    """An error among them is a value, and takes no other reply with it."""
    async with opened(server.url) as redis:
        replies = await send_together(
            redis, (("SET", "a", b"\0\r\n"), ("HGET", "a", "x"), ("GET", "a"), ("EXISTS", "b"), ("GET", "b"))
        )

    assert replies[0] == b"OK"
    assert isinstance(replies[1], theirs.ResponseError)
    assert replies[2:] == [b"\0\r\n", 0, None]


async def test_a_cluster_answers_alike() -> None:
    """It goes the library's way, to several nodes."""
    with cluster_redis() as cluster:
        async with opened(cluster.url) as redis:
            keys = [f"key-{number}" for number in range(12)]
            await send_together(redis, [("SET", key, key) for key in keys])
            replies = await send_together(redis, [("GET", key) for key in keys])
            (wrong,) = await send_together(redis, (("HGET", keys[0], "x"),))

    assert replies == [key.encode() for key in keys]
    assert isinstance(wrong, theirs.ResponseError)


async def test_a_connection_that_died_in_the_pool_is_not_noticed(server: RedisServer) -> None:
    """Redis was started anew in the meantime."""
    async with opened(server.url) as redis:
        await send_together(redis, (("SET", "a", "1"),))
        server.kill()
        server.start()

        assert await send_together(redis, (("GET", "a"),)) == [None]
        assert connections_of(redis) == (0, 1)


async def test_a_connection_that_is_lost_under_a_command_is_tried_once_more(server: RedisServer) -> None:
    """The client sends it again on a fresh connection, and a second loss is an error."""
    async with opened(server.url) as redis:
        await send_together(redis, (("SET", "a", "1"),))
        other = server.client()
        (mine,) = [row["id"] for row in other.client_list() if row["name"] == "sekisho"]
        assert await send_together(redis, (("GET", "a"),)) == [b"1"]
        other.client_kill_filter(_id=mine)
        assert await send_together(redis, (("GET", "a"),)) == [b"1"]
        other.close()
        server.kill()
        with pytest.raises((theirs.ConnectionError, OSError)):
            await send_together(redis, (("GET", "a"),))

        assert connections_of(redis)[0] == 0


async def test_a_reply_that_comes_late_is_nobody_elses(server: RedisServer) -> None:
    """The connection of a command that was given up is closed, so its reply cannot answer the next command."""
    async with opened(server.url) as redis:
        await send_together(redis, (("SET", "mine", "anna"), ("SET", "yours", "ben")))
        server.signal(signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailableError) as caught:
                async with asking(0.2):
                    await send_together(redis, (("GET", "mine"),))
        finally:
            server.signal(signal.SIGCONT)

        assert caught.value.fault is StoreFault.TIMEOUT
        assert await send_together(redis, (("GET", "yours"),)) == [b"ben"]


async def test_a_caller_that_goes_away_leaves_no_reply_behind(server: RedisServer) -> None:
    """The same for work that is cancelled."""
    async with opened(server.url) as redis:
        await send_together(redis, (("SET", "mine", "anna"), ("SET", "yours", "ben")))
        server.signal(signal.SIGSTOP)
        try:
            gone = asyncio.ensure_future(send_together(redis, (("GET", "mine"),)))
            await asyncio.sleep(0)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        finally:
            server.signal(signal.SIGCONT)

        assert await send_together(redis, (("GET", "yours"),)) == [b"ben"]
        assert connections_of(redis) == (0, 1)


async def test_more_callers_than_connections_wait_for_one(server: RedisServer) -> None:
    """Each gets its own reply."""
    async with opened(server.url) as redis:
        await send_together(redis, [("SET", f"key-{number}", str(number)) for number in range(100)])

        replies = await asyncio.gather(*(send_together(redis, (("GET", f"key-{number}"),)) for number in range(100)))

        assert replies == [[str(number).encode()] for number in range(100)]
        busy, idle = connections_of(redis)
        assert (busy, idle <= 16) == (0, True)
