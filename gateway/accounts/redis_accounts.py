"""Accounts in a Redis that neither evicts nor forgets.

    {prefix}a:{<app>}:k:<name>     one account, sealed (`sealed`)
    {prefix}a:{<app>}:n            a sorted set: every account's name
    {prefix}a:{<app>}:m:<mark>     a set: the names of the accounts whose record has this mark
    {prefix}a:{<app>}:r            the revision
    {prefix}a:{<app>}:t:<scope>    a sorted set: attempts by the moment until which they count
    {prefix}a:{<app>}:w:<scope>    of an account's scope: those without an answer, by the moment at which they are over
    {prefix}a:{<app>}:b:<scope>    the place in the order at which each attempt began
    {prefix}a:{<app>}:o:<scope>    the place in the order at which each attempt was over
    {prefix}a:{<app>}:q            the last place in the order

Names of Apps and accounts are percent-encoded. The keys of an App lie in one slot of a Cluster, so that a script may
change an account and its index together. A worker reads a record, alters it, and has the script write it only if
nobody has written it meanwhile. `redis_durable` waits for a replica, and looks whether the store may forget.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, TypeVar, cast
from urllib.parse import quote

from gateway.accounts.attempts import Scope
from gateway.accounts.changes import Change, Kept
from gateway.accounts.kept_accounts import KeptAccounts
from gateway.accounts.sealed import BOX_NONCE, is_of_first_key, open_or_refuse, seal_kept
from gateway.errors import StoreFault, StoreUnavailableError, UnfitAccountStoreError
from gateway.instant import Instant
from gateway.redis_client import AnyRedis, close_redis, connections_of
from gateway.redis_durable import DurableRedis
from gateway.session.seal import Secrets

DEFAULT_PREFIX = "sekisho:"

_ROUNDS = 200
"""Times that a change is made anew because other workers wrote the same account meanwhile."""

# The first three keys are the record, the names and the revision; then marks to add, then marks to remove.
_WRITE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[2], 0, ARGV[3])
end
redis.call('INCR', KEYS[3])
local added = tonumber(ARGV[4])
for i = 4, #KEYS do
  if i < 4 + added then redis.call('SADD', KEYS[i], ARGV[3]) else redis.call('SREM', KEYS[i], ARGV[3]) end
end
return 1
"""

# The script takes the attempt, now, and the moment at which the attempt is over without an answer, which is empty where
# there is no order. For each scope it takes how many it has at most, and until when this attempt would count. With an
# order, the first scope has it, and the last four keys are its `w`, `b`, `o`, and `q`.
_TAKE = """
local scopes = (#ARGV - 3) / 2
local first = 1
if ARGV[3] ~= '' then
  first = 2
  local w, b, o, q = KEYS[scopes + 1], KEYS[scopes + 2], KEYS[scopes + 3], KEYS[scopes + 4]
  if #redis.call('ZRANGE', KEYS[1], '(' .. ARGV[2], '+inf', 'BYSCORE', 'LIMIT', 0, 1) == 0 then
    redis.call('DEL', KEYS[1], w, b, o)
  end
  for _, id in ipairs(redis.call('ZRANGE', w, '-inf', ARGV[2], 'BYSCORE')) do
    redis.call('ZREM', w, id)
    redis.call('ZADD', o, 'NX', redis.call('INCR', q), id)
  end
end
for i = 1, scopes do
  if i >= first then redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[2]) end
  if not redis.call('ZSCORE', KEYS[i], ARGV[1]) then
    if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[2 + 2 * i]) then return 0 end
  end
end
if ARGV[3] ~= '' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[scopes + 1], ARGV[3], ARGV[1])
  redis.call('ZADD', KEYS[scopes + 2], redis.call('INCR', KEYS[scopes + 4]), ARGV[1])
end
for i = 1, scopes do redis.call('ZADD', KEYS[i], 'NX', ARGV[3 + 2 * i], ARGV[1]) end
return 1
"""

# The keys `t`, `w`, `b`, `o`, `q` of a scope; the attempt, and until when it counts.
_SETTLE = """
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if not redis.call('ZSCORE', KEYS[4], ARGV[1]) then redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[5]), ARGV[1]) end
return 1
"""

# The keys `t`, `w`, `b`, `o` of a scope, and the attempt.
_SUCCEED = """
local begun = redis.call('ZSCORE', KEYS[3], ARGV[1])
local gone = begun and redis.call('ZRANGE', KEYS[4], '-inf', '(' .. begun, 'BYSCORE') or {}
gone[#gone + 1] = ARGV[1]
for _, id in ipairs(gone) do
  for i = 1, 4 do redis.call('ZREM', KEYS[i], id) end
end
return 1
"""

# The keys `t`, `w`, `b`, `o` of a scope, and now.
_CLEAR_OVER = """
for _, gone in ipairs({
  redis.call('ZRANGE', KEYS[4], '-inf', '+inf', 'BYSCORE'), redis.call('ZRANGE', KEYS[2], '-inf', ARGV[1], 'BYSCORE')
}) do
  for _, id in ipairs(gone) do
    for i = 1, 4 do redis.call('ZREM', KEYS[i], id) end
  end
end
return 1
"""

_GIVE_BACK = """
for i = 1, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 1
"""

_CLEAR = """
for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end
return 1
"""

_Outcome = TypeVar("_Outcome")


