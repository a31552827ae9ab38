"""Processes, sockets and signals: how the gateway starts, reloads and ends.

With one worker everything runs in this process. With more, this process is the supervisor: it
binds the sockets, which its workers inherit (one listening socket loses no connection when a
worker comes or goes), starts anew what dies, merges metrics, and alone serves `management`.

SIGTERM and Ctrl-C drain: readiness goes, kept-alive connections are closed politely, requests
under way may end; a second one ends at once. SIGHUP reads settings, policies, keys and
certificates anew, and keeps the old ones where the new have a mistake. SIGUSR2 replaces the
workers, one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import resource
import secrets as randomness
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import structlog
import uvloop
from aiohttp import web

from gateway.errors import GatewayError, NoWorkerError
from gateway.observe.events import Event
from gateway.observe.lines import LineKind, lost_family
from gateway.observe.merge import Families, merge, remembered
from gateway.observe.prometheus_metrics import expose
from gateway.observe.structlog_setup import logging_aside
from gateway.observe.thread_lines import STANDARD_ERROR, LineWriter
from gateway.plain_text import printable
from gateway.policy.losses import ADOPT, AsRead, as_read, losses
from gateway.policy.system_adoptions import held
from gateway.portal.aiohttp_management import make_management
from gateway.portal.hosts import management_names
from gateway.process.configuration import Configuration, read_configuration
from gateway.process.worker import Doors, Worker, session_control
from gateway.session.redis_sessions import Sessions, open_sessions
from gateway.settings.check import split_address
from gateway.yaml.mistakes import Mistakes

EXIT_OURS = 1
EXIT_USERS = 2

BACKLOG = 4_096
"""Connections that may wait to be accepted: a morning rush arrives in less than a second."""

FIRST_PAUSE = 0.5
"""Seconds before a worker that died is started anew; doubled each time it dies young."""
LONGEST_PAUSE = 30.0
GROWN_UP = 60.0
"""Seconds after which a worker's death is its own, and not its predecessor's again."""

SHARE = 1.0
"""Seconds between two looks at what each worker knows of the Apps' servers and the others should."""
SNAPSHOT = 5.0
"""Seconds between two looks at a worker's numbers: what a crash can lose of them."""
REPLY = 2.0
"""Seconds a worker has to answer its supervisor."""
START = 30.0
"""Seconds a worker has until it takes requests."""
SILENCE = 20.0
"""Seconds after its last word that a worker which is asked and says nothing is taken for lost, and killed."""
GRACE = 5.0
"""Seconds beyond the drain's own that a worker has to be gone before it is killed."""

LAST_WORDS = 0.5
"""Seconds for what waits to be written, where an operator has said twice that he waits no longer."""

_LONGEST_REPLY = 16 * 1024 * 1024
_FIRST_INHERITED = 3
"""sd_listen_fds(3): where inherited sockets begin."""

_log = structlog.get_logger()


def run_gateway(path: Path) -> int:
    """Run until told to stop; return the exit code.

    The code says how it ended even where nobody can read the reason: standard error may lead to a full disk.
    """
    occupy_standard_descriptors()
    with logging_aside() as lines:
        try:
            return _run(path, lines)
        # The last stop of this process: it ends with a code and an event, whatever it was.
        except Exception:  # noqa: BLE001
            _log.exception(Event.UNCAUGHT)
            return EXIT_OURS


def _run(path: Path, lines: LineWriter) -> int:
    _raise_file_limit()
    mistakes = Mistakes()
    configuration = read_configuration(path, mistakes, os.environ)
    if configuration is None:
        _say(lines, mistakes.say())
        return EXIT_USERS
    settings = configuration.settings
    try:
        inherited = inherited_sockets()
        main = inherited.get("listen") or bind(settings.listen)
        plain = None if settings.tls is None else settings.tls.redirect
        doors = Doors(main, None if plain is None else inherited.get("redirect") or bind(plain))
        desk = inherited.get("management") or bind(settings.management)
    except OSError as error:
        _say(lines, f"{path}: {error.strerror}")
        return EXIT_USERS
    count = settings.worker_count(os.cpu_count() or 1)
    with main, doors.redirect or nullcontext(), desk, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if count > 1:
            return runner.run(Supervisor(configuration, doors, desk, lines, count).run())
        try:
            runner.run(serve(configuration, doors, desk, lines, reread=lambda: _reread(path)))
        except (GatewayError, OSError) as error:
            # A store that may forget, a certificate without its key: what only shows when it is used.
            _say(lines, f"{path}: {error}")
            return EXIT_USERS
    return 0


