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
import contextlib
import itertools
import pickle
import signal
import socket
import time
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack

import structlog

from gateway.audit.entry import Action, Entry, Outcome
from gateway.console.node import WorkerState
from gateway.observe.events import Event
from gateway.observe.lines import lost_by_kind, lost_family
from gateway.observe.merge import Families, merge, remembered
from gateway.observe.supervision_metrics import Death, Reloaded, SupervisionMetrics
from gateway.observe.system_process import usage
from gateway.observe.thread_lines import LineWriter
from gateway.observe.worker_metrics import process_families
from gateway.policy.losses import Loss, as_read, losses
from gateway.policy.system_adoptions import held
from gateway.portal.readiness import Readiness, of_workers
from gateway.process.audit_trail import OpenTrail, open_trail
from gateway.process.configuration import Configuration, settings_digest
from gateway.process.follow_files import INTERVAL, FileWatch
from gateway.process.forker import ForkedWorker, Forker
from gateway.process.managed_accounts import ManagedAccounts
from gateway.process.management import ManagedNode, ManagedStores, StoreMark, make_management_application
from gateway.process.orders import PIECE, REPLY, Order, Reply, encode, read_reply
from gateway.process.packed import packing
from gateway.process.read_beside import FileReader
from gateway.process.single import (
    EXIT_OURS,
    EXIT_USERS,
    Signals,
    reread_configuration,
    serving_management,
    unless_stopped,
)
from gateway.process.slices import in_slices
from gateway.process.stand_in import stand_in
from gateway.process.systemd import notify
from gateway.process.worker import TAKEN, ListeningSockets, watched
from gateway.process.worker_process import Commission

FIRST_PAUSE = 0.5
"""Seconds before a worker that died is started anew; doubled each time it dies young."""
LONGEST_PAUSE = 30.0
GROWN_UP = 60.0
"""Seconds after which a worker's death is its own, and not its predecessor's again."""

SHARE = 1.0
"""Seconds between two looks at what each worker knows of the Apps' servers and the others should."""
SNAPSHOT = 1.0
"""Seconds between two reads of a worker's numbers: a crash can lose that much of them."""
SNAPSHOT_SHARE = 0.02
"""The part of the time that these reads may take at most: with a thousand Apps there are fewer."""
START = 120.0
"""Seconds a worker has until it takes requests: an overloaded machine takes long to load the program."""
RELOAD = 30.0
"""Seconds a worker has to take up a configuration."""
SILENCE = 20.0
"""Seconds after its last word that a worker which is asked and says nothing is taken for lost, and killed."""
GRACE = 5.0
"""Seconds beyond the drain's own that a worker has to be gone before it is killed."""

CLOSE = 0.5
"""Seconds that workers have to close their listening sockets after the lame duck's, before we refuse connections."""

_LONGEST_REPLY = 64 * 1024 * 1024
"""Bytes of a worker's answer: with a thousand Apps its numbers are some four million."""

_log = structlog.get_logger()


# --- many processes: the supervisor's side -------------------------------------------


