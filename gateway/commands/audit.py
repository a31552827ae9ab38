"""`sekisho audit …`: verify the audit trail, search it, and hand it over to others."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from gateway.audit.chain import BadLineError, place_of, read_line
from gateway.audit.checkpoint import Checkpoint, Unsigned, Verifier, checkpoints_in
from gateway.audit.entry import Action, moment, person_by_code
from gateway.audit.search import COLUMNS, Query, cells_of, csv_line, told
from gateway.audit.system_segments import COMMAND, by_writer, lines_of, segments_in
from gateway.audit.verification import Finding, Remark, Segment, Wrong, compared, read_segment, wanted_of
from gateway.bounded_files import read_file
from gateway.commands.support import no_number
from gateway.commands.terminal import (
    DEFAULT_CONFIG,
    EXIT_USERS,
    ConfigFile,
    fail,
    language,
    say,
    say_json,
    typed_or_read,
)
from gateway.login.jwks import read_jwks
from gateway.login.keys import LONGEST_FILE
from gateway.policy.subject_code import fold_code
from gateway.process.audit_trail import verifier_of
from gateway.process.configuration import read_audit_keys
from gateway.request.support import fold_support
from gateway.settings.check import read_settings
from gateway.settings.settings import AuditSettings
from gateway.settings.typed import Reading
from gateway.strict_json import NotJsonError
from gateway.yaml.mistakes import Mistakes, Phrase, Where

app = typer.Typer(name="audit", help="Verify, search and export the audit trail.", no_args_is_help=True)

EXIT_WRONG = 3
"""The trail was read, and something in it is wrong."""

Folder = Annotated[
    Path | None, typer.Option("--directory", help="The trail's folder, if it is not `audit.directory` of the settings.")
]
Since = Annotated[str, typer.Option("--since", help="From this time on: RFC 3339, or a day in UTC.", metavar="TIME")]
Until = Annotated[str, typer.Option("--until", help="Before this time.", metavar="TIME")]
App = Annotated[str, typer.Option("--app", help="An App's entries.")]
RuleName = Annotated[str, typer.Option("--rule", help="A rule's entries, as `policy/rule`; or a whole policy's.")]
Pseudonym = Annotated[str, typer.Option("--pseudonym", help="A person's entries.")]
Code = Annotated[
    str, typer.Option("--code", help="Entries about a person whom operators knew by her code; `-` reads it from stdin.")
]
Who = Annotated[str, typer.Option("--operator", help="An operator's entries, by any of her names.")]
What = Annotated[str, typer.Option("--action", help="The entries of one action.")]
RequestId = Annotated[str, typer.Option("--request-id", help="One request's entries.")]
Number = Annotated[
    str, typer.Option("--support", help="Those of the request whose number of eight characters a person read out.")
]

_SAID: dict[Wrong | Remark, Phrase] = {
    Wrong.CHANGED: Phrase("the line was changed", "行が書き換えられています"),
    Wrong.OUT_OF_PLACE: Phrase(
        "the line does not follow the one before: it was added or moved",
        "前の行に続いていません。追加されたか、順序が変えられています",
    ),
    Wrong.MISSING: Phrase("lines are missing before this one", "この行の前の行がありません"),
    Wrong.FOREIGN: Phrase("it belongs to another file", "別のファイルのものです"),
    Wrong.SIGNATURE: Phrase("the signature does not fit", "署名が一致しません"),
    Wrong.UNSIGNED: Phrase("a signature is missing that had to be here", "あるはずの署名がありません"),
    Wrong.CUT: Phrase("the end of the file is missing behind this line", "この行の後の、ファイルの末尾がありません"),
    Wrong.AFTER_END: Phrase("it stands behind the recorded end", "記録された末尾の後にあります"),
    Wrong.REWRITTEN: Phrase("it is not the line that was recorded elsewhere", "別の場所に記録された行と異なります"),
    Wrong.FILE_MISSING: Phrase("the file is missing", "ファイルがありません"),
    Remark.TORN: Phrase("half a line, as a crash leaves it", "途中で切れた行です（異常終了の跡）"),
    Remark.OPEN: Phrase(
        "no end: the writer still runs, or has crashed", "終わりの行がありません（書き込み中か、異常終了）"
    ),
    Remark.REMOVED: Phrase("removed because of its age, on record", "保存期間が過ぎて削除された記録があります"),
    Remark.TOO_OLD: Phrase("removed because of its age", "保存期間が過ぎて削除されています"),
    Remark.LOST: Phrase("entries before this line could not be written", "この行の前の記録を書き込めませんでした"),
}


class _Trail(NamedTuple):
    folder: Path
    settings: AuditSettings | None
    verifier: Verifier | None


def _refused(what: Phrase) -> typer.Exit:
    say(f"sekisho audit: {what.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)


def _trail(config: Path, folder: Path | None, keys: Path | None = None, *, verifies: bool = False) -> _Trail:
    """Return the trail's place; the settings are not needed where everything is named."""
    settings: AuditSettings | None = None
    verifier = None if keys is None else _public(keys)
    if folder is None or (verifies and keys is None):
        mistakes = Mistakes()
        reading = Reading(config.parent, mistakes, {"": Where(str(config))})
        whole = read_settings(config, reading)
        if whole is None:
            raise fail(mistakes)
        settings = whole.audit
        folder = folder or settings.directory
        if verifies and verifier is None:
            key_set = read_audit_keys(whole, reading, os.environ)
            if len(mistakes):
                raise fail(mistakes)
            verifier = None if key_set is None else verifier_of(key_set)
    if folder is None or (verifies and verifier is None):
        raise _refused(
            Phrase(
                "the settings keep no audit trail: `audit.directory` is not set",
                "監査証跡の設定（`audit.directory`）がありません",
            )
        )
    return _Trail(folder, settings, verifier)