def occupy_standard_descriptors() -> None:
    """Lead standard input, output and error to nowhere where whoever started us has closed them.

    The next socket would else be descriptor 2, and a log line would be sent to whoever is at its other end.
    """
    for number in (0, 1, STANDARD_ERROR):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, which is this one.
            os.open(os.devnull, os.O_RDWR)


def _say(lines: LineWriter, words: str) -> None:
    """Say on standard error why the gateway does not start."""
    said = [printable(line) for line in words.split("\n")]
    lines.put("".join(f"{line}\n" for line in said).encode(), len(said), LineKind.EVENT)


# --- sockets -------------------------------------------------------------------------


def bind(address: str) -> socket.socket:
    """Return a socket that listens on `host:port`.

    Raises:
        OSError: it cannot be bound; the message names the address.

    """
    parts = split_address(address)
    if parts is None:
        raise OSError(0, f"`{address}` is no address")
    host, port = parts
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        resolved = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
        door = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on `{address}`: {error.strerror}") from error
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(resolved)
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        raise OSError(error.errno, f"cannot listen on `{address}`: {error.strerror}") from error
    door.settimeout(0)
    return door


def inherited_sockets() -> dict[str, socket.socket]:
    """Return the listening sockets the service manager hands over, by name (sd_listen_fds(3)).

    They outlive us: while the program is replaced, connections wait in them and none is lost.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = os.environ.get("LISTEN_FDNAMES", "listen:management").split(":")
    sockets: dict[str, socket.socket] = {}
    for number in range(int(os.environ.get("LISTEN_FDS", "0"))):
        handed = socket.socket(fileno=_FIRST_INHERITED + number)
        handed.settimeout(0)
        sockets[names[number] if number < len(names) else f"unnamed-{number}"] = handed
    return sockets


def notify(state: str) -> None:
    """Tell the service manager (sd_notify(3)), where one listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(0)
        # A service manager that is away or busy is no reason to fail: nobody waits for its answer, as in sd_notify(3).
        with contextlib.suppress(OSError):
            manager.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            manager.sendall(state.encode())


def _raise_file_limit() -> None:
    """Take as many descriptors as the system allows: a connection costs two, and shells hand out 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# --- signals -------------------------------------------------------------------------


def _reread(path: Path) -> Configuration | None:
    """Read the configuration anew; log why not, where it has a mistake."""
    mistakes = Mistakes()
    configuration = read_configuration(path, mistakes, os.environ)
    if configuration is None:
        for mistake in mistakes:
            _log.error(Event.RELOAD_REFUSED, mistake=str(mistake))
    return configuration


class _Signals:
    """What the operator asked for, as events."""

    def __init__(self, lines: LineWriter) -> None:
        self._lines = lines
        self.stop = asyncio.Event()
        self.wanted: asyncio.Queue[int] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped)
        for number in (signal.SIGHUP, signal.SIGUSR2):
            loop.add_signal_handler(number, self.wanted.put_nowait, number)

    def _stopped(self) -> None:
        if self.stop.is_set():
            # The second time is an order to stop waiting: for us, and for whoever waits for us.
            self._lines.close(LAST_WORDS)
            os._exit(EXIT_OURS)
        self.stop.set()

    async def until_stop(self) -> AsyncIterator[int]:
        """Yield each other signal that comes before the one to stop."""
        stopping = asyncio.create_task(self.stop.wait())
        try:
            while not self.stop.is_set():
                waiting = asyncio.create_task(self.wanted.get())
                await asyncio.wait({stopping, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    yield waiting.result()
                else:
                    waiting.cancel()
        finally:
            stopping.cancel()


@asynccontextmanager
async def _management(app: web.Application, desk: socket.socket) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, desk).start()
        yield
    finally:
        await runner.cleanup()


# --- one process ---------------------------------------------------------------------


async def serve(
    configuration: Configuration,
    doors: Doors,
    desk: socket.socket,
    lines: LineWriter,
    *,
    reread: Callable[[], Configuration | None],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve in this process, on listening sockets, until a signal says stop.

    `lines` writes what is said on standard error; `reread` returns the configuration a reload should use, or
    `None` to keep this one; `ready` is called once requests are taken.
    """
    signals = _Signals(lines)
    worker = Worker(configuration, standard_error=lines)
    try:
        await worker.open()
        _spare_the_collector()

        async def metrics() -> bytes:
            return worker.metrics.exposition()

        app = make_management(
            metrics=metrics,
            alive={},
            ready={"worker": worker.check},
            sessions=worker.control(),
            names=lambda: management_names(worker.settings),
        )
        async with _management(app, desk):
            await worker.listen(doors)
            _log.info(Event.STARTED, listen=configuration.settings.listen, count=1)
            notify("READY=1")
            ready()
            async for number in signals.until_stop():
                if number == signal.SIGHUP:
                    await _reload(worker, reread)
            notify("STOPPING=1")
            cut = await worker.drain(worker.settings.drain_timeout)
            _log.info(Event.STOPPED, count=cut)
    finally:
        await worker.close()


