"""Reads foreign JSON strictly, so that no other reader can read it differently.

Readers differ on a doubled member, a number such as `NaN`, and an incomplete character. The author of such a document
may mean one thing for one reader and another for the next. So each of these raises `NotJsonError`, as does a document
that is longer or deeper than any real one (RFC 8259 section 4, RFC 7493). The reader raises nothing else, and no
message quotes the document.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

Json = bool | int | float | str | list[Any] | dict[str, Any] | None
"""A document's value."""

DEEPEST: Final = 32
"""Levels of nesting. The documents that we read have three or four."""

LARGEST_NUMBER: Final = 2**63
"""Whole numbers from here on are read as different numbers by different readers."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{},:]', re.DOTALL)
"""The signs that JSON's shape is made of, and texts, in which such a sign is none (RFC 8259 section 2).

A text without an end goes on to the end of the document, and is read once: otherwise the reader would try again from
each quotation mark in it, in quadratic time.
"""

_HALF: Final = re.compile("[\ud800-\udfff]")


class NotJsonError(ValueError):
    """It is no JSON, or none that every reader reads alike."""


def read_json(document: bytes | str, longest: int) -> Json:
    """Return what a document says: `None`, a bool, an int, a float, a str, a list or a dict.

    `longest` is the greatest number of bytes.

    Raises:
        NotJsonError: it is longer, deeper, or not JSON that every reader reads alike.

    """
    if len(document) > longest:
        raise NotJsonError(f"it has more than {longest} bytes")
    try:
        text = document if isinstance(document, str) else document.decode("utf-8")
        # `json.loads` would make a decoder for each document. It refuses a byte order mark, and so does the decoder.
        said: Json = _DECODER.decode(text)
    except NotJsonError:
        raise
    except (ValueError, RecursionError):
        # The library's words quote the document.
        raise NotJsonError("it is not JSON in UTF-8") from None
    _look_through(said)
    return said


def read_json_object(document: bytes | str, longest: int) -> dict[str, Any]:
    """Return the members of a document that is an object.

    Raises:
        NotJsonError: as above, or it is something else.

    """
    said = read_json(document, longest)
    if not isinstance(said, dict):
        raise NotJsonError("it is not an object")
    return said


def read_items(document: bytes, longest: int, name: str) -> list[Json | NotJsonError]:
    """Return the items of the list `name` in a document that is an object, each read by itself.

    In the place of an item that `read_json` would refuse stands the reason: one bad item costs none of the others.

    Raises:
        NotJsonError: the document around them is no such object, or it is longer than `longest` bytes.

    """
    if len(document) > longest:
        raise NotJsonError(f"it has more than {longest} bytes")
    # A byte that is no UTF-8 becomes half a character, which its own item is refused for.
    text = document.decode("utf-8", "surrogateescape")
    begins, ends = _find_list(text, name)
    around = read_json_object(text[: begins[0]] + text[ends[-1] :], longest)
    if not isinstance(around.get(name), list):
        raise NotJsonError("it has no such list")
    pieces = [text[begin:end] for begin, end in zip(begins, ends, strict=True)]
    if len(pieces) == 1 and not pieces[0].strip():
        return []
    return [_item(piece, longest) for piece in pieces]


def _item(text: str, longest: int) -> Json | NotJsonError:
    try:
        return read_json(text, longest)
    except NotJsonError as error:
        return error


def _find_list(text: str, name: str) -> tuple[list[int], list[int]]:
    """Return where the items of the first list `name` in an object begin and end; an empty list has one empty item."""
    depth, last, opened = 0, "", 0
    begins: list[int] = []
    ends: list[int] = []
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in "[{":
            depth += 1
            if depth == 2 and sign == "[" and last == f'"{name}":':
                opened = depth
                begins.append(token.end())
        elif sign in "]}":
            if opened and depth == opened:
                ends.append(token.start())
                return begins, ends
            depth -= 1
        elif sign == "," and depth == opened:
            ends.append(token.start())
            begins.append(token.end())
        last = f"{last}:" if sign == ":" else sign
    raise NotJsonError("it has no such list")


def read_struct(document: bytes | str, kind: type[T], longest: int) -> T:
    """Return a document as a value of a type.

    Raises:
        NotJsonError: as above, or it is no such value; says where, and quotes nothing.

    """
    try:
        return msgspec.convert(read_json(document, longest), kind)
    except msgspec.ValidationError as error:
        raise NotJsonError(str(error).lower()) from None


def _no_constant(_constant: str) -> object:
    # `NaN` is neither before nor after any time.
    raise NotJsonError("`NaN` and infinity are not numbers of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJsonError("a number is too large")
    return number


def _whole_number(text: str) -> int:
    if len(text) > 20 or not -LARGEST_NUMBER <= (number := int(text)) < LARGEST_NUMBER:
        raise NotJsonError("a number is too large")
    return number


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJsonError("a member comes twice")
    return members


def _look_through(said: object) -> None:
    """Find what only the whole shows: nesting, and characters that are half there."""
    level: list[Any] = [said]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            match value:
                case str():
                    if not value.isascii() and _HALF.search(value):
                        raise NotJsonError("a character is incomplete")
                case dict():
                    below += value
                    below += value.values()
                case list():
                    below += value
                case _:
                    pass
        if not below:
            return
        level = below
    raise NotJsonError(f"it is nested in more than {DEEPEST} levels")


_DECODER: Final = json.JSONDecoder(
    parse_constant=_no_constant, parse_float=_number, parse_int=_whole_number, object_pairs_hook=_no_twins
)
