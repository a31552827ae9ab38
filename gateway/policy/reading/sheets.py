"""Reads a list that an office keeps as CSV: the first row names the columns, in English or Japanese.

Files are UTF-8, with or without BOM, CP932 or UTF-16 with tabs, as Excel saves them. Days may be 2027/3/31 or
令和9年3月31日. An empty cell is a key that is not written; an empty row is none.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unicodedata import normalize

from gateway.policy.reading.meant import day_of, is_certain, meant_day
from gateway.yaml.mistakes import Mistakes, Phrase, Where, did_you_mean, one_of
from gateway.yaml.slips import without_unseen_signs
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table

HEADS: Mapping[str, tuple[str, ...]] = {
    "subject": ("本人のコード", "コード", "本人コード", "識別子"),
    "until": ("期限", "有効期限", "終了日"),
    "note": ("備考", "メモ"),
    "town": ("町名", "町丁目", "町"),
    "day": ("日付", "日", "休館日"),
}
"""The columns that a list can have, and the Japanese words for each; the first is the one to recommend."""

_OTHER_HEADS: Mapping[str, tuple[str, ...]] = {
    "subject": ("利用者コード", "本人番号", "id", "code"),
    "until": ("有効期間", "期日", "終了", "満了日", "end"),
    "note": ("摘要", "コメント", "memo", "remarks"),
    "town": ("町丁", "町字", "地名"),
    "day": ("年月日", "月日", "休業日", "date"),
}
"""Words by which an office knows a column; they are mistakes, with the word to write."""

_DAYS = frozenset({"until", "day"})
_MIDNIGHT = re.compile(r"(?<![ T])[ T]++0{1,2}:00(?::00)?$")
_SEPARATOR = re.compile(r"^\"?sep=(.)\"?\r?\n?")
_FAULT = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|#+)", re.IGNORECASE)
_ROUNDED = re.compile(r"\d(?:\.\d+)?E[+-]?\d+", re.IGNORECASE | re.ASCII)
_KEPT_AS_TEXT = re.compile(r'="([^"]*)"')
_MOST_ABOVE = 5
"""Rows above the names of the columns: a title, a date, a blank."""

_ANEW = Phrase("save it as CSV anew", "CSV で保存し直してください")


def is_sheet(path: Path) -> bool:
    """Say whether a list is kept as CSV."""
    return path.suffix.lower() == ".csv"


def decoded(data: bytes, file: str, mistakes: Mistakes) -> str | None:
    """Return the text of a CSV file; a file that is none, or in another encoding, is a mistake, noted."""
    remedy = Phrase("save it as CSV UTF-8", "「CSV UTF-8」で保存し直してください")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        what = Phrase("this file is an Excel workbook, not CSV", "このファイルは CSV ではなく Excel ブックです")
        mistakes.add(Where(file), what, remedy)
        return None
    encodings = ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp932")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if re.match(r"\s*<(?:!doctype|html|table|\?xml)", text, re.IGNORECASE):
            mistakes.add(
                Where(file), Phrase("this file is a page, not CSV", "このファイルは CSV ではありません"), remedy
            )
            return None
        return text
    what = Phrase("this file is neither UTF-8 nor CP932", "このファイルは UTF-8 でも CP932 でもありません")
    mistakes.add(Where(file), what, remedy)
    return None


def rows_of(text: str, file: str, mistakes: Mistakes) -> list[list[str]] | None:
    """Return the rows of a CSV text; a row that cannot be read is a mistake, noted.

    Excel separates columns by tabs or semicolons too: the first line that is not blank decides.
    """
    named = _SEPARATOR.match(text)
    # Its line stays, blank, so that rows keep their numbers.
    text = text if named is None else "\n" + text[named.end() :]
    first = next((line for line in text.splitlines() if line.strip()), "")
    between = named[1] if named is not None else ","
    if named is None and "," not in first:
        between = next((sign for sign in "\t;" if sign in first), ",")
        wide = re.search("[，、；]", first)
        if between == "," and wide is not None:
            what = Phrase(
                f"a full-width `{wide[0]}` does not separate columns", f"全角の「{wide[0]}」は列の区切りになりません"
            )
            line = text[: text.index(first)].count("\n") + 1
            mistakes.add(
                Where(file, line), what, Phrase("write `,` between columns", "列は半角の `,` で区切ってください")
            )
            return None
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True):
            found.append(row)  # noqa: PERF402 - the rows before a fault tell where it is
    except csv.Error as error:
        if str(error) == "unexpected end of data":
            what = Phrase("a quotation mark that is never closed begins here", "ここから始まる引用符が閉じていません")
            mistakes.add(
                Where(file, len(found) + 1), what, Phrase('write `"` at its end', '終わりに `"` を書いてください')
            )
            return None
    reading = csv.reader(io.StringIO(text, newline=""), delimiter=between)
    try:
        return list(reading)
    except csv.Error:
        # A carriage return within a line, a field without end: the library's words are about its own insides.
        what = Phrase("this line is not a line of CSV", "この行は CSV として読めません")
        mistakes.add(Where(file, reading.line_num), what, _ANEW)
        return None


def head_of(rows: list[list[str]], file: str, is_head: Callable[[str], bool], mistakes: Mistakes) -> int | None:
    """Return the number, from 0, of the row that names the columns; rows with text above it are a mistake, noted.

    `None`: every row is blank.
    """
    filled = [number for number, row in enumerate(rows) if any(map(str.strip, row))]
    if not filled:
        return None
    found = next((number for number in filled[:_MOST_ABOVE] if any(map(is_head, rows[number]))), filled[0])
    if found != filled[0]:
        what = Phrase(
            f"this row names no column; row {found + 1} does",
            f"この行は列の名前ではありません（{found + 1} 行目にあります）",
        )
        mistakes.add(
            Where(file, filled[0] + 1),
            what,
            Phrase("delete the rows above the names", "見出しより上の行を削除してください"),
        )
    return found


def read_sheet(data: bytes, file: str, mistakes: Mistakes) -> Node | None:
    """Return a list as YAML would give it: a table a row, or a text a row where the list has one column of names."""
    text = decoded(data, file, mistakes)
    rows = None if text is None else rows_of(text, file, mistakes)
    if rows is None:
        return None
    head = head_of(rows, file, lambda cell: known_head(cell, HEADS) is not None, mistakes)
    if head is None:
        mistakes.add(
            Where(file),
            Phrase("the list is empty", "一覧が空です"),
            Phrase("name the columns in the first row", "1行目に列の名前を書いてください"),
        )
        return None
    columns = columns_of(rows[head], HEADS, _OTHER_HEADS, Where(file, head + 1), mistakes)
    items = [
        _row(row, columns, Where(file, line), mistakes)
        for line, row in enumerate(rows[head + 1 :], head + 2)
        if any(map(str.strip, row))
    ]
    return Items(tuple(items), Where(file))


def fold_head(head: str) -> str:
    """Return the name of a column without spaces and without a remark in brackets: 氏　名（漢字） is 氏名."""
    name = re.sub(r"\s", "", normalize("NFKC", without_unseen_signs(head))).lower()
    return name.partition("(")[0] if name.endswith(")") else name


def known_head(head: str, heads: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the key of a column by its head, in English or Japanese; `None` for an unknown one."""
    name = fold_head(head)
    return next((key for key, japanese in heads.items() if name and (name == key or name in japanese)), None)


