"""A YAML document as a tree of values. Each value knows its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import assert_never

from gateway.yaml.mistakes import Mistakes, Phrase, Where, did_you_mean, one_of

MAX_DEPTH = 50
"""Levels of nesting. No real file needs ten levels; a bomb of brackets must not end in a RecursionError."""


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
    """The place of the key."""
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
    """Describe a node, for a mistake that expected something else."""
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


def unknown_key(entry: Entry, known: Iterable[str], mistakes: Mistakes) -> None:
    """Note an unknown key, with the key that was probably meant."""
    words = tuple(known)
    what = Phrase(f"unknown key `{entry.key}`", f"`{entry.key}` という項目はありません")
    mistakes.add(entry.where, what, did_you_mean(entry.key, words) or one_of(words))
