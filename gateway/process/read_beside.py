"""Has the configuration read beside the event loop: in another process, whose work no request has to wait for."""

from __future__ import annotations

import asyncio
import pickle
import socket
from typing import Protocol

import structlog

from gateway.observe.events import Event
from gateway.process.configuration import Configuration
from gateway.process.packed import packing, packing_known, unpacking
from gateway.process.reader import Outcome, Task
from gateway.process.slices import in_slices, sparing_the_collector

_log = structlog.get_logger()


class ReaderProcess(Protocol):
    """A process that reads."""

    def kill(self) -> None:
        """End it at once."""

    def join(self) -> None:
        """Take its exit code, if that comes soon."""


class Readers(Protocol):
    """The maker of such processes: the forker."""

    def fork_reader(self) -> tuple[ReaderProcess, socket.socket]:
        """Start one, and return it with the line to it; it blocks.

        Raises:
            OSError: the system has no process for it now.

        """


class FileReader:
    """Reads what a gateway has adopted anew."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def whole(self, adopted: Configuration) -> Configuration | None:
        """Return the configuration as its files are now; `None`, with every mistake logged, if it cannot be used."""
        try:
            outcome = await self._outcome_of(Task(adopted.path, await in_slices(packing_known(adopted.known))))
            fresh = await _configuration_of(outcome, adopted)
        # Any fault is a refusal, because the clients that are served now must stay connected.
        except Exception as error:  # noqa: BLE001
            _log.exception(Event.RELOAD_REFUSED, mistake=type(error).__name__)
            return None
        if fresh is None:
            for mistake in _told(outcome):
                _log.error(Event.RELOAD_REFUSED, mistake=mistake)
        return fresh

    async def policies(self, adopted: Configuration) -> Configuration | tuple[str, ...]:
        """Return the configuration with its policies as their files are now; their mistakes, if they cannot be used."""
        known = await in_slices(packing_known(adopted.known))
        task = Task(adopted.path, known, await in_slices(packing(adopted, policies=False)))
        outcome = await self._outcome_of(task)
        fresh = await _configuration_of(outcome, adopted)
        return _told(outcome) if fresh is None else fresh

    async def _outcome_of(self, task: Task) -> Outcome | None:
        """Have a process carry out a task; it ends with the task that waits for it. `None`: it gave no whole answer."""
        try:
            process, line = await asyncio.to_thread(self._readers.fork_reader)
        except OSError:
            return None
        line.settimeout(0)
        reader, writer = await asyncio.open_connection(sock=line)
        try:
            writer.write(pickle.dumps(task))
            writer.write_eof()
            said = await reader.read(-1)
        except ConnectionError:
            said = b""
        finally:
            writer.close()
            if not reader.at_eof():
                process.kill()
            await asyncio.to_thread(process.join)
        # Its exit code may come late: a process with so little claim to a busy machine ends long after its last word.
        try:
            outcome: Outcome = pickle.loads(said)  # noqa: S301 - it comes from a process of ours
        except (EOFError, pickle.UnpicklingError):
            # Something has ended it before its answer was whole.
            return None
        return outcome


async def _configuration_of(outcome: Outcome | None, adopted: Configuration) -> Configuration | None:
    if outcome is None or outcome.packed is None:
        return None
    with sparing_the_collector():
        return await in_slices(unpacking(outcome.packed, adopted.policies))


def _told(outcome: Outcome | None) -> tuple[str, ...]:
    """Return what an operator is told of a reading that gave nothing."""
    if outcome is None:
        return ("the process that reads the files could not be started, or was ended",)
    return tuple(map(str, outcome.mistakes)) or (outcome.fault,)
