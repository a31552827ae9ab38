"""Receives pushes of Redis about every changed record: `CLIENT TRACKING` in broadcast mode, over RESP3.

One connection to each place that may change a record (one server, or every primary of a
cluster). It is our own and not a pooled one, for one reason: a library's connection reconnects when it
drops, and would go on, silently, being told nothing. This one ends for good on any doubt,
a push it does not understand among them, and its owner then drops all it remembers.

`cache` knows what the news mean, and `redis_cache` makes the connections.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

import hiredis

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.redis_client import RedisOptions, RedisUrl, fault_of_words, tls_context

LONGEST_PUSH = 64 * 1024 * 1024
"""Bytes that may wait unread for the rest of one push: a million names at once are this long."""

_NO_REPLY: Final = object()
"""The parser's word for bytes that are not whole yet; every other value can be a reply, `False` among them."""


class TrackingConnection(asyncio.Protocol):
    """A connection that tells of changed keys until it is lost, which it says once."""

    def __init__(
        self, on_keys: Callable[[TrackingConnection, list[bytes] | None], None], on_lost: Callable[[StoreFault], None]
    ) -> None:
        """`on_keys` gets keys, or `None` where all may have changed. Neither call may raise."""
        self._on_keys = on_keys
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_NO_REPLY)
        self._replies: list[asyncio.Future[object]] = []
        self._transport: asyncio.Transport | None = None
        self._fed = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take news in. It raises nothing: faulty bytes end the connection."""
        if self.lost:
            return
        self._reader.feed(data)
        self._fed += len(data)
        while (reply := self._next_reply()) is not _NO_REPLY:
            self._fed = 0
            if not self._take(reply):
                return
        if self._fed > LONGEST_PUSH:
            self.fail(StoreFault.PROTOCOL)

    def _next_reply(self) -> object:
        """Return the next whole reply or push, or `_NO_REPLY`; faulty bytes end the connection."""
        try:
            reply: object = self._reader.gets()
        # The parser makes Python's values of foreign bytes: beside its own errors, a map with a map for a key is a
        # `TypeError`.
        except Exception:  # noqa: BLE001
            self.fail(StoreFault.PROTOCOL)
            return _NO_REPLY
        return reply

    def _take(self, reply: object) -> bool:
        """Take one reply or push in, and say whether to go on."""
        if not isinstance(reply, hiredis.PushNotification):
            if not self._replies:
                self.fail(StoreFault.PROTOCOL)
                return False
            waiting = self._replies.pop(0)
            if not waiting.done():
                waiting.set_result(reply)
            return True
        match list(reply):
            case [b"invalidate", None]:
                self._on_keys(self, None)
            case [b"invalidate", list(keys)] if all(isinstance(key, bytes) for key in keys):
                self._on_keys(self, keys)
            case _:
                self.fail(StoreFault.PROTOCOL)
                return False
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See `asyncio.Protocol`."""
        self.fail(StoreFault.UNREACHABLE)

    def fail(self, fault: StoreFault) -> None:
        """End for good, and say so once."""
        if self.lost:
            return
        self.lost = True
        for waiting in self._replies:
            if not waiting.done():
                waiting.set_exception(StoreUnavailableError(fault))
        self._replies.clear()
        if self._transport is not None:
            self._transport.abort()
        self._on_lost(fault)

    async def ask(self, *command: str) -> object:
        """Send one command and return its reply.

        Raises:
            StoreUnavailableError: the connection was lost, or Redis refused.

        """
        if self.lost or self._transport is None or self._transport.is_closing():
            raise StoreUnavailableError(StoreFault.UNREACHABLE)
        waiting: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._replies.append(waiting)
        self._transport.write(hiredis.pack_command(cast("Any", command)))
        reply = await waiting
        if isinstance(reply, hiredis.ReplyError):
            raise StoreUnavailableError(fault_of_words(str(reply)))
        return reply

    def close(self) -> None:
        """End without saying so."""
        self.lost = True
        for waiting in self._replies:
            waiting.cancel()
        self._replies.clear()
        if self._transport is not None:
            self._transport.abort()


async def track(
    connection: TrackingConnection,
    place: tuple[str, int] | str,
    url: RedisUrl,
    options: RedisOptions,
    prefixes: tuple[str, ...],
) -> None:
    """Connect to a place (host and port, or a Unix socket's path) and have it tell of keys that begin so.

    When this returns, everything that changes from now on will be told.

    Raises:
        StoreUnavailableError: it cannot be reached, or refuses.

    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(options.timeout):
            if isinstance(place, str):
                await loop.create_unix_connection(lambda: connection, place)
            else:
                secured: ssl.SSLContext | None = tls_context(options) if url.tls else None
                await loop.create_connection(lambda: connection, *place, ssl=secured)
            login = () if options.password is None else ("AUTH", url.username or "default", options.password)
            await connection.ask("HELLO", "3", *login)
            if url.db:
                await connection.ask("SELECT", str(url.db))
            with suppress(StoreUnavailableError):
                # A name for an operator who looks at CLIENT LIST; not worth a right of its own.
                await connection.ask("CLIENT", "SETNAME", "sekisho-tracking")
            broadcast = [part for prefix in prefixes for part in ("PREFIX", prefix)]
            await connection.ask("CLIENT", "TRACKING", "ON", "BCAST", *broadcast)
    except (OSError, TimeoutError) as error:
        connection.close()
        fault = StoreFault.TIMEOUT if isinstance(error, TimeoutError) else StoreFault.UNREACHABLE
        raise StoreUnavailableError(fault) from None
    except BaseException:
        connection.close()
        raise
