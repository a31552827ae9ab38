"""Reads the two files people write: YAML as text with a place for everything, and every mistake at once.

YAML 1.1 makes `no` a False, `22:00` the number 1320 and `011002` (札幌市) the number 4610;
1.2 still loses the zero. So every scalar stays the text that was typed, and whoever reads
the tree (`config`, `policy/parse`) gives it a type. What has two meanings is refused:
duplicate keys, anchors, aliases, merge keys, tags, a second document. The slips of a
Japanese keyboard (full-width colon, comma, bracket, space, digit) are named for what they are.

What the keys mean lives with the readers. Noticing that a file has changed lives in `workers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import assert_never
from unicodedata import normalize

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
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

MAX_DEPTH = 50
"""Levels of nesting. No file of ours needs ten; a bomb of brackets must not end in a RecursionError."""

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of one file: a subject list of some 200,000 entries."""


class Language(StrEnum):
    """A language in which a mistake can be said."""

    EN = "en"
    JA = "ja"


@dataclass(frozen=True, slots=True)
class Phrase:
    """The same words in English and Japanese; where `ja` is not given, English stands for it."""

    en: str
    ja: str = ""

    def say(self, language: Language = Language.EN) -> str:
        """Return the words in one language."""
        return self.ja if language is Language.JA and self.ja else self.en

    def __str__(self) -> str:
        return self.en


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file, as editors count: the first character is line 1, column 1."""

    file: str
    line: int = 1
    column: int = 1

    def moved(self, columns: int) -> Where:
        """Return the place so many characters to the right on the same line."""
        return Where(self.file, self.line, self.column + columns)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a file, where, and what would be right. `str()` is the line an author reads."""

    where: Where
    what: Phrase
    remedy: Phrase | None = None

    @property
    def file(self) -> str:
        """The file it is in."""
        return self.where.file

    @property
    def line(self) -> int:
        """The line, from 1."""
        return self.where.line

    @property
    def column(self) -> int:
        """The column in characters, from 1."""
        return self.where.column

    def say(self, language: Language = Language.EN) -> str:
        """Return `file:line:column: what, what would be right`."""
        comma = "、" if language is Language.JA else ", "
        remedy = "" if self.remedy is None else comma + self.remedy.say(language)
        return f"{self.where}: {self.what.say(language)}{remedy}"

    def __str__(self) -> str:
        return self.say()


class Mistakes:
    """Collects every mistake of a file, so that its author mends them in one go."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Mistake, None] = {}

    def add(self, where: Where, what: Phrase | str, remedy: Phrase | str | None = None) -> None:
        """Note one mistake; the same one twice is one."""
        said = Phrase(remedy) if isinstance(remedy, str) else remedy
        self._found[Mistake(where, Phrase(what) if isinstance(what, str) else what, said)] = None

    def extend(self, others: Iterable[Mistake]) -> None:
        """Note the mistakes of another collector."""
        self._found.update(dict.fromkeys(others))

    def __iter__(self) -> Iterator[Mistake]:
        """Go through the mistakes in the order of the file."""
        return iter(sorted(self._found, key=lambda mistake: mistake.where))

    def __len__(self) -> int:
        return len(self._found)

    def say(self, language: Language = Language.EN) -> str:
        """Return all of them, a line each."""
        return "\n".join(mistake.say(language) for mistake in self)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A piece of text. `18`, `no`, `22:00` and `"18"` are all text here; nothing written is the empty text."""

    text: str
    where: Where
    plain: bool = True
    """Written without quotes, so that full-width punctuation in it may be a slip."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    where: Where

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: str
    where: Where
    """Of the key."""
    value: Node


@dataclass(frozen=True, slots=True)
class Table:
    """Keys with values, in the order of the file; no key comes twice."""

    entries: tuple[Entry, ...]
    where: Where
    _index: dict[str, Entry] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._index.update((entry.key, entry) for entry in self.entries)

    def entry(self, key: str) -> Entry | None:
        """Return the entry of a key."""
        return self._index.get(key)

    def get(self, key: str) -> Node | None:
        """Return the value of a key."""
        found = self._index.get(key)
        return None if found is None else found.value

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in the order of the file."""
        return tuple(self._index)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


Node = Scalar | Items | Table


