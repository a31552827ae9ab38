"""The request target: one canonical form, or a refusal.

Route, policy, log and application all use the result, never the bytes that came. A path has
exactly one canonical spelling; what could be read in two ways by two servers is refused, not
repaired, because the first fitting rule decides and every second reading is a way around it.
Reading a target in absolute-form down to its origin-form is `inbound`'s business.
"""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import quote

import msgspec

from gateway.settings.settings import PathSettings


class Target(msgspec.Struct, frozen=True, gc=False):
    """A canonical origin-form target (RFC 9112 section 3.2.1), and what is decided on."""

    path: str
    """Decoded once, canonical, beginning with `/`: what routes and policies match."""
    raw_path: bytes
    """The canonical path in ASCII as the application receives it: `path`, percent-encoded."""
    query: bytes | None
    """Behind the `?`, as received (ASCII); `None` where there is no `?`."""
    raw: bytes = b""
    """The target as the request line to the application says it: made of the others."""

    def __post_init__(self) -> None:
        """Make `raw` once: a target is remembered, and sent again and again."""
        raw = self.raw_path if self.query is None else self.raw_path + b"?" + self.query
        msgspec.structs.force_setattr(self, "raw", raw)


class TargetFault(StrEnum):
    """Why a target has no canonical form. Reason of a 400 in the access log."""

    NOT_ORIGIN_FORM = "target_form"
    CHARACTER = "target_character"
    ESCAPE = "target_escape"
    ENCODING = "target_encoding"
    DOUBLE_ENCODING = "target_double_encoding"
    DOT_SEGMENT = "target_dot_segment"
    EMPTY_SEGMENT = "target_empty_segment"
    PARAMETER = "target_parameter"
    ENCODED_SLASH = "target_encoded_slash"


_PLAIN = re.compile(rb"(?:/(?!\.{0,2}(?:/|\Z))[A-Za-z0-9_~!$&'()*+,=:@.-]*)*/?")
"""A path that is its own canonical form: no escape, no dot segment, nothing empty but the last segment."""

_VISIBLE = re.compile(rb"[!-~]*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_STILL_ENCODED = re.compile(r"%(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})")
"""What a server that decodes twice, or knows the `%uXXXX` of old IIS, would read as something else."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")

_SAFE = "!$&'()*+,=:@~"
"""Beside letters, digits and `_.-`: what RFC 3986 allows in a segment unescaped, but for `;`."""

_DOTS = (".", "..")


def canonical(raw: bytes, paths: PathSettings) -> Target | TargetFault:
    """Return the one canonical form of an origin-form target, or what is wrong with it.

    `paths` are the spellings the host's application needs; they change what policy sees and
    what the application receives alike.
    """
    raw_path, mark, query_part = raw.partition(b"?")
    query = query_part if mark else None
    if _PLAIN.fullmatch(raw_path) and raw_path and (query is None or _fits(query)):
        path = raw_path.decode("ascii")
        if paths.ignore_case:
            path = _ascii_lower(path)
            raw_path = path.encode("ascii")
        return Target(path, raw_path, query)
    if not raw.startswith(b"/"):
        return TargetFault.NOT_ORIGIN_FORM
    if not _fits(raw):
        return TargetFault.CHARACTER
    if b"\\" in raw_path:
        return TargetFault.CHARACTER
    if _BROKEN_ESCAPE.search(raw_path):
        return TargetFault.ESCAPE
    segments = _segments(raw_path, paths)
    if isinstance(segments, TargetFault):
        return segments
    path = "/" + "/".join(segments)
    return Target(path, _encode(path, paths), query)


def _fits(raw: bytes) -> bool:
    """Say whether every byte is visible ASCII and none begins a fragment."""
    return _VISIBLE.fullmatch(raw) is not None and b"#" not in raw


def _segments(raw_path: bytes, paths: PathSettings) -> list[str] | TargetFault:
    segments: list[str] = []
    pieces = raw_path[1:].split(b"/")
    last = len(pieces) - 1
    for position, piece in enumerate(pieces):
        if piece == b"" and position < last:
            if paths.merge_slashes:
                continue
            return TargetFault.EMPTY_SEGMENT
        if piece == b".":
            if position == last:
                segments.append("")
            continue
        if piece == b"..":
            if not segments:
                return TargetFault.DOT_SEGMENT
            segments.pop()
            if position == last:
                segments.append("")
            continue
        segment = _segment(piece, paths)
        if isinstance(segment, TargetFault):
            return segment
        segments.append(segment)
    return segments


def _segment(piece: bytes, paths: PathSettings) -> str | TargetFault:
    """Decode one segment once, or say why it cannot be one."""
    decoded = _ESCAPE.sub(_byte, piece)
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        return TargetFault.ENCODING
    if "\\" in text or _CONTROL.search(text):
        return TargetFault.CHARACTER
    if _STILL_ENCODED.search(text):
        return TargetFault.DOUBLE_ENCODING
    if ";" in text and paths.parameters != "keep":
        return TargetFault.PARAMETER
    if "/" in text and paths.encoded_slash != "keep":
        return TargetFault.ENCODED_SLASH
    # A server that cuts parameters off, or decodes the slash, resolves what is left as dot segments.
    for part in text.split("/"):
        bare = part.partition(";")[0]
        if bare in _DOTS or (bare == "" and text):
            return TargetFault.DOT_SEGMENT
    if paths.ignore_case:
        text = _ascii_lower(text)
    return text.replace("/", "%2F")


def _byte(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape[1], 16),))


def _encode(path: str, paths: PathSettings) -> bytes:
    safe = _SAFE + "/" + (";" if paths.parameters == "keep" else "")
    # In `path` a kept slash is spelled `%2F`, and nothing else can be: a doubled escape is refused.
    return b"%2F".join(quote(part, safe=safe).encode("ascii") for part in path.split("%2F"))


def _ascii_lower(path: str) -> str:
    """Lower-case A to Z alone: Unicode's own rules map strangers (the Kelvin sign) onto ASCII letters."""
    return path.translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class TargetCache:
    """Remembers canonical targets, because the same few are asked for all day.

    Bounded: when full it forgets everything, which costs one parse each and no bookkeeping before.
    """

    __slots__ = ("_known", "_limit", "_longest")

    def __init__(self, limit: int = 4096, longest: int = 512) -> None:
        self._known: dict[tuple[bytes, PathSettings] | bytes, Target] = {}
        self._limit = limit
        self._longest = longest

    def canonical(self, raw: bytes, paths: PathSettings) -> Target | TargetFault:
        """Return what `canonical` says, from memory where it said so before."""
        # The default settings, which nearly every host has, cost no tuple and no hash of a dataclass.
        key: tuple[bytes, PathSettings] | bytes = raw if paths is _DEFAULT else (raw, paths)
        target = self._known.get(key)
        if target is not None:
            return target
        result = canonical(raw, paths)
        if isinstance(result, Target) and len(raw) <= self._longest:
            if len(self._known) >= self._limit:
                self._known.clear()
            self._known[key] = result
        return result


_DEFAULT = PathSettings()
DEFAULT_PATHS = _DEFAULT
"""The settings of a host that asks for none: pass this very object for the short way through the cache."""
