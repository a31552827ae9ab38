"""Keeps the configured number of worker processes running.

The supervisor binds the sockets, which its workers inherit (one listening socket loses no connection
when a worker comes or goes), starts anew a worker that dies, merges metrics, and alone serves `management`.

SIGTERM and Ctrl-C drain: readiness goes, kept-alive connections are closed politely, requests under
way may end; a second one ends at once. SIGHUP reads settings, policies, keys and certificates anew,
and keeps the old ones if the new have a mistake. SIGUSR1 opens the logs again by their names. SIGUSR2 replaces the
workers, one after the other.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import signal
import socket
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog

from gateway.audit.entry import Action, Entry, Outcome
from gateway.console.node import WorkerState
from gateway.observe.events import Event
from gateway.observe.lines import lost_by_kind, lost_family
from gateway.observe.merge import Families, merge, remembered
from gateway.observe.thread_lines import LineWriter
from gateway.portal.readiness import Readiness, of_workers
from gateway.process.audit_trail import OpenTrail, open_trail
from gateway.process.configuration import Configuration
from gateway.process.management import ManagedNode, ManagedStores, StoreMark, make_management_application
from gateway.process.orders import REPLY, Order, Reply, encode, read_reply
from gateway.process.single import EXIT_OURS, EXIT_USERS, Signals, reread_configuration, serving_management
from gateway.process.systemd import notify
from gateway.process.worker import ListeningSockets
from gateway.process.worker_process import work

FIRST_PAUSE = 0.5
"""Seconds before a worker that died is started anew; doubled each time it dies young."""
LONGEST_PAUSE = 30.0
GROWN_UP = 60.0
"""Seconds after which a worker's death is its own, and not its predecessor's again."""

SHARE = 1.0
"""Seconds between two looks at what each worker knows of the Apps' servers and the others should."""
SNAPSHOT = 5.0
"""Seconds between two reads of a worker's numbers: a crash can lose that much of them."""
START = 30.0
"""Seconds a worker has until it takes requests."""
SILENCE = 20.0
"""Seconds after its last word that a worker which is asked and says nothing is taken for lost, and killed."""
GRACE = 5.0
"""Seconds beyond the drain's own that a worker has to be gone before it is killed."""

_LONGEST_REPLY = 16 * 1024 * 1024

_log = structlog.get_logger()


_NOBODY: Mapping[str, float] = {}


# --- many processes: the supervisor's side -------------------------------------------


