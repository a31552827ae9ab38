"""The lines of a subject list, changed in place: entries come and go, and comments, columns and order stay.

A list is YAML (`- {subject: K7QM-2XHD-9TRC-4WBN, until: 2027-03-31}`, also with its `count`), or CSV as Excel saves
it, in UTF-8 or CP932. A change is a text that is read again: if it does not say what was meant, it is refused.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from gateway.policy.reading.meant import day_of
from gateway.policy.reading.sheets import HEADS, column_of, dashed_day, decoded
from gateway.policy.subject_code import fold_code, show_code
from gateway.yaml.mistakes import Mistakes, Phrase, Where
from gateway.yaml.read import decode, read_yaml
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table

_BOM = b"\xef\xbb\xbf"
_NAME_COLUMNS = Phrase(
    "name the columns in the first row: subject,until,note", "1行目に列名を書いてください: 本人のコード,期限,備考"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry and the lines that it stands on, the first line of the file being 1."""

    code: str
    until: date | None
    note: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class SubjectList:
    """A list as it stands in its file."""

    file: str
    lines: tuple[str, ...]
    """Without their ends."""
    entries: Mapping[str, Listed]
    """By their codes without hyphens."""
    columns: tuple[str, ...] = ()
    """Of a CSV; nothing for YAML."""
    count: tuple[int, int] | None = None
    """The line and column of a stated number of entries."""
    encoding: str = "utf-8"
    end: str = "\n"
    mark: bytes = field(default=b"")
    """The mark of the byte order in front, if there is one."""

    def written(self, lines: Sequence[str]) -> bytes:
        """Return other lines as the file's bytes."""
        return self.mark + "".join(line + self.end for line in lines).encode(self.encoding)


def read_list(data: bytes, file: str, mistakes: Mistakes) -> SubjectList | None:
    """Return the list of a file, by its name CSV or YAML; what cannot be read is a mistake, noted."""
    before = len(mistakes)
    found = (_read_csv if file.lower().endswith(".csv") else _read_yaml)(data, file, mistakes)
    return found if len(mistakes) == before else None


def with_entries(
    listed: SubjectList, codes: Iterable[str], until: date | None, note: str, mistakes: Mistakes
) -> bytes | None:
    """Return the file with these persons in it until the end of that day; one who is there gets the new day.

    An earlier note stays where none is given. `None`: it cannot be written so, and a mistake says why.
    """
    wanted = {}
    for code in codes:
        known = listed.entries.get(code)
        wanted[code] = (until, note or ("" if known is None else known.note))
    lines = list(listed.lines)
    for code in sorted(listed.entries.keys() & wanted.keys(), key=lambda code: -listed.entries[code].first):
        old = listed.entries[code]
        lines[old.first - 1 : old.last] = [_line(listed, code, *wanted[code])]
    new = [_line(listed, code, *wanted[code]) for code in wanted if code not in listed.entries]
    return _judged(listed, _placed(listed, lines, new), {**_meant(listed), **wanted}, mistakes)


def without_entries(listed: SubjectList, codes: Iterable[str], mistakes: Mistakes) -> bytes | None:
    """Return the file without these persons; `None` as in `with_entries`."""
    gone = [listed.entries[code] for code in codes if code in listed.entries]
    lines = list(listed.lines)
    for old in sorted(gone, key=lambda each: -each.first):
        del lines[old.first - 1 : old.last]
    left = {code: meant for code, meant in _meant(listed).items() if code not in {each.code for each in gone}}
    if gone and not left and not listed.columns:
        lines = _emptied(listed, lines)
    return _judged(listed, _counted(listed, lines, len(left)), left, mistakes)


def _meant(listed: SubjectList) -> dict[str, tuple[date | None, str]]:
    return {code: (entry.until, entry.note) for code, entry in listed.entries.items()}


def _judged(
    listed: SubjectList, lines: list[str], meant: Mapping[str, tuple[date | None, str]], mistakes: Mistakes
) -> bytes | None:
    """Return the bytes of the new lines if they are read as what they mean."""
    try:
        data = listed.written(lines)
    except UnicodeEncodeError:
        what = Phrase("CP932 has no sign of this note", "備考に CP932 で書けない文字があります")
        mistakes.add(Where(listed.file), what, Phrase("save the list as UTF-8", "一覧を UTF-8 で保存し直してください"))
        return None
    again = read_list(data, listed.file, Mistakes())
    if again is None or _meant(again) != meant:
        what = Phrase(
            "the form of this list cannot be changed by a command", "この書き方の一覧は、コマンドでは変更できません"
        )
        mistakes.add(Where(listed.file), what, Phrase("change it by hand", "手で変更してください"))
        return None
    return data


# --- YAML -----------------------------------------------------------------------------


def _read_yaml(data: bytes, file: str, mistakes: Mistakes) -> SubjectList | None:
    text = decode(data, file, mistakes)
    root = None if text is None else read_yaml(text, file, mistakes)
    if text is None or root is None:
        return None
    count, items = None, root
    if isinstance(root, Table):
        stated, entries_node = root.get("count"), root.get("entries")
        items = root if entries_node is None else entries_node
        count = None if stated is None else (stated.where.line, stated.where.column)
    if isinstance(items, Scalar) and not items.text:
        items = Items((), items.where)
    if not isinstance(items, Items):
        what = Phrase("this is no list of entries", "登録のリストではありません")
        mistakes.add(items.where, what, Phrase("write `- subject: CODE`", "`- subject: コード` と書いてください"))
        return None
    entries: dict[str, Listed] = {}
    for item in items:
        _enter(entries, item, item.where.line, _last_line(item), mistakes)
    lines = tuple(text.removesuffix("\n").split("\n"))
    mark = _BOM if data.startswith(_BOM) else b""
    return SubjectList(file, lines, entries, count=count, end="\r\n" if b"\r\n" in data else "\n", mark=mark)