def kind_of(node: Node) -> Phrase:
    """Say what a node is, for a mistake that expected something else."""
    match node:
        case Scalar(text="", plain=True):
            return Phrase("nothing", "空欄")
        case Scalar():
            return Phrase(f"`{node.text}`", f"`{node.text}`")
        case Items():
            return Phrase("a list", "リスト")
        case Table():
            return Phrase("keys with values", "項目の組")
        case _:
            assert_never(node)


# --- the slips of a Japanese keyboard ------------------------------------------------

_SLIPS = {
    "：": (Phrase("a full-width colon `：`", "全角のコロン「：」"), ":"),
    "，": (Phrase("a full-width comma `，`", "全角のコンマ「，」"), ","),
    "、": (Phrase("a Japanese comma `、`", "読点「、」"), ","),
    "｛": (Phrase("a full-width bracket `｛`", "全角の括弧「｛」"), "{"),
    "｝": (Phrase("a full-width bracket `｝`", "全角の括弧「｝」"), "}"),
    "［": (Phrase("a full-width bracket `［`", "全角の括弧「［」"), "["),
    "］": (Phrase("a full-width bracket `］`", "全角の括弧「］」"), "]"),
    "「": (Phrase("a Japanese quotation mark `「`", "かぎ括弧「"), '"'),
    "」": (Phrase("a Japanese quotation mark `」`", "かぎ括弧」"), '"'),
    "\u3000": (Phrase("a full-width space (U+3000)", "全角の空白（U+3000）"), " "),
    "＃": (Phrase("a full-width number sign `＃`", "全角のシャープ「＃」"), "#"),
    "－": (Phrase("a full-width hyphen `－`", "全角のハイフン「－」"), "-"),
    "／": (Phrase("a full-width slash `／`", "全角のスラッシュ「／」"), "/"),
    "．": (Phrase("a full-width full stop `．`", "全角のピリオド「．」"), "."),
    "＊": (Phrase("a full-width asterisk `＊`", "全角のアスタリスク「＊」"), "*"),
}
_DIGITS = re.compile("[０-９]+")
_LETTERS = re.compile("[Ａ-Ｚａ-ｚ＿]+")


def find_slips(text: str) -> list[tuple[int, Phrase, Phrase]]:
    """Return (position, what, remedy) for each full-width slip, for text that is no sentence, name or address."""
    found: list[tuple[int, Phrase, Phrase]] = []
    for position, character in enumerate(text):
        if character in _SLIPS:
            what, right = _SLIPS[character]
            found.append((position, what, _instead(right)))
    for match in _DIGITS.finditer(text):
        right = normalize("NFKC", match[0])
        what = Phrase(f"full-width digits `{match[0]}`", f"全角の数字「{match[0]}」")
        found.append((match.start(), what, _instead(right)))
    for match in _LETTERS.finditer(text):
        right = normalize("NFKC", match[0])
        what = Phrase(f"full-width letters `{match[0]}`", f"全角の英字「{match[0]}」")
        found.append((match.start(), what, _instead(right)))
    return sorted(found, key=lambda slip: slip[0])


def note_slips(scalar: Scalar, mistakes: Mistakes) -> bool:
    """Note each slip in a scalar that is no sentence, name or address; True if there was any."""
    slips = find_slips(scalar.text)
    for position, what, remedy in slips:
        mistakes.add(scalar.where.moved(position + (0 if scalar.plain else 1)), what, remedy)
    return bool(slips)


def _instead(right: str) -> Phrase:
    shown = {" ": Phrase("a half-width space", "半角の空白に")}.get(right, Phrase(f"`{right}`", f"半角の `{right}` に"))
    return Phrase(f"write {shown.en}", f"{shown.ja}してください")


def did_you_mean(word: str, known: Iterable[str]) -> Phrase | None:
    """Return a remedy naming the known word that was probably meant."""
    words = list(known)
    folded = normalize("NFKC", word).strip().lower().replace("-", "_").replace(" ", "_")
    by_fold = {candidate.lower().replace("-", "_").replace(" ", "_"): candidate for candidate in words}
    if folded in by_fold:
        close = [by_fold[folded]]
    else:
        close = get_close_matches(word, words, n=1, cutoff=0.6) or [
            by_fold[match] for match in get_close_matches(folded, by_fold, n=1, cutoff=0.6)
        ]
    if not close:
        return None
    return Phrase(f"did you mean `{close[0]}`?", f"`{close[0]}` のことですか")


