"""Pending logins in Redis, so that a callback may arrive at any worker.

    {prefix}l:s:{<name>}       a pending login, sealed; gone when it is used
    {prefix}l:u:{<name>}       what came of a used one, sealed; who sets it first has used it
    {prefix}l:f:{<name>}       a form that waits, sealed
    {prefix}l:g:{<name>}       one that was sent, without its body, sealed; who sets it first sends it
    {prefix}l:t:{<name>}       the target of a login, sealed, for a day
    {prefix}l:r:{<name>}       which sign-in made a session, for the loop breaker, sealed
    {prefix}l:x:{<hash>}       a name that is for one use, and was used
    {prefix}l:{login}:live       those that count, by when they end: `<name>:<bytes>`
    {prefix}l:{login}:from       keyed hashes of the addresses that have any
    {prefix}l:{login}:of:<hash>  those of one address, {prefix}l:{login}:in:<hash> of one browser
    {prefix}l:{login}:form:…     the same for forms
    {prefix}l:{login}:bytes      bytes of all, {prefix}l:{login}:bytes:<hash> of one address

A state is in no key and no value, only its hash is; the record opens by a key of our secret *and* the state,
which only the browser's address bar knows. Braces are Cluster's: the counting lies in one slot, the records
in their own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from gateway.instant import CLOCKS_DIFFER, Instant
from gateway.login.pending import (
    BYTES_IN_TOTAL,
    BYTES_PER_ADDRESS,
    FORM_LIVES,
    PENDING_IN_TOTAL,
    PENDING_PER_ADDRESS,
    PENDING_PER_BROWSER,
    PENDING_SECONDS,
    SPENT_SECONDS,
    TARGET_SECONDS,
    TARGETS_UP_TO,
    Cap,
    KeptTarget,
    PendingLogin,
    Round,
    SentForm,
    UsedLogin,
    WaitingForm,
    bytes_of,
    bytes_of_form,
    kept_target,
    state_name,
)
from gateway.redis_client import AnyRedis, Timed, asking, bytes_of_reply, is_cluster, untimed
from gateway.redis_exchange import Command, send_together
from gateway.request.senders import sender_of
from gateway.session.seal import Secret, Secrets
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box

_SPENT_MILLISECONDS = int(SPENT_SECONDS * 1_000)
_TARGET_MILLISECONDS = int(TARGET_SECONDS * 1_000)
_PADDING = 256
"""Records are filled up to a multiple of this: the length of a return target would tell which page a person wanted."""

_ADMIT = """
local now, ends, name, share, size = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local per_browser, life, latest = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
local logins = {total = tonumber(ARGV[9]), per_address = tonumber(ARGV[10])}
local bytes = {total = tonumber(ARGV[11]), per_address = tonumber(ARGV[12])}

local function bytes_of(member)
  return tonumber(string.match(member, ':(%d+)$')) or 0
end

local function keep(counter, sum)
  redis.call('SET', counter, string.format('%d', sum), 'PX', life)
end

local function count(set, counter)
  local sum = tonumber(redis.call('GET', counter) or '')
  for _, at in ipairs({{0, 99}, {-100, -1}}) do
    local over
    repeat
      over = {}
      local found = redis.call('ZRANGE', set, at[1], at[2], 'WITHSCORES')
      for i = 1, #found, 2 do
        local score = tonumber(found[i + 1])
        if score <= now or score > latest then
          over[#over + 1] = found[i]
          sum = sum and sum - bytes_of(found[i])
        end
      end
      if #over > 0 then redis.call('ZREM', set, unpack(over)) end
    until #over == 0
  end
  local live = redis.call('ZCARD', set)
  if live == 0 then sum = 0 end
  if not sum then
    sum = 0
    for _, member in ipairs(redis.call('ZRANGE', set, 0, -1)) do sum = sum + bytes_of(member) end
  end
  keep(counter, sum)
  return live, sum
end

local function admits(cap, more, live, addresses, mine)
  if mine + more > cap.per_address then return false end
  if live + more <= cap.total then return true end
  local part = math.max(more, math.floor(cap.total / math.max(1, addresses)))
  return live + more <= 2 * cap.total and mine + more <= part
end

for _, i in ipairs({2, 4}) do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '(' .. ARGV[8], '+inf')
end
local live, live_bytes = count(KEYS[1], KEYS[5])
local mine, my_bytes = count(KEYS[3], KEYS[6])
local addresses, evicted = redis.call('ZCARD', KEYS[2]), ''
if redis.call('ZCARD', KEYS[4]) >= per_browser then
  evicted = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
  if redis.call('ZSCORE', KEYS[1], evicted) then
    live, live_bytes = live - 1, live_bytes - bytes_of(evicted)
  end
  if redis.call('ZSCORE', KEYS[3], evicted) then
    mine, my_bytes = mine - 1, my_bytes - bytes_of(evicted)
  end
