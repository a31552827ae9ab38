"""Has the configuration read beside the event loop: in another process, whose work no request has to wait for."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys

import structlog

from gateway.observe.events import Event
from gateway.process.configuration import Configuration
from gateway.process.packed import packing, unpacking
from gateway.process.reader import Outcome, Task
from gateway.process.slices import in_slices

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from gateway.process.reader import main; main()"

_log = structlog.get_logger()


async def read_whole(adopted: Configuration) -> Configuration | None:
    """Return the configuration as its files are now; `None`, with every mistake logged, if it cannot be used."""
    try:
        outcome = await _outcome_of(Task(adopted.path, adopted.known))
        fresh = None if outcome is None else await _configuration_of(outcome, adopted)
    # Any fault is a refusal, because the clients that are served now must stay connected.
    except Exception as error:  # noqa: BLE001
        _log.exception(Event.RELOAD_REFUSED, mistake=type(error).__name__)
        return None
    if fresh is None:
        for mistake in _told(outcome):
            _log.error(Event.RELOAD_REFUSED, mistake=mistake)
    return fresh


async def read_policies(adopted: Configuration) -> Configuration | tuple[str, ...]:
    """Return the configuration with its policies as their files are now; their mistakes, if they cannot be used."""
    task = Task(adopted.path, adopted.known, await in_slices(packing(adopted, policies=False)))
    outcome = await _outcome_of(task)
    fresh = None if outcome is None else await _configuration_of(outcome, adopted)
    return _told(outcome) if fresh is None else fresh


async def _configuration_of(outcome: Outcome, adopted: Configuration) -> Configuration | None:
    if outcome.packed is None:
        return None
    return await in_slices(unpacking(outcome.packed, adopted.policies))


def _told(outcome: Outcome | None) -> tuple[str, ...]:
    """Return what an operator is told of a reading that gave nothing."""
    if outcome is None:
        return ("the process that reads the files could not be started, or was ended",)
    return tuple(map(str, outcome.mistakes)) or (outcome.fault,)


async def _outcome_of(task: Task) -> Outcome | None:
    """Have a process carry out a task; it ends with the task that waits for it."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # Nothing of the working directory or of the environment is imported but what we import ourselves.
            "-I",
            "-c",
            _PROGRAM,
            *sys.path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Nobody may have to read what a library says there.
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        said, _ = await process.communicate(pickle.dumps(task))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        return None
    outcome: Outcome = pickle.loads(said)  # noqa: S301 - it comes from the process that we started
    return outcome
