"""Long work leaves the event loop to others between its steps."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from gateway.process import slices
from gateway.process.slices import Steps, at_once, in_slices, sparing_the_collector


def counting(steps: int) -> Steps[int]:
    for _ in range(steps):
        yield
    return steps


async def test_others_have_their_turns_while_long_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that takes as long as a slice may is the last one before the loop looks at what has come in."""
    monkeypatch.setattr(slices, "SLICE", 0.0)
    turns = 0

    async def wait_for_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(wait_for_turns())
    assert await in_slices(counting(100)) == 100
    other.cancel()

    assert turns >= 99


def test_the_same_work_can_be_done_without_a_pause() -> None:
    """A command has nobody else to serve."""
    assert at_once(counting(3)) == 3


def test_what_is_built_is_spared_by_the_collector() -> None:
    """No full collection comes in between, none visits the result, and the thresholds are what they were."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        with sparing_the_collector():
            assert gc.get_threshold()[2] > 1_000_000
            built = [[number] for number in range(1_000)]

        assert gc.get_freeze_count() >= frozen + len(built)
        assert gc.get_threshold() == before
    finally:
        gc.unfreeze()


class Circle:
    """Refers to itself, as a rendered page's template does: it needs the collector to leave memory."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("collections", [0, 1])
def test_garbage_of_the_requests_that_go_on_meanwhile_is_not_spared(collections: int) -> None:
    """A request ends while a configuration is built, before or after a collection of young objects has seen it."""
    frozen = gc.get_freeze_count()
    try:
        with sparing_the_collector():
            circle = Circle()
            left = weakref.ref(circle)
            for _ in range(collections):
                gc.collect(0)
            del circle

        assert gc.get_freeze_count() > frozen
        assert left() is None
    finally:
        gc.unfreeze()


def test_what_is_being_built_is_not_visited_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """One work begins within another, or beside it and ends later: one collection, before the first part of any."""
    collections = 0

    def collected(generation: int = 2) -> None:
        nonlocal collections
        collections += generation == 2

    monkeypatch.setattr(gc, "collect", collected)
    before = gc.get_threshold()
    try:
        one, other = sparing_the_collector(), sparing_the_collector()
        one.__enter__()
        with sparing_the_collector():
            pass
        other.__enter__()
        one.__exit__(None, None, None)
        spared = gc.get_threshold()
        other.__exit__(None, None, None)
    finally:
        gc.unfreeze()

    assert collections == 1
    assert spared[2] > 1_000_000
    assert gc.get_threshold() == before


def test_work_that_fails_freezes_nothing() -> None:
    """A configuration that was refused leaves memory as any other garbage."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()

    with pytest.raises(ZeroDivisionError), sparing_the_collector():
        1 / 0  # noqa: B018

    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)