def _spare_the_collector() -> None:
    """Take all that the start has made out of the garbage collector's sight, once.

    Looking through it takes 50 ms, in which nobody is answered, and finds nothing. What later reloads make is seen.
    """
    gc.collect()
    gc.freeze()


async def _reload(worker: Worker, reread: Callable[[], Configuration | None]) -> bool:
    worker.access_log.reopen()
    configuration = await asyncio.to_thread(reread)
    if configuration is None:
        notify("STATUS=reload refused")
        return False
    standing = await worker.weigh(configuration)
    if standing is None:
        _log.error(Event.RELOAD_REFUSED, mistake=f"{worker.held[0].file}: {worker.held[0].what}, {ADOPT}")
        notify("STATUS=reload refused")
        return False
    notify("RELOADING=1")
    try:
        await worker.reload(configuration)
    # A file that is gone since it was checked, or worse: nobody who is served now has to leave for it.
    except Exception as error:  # noqa: BLE001
        _log.exception(Event.RELOAD_REFUSED, mistake=type(error).__name__)
        notify("READY=1\nSTATUS=reload refused")
        return False
    worker.take(standing)
    _log.info(Event.RELOADED, count=len(configuration.settings.apps))
    notify("READY=1")
    return True


# --- many processes: the worker's side -----------------------------------------------


class _Order(msgspec.Struct):
    """What a supervisor asks of a worker."""

    order: str
    """`reload`, `reopen`, `metrics`, `check`, `apart` or `drain`."""
    apart: dict[str, float] = {}
    """The Apps that workers have put apart, each with the moment until when (`Worker.apart`)."""


class _Reply(msgspec.Struct):
    """What a worker answers; the first one, unasked, says that it takes requests."""

    good: bool = True
    families: Families = ()
    apart: dict[str, float] = {}
    entries: dict[str, int] = {}
    """How many entries each subject list has by which it judges."""


_NOBODY: Mapping[str, float] = {}

_encode = msgspec.json.encode
_read_order = msgspec.json.Decoder(_Order).decode
_read_reply = msgspec.json.Decoder(_Reply).decode


def work(path: Path, doors: Doors, orders: socket.socket, known: dict[str, int]) -> None:
    """Be one worker process: do what the supervisor orders until it says `drain`, or is gone.

    `known` says how many entries each subject list has by which the other workers judge.
    """
    # Ctrl-C reaches the whole process group; the supervisor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    # The service manager hears of the whole from its supervisor alone.
    os.environ.pop("NOTIFY_SOCKET", None)
    with logging_aside() as lines:
        try:
            code = _work(path, doors, orders, lines, known)
        # As in `run_gateway`: a traceback would wait for the reader of standard error, and quote what it met.
        except Exception:  # noqa: BLE001
            _log.exception(Event.UNCAUGHT)
            code = EXIT_OURS
    sys.exit(code)


