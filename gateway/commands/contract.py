"""`sekisho contract …`: what was filed with the agency, beside what runs, and the days until a wished date."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from gateway.bounded_files import MIB, read_file
from gateway.commands.registration import make_sheets
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, language, say
from gateway.instant import tokyo_day
from gateway.login.agency_forms import (
    OPEN_DAYS_BEFORE,
    PREPARATION,
    SIGN_INS,
    SIGNATURES,
    differences,
    filed_number,
    latest_filing_day,
    rotation_days,
    wished_day,
)
from gateway.login.aiohttp_transactions import DAYS, PrometheusError, ask_transactions
from gateway.login.registration import fields_of, sheets_json
from gateway.process.configuration import apps_of, read_configuration
from gateway.strict_json import read_json
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(name="contract", help="Compare the filed forms with what runs, and count days.", no_args_is_help=True)

EXIT_DIFFERS = 3
"""`diff`: the filed forms and the configuration disagree."""


@app.command()
def diff(
    filed: Annotated[Path, typer.Argument(help="The file that `sekisho registration --save` wrote.", metavar="FILED")],
    config: ConfigFile = DEFAULT_CONFIG,
    prometheus: Annotated[
        str | None,
        typer.Option(
            "--prometheus",
            help="Compare the transactions a month, too: the URL of a Prometheus (`http://127.0.0.1:9090`).",
            metavar="URL",
        ),
    ] = None,
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
    if prometheus is not None:
        for client_id in configuration.clients():
            apps = [each.name for each in apps_of(configuration.settings, client_id)]
            differs = _compare_transactions(prometheus, client_id, apps, before.get(client_id, {})) or differs
    if differs:
        raise typer.Exit(EXIT_DIFFERS)
    say(Phrase("the filed forms say what the configuration says", "届出と現在の設定は一致しています").say(said))


@app.command()
def calendar(
    wished: Annotated[str, typer.Argument(help="The wished date, `2027-01-15`.", metavar="DATE")],
    rotation: Annotated[
        bool, typer.Option("--rotation", help="It is the day on which a new client key begins to sign.")
    ] = False,
) -> None:
    """Say until when the forms must be filed for a wished date, and what to look at before.

    With `--rotation`, say each step of a client key's rotation with its day, and how many days are left.
    """
    said = language()
    day = wished_day(wished)
    if day is None:
        wrong = Phrase(
            f"`{wished}` is not a date: write `2027-01-15`",
            f"`{wished}` は日付ではありません。2027-01-15 のように書いてください",
        )
        say(wrong.say(said), error=True)
        raise typer.Exit(EXIT_USERS)
    if rotation:
        _say_rotation(day)
        return
    last = latest_filing_day(day)
    filing = Phrase(
        f"file the forms by {last}: {OPEN_DAYS_BEFORE} open days lie before {day}",
        f"{day} の設定を希望する場合、{last} までに提出します（その間に{OPEN_DAYS_BEFORE}開庁日）",
    )
    say(filing.say(said))
    say(Phrase("before form 3 (事前準備契約申込書):", "③事前準備契約申込書を出す前に：").say(said))
    for point in PREPARATION:
        say(f"  □ {point}")


def _say_rotation(day: date) -> None:
    said = language()
    last, after = rotation_days(day)
    today = tokyo_day(time.time())
    file = Phrase(
        "`sekisho keys new FILE`, reload, and file the new JWKS (form 5) by this day",
        "この日までに、新しい鍵を作り（sekisho keys new FILE）、リロードして、新しいJWKSを⑤で提出する",
    )
    sign = Phrase(
        "`sekisho keys rotate FILE`, reload, `sekisho doctor`",
        "新しい鍵で署名を始める（sekisho keys rotate FILE、リロード、sekisho doctor）",
    )
    remove = Phrase("`sekisho keys retire FILE KID`, reload", "古い鍵を外す（sekisho keys retire FILE KID、リロード）")
    for on, step in ((last, file), (day, sign), (after, remove)):
        left = (on - today).days
        if left >= 0:
            words = Phrase(f"in {left} days", f"あと{left}日")
        else:
            words = Phrase(f"{-left} days ago", f"{-left}日前に過ぎました")
        say(str(on), words.say(said), step.say(said))


def _compare_transactions(prometheus: str, client: str, apps: list[str], filed: Mapping[str, object]) -> bool:
    """Show what was filed beside what Prometheus counted; say whether more was counted than filed."""
    said = language()
    try:
        counted = asyncio.run(ask_transactions(prometheus, apps))
    except PrometheusError as error:
        say(
            Phrase(f"Prometheus at {prometheus}: {error}", f"Prometheus（{prometheus}）：{error}").say(said), error=True
        )
        raise typer.Exit(EXIT_USERS) from None
    more = False
    for name, number in ((SIGN_INS, counted.sign_ins), (SIGNATURES, counted.signatures)):
        before = filed_number(filed, name)
        if before is None and not number:
            continue
        more = more or number > (before or 0)
        words = Phrase(
            f"filed {before if before is not None else 'nothing'}, counted {number} in the last {DAYS} days",
            f"届出 {before if before is not None else '（なし）'}、直近{DAYS}日の実績 {number}",
        )
        say(client, name, words.say(said))
    return more


def _read(file: Path) -> dict[str, dict[str, object]]:
    """Return the fields of each client of a file; exit 2 where it has another shape."""
    try:
        return fields_of(read_json(read_file(file, MIB), MIB))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        say(f"{file}: {reason}", error=True)
        raise typer.Exit(EXIT_USERS) from None