def _last_line(node: Node) -> int:
    match node:
        case Table():
            return max((node.where.line, *(_last_line(entry.value) for entry in node.entries)))
        case Items():
            return max((node.where.line, *map(_last_line, node)))
        case Scalar():
            return node.where.line


def _enter(entries: dict[str, Listed], item: Node, first: int, last: int, mistakes: Mistakes) -> None:
    subject = item.get("subject") if isinstance(item, Table) else None
    code = fold_code(subject.text) if isinstance(subject, Scalar) else None
    if code is None or not isinstance(item, Table):
        what = Phrase("this entry has no code of a person", "この登録には本人のコードがありません")
        mistakes.add(item.where, what)
        return
    until, note = (value.text if isinstance(value := item.get(key), Scalar) else "" for key in ("until", "note"))
    day = day_of(dashed_day(until))
    if until and day is None:
        mistakes.add(item.where, Phrase(f"`{until}` is not a day", f"`{until}` は日付ではありません"))
    if code in entries:
        what = Phrase(f"`{show_code(code)}` is here twice", f"`{show_code(code)}` が二度書かれています")
        mistakes.add(item.where, what, Phrase("keep one of them", "どちらか一つにしてください"))
    entries[code] = Listed(code, day, note, first, last)


def _line(listed: SubjectList, code: str, until: date | None, note: str) -> str:
    values = {"subject": show_code(code), "until": "" if until is None else until.isoformat(), "note": note}
    if listed.columns:
        row = io.StringIO()
        csv.writer(row, lineterminator="").writerow([values.get(column, "") for column in listed.columns])
        return row.getvalue()
    parts = [f"subject: {values['subject']}"]
    parts += [f"until: {values['until']}"] if until is not None else []
    # A text of JSON is one of YAML.
    parts += [f"note: {json.dumps(note, ensure_ascii=False)}"] if note else []
    return f"{_indent(listed)}- {{{', '.join(parts)}}}"


def _indent(listed: SubjectList) -> str:
    if listed.entries:
        first = min(entry.first for entry in listed.entries.values())
        line = listed.lines[first - 1]
        return line[: len(line) - len(line.lstrip(" "))]
    return "  " if listed.count is not None else ""


def _placed(listed: SubjectList, lines: list[str], new: list[str]) -> list[str]:
    """Put new entries behind the last one."""
    if not new:
        return lines
    # Replaced entries have one line each, so the last one's place is found from the end.
    behind = len(listed.lines) - max((entry.last for entry in listed.entries.values()), default=len(listed.lines))
    at = len(lines) - behind
    if not listed.entries and not listed.columns:
        lines = [re.sub(r"\[\s*\]\s*$", "", line).rstrip() for line in lines]
        lines = [line for line in lines if line]
        at = len(lines)
    return _counted(listed, [*lines[:at], *new, *lines[at:]], len(listed.entries) + len(new))


def _emptied(listed: SubjectList, lines: list[str]) -> list[str]:
    """Write an empty list where the last entry has gone."""
    if listed.count is None:
        return [*lines, "[]"]
    return [f"{line.rstrip()} []" if re.fullmatch(r"entries:\s*", line) else line for line in lines]


def _counted(listed: SubjectList, lines: list[str], count: int) -> list[str]:
    if listed.count is None:
        return lines
    at, column = listed.count
    before, behind = lines[at - 1][: column - 1], lines[at - 1][column - 1 :]
    return [*lines[: at - 1], before + re.sub(r"^\d+", str(count), behind), *lines[at:]]


# --- CSV ------------------------------------------------------------------------------


def _read_csv(data: bytes, file: str, mistakes: Mistakes) -> SubjectList | None:
    text = decoded(data, file, mistakes)
    if text is None:
        return None
    try:
        data.decode("utf-8-sig")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "cp932"
    end = "\r\n" if "\r\n" in text else "\n"
    lines = tuple(text.replace("\r\n", "\n").removesuffix("\n").split("\n"))
    reading = csv.reader(io.StringIO("\n".join(lines), newline=""))
    rows: list[tuple[list[str], int, int]] = []
    begun = 1
    try:
        for row in reading:
            rows.append((row, begun, reading.line_num))
            begun = reading.line_num + 1
    except csv.Error:
        mistakes.add(Where(file, reading.line_num), Phrase("this line is not a line of CSV", "CSV として読めません"))
        return None
    if not rows:
        mistakes.add(Where(file), Phrase("the list is empty", "一覧が空です"), _NAME_COLUMNS)
        return None
    columns = tuple(
        column_of(head, HEADS, Where(file, 1, number), mistakes) for number, head in enumerate(rows[0][0], 1)
    )
    if "subject" not in columns:
        mistakes.add(Where(file), Phrase("no column `subject`", "`本人のコード` の列がありません"), _NAME_COLUMNS)
        return None
    entries: dict[str, Listed] = {}
    for row, first, last in rows[1:]:
        if any(map(str.strip, row)):
            _enter(entries, _table(row, columns, Where(file, first)), first, last, mistakes)
    mark = _BOM if data.startswith(_BOM) else b""
    return SubjectList(file, lines, entries, columns, encoding=encoding, end=end, mark=mark)


def _table(row: Sequence[str], columns: Sequence[str], where: Where) -> Table:
    cells = zip(columns, row, strict=False)
    return Table(
        tuple(Entry(key, where, Scalar(cell.strip(), where)) for key, cell in cells if key and cell.strip()), where
    )