def column_of(head: str, heads: Mapping[str, tuple[str, ...]], where: Where, mistakes: Mistakes) -> str:
    """Return the key of a column by its head, in English or Japanese; empty for a blank or an unknown one.

    An unknown one is noted, with the words that can stand there.
    """
    return _column(head, heads, {}, where, mistakes)


def columns_of(
    row: Sequence[str],
    heads: Mapping[str, tuple[str, ...]],
    others: Mapping[str, tuple[str, ...]],
    start: Where,
    mistakes: Mistakes,
) -> list[str]:
    """Return the key of each column; an unknown head and one that is there twice are noted.

    A head of `others` is noted with the one to write, and read as that.
    """
    found: list[str] = []
    for number, head in enumerate(row, 1):
        where = Where(start.file, start.line, number)
        key = _column(head, heads, others, where, mistakes)
        if key and key in found:
            what = Phrase(f"the column `{head.strip()}` is here twice", f"`{head.strip()}` の列が二つあります")
            mistakes.add(where, what, Phrase("keep one of them", "どちらか一つにしてください"))
            key = ""
        found.append(key)
    return found


def _column(
    head: str,
    heads: Mapping[str, tuple[str, ...]],
    others: Mapping[str, tuple[str, ...]],
    where: Where,
    mistakes: Mistakes,
) -> str:
    key = known_head(head, heads)
    if key is not None:
        return key
    name = normalize("NFKC", head).strip()
    if not name:
        return ""
    what = Phrase(f"unknown column `{name}`", f"`{name}` という列はありません")
    meant = known_head(head, others)
    if meant is not None:
        mistakes.add(where, what, Phrase(f"write `{meant}`", f"`{heads[meant][0]}` と書いてください"))
        return meant
    words = (*heads, *(japanese[0] for japanese in heads.values()))
    listed = Phrase(one_of(tuple(heads)).en, one_of(tuple(japanese[0] for japanese in heads.values())).ja)
    mistakes.add(where, what, did_you_mean(name, words) or listed)
    return ""


