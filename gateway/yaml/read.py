"""Reads the two files people write: YAML as text with a place for everything, and every mistake at once.

YAML 1.1 makes `no` a False, `22:00` the number 1320 and `011002` (札幌市) the number 4610;
1.2 still loses the zero. So every scalar stays the text that was typed, and the readers of the tree (`settings`,
`policy/reading`) give it a type. The reader refuses text with two meanings: duplicate keys, anchors, aliases, merge
keys, tags, a second document. The slips of a Japanese keyboard (full-width colon, comma, bracket, space, digit) are
named for what they are.

The readers know the meaning of each key. Noticing that a file has changed lives in `workers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from gateway.yaml.broken_lines import Stop, mend, mixed_list
from gateway.yaml.hidden import hide_secrets, shown
from gateway.yaml.mistakes import Mistake, Mistakes, Phrase, Where, write
from gateway.yaml.pasted import note_pasted
from gateway.yaml.slips import SLIPS, cut_sentences, instead, is_marked, quoted_line, repair, without_unseen
from gateway.yaml.tree import MAX_DEPTH, Entry, Items, Node, Scalar, Table

T = TypeVar("T")

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of one file: a subject list of some 200,000 entries."""


class _TooDeepError(MarkedYAMLError):
    """The text opens more levels than a file may have."""


# --- reading -------------------------------------------------------------------------


def read_yaml_file(path: Path, mistakes: Mistakes, name: str | None = None) -> Node | None:
    """Read a file as `read_yaml` does; a file that cannot be opened is a mistake too.

    `name` is the file's name in messages; the default is its path.
    """
    where = Where(name or str(path))
    data = _bytes_of(path, where, mistakes)
    return None if data is None else read_yaml(data, where.file, mistakes)


def read_secretive_file(path: Path, mistakes: Mistakes, use: Callable[[Node, Mistakes], T]) -> T | None:
    """Return what `use` makes of a file that may hold a secret; no mistake repeats one.

    The second reading of a file with mistakes is of the text without its secrets, and `use` gets that tree.
    """
    where = Where(str(path))
    data = _bytes_of(path, where, mistakes)
    if data is None:
        return None

    def read(content: bytes | str, found: Mistakes) -> T | None:
        tree = read_yaml(content, where.file, found)
        return None if tree is None else use(tree, found)

    first = Mistakes()
    made = read(data, first)
    text = decode(data, where.file, Mistakes()) if len(first) else None
    if text is None:
        mistakes.extend(first)
        return made
    hidden = Mistakes()
    made = read(hide_secrets(text), hidden)
    if len(hidden):
        mistakes.extend(map(shown, hidden))
    else:
        # The secret itself has the slip, so nothing of the words can be repeated.
        for mistake in first:
            mistakes.add(mistake.where, _IN_SECRET, _QUOTE_SECRET)
    return made


_IN_SECRET = Phrase(
    "this value cannot be read, and is not repeated because it may be a secret",
    "この値は読めません（秘密かもしれないため、ここには示しません）",
)
_QUOTE_SECRET = Phrase("put it in single quotes", "値を '…' で囲んでください")


def _bytes_of(path: Path, where: Where, mistakes: Mistakes) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        mistakes.add(where, Phrase("there is no such file", "このファイルはありません"))
    except OSError as error:
        reason = error.strerror or "unreadable"
        mistakes.add(where, Phrase(f"cannot be read: {reason}", f"読めません（{reason}）"))
    return None


_OPENED_TOO_OFTEN = re.compile(rf"(?:[\[{{][ \t]*){{{MAX_DEPTH + 1}}}")


def with_plain_ends(text: str) -> str:
    """Return a text without its mark of the byte order, and with plain line ends."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def decode(data: bytes, file: str, mistakes: Mistakes) -> str | None:
    """Return a file's text with plain line ends, or `None`: it is not UTF-8, or far too long."""
    where = Where(file)
    if len(data) > MAX_BYTES:
        mistakes.add(where, Phrase(f"longer than {MAX_BYTES} bytes", f"{MAX_BYTES} バイトを超えています"))
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        what, remedy = _other_encoding(data)
        mistakes.add(Where(file, line, column), what, remedy)
        return None
    return with_plain_ends(text)


