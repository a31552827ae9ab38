"""Tables of who × request × date × expected × told, as an office keeps them in Excel: examples, a row each.

The first row names the columns, in English or Japanese. Files are as Excel saves them (`reading/sheets`); dates may be
2008/11/24 or 平成20年11月24日. An empty cell is a key that is not written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from unicodedata import normalize

from gateway.policy.example import Example
from gateway.policy.place_names import in_hiragana
from gateway.policy.policy import Policy
from gateway.policy.reading.meant import is_certain, meant_duration, meant_moment, meant_number
from gateway.policy.reading.parse_examples import ExampleReader, example_reader, meant_verdict
from gateway.policy.reading.sheets import (
    cell_text,
    columns_of,
    dashed_day,
    decoded,
    head_of,
    known_head,
    note_outside,
    rows_of,
)
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

_HEADS: Mapping[str, tuple[str, ...]] = {key: (japanese,) for key, japanese in COLUMNS.items()}
_OTHER_HEADS: Mapping[str, tuple[str, ...]] = {
    "title": ("題名", "タイトル", "件名", "例", "ケース"),
    "at": ("日付", "日", "いつ", "年月日", "時刻", "date"),
    "who": ("誰が", "だれ", "人"),
    "subject": ("本人のコード", "コード", "id"),
    "name": ("名前", "お名前"),
    "address": ("居住地", "現住所"),
    "birthdate": ("誕生日", "生年月", "birthday"),
    "gender": ("男女", "sex"),
    "signed_in": ("ログイン時刻",),
    "from": ("接続元アドレス", "ipアドレス", "ip"),
    "entries": ("応募回数", "利用回数"),
    "request": ("要求", "操作", "url", "パス"),
    "expect": ("期待する結果", "結果", "判定", "期待結果", "expected"),
}
"""Words by which an office knows a column; they are mistakes, with the word to write."""

_FILL = Phrase("write one example in each row", "1行に1つずつ例を書いてください")
_NOBODY = ("nobody", "なし", "誰でもない", "ログインしていない", "未ログイン")
_SOMEBODY = ("somebody", "本人", "あり", "ログインしている", "ログイン済み")
"""The words of the column `who`; her facts stand in the other columns."""

_PERSON = frozenset({"subject", "name", "address", "birthdate", "gender", "account", "account_kind", "account_role"})
_FREE = frozenset({"title", "name", "address", "switch", "account", ""})
"""Columns whose full-width signs stay: texts and names."""

_NEEDED = ("at", "request", "expect")
_ANSWERS: Mapping[str, str] = {
    "はい": "yes",
    "いいえ": "no",
    "なし": "nothing",
    "つたえない": "nothing",
    "伝えない": "nothing",
}
_TOLD_HEAD = re.compile(r"(?:told|伝達)[.:・]?(.*)", re.IGNORECASE | re.DOTALL)


def read_table(data: bytes, file: str, policy: Policy, mistakes: Mistakes) -> tuple[Example, ...]:
    """Return a table's rows as examples of a policy; every mistake is noted with its row and column."""
    text = decoded(data, file, mistakes)
    rows = None if text is None else rows_of(text, file, mistakes)
    if rows is None:
        return ()
    head = head_of(rows, file, lambda cell: known_head(cell, _HEADS) is not None, mistakes)
    if head is None:
        mistakes.add(Where(file), Phrase("the table is empty", "表が空です"), _FILL)
        return ()
    before = len(mistakes)
    columns = _columns(rows[head], Where(file, head + 1), mistakes)
    filled = [(line, row) for line, row in enumerate(rows[head + 1 :], head + 2) if any(map(str.strip, row))]
    if not filled:
        mistakes.add(Where(file), Phrase("the table has a head and no rows", "表に見出ししかありません"), _FILL)
        return ()
    if len(mistakes) > before and any(key not in columns for key in ("request", "expect")):
        # The column that is missing is likely the one with another name: one mistake is enough.
        return ()
    reader = example_reader(policy, mistakes)
    found = [_row(row, columns, Where(file, line), reader) for line, row in filled]
    return tuple(example for example in found if example is not None)