def note_outside(text: str, where: Where, mistakes: Mistakes) -> None:
    """Note the text of a cell that no column's name stands above: nobody would read it."""
    what = Phrase(f"`{text}` stands in no column", f"`{text}` には列の名前がありません")
    remedy = Phrase("name the column in the first row, or empty the cell", "1行目に列名を書くか、空にしてください")
    mistakes.add(where, what, remedy)


def dashed_day(text: str) -> str:
    """Return a day as Excel writes it (2027/3/31, 令和9年3月31日, R9.3.31) as 2027-03-31; any other text as it is."""
    bare = _MIDNIGHT.sub("", normalize("NFKC", text).strip())
    meant = meant_day(bare) if is_certain(bare) else ""
    return meant if day_of(meant) is not None else text


def cell_text(cell: str, where: Where, mistakes: Mistakes, *, free: bool) -> str:
    """Return the text of a cell as its author sees it; one that Excel could not say is noted, and empty.

    `free`: a note or a name, whose full-width signs stay.
    """
    text = without_unseen_signs(cell.replace("\0", "")).strip()
    kept = _KEPT_AS_TEXT.fullmatch(text)
    text = text if kept is None else kept[1].strip()
    half = normalize("NFKC", text)
    if _FAULT.fullmatch(half):
        what = Phrase(f"`{text}` is an error of Excel, not a value", f"`{text}` は Excel のエラーで、値ではありません")
        wider = Phrase("make its column wider, and save anew", "列の幅を広げて、保存し直してください")
        mended = Phrase("mend the formula, or empty the cell", "数式を直すか、空にしてください")
        mistakes.add(where, what, wider if half.startswith("##") else mended)
        return ""
    if not free and half.startswith("="):
        what = Phrase(f"`{text}` is a formula, not its value", f"`{text}` は数式で、値ではありません")
        mistakes.add(where, what, Phrase("write the value", "値を書いてください"))
        return ""
    if not free and _ROUNDED.fullmatch(half):
        what = Phrase(f"`{text}` is a number that Excel has shortened", f"`{text}` は Excel が省略した数です")
        remedy = Phrase("make the column text, and type it again", "列の書式を「文字列」にして、入力し直してください")
        mistakes.add(where, what, remedy)
        return ""
    return text if free else half.removeprefix("'").removeprefix("’").strip()


def _row(row: list[str], columns: list[str], start: Where, mistakes: Mistakes) -> Table:
    entries: list[Entry] = []
    for number, cell in enumerate(row, 1):
        where = Where(start.file, start.line, number)
        column = columns[number - 1] if number <= len(columns) else ""
        text = cell_text(cell, where, mistakes, free=column in ("note", "town", ""))
        if not text:
            continue
        if number > len(columns):
            note_outside(text, where, mistakes)
        elif column:
            if column in _DAYS:
                text = dashed_day(text)
            entries.append(Entry(column, where, Scalar(text, where, plain=False)))
    return Table(tuple(entries), start)
