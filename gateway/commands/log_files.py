"""Reads the log files that an operator names: plain ones, `.gz` ones, and standard input."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import typer

from gateway.commands.terminal import EXIT_USERS, language, say
from gateway.yaml.mistakes import Phrase

Stream = IO[bytes] | gzip.GzipFile


@contextmanager
def telling(place: Path, command: str) -> Iterator[None]:
    """Tell the operator of a fault of the file that the block reads, and end the command with exit 2."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        match error:
            case gzip.BadGzipFile() | zlib.error():
                why = Phrase("it is no gzip file, or a damaged one", "gzip のファイルではないか、壊れています")
            case OSError(strerror=str() as reason):
                why = Phrase(reason)
            case _:
                why = Phrase("it is cut off", "途中で切れています")
        say(f"sekisho {command}: {place}: {why.say(language())}", error=True)
        raise typer.Exit(EXIT_USERS) from None


@contextmanager
def opened_log(file: Path, command: str) -> Iterator[Stream]:
    """Open a log, unpacked, for the command of this name; `-` is standard input."""
    with telling(file, command):
        if str(file) == "-":
            yield sys.stdin.buffer
            return
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            yield lines


def whole_lines(lines: Stream, longest: int) -> Iterator[bytes]:
    """Yield the lines that are not empty, and an empty one for each that is longer than `longest` bytes.

    The rest of such a line is read in pieces and dropped, so that none takes much memory.
    """
    while line := lines.readline(longest):
        whole = line
        while line and not line.endswith(b"\n"):
            line = lines.readline(longest)
            if line:
                whole = b""
        if whole.strip() or not whole:
            yield whole