def _columns(row: list[str], start: Where, mistakes: Mistakes) -> list[str]:
    """Return what each column holds; empty: it is not known, which is noted."""
    told: dict[int, str] = {}
    heads: list[str] = []
    for number, head in enumerate(row, 1):
        name = _TOLD_HEAD.fullmatch(normalize("NFKC", head).strip())
        heads.append(head if name is None else "")
        if name is None:
            continue
        where = Where(start.file, start.line, number)
        fact = name[1].strip()
        if not fact or f"{_TOLD}{fact}" in told.values():
            what = (
                Phrase(f"the column `{head.strip()}` is here twice", f"`{head.strip()}` の列が二つあります")
                if fact
                else Phrase(f"`{head.strip()}` names no fact", f"`{head.strip()}` に項目の名前がありません")
            )
            remedy = Phrase("write `told.NAME`, once for each name", "`伝達.名前` と、名前ごとに一度ずつ書いてください")
            mistakes.add(where, what, remedy)
            continue
        told[number - 1] = f"{_TOLD}{fact}"
    columns = columns_of(heads, _HEADS, _OTHER_HEADS, start, mistakes)
    return [told.get(number, column) for number, column in enumerate(columns)]


def _row(row: list[str], columns: list[str], start: Where, reader: ExampleReader) -> Example | None:
    entries: list[Entry] = []
    who: list[Entry] = []
    disclosed: list[Entry] = []
    somebody = nobody = False
    before = len(reader.mistakes)
    for number, cell in enumerate(row, 1):
        where = Where(start.file, start.line, number)
        column = columns[number - 1] if number <= len(columns) else ""
        text = cell_text(cell, where, reader.mistakes, free=column in _FREE)
        if text and number > len(columns):
            note_outside(text, where, reader.mistakes)
            continue
        if not text or not column:
            continue
        value = Scalar(_in_form(column, text, reader), where, plain=False)
        if column == "who":
            said = in_hiragana(text)
            nobody, somebody = said in map(in_hiragana, _NOBODY), said in map(in_hiragana, _SOMEBODY)
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
    if len(reader.mistakes) == before:
        _note_merged(entries, columns, start, reader)
    if len(reader.mistakes) > before:
        # The values that could be read are looked at as well; a key whose cell has no value is not missing.
        missing = [key for key in _NEEDED if key in columns and not any(entry.key == key for entry in entries)]
        if missing:
            return None
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
    return examples[0] if examples and len(reader.mistakes) == before else None


def _note_merged(entries: list[Entry], columns: list[str], start: Where, reader: ExampleReader) -> None:
    """Note the empty cells of columns that every example needs: merged cells are empty from their second row on."""
    for key in _NEEDED:
        if (
            key not in columns
            or any(entry.key == key for entry in entries)
            or (key == "at" and not reader.needs_moment)
        ):
            continue
        what = Phrase(f"the cell of `{key}` is empty", f"「{COLUMNS[key]}」の欄が空です")
        remedy = Phrase(
            "write it in each row; merged cells have it in their first row alone",
            "行ごとに書いてください。結合したセルでは最初の行にしか値がありません",
        )
        reader.mistakes.add(Where(start.file, start.line, columns.index(key) + 1), what, remedy)


def _in_form(column: str, text: str, reader: ExampleReader) -> str:
    """Return a cell's text in a policy's form, where it has one meaning: 令和8年11月23日, 拒否 市民, 20分前, はい."""
    if column == "birthdate":
        return dashed_day(text)
    if column == "at":
        whole = dashed_day(text)
        return whole if whole != text or not is_certain(text) else meant_moment(text) or text
    if column == "expect":
        return meant_verdict(text, reader.names) or text
    if column == "request":
        return re.sub(r"\s+", " ", text)
    if column == "signed_in":
        ago = meant_duration(text) if text.endswith(("前", "ago")) else ""
        return f"{ago} ago" if ago else text
    if column == "entries":
        return meant_number(text) or text
    if column.startswith(_TOLD):
        return _ANSWERS.get(in_hiragana(text), text)
    return text
