"""`sekisho apps …`: what the applications' own pages and people's browsers ran into at the gateway."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.log_files import opened_log, whole_lines
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, language, say
from gateway.console.refusals import Refusals, remedy
from gateway.policy.authoring.access_lines import LONGEST_LINE
from gateway.settings.check import read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(name="apps", help="Look at the applications behind the gateway.", no_args_is_help=True)

_DAY = 86_400.0

_HEAD = (
    Phrase("app", "App"),
    Phrase("count", "件数"),
    Phrase("method", "メソッド"),
    Phrase("host", "ホスト"),
    Phrase("path", "パス"),
    Phrase("reason", "理由"),
    Phrase("setting that would admit it", "許すための設定"),
    Phrase("for example", "例"),
)


@app.callback()
def apps() -> None:
    """Take a command's name, although there is one command today."""


@app.command()
def report(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Access logs, `.gz` too; `-` is standard input. Without one, `access_log` of the settings.",
            metavar="LOG…",
        ),
    ] = None,
    days: Annotated[float, typer.Option("--days", help="The days to look back.", min=0.01, max=366.0)] = 7.0,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """List the refused requests of each App, with the setting that would admit them.

    Rows of people who were not signed in are the style sheets, pictures and scripts that a policy refused them.
    """
    found = Refusals(time.time() - days * _DAY)
    for log in logs or [_own_log(config)]:
        with opened_log(log, "apps") as lines:
            for line in whole_lines(lines, LONGEST_LINE):
                found.take(line)
    tongue = language()
    if not found.lines:
        nothing = Phrase(
            f"no access line of the last {days:g} days ({found.unread} other lines)",
            f"直近 {days:g} 日のアクセスログの行がありません（ほかの行 {found.unread}）",
        )
        say(nothing.say(tongue), error=True)
        return
    say(*(title.say(tongue) for title in _HEAD))
    for refusal, count, example in found.rows():
        setting = remedy(refusal).say(tongue)
        say(
            refusal.app or "-",
            count,
            refusal.method or "-",
            refusal.host or "-",
            refusal.place or "-",
            refusal.reason,
            setting,
            example or "-",
        )
    if found.left_out:
        more = Phrase(f"{found.left_out} more refused requests", f"ほかに {found.left_out} 件の拒否")
        say(more.say(tongue), error=True)


def _own_log(config: Path) -> Path:
    mistakes = Mistakes()
    settings = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    if settings.access_log in (None, "off", "stderr"):
        why = Phrase(
            f"`access_log` of {config} names no file: give the files to read",
            f"{config} の `access_log` はファイルではありません。読むファイルを指定してください",
        )
        say(f"sekisho apps: {why.say(language())}", error=True)
        raise typer.Exit(EXIT_USERS)
    return config.parent / str(settings.access_log)
