"""Does long work on the event loop in short slices, so that no request waits for it.

A thread would not do: while it works, each callback of the loop waits for the interpreter's switch interval.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

SLICE = 0.002
"""Seconds of work between two looks at what has come in."""

_NEVER = 1 << 30
"""Collections of the middle generation before a full one, if there must be no full one."""

_spared: list[int] = []
"""The threshold as it was, and a sign for each work that spares the collector now."""

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work that yields after each of its steps, and returns its result."""


async def in_slices(steps: Steps[T]) -> T:
    """Return the result of the work; the loop goes on with other things between its steps."""
    began = time.perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if time.perf_counter() - began >= SLICE:
            await asyncio.sleep(0)
            began = time.perf_counter()


def at_once(steps: Steps[T]) -> T:
    """Return the result of the work, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def letting_go(parts: list[object]) -> Steps[None]:
    """Let go of parts that nothing else may hold, one at a time: to free a thousand policies takes some 50 ms."""
    while parts:
        parts.pop()
        yield


@contextmanager
def sparing_the_collector() -> Iterator[None]:
    """Have the garbage collector make no full collection while a configuration is built, and never visit what was.

    A full collection of a thousand Apps takes a tenth of a second, in which no request is answered. The routes and
    policies last until the next configuration, and leave memory without the collector, since their parts do not refer
    to each other in circles. The same holds for all else that a reload finds alive: connections, our own pages, the
    provider's client. Each breaks its circles when it ends, as the collector will not visit it.
    """
    if not _spared:
        # Garbage that is there now would be spared, too. This collection visits only what came after the last one, and
        # nothing of what is being built: so a configuration is spared from its first part on.
        gc.collect()
        young, middle, old = gc.get_threshold()
        _spared.append(old)
        gc.set_threshold(young, middle, _NEVER)
    _spared.append(0)
    try:
        yield
        # Requests that went on meanwhile have left garbage: it would be spared, too, and never leave memory. This
        # collection visits the last few thousand objects. The rest of the configuration is in the oldest generation.
        gc.collect(1)
        gc.freeze()
    finally:
        _spared.pop()
        if len(_spared) == 1:
            # The last of several works that went on at the same time.
            young, middle, _ = gc.get_threshold()
            gc.set_threshold(young, middle, _spared.pop())
