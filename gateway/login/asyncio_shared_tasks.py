"""Runs work once that several callers request at the same time.

A browser sends a callback again before the answer when a person reloads the page: the browser drops the first
answer, and the cookie with it. Were the second told that its login is spent, a sign-in that worked would be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedTasks(Generic[T]):
    """Tasks under way in this process, by name."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._running: dict[str, asyncio.Task[T]] = {}

    def under_way(self, name: str) -> Awaitable[T] | None:
        """Return what the work under way by this name will come to, or None."""
        task = self._running.get(name)
        # A caller that goes away must not end the task that others wait for.
        return None if task is None else asyncio.shield(task)

    async def run_once(self, name: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of the work under way by this name, or begin it; a caller that leaves does not end it."""
        under_way = self.under_way(name)
        if under_way is not None:
            return await under_way
        task = self._running[name] = asyncio.get_running_loop().create_task(begin())
        task.add_done_callback(lambda done: self._over(name, done))
        return await asyncio.shield(task)

    def _over(self, name: str, done: asyncio.Task[T]) -> None:
        del self._running[name]
        if not done.cancelled():
            # Each waiting caller has got the exception. Without one, asyncio would report it as never retrieved.
            done.exception()
