"""The words by which a refused head is logged: its method, host and path, as far as they can be read and shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from gateway.language import Language
from gateway.request.host import canonical_host
from gateway.request.reader import reader_of
from gateway.wire.http1 import TOKEN

LONGEST_PATH = 512
"""Characters of a path that are shown."""

LONGEST_START = 16 * 1024
"""Bytes of a head that was not read whole in which its method, host and path are looked for."""

_METHOD = re.compile(TOKEN + rb"{1,32}")
_ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
"""The beginning of a target in absolute-form (RFC 9112 section 3.2.2)."""
_SHOWN = re.compile(rb"[!-~]*")


class Described(NamedTuple):
    """A head's method, host and path; each is empty where nothing fit to be shown was in its place."""

    method: str = ""
    host: str = ""
    path: str = ""
    """As it was received, without its query."""
    reader: Language | None = None
    """The language of the person who waits for the answer; `None` for a program."""


UNREAD = Described()


def described_start(start: bytes) -> Described:
    """Return what the beginning of a head can be called, where the head has not come whole or was too long to read.

    The last line may have been cut off anywhere, so only a request line may be that line.
    """
    request_line, *lines = start.split(b"\r\n")
    if not lines:
        method, space, target = request_line.partition(b" ")
        request_line = b"%b %b " % (method, target.partition(b" ")[0]) if space else b""
    fields = (line.partition(b":") for line in lines[:-1])
    found = described(request_line, ((name, value.strip(b" \t")) for name, _, value in fields))
    if not lines and found.method == "GET" and found.path:
        # The fields that tell a person from a program are still to come, and a person must be able to read the answer.
        return found._replace(reader=Language.JA)
    return found


def described(request_line: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Described:
    """Return what a refused head can be called in a log. Nothing may be decided by it."""
    method, _, rest = request_line.partition(b" ")
    path = _ABSOLUTE.sub(b"", rest.rpartition(b" ")[0].partition(b"?")[0], 1)
    headers = tuple(headers)
    hosts = [value for name, value in headers if name.lower() == b"host"]
    # A trusted proxy's scheme may not be known yet. `RouteTable` finds an App by the other default port, too.
    host = canonical_host(hosts[0], "https") if len(hosts) == 1 else None
    return Described(
        method.decode() if _METHOD.fullmatch(method) else "",
        host or "",
        path[:LONGEST_PATH].decode() if path.startswith(b"/") and _SHOWN.fullmatch(path) else "",
        reader_of(headers),
    )
