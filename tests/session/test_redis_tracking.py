"""A tracking connection tells, or ends for good; it never raises, and never comes back by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.redis_client import RedisOptions, parse_redis_url
from gateway.session.redis_tracking import TrackingConnection, track


class Told:
    """The recorded pushes and their receivers."""

    def __init__(self) -> None:
        self.keys: list[list[bytes] | None] = []
        self.lost: list[StoreFault] = []
        self.connection = TrackingConnection(lambda _, keys: self.keys.append(keys), self.lost.append)


def push(*keys: bytes) -> bytes:
    """The push for changed keys, in RESP3."""
    body = b"".join(b"$%d\r\n%s\r\n" % (len(key), key) for key in keys)
    return b">2\r\n$10\r\ninvalidate\r\n*%d\r\n" % len(keys) + body


def test_keys_are_told_however_the_network_cuts_them() -> None:
    """A push in single bytes is one push."""
    tracked = Told()

    for byte in push(b"sekisho:t:{a}", b"sekisho:t:{b}") + push(b"c"):
        tracked.connection.data_received(bytes((byte,)))

    assert tracked.keys == [[b"sekisho:t:{a}", b"sekisho:t:{b}"], [b"c"]]
    assert tracked.lost == []


def test_a_flush_is_told_as_everything() -> None:
    """`FLUSHALL` names no key."""
    tracked = Told()

    tracked.connection.data_received(b">2\r\n$10\r\ninvalidate\r\n_\r\n")

    assert tracked.keys == [None]


@pytest.mark.parametrize(
    "news",
    [
        b">2\r\n$10\r\nsomething!\r\n*0\r\n",
        b">3\r\n$10\r\ninvalidate\r\n*0\r\n*0\r\n",
        b">2\r\n$10\r\ninvalidate\r\n:1\r\n",
        b">2\r\n$10\r\ninvalidate\r\n*1\r\n:1\r\n",
        b"+an answer nobody asked for\r\n",
        b"-ERR unasked\r\n",
        b"#f\r\n",
        b"*0\r\n",
        b"%1\r\n%0\r\n+a map for a key\r\n",
        b"~1\r\n*1\r\n+a list in a set\r\n",
        b">2\r\n$10\r\ninvalidate\r\n*1\r\n%1\r\n%0\r\n+x\r\n",
        b"?nonsense\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_what_is_not_understood_ends_it(news: bytes) -> None:
    """A push of a kind we do not know may have meant any session."""
    tracked = Told()

    tracked.connection.data_received(news)
    tracked.connection.data_received(push(b"after"))

    assert tracked.lost == [StoreFault.PROTOCOL]
    assert tracked.keys == []


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_make_it_raise(chunks: list[bytes]) -> None:
    """For all bytes it tells or ends, and it ends once."""
    tracked = Told()

    for chunk in chunks:
        tracked.connection.data_received(chunk)
    tracked.connection.connection_lost(None)

    assert len(tracked.lost) == 1


async def test_a_question_under_way_is_answered_when_it_is_lost() -> None:
    """Nobody waits for a connection that is gone."""
    tracked = Told()
    transport: Any = FakeTransport()
    tracked.connection.connection_made(transport)
    asked = asyncio.create_task(tracked.connection.ask("PING"))
    await asyncio.sleep(0)

    tracked.connection.connection_lost(ConnectionResetError())

    with pytest.raises(StoreUnavailableError):
        await asked
    with pytest.raises(StoreUnavailableError):
        await tracked.connection.ask("PING")
    assert tracked.lost == [StoreFault.UNREACHABLE]


class FakeTransport:
    """A transport that swallows what is written."""

    def write(self, data: bytes) -> None:
        """Take bytes."""

    def abort(self) -> None:
        """End."""

    def is_closing(self) -> bool:
        """Never by itself."""
        return False


async def test_a_server_that_refuses_is_unavailable(redis_url: str) -> None:
    """Tracking that cannot be had, here for want of such a user, is no tracking."""
    tracked = Told()
    url = parse_redis_url(redis_url.replace("redis://", "redis://nobody@"))

    with pytest.raises(StoreUnavailableError) as caught:
        await track(tracked.connection, url.hosts[0], url, RedisOptions(password="wrong"), ("sekisho:t:",))

    assert caught.value.fault is StoreFault.REFUSED
    assert tracked.connection.lost


async def test_nobody_there_is_unavailable(free_port: int) -> None:
    """A place where nobody listens is told as such, in its time."""
    tracked = Told()
    url = parse_redis_url(f"redis://127.0.0.1:{free_port}")

    with pytest.raises(StoreUnavailableError) as caught:
        await track(tracked.connection, url.hosts[0], url, RedisOptions(), ("sekisho:t:",))

    assert caught.value.fault is StoreFault.UNREACHABLE
