from __future__ import annotations

import asyncio

import pytest

from gateway.errors import StoreUnavailableError
from gateway.observe.system_waits import measured, waiting_for_others
from gateway.redis_client import asking

PAUSE = 0.05


async def waits(seconds: float = PAUSE) -> None:
    with waiting_for_others():
        await asyncio.sleep(seconds)


async def test_only_the_time_of_others_is_counted() -> None:
    """The rule holds in a task that the work has begun, and whether the wait ends well or not."""
    with measured() as counted:
        await waits()
        await asyncio.create_task(waits())
        await asyncio.sleep(PAUSE)
        before_the_store = counted.seconds
        with pytest.raises(StoreUnavailableError):
            async with asking(PAUSE):
                await asyncio.Event().wait()

    assert before_the_store >= 2 * PAUSE * 0.9
    assert counted.seconds >= before_the_store + PAUSE * 0.9


async def test_two_works_at_the_same_time_have_a_sum_each() -> None:
    """Nobody counts where nobody asked for it."""

    async def work(seconds: float) -> float:
        with measured() as counted:
            await waits(seconds)
        return counted.seconds

    short, long = await asyncio.gather(work(PAUSE), work(4 * PAUSE))
    await waits()

    assert PAUSE * 0.9 <= short < long
    assert long >= 4 * PAUSE * 0.9