def _public(file: Path) -> Verifier:
    try:
        keys = read_jwks(read_file(file, LONGEST_FILE), LONGEST_FILE).keys
    except (OSError, NotJsonError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise _refused(Phrase(f"`{file}` cannot be used: {why}")) from None
    return Verifier({key.kid: key.key for key in keys if key.kid is not None})


def _files(folder: Path) -> list[Path]:
    try:
        return segments_in(folder)
    except OSError as error:
        raise _refused(Phrase(f"`{folder}` cannot be read: {error.strerror}")) from None


@app.command()
def verify(
    config: ConfigFile = DEFAULT_CONFIG,
    folder: Folder = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="The trail's public keys, of `sekisho keys jwks`; else those of the settings."),
    ] = None,
    mirrors: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoints", help="A file with signatures kept elsewhere; repeat for more. Else `audit.mirror`."
        ),
    ] = None,
) -> None:
    """Verify every file of the trail; exit 3 if anything was changed, added, moved or removed."""
    trail = _trail(config, folder, keys, verifies=True)
    verifier = trail.verifier
    if verifier is None:
        raise RuntimeError("a trail to be verified has no keys")
    if not mirrors and trail.settings is not None and trail.settings.mirror is not None:
        mirrors = [trail.settings.mirror]
    checkpoints = [each for file in mirrors or () for each in _checkpoints(file, verifier)]
    wanted = wanted_of(checkpoints)
    found: list[Segment] = []
    for path in _files(trail.folder):
        place = place_of(path.name)
        if place is not None:
            try:
                found.append(read_segment(place, lines_of(path), verifier, wanted.get(path.name)))
            except FileNotFoundError:
                # A writer has removed it just now, and recorded that in a file that is read later.
                continue
            except OSError as error:
                raise _refused(Phrase(f"`{path}` cannot be read: {error.strerror}")) from None
    report = compared(found, wanted, time.time())
    for finding in report.remarks:
        # The commands' file is open until the next one begins.
        if finding.what is not Remark.OPEN or not finding.file.startswith(f"{COMMAND}."):
            _say(finding, error=False)
    for finding in report.faults:
        _say(finding, error=True)
    counted = (report.files, report.lines, len(checkpoints))
    if report.faults:
        first = Phrase(
            f"the trail is NOT whole: {len(report.faults)} places",
            f"監査証跡は完全ではありません（{len(report.faults)} 箇所）",
        )
        say(first.say(language()), error=True)
        raise typer.Exit(EXIT_WRONG)
    good = Phrase(
        "good: {} files, {} lines, {} signatures kept elsewhere".format(*counted),
        "問題ありません（ファイル {}、行 {}、別の場所の署名 {}）".format(*counted),
    )
    say(good.say(language()))


def _checkpoints(file: Path, verifier: Verifier) -> list[Checkpoint]:
    """Return the signatures of a file; one that no key of ours has made says nothing, and is told."""
    found = []
    try:
        for number, line in enumerate(lines_of(file), 1):
            for signed in checkpoints_in(line.decode(errors="replace")):
                try:
                    found.append(verifier.read(signed))
                except Unsigned:
                    what = Phrase("a signature of no key of ours", "署名した鍵が不明です")
                    say(f"{file}:{number}", what.say(language()), error=True)
    except OSError as error:
        raise _refused(Phrase(f"`{file}` cannot be read: {error.strerror}")) from None
    return found