def one_of(words: Sequence[str]) -> Phrase:
    """Return a remedy that lists what may stand there."""
    listed = ", ".join(f"`{word}`" for word in words)
    return Phrase(f"write one of {listed}", f"{'、'.join(f'`{word}`' for word in words)} のいずれかを書いてください")


def unknown_key(entry: Entry, known: Iterable[str], mistakes: Mistakes) -> None:
    """Note a key nobody knows, with what was probably meant."""
    words = tuple(known)
    what = Phrase(f"unknown key `{entry.key}`", f"`{entry.key}` という項目はありません")
    mistakes.add(entry.where, what, did_you_mean(entry.key, words) or one_of(words))


# --- reading -------------------------------------------------------------------------


def read_yaml_file(path: Path, mistakes: Mistakes, name: str | None = None) -> Node | None:
    """Read a file as `read_yaml` does; a file that cannot be opened is a mistake too.

    `name` is what messages call the file; its path where not given.
    """
    where = Where(name or str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        mistakes.add(where, Phrase("there is no such file", "このファイルはありません"))
        return None
    except OSError as error:
        reason = error.strerror or "unreadable"
        mistakes.add(where, Phrase(f"cannot be read: {reason}", f"読めません（{reason}）"))
        return None
    return read_yaml(data, where.file, mistakes)


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
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
    """Return a file's tree, with a place for every node; `None` where there is none to speak of.

    Each mistake is added to `mistakes` and reading goes on wherever it can: the tree of a
    file with mistakes serves to find more of them, never to run anything.
    """
    text = decode(data, file, mistakes) if isinstance(data, bytes) else data.removeprefix("\ufeff")
    if text is None:
        return None
    found = Mistakes()
    builder = _Builder(file, found, None)
    error: YAMLError | None = None
    root: Node | None = None
    try:
        root = builder.build(text)
    except YAMLError as broken:
        error = broken
    if error is not None or builder.slipped:
        # Slips in the structure itself: name them, and read on as if they had not been made.
        # A full-width space is two columns wide, so two is what its author saw.
        for indent in (2, 1):
            repaired = _repair(text, indent, file)
            again = Mistakes()
            try:
                tree = _Builder(file, again, repaired.columns).build(repaired.text)
            except YAMLError:
                continue
            mistakes.extend(repaired.slips)
            mistakes.extend(again)
            return tree
    mistakes.extend(found)
    if error is not None:
        mistakes.extend(_repair(text, 1, file).slips)
        mistakes.add(*_syntax(error, text, file))
    return root


_SYNTAX = (
    (
        "'\\t'",
        Phrase("a tab character", "タブ文字があります"),
        Phrase("indent with spaces", "半角の空白で字下げしてください"),
    ),
    (
        "mapping values are not allowed",
        Phrase("a `:` where no key can be", "ここに `:` は書けません"),
        Phrase(
            "indent it as its neighbours are, or put a text that holds `: ` in quotes",
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
        "block",
        Phrase("this line does not belong to what stands above it", "この行は上の行とつながりません"),
        Phrase("indent it as its neighbours are", "字下げを前後の行とそろえてください"),
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
    for sign, what, remedy in _SYNTAX:
        if sign in words:
            return where, what, remedy
    return where, Phrase("this is not YAML", "YAML として読めません"), None


@dataclass(slots=True)
class _Repaired:
    text: str
    slips: Mistakes
    columns: dict[int, list[int]]
    """For each line (from 0) that was changed: the original column (from 0) of each of its characters."""


_LINE_KEY = re.compile(r"^(?P<before>[ \u3000]*(?:- +)?)(?P<key>[^\s:：#\"'\[\]{}｛｝［］,、，]+)：")
_FLOW_KEY = re.compile(r"(?P<open>[{｛,，、]\s*)(?P<key>[A-Za-z_]+)：")
_FLOW_COMMA = re.compile(r"[，、](?=\s*[A-Za-z_]+\s*[:：])")
_BLOCK_TEXT = re.compile(r"(?:^|[:\-] +)[|>][0-9+-]*\s*(?:#.*)?$")


def _repair(text: str, indent: int, file: str) -> _Repaired:
    """Return the text with structural slips mended, `indent` spaces for each full-width one that indents."""
    slips = Mistakes()
    columns: dict[int, list[int]] = {}
    lines: list[str] = []
    block_indent: int | None = None
    for number, line in enumerate(text.split("\n")):
        depth = len(line) - len(line.lstrip(" "))
        if block_indent is not None and (depth > block_indent or not line.strip()):
            lines.append(line)
            continue
        block_indent = depth if _BLOCK_TEXT.search(line) else None
        mended, origin = _repair_line(line, Where(file, number + 1), indent, slips)
        lines.append(mended)
        if origin:
            columns[number] = origin
    return _Repaired("\n".join(lines), slips, columns)


def _repair_line(line: str, start: Where, indent: int, slips: Mistakes) -> tuple[str, list[int]]:
    """Return the line mended and, if anything was, the original column of each of its characters."""
    changes: dict[int, str] = {}
    body = _without_quotes(line)
    lead = len(body) - len(body.lstrip(" \u3000"))
    for position in range(lead):
        if body[position] == "\u3000":
            changes[position] = " " * indent
    found = _LINE_KEY.match(body)
    if found is not None:
        changes[found.end() - 1] = ": "
    for pattern in (_FLOW_KEY, _FLOW_COMMA):
        for match in pattern.finditer(body):
            position = match.end() - 1
            changes[position] = ", " if body[position] in "，、" else ": "
    for match in re.finditer(r"(?:^|[:：,、，\[{［｛-])\s*([［｛])", body):
        changes[match.start(1)] = _SLIPS[match[1]][1]
    if any(mended in "[{" for mended in changes.values()) or "[" in body or "{" in body:
        for match in re.finditer(r"([］｝])\s*(?=[,、，\]}］｝#]|$)", body):
            changes[match.start(1)] = _SLIPS[match[1]][1]
    if not changes:
        return line, []
    mended_text: list[str] = []
    origin: list[int] = []
    for position, character in enumerate(line):
        mended = changes.get(position)
        if mended is not None:
            what, right = _SLIPS[character]
            # One message for a run of full-width spaces: it is one slip of the thumb.
            if not (character == "\u3000" and position > 0 and line[position - 1] == "\u3000"):
                slips.add(start.moved(position), what, _instead(right))
        written = character if mended is None else mended
        mended_text.append(written)
        origin.extend([position] * len(written))
    origin.append(len(line))
    return "".join(mended_text), origin


def _without_quotes(line: str) -> str:
    """Blank out what is quoted or a comment, so that only structure is looked at; lengths stay."""
    out: list[str] = []
    quote = ""
    for position, character in enumerate(line):
        if quote:
            out.append("\0")
            if character == quote:
                quote = ""
        elif character in "\"'" and (position == 0 or line[position - 1] in " [{,：:"):
            quote = character
            out.append("\0")
        elif character == "#" and (position == 0 or line[position - 1] in " \u3000\t"):
            out.append("\0" * (len(line) - position))
            break
        else:
            out.append(character)
    return "".join(out)


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
            raise MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        if isinstance(event, AliasEvent):
            self._refuse_alias(where, f"*{event.anchor}")
            return Scalar("", where)
        if event.anchor is not None:
            self._refuse_alias(where, f"&{event.anchor}")
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
        self.slipped = self.slipped or "：" in text or "\u3000" in text
        stripped = text.lstrip("\u3000 ")
        if stripped != text:
            what, right = _SLIPS["\u3000"]
            self._mistakes.add(where, what, _instead(right))
            where = where.moved(len(text) - len(stripped))
            text = stripped
        if text.rstrip("\u3000") != text:
            what, right = _SLIPS["\u3000"]
            self._mistakes.add(where.moved(len(text.rstrip("\u3000"))), what, _instead(right))
            text = text.rstrip("\u3000")
        before, colon, after = text.partition("：")
        if not colon:
            return Entry(text, where, value)
        what, right = _SLIPS["："]
        self._mistakes.add(where.moved(len(before)), what, _instead(right))
        rest = after.strip(" \u3000")
        if rest and isinstance(value, Scalar) and not value.text:
            value = Scalar(rest, where.moved(len(before) + 1 + after.index(rest[0])))
        return Entry(before, where, value)