class RedisAccounts(KeptAccounts):
    """An `AccountStore` on Redis of any deployment."""

    def __init__(
        self,
        redis: AnyRedis,
        keys: Secrets,
        *,
        timeout: float = 1.0,
        prefix: str = DEFAULT_PREFIX,
    ) -> None:
        """Take a client (`redis_client.make_redis`) and close it with the store; `timeout` in seconds a command."""
        self._redis = redis
        self._keys = keys
        self._prefix = prefix
        self._durable = DurableRedis(redis, UnfitAccountStoreError, timeout=timeout)

    async def read(self, app: str, names: Sequence[str]) -> Mapping[str, Kept]:
        """See `KeptAccounts`."""
        boxes = await self._boxes(app, names)
        opened = {name: open_or_refuse(self._keys, app, name, box) for name, box in zip(names, boxes, strict=True)}
        return {name: kept for name, kept in opened.items() if kept is not None}

    async def alter(
        self, app: str, folded: str, change: Callable[[Kept | None], Change[_Outcome]]
    ) -> tuple[_Outcome, bool]:
        """See `KeptAccounts`."""
        await self._durable.look_again(asyncio.get_running_loop().time())
        for _ in range(_ROUNDS):
            (box,) = await self._boxes(app, [folded])
            before = open_or_refuse(self._keys, app, folded, box)
            done = change(before)
            if done.kept == before and (box is None or is_of_first_key(self._keys, box)):
                return done.outcome, False
            new = b"" if done.kept is None else seal_kept(self._keys, app, folded, done.kept, os.urandom(BOX_NONCE))
            old_marks = frozenset[str]() if before is None else before.marks
            new_marks = frozenset[str]() if done.kept is None else done.kept.marks
            added, removed = sorted(new_marks - old_marks), sorted(old_marks - new_marks)
            marks = tuple(self._key(app, "m", mark) for mark in (*added, *removed))
            keys = (self._key(app, "k", folded), self._key(app, "n"), self._key(app, "r"), *marks)
            if await self._durable.write(_WRITE, keys, box or b"", new, folded, len(added)):
                return done.outcome, True
        raise StoreUnavailableError(StoreFault.TIMEOUT)

    async def named(self, app: str, marks: Sequence[str]) -> Sequence[str]:
        """See `KeptAccounts`."""
        async with self._durable.reading() as redis:
            found: Any = await redis.sunion([self._key(app, "m", mark) for mark in marks])
        return sorted(name.decode() for name in found)

    async def page(self, app: str, after: str, most: int) -> Sequence[str]:
        """See `KeptAccounts`."""
        start = f"({after}" if after else "-"
        async with self._durable.reading() as redis:
            found: Any = await redis.zrangebylex(self._key(app, "n"), start, "+", start=0, num=most)
        return [name.decode() for name in found]

    async def revision(self, app: str) -> int:
        """See `AccountStore`."""
        async with self._durable.reading() as redis:
            found: Any = await redis.get(self._key(app, "r"))
        return int(found or 0)

    async def take(self, app: str, attempt: str, scopes: Sequence[Scope], now: Instant) -> bool:
        """See `KeptAccounts`."""
        await self._durable.look_again(asyncio.get_running_loop().time())
        keys = tuple(self._key(app, "t", scope.name) for scope in scopes)
        open_until = scopes[0].open_until
        if open_until is not None:
            keys += self._ordered(app, scopes[0].name)[1:]
        numbers = [each for scope in scopes for each in (scope.most, _score(scope.ends_at))]
        over_at = "" if open_until is None else _score(open_until)
        return bool(await self._durable.write(_TAKE, keys, attempt, _score(now), over_at, *numbers))

    async def settle(self, app: str, scope: str, attempt: str, ends_at: Instant) -> None:
        """See `KeptAccounts`."""
        await self._durable.run(_SETTLE, self._ordered(app, scope), attempt, _score(ends_at))

    async def succeed(self, app: str, scope: str, attempt: str) -> None:
        """See `KeptAccounts`."""
        await self._durable.run(_SUCCEED, self._ordered(app, scope)[:4], attempt)

    async def clear_over(self, app: str, scope: str, now: Instant) -> None:
        """See `KeptAccounts`."""
        await self._durable.run(_CLEAR_OVER, self._ordered(app, scope)[:4], _score(now))

    async def give_back(self, app: str, scopes: Sequence[str], attempt: str) -> None:
        """See `KeptAccounts`."""
        keys = tuple(self._key(app, kind, scope) for scope in scopes for kind in "twbo")
        await self._durable.run(_GIVE_BACK, keys, attempt)

    async def clear(self, app: str, scopes: Sequence[str]) -> None:
        """See `KeptAccounts`."""
        await self._durable.run(_CLEAR, tuple(self._key(app, kind, scope) for scope in scopes for kind in "twbo"))

    async def check(self) -> None:
        """See `AccountStore`; also learns whether there are replicas to wait for."""
        await self._durable.check()

    def connections(self) -> tuple[int, int]:
        """Return the numbers of busy and idle connections."""
        return connections_of(self._redis)

    async def close(self) -> None:
        """See `AccountStore`."""
        await close_redis(self._redis)

    async def _boxes(self, app: str, names: Sequence[str]) -> list[bytes | None]:
        async with self._durable.reading() as redis:
            found: Any = await redis.mget([self._key(app, "k", name) for name in names])
        return cast("list[bytes | None]", found)

    def _ordered(self, app: str, scope: str) -> tuple[str, ...]:
        """Return the keys of a scope whose attempts have an order."""
        return (*(self._key(app, kind, scope) for kind in "twbo"), self._key(app, "q"))

    def _key(self, app: str, kind: str, name: str = "") -> str:
        key = f"{self._prefix}a:{{{quote(app, safe='')}}}:{kind}"
        return f"{key}:{quote(name, safe='')}" if name else key


def _score(moment: Instant) -> str:
    return "+inf" if moment == inf else f"{moment:.6f}"
