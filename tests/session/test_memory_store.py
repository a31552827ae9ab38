"""The memory store's parts beyond the contract: it is its own reader, and its own sweeper."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import msgspec
import pytest

from gateway.session.memory_store import MemoryStore
from gateway.session.session import Found, Gone
from gateway.session.ticket import Ticket, new_ticket
from tests.builders import NOON, session

IDLE = 1_800.0


class Clocks:
    """A wall clock and one that never steps, both moved by the test."""

    def __init__(self) -> None:
        self.wall = NOON
        self.steady = 0.0

    def pass_by(self, seconds: float) -> None:
        """Let time pass on both."""
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks() -> Clocks:
    """Both clocks."""
    return Clocks()


@pytest.fixture
async def store(clocks: Clocks) -> AsyncIterator[MemoryStore]:
    """An empty store."""
    store = MemoryStore(idle=IDLE, clock=lambda: clocks.wall, monotonic=lambda: clocks.steady)
    yield store
    await store.close()


def ticket() -> Ticket:
    """A ticket nobody had before."""
    return new_ticket(os.urandom(32))


async def test_it_always_knows(store: MemoryStore) -> None:
    """There is nothing to load: a look says found or gone."""
    mine = ticket()
    await store.create(mine, session())

    assert isinstance(store.peek(mine, NOON), Found)
    assert store.peek(ticket(), NOON) == Gone()
    assert await store.load(mine, NOON) is store.peek(mine, NOON)
    assert await store.load(ticket(), NOON) == Gone()


async def test_each_request_restarts_the_idle_clock(store: MemoryStore, clocks: Clocks) -> None:
    """Silence ends it; use within the idle time does not."""
    mine = ticket()
    await store.create(mine, session())
    for _ in range(3):
        clocks.pass_by(IDLE - 1)
        assert isinstance(store.peek(mine, clocks.wall), Found)

    clocks.pass_by(IDLE)

    assert store.peek(mine, clocks.wall) == Gone()


async def test_a_changed_wall_clock_silences_nobody(store: MemoryStore, clocks: Clocks) -> None:
    """An hour's step of the wall clock is no hour of silence."""
    mine = ticket()
    await store.create(mine, session())

    clocks.wall += 3_600

    assert isinstance(store.peek(mine, clocks.wall), Found)


async def test_streams_are_cut_with_their_session(store: MemoryStore, clocks: Clocks) -> None:
    """By sign-out, and by the sweep that a clock's end needs."""
    cut: list[str] = []
    out, silent, closed = ticket(), ticket(), ticket()
    for one in (out, silent, closed):
        await store.create(one, session())
    store.watch(out, lambda: cut.append("out"))
    store.watch(silent, lambda: cut.append("silent"))
    store.watch(closed, lambda: cut.append("closed")).cancel()

    await store.delete(out)
    assert cut == ["out"]
    clocks.pass_by(IDLE + 1)
    store.sweep()

    assert cut == ["out", "silent"]
    assert len(store) == 0


async def test_streams_go_over_to_the_same_subject_alone(store: MemoryStore) -> None:
    """A step-up keeps them; the next person cuts them."""
    cut: list[str] = []
    first, second, third = ticket(), ticket(), ticket()
    mine = session()
    theirs = msgspec.structs.replace(mine, identity=msgspec.structs.replace(mine.identity, subject="someone-else"))
    await store.create(first, mine)
    store.watch(first, lambda: cut.append("cut"))

    await store.replace(first, second, mine)
    assert cut == []
    await store.replace(second, third, theirs)

    assert cut == ["cut"]


async def test_a_stream_of_nobody_is_cut_at_once(store: MemoryStore) -> None:
    """The session may have ended between the decision and the tunnel."""
    cut: list[str] = []

    store.watch(ticket(), lambda: cut.append("cut"))

    assert cut == ["cut"]


async def test_who_never_comes_back_takes_no_memory(store: MemoryStore, clocks: Clocks) -> None:
    """A new sign-in sweeps out what the clocks have ended, with names and marks."""
    for _ in range(100):
        await store.create(ticket(), session())
    clocks.pass_by(IDLE + 1)

    await store.create(ticket(), msgspec.structs.replace(session(), created_at=clocks.wall))

    assert len(store) == 1
