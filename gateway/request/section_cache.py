"""The results that follow from a client's header section alone, for the next request with the same section.

A connection's later requests often repeat the first one's fields byte by byte. The head reader hands such a request the
cache of the request before; the steps above fill the cache and use it.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.request.brought import Brought
from gateway.request.field_names import Family

Removed = tuple[tuple[Family, bytes], ...]
"""The fields that no browser sends and that were not passed on: each one's family, and its name as it came."""


RenderedSection = tuple[bytes, Removed]
"""A client's header section, rendered for one application: all bytes between the request's target and its id, and the
fields that are not in it. No identity and no request id is in it. A plain tuple, as a named one takes ten times as long
to make."""

_NOTHING: RenderedSection = (b"", ())


class QuestionAnswer(NamedTuple):
    """Our yes to another proxy's question, rendered. No request id is in it."""

    identity: bytes
    """The lines of the verdict that it was made of: this very object, which another verdict has not."""
    private: bool
    """Whether it says that no shared cache may keep the application's answer."""
    headers: tuple[tuple[bytes, bytes], ...]
    lines: bytes


class SectionCache:
    """The results for one client address, scheme and header section; it belongs to one connection.

    The request that another proxy asks about has one of its own, as long as the table that knows the question.

    It keeps one result of each kind, with the key that the result was made for. A result for another key takes its
    place, so a connection that outlives many reloads keeps no more than a new one.
    """

    __slots__ = ("answer", "brought", "cookie_name", "fields_of", "route", "section")

    def __init__(self) -> None:
        self.cookie_name: bytes | None = None
        """The session cookie's name that `brought` was found under; a reload may give the cookie another name."""
        self.brought: Brought | None = None
        """The browser's ticket. Seals last as long as the process, so it holds as long as the header section."""
        self.route: object = None
        """The token of the route whose settings `section` was rendered with. A reload makes other routes."""
        self.section = _NOTHING
        self.fields_of: object = None
        """The token of the route whose application may have these fields by another proxy: none is refused."""
        self.answer: QuestionAnswer | None = None
