"""The request target: one canonical form, or a refusal.

Route, policy and log use the canonical path. The application receives the spelling that the client
sent, wherever both mean the same (RFC 3986 section 6.2.2): an escape is never undone or made on the
way, so `%2B` stays `%2B`. An App that states that case does not matter receives lower case.
A spelling that two servers could read in two ways is refused, not repaired, because the first
fitting rule decides and every second reading is a way around it.
Reading a target in absolute-form down to its origin-form is `inbound`'s business.

The work is linear in the length of the target: a few passes of the regular expression engine and
the codecs, and none of them per escape.
"""

from __future__ import annotations

import re
from codecs import unicode_escape_decode
from enum import StrEnum
from urllib.parse import quote

import msgspec

from gateway.settings.case import fold_case
from gateway.settings.settings import PathSettings
from gateway.wire.eucjp_ms import NAME as EUCJP_MS

MOST_SEGMENTS = 256
"""Segments of a path; over it, 414. Each costs a step in the tree of patterns, and no application has such a path."""

MOST_QUERY_PARTS = 1_000
"""Parameters of a query; over it, 414. PHP, Django, Tomcat and qs read no more, and each cuts off another end."""


class Target(msgspec.Struct, frozen=True, gc=False):
    """A canonical origin-form target (RFC 9112 section 3.2.1), on which the policy decides."""

    path: str
    """Decoded once, canonical, beginning with `/`: what routes and policies match."""
    raw_path: bytes
    """The path in ASCII as the application receives it: as the client spelled it, without its plain dot segments."""
    query: bytes | None
    """Behind the `?`, as received (ASCII); `None` where there is no `?`."""
    raw: bytes = b""
    """The target as the request line to the application says it: made of the others."""

    def __post_init__(self) -> None:
        """Make `raw` once: a target is remembered, and sent again and again."""
        raw = self.raw_path if self.query is None else self.raw_path + b"?" + self.query
        msgspec.structs.force_setattr(self, "raw", raw)


class TargetFault(StrEnum):
    """Why a target has no canonical form. Reason of a 400 or a 414 in the access log."""

    NOT_ORIGIN_FORM = "target_form"
    CHARACTER = "target_character"
    ESCAPE = "target_escape"
    ENCODING = "target_encoding"
    DOUBLE_ENCODING = "target_double_encoding"
    DOT_SEGMENT = "target_dot_segment"
    EMPTY_SEGMENT = "target_empty_segment"
    PARAMETER = "target_parameter"
    ENCODED_SLASH = "target_encoded_slash"
    SEGMENTS = "target_segments"
    QUERY_PARTS = "target_query_parts"

    @property
    def status(self) -> int:
        """The status of the answer: 414 where there is too much of it (RFC 9110 section 15.5.15), else 400."""
        return 414 if self in (TargetFault.SEGMENTS, TargetFault.QUERY_PARTS) else 400


_PLAIN = re.compile(rb"(?:/(?!\.{0,2}(?:/|\Z))[A-Za-z0-9_~!$&'()*+,=:@.-]*)*/?")
"""A path that is its own canonical form: no escape, no dot segment, nothing empty but the last segment."""

_VISIBLE = re.compile(rb"[!-~]*")
_ENCODED_SLASH = re.compile(rb"%2[Ff]")
_ESCAPED_CAPITAL = re.compile(rb"%(?:4[1-9a-f]|5[0-9a])")
ANY_ESCAPE = re.compile(r"%(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})")
"""Signs that a server which decodes twice, or knows the `%uXXXX` of old IIS, would read as something else."""
_FOREIGN = re.compile("[\\\\\x00-\x1f\x7f-\x9f]")
_HIDDEN_DOTS = re.compile(r"/(?:\.{1,2}(?:[;/]|\Z)|;)")
"""Segments that become dot segments or empty ones for a server that cuts parameters off or decodes a slash."""

