"""One process serves alone: its signals, its reload, its end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from aiohttp import web

from gateway.audit.entry import Action, Outcome
from gateway.console.node import WorkerState
from gateway.observe.events import Event
from gateway.observe.merge import Families, merge
from gateway.observe.supervision_metrics import Reloaded, SupervisionMetrics
from gateway.observe.thread_lines import LineWriter
from gateway.policy.losses import ADOPT
from gateway.process.configuration import Configuration, read_configuration, settings_digest
from gateway.process.managed_accounts import ManagedAccounts
from gateway.process.management import ManagedNode, make_management_application
from gateway.process.systemd import notify
from gateway.process.worker import ListeningSockets, Worker
from gateway.yaml.mistakes import Mistakes

EXIT_OURS = 1
EXIT_USERS = 2

LAST_WORDS = 0.5
"""Seconds for the lines that still wait, after an operator has asked twice to stop."""

_log = structlog.get_logger()

T = TypeVar("T")


# --- signals -------------------------------------------------------------------------


def reread_configuration(path: Path) -> Configuration | None:
    """Read the configuration anew; log why not, where it has a mistake."""
    mistakes = Mistakes()
    configuration = read_configuration(path, mistakes, os.environ)
    if configuration is None:
        for mistake in mistakes:
            _log.error(Event.RELOAD_REFUSED, mistake=str(mistake))
    return configuration


class Signals:
    """The operator's signals, as events."""

    def __init__(self, lines: LineWriter) -> None:
        self._lines = lines
        self.stop = asyncio.Event()
        self.wanted: asyncio.Queue[int] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(number, self.wanted.put_nowait, number)

    def _stopped(self) -> None:
        if self.stop.is_set():
            # The second signal is an order to stop waiting, for us and for our parent.
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
async def serving_management(app: web.Application, management_socket: socket.socket) -> AsyncIterator[None]:
    """Serve the management listener for as long as the block lasts."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, management_socket).start()
        yield
    finally:
        await runner.cleanup()


# --- one process ---------------------------------------------------------------------


async def serve(
    configuration: Configuration,
    listening_sockets: ListeningSockets,
    management_socket: socket.socket,
    lines: LineWriter,
    *,
    reread: Callable[[Configuration], Awaitable[Configuration | None]],
    reread_policies: Callable[[Configuration], Awaitable[Configuration | tuple[str, ...]]],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve in this process, on listening sockets, until a signal says stop.

    `lines` writes to standard error; `reread` takes the configuration in force and returns the one that a reload should
    use, or `None` to keep it. `reread_policies` does so for its policies alone, or returns their mistakes. The process
    calls `ready` once it takes requests.
    """
    signals = Signals(lines)
    worker = Worker(configuration, standard_error=lines, reread_policies=reread_policies)
    supervision = SupervisionMetrics(configuration.digest, time.time)
    stopping = False
    try:
        await worker.open()
        spare_the_collector()

        async def numbers() -> Families:
            digest = await asyncio.to_thread(settings_digest, configuration.path)
            whole = tuple(supervision.families(wanted=1, workers=int(not stopping), leaving=int(stopping), file=digest))
            return merge((await worker.numbers(), whole))

        async def workers() -> Sequence[WorkerState]:
            return (worker.state(),)

        accounts = ManagedAccounts(lambda: worker.configuration, lambda: worker.account_stores)
        node = ManagedNode(
            configuration=lambda: worker.configuration,
            started_at=time.time(),
            wanted=1,
            readiness=worker.readiness,
            numbers=numbers,
            workers=workers,
            opened_sessions=worker.sessions,
            limits=worker.limits,
            accounts=accounts.by_app,
            trail=worker.audit.trail,
            refused=supervision.management_refused,
        )
        app = make_management_application(node)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(accounts.close)
            await stack.enter_async_context(serving_management(app, management_socket))
            await worker.listen(listening_sockets)
            _log.info(Event.STARTED, listen=configuration.settings.listen, count=1)
            notify("READY=1")
            ready()
            async for number in signals.until_stop():
                if number == signal.SIGHUP:
                    reloading = unless_stopped(
                        reload_worker(worker, partial(reread, worker.configuration)), signals.stop
                    )
                    outcome = await reloading
                    if outcome is not None:
                        supervision.reloaded(outcome, worker.digest)
                elif number == signal.SIGUSR1:
                    worker.reopen()
            notify("STOPPING=1")
            stopping = True
            settings = worker.settings
            cut = await worker.drain(settings.drain_timeout, lame_duck=settings.lame_duck, sockets=listening_sockets)
            _log.info(Event.STOPPED, cut=cut)
    finally:
        await worker.close()


def spare_the_collector() -> None:
    """Take all that the start has made out of the garbage collector's sight, once.

    A collection of it takes 50 ms, in which no request is answered, and finds no garbage. The collector sees what later
    reloads make.
    """
    gc.collect()
    gc.freeze()


async def unless_stopped(work: Coroutine[None, None, T], stop: asyncio.Event) -> T | None:
    """Return the result of the work; `None` if the order to stop comes first, which must not wait for it."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def reload_worker(worker: Worker, reread: Callable[[], Awaitable[Configuration | None]]) -> Reloaded:
    """Make a worker take up the current files, and return the outcome."""
    async with worker.reading:
        outcome = await _reload_worker(worker, reread)
    worker.record(Action.RELOADED, Outcome.DONE if outcome is Reloaded.ADOPTED else Outcome.REFUSED)
    return outcome


async def _reload_worker(worker: Worker, reread: Callable[[], Awaitable[Configuration | None]]) -> Reloaded:
    configuration = await reread()
    if configuration is None:
        notify("STATUS=reload refused")
        return Reloaded.REFUSED
    standing = await worker.weigh(configuration)
    if standing is None:
        _log.error(Event.RELOAD_REFUSED, mistake=f"{worker.held[0].file}: {worker.held[0].what}, {ADOPT}")
        notify("STATUS=reload refused")
        return Reloaded.HELD
    notify("RELOADING=1")
    try:
        await worker.reload(configuration)
    # A file may have disappeared since the check, or worse: the clients that are served now must stay connected.
    except Exception as error:  # noqa: BLE001
        _log.exception(Event.RELOAD_REFUSED, mistake=type(error).__name__)
        notify("READY=1\nSTATUS=reload refused")
        return Reloaded.REFUSED
    worker.take(standing)
    _log.info(Event.RELOADED, count=len(configuration.settings.apps))
    notify("READY=1")
    return Reloaded.ADOPTED
