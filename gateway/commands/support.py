"""`sekisho support`: leads from the number that a person reads out to the lines about her request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.system_segments import lines_of, segments_in
from gateway.commands.log_files import opened_log, telling
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, language, say, say_json
from gateway.request.support import fold_support, support_number
from gateway.settings.check import read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading
from gateway.strict_json import NotJsonError, read_json_object
from gateway.yaml.mistakes import Mistakes, Phrase

_REQUEST_ID = re.compile(rb"""request_id["']?\s*[:=]\s*["']?([A-Za-z0-9._+/=-]{1,200})""")
"""The id in a line of JSON, of a terminal, or of a journal that wrote something in front."""

LONGEST_LINE = 1024 * 1024
"""Bytes of a line that is read at once: the longest line of ours is far shorter."""


def no_number(written: str) -> Phrase:
    """Say that something is no number that a page of ours shows."""
    return Phrase(
        f"`{written}` is no number of a page: it has eight characters, as in K7QM-2XHD, and never 0, 1, I or O",
        f"`{written}` は画面の番号ではありません。K7QM-2XHD のような8文字で、0・1・I・O は使いません",
    )


def support(
    number: Annotated[str, typer.Argument(help="The number as the person reads it out, such as K7QM-2XHD.")],
    logs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files of log lines, `.gz` too; `-` is standard input. Without one, `access_log` and the audit trail.",
            metavar="[LOG…]",
        ),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Print the lines about the request whose number a person reads out; exit 2 if there is none.

    Behind systemd: journalctl -u sekisho -o cat --since today | sekisho support K7QM-2XHD -
    """
    wanted = fold_support(number)
    if wanted is None:
        raise _refused(no_number(number))
    found = 0
    places = [_of_file(each) for each in logs] if logs else _of_settings(config)
    for lines in places:
        for line in of_number(lines, wanted):
            found += 1
            _tell(line)
    if not found:
        raise _refused(
            Phrase(f"no line is about a request with the number {wanted}", f"番号 {wanted} の要求の行はありません")
        )


def of_number(lines: Iterable[bytes], wanted: str) -> Iterator[bytes]:
    """Yield the lines about the requests of a number."""
    for line in lines:
        ids = {each.decode() for each in _REQUEST_ID.findall(line)}
        if any(support_number(each) == wanted for each in ids):
            yield line


def _tell(line: bytes) -> None:
    text = line.decode(errors="replace").rstrip("\r\n")
    try:
        read_json_object(line, LONGEST_LINE)
    except NotJsonError:
        say(text)
    else:
        say_json(text)


def _of_file(file: Path) -> Iterator[bytes]:
    """Yield lines; one that is too long comes in pieces, and takes no memory."""
    with opened_log(file, "support") as lines:
        while line := lines.readline(LONGEST_LINE):
            yield line


def _of_settings(config: Path) -> list[Iterator[bytes]]:
    """Return the lines of the files that the settings name: the access log, and the audit trail."""
    mistakes = Mistakes()
    settings = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    places = []
    if _has_access_log(settings):
        places.append(_of_file(config.parent / str(settings.access_log)))
    folder = settings.audit.directory
    if folder is not None:
        places.append(_of_trail(folder))
    if not _has_access_log(settings):
        elsewhere = Phrase(
            "access lines go to standard error: pipe them in, "
            "journalctl -u sekisho -o cat --since today | sekisho support NUMBER -",
            "アクセスログは標準エラー出力に出ています。次のように渡してください："
            "journalctl -u sekisho -o cat --since today | sekisho support 番号 -",
        )
        if not places:
            raise _refused(elsewhere)
        say(f"sekisho support: {elsewhere.say(language())}", error=True)
    return places


def _has_access_log(settings: Settings) -> bool:
    return settings.access_log not in (None, "off", "stderr")


def _of_trail(folder: Path) -> Iterator[bytes]:
    with telling(folder, "support"):
        for file in segments_in(folder):
            yield from lines_of(file)


def _refused(what: Phrase) -> typer.Exit:
    say(f"sekisho support: {what.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)
