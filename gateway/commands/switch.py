"""`sekisho switch …`: turn a policy's switches on and off. Needs neither Redis nor the provider."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, say
from gateway.instant import tokyo_time
from gateway.observe.events import Event
from gateway.observe.structlog_setup import set_up_logging
from gateway.policy.switches import Switch, SwitchesError, on_now, turned_off, turned_on
from gateway.policy.system_switches import change_switches, load_switches
from gateway.settings.check import read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading, duration_of
from gateway.yaml.mistakes import Mistakes

app = typer.Typer(name="switch", help="Turn the switches that policies name on and off.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The switch, as policies name it.")]

_log = structlog.get_logger()


def _file(config: Path) -> Path:
    """Return the switches' file of a gateway, without asking for its keys and policies."""
    mistakes = Mistakes()
    settings: Settings | None = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    return settings.switches or config.parent / "switches.json"


def _operator() -> str:
    """Return the user at the keyboard, also behind `sudo`: the audit names who turned a switch."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


@contextmanager
def _telling(file: Path) -> Iterator[None]:
    try:
        yield
    except (SwitchesError, OSError) as error:
        reason = f"{file}: {error.strerror}" if isinstance(error, OSError) else str(error)
        say(f"sekisho switch: {reason}", error=True)
        raise typer.Exit(EXIT_USERS) from None


def _shown(name: str, switch: Switch) -> tuple[str, ...]:
    until = tokyo_time(switch.until)
    return (name, f"until {until:%Y-%m-%d %H:%M} JST", f"by {switch.by}", switch.reason)


@app.command()
def on(
    name: Name,
    duration: Annotated[
        str, typer.Option("--for", help="The time for which it stays on: 30m, 72h, 7d.", metavar="TIME")
    ],
    reason: Annotated[str, typer.Option("--reason", help="The reason; the audit records it.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Turn a switch on; it ends by itself. Every worker follows within two seconds."""
    length = duration_of(duration)
    if length is None:
        say(f"sekisho switch: `{duration}` is not a length of time; write 30m, 72h or 7d", error=True)
        raise typer.Exit(EXIT_USERS)
    file, now = _file(config), time.time()
    switch = Switch(now, now + length, _operator(), reason)
    with _telling(file):
        change_switches(file, lambda switches: turned_on(switches, name, switch))
    say(*_shown(name, switch))
    _audit("on", name, switch.by, reason)


@app.command()
def off(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="The reason; the audit records it.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Turn a switch off before its time."""
    file = _file(config)
    with _telling(file):
        change_switches(file, lambda switches: turned_off(switches, name, time.time()))
    say(name, "off")
    _audit("off", name, _operator(), reason)


@app.command("list")
def list_switches(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show the switches that are on, until when, by whom and why."""
    file = _file(config)
    with _telling(file):
        switches = on_now(load_switches(file), time.time())
    for name, switch in switches.items():
        say(*_shown(name, switch))


def _audit(turned: str, name: str, operator: str, reason: str) -> None:
    set_up_logging()
    _log.info(Event.SWITCH_TURNED, name=name, turned=turned, operator=operator, words=reason)