def _work(path: Path, doors: Doors, orders: socket.socket, lines: LineWriter, known: dict[str, int]) -> int:
    configuration = _reread(path)
    if configuration is None:
        return EXIT_USERS
    # The others go on judging by what they have; this one would judge by half of a list.
    then = {file: AsRead(count) for file, count in known.items()}
    if lost := held(losses(then, as_read(configuration.policies.values())), configuration.adoptions_file):
        for loss in lost:
            _log.error(Event.FILE_HELD, file=loss.file, before=loss.before, after=loss.after)
        return EXIT_USERS
    for door in doors:
        if door is not None:
            door.settimeout(0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_obey(configuration, doors, orders, lines))
        except (GatewayError, OSError) as error:
            _say(lines, f"{path}: {error}")
            return EXIT_USERS
    return 0


async def _obey(configuration: Configuration, doors: Doors, orders: socket.socket, lines: LineWriter) -> None:
    orders.settimeout(0)
    reader, writer = await asyncio.open_connection(sock=orders)
    worker = Worker(configuration, standard_error=lines)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, reader.feed_eof)

    def reply(answer: _Reply) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(_encode(answer) + b"\n")

    try:
        await worker.open()
        _spare_the_collector()
        await worker.listen(doors)
        reply(_Reply(entries=worker.entries))
        # A supervisor that is gone orders nothing more: its end of the line is an order to end.
        while line := await reader.readline():
            order = _read_order(line)
            match order.order:
                case "reload":
                    reply(_Reply(good=await _reload(worker, lambda: _reread(configuration.path))))
                case "reopen":
                    worker.access_log.reopen()
                    reply(_Reply())
                case "metrics":
                    reply(_Reply(families=worker.metrics.families(), entries=worker.entries))
                case "check":
                    reply(_Reply(good=await _is_well(worker)))
                case "apart":
                    worker.put_apart(order.apart)
                    reply(_Reply(apart=worker.apart()))
                case _:
                    break
        await worker.drain(worker.settings.drain_timeout)
        # These are the last numbers of this worker: they hold what became of its last lines.
        await asyncio.to_thread(worker.access_log.flush)
        await asyncio.to_thread(lines.flush)
        reply(_Reply(families=worker.metrics.families()))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
    finally:
        writer.close()
        await worker.close()


async def _is_well(worker: Worker) -> bool:
    try:
        async with asyncio.timeout(REPLY / 2):
            await worker.check()
    except (GatewayError, TimeoutError):
        return False
    return True


# --- many processes: the supervisor's side -------------------------------------------


