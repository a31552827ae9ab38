"""Checks Redis's configuration once at start, for settings that lose sessions or keep them too long.

The gateway refuses none of them, since a managed Redis may hide its configuration. Each is told
once a start, and by `sekisho doctor`. `RedisStore.check` asks whether Redis answers now.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    OLD = "too_old"

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
    SetupWarning.OLD: (
        "this Redis is older than 7.0, the oldest version that knows each command of ours: "
        "`sekisho limits` and `sekisho subjects` fail there"
    ),
}


OLDEST = (7, 0)
"""The oldest Redis that works: the store of limits asks with `PEXPIRETIME` when an entry is forgotten."""


async def setup_warnings(redis: AnyRedis, url: RedisUrl, seconds: float) -> tuple[SetupWarning, ...]:
    """Ask Redis how it is set up.

    Raises:
        StoreUnavailableError: it does not answer at all.

    """
    target: dict[str, Any] = {"target_nodes": RedisCluster.DEFAULT_NODE} if isinstance(redis, RedisCluster) else {}
    try:
        async with asking(seconds):
            found = await redis.execute_command("CONFIG GET", "m*", **target)
            server = await redis.info("server", **target)
    except StoreUnavailableError:
        async with asking(seconds):
            await redis.execute_command("GET", "sekisho:check")
        return (SetupWarning.UNTOLD,)
    settings = {_text(name): _text(value) for name, value in found.items()}
    warnings: list[SetupWarning] = [SetupWarning.OLD] if is_too_old(server) else []
    if settings.get("maxmemory", "0") != "0" and settings.get("maxmemory-policy") != "noeviction":
        warnings.append(SetupWarning.EVICTS)
    if url.kind is Kind.SENTINEL and settings.get("min-replicas-to-write", "0") == "0":
        warnings.append(SetupWarning.SINGLE)
    return tuple(warnings)


def is_too_old(server: Mapping[str, Any]) -> bool:
    """Say whether the server section of INFO names a version before the oldest that works; Valkey names Redis's too."""
    numbers = [int(part) for part in str(server.get("redis_version", "")).split(".") if part.isdigit()]
    return bool(numbers) and tuple(numbers[:2]) < OLDEST


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
