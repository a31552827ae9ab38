"""Checks Redis's configuration once at start, for settings that lose sessions or keep them too long.

The gateway refuses none of them, since a managed Redis may hide its configuration. Each is told
once a start, and by `sekisho doctor`. `RedisStore.check` asks whether Redis answers now.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from redis.asyncio import RedisCluster

from gateway.errors import StoreUnavailableError
from gateway.redis_client import AnyRedis, Kind, RedisUrl, asking


class SetupWarning(StrEnum):
    """One way Redis is set up that an operator should know of."""

    EVICTS = "evicts"
    SINGLE = "no_replica_required"
    UNTOLD = "settings_untold"

    @property
    def words(self) -> str:
        """Its meaning, and the remedy."""
        return _WORDS[self]


_WORDS = {
    SetupWarning.EVICTS: (
        "`maxmemory-policy` evicts sessions when memory is full, so that load signs people out: "
        "use `noeviction` and an alert on `used_memory`"
    ),
    SetupWarning.SINGLE: (
        "`min-replicas-to-write` is 0, so that a primary cut off from its replicas still accepts sign-outs and "
        "revocations that a failover forgets: set it to 1, and `min-replicas-max-lag` to a few seconds"
    ),
    SetupWarning.UNTOLD: (
        "`CONFIG GET` is not allowed, so eviction and replicas could not be checked: see docs/sessions.md"
    ),
}


async def setup_warnings(redis: AnyRedis, url: RedisUrl, seconds: float) -> tuple[SetupWarning, ...]:
    """Ask Redis how it is set up.

    Raises:
        StoreUnavailableError: it does not answer at all.

    """
    target: dict[str, Any] = {"target_nodes": RedisCluster.DEFAULT_NODE} if isinstance(redis, RedisCluster) else {}
    try:
        async with asking(seconds):
            found = await redis.execute_command("CONFIG GET", "m*", **target)
    except StoreUnavailableError:
        async with asking(seconds):
            await redis.execute_command("GET", "sekisho:check")
        return (SetupWarning.UNTOLD,)
    settings = {_text(name): _text(value) for name, value in found.items()}
    warnings: list[SetupWarning] = []
    if settings.get("maxmemory", "0") != "0" and settings.get("maxmemory-policy") != "noeviction":
        warnings.append(SetupWarning.EVICTS)
    if url.kind is Kind.SENTINEL and settings.get("min-replicas-to-write", "0") == "0":
        warnings.append(SetupWarning.SINGLE)
    return tuple(warnings)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
