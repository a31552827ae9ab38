"""Pending logins in Redis, so that a callback may arrive at any worker.

    {prefix}l:s:{<name>}       a pending login, sealed; gone when it is used
    {prefix}l:u:{<name>}       what came of a used one, sealed; who sets it first has used it
    {prefix}l:r:{<name>}       which sign-in made a session, for the loop breaker, sealed
    {prefix}l:x:{<hash>}       a name that is for one use, and was used
    {prefix}l:{login}:all      names of those that count, by when they end
    {prefix}l:{login}:from     keyed hashes of the addresses that have any
    {prefix}l:{login}:a:<hash> names of one address, {prefix}l:{login}:b:<hash> of one browser

A state is in no key and no value, only its hash is; the record opens by a key of our secret *and* the state,
which only the browser's address bar knows. Braces are Cluster's: the counting lies in one slot, the records
in their own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.instant import CLOCKS_DIFFER, Instant
from gateway.login.pending import (
    PENDING_IN_TOTAL,
    PENDING_PER_BROWSER,
    PENDING_SECONDS,
    PendingLogin,
    Round,
    UsedLogin,
    state_name,
)
from gateway.redis_client import AnyRedis, asking
from gateway.request.senders import sender_of
from gateway.session.seal import Secret, Secrets
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box

_MILLISECONDS = int(PENDING_SECONDS * 1_000)
_PADDING = 256
"""Records are filled up to a multiple of this: the length of a return target says where somebody wanted to go."""

_ADMIT = """
local now, ends, name = ARGV[1], ARGV[2], ARGV[3]
local total, per_browser, life = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
for i = 1, 4 do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '(' .. ARGV[8], '+inf')
end
local live, mine = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[3])
local addresses, evicted = redis.call('ZCARD', KEYS[2]), ''
if redis.call('ZCARD', KEYS[4]) >= per_browser then
  evicted = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
  if redis.call('ZSCORE', KEYS[1], evicted) then live = live - 1 end
  if redis.call('ZSCORE', KEYS[3], evicted) then mine = mine - 1 end
end
local share = math.max(1, math.floor(total / math.max(1, addresses)))
if not (live < total or (live < 2 * total and mine < share)) then return false end
if evicted ~= '' then
  for _, i in ipairs({1, 3, 4}) do redis.call('ZREM', KEYS[i], evicted) end
end
redis.call('ZADD', KEYS[1], ends, name)
redis.call('ZADD', KEYS[2], ends, ARGV[4])
redis.call('ZADD', KEYS[3], ends, name)
redis.call('ZADD', KEYS[4], ends, name)
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], life) end
return evicted
"""
"""`may_open`, and the place of what is opened, in one step: between two workers no login slips past the cap.

