"""Reads JSON of somebody else's in the one way that leaves nothing to choose.

Readers differ on a doubled member, a number that is none, and half a character. The author of such a document may mean
one thing for one reader and another for the next. So none of it is read: each is a `NotJsonError`, as is what is longer
or deeper than anything we are told in earnest (RFC 8259 section 4, RFC 7493). Nothing else is raised, and no message
quotes the document.
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

_HALF: Final = re.compile("[\ud800-\udfff]")


class NotJsonError(ValueError):
    """It is no JSON, or none that every reader reads alike."""


def read_json(document: bytes | str, longest: int) -> Json:
    """Return what a document says: `None`, a bool, an int, a float, a str, a list or a dict.

    `longest` is how many bytes it may have.

    Raises:
        NotJsonError: it is longer, deeper, or not JSON that every reader reads alike.

    """
    if len(document) > longest:
        raise NotJsonError(f"it has more than {longest} bytes")
    try:
        text = document if isinstance(document, str) else document.decode("utf-8")
        said: Json = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_number,
            parse_int=_whole_number,
            object_pairs_hook=_no_twins,
        )
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
                    if _HALF.search(value):
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
