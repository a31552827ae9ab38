"""One worker process under a supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import structlog
import uvloop

from gateway.errors import GatewayError
from gateway.observe.events import Event
from gateway.observe.structlog_setup import line_style, logging_aside, set_up_logging
from gateway.observe.thread_lines import LineWriter
from gateway.policy.losses import AsRead, as_read, losses
from gateway.policy.system_adoptions import held
from gateway.process.configuration import Configuration
from gateway.process.descriptors import say
from gateway.process.orders import Reply, encode, read_order
from gateway.process.single import EXIT_OURS, EXIT_USERS, reload_worker, reread_configuration, spare_the_collector
from gateway.process.worker import ListeningSockets, Worker, style_of

_log = structlog.get_logger()


def work(
    path: Path, listening_sockets: ListeningSockets, orders: socket.socket, known: dict[str, int], number: int
) -> None:
    """Be one worker process: do what the supervisor orders until it says `drain`, or is gone.

    `known` has the number of entries of each subject list in the other workers; `number` is this worker's.
    """
    # Ctrl-C reaches the whole process group; the supervisor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    # The service manager hears of the whole from its supervisor alone.
    os.environ.pop("NOTIFY_SOCKET", None)
    with logging_aside(style=line_style(worker=number)) as lines:
        try:
            code = _work(path, listening_sockets, orders, lines, known, number)
        # As in `run_gateway`: a traceback would wait for the reader of standard error, and quote what it met.
        except Exception:  # noqa: BLE001
            _log.exception(Event.UNCAUGHT)
            code = EXIT_OURS
    sys.exit(code)


def _work(
    path: Path,
    listening_sockets: ListeningSockets,
    orders: socket.socket,
    lines: LineWriter,
    known: dict[str, int],
    number: int,
) -> int:
    configuration = reread_configuration(path)
    if configuration is None:
        return EXIT_USERS
    set_up_logging(sink=lines, style=style_of(configuration.settings, number))
    # The others go on judging by what they have; this one would judge by half of a list.
    then = {file: AsRead(count) for file, count in known.items()}
    if lost := held(losses(then, as_read(configuration.policies.values())), configuration.adoptions_file):
        for loss in lost:
            _log.error(Event.FILE_HELD, file=loss.file, before=loss.before, after=loss.after)
        return EXIT_USERS
    for door in listening_sockets:
        if door is not None:
            door.settimeout(0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_obey(configuration, listening_sockets, orders, lines, number))
        except (GatewayError, OSError) as error:
            say(lines, f"{path}: {error}")
            return EXIT_USERS
    return 0


async def _obey(
    configuration: Configuration,
    listening_sockets: ListeningSockets,
    orders: socket.socket,
    lines: LineWriter,
    number: int,
) -> None:
    orders.settimeout(0)
    reader, writer = await asyncio.open_connection(sock=orders)
    worker = Worker(configuration, standard_error=lines, number=number, role=f"worker-{number}")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, reader.feed_eof)

    def reply(answer: Reply) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(encode(answer) + b"\n")

    try:
        await worker.open()
        spare_the_collector()
        await worker.listen(listening_sockets)
        reply(Reply(entries=worker.entries, mark=worker.mark))
        # A supervisor that is gone orders nothing more: its end of the line is an order to end.
        while line := await reader.readline():
            order = read_order(line)
            match order.order:
                case "reload":
                    reply(Reply(good=await reload_worker(worker, lambda: reread_configuration(configuration.path))))
                case "reopen":
                    worker.reopen()
                    reply(Reply())
                case "metrics":
                    reply(Reply(families=worker.metrics.families(), entries=worker.entries))
                case "check":
                    reply(Reply(readiness=await worker.readiness()))
                case "state":
                    reply(Reply(state=worker.state()))
                case "apart":
                    worker.put_apart(order.apart)
                    reply(Reply(apart=worker.apart()))
                case _:
                    break
        await worker.drain(worker.settings.drain_timeout)
        # These are the last numbers of this worker: they hold what became of its last lines.
        await asyncio.to_thread(worker.access_log.flush)
        await asyncio.to_thread(lines.flush)
        reply(Reply(families=worker.metrics.families()))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
    finally:
        writer.close()
        await worker.close()
