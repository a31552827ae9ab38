"""Counts without a clock: the calls of our own functions, and the tasks that are made."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import gateway

PACKAGE = str(Path(gateway.__file__).parent)
_DEMO = f"{PACKAGE}/demo/"
"""The stand-ins for others, which a test may run in its own process."""


@dataclass
class Calls:
    """Calls by the function's name."""

    by_name: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All of them."""
        return self.by_name.total()

    def table(self, times: int) -> str:
        """Return the most frequent ones, each divided by so many times."""
        most = self.by_name.most_common(80)
        return "\n".join([f"{self.total / times:g}:", *(f"{count / times:g} {name}" for name, count in most)])


@contextmanager
def calls_of_ours() -> Iterator[Calls]:
    """Count the calls of the gateway's own functions inside the block."""
    calls = Calls()

    def count(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE) and not file.startswith(_DEMO):
            calls.by_name[frame.f_code.co_qualname] += 1

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@contextmanager
def tasks_made() -> Iterator[list[str]]:
    """Note the tasks that are made inside the block, by their coroutines' names."""
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def counted(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(counted)
    try:
        yield made
    finally:
        loop.set_task_factory(None)
