"""`sekisho subjects …`: what the office says of persons whose subject changed."""

from __future__ import annotations

import getpass
import os
import time
from typing import Annotated

import typer

from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail
from gateway.configuration import read_configuration
from gateway.login.aliases import Alias, AliasError
from gateway.yaml_files import Mistakes

app = typer.Typer(name="subjects", help="Persons as applications know them.", no_args_is_help=True)


@app.callback()
def subjects() -> None:
    """Keep `alias` a command of its own, however few there are."""


@app.command()
def alias(
    new: Annotated[str, typer.Argument(help="The subject the provider says now.")],
    old: Annotated[str, typer.Argument(help="The subject the application knows.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, and how it was made sure who the person is.")],
    client: Annotated[str | None, typer.Option("--client", help="The client, where there are several.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Let a person whose subject changed be known by her old one, from her next sign-in on."""
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    file = configuration.settings.aliases
    clients = configuration.clients()
    if file is None:
        raise _refused("`aliases` is not set in the settings: name a file there")
    if client is None and len(clients) > 1:
        raise _refused(f"there are several clients: say which with --client, of {', '.join(clients)}")
    if client is not None and client not in clients:
        raise _refused(f"there is no client `{client}`, but {', '.join(clients)}")
    said = Alias(client or next(iter(clients)), new, old, reason, getpass.getuser(), time.time())
    try:
        configuration.aliases.and_(said)
        # Appended in one write, so that two who say something at once both do.
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, said.line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except AliasError as error:
        raise _refused(str(error)) from None
    except OSError as error:
        raise _refused(f"{file}: {error.strerror}") from None
    typer.echo("kept; reload the gateway, and end the person's sessions under the new subject")


def _refused(why: str) -> typer.Exit:
    typer.echo(why, err=True)
    return typer.Exit(EXIT_USERS)
