"""Reads the further resources that a request's fields name: `Destination`, and the tagged lists of `If`.

RFC 4918 section 10 defines both. A server acts on them as on the target, so each is read by the same canonicaliser,
and the pipeline judges it. A field
that is there twice, that `Connection` takes away, or that is not in the specification's form, has two readings and
names nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.request.host import canonical_host
from gateway.request.target import Target, canonical
from gateway.settings.settings import PathSettings

MOST_REFERENCES = 64
"""Most URLs in one request's fields; no client that edits files sends more, and each one is judged."""

DESTINATION, IF = b"destination", b"if"

_URL = re.compile(rb"(?:(?i:(https?))://([^/?#@\\]+))?(/(?!/)[!-~]*)?")

_TAG = re.compile(rb"<([^<>\x00-\x20]*)>[ \t]*")
_CONDITION = rb"""(?:(?i:not)[ \t]*)?(?:<[^<>\x00-\x20]+>|\[(?:W/)?"[!#-~\x80-\xff]*"\])[ \t]*"""
_LIST = re.compile(rb"\([ \t]*(?:" + _CONDITION + rb")+\)[ \t]*")


class Reference(NamedTuple):
    """One URL in a field, and the resource that it means."""

    name: bytes
    """`destination` or `if`."""
    start: int
    """The place of the URL in the field's value …"""
    end: int
    """… and where it ends."""
    scheme: str
    """`https` or `http`; empty for a path alone."""
    host: str
    """The host in the form of `Inbound.host`; empty for a path alone."""
    target: Target
    exact: bool
    """Whether the path is spelled as the target is: no dot segment was resolved on the way."""


def references(headers: tuple[tuple[bytes, bytes], ...], paths: PathSettings) -> tuple[Reference, ...] | None:
    """Return the resources that a request's fields name; `None` if they have two readings, or none."""
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        lower = name.lower()
        if lower == b"connection" and {part.strip(b" \t").lower() for part in value.split(b",")} & {DESTINATION, IF}:
            return None
        if lower in (DESTINATION, IF):
            if lower in values:
                return None
            values[lower] = value
    found: list[Reference] = []
    for name, value in values.items():
        places = [(0, len(value))] if name == DESTINATION else _tags(value)
        if places is None:
            return None
        for start, end in places:
            reference = _read(name, value, start, end, paths)
            if reference is None:
                return None
            found.append(reference)
    return tuple(found)


def _tags(value: bytes) -> list[tuple[int, int]] | None:
    """Return the places of the resource tags in an `If`; `None` where it is not one."""
    places: list[tuple[int, int]] = []
    at, lists, tagged = 0, 0, value.startswith(b"<")
    while at < len(value):
        tag = _TAG.match(value, at)
        if tag is not None:
            # A list without a tag is about the target. Servers would disagree about a list that contains one.
            if not tagged or (places and not lists):
                return None
            places.append(tag.span(1))
            if len(places) > MOST_REFERENCES:
                return None
            at, lists = tag.end(), 0
            continue
        condition = _LIST.match(value, at)
        if condition is None:
            return None
        at, lists = condition.end(), lists + 1
    return places if lists else None


def _read(name: bytes, value: bytes, start: int, end: int, paths: PathSettings) -> Reference | None:
    url = _URL.fullmatch(value, start, end)
    if url is None or start == end:
        return None
    scheme = (url[1] or b"").decode("ascii").lower()
    host = canonical_host(url[2], scheme) if scheme else ""
    spelled = url[3] or b"/"
    target = canonical(spelled, paths)
    if host is None or not isinstance(target, Target):
        return None
    return Reference(name, start, end, scheme, host, target, target.raw == spelled)


def renamed(
    headers: tuple[tuple[bytes, bytes], ...], found: tuple[Reference, ...], urls: tuple[bytes, ...]
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers with each reference's URL replaced by the one at its place in `urls`."""
    changed: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        lower, said = name.lower(), value
        for reference, url in reversed(list(zip(found, urls, strict=True))):
            if reference.name == lower:
                said = said[: reference.start] + url + said[reference.end :]
        changed.append((name, said))
    return tuple(changed)