class _Member:
    """One worker process, as its supervisor sees it."""

    def __init__(
        self, process: BaseProcess, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.process = process
        self.number = number
        """Its number in each log line; no other worker that is alive has it."""
        self.born = time.monotonic()
        self.families: Families = ()
        """Its numbers when they were last seen."""
        self.entries: dict[str, int] = {}
        """The number of entries of its subject lists at that time."""
        self.mark: StoreMark | None = None
        """The stores that it uses; `None` before its first word."""
        self.gone = asyncio.Event()
        self._reader = reader
        self._writer = writer
        self._asking = asyncio.Lock()
        self._owed = 1
        """Answers that have not come: the first one is unasked."""
        self._heard = self.born
        asyncio.get_running_loop().add_reader(process.sentinel, self._ended)

    @classmethod
    async def start(
        cls, path: Path, listening_sockets: ListeningSockets, known: dict[str, int], number: int
    ) -> _Member:
        """Start a process, which inherits the listening socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            context = multiprocessing.get_context("spawn")
            process = context.Process(
                target=work, args=(path, listening_sockets, theirs, known, number), name="sekisho-worker"
            )
            await asyncio.to_thread(process.start)
        ours.settimeout(0)
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_REPLY)
        return cls(process, reader, writer, number)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self.process.sentinel)
        self.process.join()
        self._writer.close()
        self.gone.set()

    async def takes_requests(self) -> bool:
        """Wait until it does; False where it died, or never got that far."""
        return await self._reply(START) is not None

    async def ask(self, order: str, within: float = REPLY, apart: Mapping[str, float] = _NOBODY) -> Reply | None:
        """Return its answer; `None` where it has none in `within` seconds."""
        async with self._asking:
            if self.gone.is_set():
                return None
            self._writer.write(encode(Order(order, dict(apart))) + b"\n")
            self._owed += 1
            return await self._reply(within)

    async def _reply(self, within: float) -> Reply | None:
        try:
            async with asyncio.timeout(within):
                while line := await self._reader.readline():
                    self._heard = time.monotonic()
                    self._owed -= 1
                    reply = read_reply(line)
                    self.families = reply.families or self.families
                    self.entries = reply.entries or self.entries
                    self.mark = reply.mark or self.mark
                    # One that comes too late for its question must not be taken for the next one's.
                    if not self._owed:
                        return reply
        except TimeoutError:
            # A machine that stood still for a moment, or is busy, is no reason to cut everybody it serves.
            if time.monotonic() - self._heard >= SILENCE:
                self.process.kill()
        except ConnectionError:
            self.process.kill()
        return None

    async def end(self, patience: float) -> None:
        """Have it drain, and be gone."""
        await self.ask("drain", patience + GRACE)
        try:
            async with asyncio.timeout(GRACE):
                await self.gone.wait()
        except TimeoutError:
            self.process.kill()
            await self.gone.wait()


class Supervisor:
    """Keeps the configured number of workers running."""

    def __init__(
        self,
        configuration: Configuration,
        listening_sockets: ListeningSockets,
        management_socket: socket.socket,
        lines: LineWriter,
        count: int,
    ) -> None:
        self._lines = lines
        self._configuration = configuration
        self._listening_sockets = listening_sockets
        self._management_socket = management_socket
        self._count = count
        self._audit = OpenTrail(None, None)
        self._members: list[_Member] = []
        self._numbers: set[int] = set()
        """The numbers of the workers that are alive or starting."""
        self._leaving: set[_Member] = set()
        """Those that were told to end, and are not gone yet: what they counted is still counted."""
        self._of_the_dead: Families = ()
        self._lists: dict[str, int] = {}
        """The number of entries of each subject list of the last worker."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._code = EXIT_OURS
        """The exit code if no worker ever became ready: that of the worker."""

    async def run(self) -> int:
        """Run until told to stop; return the exit code.

        Raises:
            OSError: the mirror of the audit trail cannot be opened.

        """
        self._audit = open_trail(self._configuration.settings, self._configuration.audit_keys, "supervisor")
        try:
            return await self._serve(Signals(self._lines))
        finally:
            await asyncio.to_thread(self._audit.close)

    async def _serve(self, signals: Signals) -> int:
        first = await asyncio.gather(*(self._start() for _ in range(self._count)))
        if not all(first):
            await self._end()
            return self._code
        settings = self._configuration.settings
        stores = ManagedStores(self._configuration, self._marks, lambda: reread_configuration(self._configuration.path))
        node = ManagedNode(
            configuration=lambda: self._configuration,
            started_at=time.time(),
            wanted=self._count,
            readiness=self._readiness,
            numbers=self._all_numbers,
            workers=self._states,
            opened_sessions=stores.sessions,
            limits=stores.limits,
            trail=self._audit.trail,
        )
        app = make_management_application(node)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(stores.close)
            await stack.enter_async_context(serving_management(app, self._management_socket))
            _log.info(Event.STARTED, listen=settings.listen, count=self._count)
            self._record(Action.STARTED)
            notify("READY=1")
            self._run(self._snapshots())
            self._run(self._share_what_is_apart())
            async for number in signals.until_stop():
                if number == signal.SIGHUP:
                    await self._reload()
                elif number == signal.SIGUSR1:
                    self._audit.reopen()
                    await self._ask_all("reopen")
                else:
                    await self._replace()
            notify("STOPPING=1")
            await self._end()
            _log.info(Event.STOPPED, cut=0)
            self._record(Action.STOPPED)
        return 0

    def _record(self, action: Action, outcome: Outcome = Outcome.DONE) -> None:
        self._audit.trail.record(Entry(action, time.time(), outcome))

    def _run(self, duty: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(duty)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self) -> bool:
        """Start a worker; once it takes requests it is a member, and missed when it dies."""
        number = next(each for each in itertools.count(1) if each not in self._numbers)
        self._numbers.add(number)
        try:
            member = await _Member.start(self._configuration.path, self._listening_sockets, self._known(), number)
            if not await member.takes_requests():
                await member.end(0)
                self._code = EXIT_USERS if member.process.exitcode == EXIT_USERS else EXIT_OURS
                self._numbers.discard(number)
                return False
        except BaseException:
            self._numbers.discard(number)
            raise
        self._members.append(member)
        self._run(self._miss(member))
        return True

    def _known(self) -> dict[str, int]:
        """Return how many entries each subject list has by which requests are judged."""
        known: dict[str, int] = {}
        for member in self._members:
            for file, count in member.entries.items():
                known[file] = max(count, known.get(file, 0))
        # If all of them are gone, their last numbers.
        self._lists = known or self._lists
        return self._lists

    async def _miss(self, member: _Member) -> None:
        """When a member is gone: keep its counts, and, unless it was told to go, start another."""
        await member.gone.wait()
        self._numbers.discard(member.number)
        self._known()
        self._of_the_dead = merge((self._of_the_dead, remembered(member.families)))
        self._leaving.discard(member)
        if member not in self._members:
            return
        self._members.remove(member)
        _log.error(Event.WORKER_DIED, code=member.process.exitcode)
        pause = FIRST_PAUSE if time.monotonic() - member.born > GROWN_UP else 2 * FIRST_PAUSE
        while not self._stopping:
            await asyncio.sleep(pause)
            if await self._start():
                notify("STATUS=a worker died and was started anew")
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT)
            await self._ask_all("metrics")

    async def _share_what_is_apart(self) -> None:
        """Tell every worker which Apps' servers another has heard speak out of turn: they are the same servers."""
        apart: dict[str, float] = {}
        while True:
            await asyncio.sleep(SHARE)
            replies = await self._ask_all("apart", apart=apart)
            apart = {}
            for reply in replies:
                for app, until in () if reply is None else reply.apart.items():
                    apart[app] = max(until, apart.get(app, 0.0))

    async def _ask_all(
        self, order: str, within: float = REPLY, apart: Mapping[str, float] = _NOBODY
    ) -> list[Reply | None]:
        return list(await asyncio.gather(*(member.ask(order, within, apart) for member in tuple(self._members))))

    async def _all_numbers(self) -> Families:
        await self._ask_all("metrics")
        ours = (lost_family(lost_by_kind((self._lines.lost, self._audit.lost))),)
        members = (*self._members, *self._leaving)
        return merge((self._of_the_dead, ours, *(member.families for member in members)))

    async def _states(self) -> list[WorkerState | None]:
        return [None if reply is None else reply.state for reply in await self._ask_all("state")]

    def _marks(self) -> list[StoreMark]:
        """Return the stores of every worker that serves, or still ends what it has begun."""
        return [member.mark for member in (*self._members, *self._leaving) if member.mark is not None]

    async def _readiness(self) -> Readiness:
        if self._stopping:
            return Readiness(failed={"worker": "draining"})
        replies = await self._ask_all("check")
        return of_workers(None if reply is None else reply.readiness for reply in replies)

    async def _reload(self) -> None:
        configuration = await asyncio.to_thread(reread_configuration, self._configuration.path)
        if configuration is None:
            self._record(Action.RELOADED, Outcome.REFUSED)
            notify("STATUS=reload refused")
            return
        notify("RELOADING=1")
        self._configuration = configuration
        replies = await self._ask_all("reload", START)
        refused = any(reply is None or not reply.good for reply in replies)
        notify("READY=1\nSTATUS=a worker could not be reloaded" if refused else "READY=1")

    async def _replace(self) -> None:
        """Put a new worker in each one's place, one after the other: there are never fewer than were asked for."""
        for old in tuple(self._members):
            if not await self._start():
                _log.error(Event.REPLACEMENT_FAILED)
                return
            if old in self._members:
                self._members.remove(old)
                self._leaving.add(old)
                await old.end(self._configuration.settings.drain_timeout)
        _log.info(Event.REPLACED, count=len(self._members))
        notify("STATUS=replaced")

    async def _end(self) -> None:
        self._stopping = True
        members, self._members = self._members, []
        self._leaving |= set(members)
        await asyncio.gather(*(member.end(self._configuration.settings.drain_timeout) for member in members))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
