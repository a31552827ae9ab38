"""Has drafts analysed by a process of their own: one at a time, each for a bounded time, an author's latest edit first.

The process starts with the first draft and ends after a while without one. One that takes too long, or breaks, is ended
and the next draft gets another.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import structlog

from gateway.observe.events import Event
from gateway.workbench.draft import Analysis, Draft, NotAnalysed
from gateway.workbench.system_analyst import LENGTH_BYTES, LONGEST_MESSAGE, SECONDS, Answered, be_analyst

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

STARTS = 20.0
"""Seconds that a new process may take besides: it imports the engine."""

IDLE = 600.0
"""Seconds without a draft after which the process ends: it holds tables of every town."""

MOST_WAITING = 32
"""Drafts that wait at most. A further one is refused, and its page tries again."""

_log = structlog.get_logger()


@dataclass(slots=True)
class _Running:
    """The process and the line to it."""

    process: BaseProcess
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    fresh: bool = True
    """It has answered nothing yet."""


class Analyst:
    """Analyses drafts for the authors of one listener."""

    def __init__(self, seconds: float = SECONDS, starts: float = STARTS) -> None:
        self._seconds = seconds
        self._starts = starts
        self._turn = asyncio.Lock()
        self._latest: dict[str, object] = {}
        self._waiting = 0
        self._running: _Running | None = None
        self._ends: asyncio.TimerHandle | None = None

    async def analyse(self, author: str, draft: Draft) -> Analysis | NotAnalysed:
        """Analyse a draft. A later draft of the same author makes an earlier one that still waits needless."""
        if self._waiting >= MOST_WAITING:
            return NotAnalysed("busy")
        mine = self._latest[author] = object()
        self._waiting += 1
        try:
            async with self._turn:
                if self._latest.get(author) is not mine:
                    return NotAnalysed("older")
                return await self._ask(draft)
        finally:
            self._waiting -= 1
            if self._latest.get(author) is mine:
                del self._latest[author]

    async def _ask(self, draft: Draft) -> Analysis | NotAnalysed:
        self._stay()
        try:
            running = self._running = self._running or await _start()
            limit = self._seconds + (self._starts if running.fresh else 0)
            async with asyncio.timeout(limit):
                answer = await _exchange(running, draft)
        except TimeoutError:
            await self.end()
            return NotAnalysed("slow")
        except (OSError, asyncio.IncompleteReadError):
            # The machine has no process left for us, or the process met its bound of memory or time.
            await self.end()
            return NotAnalysed("broken")
        # The handler was cut off: the answer would be read as that of the next draft.
        except BaseException:
            await self.end()
            raise
        running.fresh = False
        if answer.analysis is None:
            _log.error(Event.UNCAUGHT, error="analysis", where=answer.where)
            return NotAnalysed("broken")
        self._ends = asyncio.get_running_loop().call_later(IDLE, self._leave)
        return answer.analysis

    def _stay(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None

    def _leave(self) -> None:
        """Close the line: the process ends by itself, and is reaped before the next one starts."""
        if self._running is not None and not self._turn.locked():
            self._running.writer.close()
            self._running = None

    async def end(self) -> None:
        """End the process, if there is one."""
        self._stay()
        running, self._running = self._running, None
        if running is None:
            return
        running.writer.close()
        running.process.kill()
        await asyncio.to_thread(running.process.join)

    async def running(self, app: object) -> AsyncIterator[None]:
        """End the process with the application that it serves."""
        del app
        yield
        await self.end()


async def _start() -> _Running:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    process = multiprocessing.get_context("spawn").Process(
        target=be_analyst, args=(theirs,), daemon=True, name="sekisho-analyst"
    )
    try:
        await asyncio.to_thread(process.start)
        reader, writer = await asyncio.open_connection(sock=ours)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return _Running(process, reader, writer)


async def _exchange(running: _Running, draft: Draft) -> Answered:
    message = msgspec.json.encode(draft)
    running.writer.write(len(message).to_bytes(LENGTH_BYTES) + message)
    with suppress(ConnectionError):
        await running.writer.drain()
    size = int.from_bytes(await running.reader.readexactly(LENGTH_BYTES))
    if size > LONGEST_MESSAGE:
        raise OSError
    return msgspec.json.decode(await running.reader.readexactly(size), type=Answered)
