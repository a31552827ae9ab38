"""`sekisho verify`: check an assertion in a shell, as an application should. Trusts the file it is given alone."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.bounded_files import read_file
from gateway.commands.terminal import EXIT_USERS, say, say_json
from gateway.headers.assertion import LONGEST_ASSERTION, LONGEST_JWKS, AssertionRefusedError
from gateway.headers.assertion import verify as verify_assertion

Keys = Annotated[
    Path, typer.Option("--keys", help="The published keys, as https://HOST/.sekisho/keys/assertion gives them.")
]
Audience = Annotated[str, typer.Option("--audience", help="The App's `url` as in gateway.yaml.")]
Issuer = Annotated[
    str, typer.Option("--issuer", help="The issuer of the assertion, if it is not the audience's origin.")
]
Token = Annotated[str, typer.Argument(help="The value of X-Verified-Assertion; `-` reads it from standard input.")]


def verify(token: Token, keys: Keys, audience: Audience, issuer: Issuer = "") -> None:
    """Check an assertion against published keys and print its claims; exit 2 where it must not be believed."""
    given = sys.stdin.read(LONGEST_ASSERTION + 1).strip() if token == "-" else token  # noqa: S105 (a dash)
    try:
        published = read_file(keys, LONGEST_JWKS).decode()
    except (OSError, UnicodeDecodeError) as error:
        say(f"`{keys}` cannot be read: {type(error).__name__}", error=True)
        raise typer.Exit(EXIT_USERS) from None
    origin = "/".join(audience.split("/")[:3])
    try:
        claims = verify_assertion(given, published, audience=audience, issuer=issuer or origin, now=time.time())
    except AssertionRefusedError as error:
        say(f"refused: {error}", error=True)
        raise typer.Exit(EXIT_USERS) from None
    say_json(json.dumps(claims, ensure_ascii=False, indent=2))
