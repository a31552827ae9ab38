"""`sekisho upgrade-check`: the effects of the version at hand on an operator's files, before the upgrade."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, language, say, say_text
from gateway.process.configuration import read_configuration
from gateway.setup.upgrade_notes import PART_NAMES, notes_after, said
from gateway.yaml.mistakes import Mistakes, Phrase
from gateway.yaml.read import read_yaml_file

EXIT_CHANGES = 3
"""Nothing is refused, and something changes."""


def upgrade_check(
    config: ConfigFile = DEFAULT_CONFIG,
    since: Annotated[Literal["0.1.0"], typer.Option("--from", help="The version that runs now.")] = "0.1.0",
) -> None:
    """Tell what this version refuses or changes about settings and policies, and about what Redis holds.

    Run it with the new version's program and the old version's files; nothing is changed.
    Exit 0 if nothing concerns these files, 3 if something changes, 2 if this version refuses them.
    """
    spoken = language()
    mistakes = Mistakes()
    read_configuration(config, mistakes, os.environ)
    # The mistakes of a file that is no YAML are among those above.
    settings = read_yaml_file(config, Mistakes())
    if len(mistakes):
        say(Phrase("This version refuses:", "この版は次のものを受け付けません：").say(spoken), error=True)
        say_text(mistakes.say(spoken), error=True)
    notes = notes_after(since, settings) if settings is not None else ()
    if notes:
        say(Phrase(f"Changes since {since}:", f"{since} からの変更：").say(spoken))
    for part, name in PART_NAMES.items():
        for note in notes:
            if note.part == part:
                say(f"  {name.say(spoken)}: {said(note, spoken)}")
    if len(mistakes):
        raise typer.Exit(EXIT_USERS)
    if notes:
        raise typer.Exit(EXIT_CHANGES)
    say(Phrase("Nothing changes for these files.", "これらのファイルに影響する変更はありません。").say(spoken))
