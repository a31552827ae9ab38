"""`sekisho contract …`: what was filed with the agency, beside what runs, and the days until a wished date."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from gateway.bounded_files import MIB, read_file
from gateway.commands.registration import make_sheets
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, language, say
from gateway.login.agency_forms import OPEN_DAYS_BEFORE, PREPARATION, differences, latest_filing_day
from gateway.login.registration import fields_of, sheets_json
from gateway.process.configuration import read_configuration
from gateway.strict_json import read_json
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(name="contract", help="Compare the filed forms with what runs, and count days.", no_args_is_help=True)

EXIT_DIFFERS = 3
"""`diff`: the filed forms and the configuration disagree."""


@app.command()
def diff(
    filed: Annotated[Path, typer.Argument(help="The file that `sekisho registration --save` wrote.", metavar="FILED")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show where the filed forms and the configuration disagree: exit 3 if they do."""
    said = language()
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    before = _read(filed)
    now = {sheet["client_id"]: sheet["fields"] for sheet in json.loads(sheets_json(make_sheets(configuration)))}
    differs = False
    for client in dict.fromkeys((*before, *now)):
        for name, was, is_now in differences(before.get(client, {}), now.get(client, {})):
            differs = True
            words = Phrase(f"filed {was}, now {is_now}", f"届出 {was}、現在 {is_now}")
            say(client, name, words.say(said))
    if differs:
        raise typer.Exit(EXIT_DIFFERS)
    say(Phrase("the filed forms say what the configuration says", "届出と現在の設定は一致しています").say(said))


@app.command()
def calendar(
    wished: Annotated[str, typer.Argument(help="The wished date, `2027-01-15`.", metavar="DATE")],
) -> None:
    """Say until when the forms must be filed for a wished date, and what to look at before."""
    said = language()
    try:
        day = date.fromisoformat(wished)
    except ValueError:
        wrong = Phrase(
            f"`{wished}` is not a date: write `2027-01-15`",
            f"`{wished}` は日付ではありません。2027-01-15 のように書いてください",
        )
        say(wrong.say(said), error=True)
        raise typer.Exit(EXIT_USERS) from None
    last = latest_filing_day(day)
    filing = Phrase(
        f"file the forms by {last}: {OPEN_DAYS_BEFORE} open days lie before {day}",
        f"{day} の設定を希望する場合、{last} までに提出します（その間に{OPEN_DAYS_BEFORE}開庁日）",
    )
    say(filing.say(said))
    say(Phrase("before form 3 (事前準備契約申込書):", "③事前準備契約申込書を出す前に：").say(said))
    for point in PREPARATION:
        say(f"  □ {point}")


def _read(file: Path) -> dict[str, dict[str, object]]:
    """Return the fields of each client of a file; exit 2 where it has another shape."""
    try:
        return fields_of(read_json(read_file(file, MIB), MIB))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        say(f"{file}: {reason}", error=True)
        raise typer.Exit(EXIT_USERS) from None
