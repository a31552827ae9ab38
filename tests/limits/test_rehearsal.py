"""The rehearsal of a limited request: every command of an entry, and nothing left behind."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pytest

from gateway.errors import StoreFault, StoreUnavailableError, UnfitLimitStoreError
from gateway.instant import Instant
from gateway.limits.limits import Entry, LimitUse, Settlement
from gateway.limits.memory_limits import MemoryLimits
from gateway.limits.rehearsal import rehearse

NOW = 1_795_402_800.0
COMMANDS = ("check", "reserve", "renew", Settlement.COUNT, Settlement.GIVE_BACK, "cancel", "operator")


class Store(MemoryLimits):
    """A store that notes its commands, and fails at one of them."""

    def __init__(self, fails_at: str = "", error: Exception | None = None) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.codes: set[str] = set()
        self._fails_at, self._error = fails_at, error

    def _note(self, command: str) -> None:
        self.asked.append(command)
        if command == self._fails_at and self._error is not None:
            raise self._error

    async def check(self) -> None:
        self._note("check")

    async def reserve(self, use: LimitUse, entry: str, now: Instant) -> bool:
        self._note("reserve")
        self.codes.add(use.code)
        return await super().reserve(use, entry, now)

    async def renew(self, use: LimitUse, entry: str, now: Instant) -> bool:
        self._note("renew")
        return await super().renew(use, entry, now)

    async def settle(self, use: LimitUse, entry: str, settlement: Settlement, now: Instant, name: str = "") -> None:
        self._note(settlement)
        await super().settle(use, entry, settlement, now, name)

    async def cancel(self, use: LimitUse, name: str, before: Instant, now: Instant) -> bool:
        self._note("cancel")
        return await super().cancel(use, name, before, now)

    async def give_back(self, entry: Entry) -> bool:
        self._note("operator")
        return await super().give_back(entry)


async def left_in(store: Store) -> Sequence[Entry]:
    """Return what is kept for the persons of a rehearsal."""
    return [entry for code in store.codes for entry in await store.show(code, NOW)]


async def test_each_command_of_an_entry_is_given_and_nothing_stays() -> None:
    """However often it is asked, no entry is left that an operator would wonder about."""
    store = Store()

    for _ in range(3):
        await rehearse(store, NOW, secrets.token_bytes)

    assert {"check", "reserve", "renew", Settlement.COUNT, Settlement.GIVE_BACK, "cancel", "operator"} == set(
        store.asked
    )
    assert len(store.codes) == 3
    assert await left_in(store) == []


@pytest.mark.parametrize(
    "command", ["check", "reserve", "renew", Settlement.COUNT, Settlement.GIVE_BACK, "cancel", "operator"]
)
@pytest.mark.parametrize(
    "error", [StoreUnavailableError(StoreFault.REFUSED), UnfitLimitStoreError("it evicts", "set it to `noeviction`")]
)
async def test_a_command_that_fails_is_the_answer(command: str, error: Exception) -> None:
    """No later command hides it."""
    store = Store(command, error)

    with pytest.raises(type(error)):
        await rehearse(store, NOW, secrets.token_bytes)

    assert store.asked[-1] == command
