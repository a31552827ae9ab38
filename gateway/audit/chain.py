"""The chain of the audit trail: a line with a sequence number, the hash of the line before, and a hash of its own.

A line is the canonical JSON of its fields (UTF-8, sorted names, no space), with `hash` behind them: the SHA-256 of the
object without it. The field `previous` is the hash of the line before, so no line can be changed, left out, added or
moved without a trace.
`checkpoint` signs the chain, `verification` looks for the trace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from gateway.strict_json import NotJsonError, read_json_object

LONGEST_LINE = 1024 * 1024
"""Bytes of a line. An opening that names thousands of files is the longest."""

NOTHING = "0" * 64
"""The hash before the first line of a writer."""

_HASH = re.compile(rb',"hash":"([0-9a-f]{64})"\}\n\Z')

_NAME = re.compile(r"(?P<writer>[a-z][a-z0-9-]{0,80})\.(?P<number>[0-9]{6,9})\.jsonl")

_encode = msgspec.json.Encoder(order="deterministic").encode


class Head(NamedTuple):
    """The end of a chain."""

    sequence: int = 0
    hash: str = NOTHING


BEGINNING = Head()
"""The end of a chain without a line."""


class Place(NamedTuple):
    """One file of a writer: its segment."""

    writer: str
    segment: int

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.writer}.{self.segment:06d}.jsonl"


def place_of(file: str) -> Place | None:
    """Return the segment that a file's name names, or `None` if it is none of ours."""
    found = _NAME.fullmatch(file)
    return None if found is None else Place(found["writer"], int(found["number"]))


class Line(NamedTuple):
    """A line that agrees with its own hash."""

    fields: dict[str, Any]
    head: Head
    """The end of the chain behind it."""
    previous: str


class BadLineError(ValueError):
    """A line does not agree with itself: it was changed, or is none of ours."""


def make_line(fields: Mapping[str, object], head: Head) -> tuple[bytes, Head]:
    """Return the next line of a chain, and the end of the chain behind it."""
    sequence = head.sequence + 1
    body = _encode({**fields, "sequence": sequence, "previous": head.hash})
    digest = sha256(body).hexdigest()
    return body[:-1] + f',"hash":"{digest}"}}\n'.encode(), Head(sequence, digest)


def read_line(line: bytes) -> Line:
    """Return what a whole line says.

    Raises:
        BadLineError: it does not agree with its hash, or has not the one form that the same content has.

    """
    found = _HASH.search(line)
    if found is None:
        raise BadLineError("it does not end with a hash")
    body = line[: found.start()] + b"}"
    digest = found[1].decode()
    if sha256(body).hexdigest() != digest:
        raise BadLineError("it does not agree with its hash")
    try:
        fields = read_json_object(body, LONGEST_LINE)
    except NotJsonError as error:
        raise BadLineError(str(error)) from None
    sequence, previous = fields.pop("sequence", None), fields.pop("previous", None)
    if not isinstance(sequence, int) or isinstance(sequence, bool) or not isinstance(previous, str):
        raise BadLineError("it has no place in a chain")
    if _encode({**fields, "sequence": sequence, "previous": previous}) != body:
        raise BadLineError("it is not in canonical form")
    return Line(fields, Head(sequence, digest), previous)
