"""Commands to a Redis that must neither evict nor forget, and the look whether it does.

With replicas, a write is answered for once one of them has it (`WAIT 1`). On a Cluster we do not wait, and
`min-replicas-to-write` bounds the loss of a failover.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from gateway.errors import GatewayError, StoreFault, StoreUnavailableError
from gateway.instant import Instant
from gateway.redis_client import POOL, AnyRedis, Timed, asking, is_cluster, number_of_reply, untimed

WAIT_MILLISECONDS = 500
"""Seconds in which a replica must acknowledge a write."""

CHECK_EVERY = 60.0
"""Seconds after which a write looks again whether the store is fit, and whether it has replicas: a failover changes
both without a notice."""


class DurableRedis:
    """A Redis that remembers, or is refused."""

    def __init__(
        self,
        redis: AnyRedis,
        unfit: Callable[[str, str], GatewayError],
        *,
        timeout: float,
        timed: Timed = untimed,
    ) -> None:
        """Take a client, and the error for a Redis that may forget; `timeout` in seconds a command."""
        self._redis = redis
        self._unfit = unfit
        self._timeout = timeout
        self._timed = timed
        self._replicas = False
        self._checked_at: Instant | None = None
        self._looking = asyncio.Lock()
        # Sentinel's and Cluster's pools do not wait for a free connection, they fail.
        self._turn = asyncio.Semaphore(POOL)

    async def look_again(self, now: Instant) -> None:
        """Check the store if it was not checked for a while.

        Raises:
            StoreUnavailableError: it is away, or may forget.

        """
        async with self._looking:
            if self._checked_at is not None and 0 <= now - self._checked_at < CHECK_EVERY:
                return
            try:
                await self.check()
            except StoreUnavailableError:
                raise
            except GatewayError as unfit:
                raise StoreUnavailableError(StoreFault.REFUSED) from unfit
            self._checked_at = now

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AnyRedis]:
        """Limit the commands inside to the time of one, and have them wait for a connection."""
        async with asking(self._timeout, self._timed), self._turn:
            yield self._redis

    async def run(self, script: str, keys: tuple[str, ...], *arguments: str | bytes | float) -> int:
        """Run a script on keys of one slot, and return the number that it replies."""
        async with asking(self._timeout, self._timed), self._turn:
            answer: Any = await self._redis.eval(script, len(keys), *keys, *arguments)
            return int(answer)
        raise AssertionError("unreachable")

    async def write(self, script: str, keys: tuple[str, ...], *arguments: str | bytes | float) -> int:
        """Run a script that returns 0 if it wrote nothing, and wait for a replica if there is one.

        Raises:
            StoreUnavailableError: also where the primary has it and no replica: no caller is told that it is durable.

        """
        if not self._replicas or is_cluster(self._redis):
            return await self.run(script, keys, *arguments)
        # WAIT speaks of what its own connection has written, so both go down the same one.
        seconds = self._timeout + WAIT_MILLISECONDS / 1000
        async with asking(seconds, self._timed), self._turn, self._redis.pipeline(transaction=False) as pipe:
            pipe.eval(script, len(keys), *keys, *arguments)
            pipe.execute_command("WAIT", 1, WAIT_MILLISECONDS)
            done, seen = await pipe.execute()
        if int(done) and int(seen) < 1:
            raise StoreUnavailableError(StoreFault.TOO_FEW_REPLICAS)
        return int(done)

    async def check(self) -> None:
        """Return if the store will remember; also learns whether there are replicas to wait for.

        Raises:
            GatewayError: the error for a Redis that may forget.

        """
        async with asking(self._timeout, self._timed), self._turn:
            memory = await self._info("memory")
            persistence = await self._info("persistence")
            replication = await self._info("replication")
        for node, facts in memory.items():
            policy = facts.get("maxmemory_policy")
            if policy != "noeviction":
                raise self._unfit(f"`maxmemory-policy` is `{policy}`", "set it to `noeviction`")
            kept = persistence.get(node, {})
            if not number_of_reply(kept.get("aof_enabled", 0)) and not await self._saves():
                raise self._unfit("neither AOF nor snapshots are on", "set `appendonly yes`")
            if kept.get("aof_last_write_status", "ok") != "ok" or kept.get("rdb_last_bgsave_status", "ok") != "ok":
                raise self._unfit("its last write to disk failed", "check its disk")
        self._replicas = any(number_of_reply(facts.get("connected_slaves", 0)) > 0 for facts in replication.values())

    async def _info(self, section: str) -> dict[str, dict[str, Any]]:
        """Return INFO of each node; one node is its own only one."""
        answer: dict[str, Any] = await self._redis.info(section)
        if all(isinstance(value, dict) for value in answer.values()) and answer:
            return answer
        return {"": answer}

    async def _saves(self) -> bool:
        """Say whether snapshots are on; if CONFIG is forbidden, they count as off."""
        try:
            async with asking(self._timeout):
                answer: Any = await self._redis.config_get("save")
        except StoreUnavailableError:
            return False
        return bool(answer.get("save"))
