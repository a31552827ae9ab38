"""Gives the text of a YAML tree the types of a settings class, field by field, noting every mistake.

A class's fields are its keys, their annotations give the permitted values, and their defaults the optional keys. Which
settings there are, and which contradict each other, is `config`'s business; places in the file stay with the tree
(`gateway/yaml`).
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from gateway.yaml.hidden import without_users
from gateway.yaml.mistakes import Mistakes, Phrase, Where, one_of
from gateway.yaml.slips import note_slips
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table, kind_of, unknown_key

Seconds = Annotated[float, "duration"]
"""People write `250ms`, `30s`, `15m`, `8h`, `7d`."""

Bytes = Annotated[int, "size"]
"""People write `512B`, `64KiB`, `10MiB`, `2GiB`."""

Share = Annotated[float, "share"]
"""A part of a whole. People write `0`, `0.01`, `1`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of one file: its folder, its mistakes, and the place of each value."""

    base: Path
    """Folder that relative paths in the file start from."""
    mistakes: Mistakes
    places: dict[str, Where] = field(default_factory=dict)
    """The place of each written value, by its path: `apps[0].url`."""

    broken: set[str] = field(default_factory=set)
    """Paths of values that could not be read: a default or a stand-in is in their place."""

    def note(self, at: str, what: Phrase, remedy: Phrase | None = None) -> None:
        """Note a mistake about a value, unless it could not be read and has been noted already.

        The words repeat no user and no password of a URL.
        """
        if at not in self.broken:
            self.mistakes.add(self.where(at), without_users(what), None if remedy is None else without_users(remedy))

    def where(self, at: str) -> Where:
        """Return the place of a value, or of the nearest thing around it that was written."""
        while at and at not in self.places:
            at = at.rpartition(".")[0] if not at.endswith("]") or at in self.places else at.rpartition("[")[0]
        return self.places[at]


T = TypeVar("T")


class TakenUp(StrEnum):
    """When a changed setting begins to hold. A field without a mark is taken up by a reload (SIGHUP)."""

    RELOAD = "reload"
    REPLACEMENT = "replacement"
    """New workers take it up (SIGUSR2); with one worker, that is a restart."""
    RESTART = "restart"
    """The whole gateway must start again: it is about sockets, or about the supervisor itself."""


AtReplacement = Annotated[T, TakenUp.REPLACEMENT]
"""The field holds once the workers are replaced."""

AtRestart = Annotated[T, TakenUp.RESTART]
"""The field holds once the gateway is started again."""

DURATION_PATTERN = r"[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ms|s|m|h|d)"
"""A length of time as people write it, in every file and on every command line: `250ms`, `30s`, `1.5h`, `7d`."""

_DURATION = re.compile(DURATION_PATTERN)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SHARE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)")
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_TRUTHS = {"true": True, "false": False, "yes": True, "no": False}
_LANGUAGES = ("ja", "en")


def duration_of(text: str) -> float | None:
    """Return the seconds of a length of time, or `None` if the text is none."""
    if _DURATION.fullmatch(text) is None:
        return None
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * _SECONDS[unit]


class Unreadable(Exception):  # noqa: N818 - never leaves this module: what it means has been noted already
    """A value could not be read, and the mistake has been noted."""


def hints(cls: type) -> dict[str, Any]:
    """Return the annotations of a class's fields, resolved."""
    return get_type_hints(cls, include_extras=True)


def taken_up(kind: object) -> TakenUp:
    """Return when a field of this annotation begins to hold."""
    marks = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, TakenUp)), TakenUp.RELOAD)


def without_mark(kind: object) -> object:
    """Return an annotation without its word about reloads: what may stand at the key."""
    if get_origin(kind) is not Annotated:
        return kind
    inner, *marks = get_args(kind)
    rest = tuple(mark for mark in marks if not isinstance(mark, TakenUp))
    return Annotated[(inner, *rest)] if rest else inner


def is_optional(kind: object) -> bool:
    """Return whether a key of this annotation may hold nothing at all."""
    return types.NoneType in get_args(without_mark(kind))


