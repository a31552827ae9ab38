"""`sekisho switch …`: turn the switches of all nodes on and off. Needs neither Redis nor the provider.

The command writes a file of this node, whose workers tell the others. It asks Redis for what the other nodes said, and
goes on without that where Redis does not answer.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.audit.entry import Action
from gateway.commands.fleet import FleetAway, ask, for_people
from gateway.commands.recorded import Operator, Reason, recorded
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, language, log_here, say
from gateway.instant import tokyo_time
from gateway.language import Language
from gateway.observe.events import Event
from gateway.policy.reading.parse import load_policy
from gateway.policy.switches import (
    NAME,
    Doubt,
    Switch,
    SwitchesError,
    certainly_off,
    doubt_of,
    merged,
    named_by,
    on_now,
    turned_off,
    turned_on,
)
from gateway.policy.system_switches import change_switches, load_switches
from gateway.process.configuration import fleet_file, sign_outs_file, state_directory
from gateway.settings.check import read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading, duration_of
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(name="switch", help="Turn the switches that policies name on and off.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The switch, as policies name it.")]

_INSIST = Phrase(
    "nothing was turned; `--force` turns it on all the same",
    "何も切り替えていません。このまま入れるには `--force` を付けてください",
)

_NO_LENGTH = Phrase(
    "`{}` is not a length of time; write 30m, 72h or 7d",
    "`{}` は時間の長さとして読めません。30m、72h、7d のように書いてください",
)
_NODES_WAIT = Phrase(
    "the other nodes could not be asked; they follow once Redis answers",
    "ほかのノードに問い合わせられませんでした。Redisが応答すると、ほかのノードにも伝わります",
)
_THIS_NODE = Phrase(
    "the other nodes could not be asked; these are the switches that operators turned on this node",
    "ほかのノードに問い合わせられませんでした。表示しているのは、このノードで切り替えたスイッチです",
)
_MAYBE_ON = Phrase(
    "another node may have turned it on, and none could be asked; `--force` turns it off all the same",
    "ほかのノードで入れたものかもしれませんが、問い合わせられませんでした。このまま切るには `--force` を付けてください",
)

_log = structlog.get_logger()


def _settings(config: Path) -> Settings:
    """Return the settings of a gateway, without asking for its keys and policies."""
    mistakes = Mistakes()
    settings: Settings | None = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    return settings


def _file(config: Path, settings: Settings) -> Path:
    return settings.switches or config.parent / "switches.json"


def _doubt_of(name: str, settings: Settings) -> Doubt | None:
    """Judge a name by the Apps and by the policies that can be read; no broken file keeps a known switch off."""
    files = {file for app in settings.apps for file in (app.policy.file, app.policy.candidate) if file and file.name}
    policies = [load_policy(file, Mistakes()) for file in sorted(files)]
    known = named_by(policy for policy in policies if policy is not None)
    known |= {app.closing_switch for app in settings.apps}
    return doubt_of(name, known, all_read=None not in policies)


def _operator() -> str:
    """Return the user at the keyboard, also behind `sudo`: the audit names who turned a switch."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


@contextmanager
def _telling(file: Path) -> Iterator[None]:
    try:
        yield
    except (SwitchesError, OSError) as error:
        reason = f"{file}: {error.strerror}" if isinstance(error, OSError) else error.said.say(language())
        say(f"sekisho switch: {reason}", error=True)
        raise typer.Exit(EXIT_USERS) from None


def _shown(name: str, switch: Switch) -> tuple[str, ...]:
    until = tokyo_time(switch.until)
    words = (f"people read ({language}): {text}" for language, text in switch.message.items())
    return (name, f"until {until:%Y-%m-%d %H:%M} JST", f"by {switch.by}", switch.reason, *words)


