"""Opens the store of accounts that an App's settings name."""

from __future__ import annotations

from pathlib import Path

from gateway.accounts.accounts import AccountStore
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.redis_accounts import RedisAccounts
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings

_FILE = "sqlite:"


def open_account_store(settings: AccountStoreSettings, keys: Secrets, options: RedisOptions) -> AccountStore:
    """Return the store. It connects, or opens its file, when first asked.

    Raises:
        ValueError: the options contradict the URL.

    """
    if settings.url == "memory":
        return MemoryAccounts()
    if settings.url.startswith(_FILE):
        # A gateway that keeps no accounts in a file has no use for this library.
        from gateway.accounts.sqlite_accounts import SqliteAccounts  # noqa: PLC0415

        return SqliteAccounts(Path(settings.url.removeprefix(_FILE)), keys)
    redis = make_redis(parse_redis_url(settings.url), options)
    return RedisAccounts(redis, keys, timeout=options.timeout)