end
if not admits(logins, 1, live, addresses, mine) or not admits(bytes, size, live_bytes, addresses, my_bytes) then
  return false
end
if evicted ~= '' then
  for _, i in ipairs({1, 3, 4}) do redis.call('ZREM', KEYS[i], evicted) end
end
local member = name .. ':' .. ARGV[5]
redis.call('ZADD', KEYS[1], ends, member)
redis.call('ZADD', KEYS[2], ends, share)
redis.call('ZADD', KEYS[3], ends, member)
redis.call('ZADD', KEYS[4], ends, member)
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], life) end
keep(KEYS[5], live_bytes + size)
keep(KEYS[6], my_bytes + size)
if KEYS[7] then
  redis.call('SET', KEYS[7], ARGV[13], 'PX', life)
  if ARGV[14] ~= '' and live + 1 <= tonumber(ARGV[16]) then redis.call('SET', KEYS[8], ARGV[14], 'PX', ARGV[15]) end
end
return string.format('%d', mine + 1) .. ' ' .. string.format('%d', live + 1) .. ' ' .. evicted
"""
"""`Cap.admits`, and the place of what is opened, in one step: between two workers no login slips past a cap.

An entry that would end later than one that begins now was counted while a worker's clock was ahead. It counts no more.
The script makes a sum of bytes anew if Redis has evicted it. It keeps the record, too, except in a cluster, where the
record is in another slot.
"""

_KEEP = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 1
"""
"""Both records of a login lie in one slot: they are written in one round trip."""

_USE = """
if not redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 0 end
redis.call('DEL', KEYS[2])
return 1
"""
"""Nonce and verifier have had their use, and go with it: a marker that could not be set leaves them for another try."""

_Record = TypeVar("_Record", PendingLogin, UsedLogin, KeptTarget, WaitingForm, SentForm, Round)


