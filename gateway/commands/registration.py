"""`sekisho registration`: what to write on the agency's forms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, AsJson, ConfigFile, fail, say, say_json, say_text
from gateway.login.agency_forms import KEYS
from gateway.login.keys import KeySet
from gateway.login.registration import Sheet, registration_sheet, sheet_text, sheets_json
from gateway.policy.decide import CompiledPolicy
from gateway.process.configuration import Configuration, apps_of, read_configuration
from gateway.yaml.mistakes import Mistakes


def registration(
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="List the keys of `registration` with the fields that they fill in.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep what is filed in this file, for `sekisho contract diff`.")
    ] = None,
) -> None:
    """Fill in the agency's forms from the settings and policies, and mark what is missing."""
    if keys:
        for key, (form, name) in KEYS.items():
            say(key, form, name)
        return
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    sheets = make_sheets(configuration)
    if save is not None:
        _save(sheets, save)
    if as_json:
        say_json(sheets_json(sheets))
    else:
        say_text("\n".join(sheet_text(sheet) for sheet in sheets))


def _save(sheets: list[Sheet], file: Path) -> None:
    try:
        with file.open("x", encoding="utf-8") as kept:
            kept.write(sheets_json(sheets) + "\n")
    except OSError as error:
        say(f"{file}: {error.strerror}", error=True)
        raise typer.Exit(EXIT_USERS) from None


def make_sheets(configuration: Configuration) -> list[Sheet]:
    """Return a sheet for each client."""
    settings = configuration.settings
    used = {app.name: CompiledPolicy(configuration.policies[app.policy.file]).scopes for app in settings.apps}
    sheets = []
    for client_id, client in configuration.clients().items():
        apps = apps_of(settings, client_id)
        keys = configuration.client_keys.get(client_id, KeySet(()))
        sheets.append(registration_sheet(client, apps, used, keys, settings.prefix, settings.signing))
    return sheets
