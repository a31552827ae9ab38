"""Lays a YAML file out anew: the same tree and every comment, in one form.

A comment belongs to the entry or item behind it, to the one on its own line, or to the end of a block that is indented
as far. A table or list stands on one line if it fits and has no comment. Anchors, tags and second documents are not for
this module: read the file first, and lay it out only if it has no mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never
from unicodedata import east_asian_width

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from gateway.yaml.read import with_plain_ends

WIDTH = 120
"""Columns of a line; a Japanese character takes two."""

Path = tuple[str, ...]
"""The keys that lead to a value; `*` is an item of a list."""

_Place = tuple[int, int]

_BORING = re.compile(
    r"[A-Za-z_/\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff々](?:[A-Za-z0-9_./*\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff々。-]*)"
)
"""Text that needs no quotes anywhere, and that no slip of a keyboard can be in."""

_OTHERWISE = re.compile(r"(?i:y|n|yes|no|on|off|true|false|null|nan|inf|\.inf|\.nan)")
"""Words that another reader of YAML takes for no text."""

_FLOW = re.compile(r"[,\[\]{}]|\s#|:(?:\s|$)")


@dataclass(slots=True)
class _Scalar:
    text: str
    style: str | None
    start: _Place
    end: _Place


@dataclass(slots=True)
class _Holder:
    """An entry of a table, or an item of a list."""

    key: _Scalar | None
    value: _Node
    leading: list[str] = field(default_factory=list)
    """Comments above it; an empty text is an empty line between them."""
    trailing: str = ""
    top: int = 10**9
    """The line of the first comment above it that stands on a line of its own."""
    space: bool = False
    """Whether an empty line stands above it and its comments."""

    @property
    def start(self) -> _Place:
        return self.value.start if self.key is None else self.key.start


@dataclass(slots=True)
class _Table:
    holders: list[_Holder]
    flow: bool
    start: _Place
    end: _Place
    is_list: bool
    tail: list[str] = field(default_factory=list)
    """Comments behind its last entry, indented as the entries are."""


_Node = _Scalar | _Table


def lay_out(text: str, order: Callable[[Path], Sequence[str]], is_block: Callable[[Path, int], bool]) -> str:
    """Return the file in its one form.

    `order`: the order of the keys of the table at a path; keys that it does not have keep their own, behind the others.
    `is_block`: whether the value at a path with so many entries always has a line for each of them.
    """
    source = with_plain_ends(text)
    root = _read(source)
    lines = source.split("\n")
    head, tail = _attach(root, _comments(source), lines)
    _sort(root, (), order)
    _space(root, lines)
    out = [*head]
    match root:
        case _Scalar():
            out.append(_written(root))
        case _Table():
            out += _Printer(is_block).block(root, (), 0)
        case _:
            assert_never(root)
    out += tail
    while out and not out[-1]:
        out.pop()
    return "\n".join(out) + "\n"


def comments_of(text: str) -> tuple[str, ...]:
    """Return every comment of a file, in order."""
    source = with_plain_ends(text)
    return tuple(comment for _, comment in _comments(source))


# --- reading -------------------------------------------------------------------------


def _read(text: str) -> _Node:
    events = YAML(typ="safe", pure=True).parse(text)
    return next(_node(event, events) for event in events if isinstance(event, NodeEvent))


def _node(event: Event, events: Iterator[Event]) -> _Node:
    start, end = _place(event.start_mark), _place(event.end_mark)
    if isinstance(event, ScalarEvent):
        value, style = str(event.value), event.style
        return _Scalar(value, "'" if style in ("|", ">") and not _is_literal(value) else style, start, end)
    if not isinstance(event, MappingStartEvent | SequenceStartEvent):
        raise TypeError(f"the parser gave `{type(event).__name__}` where a node begins")
    flow = bool(event.flow_style)
    holders: list[_Holder] = []
    is_list = isinstance(event, SequenceStartEvent)
    for inner in events:
        if isinstance(inner, MappingEndEvent | SequenceEndEvent):
            # The end mark of a block lies behind the comments that follow it.
            end = _place(inner.end_mark) if flow or not holders else holders[-1].value.end
            break
        node = _node(inner, events)
        if is_list:
            holders.append(_Holder(None, node))
            continue
        if not isinstance(node, _Scalar):
            raise TypeError("a key is no text")
        holders.append(_Holder(node, _node(next(events), events)))
    return _Table(holders, flow, start, end, is_list)


def _place(mark: object) -> _Place:
    return int(getattr(mark, "line", 0)), int(getattr(mark, "column", 0))


def _comments(text: str) -> list[tuple[_Place, str]]:
    """Return each comment with its place: outside of tokens there is nothing but spaces and comments."""
    lines = text.split("\n")
    found: list[tuple[_Place, str]] = []
    before: _Place = (0, 0)
    for token in YAML(typ="safe", pure=True).scan(text):
        start, end = _place(token.start_mark), _place(token.end_mark)
        found += _between(lines, before, start)
        if getattr(token, "style", None) in ("|", ">"):
            # The comment behind `|` lies inside of the token.
            header = lines[start[0]]
            mark = re.compile(r"\s#").search(header, start[1])
            if mark is not None:
                found.append(((start[0], mark.start() + 1), header[mark.start() + 1 :].rstrip()))
        before = max(before, end)
    return [*found, *_between(lines, before, (len(lines), 0))]


def _between(lines: Sequence[str], start: _Place, end: _Place) -> Iterator[tuple[_Place, str]]:
    for number in range(start[0], min(end[0] + 1, len(lines))):
        first = start[1] if number == start[0] else 0
        last = end[1] if number == end[0] else len(lines[number])
        column = lines[number].find("#", first, last)
        if column >= 0 and (column == 0 or lines[number][column - 1] in " \t"):
            yield (number, column), lines[number][column:].rstrip()


# --- comments ------------------------------------------------------------------------


@dataclass(slots=True)
class _Met:
    """A holder of a block, with the columns of those that it is in."""

    holder: _Holder
    table: _Table
    column: int
    around: tuple[_Met, ...]


def _holders(node: _Node, around: tuple[_Met, ...]) -> Iterator[_Met]:
    if isinstance(node, _Scalar) or node.flow:
        return
    for holder in node.holders:
        # The dash of an item stands where its list begins.
        met = _Met(holder, node, node.start[1], around)
        yield met
        yield from _holders(holder.value, (*around, met))


def _attach(root: _Node, comments: list[tuple[_Place, str]], lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give each comment to its holder, and return those at the head and at the end of the file."""
    met = list(_holders(root, ()))
    head: list[str] = []
    tail: list[str] = []
    last: tuple[list[str], int] | None = None
    for place, comment in comments:
        before = [each for each in met if each.holder.start < place]
        behind = next((each for each in met if each.holder.start > place), None)
        lead = lines[place[0]][: place[1]].strip()
        if not before:
            target = head
        else:
            owner = before[-1].holder
            within = owner.value.start < place < owner.value.end
            of_flow = isinstance(owner.value, _Table) and owner.value.flow and within
            of_text = isinstance(owner.value, _Scalar) and within
            if of_flow:
                # The list or table may come to stand on one line, so the comment goes above it.
                owner.leading.append(comment)
                last = None
                continue
            if not owner.trailing and (of_text or lead.strip("- ")) and not lead.endswith(" -"):
                owner.trailing = comment
                continue
            if lead.endswith("-") and behind is not None:
                behind.holder.leading.append(comment)
                last = None
                continue
            target = tail if behind is None and not place[1] else _own_line(place, before[-1], behind)
        if last is not None and last[0] is target and place[0] > last[1] + 1 and target:
            target.append("")
        target.append(comment)
        last = (target, place[0])
        if behind is not None and target is behind.holder.leading:
            behind.holder.top = min(behind.holder.top, place[0])
    if head and met and met[0].holder.start[0] > 0 and not lines[met[0].holder.start[0] - 1].strip():
        head.append("")
    return head, tail


