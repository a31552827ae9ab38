"""Look-ups that come in the same turn of the event loop are sent to the store together.

After a restart every request is the first of its session, and a busy loop hands over many in one turn. Each question
would be a write, a wait and a read of its own. A look-up that is alone leaves at once, as nothing is to be gained.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from time import perf_counter
from typing import Any, Generic, TypeVar

from gateway.errors import StoreUnavailableError
from gateway.observe.otel_spans import is_recorded, step
from gateway.observe.spans import SpanKind
from gateway.observe.system_waits import present_waits
from gateway.redis_client import end_tasks

T = TypeVar("T")

MOST = 32
"""Look-ups that are sent together: the first of them must not wait for the answers of a thousand."""


class Lookups(Generic[T]):
    """Asks for names, one or several at once, and gives each caller the answer for its own name."""

    def __init__(self, ask: Callable[[Sequence[str]], Coroutine[Any, Any, list[T | StoreUnavailableError]]]) -> None:
        """Take the function that asks for names: it returns an answer or an error for each, in order."""
        self._ask = ask
        self._under_way = 0
        self._gathered: list[tuple[str, asyncio.Future[T]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def of(self, name: str) -> T:
        """Return the answer for a name.

        Raises:
            StoreUnavailableError: there is none.

        """
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[T] = loop.create_future()
        if not self._under_way:
            self._begin([(name, asked)])
        else:
            if not self._gathered:
                loop.call_soon(self._send)
            self._gathered.append((name, asked))
        waits = present_waits()
        if waits is None and not is_recorded():
            return await asked
        # The common task works for nobody, so each caller's wait is its own to count.
        began = perf_counter()
        with step("redis", SpanKind.CLIENT, db__system__name="redis"):
            try:
                return await asked
            finally:
                if waits is not None:
                    waits.seconds += perf_counter() - began

    async def close(self) -> None:
        """End the work that is under way; its callers hear of it."""
        await end_tasks(self._tasks)

    def _send(self) -> None:
        gathered, self._gathered = self._gathered, []
        for first in range(0, len(gathered), MOST):
            self._begin(gathered[first : first + MOST])

    def _begin(self, asked: list[tuple[str, asyncio.Future[T]]]) -> None:
        """Ask in a task of its own: a caller that leaves must not end an exchange with the store."""
        self._under_way += 1
        task = asyncio.get_running_loop().create_task(self._ask_together(asked), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        self._tasks.discard(task)

    async def _ask_together(self, asked: list[tuple[str, asyncio.Future[T]]]) -> None:
        try:
            answers = await self._ask([name for name, _ in asked])
        except StoreUnavailableError as error:
            # An exception of its own for each: it keeps the place where it was raised last.
            answers = [StoreUnavailableError(error.fault) for _ in asked]
        except Exception as error:  # noqa: BLE001 (a mistake of ours, of which each caller hears: none waits for ever)
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
            return
        except asyncio.CancelledError:
            for _, future in asked:
                future.cancel()
            raise
        for (_, future), answer in zip(asked, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, StoreUnavailableError):
                future.set_exception(answer)
            else:
                future.set_result(answer)
