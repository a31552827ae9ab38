"""An entry of a limit, from the reservation to the answer."""

import asyncio
from typing import Any, cast

from gateway.limits.asyncio_entry import ReservedEntry
from gateway.limits.limits import LimitStore, LimitUse, Settlement
from tests.builders import NOON

USE = LimitUse(policy="p", limit="once", period="2026-11-23", code="c", times=1, forget_at=NOON)


class _Breaking:
    """A store whose client breaks in a way that nobody thought of."""

    async def settle(self, *_: Any) -> None:
        """Fail."""
        raise KeyError("a node the library has forgotten")


async def test_an_answer_does_not_wait_for_a_store_that_breaks() -> None:
    """The application has done what it was asked; its answer is handed over, and the entry stays counted."""
    entry = ReservedEntry(cast("LimitStore", _Breaking()), USE, "request", lambda: NOON)

    async with asyncio.timeout(3):
        await entry.settle(Settlement.GIVE_BACK)
