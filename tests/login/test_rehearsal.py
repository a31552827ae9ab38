from __future__ import annotations

import os
from typing import Any

import pytest

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.pending import PENDING_PER_BROWSER, PendingLogin
from gateway.login.rehearsal import rehearse
from gateway.session.memory_store import MemoryStore
from gateway.session.session import AllSessions
from tests.builders import NOON

STEPS = ("open", "find", "spend", "unspend")
SESSION_STEPS = ("check", "create", "find", "delete")


def memory() -> MemoryStore:
    return MemoryStore(idle=1800.0, clock=lambda: NOON, monotonic=lambda: 0.0)


class Refusing:
    """A store that refuses one command, as Redis does to a user without the right."""

    def __init__(self, store: object, refused: str) -> None:
        self._store = store
        self._refused = refused

    def __getattr__(self, name: str) -> Any:
        if name == self._refused:
            raise StoreUnavailableError(StoreFault.REFUSED)
        return getattr(self._store, name)


async def test_nothing_is_left_of_it() -> None:
    """Both stores have taken it, and no session stays: nobody is counted who is not there."""
    sessions = memory()

    await rehearse(MemoryPendingStore(), sessions, NOON, os.urandom)

    assert [listed async for listed in sessions.sessions(AllSessions())] == []


@pytest.mark.parametrize("step", STEPS)
async def test_a_store_of_pending_logins_that_refuses_a_step_is_found_out(step: str) -> None:
    """Each command that a sign-in gives is given."""
    pending: Any = Refusing(MemoryPendingStore(), step)

    with pytest.raises(StoreUnavailableError):
        await rehearse(pending, memory(), NOON, os.urandom)


@pytest.mark.parametrize("step", SESSION_STEPS)
async def test_a_store_of_sessions_that_refuses_a_step_is_found_out(step: str) -> None:
    """Each command that a sign-in and a sign-out give is given."""
    sessions: Any = Refusing(memory(), step)

    with pytest.raises(StoreUnavailableError):
        await rehearse(MemoryPendingStore(), sessions, NOON, os.urandom)


async def test_the_probes_of_a_fleet_fill_no_cap() -> None:
    """Hundreds take the room of one browser, and a person who comes by a proxy on this machine can still begin."""
    pending = MemoryPendingStore(total=PENDING_PER_BROWSER + 1, per_address=PENDING_PER_BROWSER + 1)
    for _ in range(300):
        await rehearse(pending, memory(), NOON, os.urandom)

    login = PendingLogin("hers", "app.gw.test", "client", "n", "v", "/", "p/r", (), NOON)
    assert await pending.open("s" * 43, login, "127.0.0.1", NOON)


async def test_a_store_that_is_full_is_well() -> None:
    """It refuses more pending logins by its caps, which is counted elsewhere."""
    await rehearse(MemoryPendingStore(total=0, per_address=0), memory(), NOON, os.urandom)
