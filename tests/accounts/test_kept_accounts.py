"""The part of a store that all technologies share; `tests/contracts/test_account_store.py` holds it whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gateway.accounts import changes
from gateway.accounts.accounts import Account, Evidence
from gateway.accounts.changes import Change, Kept
from gateway.accounts.marks import Marks
from gateway.accounts.memory_accounts import MemoryAccounts

_Outcome = TypeVar("_Outcome")

NOW = 1_800_000_000.0
ANNA = Marks(("key2-anna", "key1-anna"))
OLD_ANNA = Marks(("key1-anna",))


class Racing(MemoryAccounts):
    """A store in which another worker ends a link between a look and the change that follows it."""

    async def alter(
        self, app: str, folded: str, change: Callable[[Kept | None], Change[_Outcome]]
    ) -> tuple[_Outcome, bool]:
        """See `KeptAccounts`."""
        if self._kept[app].get(folded) is not None:
            await super().alter(app, folded, lambda kept: changes.unlink(kept, ANNA))
        return await super().alter(app, folded, change)


async def test_a_link_that_ends_meanwhile_is_not_found() -> None:
    """A person's move to another key brings no link back that the counter has ended."""
    store = Racing()
    await store.link(Account("booking", "tanaka"), OLD_ANNA, Evidence.PROOF, NOW)

    assert await store.find("booking", ANNA) == ()
    assert await store.find("booking", OLD_ANNA) == ()


async def test_a_name_without_a_record_is_passed_over() -> None:
    """An index may be ahead of its records for a moment."""
    store = MemoryAccounts()
    await store.link(Account("booking", "tanaka"), ANNA, Evidence.PROOF, NOW)

    class Ahead(MemoryAccounts):
        async def named(self, app: str, marks: object) -> list[str]:
            del app, marks
            return ["gone", "tanaka"]

    ahead = Ahead()
    ahead._kept = store._kept

    assert [held.account.name for held in await ahead.find("booking", ANNA)] == ["tanaka"]
