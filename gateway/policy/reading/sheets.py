"""Reads a list that an office keeps as CSV: the first row names the columns, in English or Japanese.

Files are UTF-8, with or without BOM, or CP932, as Excel saves them. Days may be 2027/3/31. An empty cell is a key that
is not written; an empty row is none.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from unicodedata import normalize

from gateway.yaml.mistakes import Mistakes, Phrase, Where, did_you_mean, one_of
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table

HEADS: Mapping[str, tuple[str, ...]] = {
    "subject": ("本人のコード", "コード", "本人コード", "識別子"),
    "until": ("期限", "有効期限", "終了日"),
    "note": ("備考", "メモ"),
    "town": ("町名", "町丁目", "町"),
    "day": ("日付", "日", "休館日"),
}
"""The columns that a list can have, and the Japanese words for each; the first is the one to recommend."""

_DAYS = frozenset({"until", "day"})
_SLASHED = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?=$|[ T])")


def is_sheet(path: Path) -> bool:
    """Say whether a list is kept as CSV."""
    return path.suffix.lower() == ".csv"


def decoded(data: bytes, file: str, mistakes: Mistakes) -> str | None:
    """Return the text of a CSV file; a file in neither UTF-8 nor CP932 is a mistake, noted."""
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    what = Phrase("this file is neither UTF-8 nor CP932", "このファイルは UTF-8 でも CP932 でもありません")
    remedy = Phrase("save it as CSV UTF-8", "「CSV UTF-8」で保存し直してください")
    mistakes.add(Where(file), what, remedy)
    return None


def rows_of(text: str, file: str, mistakes: Mistakes) -> list[list[str]] | None:
    """Return the rows of a CSV text; a row that cannot be read is a mistake, noted."""
    reading = csv.reader(io.StringIO(text, newline=""))
    try:
        return list(reading)
    except csv.Error:
        # A carriage return within a line, a field without end: the library's words are about its own insides.
        what = Phrase("this line is not a line of CSV", "この行は CSV として読めません")
        mistakes.add(Where(file, reading.line_num), what, Phrase("save it as CSV anew", "CSV で保存し直してください"))
        return None


def read_sheet(data: bytes, file: str, mistakes: Mistakes) -> Node | None:
    """Return a list as YAML would give it: a table a row, or a text a row where the list has one column of names."""
    text = decoded(data, file, mistakes)
    rows = None if text is None else rows_of(text, file, mistakes)
    if rows is None:
        return None
    if not rows or not any(map(str.strip, rows[0])):
        mistakes.add(
            Where(file),
            Phrase("the list is empty", "一覧が空です"),
            Phrase("name the columns in the first row", "1行目に列の名前を書いてください"),
        )
        return None
    columns = [column_of(head, HEADS, Where(file, 1, number), mistakes) for number, head in enumerate(rows[0], 1)]
    items = [
        _row(row, columns, Where(file, line), mistakes)
        for line, row in enumerate(rows[1:], 2)
        if any(map(str.strip, row))
    ]
    return Items(tuple(items), Where(file))


def column_of(head: str, heads: Mapping[str, tuple[str, ...]], where: Where, mistakes: Mistakes) -> str:
    """Return the key of a column by its head, in English or Japanese; empty for a blank or an unknown one.

    `heads` has the Japanese heads of each key. An unknown head is a mistake that names the known ones.
    """
    name = normalize("NFKC", head).strip()
    for key, japanese in heads.items():
        if name == key or name in japanese:
            return key
    if name:
        words = (*heads, *(japanese[0] for japanese in heads.values()))
        what = Phrase(f"unknown column `{name}`", f"`{name}` という列はありません")
        mistakes.add(where, what, did_you_mean(name, words) or one_of(words))
    return ""


def dashed_day(text: str) -> str:
    """Return a text with the day that Excel writes as 2027/3/31 written as 2027-03-31; all else stays as it is."""
    return _SLASHED.sub(lambda day: f"{day[1]}-{int(day[2]):02}-{int(day[3]):02}", text)


def _row(row: list[str], columns: list[str], start: Where, mistakes: Mistakes) -> Table:
    entries: list[Entry] = []
    for number, cell in enumerate(row, 1):
        text, where = cell.strip(), Where(start.file, start.line, number)
        if not text:
            continue
        if number > len(columns):
            what = Phrase(f"`{text}` stands in no column", f"`{text}` には列の名前がありません")
            remedy = Phrase(
                "name the column in the first row, or empty the cell", "1行目に列名を書くか、空にしてください"
            )
            mistakes.add(where, what, remedy)
        elif column := columns[number - 1]:
            if column in _DAYS:
                text = dashed_day(text)
            entries.append(Entry(column, where, Scalar(text, where, plain=False)))
    return Table(tuple(entries), start)
