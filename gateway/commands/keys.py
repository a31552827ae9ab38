"""`sekisho keys …`: the keys we sign with, in files that only their owner reads.

The same commands make the client's keys and the assertion's; the two are never one file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.audit.entry import Action, Entry
from gateway.commands.recorded import Operator, Reason, record_done
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, language, say, say_json, say_text
from gateway.login.jwcrypto_keys import is_private, load_keys, new_key, retire_key, rotate_keys
from gateway.login.keys import KeySetError
from gateway.plain_text import printable
from gateway.yaml.mistakes import Phrase

_PUBLISHED = Phrase(
    "published; let it sign with `keys rotate`", "公開しました。`keys rotate` で署名に使うようになります"
)

app = typer.Typer(name="keys", help="Make, rotate and publish signing keys.", no_args_is_help=True)

KeyFile = Annotated[Path, typer.Argument(help="A JWKS file with private members.", metavar="KEYS.jwks")]


@contextmanager
def _telling(file: Path) -> Iterator[None]:
    """Turn a fault of a key file into a sentence and exit 2."""
    try:
        yield
    except (KeySetError, OSError) as error:
        reason = str(error.strerror) if isinstance(error, OSError) else error.said.say(language())
        say_text("\n".join(f"{printable(str(file))}: {line}" for line in reason.splitlines()), error=True)
        raise typer.Exit(EXIT_USERS) from None


@app.command()
def new(
    file: KeyFile,
    algorithm: Annotated[Literal["ES256", "RS256"], typer.Option("--alg", help="The algorithm of the key.")] = "ES256",
    operator: Operator = "",
    reason: Reason = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Add a key to the file, or begin one (mode 0600). It is published at once; it signs only where it is the first."""
    with _telling(file):
        key = new_key(file, algorithm)
        signs = load_keys(file).signing.kid == key.kid
    say(key.kid, key.alg, "signs" if signs else _PUBLISHED.say(language()))
    _record(config, Action.KEY_MADE, file, key.kid, operator, reason)


@app.command("list")
def list_keys(file: KeyFile) -> None:
    """Show each key's kid, algorithm and role; never a private member."""
    with _telling(file):
        keys = load_keys(file)
        others_can_read = not is_private(file)
    for key in keys.keys:
        say(key.kid, key.alg, "signs" if key is keys.signing else "published")
    if others_can_read:
        others = Phrase(f"others can read it; `chmod 600 {file}`", f"他の利用者が読めます。`chmod 600 {file}`")
        say(f"{file}: {others.say(language())}", error=True)
        raise typer.Exit(EXIT_USERS)


@app.command()
def jwks(file: KeyFile) -> None:
    """Print the public JWKS, as it is registered with the provider; private members are never printed."""
    with _telling(file):
        say_json(load_keys(file).public_jwks().decode())


@app.command()
def rotate(file: KeyFile, operator: Operator = "", reason: Reason = "", config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Let the newest key sign. The old one stays published until `retire`; SIGHUP makes the gateway read the file."""
    with _telling(file):
        kid = rotate_keys(file).kid
    say(kid, "signs")
    _record(config, Action.KEY_ROTATED, file, kid, operator, reason)


# One kid in 64 begins with a hyphen, as a thumbprint may, and is no option for that; nor is an `h` in it `-h`.
@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
def retire(
    file: KeyFile,
    kid: Annotated[str, typer.Argument(help="The key to remove; it must not be the one that signs.")],
    operator: Operator = "",
    reason: Reason = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Remove a key that no longer signs."""
    with _telling(file):
        retire_key(file, kid)
    say(kid, "retired")
    _record(config, Action.KEY_RETIRED, file, kid, operator, reason)


def _record(config: Path, action: Action, file: Path, kid: str, operator: str, reason: str) -> None:
    entry = Entry(action, time.time(), operator=operator, object=kid, names=(str(file.resolve()),), reason=reason)
    record_done(config, [entry])
