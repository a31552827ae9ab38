"""`sekisho signature …`: the documents that people sign with their cards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, assert_never

import typer

from gateway.bounded_files import read_file
from gateway.commands.terminal import EXIT_USERS, say, write_document
from gateway.request.kept_form import LARGEST_KEPT, read_form
from gateway.signing.digest import digest_info_base64, sha256_base64
from gateway.signing.document import canonical

app = typer.Typer(name="signature", help="The documents that people sign with their cards.", no_args_is_help=True)


@app.command()
def document(
    form: Annotated[
        str,
        typer.Argument(help="A file with the body that the browser sent; `-` reads standard input.", metavar="FORM"),
    ],
    title: Annotated[str, typer.Option(help="The rule's `title`.")],
    charset: Annotated[
        Literal["utf-8", "cp932", "euc-jp"], typer.Option(help="The App's `charset`, if the form is not in UTF-8.")
    ] = "utf-8",
    write: Annotated[
        Literal["document", "sha256", "digest-info"],
        typer.Option(help="The document itself, or its hash in Base64: plain, or as DER DigestInfo."),
    ] = "document",
) -> None:
    """Write the document that a person signs for a form, byte for byte, or its hash."""
    try:
        body = sys.stdin.buffer.read(LARGEST_KEPT + 1) if form == "-" else read_file(Path(form), LARGEST_KEPT)
        fields = read_form(body.rstrip(b"\r\n").decode("ascii"), charset)
        made = None if fields is None else canonical(fields.fields, title)
    except UnicodeError:
        made = None
    except OSError as error:
        say(f"`{form}` cannot be read: {error.strerror or error}", error=True)
        raise typer.Exit(EXIT_USERS) from None
    if made is None:
        say(
            f"`{form}` is not a form that can be signed: it is application/x-www-form-urlencoded in UTF-8 or the App's "
            f"charset, of at most {LARGEST_KEPT} bytes",
            error=True,
        )
        raise typer.Exit(EXIT_USERS)
    match write:
        case "document":
            write_document(made)
        case "sha256":
            say(sha256_base64(made))
        case "digest-info":
            say(digest_info_base64(made))
        case _:
            assert_never(write)
