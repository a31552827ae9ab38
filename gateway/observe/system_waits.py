"""Adds up how long the work for one request waits for a store or the provider.

The byte path knows its own waits. The portal answers a request in the same process, and its page takes the time of
others and of its own; `measured` tells the two apart. The sum goes with the work into every task that it begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter


class Waits:
    """The seconds so far."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


_present: ContextVar[Waits | None] = ContextVar("waits", default=None)


@contextmanager
def measured() -> Iterator[Waits]:
    """Add up the waits of the work inside."""
    waits = Waits()
    before = _present.set(waits)
    try:
        yield waits
    finally:
        _present.reset(before)


def present_waits() -> Waits | None:
    """Return what adds up the waits of the present work, if anything does."""
    return _present.get()


@contextmanager
def waiting_for_others() -> Iterator[None]:
    """Count the time inside as a wait, if somebody adds the waits up."""
    waits = _present.get()
    if waits is None:
        yield
        return
    began = perf_counter()
    try:
        yield
    finally:
        waits.seconds += perf_counter() - began