def _other_encoding(data: bytes) -> tuple[Phrase, Phrase]:
    remedy = Phrase("save it as UTF-8", "文字コードを UTF-8 にして保存し直してください")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Phrase("this file is UTF-16, not UTF-8", "このファイルは UTF-16 です（UTF-8 ではありません）"), remedy
    try:
        data.decode("cp932")
    except UnicodeDecodeError:
        return Phrase("this file is not UTF-8", "このファイルは UTF-8 ではありません"), remedy
    shift_jis = Phrase("this file is Shift_JIS, not UTF-8", "このファイルは Shift_JIS です（UTF-8 ではありません）")
    return shift_jis, remedy


def read_yaml(data: bytes | str, file: str, mistakes: Mistakes) -> Node | None:
    """Return a file's tree, with a place for every node; `None` if the file has no usable tree.

    Each mistake is added to `mistakes` and reading goes on wherever it can: the tree of a
    file with mistakes serves to find more of them, never to run anything.
    """
    text = decode(data, file, mistakes) if isinstance(data, bytes) else data.removeprefix("\ufeff")
    if text is None:
        return None
    if (deep := _OPENED_TOO_OFTEN.search(text)) is not None:
        # The scanner looks 1,024 signs ahead at each of them, and needs seconds to find out.
        line, column = text.count("\n", 0, deep.start()) + 1, deep.start() - text.rfind("\n", 0, deep.start())
        mistakes.add(Where(file, line, column), Phrase("nested too deeply", "入れ子が深すぎます"))
        return None
    if note_pasted(text, file, mistakes):
        return None
    found = Mistakes()
    text = without_unseen(text, file, mistakes)
    cut_sentences(text, file, mistakes)
    builder = _Builder(file, found, None)
    error: YAMLError | None = None
    root: Node | None = None
    try:
        root = builder.build(text)
    except _TooDeepError as too_deep:
        # No slip is meant by that. The parser needs milliseconds for each sign of it, and mending asks it many times.
        mistakes.extend(found)
        mistakes.add(*_syntax(too_deep, text, file))
        return None
    except YAMLError as broken:
        error = broken
    if error is not None or builder.slipped:
        # Slips in the structure itself: name them, and read on as if they had not been made.
        # A full-width space is two columns wide, so two is what its author saw.
        for indent in (2, 1):
            repaired = repair(text, indent, file)
            again = Mistakes()
            try:
                tree = _Builder(file, again, repaired.columns).build(repaired.text)
            except YAMLError:
                continue
            mistakes.extend(repaired.slips)
            mistakes.extend(again)
            return tree
    if error is not None and (mended := _mended_tree(text, file, mistakes)) is not None:
        return mended[0]
    mistakes.extend(found)
    if error is not None:
        mistakes.extend(repair(text, 1, file).slips)
        mistakes.add(*_syntax(error, text, file))
    return root


def _mended_tree(text: str, file: str, mistakes: Mistakes) -> tuple[Node | None] | None:
    """Return the tree of a text whose broken lines could be mended, each slip noted; `None`: some could not.

    There is no tree of a text whose author can have meant another one too, so that nothing else is said of it.
    """
    tried: set[str] = set()
    for indent in (2, 1):
        repaired = repair(text, indent, file)
        if repaired.text in tried:
            continue
        tried.add(repaired.text)
        slips, again = Mistakes(), Mistakes()
        mended = mend(repaired.text, file, _stop, slips)
        if mended is None or not mended.columns:
            continue
        columns = dict(repaired.columns)
        for number, origins in mended.columns.items():
            before = repaired.columns.get(number)
            columns[number] = origins if before is None else [before[min(at, len(before) - 1)] for at in origins]
        try:
            tree = _Builder(file, again, columns).build(mended.text)
        except YAMLError:
            continue
        mistakes.extend(repaired.slips)
        mistakes.extend(_at_origin(slips, repaired.columns))
        if not mended.sure:
            return (None,)
        mistakes.extend(again)
        return (tree,)
    return None