class RedisPendingStore:
    """A `PendingStore` on Redis of any deployment."""

    def __init__(  # noqa: PLR0913 (each cap has its name)
        self,
        redis: AnyRedis,
        secrets: Secrets,
        *,
        random: Callable[[int], bytes],
        timeout: float,
        prefix: str = "sekisho:",
        total: int = PENDING_IN_TOTAL,
        per_address: int = PENDING_PER_ADDRESS,
        per_browser: int = PENDING_PER_BROWSER,
        bytes_in_total: int = BYTES_IN_TOTAL,
        bytes_per_address: int = BYTES_PER_ADDRESS,
        life: float = PENDING_SECONDS,
        timed: Timed = untimed,
    ) -> None:
        """Take a client (`redis_client.make_redis`), which its maker closes.

        `timeout` is in seconds, for one command, and `timed` is told of each. `random(n)` returns n random bytes fit
        for a nonce. `life` is the lifetime of a login, in seconds.
        """
        self._life = life
        self._milliseconds = int(life * 1_000)
        self._timed = timed
        self._redis = redis
        self._secrets = secrets
        self._random = random
        self._timeout = timeout
        self._prefix = prefix
        self._logins = Cap(total, per_address)
        self._bytes = Cap(bytes_in_total, bytes_per_address)
        self._per_browser = per_browser

    async def open(self, state: str, login: PendingLogin, address: str, now: Instant) -> int:
        """See `PendingStore`."""
        name = state_name(state)
        record, target = self._seal(login, state, name), kept_target(login)
        day = b"" if target is None else self._seal(target, state, name)
        most = max(1, self._logins.total // TARGETS_UP_TO)
        apart = is_cluster(self._redis)
        admitted = await self._admit(
            "",
            name,
            (login.browser, bytes_of(login), address),
            now,
            self._life,
            () if apart else ((self._key("s", name), record), (self._key("t", name), day, _TARGET_MILLISECONDS, most)),
        )
        if admitted is None:
            return 0
        place, live, evicted = admitted
        if evicted:
            await self._ask("DEL", self._key("s", evicted))
        if apart:
            await self._keep(name, record, day if live <= most else b"")
        return place

    async def _admit(
        self,
        kind: str,
        name: str,
        by: tuple[str, int, str],
        now: Instant,
        life: float,
        records: tuple[tuple[str | bytes | float, ...], ...] = (),
    ) -> tuple[int, int, str] | None:
        """Count an entry in; return its place, how many live, and the name of the one that made room for it.

        `by`: its browser, its bytes and its address. Each of the `records` that are written with it begins with its
        key.
        """
        browser, size, address = by
        share = hmac.digest(
            self._secrets.first.value, b"sekisho.address.v1:" + sender_of(address).encode(), sha256
        ).hex()
        keys: list[str | bytes | float] = [
            self._index(f"{kind}live"),
            self._index(f"{kind}from"),
            self._index(f"{kind}of:{share[:32]}"),
            self._index(f"{kind}in:{browser}"),
            self._index(f"{kind}bytes"),
            self._index(f"{kind}bytes:{share[:32]}"),
            *(key for key, *_ in records),
        ]
        ends = now + life
        arguments: list[str | bytes | int | float] = [
            now,
            ends,
            name,
            share[:32],
            size,
            self._per_browser,
            int(life * 1_000),
            ends + CLOCKS_DIFFER,
            self._logins.total,
            self._logins.per_address,
            self._bytes.total,
            self._bytes.per_address,
            *(value for _, *values in records for value in values),
        ]
        admitted = await self._ask("EVAL", _ADMIT, len(keys), *keys, *arguments)
        if admitted is None:
            return None
        place, live, evicted = bytes_of_reply(admitted).decode("ascii", "replace").split(" ")
        return int(place), int(live), evicted.partition(":")[0]

    async def _keep(self, name: str, record: bytes, day: bytes) -> None:
        """Keep a login in a cluster, and its target for a day unless `day` is empty."""
        waits, target = self._key("s", name), self._key("t", name)
        if day:
            life = (self._milliseconds, day, _TARGET_MILLISECONDS)
            await self._ask("EVAL", _KEEP, 2, waits, target, record, *life)
        else:
            await self._ask("SET", waits, record, "PX", self._milliseconds)

    async def find(self, state: str, now: Instant) -> PendingLogin | UsedLogin | KeptTarget | None:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        name = state_name(state)
        # The marker second: `use` sets it before it removes the login, so one of the two is always seen.
        waiting, used = await self._ask_together(("GET", self._key("s", name)), ("GET", self._key("u", name)))
        if used is not None:
            return self._open(bytes_of_reply(used), state, name, UsedLogin)
        if waiting is not None:
            return self._open(bytes_of_reply(waiting), state, name, PendingLogin)
        target = await self._ask("GET", self._key("t", name))
        return None if target is None else self._open(bytes_of_reply(target), state, name, KeptTarget)

    async def use(self, state: str, login: PendingLogin, now: Instant) -> bool:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        name = state_name(state)
        marker = self._seal(UsedLogin(login.browser, login.host, login.return_to), state, name)
        won, _ = await self._ask_together(
            ("EVAL", _USE, 2, self._key("u", name), self._key("s", name), marker, self._milliseconds),
            # Without the win, too: another caller has won. The count keeps its place until it would have ended.
            ("ZREM", self._index(f"in:{login.browser}"), f"{name}:{bytes_of(login)}"),
        )
        return bool(won)

    async def waits(self, name: str) -> bool:
        """See `PendingStore`."""
        # By a command that every deployment's user has already.
        return await self._ask("GET", self._key("s", name)) is not None

    async def settle(
        self,
        state: str,
        used: UsedLogin,
        now: Instant,  # noqa: ARG002 (Redis has the clock)
        made: Round | None = None,
    ) -> None:
        """See `PendingStore`."""
        name = state_name(state)
        kept = self._seal(used, state, name)
        commands: list[Command] = [("SET", self._key("u", name), kept, "PX", self._milliseconds)]
        if made is not None and used.session_name is not None:
            sealed = self._seal(made, used.session_name, used.session_name)
            commands.append(("SET", self._key("r", used.session_name), sealed, "PX", self._milliseconds))
        await self._ask_together(*commands)

    async def find_round(self, session_name: str, now: Instant) -> Round | None:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        sealed = await self._ask("GET", self._key("r", session_name))
        return None if sealed is None else self._open(bytes_of_reply(sealed), session_name, session_name, Round)

    async def keep_form(self, form_id: str, form: WaitingForm, address: str, now: Instant) -> bool:
        """See `PendingStore`."""
        name, life = state_name(form_id), self._life * FORM_LIVES
        admitted = await self._admit("form:", name, (form.browser, bytes_of_form(form), address), now, life)
        if admitted is None:
            return False
        if admitted[2]:
            await self._ask("DEL", self._key("f", admitted[2]))
        await self._ask("SET", self._key("f", name), self._seal(form, form_id, name), "PX", int(life * 1_000))
        return True

    async def find_form(self, form_id: str, now: Instant) -> WaitingForm | SentForm | None:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        name = state_name(form_id)
        # The marker second, as in `find`.
        waiting, sent = await self._ask_together(("GET", self._key("f", name)), ("GET", self._key("g", name)))
        if sent is not None:
            return self._open(bytes_of_reply(sent), form_id, name, SentForm)
        return None if waiting is None else self._open(bytes_of_reply(waiting), form_id, name, WaitingForm)

    async def change_form(self, form_id: str, form: WaitingForm) -> None:
        """See `PendingStore`."""
        name = state_name(form_id)
        await self._ask("SET", self._key("f", name), self._seal(form, form_id, name), "KEEPTTL", "XX")

    async def send_form(self, form_id: str, form: WaitingForm, now: Instant) -> bool:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        name = state_name(form_id)
        marker = self._seal(SentForm(form.browser, form.host, form.target), form_id, name)
        life = int(self._life * FORM_LIVES * 1_000)
        if await self._ask("SET", self._key("g", name), marker, "PX", life, "NX") is None:
            return False
        await self._ask("DEL", self._key("f", name))
        return True

    async def spend(self, name: str, now: Instant) -> bool:  # noqa: ARG002 (Redis has the clock)
        """See `PendingStore`."""
        return await self._ask("SET", self._spent(name), b"", "PX", _SPENT_MILLISECONDS, "NX") is not None

    async def unspend(self, name: str) -> None:
        """See `PendingStore`."""
        await self._ask("DEL", self._spent(name))

    async def _ask(self, *command: str | bytes | float) -> bytes | int | None:
        reply: bytes | int | None
        (reply,) = await self._ask_together(command)
        return reply

    async def _ask_together(self, *commands: Command) -> list[Any]:
        async with asking(self._timeout, self._timed):
            replies = await send_together(self._redis, commands)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        return replies

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}l:{kind}:{{{name}}}"

    def _spent(self, name: str) -> str:
        return self._key("x", sha256(b"sekisho.spent.v1:" + name.encode()).hexdigest())

    def _index(self, name: str) -> str:
        return f"{self._prefix}l:{{login}}:{name}"

    def _seal(
        self, record: PendingLogin | UsedLogin | KeptTarget | WaitingForm | SentForm | Round, opener: str, name: str
    ) -> bytes:
        packed = msgspec.msgpack.encode(record)
        secret, nonce = self._secrets.first, self._random(NONCE_BYTES)
        key, bound_to = _derived(secret, opener), _context(record.__class__, name)
        return secret.id.encode() + close_box(key, nonce, packed, bound_to, padding=_PADDING)

    def _open(self, sealed: bytes, opener: str, name: str, kind: type[_Record]) -> _Record | None:
        """Return a record; None if we did not write it for this name, so that it is no login."""
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


def _derived(secret: Secret, opener: str) -> bytes:
    return secret.derived(b"sekisho.pending.v1:" + opener.encode())


def _context(kind: type, name: str) -> bytes:
    """The bytes that a record is bound to, so that none can be taken for another's, or for another kind."""
    return f"sekisho.pending.v1:{kind.__name__}:{name}".encode()
