"""Starts the gateway as its settings say: alone, or with a supervisor."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing, nullcontext
from pathlib import Path

import structlog
import uvloop

from gateway.errors import GatewayError
from gateway.observe.events import Event
from gateway.observe.line_head import NO_WORKER
from gateway.observe.structlog_setup import logging_aside, set_up_logging
from gateway.observe.thread_lines import LineWriter
from gateway.process.configuration import read_configuration
from gateway.process.descriptors import occupy_standard_descriptors, raise_file_limit, say
from gateway.process.forker import Forker, fork_forker
from gateway.process.read_beside import FileReader
from gateway.process.single import EXIT_OURS, EXIT_USERS, serve
from gateway.process.sockets import CannotListenError, bind, inherited_sockets
from gateway.process.supervisor import Supervisor
from gateway.process.worker import ListeningSockets, style_of
from gateway.yaml.mistakes import Mistakes, Where, spoken_in

_log = structlog.get_logger()


def run_gateway(path: Path) -> int:
    """Run until told to stop; return the exit code.

    The exit code tells the outcome even if the reason is lost: standard error may lead to a full disk.
    """
    occupy_standard_descriptors()
    # The thread that writes log lines begins below; a process with threads must not be forked.
    forker = fork_forker()
    if isinstance(forker, int):
        return forker
    with closing(forker), logging_aside() as lines:
        try:
            return _run(path, lines, forker)
        # The last handler of this process: every exception ends the process with a code and an event.
        except Exception:  # noqa: BLE001
            _log.exception(Event.UNCAUGHT)
            return EXIT_OURS


def _run(path: Path, lines: LineWriter, forker: Forker) -> int:
    raise_file_limit()
    mistakes = Mistakes()
    configuration = read_configuration(path, mistakes, os.environ, remarking=False)
    if configuration is None:
        say(lines, mistakes.say(spoken_in(os.environ)))
        return EXIT_USERS
    settings = configuration.settings
    try:
        inherited = inherited_sockets()
    except OSError as error:
        say(lines, f"{path}: {error.strerror}")
        return EXIT_USERS
    kept = frozenset(inherited)

    def opened(name: str, address: str, at: str) -> socket.socket | None:
        try:
            return inherited.get(name) or bind(address)
        except CannotListenError as error:
            # An address that is not written in the file has its default.
            mistakes.add(configuration.places.get(at, Where(str(path))), error.what, error.remedy)
            return None

    main = opened("listen", settings.listen, "listen")
    plain = None if settings.tls is None else settings.tls.redirect
    redirect = None if plain is None else opened("redirect", plain, "tls.redirect")
    management_socket = opened("management", settings.management, "management")
    if main is None or management_socket is None or len(mistakes):
        say(lines, mistakes.say(spoken_in(os.environ)))
        return EXIT_USERS
    listening_sockets = ListeningSockets(main, redirect, "listen" in kept, "redirect" in kept)
    count = settings.worker_count(os.cpu_count() or 1)
    set_up_logging(sink=lines, style=style_of(settings, NO_WORKER if count > 1 else 1))
    with (
        main,
        listening_sockets.redirect or nullcontext(),
        management_socket,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        try:
            if count > 1:
                return runner.run(
                    Supervisor(configuration, listening_sockets, management_socket, lines, count, forker).run()
                )
            files = FileReader(forker)
            runner.run(
                serve(
                    configuration,
                    listening_sockets,
                    management_socket,
                    lines,
                    reread=files.whole,
                    reread_policies=files.policies,
                )
            )
        except (GatewayError, OSError) as error:
            # A store that may forget, a certificate without its key: such faults show only at first use.
            say(lines, f"{path}: {error}")
            return EXIT_USERS
    return 0