def _own_line(place: _Place, before: _Met, behind: _Met | None) -> list[str]:
    """Return the comments that one on a line of its own belongs to."""
    floor = -1 if behind is None else behind.column
    blocks = [each for each in (*before.around, before) if floor < each.column <= place[1]]
    if blocks:
        return blocks[-1].table.tail
    return before.table.tail if behind is None else behind.holder.leading


# --- order and empty lines --------------------------------------------------------------


def _sort(node: _Node, path: Path, order: Callable[[Path], Sequence[str]]) -> None:
    if isinstance(node, _Scalar):
        return
    if not node.is_list:
        places = {key: place for place, key in enumerate(order(path))}
        node.holders.sort(key=lambda each: places.get("" if each.key is None else each.key.text, len(places)))
    for holder in node.holders:
        _sort(holder.value, _below(path, holder), order)
        if holder.key is None and isinstance(holder.value, _Table) and holder.value.holders:
            # The first entry stands behind the dash of its item, and its comments above both.
            holder.leading += holder.value.holders[0].leading
            holder.value.holders[0].leading = []


def _below(path: Path, holder: _Holder) -> Path:
    return (*path, "*" if holder.key is None else holder.key.text)


def _space(node: _Node, lines: Sequence[str], depth: int = 0) -> None:
    """Note the empty lines between sections, conditions, rules and examples: one is kept."""
    if isinstance(node, _Scalar) or node.flow or depth > 1:
        return
    for number, holder in enumerate(node.holders):
        above = min(holder.top, holder.start[0]) - 1
        holder.space = number > 0 and above >= 0 and not lines[above].strip()
        _space(holder.value, lines, depth + 1)


