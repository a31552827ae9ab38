"""`sekisho policy fmt`: write policies in the house's form, comments kept."""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from gateway.bounded_files import read_file
from gateway.commands.terminal import EXIT_OURS, EXIT_USERS, language, policy_files, say, say_text, write_document
from gateway.policy.authoring.house_form import NotTheSameError, house_form, mended
from gateway.policy.reading.parse import parse_policy
from gateway.whole_files import replace_whole
from gateway.yaml.mistakes import Mistakes, Phrase, Where
from gateway.yaml.read import MAX_BYTES, decode, read_yaml, with_plain_ends
from gateway.yaml.tree import Table

EXIT_DIFFERS = 1
"""`--check`: a file is not in the house's form."""

_STDIN = Path("-")


def fmt(
    files: Annotated[
        list[Path], typer.Argument(help="Policy files, or folders of them; `-` is standard input.", metavar="FILE…")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; show the difference, and exit 1 if there is one.")
    ] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Mend what can only be meant in one way, too: full-width signs, days of an era, brackets."
        ),
    ] = False,
) -> None:
    """Write policies in the house's form: keys in the guide's order, short lists on one line, comments kept.

    A file with a mistake is not touched. With `--fix` each mistake that has one certain cure is mended first.
    """
    mistakes = Mistakes()
    differs = False
    for file in policy_files(files):
        before = _read(file, mistakes)
        if before is None:
            continue
        after = _formed(before, file, mistakes, fix=fix)
        if after is None:
            continue
        if file == _STDIN and not check:
            write_document(after.encode())
        elif before != after:
            differs = True
            _tell(file, before, after, check=check)
    if len(mistakes):
        say_text(mistakes.say(language()), error=True)
        raise typer.Exit(EXIT_USERS)
    if check and differs:
        raise typer.Exit(EXIT_DIFFERS)


def _read(file: Path, mistakes: Mistakes) -> str | None:
    """Return the exact text of a file, which may begin with a BOM and have other line ends."""
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1) if file == _STDIN else read_file(file, MAX_BYTES)
    except OSError as error:
        reason = error.strerror or "unreadable"
        mistakes.add(Where(str(file)), Phrase(f"cannot be read: {reason}", f"読めません（{reason}）"))
        return None
    return None if decode(data, str(file), mistakes) is None else data.decode()


def _formed(text: str, file: Path, mistakes: Mistakes, *, fix: bool) -> str | None:
    """Return a text in the house's form; `None` where a mistake in it is noted."""
    source = with_plain_ends(text)
    if fix:
        source = mended(source, lambda each: _mistakes_of(each, file))
    found = Mistakes()
    tree = read_yaml(source, str(file), found)
    if tree is None or len(found):
        mistakes.extend(found)
        return None
    if not isinstance(tree, Table):
        mistakes.add(tree.where, Phrase("this is not a policy", "ポリシーではありません"))
        return None
    try:
        return house_form(source)
    except NotTheSameError:
        fault = Phrase(
            "a fault of ours: the house's form would say something else, so the file is left as it is",
            "不具合です。整形すると意味が変わるため、何もしませんでした",
        )
        say(f"{file}: {fault.say(language())}", error=True)
        raise typer.Exit(EXIT_OURS) from None


def _mistakes_of(text: str, file: Path) -> Mistakes:
    mistakes = Mistakes()
    parse_policy(text, mistakes, file=str(file), folder=Path() if file == _STDIN else file.parent)
    return mistakes


def _tell(file: Path, before: str, after: str, *, check: bool) -> None:
    """Show the difference, or write the file and say so."""
    if check:
        lines = unified_diff(before.splitlines(), after.splitlines(), str(file), str(file), lineterm="", n=2)
        say_text("\n".join(lines) or Phrase("line ends, or a BOM", "改行か BOM").say(language()))
        return
    try:
        replace_whole(file, after.encode())
    except OSError as error:
        say(f"{file}: {error.strerror}", error=True)
        raise typer.Exit(EXIT_USERS) from None
    say(str(file), Phrase("written in the house's form", "整形しました").say(language()))
