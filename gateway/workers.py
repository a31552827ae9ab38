"""Processes, sockets and signals: how the gateway starts, reloads and ends.

SIGTERM and Ctrl-C drain: readiness goes, kept-alive connections are closed politely, requests
under way may end. A second one ends at once. SIGHUP reads settings, policies, keys and
certificates anew, and keeps the old ones where the new have a mistake.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import structlog
import uvloop
from aiohttp import web

from gateway.app import Worker
from gateway.config_file import split_address
from gateway.configuration import Configuration, read_configuration
from gateway.observe.events import Event
from gateway.observe.structlog_setup import set_up_logging
from gateway.yaml_files import Mistakes

EXIT_OURS = 1
EXIT_USERS = 2

BACKLOG = 4_096
"""Connections that may wait to be accepted: a morning rush arrives in less than a second."""

_log = structlog.get_logger()


def run_gateway(path: Path) -> int:
    """Run until told to stop; return the exit code."""
    set_up_logging()
    mistakes = Mistakes()
    configuration = read_configuration(path, mistakes, os.environ)
    if configuration is None:
        sys.stderr.write(f"{mistakes.say()}\n")
        return EXIT_USERS
    try:
        door = bind(configuration.settings.listen)
        desk = bind(configuration.settings.management)
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}\n")
        return EXIT_USERS
    with door, desk, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(configuration, door, desk, reread=lambda: _reread(path)))
    return 0


def bind(address: str) -> socket.socket:
    """Return a socket bound to `host:port`, not yet listening.

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


def _reread(path: Path) -> Configuration | None:
    mistakes = Mistakes()
    configuration = read_configuration(path, mistakes, os.environ)
    if configuration is None:
        for mistake in mistakes:
            _log.error(Event.RELOAD_REFUSED, mistake=str(mistake))
    return configuration


async def serve(
    configuration: Configuration,
    door: socket.socket,
    desk: socket.socket,
    *,
    reread: Callable[[], Configuration | None] | None = None,
    ready: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve in this process, on bound sockets, until `stop` is set or a signal says so.

    `reread` returns the configuration a reload should use; `ready` is called once requests are taken.
    """
    loop = asyncio.get_running_loop()
    stop = stop or asyncio.Event()
    reload = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    worker = Worker(configuration)
    try:
        await worker.open()
        management = web.AppRunner(worker.management(), access_log=None, handle_signals=False)
        await management.setup()
        try:
            await web.SockSite(management, desk).start()
            await worker.listen(door)
            _log.info(Event.STARTED, listen=configuration.settings.listen, count=len(configuration.settings.apps))
            notify("READY=1")
            if ready is not None:
                ready()
            await _watch(worker, stop, reload, reread)
            notify("STOPPING=1")
            loop.remove_signal_handler(signal.SIGINT)
            loop.remove_signal_handler(signal.SIGTERM)
            cut = await worker.drain(configuration.settings.drain_timeout)
            _log.info(Event.STOPPED, cut=cut)
        finally:
            await management.cleanup()
    finally:
        await worker.close()


async def _watch(
    worker: Worker, stop: asyncio.Event, reload: asyncio.Event, reread: Callable[[], Configuration | None] | None
) -> None:
    """Reload as often as asked, until told to stop."""
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            reloading = asyncio.create_task(reload.wait())
            await asyncio.wait({stopping, reloading}, return_when=asyncio.FIRST_COMPLETED)
            reloading.cancel()
            if not reload.is_set() or stop.is_set():
                continue
            reload.clear()
            worker.access_log.reopen()
            configuration = None if reread is None else await asyncio.to_thread(reread)
            if configuration is not None:
                notify("RELOADING=1")
                await worker.reload(configuration)
                _log.info(Event.RELOADED, count=len(configuration.settings.apps))
                notify("READY=1")
    finally:
        stopping.cancel()


def notify(state: str) -> None:
    """Tell the service manager (sd_notify(3)), where one listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        manager.sendall(state.encode())
