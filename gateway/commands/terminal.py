"""Every command shares these: the operator's language, exit codes, and the way mistakes are said."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import StoreUnavailableError
from gateway.observe.structlog_setup import line_style, set_up_logging
from gateway.plain_text import printable, printable_json
from gateway.settings.check import read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Language, Mistakes, Phrase, spoken_in

EXIT_OURS = 1
"""We failed."""
EXIT_USERS = 2
"""The user's file has a mistake, or an example fails."""

LONGEST_LINE = 4096
"""Bytes of a line of standard input that stands for an argument."""

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", help="The gateway's settings.", metavar="gateway.yaml", show_default=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other tools.")]

INSTALLED = Path("/etc/sekisho/gateway.yaml")
"""The settings of the service, as the pages and the packages install it."""


def default_config(here: Path = Path("gateway.yaml"), installed: Path = INSTALLED) -> Path:
    """Return the settings of a command that names none: those of this folder, else those of the service.

    An operator at night types `sekisho fleet` wherever she is.
    """
    # `Path.exists` fails for a user who may not enter the folder.
    return here if os.access(here, os.F_OK) or not os.access(installed, os.F_OK) else installed


DEFAULT_CONFIG = default_config()


class Lossy(io.TextIOBase):
    """Standard error for a command: if nobody reads it, the exit code still says how the command ended."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        """Write as much as the reader, or the disk, takes."""
        rest = memoryview(text.encode(self.encoding, self.errors))
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            # A full disk, a reader that is gone: the words are lost, and the command goes on.
            return len(text)
        return len(text)

    def fileno(self) -> int:
        """Return the descriptor, for children and for questions about the terminal."""
        return self._descriptor

    def isatty(self) -> bool:
        """Say whether a person uses the terminal."""
        return os.isatty(self._descriptor)


@contextmanager
def lossy_standard_error() -> Iterator[None]:
    """Let no command fail for want of a place to say something."""
    before = sys.stderr
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        sys.stderr = Lossy(sys.stderr.fileno())
    try:
        yield
    finally:
        sys.stderr = before


def policy_files(named: list[Path]) -> list[Path]:
    """Return the files themselves; of a folder, the policies that lie in it."""
    return [file for path in named for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]


def language() -> Language:
    """Return the operator's language."""
    return spoken_in(os.environ)


def say(*fields: object, error: bool = False) -> None:
    """Print one line, its fields with tabs between them: the only way a command speaks.

    A field may come from a file, a store or the network. The function escapes each character that a terminal would
    obey, a tab and a line end too, so that no field passes for two.
    """
    typer.echo("\t".join(printable(str(field)) for field in fields), err=error)


def say_text(text: str, *, error: bool = False) -> None:
    """Print text of several lines that was made here: its line ends and tabs are ours, everything else is escaped."""
    for line in text.split("\n"):
        say(*line.split("\t"), error=error)


def say_json(document: str) -> None:
    """Print JSON that means the same to every parser, and that a terminal only draws."""
    typer.echo(printable_json(document.encode("utf-8", "surrogatepass")).decode())


def write_document(document: bytes) -> None:
    """Write a document's exact bytes, whose hash somebody takes; to a terminal, as text that it only draws."""
    if sys.stdout.isatty():
        say_text(document.decode("utf-8", "replace").removesuffix("\n"))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(document)
    sys.stdout.buffer.flush()


def ask(question: str) -> str | None:
    """Print a question, and return the line that answers it without the spaces around it; None at the input's end."""
    typer.echo(printable(question), nl=False)
    line = sys.stdin.readline(LONGEST_LINE)
    return line.strip() if line else None


def typed_or_read(word: str) -> str:
    """Return a word of the command line, or for `-` the next line of standard input.

    A process listing and the shell's history show every argument; they show nothing of standard input.
    """
    if word != "-":
        return word
    line = sys.stdin.buffer.readline(LONGEST_LINE + 1)
    text = line.decode(errors="replace").rstrip("\r\n")
    if not text or len(line) > LONGEST_LINE or "\ufffd" in text:
        none = Phrase(
            "`-` reads one line of UTF-8 from standard input, and there is none",
            "`-` は標準入力から UTF-8 の 1 行を読みますが、ありません",
        )
        say(none.say(language()), error=True)
        raise typer.Exit(EXIT_USERS)
    return text


def log_here(config: Path) -> None:
    """Have this command's events written to standard error: as text for a person's terminal, else as JSON.

    They bear the node's name from the settings, so that a search by node finds the gateway's lines and a command's.
    """
    settings = read_settings(config, Reading(config.parent, Mistakes()))
    set_up_logging(style=line_style(None if settings is None else settings.node, form=None))


_AWAY = Phrase(
    "the store does not answer (`{}`): look at `sekisho doctor`, and try again",
    "保存先が応答しません（`{}`）。`sekisho doctor` で確かめ、もう一度実行してください",
)


def store_away(command: str, error: StoreUnavailableError) -> typer.Exit:
    """Tell an operator of a store that is away; the caller raises the returned exit."""
    say(f"sekisho {command}: {_AWAY.say(language()).format(error.fault.value)}", error=True)
    return typer.Exit(EXIT_OURS)


def fail(mistakes: Mistakes) -> typer.Exit:
    """Write every mistake to standard error; the caller raises the returned exit."""
    say_text(mistakes.say(language()), error=True)
    return typer.Exit(EXIT_USERS)
