"""A store of accounts as it would be after changes that are not made: a rehearsal on another store's state.

The same code changes it as changes the other one, row after row. It reads the other store and writes nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from gateway.accounts.changes import Change, Kept
from gateway.accounts.kept_accounts import KeptAccounts
from gateway.accounts.memory_accounts import MemoryAccounts

_Outcome = TypeVar("_Outcome")


class ForeseenAccounts(MemoryAccounts):
    """Accounts of another store, with changes that stay here. Attempts are not among them."""

    def __init__(self, real: KeptAccounts) -> None:
        """Begin with the state of another store."""
        super().__init__()
        self._real = real
        self._taken: set[tuple[str, str]] = set()
        """The accounts that are read from here: App, and folded name."""

    async def read(self, app: str, names: Sequence[str]) -> Mapping[str, Kept]:
        """See `KeptAccounts`."""
        there = await self._real.read(app, [name for name in names if (app, name) not in self._taken])
        return {**there, **await super().read(app, [name for name in names if (app, name) in self._taken])}

    async def alter(
        self, app: str, folded: str, change: Callable[[Kept | None], Change[_Outcome]]
    ) -> tuple[_Outcome, bool]:
        """See `KeptAccounts`."""
        if (app, folded) not in self._taken:
            self._kept[app].update(await self._real.read(app, [folded]))
            self._taken.add((app, folded))
        return await super().alter(app, folded, change)

    async def named(self, app: str, marks: Sequence[str]) -> Sequence[str]:
        """See `KeptAccounts`."""
        there = [name for name in await self._real.named(app, marks) if (app, name) not in self._taken]
        return [*there, *await super().named(app, marks)]
