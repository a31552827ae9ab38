"""Heads of answers in a wrong form that an App tolerates, written anew: each form by its own name alone.

`answer_reader` reads what comes of it. An answer whose head was written anew is the last one on its connection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.settings.settings import Tolerated

END_OF_OLD_HEAD = re.compile(rb"\n\r?\n")
"""The end of a head whose lines may end in a bare line feed."""
_OLD_LINE_END = re.compile(rb"\r?\n")
_FOLD = re.compile(rb"(?<![ \t])[ \t]*+(?:\r\n[ \t]++)+")


def tolerated_head(data: bytes, tolerate: Sequence[Tolerated], *, is_head: bool = False) -> bytes:
    """Return an answer's bytes with its head written anew, if the head has a wrong form that the App tolerates.

    Bare line feeds become line ends, folded lines one line (RFC 9112 sections 2.2 and 5.2). A coding or a length that
    is said twice is said once. An unfinished head stays as it is.
    """
    found = END_OF_OLD_HEAD.search(data) if "bare_lf" in tolerate else None
    end = found.end() if found is not None else data.find(b"\r\n\r\n") + 4
    if end < 4:
        return data
    head = data[:end]
    if "bare_lf" in tolerate:
        head = _OLD_LINE_END.sub(b"\r\n", head)
    if "obs_fold" in tolerate:
        head = _FOLD.sub(b" ", head[:-4]) + b"\r\n\r\n"
    if "double_chunked" in tolerate:
        head = _said_once(head, b"transfer-encoding")
    if "double_length" in tolerate:
        head = _said_once(head, b"content-length")
    if is_head and "head_with_both" in tolerate and _values(head, b"transfer-encoding"):
        # Of the two, the coding is believed (RFC 9112 section 6.3). There is no body that either could be about.
        head = _without(head, b"content-length")
    return head + data[end:]


def _values(head: bytes, name: bytes) -> list[bytes]:
    """Return all that the fields of a lower-case name list."""
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return [word.strip(b" \t").lower() for key, _, said in lines if key.lower() == name for word in said.split(b",")]


def _without(head: bytes, name: bytes) -> bytes:
    first, *lines = head.split(b"\r\n")
    return b"\r\n".join([first, *(line for line in lines if line.partition(b":")[0].lower() != name)])


def _said_once(head: bytes, name: bytes) -> bytes:
    """Return a head in which a field says once what it said several times; as it is where it says two things."""
    values = _values(head, name)
    if len(values) < 2 or len(set(values)) > 1 or not (values[0] == b"chunked" or values[0].isdigit()):
        return head
    return b"%b%b: %b\r\n\r\n" % (_without(head, name)[:-2], name, values[0])