_CODECS = {"utf-8": "utf-8", "cp932": "cp932", "euc-jp": EUCJP_MS}

_WRITTEN = "".join(map(chr, range(0x21, 0x7F)))
"""The signs that are in a request line as they are; a `%` of the author's is one of an escape."""

_SAFE = "/!$&'()*+,;=:@~"
"""Beside letters, digits and `_.-`: what RFC 3986 allows in a path unescaped."""


def canonical(raw: bytes, paths: PathSettings) -> Target | TargetFault:
    """Return the one canonical form of an origin-form target, or its fault.

    `paths` are the spellings the host's application needs; they change what policy sees and
    what the application may receive alike.
    """
    raw_path, mark, query_part = raw.partition(b"?")
    query = query_part if mark else None
    if len(raw_path) > MOST_SEGMENTS and raw_path.count(b"/") > MOST_SEGMENTS:
        return TargetFault.SEGMENTS
    if len(query_part) > MOST_QUERY_PARTS and query_part.count(b"&") + query_part.count(b";") >= MOST_QUERY_PARTS:
        return TargetFault.QUERY_PARTS
    if _PLAIN.fullmatch(raw_path) and raw_path and (query is None or _fits(query)):
        path = raw_path.decode("ascii")
        if paths.ignore_case:
            path = fold_case(path)
            raw_path = path.encode("ascii")
        return Target(path, raw_path, query)
    if not raw.startswith(b"/"):
        return TargetFault.NOT_ORIGIN_FORM
    if not _fits(raw):
        return TargetFault.CHARACTER
    if b"\\" in raw_path:
        return TargetFault.CHARACTER
    if b"/." in raw_path or b"//" in raw_path:
        resolved = _resolved(raw_path, paths)
        if isinstance(resolved, TargetFault):
            return resolved
        raw_path = resolved
    decoded = _decoded(raw_path, paths)
    if isinstance(decoded, TargetFault):
        return decoded
    if paths.ignore_case:
        folded = "%2F".join(map(fold_case, decoded.split("%2F")))
        if folded != decoded:
            # The second byte of a sign of another charset can be that of a letter, which is none.
            return Target(folded, _in_lower_case(raw_path) if paths.charset == "utf-8" else raw_path, query)
    return Target(decoded, raw_path, query)


def encoded(path: str) -> bytes:
    """Return a canonical path in ASCII with every required escape: our own pages know one spelling."""
    return b"%2F".join(quote(part, safe=_SAFE).encode("ascii") for part in path.split("%2F"))


def escaped(written: str, charset: str = "utf-8") -> bytes:
    """Return a target that a person wrote as a browser sends it: signs that are no visible ASCII are escaped.

    `charset`: the one in which the application spells its paths, as settings name it. A query is in UTF-8.

    Raises:
        UnicodeEncodeError: the charset does not have a sign of the path.

    """
    path, mark, query = written.partition("?")
    spelled = quote(path.encode(_CODECS[charset]), safe=_WRITTEN)
    return f"{spelled}{mark}{quote(query, safe=_WRITTEN)}".encode("ascii")


def _fits(raw: bytes) -> bool:
    """Say whether every byte is visible ASCII and none begins a fragment."""
    return _VISIBLE.fullmatch(raw) is not None and b"#" not in raw


def _resolved(raw_path: bytes, paths: PathSettings) -> bytes | TargetFault:
    """Return the path without its plain dot segments, every other segment as it was spelled."""
    segments: list[bytes] = []
    pieces = raw_path[1:].split(b"/")
    last = len(pieces) - 1
    dots = b"." in pieces or b".." in pieces
    for position, piece in enumerate(pieces):
        if piece == b"" and position < last:
            if paths.merge_slashes:
                continue
            # At the beginning it would be the name of a host; and a dot segment behind it takes one or both away.
            if paths.empty_segments != "keep" or position == 0:
                return TargetFault.EMPTY_SEGMENT
            if dots:
                return TargetFault.DOT_SEGMENT
        if piece == b".":
            if position == last:
                segments.append(b"")
            continue
        if piece == b"..":
            if not segments:
                return TargetFault.DOT_SEGMENT
            segments.pop()
            if position == last:
                segments.append(b"")
            continue
        segments.append(piece)
    return b"/" + b"/".join(segments)


