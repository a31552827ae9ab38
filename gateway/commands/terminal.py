"""What every command shares: the language of whoever sits there, exit codes, and how mistakes are said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.yaml.mistakes import Language, Mistakes

EXIT_OURS = 1
"""We failed."""
EXIT_USERS = 2
"""What we were given has a mistake, or an example fails."""

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", help="The gateway's settings.", metavar="gateway.yaml", show_default=True)
]
DEFAULT_CONFIG = Path("gateway.yaml")


def language() -> Language:
    """Return the language of whoever sits at this terminal, by the locale's usual variables."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return Language.JA if value.startswith("ja") else Language.EN
    return Language.EN


def fail(mistakes: Mistakes) -> typer.Exit:
    """Say every mistake on standard error; the caller raises what is returned."""
    typer.echo(mistakes.say(language()), err=True)
    return typer.Exit(EXIT_USERS)