# --- writing -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Printer:
    is_block: Callable[[Path, int], bool]

    def block(self, table: _Table, path: Path, indent: int) -> list[str]:
        """Return a table or list with a line for each entry."""
        out: list[str] = []
        pad = " " * indent
        for number, holder in enumerate(table.holders):
            if holder.space and number:
                out.append("")
            out += [pad + comment if comment else "" for comment in holder.leading]
            start = "-" if holder.key is None else f"{_written(holder.key)}:"
            out += self._holder(holder, pad + start, _below(path, holder), indent)
        return [*out, *(pad + comment if comment else "" for comment in table.tail)]

    def _holder(self, holder: _Holder, start: str, path: Path, indent: int) -> list[str]:
        value, trailing = holder.value, f"  {holder.trailing}" if holder.trailing else ""
        if isinstance(value, _Scalar) and value.style in ("|", ">"):
            return _literal(value, start, trailing, indent + 2)
        line = self._line(value, path)
        if line is not None and not self._must_be_block(value, path):
            whole = f"{start} {line}".rstrip()
            if isinstance(value, _Scalar) or not value.holders or _columns(whole) <= WIDTH:
                return [whole + trailing]
        if isinstance(value, _Scalar):
            return [f"{start} {_written(value)}".rstrip() + trailing]
        below = self.block(value, path, indent + 2)
        if holder.key is None:
            above = [" " * indent + holder.trailing] if trailing else []
            return [*above, f"{start} {below[0].lstrip()}", *below[1:]]
        return [start + trailing, *below]

    def _must_be_block(self, value: _Node, path: Path) -> bool:
        return isinstance(value, _Table) and bool(value.holders) and self.is_block(path, len(value.holders))

    def _line(self, node: _Node, path: Path, *, inside: bool = False) -> str | None:
        """Return a value on one line; none if it has a comment, or text that needs lines or quotes there."""
        if isinstance(node, _Scalar):
            if node.style in ("|", ">") or (inside and node.style is None and not _fits_in_flow(node.text)):
                return None
            return _written(node)
        if node.tail:
            return None
        pieces: list[str] = []
        for holder in node.holders:
            inner = _below(path, holder)
            if holder.leading or holder.trailing or self._must_be_block(holder.value, inner):
                return None
            line = self._line(holder.value, inner, inside=True)
            if line is None or (holder.key is not None and not _fits_in_flow(holder.key.text)):
                return None
            pieces.append(line if holder.key is None else f"{_written(holder.key)}: {line}")
        return f"[{', '.join(pieces)}]" if node.is_list else f"{{{', '.join(pieces)}}}"


def _fits_in_flow(text: str) -> bool:
    return bool(text) and _FLOW.search(text) is None and text[0] not in "?:-" and "\n" not in text


def _written(scalar: _Scalar) -> str:
    """Return a scalar on one line: plain as it was, and in quotes only where they are of use."""
    text = scalar.text
    if scalar.style is None and "\n" not in text:
        return text
    if _BORING.fullmatch(text) and _OTHERWISE.fullmatch(text) is None:
        return text
    if "'" not in text and _is_shown(text):
        return f"'{text}'"
    escaped = "".join(_escaped(sign) for sign in text)
    return f'"{escaped}"'


def _escaped(sign: str) -> str:
    if sign in '\\"':
        return f"\\{sign}"
    if sign == "\n":
        return "\\n"
    if _is_shown(sign):
        return sign
    return f"\\u{ord(sign):04X}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08X}"


def _is_literal(text: str) -> bool:
    """Whether a text can stand behind `|`, line by line as it is."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    return (
        bool(body)
        and body[0] not in " \t\n"
        and not body.endswith("\n")
        and all(line == line.rstrip() and _is_shown(line) for line in lines)
    )


def _literal(scalar: _Scalar, start: str, trailing: str, indent: int) -> list[str]:
    """Return a text of several lines behind `|`."""
    body = scalar.text.removesuffix("\n")
    pad = " " * indent
    lines = [pad + line if line else "" for line in body.split("\n")]
    return [f"{start} |{'' if body != scalar.text else '-'}{trailing}", *lines]


def _is_shown(text: str) -> bool:
    """Whether every sign of a text is seen; a full-width space is one of a name."""
    return text.replace("\u3000", "").isprintable()


def _columns(line: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in line)