def _decoded(raw_path: bytes, paths: PathSettings) -> str | TargetFault:
    """Decode a path once, or say why it cannot be one. A slash that was escaped stays apart, as `%2F`."""
    # A slash that was escaped stands in `path` as an escape still, and in `read` as a server decodes it.
    slashes = b"%2F" in raw_path or b"%2f" in raw_path
    parts = [_unescaped(part) for part in (_ENCODED_SLASH.split(raw_path) if slashes else (raw_path,))]
    try:
        texts = [part.decode(_CODECS[paths.charset]) for part in parts if part is not None]
    except UnicodeDecodeError:
        return TargetFault.ENCODING
    if len(texts) < len(parts):
        return TargetFault.ESCAPE
    path, read = ("%2F".join(texts), "/".join(texts)) if slashes else (texts[0], texts[0])
    if _FOREIGN.search(read):
        return TargetFault.CHARACTER
    if paths.encoded_percent != "keep" and ANY_ESCAPE.search(read):
        return TargetFault.DOUBLE_ENCODING
    if ";" in read and paths.parameters != "keep":
        return TargetFault.PARAMETER
    if slashes:
        if paths.encoded_slash != "keep":
            return TargetFault.ENCODED_SLASH
        if read.count("//") > path.count("//") or read.endswith("/") > path.endswith("/"):
            return TargetFault.DOT_SEGMENT
    if _HIDDEN_DOTS.search(read):
        return TargetFault.DOT_SEGMENT
    return path


def _unescaped(raw: bytes) -> bytes | None:
    """Undo every escape, or return `None` where one is broken.

    The codec of string literals does it in C; a backslash of the client's never comes here.
    """
    if b"%" not in raw:
        return raw
    try:
        return unicode_escape_decode(raw.replace(b"%", b"\\x"))[0].encode("latin-1")
    except UnicodeDecodeError:
        return None


def _in_lower_case(raw_path: bytes) -> bytes:
    """Return the path with its letters A to Z in lower case, written or escaped, and every other escape left one."""
    lower = raw_path.lower()
    if _ESCAPED_CAPITAL.search(lower):
        for capital in range(ord("A"), ord("Z") + 1):
            lower = lower.replace(b"%%%02x" % capital, bytes((capital + 32,)))
    return lower


class TargetCache:
    """Remembers canonical targets, because the same few are asked for all day.

    Bounded: when full it forgets everything, which costs one parse each and no bookkeeping before.
    """

    __slots__ = ("_limit", "_longest", "_target_cache")

    def __init__(self, limit: int = 4096, longest: int = 512) -> None:
        self._target_cache: dict[tuple[bytes, PathSettings] | bytes, Target] = {}
        self._limit = limit
        self._longest = longest

    def canonical(self, raw: bytes, paths: PathSettings) -> Target | TargetFault:
        """Return the result of `canonical`, from memory if it was computed before."""
        # The default settings, which nearly every host has, cost no tuple and no hash of a dataclass.
        key: tuple[bytes, PathSettings] | bytes = raw if paths is _DEFAULT else (raw, paths)
        target = self._target_cache.get(key)
        if target is not None:
            return target
        result = canonical(raw, paths)
        if isinstance(result, Target) and len(raw) <= self._longest:
            if len(self._target_cache) >= self._limit:
                self._target_cache.clear()
            self._target_cache[key] = result
        return result


_DEFAULT = PathSettings()
DEFAULT_PATHS = _DEFAULT
"""The settings of a host that asks for none: pass this very object for the short way through the cache."""
