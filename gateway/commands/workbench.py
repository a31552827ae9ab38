"""`sekisho workbench`: the place where policies are written, on the author's own machine."""

from __future__ import annotations

import asyncio
import getpass
import secrets as randomness
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web

from gateway.commands.terminal import EXIT_USERS, fail, language, say
from gateway.console.aiohttp_alone import ENTER, Alone, make_workbench
from gateway.console.workbench import InForce
from gateway.policy.reading.parse import load_policy
from gateway.portal.aiohttp_management import CONSOLE
from gateway.settings.check import read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes, Phrase

TOKEN_BYTES = 32

ENDS = 1.0
"""Seconds in which an answer under way may end. A browser keeps its connection for as long as its page is open."""


def workbench(
    folder: Annotated[Path, typer.Argument(help="The folder of policies: nothing else is read or written.")],
    port: Annotated[
        int, typer.Option("--port", help="The port on this machine; 0 takes a free one.", min=0, max=65535)
    ] = 0,
    config: Annotated[
        Path | None, typer.Option("--config", help="The gateway's settings, to compare with its Apps' policies.")
    ] = None,
) -> None:
    """Write and try policies in a browser, on this machine alone."""
    if not folder.is_dir():
        nothing = Phrase(f"there is no folder `{folder}`", f"フォルダー `{folder}` がありません")
        say(f"sekisho workbench: {nothing.say(language())}", error=True)
        raise typer.Exit(EXIT_USERS)
    in_force = () if config is None else _in_force(config)
    token = randomness.token_urlsafe(TOKEN_BYTES)
    alone = Alone(
        folder=folder.resolve(),
        in_force=in_force,
        token=token,
        author=getpass.getuser(),
        clock=time.time,
        random=randomness.token_bytes,
    )
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as error:
            say(f"sekisho workbench: 127.0.0.1:{port}: {error.strerror}", error=True)
            raise typer.Exit(EXIT_USERS) from None
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(alone, listening))


def _in_force(config: Path) -> tuple[InForce, ...]:
    mistakes = Mistakes()
    settings = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    found = []
    for app in settings.apps:
        policy = load_policy(app.policy.file, mistakes)
        if policy is not None:
            found.append(InForce(app.name, policy.name, str(app.policy.file)))
    if len(mistakes):
        raise fail(mistakes)
    return tuple(found)


async def _serve(alone: Alone, listening: socket.socket) -> None:
    runner = web.AppRunner(make_workbench(alone), access_log=None, shutdown_timeout=ENDS)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    port = listening.getsockname()[1]
    opened = Phrase("open this address, which works once:", "次のアドレスを開いてください（一度だけ使えます）：")
    say(opened.say(language()), f"http://127.0.0.1:{port}{CONSOLE}{ENTER}?token={alone.token}")
    ends = Phrase("Ctrl-C ends the workbench", "終了するには Ctrl-C を押してください")
    say(ends.say(language()))
    try:
        await stopped.wait()
    finally:
        await runner.cleanup()
