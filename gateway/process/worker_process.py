"""One worker process under a supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import socket
from dataclasses import dataclass

import structlog
import uvloop

from gateway.errors import GatewayError
from gateway.kept_files import keeping
from gateway.listen import system_tls
from gateway.observe.events import Event
from gateway.observe.structlog_setup import line_style, logging_aside, set_up_logging
from gateway.observe.supervision_metrics import Reloaded
from gateway.observe.thread_lines import LineWriter
from gateway.portal.aiohttp_pages import environment_of
from gateway.process.configuration import Configuration
from gateway.process.descriptors import say
from gateway.process.follow_files import FileWatch
from gateway.process.orders import LONGEST_ORDER, Order, Reply, encode, read_order
from gateway.process.packed import unpacking
from gateway.process.single import EXIT_OURS, EXIT_USERS, reload_worker, spare_the_collector
from gateway.process.slices import in_slices, sparing_the_collector
from gateway.process.worker import ListeningSockets, Worker, style_of

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Commission:
    """The supervisor's words to a new worker."""

    number: int
    """Its number in each log line and in the metrics; no other worker that is alive has it."""
    configuration: Configuration
    """The configuration that was adopted last. The files may hold another one, which nobody has adopted."""
    watch: FileWatch
    """The state of the followed files when the supervisor saw them last: the worker notices what changed since."""


def make_ready() -> None:
    """Make in the forker the objects that every worker would make for itself, with any configuration."""
    environment_of("gateway.portal")
    system_tls.make_ready()


def work(commission: Commission, orders: socket.socket, listening_sockets: ListeningSockets) -> int:
    """Be one worker process: do what the supervisor orders until it says `drain`, or is gone. Return the exit code."""
    # Ctrl-C reaches the whole process group; the supervisor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    # The service manager hears of the whole from its supervisor alone.
    os.environ.pop("NOTIFY_SOCKET", None)
    with logging_aside(style=line_style(worker=commission.number)) as lines:
        try:
            return _work(commission, orders, listening_sockets, lines)
        # As in `run_gateway`: a traceback would wait for the reader of standard error, and quote what it met.
        except Exception:  # noqa: BLE001
            _log.exception(Event.UNCAUGHT)
            return EXIT_OURS


def _work(commission: Commission, orders: socket.socket, listening_sockets: ListeningSockets, lines: LineWriter) -> int:
    set_up_logging(sink=lines, style=style_of(commission.configuration.settings, commission.number))
    for listener in listening_sockets.every:
        listener.settimeout(0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_obey(commission, orders, listening_sockets, lines))
        except (GatewayError, OSError) as error:
            say(lines, f"{commission.configuration.path}: {error}")
            return EXIT_USERS
    return 0


async def _obey(
    commission: Commission, orders: socket.socket, listening_sockets: ListeningSockets, lines: LineWriter
) -> None:
    orders.settimeout(0)
    reader, writer = await asyncio.open_connection(sock=orders, limit=LONGEST_ORDER)
    worker = Worker(
        commission.configuration,
        standard_error=lines,
        number=commission.number,
        role=f"worker-{commission.number}",
        watch=commission.watch,
    )
    line = _Line(worker, reader, writer)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, line.end, Order("drain"))
    try:
        with keeping(commission.configuration.files):
            await worker.open()
        spare_the_collector()
        await worker.listen(listening_sockets)
        line.reply(Reply(mark=worker.mark))
        # Orders are answered to the end: the numbers of a worker that drains go on.
        answering = asyncio.create_task(line.answer_orders())
        drain = await line.drain
        await worker.drain(worker.settings.drain_timeout, lame_duck=drain.lame_duck)
        answering.cancel()
        (failed,) = await asyncio.gather(answering, return_exceptions=True)
        if isinstance(failed, Exception):
            raise failed
        # These are the last numbers of this worker: they hold what became of its last lines.
        await asyncio.to_thread(worker.access_log.flush)
        await asyncio.to_thread(lines.flush)
        line.reply(Reply(families=worker.metrics.families()))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
    finally:
        writer.close()
        await worker.close()


class _Line:
    """The worker's end of the line to its supervisor."""

    def __init__(self, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._worker = worker
        self._parts: list[bytes] = []
        self._reader = reader
        self._writer = writer
        self.drain: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        """The order to end."""

    def end(self, order: Order) -> None:
        """Begin to end, unless it has begun."""
        if not self.drain.done():
            self.drain.set_result(order)

    def reply(self, answer: Reply) -> None:
        """Send an answer to a supervisor that may be gone."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(encode(answer) + b"\n")

    async def answer_orders(self) -> None:
        """Do what the supervisor orders for as long as it is there."""
        try:
            while line := await self._reader.readline():
                self.reply(await self._answer(read_order(line)))
        finally:
            # A supervisor that is gone orders nothing more: its end of the line is an order to end.
            self.end(Order("drain"))

    async def _answer(self, order: Order) -> Reply:
        worker = self._worker
        match order.order:
            case "part":
                self._parts.append(order.part)
            case "reload":
                return Reply(reloaded=await reload_worker(worker, self._handed_over))
            case "policies":
                return Reply(reloaded=await self._take_policies(order.mistakes))
            case "reopen":
                worker.reopen()
            case "metrics":
                return Reply(families=await worker.numbers())
            case "check":
                return Reply(readiness=await worker.readiness())
            case "state":
                return Reply(state=worker.state())
            case "apart":
                worker.put_apart(order.apart)
                return Reply(apart=worker.apart())
            case _:
                self.end(order)
        return Reply()

    async def _handed_over(self) -> Configuration:
        """Return the configuration that the supervisor has read, and handed over in pieces."""
        packed, self._parts = b"".join(self._parts), []
        # It comes from the process that started us, over our own line.
        with sparing_the_collector():
            return await in_slices(unpacking(pickle.loads(packed), self._worker.configuration.policies))  # noqa: S301

    async def _take_policies(self, mistakes: tuple[str, ...]) -> Reloaded:
        async with self._worker.reading:
            fresh = mistakes or await self._handed_over()
            taken = await self._worker.take_policies(fresh)
        if taken:
            return Reloaded.ADOPTED
        return Reloaded.HELD if self._worker.held else Reloaded.REFUSED
