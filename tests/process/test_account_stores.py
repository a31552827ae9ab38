"""The store that an App's settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.accounts.accounts import Account
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.redis_accounts import RedisAccounts
from gateway.process.account_stores import open_account_store
from gateway.redis_client import RedisOptions
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings

KEYS = Secrets.parse("0123456789abcdef" * 4)


def test_memory_is_for_one_worker() -> None:
    """The check of the settings says so; here it is the store in memory."""
    assert isinstance(open_account_store(AccountStoreSettings("memory"), KEYS, RedisOptions()), MemoryAccounts)


async def test_a_path_is_a_file(tmp_path: Path) -> None:
    """Made when it is first used."""
    file = tmp_path / "accounts.db"
    store = open_account_store(AccountStoreSettings(f"sqlite:{file}"), KEYS, RedisOptions())
    assert not file.is_file()

    await store.put(Account("booking", "tanaka"))

    assert file.is_file()
    await store.close()


async def test_a_url_is_a_redis() -> None:
    """Of every form that limits have; it connects when first used."""
    store = open_account_store(AccountStoreSettings("redis://127.0.0.1:1/3"), KEYS, RedisOptions())

    assert isinstance(store, RedisAccounts)
    await store.close()
    with pytest.raises(ValueError, match="TLS"):
        open_account_store(AccountStoreSettings("redis://127.0.0.1:1"), KEYS, RedisOptions(ca=Path("/ca.pem")))
