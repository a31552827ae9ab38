"""The rehearsal at a store of accounts: every command of a link, and nothing left behind."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.rehearsal import rehearse_accounts
from gateway.accounts.sqlite_accounts import SqliteAccounts
from gateway.errors import UnfitAccountStoreError
from gateway.session.seal import Secrets

NOW = 1_800_000_000.0


async def test_a_rehearsal_leaves_nothing_behind() -> None:
    """The doctor may ask as often as an operator likes."""
    store = MemoryAccounts()

    for _ in range(3):
        await rehearse_accounts(store, NOW, secrets.token_bytes)

    assert not any(store._kept.values())
    assert not any(store._attempts.values())


async def test_an_unfit_store_is_found(tmp_path: Path) -> None:
    """Before a person meets it."""
    file = tmp_path / "accounts.db"
    file.touch()
    file.chmod(0o644)
    store = SqliteAccounts(file, Secrets.parse("0123456789abcdef" * 4))

    with pytest.raises(UnfitAccountStoreError):
        await rehearse_accounts(store, NOW, secrets.token_bytes)

    await store.close()
