"""Limits in a Redis of their own, that neither evicts nor forgets.

    {prefix}l:{<policy>:<limit>:<period>:<code>}   a hash: entry → `<state> <since> <lease ends>[ <name>]`

One key is one person's use of one limit in one period, so that a reservation is one script on one key:
of fifty at once, on any number of workers, exactly as many as `times` come through. The names are
percent-encoded, the code is a hash of client and PPID (`subject_code`): nothing in it is personal in plain.
`redis_durable` waits for a replica, and looks whether the store may forget.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from math import inf
from typing import Any, cast
from urllib.parse import quote, unquote

from gateway.errors import UnfitLimitStoreError
from gateway.instant import Instant, is_instant
from gateway.limits.limits import LEASE, Entry, EntryState, LimitUse, Settlement, state_of
from gateway.redis_client import AnyRedis, Timed, asking, close_redis, connections_of, untimed
from gateway.redis_durable import DurableRedis

DEFAULT_PREFIX = "sekisho:"

PARTS = 4
"""Parts of a key's name: policy, limit, period, code."""

LONGEST_KEY = 2_048
"""Bytes of a key of ours: names of 64 characters, percent-encoded."""

PAGE = 500
"""Keys asked for at once when a person's entries are looked for."""

_RESERVE = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[4]) end
return 1
"""

_RENEW = """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if not kept then return 0 end
local state, since = string.match(kept, '^(%S+) (%S+) ')
if state == 'reserved' then redis.call('HSET', KEYS[1], ARGV[1], 'reserved ' .. since .. ' ' .. ARGV[2]) end
return 1
"""

_COUNT = """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if not kept then return 0 end
local since = string.match(kept, '^%S+ (%S+) ')
redis.call('HSET', KEYS[1], ARGV[1], 'counted ' .. since .. ' 0' .. ARGV[2])
return 1
"""

# The store compares moments as it keeps them, with three digits behind the point.
_CANCEL = """
local all = redis.call('HGETALL', KEYS[1])
local found, newest, counted
for at = 1, #all, 2 do
  local state, since, lease, name = string.match(all[at + 1], '^(%S+) ([%d.]+) ([%d.]+) ?(%S*)$')
  local fits = state == 'counted' and (ARGV[1] == '' or name == ARGV[1])
  fits = fits or (state == 'reserved' and ARGV[1] == '' and tonumber(lease) <= tonumber(ARGV[3]))
  if fits and tonumber(since) < tonumber(ARGV[2]) then
    local is_counted = state == 'counted'
    if not found or (is_counted and not counted) or (is_counted == counted and tonumber(since) > newest) then
      found, newest, counted = all[at], tonumber(since), is_counted
    end
  end
