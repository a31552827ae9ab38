"""Sends commands to Redis together, and reads their replies, with little between us and the connection.

The library makes, secures and checks the connections. On a standalone server its way for one command costs the event
loop three times what the command itself does: a task for the write, two deadlines, a lock twice, and counters that
nobody reads. Here a connection that waits in the pool is taken, written to once and read until every reply is there.
Sentinel and Cluster go the library's own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis import exceptions as theirs
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection

from gateway.redis_client import AnyRedis

Command = tuple[str | bytes | int | float, ...]
"""A command's name and its arguments."""


# Its annotation takes commands of one word alone.
_pack: Any = pack_command

_READ_BYTES = 64 * 1024


async def send_together(redis: AnyRedis, commands: Sequence[Command]) -> list[Any]:
    """Send commands at once and return their replies in order; an error reply is a value among them.

    Redis runs them in this order on a standalone server, and nothing else is promised: it is no transaction.
    Call it inside `redis_client.asking`, which limits its time.

    Raises:
        redis.exceptions.RedisError, OSError: there is no connection, or it was lost twice.

    """
    # A cluster has none. By the class's ancestors: `isinstance` of a client takes as long as a command.
    pool: Any = getattr(redis, "connection_pool", None)
    if BlockingConnectionPool in type(pool).__mro__:
        return await _send_by(pool, b"".join([_pack(command) for command in commands]), len(commands))
    if len(commands) == 1:
        try:
            return [await redis.execute_command(*commands[0])]
        except theirs.ResponseError as error:
            return [error]
    pipeline: Any = redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    # Not raised by the library: its words would quote the command, and with it a record.
    replies: list[Any] = await pipeline.execute(raise_on_error=False)
    return replies


async def _send_by(pool: BlockingConnectionPool, packed: bytes, count: int) -> list[Any]:
    last = False
    while True:
        connection = _ready(pool) or await pool.get_connection()
        try:
            return await _exchange(connection, packed, count)
        except BaseException as error:
            # Replies to these commands may still come: the next caller must not take them for its own.
            await connection.disconnect(nowait=True)
            # A pooled connection may have died unnoticed: once more, on a fresh one. A command that was too slow
            # may still be under way, and is not sent again.
            lost = isinstance(error, theirs.ConnectionError | OSError) and not isinstance(error, TimeoutError)
            if last or not lost:
                raise
            last = True
        finally:
            await _give_back(pool, connection)


async def _exchange(connection: AbstractConnection, packed: bytes, count: int) -> list[Any]:
    link: Any = connection  # the library's own way in is what costs
    stream, parser = link._reader, link._parser._reader  # noqa: SLF001
    link._writer.write(packed)  # noqa: SLF001
    replies: list[Any] = []
    while len(replies) < count:
        reply = parser.gets()
        if reply is NOT_ENOUGH_DATA:
            got = await stream.read(_READ_BYTES)
            if not got:
                raise theirs.ConnectionError("the connection was closed")
            parser.feed(got)
        else:
            replies.append(reply)
    return replies


def _ready(pool: BlockingConnectionPool) -> AbstractConnection | None:
    """Take a connection that is known to be usable; `None` has the pool make one, or wait for one."""
    waiting = pool._available_connections  # noqa: SLF001
    if not waiting:
        return None
    connection: Any = waiting[-1]
    stream, parser = connection._reader, connection._parser  # noqa: SLF001
    # Closed by Redis, or with bytes that nobody asked for: the pool connects it anew.
    if stream is None or stream.at_eof() or stream._buffer or parser._reader.has_data():  # noqa: SLF001
        return None
    taken = waiting.pop()
    pool._in_use_connections.add(taken)  # noqa: SLF001
    return taken


async def _give_back(pool: BlockingConnectionPool, connection: AbstractConnection) -> None:
    if connection.should_reconnect() or pool._condition._waiters:  # noqa: SLF001
        await pool.release(connection)
        return
    pool._in_use_connections.remove(connection)  # noqa: SLF001
    pool._available_connections.append(connection)  # noqa: SLF001
