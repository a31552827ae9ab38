"""Sealed signatures in Redis, so that the person's browser and the application may arrive at any worker.

    {prefix}g:{<name>}     a sealed record; Redis ends it
    {prefix}g:{room:<hash of the owner>}:e, :s, :t    when the owner's records end, their sizes, and the sum
    {prefix}l:evidence:{<name>}    sealed evidence of a signature, in the store of limits; Redis ends it

A name is a hash, and a value opens only with the id that is in neither (`records`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256

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


_TAKE = """
local name, size, now, ends, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local total = tonumber(redis.call('GET', KEYS[3]) or '0')
local oldest = redis.call('ZRANGE', KEYS[1], 0, 99, 'WITHSCORES')
for i = 1, #oldest, 2 do
  if tonumber(oldest[i + 1]) > now then break end
  total = total - tonumber(redis.call('ZSCORE', KEYS[2], oldest[i]) or '0')
  redis.call('ZREM', KEYS[1], oldest[i])
  redis.call('ZREM', KEYS[2], oldest[i])
end
local had = tonumber(redis.call('ZSCORE', KEYS[2], name) or '0')
local fits = had > 0 or total + size <= most
if fits then
  total = total + size - had
  redis.call('ZADD', KEYS[1], ends, name)
  redis.call('ZADD', KEYS[2], size, name)
end
redis.call('SET', KEYS[3], string.format('%.0f', math.max(0, total)), 'PX', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return fits and 1 or 0
"""

_LEAVE = """
local had = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not had then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local total = tonumber(redis.call('GET', KEYS[3]) or '0') - tonumber(had)
redis.call('SET', KEYS[3], string.format('%.0f', math.max(0, total)), 'PX', ARGV[2])
return 1
"""

_ROOM_SECONDS = 3 * 86_400.0
"""Seconds for which a room is remembered that nobody takes anything in: longer than any signature lasts."""


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

    async def take(self, owner: str, name: str, size: int, seconds: float, most: int, now: Instant) -> bool:
        """See `Rooms`."""
        arguments = (name, size, now, now + seconds, most, _milliseconds(_ROOM_SECONDS))
        return await self._ask("EVAL", _TAKE, 3, *self._room(owner), *arguments) == 1

    async def leave(self, owner: str, name: str) -> None:
        """See `Rooms`."""
        await self._ask("EVAL", _LEAVE, 3, *self._room(owner), name, _milliseconds(_ROOM_SECONDS))

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

    def _room(self, owner: str) -> tuple[str, str, str]:
        tag = self._key(f"room:{sha256(owner.encode()).hexdigest()}")
        return f"{tag}:e", f"{tag}:s", f"{tag}:t"

    def _key(self, name: str) -> str:
        return f"{self._prefix}{{{name}}}"


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1_000))