class _Member:
    """One worker process, as its supervisor sees it."""

    def __init__(
        self, process: ForkedWorker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, commission: Commission
    ) -> None:
        configuration = commission.configuration
        self.process = process
        self.number = commission.number
        """Its number in each log line; no other worker that is alive has it."""
        self.born = time.monotonic()
        self.configuration = configuration
        """The configuration that it judges by, as far as its policies go."""
        self.families: Families = ()
        """Its numbers when they were last seen."""
        self.mark: StoreMark | None = None
        """The stores that it uses; `None` before its first word."""
        self.silent = False
        """Whether we killed it as it did not answer."""
        self.gone = asyncio.Event()
        """Set once the process has ended and its last words are read."""
        self._parting: list[asyncio.Task[None]] = []
        """Holds the task that reads its last words: the loop itself would let go of it."""
        self._reader = reader
        self._writer = writer
        self._asking = asyncio.Lock()
        self._owed = 1
        """Answers that have not come: the first one is unasked."""
        self._heard = self.born
        asyncio.get_running_loop().add_reader(process.sentinel, self._ended)

    @classmethod
    async def start(cls, commission: Commission, forker: Forker, listening_sockets: ListeningSockets) -> _Member:
        """Start a process, which gets the listening sockets."""
        process, orders = await asyncio.to_thread(forker.fork, commission, listening_sockets)
        orders.settimeout(0)
        reader, writer = await asyncio.open_connection(sock=orders, limit=_LONGEST_REPLY)
        return cls(process, reader, writer, commission)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self.process.sentinel)
        self.process.join()
        self._parting.append(asyncio.create_task(self._last_words()))

    async def _last_words(self) -> None:
        """Read what it said last: the numbers of all that it has done."""
        async with self._asking:
            with contextlib.suppress(ConnectionError):
                while line := await self._reader.readline():
                    self._hear(line)
        self._writer.close()
        self.gone.set()

    @property
    def cause(self) -> Death:
        """The cause of its end, if nobody asked for it."""
        code = self.process.exitcode
        if self.silent:
            return Death.SILENT
        if code is not None and code < 0:
            return Death.SIGNAL
        return Death.ERROR if code else Death.ENDED

    async def takes_requests(self) -> bool:
        """Wait until it does; False where it died, or never got that far."""
        return await self._reply(START) is not None

    async def ask(self, order: Order, within: float = REPLY) -> Reply | None:
        """Return its answer; `None` where it has none in `within` seconds."""
        async with self._asking:
            # Its line closes before its process is gone, and nobody may write to it any more.
            if self.gone.is_set() or self._writer.is_closing():
                return None
            self._writer.write(encode(order) + b"\n")
            self._owed += 1
            return await self._reply(within)

    async def _reply(self, within: float) -> Reply | None:
        try:
            async with asyncio.timeout(within):
                while line := await self._reader.readline():
                    self._owed -= 1
                    reply = self._hear(line)
                    # One that comes too late for its question must not be taken for the next one's.
                    if not self._owed:
                        return reply
        except TimeoutError:
            # A machine that stood still for a moment, or is busy, is no reason to cut everybody it serves.
            if time.monotonic() - self._heard >= SILENCE:
                self.silent = True
                self.process.kill()
        except ConnectionError:
            self.process.kill()
        return None

    def _hear(self, line: bytes) -> Reply:
        self._heard = time.monotonic()
        reply = read_reply(line)
        self.families = reply.families or self.families
        self.mark = reply.mark or self.mark
        return reply

    async def hand_over(self, configuration: Configuration, order: Order) -> Reloaded:
        """Have it judge by another configuration, which we have read for all, and return what it says."""
        packed = pickle.dumps(await in_slices(packing(configuration, self.configuration.known)))
        for begin in range(0, len(packed), PIECE):
            await self.ask(Order("part", part=packed[begin : begin + PIECE]), RELOAD)
        reply = await self.ask(order, RELOAD)
        outcome = Reloaded.REFUSED if reply is None else reply.reloaded
        if outcome is Reloaded.ADOPTED:
            self.configuration = configuration
        return outcome

    async def end(self, patience: float, lame_duck: float = 0.0) -> None:
        """Have it drain, and be gone."""
        await self.ask(Order("drain", lame_duck=lame_duck))
        try:
            async with asyncio.timeout(patience + 2 * GRACE):
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
        wanted: int,
        forker: Forker,
    ) -> None:
        self._lines = lines
        self._forker = forker
        self._configuration = configuration
        self._listening_sockets = listening_sockets
        self._management_socket = management_socket
        self._wanted = wanted
        self._audit = OpenTrail(None, None)
        self._members: list[_Member] = []
        self._numbers: set[int] = set()
        """The numbers of the workers that are alive or starting."""
        self._starting: set[_Member] = set()
        """Those that load the program, and take no requests yet."""
        self._served = asyncio.Event()
        self._unserved = asyncio.Event()
        self._leaving: set[_Member] = set()
        """Those that were told to end, and are not gone yet: what they counted is still counted."""
        self._of_the_dead: Families = ()
        self._counts = SupervisionMetrics(configuration.digest, time.time)
        self._watch = FileWatch(watched(configuration))
        """Notices that policies change, which the workers take up by themselves."""
        self._standing = as_read(configuration.policies.values())
        """The files of policies that were adopted last."""
        self._files = FileReader(forker)
        self._reading = asyncio.Lock()
        """Held by a task that reads files and hands over what they hold."""
        self._held = False
        """Whether a file of policies waits for an operator."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._code = EXIT_OURS
        """The exit code if no worker ever became ready: that of the worker."""

    async def run(self) -> int:
        """Run until told to stop; return the exit code.

        Raises:
            OSError: the mirror of the audit trail cannot be opened.

        """
        self._audit = open_trail(
            self._configuration.settings, self._configuration.audit_keys, "supervisor", standard_error=self._lines
        )
        try:
            return await self._serve(Signals(self._lines))
        finally:
            await asyncio.to_thread(self._audit.close)

    async def _serve(self, signals: Signals) -> int:
        first = await asyncio.gather(*(self._start() for _ in range(self._wanted)))
        if not all(first):
            await self._end()
            return self._code
        settings = self._configuration.settings
        stores = ManagedStores(self._configuration, self._marks, lambda: reread_configuration(self._configuration.path))
        accounts = ManagedAccounts(lambda: self._configuration)
        node = ManagedNode(
            configuration=lambda: self._configuration,
            started_at=time.time(),
            wanted=self._wanted,
            readiness=self._readiness,
            numbers=self._all_numbers,
            workers=self._states,
            opened_sessions=stores.sessions,
            limits=stores.limits,
            accounts=accounts.by_app,
            trail=self._audit.trail,
            refused=self._counts.management_refused,
        )
        app = make_management_application(node)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(stores.close)
            stack.push_async_callback(accounts.close)
            await stack.enter_async_context(serving_management(app, self._management_socket))
            _log.info(Event.STARTED, listen=settings.listen, count=self._wanted)
            self._record(Action.STARTED)
            notify("READY=1")
            self._run(self._snapshots())
            self._run(self._follow_policies())
            self._run(self._stand_in())
            self._run(self._share_what_is_apart())
            async for number in signals.until_stop():
                if number == signal.SIGHUP:
                    await unless_stopped(self._reload(), signals.stop)
                elif number == signal.SIGUSR1:
                    self._audit.reopen()
                    await self._ask_all(Order("reopen"))
                else:
                    await self._replace_until(signals.stop)
            notify("STOPPING=1")
            await self._end()
            _log.info(Event.STOPPED, cut=0)
            self._record(Action.STOPPED)
        return 0

    def _record(self, action: Action, outcome: Outcome = Outcome.DONE) -> None:
        self._audit.trail.record(Entry(action, time.time(), outcome))

    def _record_worker(self, action: Action, member: _Member) -> None:
        """Record the end of a worker that nobody had asked to go, or the start of the one in its place."""
        died = action is Action.WORKER_DIED
        self._audit.trail.record(
            Entry(
                action,
                time.time(),
                Outcome.FAILED if died else Outcome.DONE,
                object=f"worker-{member.number}",
                verdict=member.cause.value if died else "",
                count=member.process.exitcode if died else None,
            )
        )

    def _run(self, duty: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(duty)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, configuration: Configuration | None = None) -> _Member | None:
        """Start a worker; once it takes requests it is a member, and missed when it dies."""
        number = next(each for each in itertools.count(1) if each not in self._numbers)
        self._numbers.add(number)
        try:
            member = await _Member.start(
                Commission(number, configuration or self._configuration, self._watch),
                self._forker,
                self._listening_sockets,
            )
            if not await self._comes_up(member):
                self._numbers.discard(number)
                return None
        except BaseException:
            self._numbers.discard(number)
            raise
        self._members.append(member)
        self._tell_served()
        self._run(self._miss(member))
        if configuration is None:
            self._run(self._catch_up(member))
        return member

    async def _catch_up(self, member: _Member) -> None:
        """Hand over what was adopted while a worker was starting."""
        async with self._reading:
            adopted = self._configuration
            if member.configuration is not adopted:
                await member.hand_over(adopted, Order("reload"))

    async def _comes_up(self, member: _Member) -> bool:
        """Wait until it takes requests; False where it does not, or where nobody needs it any more."""
        self._starting.add(member)
        try:
            if await member.takes_requests() and not self._stopping:
                return True
            await member.end(0)
        except BaseException:
            # Nobody waits for it any more, and a process that has no supervisor must not keep this one from its end.
            member.process.kill()
            raise
        finally:
            self._starting.discard(member)
        if not self._stopping:
            self._counts.died(Death.START)
            self._code = EXIT_USERS if member.process.exitcode == EXIT_USERS else EXIT_OURS
        return False

    def _tell_served(self) -> None:
        """Tell the stand-in whether anybody takes requests."""
        is_set, is_clear = (self._served, self._unserved) if self._members else (self._unserved, self._served)
        is_set.set()
        is_clear.clear()

    async def _miss(self, member: _Member) -> None:
        """When a member is gone: keep its counts, and, unless it was told to go, start another."""
        await member.gone.wait()
        self._numbers.discard(member.number)
        self._of_the_dead = merge((self._of_the_dead, remembered(member.families)))
        self._leaving.discard(member)
        if member not in self._members:
            return
        self._members.remove(member)
        self._tell_served()
        self._counts.died(member.cause)
        self._record_worker(Action.WORKER_DIED, member)
        _log.error(Event.WORKER_DIED, code=member.process.exitcode)
        pause = FIRST_PAUSE if time.monotonic() - member.born > GROWN_UP else 2 * FIRST_PAUSE
        while not self._stopping:
            await asyncio.sleep(pause)
            try:
                started = await self._start()
            # The system has no process, memory or descriptor for it now; it may have one after the pause.
            except OSError:
                self._counts.died(Death.START)
                _log.exception(Event.UNCAUGHT)
                started = None
            if started is not None:
                self._record_worker(Action.WORKER_STARTED, started)
                notify("STATUS=a worker died and was started anew")
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _stand_in(self) -> None:
        """Answer for the workers while there is none: the kernel accepts connections, and nobody else would."""
        main, *redirect = self._listening_sockets.every
        listening = ((main, self._configuration.settings.tls is not None), *((each, False) for each in redirect))
        while True:
            await self._unserved.wait()
            standing = asyncio.create_task(stand_in(listening, self._counts.unserved))
            try:
                await self._served.wait()
            finally:
                standing.cancel()
                await asyncio.gather(standing, return_exceptions=True)

    async def _follow_policies(self) -> None:
        """Follow changed policies for the workers: files are read once, so that all judge by the same."""
        while True:
            await asyncio.sleep(INTERVAL)
            self._watch.follow(watched(self._configuration))
            changed = await asyncio.to_thread(self._watch.changed)
            adopted = self._held and self._configuration.adoptions_file in changed
            if changed & self._configuration.policy_files or adopted:
                await self._take_policies()

    async def _take_policies(self) -> None:
        """Read the changed policies, and have every worker judge by them, or say what is wrong with them."""
        async with self._reading:
            try:
                fresh = await self._files.policies(self._configuration)
                if isinstance(fresh, tuple):
                    await self._ask_all(Order("policies", mistakes=fresh), within=RELOAD)
                elif Reloaded.ADOPTED in await self._hand_over(fresh, Order("policies")):
                    self._adopt(fresh)
            # Any fault is this change's own, and the next change must be followed.
            except Exception:  # noqa: BLE001
                _log.exception(Event.FILES_UNREAD)

    async def _hand_over(self, configuration: Configuration, order: Order) -> set[Reloaded]:
        """Have every worker judge by a configuration, and return what they say."""
        said = set(await asyncio.gather(*(member.hand_over(configuration, order) for member in self._members)))
        self._held = Reloaded.HELD in said
        return said or {Reloaded.REFUSED}

    async def _losses(self, fresh: Configuration) -> tuple[Loss, ...]:
        """Return the files of its policies that lost much at once, and that no operator has adopted."""
        now = await asyncio.to_thread(as_read, tuple(fresh.policies.values()))
        return await asyncio.to_thread(held, losses(self._standing, now), fresh.adoptions_file)

    def _adopt(self, configuration: Configuration) -> None:
        """Start workers from this configuration from now on."""
        self._configuration = configuration
        self._standing = as_read(configuration.policies.values())

    async def _snapshots(self) -> None:
        pause = SNAPSHOT
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            await self._ask_all(Order("metrics"), (*self._members, *self._leaving))
            pause = max(SNAPSHOT, (time.monotonic() - began) / SNAPSHOT_SHARE)

    async def _share_what_is_apart(self) -> None:
        """Tell every worker which Apps' servers another has heard speak out of turn: they are the same servers."""
        apart: dict[str, float] = {}
        while True:
            await asyncio.sleep(SHARE)
            replies = await self._ask_all(Order("apart", apart))
            apart = {}
            for reply in replies:
                for app, until in () if reply is None else reply.apart.items():
                    apart[app] = max(until, apart.get(app, 0.0))

    async def _ask_all(
        self, order: Order, members: Iterable[_Member] | None = None, within: float = REPLY
    ) -> list[Reply | None]:
        asked = tuple(self._members if members is None else members)
        return list(await asyncio.gather(*(member.ask(order, within) for member in asked)))

    async def _all_numbers(self) -> Families:
        await self._ask_all(Order("metrics"), (*self._members, *self._leaving))
        ours = (
            lost_family(lost_by_kind((self._lines.lost, self._audit.lost))),
            *process_families("supervisor", usage()),
            *self._counts.families(
                wanted=self._wanted,
                workers=len(self._members),
                leaving=len(self._leaving),
                file=await asyncio.to_thread(settings_digest, self._configuration.path),
            ),
        )
        # Nothing waits from here on: a worker that goes meanwhile is in one of the three.
        members = (*self._members, *self._leaving)
        return merge((self._of_the_dead, ours, *(member.families for member in members)))

    async def _states(self) -> list[WorkerState | None]:
        return [None if reply is None else reply.state for reply in await self._ask_all(Order("state"))]

    def _marks(self) -> list[StoreMark]:
        """Return the stores of every worker that serves, or still ends what it has begun."""
        return [member.mark for member in (*self._members, *self._leaving) if member.mark is not None]

    async def _readiness(self) -> Readiness:
        if self._stopping:
            return Readiness(failed={"worker": "draining"})
        replies = await self._ask_all(Order("check"))
        missing = [None] * (self._wanted - len(replies))
        return of_workers(None if reply is None else reply.readiness for reply in (*replies, *missing))

    async def _reload(self) -> None:
        async with self._reading:
            await self._reload_all()

    async def _reload_all(self) -> None:
        configuration = await self._files.whole(self._configuration)
        if configuration is None:
            self._record(Action.RELOADED, Outcome.REFUSED)
            self._counts.reloaded(Reloaded.REFUSED)
            notify("STATUS=reload refused")
            return
        notify("RELOADING=1")
        outcomes = await self._hand_over(configuration, Order("reload"))
        # One worker that judges by it is enough for the next one to start from it.
        if Reloaded.ADOPTED in outcomes:
            self._adopt(configuration)
        worst = next(each for each in (Reloaded.REFUSED, Reloaded.HELD, Reloaded.ADOPTED) if each in outcomes)
        self._counts.reloaded(worst, configuration.digest)
        notify("READY=1" if worst is Reloaded.ADOPTED else "READY=1\nSTATUS=a worker could not be reloaded")

    async def _replace_until(self, stop: asyncio.Event) -> None:
        """Replace every worker, unless told to stop: the drain of an old worker must not delay the end of all."""
        replacing, stopping = asyncio.create_task(self._replace()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({replacing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if replacing.done():
                await replacing
        finally:
            replacing.cancel()
            stopping.cancel()
            await asyncio.gather(replacing, stopping, return_exceptions=True)

    async def _replace(self) -> None:
        """Put a new worker in each one's place, one after the other: there are never fewer than were asked for.

        The new ones start from the files as they are now, which are adopted once the first one takes requests.
        """
        async with self._reading:
            configuration = await self._files.whole(self._configuration)
        if configuration is None or not await self._replace_by(configuration):
            self._counts.replaced("")
            self._record(Action.WORKERS_REPLACED, Outcome.REFUSED)
            _log.error(Event.REPLACEMENT_FAILED)
            return
        self._counts.replaced(configuration.digest)
        self._record(Action.WORKERS_REPLACED)
        _log.info(Event.REPLACED, count=len(self._members))
        notify("STATUS=replaced")

    async def _replace_by(self, configuration: Configuration) -> bool:
        if lost := await self._losses(configuration):
            for loss in lost:
                _log.error(Event.FILE_HELD, file=loss.file, before=loss.before, after=loss.after)
            return False
        self._watch.follow(watched(configuration))
        adopted, before = False, self._configuration
        for old in tuple(self._members):
            # The first one shows that the files are good. Policies may change while the others follow.
            if not await self._start(None if adopted else configuration):
                return False
            if not adopted:
                changed_meanwhile = self._configuration is not before
                self._adopt(configuration)
                adopted = True
                if changed_meanwhile:
                    self._run(self._take_policies())
            if old in self._members:
                self._members.remove(old)
                self._leaving.add(old)
                await old.end(configuration.settings.drain_timeout)
        return True

    async def _end(self) -> None:
        self._stopping = True
        for member in self._starting:
            member.process.kill()
        members, self._members = self._members, []
        replaced = tuple(self._leaving)
        self._leaving |= set(members)
        settings = self._configuration.settings
        lame_duck = min(settings.lame_duck, settings.drain_timeout)
        ending = asyncio.gather(
            *(member.end(settings.drain_timeout, lame_duck + TAKEN) for member in members),
            *(member.end(settings.drain_timeout) for member in replaced),
        )
        # The workers close first: a listening socket that another process shuts is an error to its owner.
        await asyncio.wait({ending}, timeout=lame_duck)
        # The workers accept the connections that wait, and close. Otherwise `refuse` would drop them with their forms.
        self._listening_sockets.silence()
        await asyncio.wait({ending}, timeout=TAKEN + CLOSE)
        self._listening_sockets.refuse()
        await ending
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
