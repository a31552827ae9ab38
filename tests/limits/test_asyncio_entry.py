"""An entry of a limit, from the reservation to the answer."""

import asyncio
from typing import Any, cast

from gateway.limits.asyncio_entry import CancelledEntry, ReservedEntry
from gateway.limits.limits import AnswerWords, Cancellation, LimitStore, LimitUse, Settlement
from gateway.limits.memory_limits import MemoryLimits
from gateway.policy.verdict import GivesBack, Limit, Once
from tests.builders import NOON

USE = LimitUse(policy="p", limit="once", period="2026-11-23", code="c", times=1, forget_at=NOON)


class _Breaking:
    """A store whose client breaks in a way that nobody thought of."""

    async def settle(self, *_: Any) -> None:
        """Fail."""
        raise KeyError("a node the library has forgotten")

    async def cancel(self, *_: Any) -> bool:
        """Fail."""
        raise KeyError("a node the library has forgotten")


async def test_an_answer_does_not_wait_for_a_store_that_breaks() -> None:
    """The application has done what it was asked; its answer is handed over, and the entry stays counted."""
    entry = ReservedEntry(cast("LimitStore", _Breaking()), USE, "request", lambda: NOON)

    async with asyncio.timeout(3):
        await entry.settle(Settlement.GIVE_BACK)


CANCELLED = GivesBack(Limit("once", Once.DAY, frozenset({303})), frozenset({303}), "/cancelled")
YES, NO = AnswerWords(303, "/cancelled"), AnswerWords(200, None)


async def test_a_cancellation_is_told_with_its_outcome() -> None:
    """An entry that was there before the request is given back; the next time there is none."""
    store = MemoryLimits()
    await store.reserve(USE, "a", NOON - 5)
    await store.settle(USE, "a", Settlement.COUNT, NOON - 5)
    told: list[Cancellation] = []
    entry = CancelledEntry(store, USE, CANCELLED, lambda: NOON, told.append)

    await entry.settle_by(NO)
    entry.settle_soon(Settlement.GIVE_BACK)
    await entry.settle_by(YES)
    await entry.settle_by(YES)

    assert told == [Cancellation.GIVEN_BACK, Cancellation.NONE]


async def test_a_cancelling_answer_does_not_wait_for_a_store_that_breaks() -> None:
    """The application has cancelled; its answer is handed over, and an operator can give the entry back."""
    told: list[Cancellation] = []
    entry = CancelledEntry(cast("LimitStore", _Breaking()), USE, CANCELLED, lambda: NOON, told.append)

    async with asyncio.timeout(3):
        await entry.settle_by(YES)

    assert told == [Cancellation.UNSETTLED]