An entry that would end later than one that begins now was counted while a worker's clock was ahead. It counts no more.
"""

_Record = TypeVar("_Record", PendingLogin, UsedLogin, Round)


class RedisPendingStore:
    """A `PendingStore` on Redis of any deployment."""

    def __init__(
        self,
        redis: AnyRedis,
        secrets: Secrets,
        *,
        random: Callable[[int], bytes],
        timeout: float,
        prefix: str = "sekisho:",
        total: int = PENDING_IN_TOTAL,
        per_browser: int = PENDING_PER_BROWSER,
    ) -> None:
        """Take a client (`redis_client.make_redis`), which its maker closes.

        `timeout` is in seconds, for one command; `random(n)` returns n random bytes fit for a nonce.
        """
        self._redis = redis
        self._secrets = secrets
        self._random = random
        self._timeout = timeout
        self._prefix = prefix
        self._total = total
        self._per_browser = per_browser

    async def open(self, state: str, login: PendingLogin, address: str, now: Instant) -> bool:
        """See `PendingStore`."""
        name = state_name(state)
        share = hmac.digest(
            self._secrets.first.value, b"sekisho.address.v1:" + sender_of(address).encode(), sha256
        ).hex()
        keys = (
            self._index("all"),
            self._index("from"),
            self._index(f"a:{share[:32]}"),
            self._index(f"b:{login.browser}"),
        )
        ends = now + PENDING_SECONDS
        arguments = (
            now,
            ends,
            name,
            share[:32],
            self._total,
            self._per_browser,
            _MILLISECONDS,
            ends + CLOCKS_DIFFER,
        )
        evicted = await self._ask("EVAL", _ADMIT, len(keys), *keys, *arguments)
        if evicted is None:
            return False
        if evicted:
            await self._ask("DEL", self._key("s", _bytes(evicted).decode("ascii", "replace")))
        await self._ask("SET", self._key("s", name), self._seal(login, state, name), "PX", _MILLISECONDS)
        return True

    async def find(self, state: str, now: Instant) -> PendingLogin | UsedLogin | None:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        name = state_name(state)
        # The marker second: `use` sets it before it removes the login, so one of the two is always seen.
        waiting = await self._ask("GET", self._key("s", name))
        used = await self._ask("GET", self._key("u", name))
        if used is not None:
            return self._open(_bytes(used), state, name, UsedLogin)
        return None if waiting is None else self._open(_bytes(waiting), state, name, PendingLogin)

    async def use(self, state: str, login: PendingLogin, now: Instant) -> bool:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        name = state_name(state)
        marker = self._seal(UsedLogin(login.browser, login.host, login.return_to), state, name)
        won = await self._ask("SET", self._key("u", name), marker, "PX", _MILLISECONDS, "NX")
        if won is None:
            return False
        # Nonce and verifier have had their use; its place is kept in the count until it would have ended.
        await self._ask("DEL", self._key("s", name))
        await self._ask("ZREM", self._index(f"b:{login.browser}"), name)
        return True

    async def settle(self, state: str, used: UsedLogin, now: Instant) -> None:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        name = state_name(state)
        await self._ask("SET", self._key("u", name), self._seal(used, state, name), "PX", _MILLISECONDS)

    async def remember_round(self, session_name: str, made: Round, now: Instant) -> None:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        sealed = self._seal(made, session_name, session_name)
        await self._ask("SET", self._key("r", session_name), sealed, "PX", _MILLISECONDS)

    async def find_round(self, session_name: str, now: Instant) -> Round | None:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        sealed = await self._ask("GET", self._key("r", session_name))
        return None if sealed is None else self._open(_bytes(sealed), session_name, session_name, Round)

    async def spend(self, name: str, now: Instant) -> bool:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        return await self._ask("SET", self._spent(name), b"", "PX", _MILLISECONDS, "NX") is not None

    async def unspend(self, name: str) -> None:
        """See `PendingStore`."""
        await self._ask("DEL", self._spent(name))

    async def _ask(self, *command: str | bytes | float) -> bytes | int | None:
        async with asking(self._timeout):
            answer: bytes | int | None = await self._redis.execute_command(*command)
            return answer
        raise AssertionError("unreachable")

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}l:{kind}:{{{name}}}"

    def _spent(self, name: str) -> str:
        return self._key("x", sha256(b"sekisho.spent.v1:" + name.encode()).hexdigest())

    def _index(self, name: str) -> str:
        return f"{self._prefix}l:{{login}}:{name}"

    def _seal(self, record: PendingLogin | UsedLogin | Round, opener: str, name: str) -> bytes:
        packed = msgspec.msgpack.encode(record)
        secret, nonce = self._secrets.first, self._random(NONCE_BYTES)
        key, bound_to = _derived(secret, opener), _context(record.__class__, name)
        return secret.id.encode() + close_box(key, nonce, packed, bound_to, padding=_PADDING)

    def _open(self, sealed: bytes, opener: str, name: str, kind: type[_Record]) -> _Record | None:
        """Return a record; None where it is not one of ours for this name: nobody's login."""
        secret = self._secrets.get(sealed[:8].decode("ascii", "replace"))
        if secret is None:
            return None
        content = open_box(_derived(secret, opener), sealed[8:], _context(kind, name))
        if content is None:
            return None
        try:
            return msgspec.msgpack.decode(content, type=kind)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            return None


def _bytes(reply: object) -> bytes:
    if not isinstance(reply, bytes):
        raise StoreUnavailableError(StoreFault.PROTOCOL)
    return reply


def _derived(secret: Secret, opener: str) -> bytes:
    return HKDF(SHA256(), 32, None, b"sekisho.pending.v1:" + opener.encode()).derive(secret.value)


def _context(kind: type, name: str) -> bytes:
    """The bytes that a record is bound to, so that none can be taken for another's, or for another kind."""
    return f"sekisho.pending.v1:{kind.__name__}:{name}".encode()