@app.command()
def on(  # noqa: PLR0913, PLR0917 - one parameter an option
    name: Name,
    duration: Annotated[
        str, typer.Option("--for", help="The time for which it stays on: 30m, 72h, 7d.", metavar="TIME")
    ],
    reason: Reason,
    message: Annotated[
        str,
        typer.Option("--message", help="The Japanese sentence on the page, where the switch closes an App."),
    ] = "",
    message_en: Annotated[str, typer.Option("--message-en", help="The same in English.")] = "",
    message_easy: Annotated[str, typer.Option("--message-easy", help="The same in plain Japanese.")] = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
    force: Annotated[
        bool, typer.Option("--force", help="Turn it on though no App and no policy looks at a switch of this name.")
    ] = False,
) -> None:
    """Turn a switch on; it ends by itself. Every worker follows within two seconds, and every node within five."""
    length = duration_of(duration)
    if length is None:
        say(f"sekisho switch: {_NO_LENGTH.say(language()).format(duration)}", error=True)
        raise typer.Exit(EXIT_USERS)
    settings, now = _settings(config), time.time()
    said_to_people = {Language.JA: message, Language.EASY: message_easy, Language.EN: message_en}
    words = {language.value: text for language, text in said_to_people.items() if text.strip()}
    file, switch = _file(config, settings), Switch(now, now + length, _operator(), reason, words)
    with _telling(file):
        # A name that no switch can have gets that answer, and not a guess at another name.
        turned_on({}, name, switch)
    doubt = None if force else _doubt_of(name, settings)
    if doubt is not None:
        said = language()
        say(f"sekisho switch: {doubt.what.say(said)}; {doubt.remedy.say(said)}", error=True)
        if doubt.refuses:
            say(_INSIST.say(said), error=True)
            raise typer.Exit(EXIT_USERS)
    with (
        recorded(config, Action.SWITCH_ON, operator=operator, about=name, reason=reason, settings=settings) as deed,
        _telling(file),
    ):
        deed.tell(names=(_shown(name, switch)[1],))
        others = _others(config, settings)
        change_switches(file, lambda switches: turned_on(switches, name, switch), others)
    say(*_shown(name, switch))
    _audit(config, "on", name, switch.by, reason)


@app.command()
def off(
    name: Name,
    reason: Reason = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
    force: Annotated[
        bool, typer.Option("--force", help="Turn it off though this node cannot know whether it is on.")
    ] = False,
) -> None:
    """Turn a switch off before its time, on every node."""
    settings = _settings(config)
    file, by = _file(config, settings), _operator()
    with (
        recorded(config, Action.SWITCH_OFF, operator=operator, about=name, reason=reason, settings=settings),
        _telling(file),
    ):
        others = _others(config, settings)
        known = name in on_now(merged(load_switches(file), others or {}), time.time())
        if others is None and not known and not force:
            say(f"sekisho switch: `{name}`: {_MAYBE_ON.say(language())}", error=True)
            raise typer.Exit(EXIT_USERS)
        turn = certainly_off if force and NAME.fullmatch(name) else turned_off
        change_switches(file, lambda switches: turn(switches, name, time.time(), by, reason), others)
    say(name, Phrase("off", "切りました").say(language()))
    _audit(config, "off", name, by, reason)


@app.command("list")
def list_switches(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show the switches that are on, until when, by whom and why, and the workers of the fleet that differ."""
    settings, now = _settings(config), time.time()
    file = _file(config, settings)
    said = ask(config, settings)
    with _telling(file):
        known = merged(load_switches(file), {} if said is None or isinstance(said, FleetAway) else said.switches)
        switches = on_now(known, now)
    for name, switch in sorted(switches.items()):
        say(*_shown(name, switch))
    if isinstance(said, FleetAway):
        say(f"sekisho switch: {_THIS_NODE.say(language())} ({said.why})", error=True)
    elif said is not None:
        for each in said.workers:
            # A worker that has ended judges nobody by the switches that it had.
            say(*for_people(each, now), *(() if each.is_silent else _differences(each.view.switches, switches)))


def _differences(on_there: Iterable[str], on: Iterable[str]) -> tuple[str, ...]:
    """Say of a worker which switches it has otherwise than they should be."""
    there, wanted = set(on_there), set(on)
    return (
        *(f"{name} is off there" for name in sorted(wanted - there)),
        *(f"{name} is on there" for name in sorted(there - wanted)),
    ) or ("the same",)


def _others(config: Path, settings: Settings) -> dict[str, Switch] | None:
    """Return the entries of the other nodes; `None` if they are unknown, and an operator is told if nobody answered."""
    said = ask(config, settings)
    if isinstance(said, FleetAway):
        say(f"sekisho switch: {_NODES_WAIT.say(language())} ({said.why})", error=True)
        kept = fleet_file(settings, sign_outs_file(settings, state_directory(os.environ) or config.parent))
        return load_switches(kept) if kept is not None and kept.exists() else None
    return {} if said is None else said.switches


def _audit(config: Path, turned: str, name: str, operator: str, reason: str) -> None:
    log_here(config)
    _log.info(Event.SWITCH_TURNED, name=name, turned=turned, operator=operator, reason=reason)
