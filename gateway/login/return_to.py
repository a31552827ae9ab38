r"""Where a person lands after signing in or out: a target on the App's own origin, rebuilt from its parts.

What a browser makes of a `Location` is decided by the WHATWG URL standard, which drops tabs and line
ends, takes `\\` for `/`, resolves dot segments and treats `//` as the start of a host. So nothing that came in is
echoed: it is taken apart, each part is held to what it may contain, and what goes out is written anew. What is
not plainly a target of ours is refused whole, never shortened or mended; the caller falls back to `/`.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

LONGEST_RETURN = 2_048
"""Bytes of a rebuilt target. Longer ones are refused, not cut: half a target is another target."""

END_OF_TAB = "signed-in"
"""The one page of the portal that may be returned to: it changes nothing, and sends a person back to another tab."""

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_LOOSE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_STILL_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_PATH_KEEPS = "/%:@!$&'()*+,;=-._~[]|"
_QUERY_KEEPS = "/%:@!$&()*+,;=-._~?[]|{}^`"
_FOREIGN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
"""Controls, invisible format characters, lone surrogates and every kind of space."""


def rebuild(raw: str, *, origin: str, prefix: str, encoded_slash: bool = False) -> str | None:
    """Return path and query to go to, in ASCII, or None where `raw` is not plainly a target of `origin`.

    `raw` is a target (`/a?b`) or an absolute URL of `origin` (`https://host[:port]`), percent-decoded once if
    it came in a query. `prefix` is the portal's: its pages are never a place to return to, or a link could sign a
    person out, or send a callback twice. A fragment is dropped: it never reaches a server.
    `encoded_slash` lets `%2F` stand in a path, for an App that opted in.
    """
    if not raw or len(raw) > LONGEST_RETURN or "\\" in raw:
        return None
    if any(unicodedata.category(character) in _FOREIGN_CATEGORIES for character in raw):
        return None
    if raw.startswith(origin) and raw[len(origin) : len(origin) + 1] in {"", "/", "?", "#"}:
        raw = raw[len(origin) :]
        raw = raw if raw.startswith("/") else "/" + raw
    target, _, _ = raw.partition("#")
    path, has_query, query = target.partition("?")
    if not path.startswith("/") or path.startswith("//"):
        return None
    ours = _is_ours(path, prefix) and path != prefix + END_OF_TAB
    if ours or not _is_plain(path, encoded_slash=encoded_slash):
        return None
    rebuilt = quote(path, safe=_PATH_KEEPS)
    if has_query:
        rebuilt += "?" + quote(query, safe=_QUERY_KEEPS)
    return rebuilt if len(rebuilt) <= LONGEST_RETURN else None


def _is_plain(path: str, *, encoded_slash: bool) -> bool:
    """Whether a path means the same to every reader: decoded once it is text, without dots or hidden separators."""
    if _LOOSE_PERCENT.search(path):
        return False
    for segment in path.split("/"):
        decoded = _decoded(segment)
        if decoded is None:
            return False
        # `/.//evil.example` resolves to a path that, written out again, begins with two slashes.
        if decoded.partition(";")[0] in {".", ".."}:
            return False
        if "\\" in decoded or ("/" in decoded and not encoded_slash):
            return False
        # `%252f`: somebody behind us may decode once more.
        if _STILL_ENCODED.search(decoded):
            return False
        if any(unicodedata.category(character) in _FOREIGN_CATEGORIES - {"Zs"} for character in decoded):
            return False
    return True


def _decoded(segment: str) -> str | None:
    """Return a segment percent-decoded once, or None where that is not UTF-8."""
    try:
        return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), segment.encode()).decode()
    except UnicodeDecodeError:
        return None


def _is_ours(path: str, prefix: str) -> bool:
    """Whether a path is one of the portal's own, in any spelling an application or we might take for it."""
    decoded = _decoded(path) or ""
    segments = [segment.partition(";")[0].casefold() for segment in decoded.split("/") if segment]
    own = [segment.casefold() for segment in prefix.split("/") if segment]
    return bool(own) and segments[: len(own)] == own
