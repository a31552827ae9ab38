"""The command line: `sekisho`. Exit 0 when it went well, 2 for the user's mistake, 1 for ours.

Commands stay thin: what they show is made by the steps, so that a test needs no terminal.
Groups of commands live in `commands/`, one file a group; this page has those a stranger meets first.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from gateway import __version__
from gateway.yaml_files import Language, Mistakes

EXIT_OURS = 1
EXIT_USERS = 2

app = typer.Typer(
    name="sekisho",
    help="An identity-aware gateway: My Number card sign-in in front of applications that know nothing of logins.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sekisho {__version__}")
        raise typer.Exit


@app.callback()
def sekisho(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Take the options that stand before every command."""


@app.command()
def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; SIGHUP reads settings, policies and keys anew."""
    from gateway.workers import run_gateway  # noqa: PLC0415 - the server's libraries are not needed to say --help

    raise typer.Exit(run_gateway(config))


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Read settings and policies as `run` would, and name every mistake with its place."""
    from gateway.configuration import read_configuration  # noqa: PLC0415

    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes)
    if configuration is None or len(mistakes):
        raise fail(mistakes)
    for remark in configuration.remarks:
        typer.echo(f"remark: {remark.say(language())}")
    typer.echo(configuration.summary(language()))


@app.command()
def demo(
    port: Annotated[int, typer.Option(envvar="PORT", help="The port to open in a browser.", min=1, max=65535)] = 8080,
) -> None:
    """Start provider, gateway and two old applications on this machine, to try it out."""
    from gateway.demo.demo import run_demo  # noqa: PLC0415

    raise typer.Exit(asyncio.run(run_demo(port)))


def main() -> None:
    """Run the command line; usage mistakes exit 2, what nobody foresaw exits 1 and says where."""
    try:
        app()
    except Exception:  # noqa: BLE001 - the last stop: whatever gets here is ours, and says where it comes from
        typer.echo("sekisho has failed; this is a defect of ours:", err=True)
        traceback.print_exc()
        sys.exit(EXIT_OURS)
