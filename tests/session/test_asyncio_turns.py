from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import StoreUnavailableError
from gateway.redis_client import SECOND_LOOK, asking
from gateway.session.asyncio_turns import AWAY_AT_ONCE, LONGEST_LINE, Turns

PATIENCE = 30.0


@asynccontextmanager
async def taken(turns: Turns, patience: float = PATIENCE) -> AsyncIterator[None]:
    await turns.take(patience)
    try:
        yield
    finally:
        turns.give_back()


async def queued(turns: Turns, number: int, order: list[int], patience: float = PATIENCE) -> None:
    async with taken(turns, patience):
        order.append(number)


def stand_still_for(seconds: float) -> None:
    """Keep the loop from everything else, as a collection of garbage does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_turns_come_in_their_order() -> None:
    """The first in the line gets the next turn, and no more are in than there are turns."""
    turns, order = Turns(1), list[int]()
    async with taken(turns):
        waiting = [asyncio.create_task(queued(turns, number, order)) for number in range(5)]
        await settle()
        assert order == []
    await asyncio.gather(*waiting)

    assert order == [0, 1, 2, 3, 4]


async def test_a_full_line_turns_away_at_once() -> None:
    """A caller that could not come in time anyway does not wait for that."""
    turns, order = Turns(1), list[int]()
    async with taken(turns):
        waiting = [asyncio.create_task(queued(turns, number, order)) for number in range(LONGEST_LINE)]
        await settle()
        with pytest.raises(StoreUnavailableError):
            await turns.take(PATIENCE)
    await asyncio.gather(*waiting)

    assert len(order) == LONGEST_LINE


async def test_patience_ends_for_a_few_at_a_time() -> None:
    """Hundreds lose it in one moment; between the groups others get the loop, and the line is empty afterwards."""
    turns, order, ticks = Turns(1), list[int](), 0
    crowd = 10 * AWAY_AT_ONCE
    async with taken(turns):
        waiting = [asyncio.create_task(queued(turns, number, order, 0.01)) for number in range(crowd)]
        done = asyncio.gather(*waiting, return_exceptions=True)
        left = []
        while not done.done():
            await asyncio.sleep(0)
            left.append(sum(not task.done() for task in waiting))
            ticks += 1
        outcomes = await done
    steps = [before - after for before, after in itertools.pairwise(left)]

    assert {type(outcome) for outcome in outcomes} == {StoreUnavailableError}
    assert max(steps) <= AWAY_AT_ONCE
    async with taken(turns):
        order.append(1)
    assert order == [1]


async def test_a_caller_that_goes_away_keeps_no_turn() -> None:
    """Neither while it waits, nor when its turn comes in the same moment."""
    turns, order = Turns(1), list[int]()
    async with taken(turns):
        gone = [asyncio.create_task(queued(turns, number, order)) for number in range(3)]
        await settle()
        gone[0].cancel()
        await settle()
    # Its turn has been given to the next one, which is cancelled before it runs.
    gone[1].cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    async with taken(turns):
        order.append(9)

    assert order in ([2, 9], [1, 2, 9])


async def test_a_pause_of_the_loop_is_no_silence_of_the_store() -> None:
    """An answer that arrived while the loop stood still is read, although its time is over."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    theirs.sendall(b"+PONG\r\n")

    async def pause_of_the_loop() -> None:
        stand_still_for(0.3)

    pause = asyncio.create_task(pause_of_the_loop())
    async with asking(0.1):
        answer = await reader.readline()
    await pause
    writer.close()
    theirs.close()

    assert answer == b"+PONG\r\n"


async def test_silence_of_the_store_ends_in_time() -> None:
    """The rule holds where the loop stood still as well: the second look is short, and the last."""

    async def silence(pause: float) -> None:
        async with asking(0.05):
            await asyncio.sleep(0)
            stand_still_for(pause)
            await asyncio.sleep(PATIENCE)

    began = time.monotonic()
    for pause in (0.0, 0.2):
        with pytest.raises(StoreUnavailableError):
            await silence(pause)

    assert time.monotonic() - began < SECOND_LOOK + PATIENCE / 2
