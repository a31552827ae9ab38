"""Our own URLs, each with its kind: the clients that may request it, and its purpose.

A script of the application runs on the same origin as our pages, so a browser lets it ask for each of
them and read the answer. The kind decides the protection (docs/decisions/0007): a page is for a top-level navigation
alone, and a script may read every other kind. The byte path asks this table before anything under our prefix is
answered. A URL that is not in it is a page. There is no fragment for the application's pages to include: it would be a
kind of its own, and since their scripts could read it, it could hold no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from gateway.headers.assertion import JWKS_PAGE
from gateway.login.login import BACKCHANNEL_LOGOUT, CALLBACK, SIGNED_OUT
from gateway.login.registration import CLIENT_KEYS
from gateway.login.return_to import END_OF_TAB, FORM, SIGN
from gateway.route.table import HEALTH

AUTH_PAGES = "auth/"
"""Under our own prefix, the endpoints that an outer proxy asks (`forward_auth`)."""


LOGIN = "login"
"""Under our own prefix, the page that begins a sign-in for the target in its query."""

BACK = b"back="
"""The beginning of that page's query if all the rest of it is the target, just as a browser sent it."""

LONGEST_ESCAPED = 2_048
"""Bytes of a target that is escaped into the query. A longer one follows `BACK`, where it does not grow."""

LOGOUT = "logout"
"""Under our own prefix, the page with the button that ends the session."""

ME = "me"
"""Under our own prefix, the page of what we hold of a person."""


LANGUAGE = "language/"
"""Under our own prefix, the switch of languages: a link to `language/en?back=…` leads back, in that language."""

CLEARED = "cleared"
"""Under our own prefix, the picture of the signed-out page that has the browser forget the page before it."""


ACCOUNT = "account"
"""Under our own prefix, the page on which a person links an account of the application, or chooses one."""


UNLINK = "unlink"
"""Under our own prefix, the page on which a person ends her link to an account of the application."""

DOCUMENT = "sign-document"
"""Under our own prefix, the document that a person is to sign, as a file."""

WITHDRAW = "withdraw"
"""Under our own prefix, the page on which a person withdraws a consent."""

SIGNATURES = "signatures"
"""Under our own prefix, the API by which an application asks for signatures."""


class Kind(StrEnum):
    """The clients that ask for a URL of ours."""

    PAGE = "page"
    """A person, in a tab of their own. A script, a prefetch and a service worker get no page, a frame a link to it."""
    ASSET = "asset"
    """A page of ours, for its style sheet and its picture: the same for everybody."""
    MACHINE = "machine"
    """A program: it reads public keys, or proves by a signature who it is. No cookie opens anything here."""
    QUESTION = "question"
    """A listed proxy that asks about a request. A browser is refused by its address."""


@dataclass(frozen=True, slots=True)
class OwnUrl:
    """The purpose of a URL, and the methods it answers."""

    kind: Kind
    methods: tuple[str, ...]


_READ = ("GET", "HEAD")
_ONCE = ("GET",)
"""No HEAD where a GET has an effect: a link checker must not begin a sign-in, nor use up a callback."""

URLS: Mapping[str, OwnUrl] = {
    LOGIN: OwnUrl(Kind.PAGE, (*_ONCE, "POST")),
    CALLBACK: OwnUrl(Kind.PAGE, _ONCE),
    LOGOUT: OwnUrl(Kind.PAGE, (*_READ, "POST")),
    SIGNED_OUT: OwnUrl(Kind.PAGE, _READ),
    END_OF_TAB: OwnUrl(Kind.PAGE, _READ),
    FORM: OwnUrl(Kind.PAGE, (*_READ, "POST")),
    ME: OwnUrl(Kind.PAGE, (*_READ, "POST")),
    LANGUAGE: OwnUrl(Kind.PAGE, _READ),
    SIGN: OwnUrl(Kind.PAGE, (*_READ, "POST")),
    ACCOUNT: OwnUrl(Kind.PAGE, (*_READ, "POST")),
    UNLINK: OwnUrl(Kind.PAGE, (*_READ, "POST")),
    DOCUMENT: OwnUrl(Kind.PAGE, _READ),
    WITHDRAW: OwnUrl(Kind.PAGE, (*_READ, "POST")),
    SIGNATURES: OwnUrl(Kind.MACHINE, ("POST",)),
    f"{SIGNATURES}/": OwnUrl(Kind.MACHINE, (*_ONCE, "DELETE")),
    "static/": OwnUrl(Kind.ASSET, _READ),
    CLEARED: OwnUrl(Kind.ASSET, _ONCE),
    HEALTH: OwnUrl(Kind.MACHINE, _READ),
    CLIENT_KEYS: OwnUrl(Kind.MACHINE, _READ),
    JWKS_PAGE: OwnUrl(Kind.MACHINE, _READ),
    BACKCHANNEL_LOGOUT: OwnUrl(Kind.MACHINE, ("POST",)),
    AUTH_PAGES: OwnUrl(Kind.QUESTION, ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")),
}
"""By their path under our prefix. One that ends in `/` stands for all below it."""


def own_url(name: str) -> OwnUrl | None:
    """Return the description of a path under our prefix, or `None` if there is no such page."""
    exact = URLS.get(name)
    if exact is not None or "/" not in name:
        return exact
    return URLS.get(name[: name.index("/") + 1])


def kind_of(name: str) -> Kind:
    """Return the kind of a path under our prefix; the strictest for one that is not in the table."""
    known = own_url(name)
    return Kind.PAGE if known is None else known.kind


def sign_in_url(origin: str, prefix: str, target: bytes, longest_line: int) -> bytes:
    """Return the URL that begins a sign-in and leads back to `target`, for a browser that cannot be asked there.

    It fits a request line of `longest_line` bytes; a target that does not is left out whole, never cut.
    """
    page = f"{prefix}{LOGIN}?".encode()
    escaped = quote(target, safe="").encode()
    if len(escaped) <= LONGEST_ESCAPED:
        query = b"rd=" + escaped
    elif len(b"GET  HTTP/1.1") + len(page) + len(BACK) + len(target) <= longest_line:
        query = BACK + target
    else:
        query = b"rd=%2F"
    return origin.encode() + page + query