end
if not found then return 0 end
return redis.call('HDEL', KEYS[1], found)
"""

# A late failure of the same request does not give back a counted entry.
_GIVE_BACK = """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept and string.sub(kept, 1, 9) == 'reserved ' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
"""


class RedisLimits:
    """A `LimitStore` on Redis."""

    def __init__(
        self, redis: AnyRedis, *, timeout: float = 1.0, prefix: str = DEFAULT_PREFIX, timed: Timed = untimed
    ) -> None:
        """Take a client (`redis_client.make_redis`) and close it with the store; `timeout` in seconds a command.

        `timed` is told of each command.
        """
        self._redis = redis
        self._timeout = timeout
        self._prefix = prefix
        self._durable = DurableRedis(redis, UnfitLimitStoreError, timeout=timeout, timed=timed)

    def key(self, use: LimitUse) -> str:
        """Return the key of one person's use of a limit."""
        parts = ":".join(quote(part, safe="") for part in (use.policy, use.limit, use.period, use.code))
        return f"{self._prefix}l:{{{parts}}}"

    async def reserve(self, use: LimitUse, entry: str, now: Instant) -> bool:
        """See `LimitStore`. A store that was not checked for a while is checked first."""
        await self._durable.look_again(now)
        forget_at = "" if use.forget_at == inf else str(int(use.forget_at * 1000))
        value = f"reserved {now:.3f} {now + LEASE:.3f}"
        return bool(await self._durable.write(_RESERVE, (self.key(use),), entry, str(use.times), value, forget_at))

    async def renew(self, use: LimitUse, entry: str, now: Instant) -> bool:
        """See `LimitStore`."""
        return bool(await self._run(_RENEW, use, entry, f"{now + LEASE:.3f}"))

    async def settle(self, use: LimitUse, entry: str, settlement: Settlement, now: Instant, name: str = "") -> None:
        """See `LimitStore`."""
        del now
        if settlement is Settlement.COUNT:
            await self._run(_COUNT, use, entry, f" {name}" if name else "")
        elif settlement is Settlement.GIVE_BACK:
            await self._run(_GIVE_BACK, use, entry)

    async def cancel(self, use: LimitUse, name: str, before: Instant, now: Instant) -> bool:
        """See `LimitStore`."""
        return bool(await self._run(_CANCEL, use, name, f"{before:.3f}", f"{now:.3f}"))

    async def show(self, code: str, now: Instant) -> Sequence[Entry]:
        """See `LimitStore`."""
        found: list[Entry] = []
        pattern = f"{self._prefix}l:{{*:{quote(code, safe='')}}}"
        async for key in self._keys(pattern):
            async with asking(self._timeout):
                kept: Any = await self._redis.hgetall(cast("str", key))
            use = _read_key(key, await self._expires(key))
            if use is None or use.code != code:
                continue
            for entry, value in kept.items():
                stands, since = _read_entry(value, now)
                found.append(Entry(use, entry.decode("utf-8", "surrogateescape"), stands, since))
        return sorted(found, key=lambda entry: (entry.use.policy, entry.use.limit, entry.use.period, entry.since))

    async def give_back(self, entry: Entry) -> bool:
        """See `LimitStore`."""
        async with asking(self._timeout):
            name = entry.id.encode("utf-8", "surrogateescape")
            return bool(await self._redis.hdel(self.key(entry.use), cast("str", name)))

    async def check(self) -> None:
        """See `LimitStore`; also learns whether there are replicas to wait for."""
        await self._durable.check()

    def connections(self) -> tuple[int, int]:
        """Return the numbers of busy and idle connections."""
        return connections_of(self._redis)

    async def close(self) -> None:
        """See `LimitStore`."""
        await close_redis(self._redis)

    async def _run(self, script: str, use: LimitUse, *arguments: str) -> int:
        return await self._durable.run(script, (self.key(use),), *arguments)

    async def _keys(self, pattern: str) -> AsyncIterator[bytes]:
        scan: Callable[..., AsyncIterator[bytes]] = self._redis.scan_iter
        async with asking(self._timeout * 30):
            async for key in scan(match=pattern, count=PAGE):
                yield key

    async def _expires(self, key: bytes) -> Instant:
        async with asking(self._timeout):
            milliseconds = int(await self._redis.pexpiretime(cast("str", key)))
        return inf if milliseconds < 0 else milliseconds / 1000


def _read_key(key: bytes, forget_at: Instant) -> LimitUse | None:
    """Return the identity and the limit that a key counts; `None` if the key is not ours."""
    named = key.decode("ascii", "replace").rpartition("l:{")[2].removesuffix("}").split(":")
    if len(named) != PARTS or len(key) > LONGEST_KEY:
        return None
    policy, limit, period, code = (unquote(part) for part in named)
    return LimitUse(policy, limit, period, code, forget_at=forget_at)


def _read_entry(value: bytes, now: Instant) -> tuple[EntryState, Instant]:
    """Return how an entry stands, and since when.

    An entry that no gateway wrote still counts, so the listing shows it: an operator must be able to give it back.
    """
    state, _, times = value.decode("ascii", "replace").partition(" ")
    since, _, behind = times.partition(" ")
    try:
        begun, ends = float(since), float(behind.partition(" ")[0])
    except ValueError:
        return EntryState.UNKNOWN, 0.0
    if not is_instant(begun) or not is_instant(ends) or state not in ("counted", "reserved"):
        return EntryState.UNKNOWN, 0.0
    return state_of(counted=state == "counted", lease_ends=ends, now=now), begun