def unit_of(kind: object) -> str | None:
    """Return `duration` or `size` where people write a number with that unit, with or without `| None`; else `None`."""
    kind = without_mark(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return next((unit for each in get_args(kind) if (unit := unit_of(each)) is not None), None)
    return str(get_args(kind)[1]) if get_origin(kind) is Annotated else None


def read_values(cls: type[T], node: Node, reading: Reading) -> T | None:
    """Return a `cls` made of a mapping's entries, or `None` where there is no mapping.

    The reader notes a value that it cannot read and takes its default or a stand-in, so that a check of the whole finds
    the other mistakes too. The gateway never runs with a mistake in its settings. A class that one word can stand for
    names its field in `SHORT`. `KEYS` has the keys of fields whose name cannot be the key, as it is a word of Python's.
    """
    try:
        return _read_class(cls, node, reading, "")
    except Unreadable:
        return None


_SECRET_HERE = Phrase("a secret does not stand in this file itself", "秘密の値は、このファイルには書けません")
_SECRET_APART = Phrase(
    "write it into a file of its own, and `{file: PATH}` here (if it was the secret, make another one)",
    "別のファイルに書き、ここには `{file: PATH}` と書いてください（秘密そのものだったときは、作り直してください）",
)


def _read_class(cls: type[T], node: Node, reading: Reading, at: str) -> T:
    reading.places.setdefault(at, node.where)
    short = getattr(cls, "SHORT", None)
    if isinstance(node, Scalar) and short is not None:
        node = Table((Entry(short, node.where, node),), node.where)
    if isinstance(node, Scalar) and getattr(cls, "SECRET", False):
        # The words of a mistake reach logs. The value may be the secret itself.
        reading.mistakes.add(node.where, _SECRET_HERE, _SECRET_APART)
        raise Unreadable
    if not isinstance(node, Table):
        _refuse(node, reading, Phrase("keys with values are expected here", "項目と値の組を書いてください"))
    keys = getattr(cls, "KEYS", {})
    known: dict[str, Field[Any]] = {keys.get(each.name, each.name): each for each in fields(cls)}  # type: ignore[arg-type]
    types_of = hints(cls)
    values: dict[str, Any] = {}
    for entry in node:
        path = f"{at}.{entry.key}" if at else entry.key
        if entry.key not in known:
            unknown_key(entry, known, reading.mistakes)
            continue
        reading.places[path] = entry.value.where
        try:
            name = known[entry.key].name
            values[name] = _read(types_of[name], entry.value, reading, path)
        except Unreadable:
            reading.broken.add(path)
    for key, each in known.items():
        path = f"{at}.{key}" if at else key
        if _is_required(each) and node.entry(key) is None:
            what = Phrase(f"the key `{key}` is missing", f"`{key}` がありません")
            reading.mistakes.add(node.where, what, Phrase(f"write `{key}: …`", f"`{key}: …` を書いてください"))
            reading.broken.add(path)
        if _is_required(each) and each.name not in values:
            values[each.name] = _stand_in(types_of[each.name])
    return cls(**values)


def _stand_in(kind: object) -> object:
    """Return a value for a required key that could not be read, so that the rest can still be checked."""
    kind = without_mark(kind)
    origin = get_origin(kind) or kind
    if isinstance(origin, type) and is_dataclass(origin):
        return origin(
            **{each.name: _stand_in(hints(origin)[each.name]) for each in fields(origin) if _is_required(each)}
        )
    return origin() if isinstance(origin, type) else ""


def _is_required(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _read(kind: object, node: Node, reading: Reading, at: str) -> object:
    kind = without_mark(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_optional(arguments, node, reading, at)
    if origin in (tuple, frozenset):
        items = node.items if isinstance(node, Items) else (node,)
        read = _read_items(arguments[0], items, reading, at)
        return tuple(read) if origin is tuple else frozenset(read)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _read_words(node, reading, at)
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_class(kind, node, reading, at)
    if not isinstance(node, Scalar):
        _refuse(node, reading, Phrase("a single value is expected here", "値を一つ書いてください"))
    if origin is Annotated:
        return _read_number(arguments[1], node, reading)
    if origin is Literal:
        return _read_choice(tuple(str(word) for word in arguments), node, reading)
    return _read_scalar(kind, node, reading)


def _read_optional(arguments: tuple[object, ...], node: Node, reading: Reading, at: str) -> object:
    (kind,) = [argument for argument in arguments if argument is not types.NoneType]
    if isinstance(node, Scalar) and node.plain and node.text in ("off", "none"):
        return None
    if isinstance(node, Scalar) and not node.text:
        what = Phrase("the value is missing here", "値がありません")
        reading.mistakes.add(node.where, what, Phrase("write a value, or `none`", "値か、`none` を書いてください"))
        raise Unreadable
    return _read(kind, node, reading, at)


def _read_items(kind: object, items: tuple[Node, ...], reading: Reading, at: str) -> list[object]:
    read: list[object] = []
    for item in items:
        # A later place than the item's own where an earlier one could not be read: numbers follow what was kept.
        path = f"{at}[{len(read)}]"
        reading.places[path] = item.where
        try:
            read.append(_read(kind, item, reading, path))
        except Unreadable:
            reading.broken.add(at)
    return read


def _read_words(node: Node, reading: Reading, at: str) -> dict[str, str]:
    """Read words by name; a single word is Japanese, the language every page has."""
    if isinstance(node, Scalar):
        return {_LANGUAGES[0]: _not_empty(node, reading)}
    if not isinstance(node, Table):
        _refuse(node, reading, Phrase("keys with values are expected here", "項目と値の組を書いてください"))
    words: dict[str, str] = {}
    for entry in node:
        reading.places[f"{at}.{entry.key}"] = entry.value.where
        if not isinstance(entry.value, Scalar):
            _refuse(entry.value, reading, Phrase("a text is expected here", "文を書いてください"))
        words[entry.key] = entry.value.text
    return words


def _read_number(unit: str, node: Scalar, reading: Reading) -> float | int:
    if note_slips(node, reading.mistakes):
        raise Unreadable
    if unit == "duration":
        seconds = duration_of(node.text)
        if seconds is None:
            what = Phrase(f"`{node.text}` is not a length of time", f"`{node.text}` は時間の長さとして読めません")
            reading.mistakes.add(
                node.where, what, Phrase("write `30s`, `15m` or `8h`", "`30s`、`15m`、`8h` のように書いてください")
            )
            raise Unreadable
        return seconds
    if unit == "share":
        if _SHARE.fullmatch(node.text) is None:
            what = Phrase(f"`{node.text}` is not a share", f"`{node.text}` は割合として読めません")
            reading.mistakes.add(
                node.where, what, Phrase("write `0`, `0.01` or `1`", "`0`、`0.01`、`1` のように書いてください")
            )
            raise Unreadable
        return float(node.text)
    size = _SIZE.fullmatch(node.text)
    if size is None:
        what = Phrase(f"`{node.text}` is not a size", f"`{node.text}` は大きさとして読めません")
        reading.mistakes.add(
            node.where, what, Phrase("write `512B`, `64KiB` or `10MiB`", "`64KiB`、`10MiB` のように書いてください")
        )
        raise Unreadable
    return int(size[1]) * _BYTES[size[2]]


def _read_choice(words: tuple[str, ...], node: Scalar, reading: Reading) -> str:
    if node.text not in words:
        what = Phrase(f"`{node.text}` is not known here", f"`{node.text}` は使えません")
        reading.mistakes.add(node.where, what, one_of(words))
        raise Unreadable
    return node.text


def _read_scalar(kind: object, node: Scalar, reading: Reading) -> object:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(_read_choice(tuple(member.value for member in kind), node, reading))
    if kind is bool:
        if node.text not in _TRUTHS:
            reading.mistakes.add(
                node.where,
                Phrase(f"`{node.text}` is neither true nor false", f"`{node.text}` は true でも false でもありません"),
                one_of(("true", "false")),
            )
            raise Unreadable
        return _TRUTHS[node.text]
    if kind is int:
        if note_slips(node, reading.mistakes) or not re.fullmatch(r"\d{1,12}", node.text):
            what = Phrase(f"`{node.text}` is not a whole number", f"`{node.text}` は整数として読めません")
            reading.mistakes.add(node.where, what, Phrase("write digits only", "半角の数字だけで書いてください"))
            raise Unreadable
        return int(node.text)
    text = _not_empty(node, reading)
    if not text.isprintable():
        what = Phrase("this value has an invisible character", "目に見えない文字が含まれています")
        reading.mistakes.add(node.where, what, Phrase("type it again, by hand", "手で書き直してください"))
        raise Unreadable
    return reading.base / text if kind is Path else text


def _not_empty(node: Scalar, reading: Reading) -> str:
    if not node.text:
        reading.mistakes.add(
            node.where,
            Phrase("the value is missing here", "値がありません"),
            Phrase("write a value, or remove the key", "値を書くか、項目を消してください"),
        )
        raise Unreadable
    return node.text


def _refuse(node: Node, reading: Reading, remedy: Phrase) -> NoReturn:
    reading.mistakes.add(node.where, kind_of(node), remedy)
    raise Unreadable
