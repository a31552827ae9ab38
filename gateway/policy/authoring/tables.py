"""Tables of who × request × date × expected × told, as an office keeps them in Excel: examples, a row each.

The first row names the columns, in English or Japanese. Files are UTF-8, with or without BOM, or CP932;
dates may be 2008/11/24. An empty cell is a key that is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from unicodedata import normalize

from gateway.policy.example import Example
from gateway.policy.policy import Policy
from gateway.policy.reading.parse_examples import ExampleReader, example_reader
from gateway.policy.reading.sheets import dashed_day, decoded, rows_of
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
    "account": "アカウント",
    "account_kind": "アカウントの種類",
    "account_role": "アカウントでの役割",
    "signed_in": "ログイン",
    "from": "接続元",
    "switch": "スイッチ",
    "entries": "回数",
    "request": "リクエスト",
    "expect": "期待",
}
"""Columns a table can have, and their Japanese heads; also `disclosed.NAME` (`伝達.NAME`) for disclosed facts."""

_FILL = Phrase("write one example in each row", "1行に1つずつ例を書いてください")
_NOBODY = ("nobody", "なし", "誰でもない", "ログインしていない", "未ログイン")
_SOMEBODY = ("somebody", "本人", "あり", "ログインしている", "ログイン済み")
"""The words of the column `who`; her facts stand in the other columns."""

_PERSON = frozenset({"subject", "name", "address", "birthdate", "gender", "account", "account_kind", "account_role"})
_ANSWERS: Mapping[str, str] = {"はい": "yes", "いいえ": "no", "なし": "nothing", "伝えない": "nothing"}


def read_table(data: bytes, file: str, policy: Policy, mistakes: Mistakes) -> tuple[Example, ...]:
    """Return a table's rows as examples of a policy; every mistake is noted with its row and column."""
    text = decoded(data, file, mistakes)
    rows = None if text is None else rows_of(text, file, mistakes)
    if rows is None:
        return ()
    if not rows or not any(rows[0]):
        mistakes.add(Where(file), Phrase("the table is empty", "表が空です"), _FILL)
        return ()
    if not any(any(map(str.strip, row)) for row in rows[1:]):
        mistakes.add(Where(file), Phrase("the table has a head and no rows", "表に見出ししかありません"), _FILL)
        return ()
    columns = [_column(head, Where(file, 1, number), mistakes) for number, head in enumerate(rows[0], 1)]
    reader = example_reader(policy, mistakes)
    found = [
        _row(row, columns, Where(file, line), reader)
        for line, row in enumerate(rows[1:], 2)
        if any(map(str.strip, row))
    ]
    return tuple(example for example in found if example is not None)


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
        heads = tuple(COLUMNS), tuple(COLUMNS.values())
        listed = Phrase(one_of(heads[0]).en, one_of(heads[1]).ja)
        mistakes.add(where, what, did_you_mean(name, words) or listed)
    return ""


def _row(row: list[str], columns: list[str], start: Where, reader: ExampleReader) -> Example | None:
    entries: list[Entry] = []
    who: list[Entry] = []
    disclosed: list[Entry] = []
    somebody = nobody = False
    for number, cell in enumerate(row, 1):
        text = cell.strip()
        where = Where(start.file, start.line, number)
        if text and number > len(columns):
            what = Phrase(f"`{text}` stands in no column", f"`{text}` には列の名前がありません")
            reader.mistakes.add(
                where, what, Phrase("empty the cell, or name its column", "空にするか、1行目に列名を書いてください")
            )
            continue
        column = columns[number - 1] if number <= len(columns) else ""
        if not text or not column:
            continue
        if column in ("expect", "entries", "signed_in", "from") or column.startswith(_TOLD):
            text = normalize("NFKC", text)
        text = _ANSWERS.get(text, text) if column.startswith(_TOLD) else text
        value = Scalar(dashed_day(text) if column in ("at", "birthdate") else text, where, plain=False)
        if column == "who":
            nobody, somebody = text in _NOBODY, text in _SOMEBODY
            if not (nobody or somebody):
                words = (*_NOBODY[:2], *_SOMEBODY[:2])
                what = Phrase(f"`{text}` is not who signs in", f"`{text}` は「誰」の書き方ではありません")
                reader.mistakes.add(where, what, did_you_mean(text, (*_NOBODY, *_SOMEBODY)) or one_of(words))
        elif column in _PERSON:
            who.append(Entry(column, where, value))
        elif column.startswith(_TOLD):
            disclosed.append(Entry(column.removeprefix(_TOLD), where, value))
        else:
            entries.append(Entry(column, where, value))
    if nobody and who:
        what = Phrase("`nobody` has no facts", "「なし」の行に本人の情報があります")
        remedy = Phrase("empty the facts, or write `somebody`", "情報を空にするか、「誰」に `本人` と書いてください")
        reader.mistakes.add(who[0].where, what, remedy)
    elif who or somebody:
        entries.append(Entry("who", start, Table(tuple(who), start)))
    if disclosed:
        entries.append(Entry("told", start, Table(tuple(disclosed), start)))
    if not any(entry.key == "title" for entry in entries):
        entries.append(Entry("title", start, Scalar(f"{start.file}:{start.line}", start)))
    node: Node = Items((Table(tuple(entries), start),), start)
    examples = reader.examples(node)
    return examples[0] if examples else None
