"""`sekisho subjects list …`: shows and changes the lists of persons that policies name (`subject: {in: FILE}`).

A person's code comes from standard input or from a file, one a line: a process listing shows every argument.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Annotated

import typer

from gateway.bounded_files import MIB, read_file
from gateway.commands.terminal import EXIT_USERS, fail, language, say
from gateway.instant import tokyo_day
from gateway.policy.authoring.subject_list import SubjectList, read_list, with_entries, without_entries
from gateway.policy.reading.meant import day_of
from gateway.policy.subject_code import fold_code, show_code
from gateway.whole_files import held, replace_whole
from gateway.yaml.mistakes import Mistakes, Phrase, Where

app = typer.Typer(name="list", help="Show and change the lists of persons that policies name.", no_args_is_help=True)

LONGEST_LIST = 4 * MIB

ListFile = Annotated[Path, typer.Argument(help="The list, YAML or CSV.", metavar="LIST")]
Codes = Annotated[
    Path | None,
    typer.Option(
        "--from", help="Read the codes, one a line, from this file and not from standard input.", metavar="FILE"
    ),
]


@app.command()
def show(file: ListFile) -> None:
    """Show each person's code, the last day, and whether the entry is over; the notes stay in the file."""
    mistakes = Mistakes()
    listed = _read(file, mistakes)
    if listed is None:
        raise fail(mistakes)
    today = tokyo_day(time())
    over = Phrase("over", "期限切れ").say(language())
    for entry in listed.entries.values():
        state = over if entry.until is not None and entry.until < today else ""
        say(show_code(entry.code), "" if entry.until is None else entry.until.isoformat(), state)


@app.command()
def add(
    file: ListFile,
    codes: Codes = None,
    until: Annotated[
        str | None, typer.Option("--until", help="The last day on which the entry counts, `2027-03-31`.", metavar="DAY")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="A note for the office, without anything of the person.")] = "",
) -> None:
    """Add persons until the end of a day, by the codes that they read out; one who is there gets the new day."""
    day = None if until is None else day_of(until)
    if until is not None and day is None:
        what = Phrase(
            f"`{until}` is not a day: write `2027-03-31`",
            f"`{until}` は日付ではありません。2027-03-31 のように書いてください",
        )
        say(what.say(language()), error=True)
        raise typer.Exit(EXIT_USERS)
    mistakes = Mistakes()
    with _changing(file, mistakes) as listed:
        wanted = _codes(codes, mistakes)
        data = None if mistakes else with_entries(listed, wanted, day, note, mistakes)
        if data is None:
            raise fail(mistakes)
        replace_whole(file, data)
    new = [code for code in wanted if code not in listed.entries]
    changed = len(wanted) - len(new)
    said = Phrase(f"{len(new)} added, {changed} changed", f"{len(new)}件を追加、{changed}件を変更しました")
    say(said.say(language()))


@app.command()
def remove(file: ListFile, codes: Codes = None) -> None:
    """Remove persons by their codes; a code that is not in the list is a mistake, and nothing is removed."""
    mistakes = Mistakes()
    with _changing(file, mistakes) as listed:
        wanted = _codes(codes, mistakes)
        for code in wanted:
            if code not in listed.entries:
                what = Phrase(f"`{show_code(code)}` is not in the list", f"`{show_code(code)}` は一覧にありません")
                mistakes.add(Where(listed.file), what)
        data = None if mistakes else without_entries(listed, wanted, mistakes)
        if data is None:
            raise fail(mistakes)
        replace_whole(file, data)
    say(Phrase(f"{len(wanted)} removed", f"{len(wanted)}件を外しました").say(language()))


@contextmanager
def _changing(file: Path, mistakes: Mistakes) -> Iterator[SubjectList]:
    """Yield the list while no other command changes it."""
    try:
        with held(file):
            listed = _read(file, mistakes)
            if listed is None:
                raise fail(mistakes)
            yield listed
    except OSError as error:
        say(f"{file}: {error.strerror}", error=True)
        raise typer.Exit(EXIT_USERS) from None


def _read(file: Path, mistakes: Mistakes) -> SubjectList | None:
    try:
        return read_list(read_file(file, LONGEST_LIST), str(file), mistakes)
    except OSError as error:
        reason = error.strerror or "unreadable"
        mistakes.add(Where(str(file)), Phrase(f"cannot be read: {reason}", f"読めません（{reason}）"))
    except ValueError as error:
        mistakes.add(Where(str(file)), Phrase(str(error)))
    return None


def _codes(file: Path | None, mistakes: Mistakes) -> list[str]:
    """Return the codes that were given, each once; every one that is no code is a mistake."""
    name = "-" if file is None else str(file)
    try:
        data = sys.stdin.buffer.read(MIB + 1) if file is None else read_file(file, MIB)
    except (OSError, ValueError) as error:
        mistakes.add(Where(name), Phrase(str(error)))
        return []
    found: dict[str, None] = {}
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        text = line.strip()
        if not text:
            continue
        code = fold_code(text)
        if code is None:
            what = Phrase(f"`{text}` is no code of a person", f"`{text}` は本人のコードではありません")
            remedy = Phrase(
                "have her read it once more; one sign is wrong", "もう一度確かめてください。一文字違っています"
            )
            mistakes.add(Where(name, number), what, remedy)
        else:
            found[code] = None
    if not found and not mistakes:
        mistakes.add(Where(name), Phrase("there is no code", "コードがありません"))
    return list(found)