def _stop(text: str) -> Stop | None:
    """Return the place where the scanner can go no further in a text."""
    depth = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _TooDeepError(problem="nested too deeply", problem_mark=event.start_mark)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (0, 0) if mark is None else (int(mark.line), int(mark.column))
        return Stop(line, column, f"{error.problem or ''} {error.context or ''}")
    except YAMLError:
        return Stop(0, 0, "")
    return None


def _at_origin(slips: Mistakes, columns: dict[int, list[int]]) -> Iterator[Mistake]:
    """Give slips at their places in the file as it was before another mending."""
    for slip in slips:
        origins = columns.get(slip.line - 1)
        if origins is None:
            yield slip
        else:
            at = origins[min(slip.column - 1, len(origins) - 1)]
            yield replace(slip, where=Where(slip.file, slip.line, at + 1), fix=None)


_SYNTAX = (
    (
        "nested too deeply",
        Phrase("nested too deeply", "入れ子が深すぎます"),
        Phrase(f"open at most {MAX_DEPTH} levels", f"{MAX_DEPTH} 段までにしてください"),
    ),
    (
        "escape character",
        Phrase("a `\\` that begins no known escape", "`\\` のあとの文字に意味がありません"),
        Phrase("write `\\\\`, or put the value in single quotes", "`\\\\` と書くか、値を '…' で囲んでください"),
    ),
    (
        "'\\t'",
        Phrase("a tab character", "タブ文字があります"),
        Phrase("indent with spaces", "半角の空白で字下げしてください"),
    ),
    (
        "mapping values are not allowed",
        Phrase("a `:` where no key can be", "ここに `:` は書けません"),
        Phrase(
            "indent it like its neighbours, or put a text with `: ` in quotes",
            '字下げを前後の行とそろえるか、「: 」を含む文は "…" で囲んでください',
        ),
    ),
    (
        "could not find expected ':'",
        Phrase("a key without `:`", "項目名のあとに `:` がありません"),
        Phrase(
            "write `key: value` with a space behind the colon",
            "`項目: 値` のように、コロンのあとに半角の空白を入れてください",
        ),
    ),
    (
        "quoted scalar",
        Phrase("a quotation mark that is never closed", "引用符が閉じていません"),
        Phrase("close it", "閉じる引用符を書いてください"),
    ),
    (
        "flow sequence",
        Phrase("a `[` that is not closed, or a comma is missing", "`[` が閉じていないか、`,` が足りません"),
        Phrase("write `[one, two]`", "`[あ, い]` のように書いてください"),
    ),
    (
        "flow mapping",
        Phrase("a `{` that is not closed, or a comma is missing", "`{` が閉じていないか、`,` が足りません"),
        Phrase("write `{key: value, key: value}`", "`{項目: 値, 項目: 値}` のように書いてください"),
    ),
    (
        "cannot start any token",
        Phrase("a character that cannot begin a value", "この文字で値を始めることはできません"),
        Phrase("put the value in quotes", '値を "…" で囲んでください'),
    ),
    (
        "alias",
        Phrase("a `*` begins an alias in YAML", "`*` で始まる値は YAML では別の意味になります"),
        Phrase("put the value in quotes", '値を "…" で囲んでください'),
    ),
    (
        "anchor",
        Phrase("a `&` begins an anchor in YAML", "`&` で始まる値は YAML では別の意味になります"),
        Phrase("put the value in quotes", '値を "…" で囲んでください'),
    ),
    (
        "block",
        Phrase("this line does not belong to the lines above it", "この行は上の行とつながりません"),
        Phrase(
            "indent it like its neighbours, or begin it with `- ` if it is the next of a list",
            "字下げを前後の行とそろえるか、リストの次の項目なら行頭に `- ` を付けてください",
        ),
    ),
)


