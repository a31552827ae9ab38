"""Tables of who × request × date × expected × told, as an office keeps them in Excel: examples, a row each.

The first row names the columns, in English or Japanese. Files are UTF-8, with or without BOM, or CP932;
dates may be 2008/11/24. An empty cell is a key that is not written.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from unicodedata import normalize

from gateway.policy.example import Example
from gateway.policy.policy import Policy
from gateway.policy.reading.parse_examples import ExampleReader, example_reader
from gateway.yaml.mistakes import Mistakes, Phrase, Where, did_you_mean, one_of
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table

_TOLD = "told."

COLUMNS: Mapping[str, str] = {
    "title": "題",
    "at": "日時",
    "who": "誰",
    "subject": "識別子",
    "name": "氏名",
    "address": "住所",
    "birthdate": "生年月日",
    "gender": "性別",
    "signed_in": "ログイン",
    "from": "接続元",
    "switch": "スイッチ",
    "entries": "回数",
    "request": "リクエスト",
    "expect": "期待",
}
"""Columns a table can have, and their Japanese heads; also `disclosed.NAME` (`伝達.NAME`) for disclosed facts."""

_PERSON = frozenset({"subject", "name", "address", "birthdate", "gender"})
_DATE = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?=$|[ T])")


def read_table(data: bytes, file: str, policy: Policy, mistakes: Mistakes) -> tuple[Example, ...]:
    """Return a table's rows as examples of a policy; every mistake is noted with its row and column."""
    text = _decode(data, file, mistakes)
    if text is None:
        return ()
    reading = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = list(reading)
    except csv.Error:
        # A carriage return within a line, a field without end: the library's words are about its own insides.
        what = Phrase("this line is not a line of CSV", "この行は CSV として読めません")
        mistakes.add(Where(file, reading.line_num), what, Phrase("save it as CSV anew", "CSV で保存し直してください"))
        return ()
    if not rows or not any(rows[0]):
        mistakes.add(Where(file), Phrase("the table is empty", "表が空です"))
        return ()
    columns = [_column(head, Where(file, 1, number), mistakes) for number, head in enumerate(rows[0], 1)]
    reader = example_reader(policy, mistakes)
    found = [
        _row(row, columns, Where(file, line), reader)
        for line, row in enumerate(rows[1:], 2)
        if any(map(str.strip, row))
    ]
    return tuple(example for example in found if example is not None)


def _decode(data: bytes, file: str, mistakes: Mistakes) -> str | None:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    what = Phrase("this file is neither UTF-8 nor CP932", "このファイルは UTF-8 でも CP932 でもありません")
    remedy = Phrase("save it as CSV UTF-8", "「CSV UTF-8」で保存し直してください")
    mistakes.add(Where(file), what, remedy)
    return None


def _column(head: str, where: Where, mistakes: Mistakes) -> str:
    """Return what a column holds, or nothing: it is not known, which is noted."""
    name = normalize("NFKC", head).strip()
    for prefix in (_TOLD, "伝達."):
        if name.startswith(prefix):
            return _TOLD + name.removeprefix(prefix)
    for key, japanese in COLUMNS.items():
        if name in (key, japanese):
            return key
    if name:
        what = Phrase(f"unknown column `{name}`", f"`{name}` という列はありません")
        words = [*COLUMNS, *COLUMNS.values(), _TOLD]
        mistakes.add(where, what, did_you_mean(name, words) or one_of(tuple(COLUMNS)))
    return ""


def _row(row: list[str], columns: list[str], start: Where, reader: ExampleReader) -> Example | None:
    entries: list[Entry] = []
    who: list[Entry] = []
    disclosed: list[Entry] = []
    somebody = False
    for number, (cell, column) in enumerate(zip(row, columns, strict=False), 1):
        text = cell.strip()
        where = Where(start.file, start.line, number)
        if not text or not column:
            continue
        value = Scalar(_dated(text) if column in ("at", "birthdate") else text, where, plain=False)
        if column == "who":
            # Any other word means a signed-in person; the other columns have her facts.
            somebody = text not in ("nobody", "なし")
        elif column in _PERSON:
            who.append(Entry(column, where, value))
        elif column.startswith(_TOLD):
            disclosed.append(Entry(column.removeprefix(_TOLD), where, value))
        else:
            entries.append(Entry(column, where, value))
    if who or somebody:
        entries.append(Entry("who", start, Table(tuple(who), start)))
    if disclosed:
        entries.append(Entry("told", start, Table(tuple(disclosed), start)))
    if not any(entry.key == "title" for entry in entries):
        entries.append(Entry("title", start, Scalar(f"{start.file}:{start.line}", start)))
    node: Node = Items((Table(tuple(entries), start),), start)
    examples = reader.examples(node)
    return examples[0] if examples else None


def _dated(text: str) -> str:
    """Return Excel's 2008/11/24 as 2008-11-24, its time of day as it is."""
    return _DATE.sub(lambda match: f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}", text)
