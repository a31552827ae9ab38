"""`sekisho operators …`: people who may use the console and the sessions API, with a token and roles each."""

from __future__ import annotations

import getpass
import os
import secrets as randomness
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.audit.entry import Action
from gateway.bounded_files import KIB, read_file
from gateway.commands.recorded import Operator, Reason, recorded
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, language, log_here, say
from gateway.observe.events import Event
from gateway.policy.system_whole_file import SECRET_MODE, change_file
from gateway.portal.operators import TOKEN_BYTES, Operators, Role, new_token, read_operators
from gateway.settings.check import read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Language, Mistakes, Phrase, SaidError

LONGEST_FILE = 256 * KIB
"""Bytes of the file of operators."""

app = typer.Typer(
    name="operators", help="Add and remove people who may use the console and its API.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The person's name, as the audit will show it.", metavar="NAME")]

_log = structlog.get_logger()


def _refused(why: Phrase) -> typer.Exit:
    say(f"sekisho operators: {why.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)


def _file(config: Path) -> Path:
    mistakes = Mistakes()
    settings = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    if settings.operators is None or settings.operators.file is None:
        raise _refused(
            Phrase(
                f"{config} names no file of operators: add the line `operators: {{file: operators}}`",
                f"{config} に `operators` のファイルがありません。`operators: {{file: operators}}` と書いてください",
            )
        )
    return settings.operators.file


def _text(file: Path) -> str:
    try:
        return read_file(file, LONGEST_FILE).decode()
    except FileNotFoundError:
        return ""


def _read(file: Path, text: str) -> Operators:
    try:
        return read_operators(text)
    except SaidError as error:
        japanese = error.said.say(Language.JA)
        raise _refused(Phrase(f"{file}: {error}", f"{file}: {japanese}")) from None


@app.command()
def add(
    name: Name,
    roles: Annotated[
        list[Role] | None, typer.Option("--role", help="A role; several times for several. The default is `look`.")
    ] = None,
    operator: Operator = "",
    reason: Reason = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a token for a person: shown once, kept as a hash. A reload (SIGHUP) lets her in."""
    file = _file(config)
    try:
        token, line = new_token(name, randomness.token_bytes(TOKEN_BYTES), roles or (Role.LOOK,))
    except SaidError as error:
        raise _refused(error.said) from None

    def added() -> bytes:
        text = _text(file)
        if name in _read(file, text).names:
            already = Phrase(
                f"`{name}` has a token already: remove it first, which ends its sign-ins",
                f"`{name}` にはもうトークンがあります。先に remove してください（使用中のサインインも終わります）",
            )
            raise _refused(already)
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n".encode()

    with recorded(config, Action.TOKEN_MADE, operator=operator, about=name, reason=reason) as deed:
        deed.tell(names=tuple(sorted(roles or (Role.LOOK,))))
        _change(config, file, added, "add", name)
    shown = Phrase(f"token of {name}, which is not shown again:", f"{name} のトークン（再表示しません）：")
    say(shown.say(language()), token)


@app.command()
def remove(name: Name, operator: Operator = "", reason: Reason = "", config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Take a person's token away; a reload (SIGHUP) ends her sign-ins."""
    file = _file(config)

    def removed() -> bytes:
        text = _text(file)
        if name not in _read(file, text).names:
            raise _refused(Phrase(f"there is no `{name}`", f"`{name}` はいません"))
        kept = [line for line in text.splitlines(keepends=True) if line.partition("#")[0].split()[:1] != [name]]
        return "".join(kept).encode()

    with recorded(config, Action.TOKEN_REMOVED, operator=operator, about=name, reason=reason):
        _change(config, file, removed, "remove", name)
    say(name, Phrase("removed", "削除しました").say(language()))


@app.command("list")
def list_operators(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show who has a token, and with which roles."""
    file = _file(config)
    for operator in _read(file, _text(file)).all:
        say(operator.name, " ".join(sorted(operator.roles)))


def _change(config: Path, file: Path, change: Callable[[], bytes], action: str, name: str) -> None:
    try:
        change_file(file, change, SECRET_MODE)
    except OSError as error:
        raise _refused(Phrase(f"{file}: {error.strerror}")) from None
    log_here(config)
    by = os.environ.get("SUDO_USER") or getpass.getuser()
    _log.info(Event.OPERATORS_CHANGED, action=action, name=name, by=by, file=str(file))