class _Member:
    """One worker process, as its supervisor sees it."""

    def __init__(self, process: BaseProcess, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.born = time.monotonic()
        self.families: Families = ()
        """Its numbers when they were last seen."""
        self.entries: dict[str, int] = {}
        """How many entries its subject lists had then."""
        self.gone = asyncio.Event()
        self._reader = reader
        self._writer = writer
        self._asking = asyncio.Lock()
        self._owed = 1
        """Answers that have not come: the first one is unasked."""
        self._heard = self.born
        asyncio.get_running_loop().add_reader(process.sentinel, self._ended)

    @classmethod
    async def start(cls, path: Path, doors: Doors, known: dict[str, int]) -> _Member:
        """Start a process, which inherits the listening socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            context = multiprocessing.get_context("spawn")
            process = context.Process(target=work, args=(path, doors, theirs, known), name="sekisho-worker")
            await asyncio.to_thread(process.start)
        ours.settimeout(0)
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_REPLY)
        return cls(process, reader, writer)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self.process.sentinel)
        self.process.join()
        self._writer.close()
        self.gone.set()

    async def takes_requests(self) -> bool:
        """Wait until it does; False where it died, or never got that far."""
        return await self._reply(START) is not None

    async def ask(self, order: str, within: float = REPLY, apart: Mapping[str, float] = _NOBODY) -> _Reply | None:
        """Return its answer; `None` where it has none in `within` seconds."""
        async with self._asking:
            if self.gone.is_set():
                return None
            self._writer.write(_encode(_Order(order, dict(apart))) + b"\n")
            self._owed += 1
            return await self._reply(within)

    async def _reply(self, within: float) -> _Reply | None:
        try:
            async with asyncio.timeout(within):
                while line := await self._reader.readline():
                    self._heard = time.monotonic()
                    self._owed -= 1
                    reply = _read_reply(line)
                    self.families = reply.families or self.families
                    self.entries = reply.entries or self.entries
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
    """Keeps as many workers as were asked for."""

    def __init__(
        self, configuration: Configuration, doors: Doors, desk: socket.socket, lines: LineWriter, count: int
    ) -> None:
        self._lines = lines
        self._configuration = configuration
        self._doors = doors
        self._desk = desk
        self._count = count
        self._members: list[_Member] = []
        self._of_the_dead: Families = ()
        self._lists: dict[str, int] = {}
        """How many entries each subject list had when there was a worker last."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._code = EXIT_OURS
        """How we end where a worker never came to take requests: as that worker did."""

    async def run(self) -> int:
        """Run until told to stop; return the exit code."""
        signals = _Signals(self._lines)
        first = await asyncio.gather(*(self._start() for _ in range(self._count)))
        if not all(first):
            await self._end()
            return self._code
        settings = self._configuration.settings
        sessions = await self._open_sessions()
        app = make_management(
            metrics=self._metrics,
            alive={},
            ready={"worker": self._any_is_well},
            sessions=None if sessions is None else session_control(sessions, lambda: self._configuration.operators),
            names=lambda: management_names(self._configuration.settings),
        )
        async with AsyncExitStack() as stack:
            if sessions is not None:
                stack.push_async_callback(sessions.close)
            await stack.enter_async_context(_management(app, self._desk))
            _log.info(Event.STARTED, listen=settings.listen, count=self._count)
            notify("READY=1")
            self._run(self._snapshots())
            self._run(self._share_what_is_apart())
            async for number in signals.until_stop():
                if number == signal.SIGHUP:
                    await self._reload()
                else:
                    await self._replace()
            notify("STOPPING=1")
            await self._end()
            _log.info(Event.STOPPED, count=0)
        return 0

    async def _open_sessions(self) -> Sessions | None:
        """Open the store for the sessions API alone: workers serve the requests."""
        configuration = self._configuration
        if configuration.operators is None or configuration.secrets is None:
            return None
        return await open_sessions(
            configuration.settings.sessions,
            configuration.secrets,
            clock=time.time,
            random=randomness.token_bytes,
            options=configuration.redis,
            background=False,
        )

    def _run(self, duty: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(duty)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self) -> bool:
        """Start a worker; once it takes requests it is a member, and missed when it dies."""
        member = await _Member.start(self._configuration.path, self._doors, self._known())
        if not await member.takes_requests():
            await member.end(0)
            self._code = EXIT_USERS if member.process.exitcode == EXIT_USERS else EXIT_OURS
            return False
        self._members.append(member)
        self._run(self._miss(member))
        return True

    def _known(self) -> dict[str, int]:
        """Return how many entries each subject list has by which requests are judged."""
        known: dict[str, int] = {}
        for member in self._members:
            for file, count in member.entries.items():
                known[file] = max(count, known.get(file, 0))
        # Where all of them are gone, what they had last.
        self._lists = known or self._lists
        return self._lists

    async def _miss(self, member: _Member) -> None:
        """When a member is gone: keep its counts, and, unless it was told to go, start another."""
        await member.gone.wait()
        self._known()
        self._of_the_dead = merge((self._of_the_dead, remembered(member.families)))
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
    ) -> list[_Reply | None]:
        return list(await asyncio.gather(*(member.ask(order, within, apart) for member in tuple(self._members))))

    async def _metrics(self) -> bytes:
        await self._ask_all("metrics")
        ours = (lost_family(self._lines.lost),)
        return expose(merge((self._of_the_dead, ours, *(member.families for member in self._members))))

    async def _any_is_well(self) -> None:
        replies = await self._ask_all("check")
        if self._stopping or not any(reply is not None and reply.good for reply in replies):
            raise NoWorkerError

    async def _reload(self) -> None:
        configuration = await asyncio.to_thread(_reread, self._configuration.path)
        if configuration is None:
            # Whoever rotates logs means the log alone, and must not depend on the settings.
            await self._ask_all("reopen")
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
                await old.end(self._configuration.settings.drain_timeout)
        _log.info(Event.REPLACED, count=len(self._members))
        notify("STATUS=replaced")

    async def _end(self) -> None:
        self._stopping = True
        members, self._members = self._members, []
        await asyncio.gather(*(member.end(self._configuration.settings.drain_timeout) for member in members))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