def _syntax(error: YAMLError, text: str, file: str) -> tuple[Where, Phrase, Phrase | None]:
    if isinstance(error, ReaderError):
        before = text[: int(error.position)] if isinstance(error.position, int) else ""
        where = Where(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        return where, Phrase("a control character", "制御文字があります"), Phrase("remove it", "取り除いてください")
    where = Where(file)
    words = str(error)
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            where = Where(file, mark.line + 1, mark.column + 1)
        words = f"{error.problem or ''} {error.context or ''}"
    lines = text.split("\n")
    # The sign may have hidden the end of its own line, so that the scanner stumbles over the next one.
    for number in (where.line - 1, where.line - 2):
        said = quoted_line(lines[number]) if 0 <= number < len(lines) else None
        if said is not None:
            column, sign, line = said
            what = Phrase(f"an unquoted `{sign}` in a sentence", f"文の中に、囲まれていない `{sign}` があります")
            remedy = Phrase(f"write `{line}`", f"`{line}` と書いてください")
            return Where(file, number + 1, column + 1), what, remedy
    mixed = mixed_list(lines, where.line - 1) if 0 < where.line <= len(lines) else None
    if mixed is not None:
        column, line = mixed
        what = Phrase("a `- ` below a list in brackets", "括弧で書いたリストの下に `- ` があります")
        return Where(file, where.line, column + 1), what, write(line)
    for sign, what, remedy in _SYNTAX:
        if sign in words:
            return where, what, remedy
    return where, Phrase("this is not YAML", "YAML として読めません"), None


class _Builder:
    """Makes the tree of one file from the parser's events."""

    def __init__(self, file: str, mistakes: Mistakes, columns: dict[int, list[int]] | None) -> None:
        self._file = file
        self._mistakes = mistakes
        self._columns = columns or {}
        self._events: Iterator[Event] = iter(())
        self.slipped = False
        """Whether a key held a full-width slip, so that the tree may not be the one its author meant."""

    def build(self, text: str) -> Node | None:
        """Return the tree of the first document.

        Raises:
            YAMLError: the text is not YAML.

        """
        self._events = YAML(typ="safe", pure=True).parse(text)
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._mistakes.add(
                        self._where(event),
                        Phrase("a second document", "`---` の下に二つめの文書があります"),
                        Phrase("keep one to a file", "一つのファイルには一つだけ書いてください"),
                    )
            elif isinstance(event, NodeEvent):
                node = self._node(event, 0)
                root = node if documents == 1 else root
        if root is None or root == Scalar("", root.where):
            self._mistakes.add(Where(self._file), Phrase("the file is empty", "ファイルが空です"))
            return None
        if isinstance(root, Scalar) and root.plain and "：" in root.text:
            self.slipped = True
        return root

    def _where(self, event: Event) -> Where:
        mark = event.start_mark
        line, column = int(mark.line), int(mark.column)
        origin = self._columns.get(line)
        if origin is not None:
            column = origin[min(column, len(origin) - 1)]
        return Where(self._file, line + 1, column + 1)

    def _node(self, event: NodeEvent, depth: int) -> Node:
        where = self._where(event)
        if depth > MAX_DEPTH:
            raise _TooDeepError(problem="nested too deeply", problem_mark=event.start_mark)
        if isinstance(event, AliasEvent):
            self._refuse_alias(where, f"*{event.anchor}")
            return Scalar(f"*{event.anchor}", where)
        if event.anchor is not None:
            self._refuse_alias(where, f"&{event.anchor}")
            if isinstance(event, ScalarEvent) and not event.value:
                return Scalar(f"&{event.anchor}", where)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._mistakes.add(
                where,
                Phrase(f"a YAML tag `{tag}`", f"YAML のタグ `{tag}` は使えません"),
                Phrase("remove it", "取り除いてください"),
            )
        if isinstance(event, MappingStartEvent):
            return self._mapping(where, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(where, depth)
        if isinstance(event, ScalarEvent):
            return Scalar(str(event.value), where, plain=event.style is None)
        raise TypeError(f"the parser gave `{type(event).__name__}` where a node begins")

    def _refuse_alias(self, where: Where, shown: str) -> None:
        self._mistakes.add(
            where,
            Phrase(f"an anchor or alias `{shown}`", f"YAML のアンカー・別名 `{shown}` は使えません"),
            Phrase(
                "write it out; a value that begins with `*` or `&` goes in quotes",
                '同じ内容をもう一度書いてください（`*` や `&` で始まる値は "…" で囲みます）',
            ),
        )

    def _sequence(self, where: Where, depth: int) -> Items:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            if isinstance(event, NodeEvent):
                items.append(self._node(event, depth + 1))
        return Items(tuple(items), where)

    def _mapping(self, where: Where, depth: int) -> Table:
        entries: dict[str, Entry] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, NodeEvent):
                continue
            key = self._node(event, depth + 1)
            following = next(self._events)
            if not isinstance(following, NodeEvent):
                raise TypeError("the parser gave a key without a value")
            value = self._node(following, depth + 1)
            if value == Scalar("", value.where) and value.where.line > key.where.line:
                # The parser gives nothing its place behind the comments and blank lines.
                value = Scalar("", key.where)
            entry = self._entry(key, value)
            if entry is None:
                continue
            if entry.key in entries:
                first = entries[entry.key].where.line
                self._mistakes.add(
                    entry.where,
                    Phrase(
                        f"the key `{entry.key}` is here twice (first on line {first})",
                        f"`{entry.key}` が二度書かれています（最初は {first} 行目）",
                    ),
                    Phrase("keep one of them", "どちらか一つにしてください"),
                )
                continue
            entries[entry.key] = entry
        return Table(tuple(entries.values()), where)

    def _entry(self, key: Node, value: Node) -> Entry | None:
        if not isinstance(key, Scalar):
            self._mistakes.add(
                key.where,
                Phrase("a list or mapping where a key belongs", "項目名の位置にリストや組があります"),
                Phrase("write a word as the key", "項目名は一語で書いてください"),
            )
            return None
        if key.text == "<<":
            self._mistakes.add(
                key.where,
                Phrase("a merge key `<<`", "`<<` は使えません"),
                Phrase("write the keys out", "項目をそのまま書いてください"),
            )
            return None
        if not key.plain:
            return Entry(key.text, key.where, value)
        return self._mend_key(key, value)

    def _mend_key(self, key: Scalar, value: Node) -> Entry:
        """Name a full-width colon or space in a key, and read on as if it had been a half-width one."""
        text, where = key.text, key.where
        marked = isinstance(value, Scalar) and bool(value.text) and is_marked(text)
        self.slipped = self.slipped or any(sign in text for sign in "：\u3000{[") or marked
        stripped = text.lstrip("\u3000 ")
        if stripped != text:
            what, right = SLIPS["\u3000"]
            self._mistakes.add(where, what, instead(right))
            where = where.moved(len(text) - len(stripped))
            text = stripped
        if text.rstrip("\u3000") != text:
            what, right = SLIPS["\u3000"]
            self._mistakes.add(where.moved(len(text.rstrip("\u3000"))), what, instead(right))
            text = text.rstrip("\u3000")
        before, colon, after = text.partition("：")
        if not colon:
            return Entry(text, where, value)
        what, right = SLIPS["："]
        self._mistakes.add(where.moved(len(before)), what, instead(right))
        rest = after.strip(" \u3000")
        if rest and isinstance(value, Scalar) and not value.text:
            value = Scalar(rest, where.moved(len(before) + 1 + after.index(rest[0])))
        return Entry(before, where, value)