def _say(finding: Finding, *, error: bool) -> None:
    words = _SAID[finding.what].say(language())
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    count = [finding.count] if finding.count else []
    say(place, f"sequence {finding.sequence}", finding.what.value, words, *count, error=error)


@app.command()
def search(  # noqa: PLR0913, PLR0917 - one parameter an option
    since: Since = "",
    until: Until = "",
    app_name: App = "",
    rule: RuleName = "",
    pseudonym: Pseudonym = "",
    code: Code = "",
    operator: Who = "",
    action: What = "",
    request_id: RequestId = "",
    support: Number = "",
    folder: Folder = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show entries in the order of time: who did what to whom, by which rule and why."""
    query = _query(since, until, app_name, rule, _person(pseudonym, code), operator, action, request_id, support)
    for fields, _ in _found(_trail(config, folder).folder, query):
        say(*told(fields))


@app.command()
def export(  # noqa: PLR0913, PLR0917 - one parameter an option
    form: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help="JSON Lines, or CSV.")] = "jsonl",
    since: Since = "",
    until: Until = "",
    app_name: App = "",
    rule: RuleName = "",
    pseudonym: Pseudonym = "",
    code: Code = "",
    operator: Who = "",
    action: What = "",
    request_id: RequestId = "",
    support: Number = "",
    folder: Folder = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Print entries for another program. In CSV, a cell that a spreadsheet would compute begins with `'`."""
    query = _query(since, until, app_name, rule, _person(pseudonym, code), operator, action, request_id, support)
    if form == "csv":
        say(csv_line(list(COLUMNS)))
    for fields, line in _found(_trail(config, folder).folder, query):
        if form == "csv":
            say(csv_line(cells_of(fields)))
        else:
            say_json(line.decode().removesuffix("\n"))


def _person(pseudonym: str, code: str) -> str:
    if not code:
        return pseudonym
    folded = fold_code(typed_or_read(code))
    if folded is None or pseudonym:
        raise _refused(Phrase("name the person by her pseudonym or by her code"))
    return person_by_code(folded)


def _query(  # noqa: PLR0913, PLR0917 - one parameter an option
    since: str,
    until: str,
    app_name: str,
    rule: str,
    pseudonym: str,
    operator: str,
    action: str,
    request_id: str,
    support: str,
) -> Query:
    if action and action not in tuple(Action):
        raise _refused(Phrase(f"`{action}` is none of {', '.join(Action)}"))
    number = fold_support(support)
    if support and number is None:
        raise _refused(no_number(support))
    return Query(
        _time(since), _time(until), app_name, rule, pseudonym, operator, action, request_id, support=number or ""
    )


def _time(text: str) -> float | None:
    try:
        return moment(text) if text else None
    except ValueError:
        what = f"`{text}` is no time; write 2026-11-23 or 2026-11-23T12:00:00+09:00"
        raise _refused(Phrase(what, f"`{text}` は日時として読めません")) from None


def _found(folder: Path, query: Query) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield the entries that fit, of all writers, in the order of time."""
    bad = 0

    def of_writer(paths: list[Path]) -> Iterator[tuple[str, str, int, dict[str, Any], bytes]]:
        nonlocal bad
        for path in paths:
            for line in lines_of(path):
                try:
                    read = read_line(line)
                except BadLineError:
                    bad += 1
                    continue
                if query.fits(read.fields):
                    fields = {**read.fields, "sequence": read.head.sequence, "hash": read.head.hash}
                    yield str(fields.get("time")), path.name, read.head.sequence, fields, line

    try:
        for *_, fields, line in heapq.merge(
            *map(of_writer, by_writer(_files(folder)).values()), key=lambda each: each[:3]
        ):
            yield fields, line
    except OSError as error:
        raise _refused(Phrase(f"`{folder}` cannot be read: {error.strerror}")) from None
    if bad:
        what = Phrase(
            f"{bad} lines do not agree with their hash and were passed over: run `sekisho audit verify`",
            f"ハッシュと一致しない {bad} 行を飛ばしました。`sekisho audit verify` で確かめてください",
        )
        say(f"sekisho audit: {what.say(language())}", error=True)
