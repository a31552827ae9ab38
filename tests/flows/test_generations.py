"""The readings of a configuration that are over leave memory, though sessions and connections go on."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.identity import Birthdate
from gateway.observe.supervision_metrics import Reloaded
from gateway.process.configuration import read_configuration, reread_policies
from gateway.process.generation import Generation
from gateway.process.single import reload_worker
from gateway.process.worker import Worker
from gateway.yaml.mistakes import Mistakes
from tests.flows.in_process import signed_in_worker
from tests.flows.test_hot_sign_in import place

BORN = Birthdate(1990, 4, 1)
RELOADS = 20
_COUNTED = ("gateway.", "aiohttp.")
_OF_A_SESSION = (
    "gateway.demo.",
    "gateway.identity.",
    "gateway.policy.permit_cache.",
    "gateway.policy.verdict.",
    "gateway.session.",
    # A kept permit has those that its fields were written by.
    "gateway.settings.settings.HeaderSettings",
)
PATIENCE = 30.0


def brief(settings: str) -> str:
    """Have a generation end a second after its last request began."""
    return settings + "traffic: {answer: 1s}\n"


def parts(generation: Generation) -> list[weakref.ref[Any]]:
    """Watch a generation, and the policies and ways to the application that only it has."""
    (route,) = generation.table.routes
    (way,) = generation.ways.values()
    # Nearly everything has slots and cannot be watched; a set of a rule and a queue of an upstream can.
    return [weakref.ref(part) for part in (generation, route.policy.policy.rules[0].match.method, way.queue)]


async def gone(watched: list[weakref.ref[Any]]) -> bool:
    """Say whether all of it has left memory, without the garbage collector's help."""
    until = time.monotonic() + PATIENCE
    while any(part() is not None for part in watched):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.05)
    return True


async def test_a_session_that_goes_on_keeps_no_earlier_generation(tmp_path: Path, redis_url: str) -> None:
    """Its kept verdicts and the answers' remembered heads outlive many reloads; policies and upstreams do not."""
    async with signed_in_worker(tmp_path, redis_url, BORN, change=brief) as (browser, worker, settings):
        await browser.ask(2)
        watched: list[weakref.ref[Any]] = []
        gc.disable()
        try:
            for _ in range(3):
                await _reload(worker, settings)
                await browser.ask(2)
                watched += parts(worker._current())
            await _reload(worker, settings)
            await browser.ask(2)

            assert await gone(watched)
        finally:
            gc.enable()


async def test_a_session_that_nobody_uses_keeps_no_earlier_policies(tmp_path: Path, redis_url: str) -> None:
    """A person reads a page for hours, while the policies change: her verdicts wait with her session."""
    async with signed_in_worker(tmp_path, redis_url, BORN, change=brief) as (browser, worker, _):
        await browser.ask(2)
        gc.disable()
        try:
            watched: list[weakref.ref[Any]] = []
            for number in range(3):
                await _reread(worker, tmp_path / "policy.yaml")
                if not number:
                    # Her last request: from here on nothing looks at what is kept for her.
                    await browser.ask(2)
                watched.append(parts(worker._current())[1])
            await _reread(worker, tmp_path / "policy.yaml")

            assert await gone(watched)
        finally:
            gc.enable()


async def test_a_reload_takes_the_trusted_certificates_that_are_there(tmp_path: Path, redis_url: str) -> None:
    """They take a megabyte, and a refused connection to the provider can keep them in memory for good."""
    async with signed_in_worker(tmp_path, redis_url, BORN, change=brief) as (_, worker, settings):
        (before,) = worker._current()._providers.values()
        trusted = before._verification

        await _reload(worker, settings)

        (after,) = worker._current()._providers.values()
        assert after is not before
        assert after._verification is trusted


@pytest.mark.long
async def test_nothing_that_a_reload_finds_alive_stays_after_its_end(tmp_path: Path, redis_url: str) -> None:
    """A reload has the collector spare all that is there, earlier generations and connections under way among it."""
    async with place(tmp_path, redis_url, 1, "traffic: {answer: 1s}\n") as here:
        worker = here.gateway.worker
        assert worker is not None
        try:
            await _reload(worker, here.gateway.settings)
            await here.sign_in(1)
            await asyncio.sleep(3)
            before = _objects()
            for _ in range(RELOADS):
                await _reload(worker, here.gateway.settings)
                await here.sign_in(1)

            assert not await _growth(before)
        finally:
            gc.unfreeze()


async def _growth(before: Counter[str]) -> dict[str, int]:
    """Return the types of which there are as many more as there were reloads; none once the generations have ended."""
    until = time.monotonic() + PATIENCE
    while True:
        more = {name: count for name, count in (_objects() - before).items() if count >= RELOADS // 2}
        if not more or time.monotonic() > until:
            return more
        await asyncio.sleep(0.5)


def _objects() -> Counter[str]:
    """Count the objects that no collection ends, by type: without a session's, which stays, and the emulator's."""
    gc.collect()
    # The collector lists none of those that it spares.
    gc.unfreeze()
    counts: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name.startswith(_COUNTED) and not name.startswith(_OF_A_SESSION):
            counts[name] += 1
    gc.freeze()
    return counts


async def _reload(worker: Worker, settings: Path) -> None:
    async def read() -> Any:
        return read_configuration(settings, Mistakes(), os.environ)

    assert await reload_worker(worker, read) is Reloaded.ADOPTED


async def _reread(worker: Worker, policy: Path) -> None:
    _touch(policy)
    await worker._current().adopt(reread_policies(worker.configuration, Mistakes()))


def _touch(policy: Path) -> None:
    with policy.open("a", encoding="utf-8") as file:
        file.write("# read anew\n")
