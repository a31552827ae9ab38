"""Sealed signatures in Redis, so that the person's browser and the application may arrive at any worker.

    {prefix}g:{<name>}     a sealed record; Redis ends it
    {prefix}l:evidence:{<name>}    sealed evidence of a signature, in the store of limits; Redis ends it

A name is a hash, and a value opens only with the id that is in neither (`records`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.instant import Instant
from gateway.redis_client import AnyRedis, Timed, asking, untimed

EVIDENCE = "sekisho:l:evidence:"
"""The prefix of evidence, among the keys that the user of the store of limits may reach."""

_PAGE = 500

_SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


class RedisByteStore:
    """A `ByteStore` on Redis of any deployment."""

    def __init__(self, redis: AnyRedis, *, timeout: float, prefix: str = "sekisho:g:", timed: Timed = untimed) -> None:
        """Take a client (`redis_client.make_redis`), which its maker closes; `timeout` is for one command."""
        self._redis = redis
        self._timeout = timeout
        self._prefix = prefix
        self._timed = timed

    async def add(self, name: str, value: bytes, seconds: float, now: Instant) -> bool:  # noqa: ARG002 (Redis has the clock)
        """See `ByteStore`."""
        return await self._ask("SET", self._key(name), value, "PX", _milliseconds(seconds), "NX") is not None

    async def get(self, name: str, now: Instant) -> bytes | None:  # noqa: ARG002 (Redis has the clock)
        """See `ByteStore`."""
        found = await self._ask("GET", self._key(name))
        if found is not None and not isinstance(found, bytes):
            raise StoreUnavailableError(StoreFault.PROTOCOL)
        return found

    async def swap(self, name: str, old: bytes, new: bytes, seconds: float, now: Instant) -> bool:  # noqa: ARG002 (Redis has the clock)
        """See `ByteStore`."""
        return await self._ask("EVAL", _SWAP, 1, self._key(name), old, new, _milliseconds(seconds)) == 1

    async def remove(self, name: str) -> bool:
        """See `ByteStore`."""
        return await self._ask("DEL", self._key(name)) == 1

    async def names(self) -> AsyncIterator[str]:
        """Yield every name, some perhaps twice; Redis is asked for a page at a time."""
        start, end = self._key("")[:-1], "}"
        walk = self._redis.scan_iter(match=f"{start}*", count=_PAGE)
        while True:
            async with asking(self._timeout):
                key = await anext(walk, None)
            if key is None:
                return
            yield (key.decode() if isinstance(key, bytes) else key).removeprefix(start).removesuffix(end)

    async def _ask(self, *command: str | bytes | float) -> bytes | int | None:
        async with asking(self._timeout, self._timed):
            answer: bytes | int | None = await self._redis.execute_command(*command)
            return answer
        raise AssertionError("unreachable")

    def _key(self, name: str) -> str:
        return f"{self._prefix}{{{name}}}"


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1_000))
