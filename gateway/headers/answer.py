"""The answer's header section as the browser gets it.

An application is heard in everything but four things. The connection is ours. It can neither set nor clear our cookies.
It cannot let a shared cache keep a page that policy does not give to everybody at any time. Its inner address becomes
the public one. Framing, `Connection`, `Date` and upgrades are written by the listener.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gateway.headers.cookies import is_ours
from gateway.headers.names import HOP_BY_HOP, LONGEST_REMEMBERED, REMEMBERED, named_by
from gateway.request.field_names import fold
from gateway.request.worker_scope import allowed_may_cover
from gateway.route.route import Route

Headers = tuple[tuple[bytes, bytes], ...]

_DROPPED = HOP_BY_HOP | {
    b"content-length",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-authentication-info",
    b"persistent-auth",
    # Another address for the same origin is a way around us.
    b"alt-svc",
}
_FOR_SHARED_CACHES = frozenset({b"surrogate-control", b"edge-control", b"x-accel-expires"})
_FOR_SHARED_CACHES_ENDING = b"-cache-control"
"""Targeted fields (RFC 9213), such as `CDN-Cache-Control` and `X-LiteSpeed-Cache-Control`: they win over it."""

_PASS: Final = 0
_DROP: Final = 1
_CONNECTION: Final = 2
_CACHE_CONTROL: Final = 3
_SHARED_CACHE: Final = 4
_SET_COOKIE: Final = 5
_CLEAR_SITE_DATA: Final = 6
_LOCATION: Final = 7
_WWW_AUTHENTICATE: Final = 8
_WORKER_SCOPE: Final = 9

_LOOKED_INTO = {
    b"connection": _CONNECTION,
    b"cache-control": _CACHE_CONTROL,
    b"set-cookie": _SET_COOKIE,
    b"clear-site-data": _CLEAR_SITE_DATA,
    b"location": _LOCATION,
    b"content-location": _LOCATION,
    b"www-authenticate": _WWW_AUTHENTICATE,
    b"service-worker-allowed": _WORKER_SCOPE,
}
_PUBLIC_DIRECTIVES = (b"public", b"s-maxage", b"private", b"must-understand")
_DIRECTIVE = re.compile(rb'(?:[^,"]|"[^"]*(?:"|\Z))+')
"""One directive; a comma in quotes does not end it. Linear, as an application may answer with 64 KiB of commas."""

_CONNECTION_SCHEMES = re.compile(rb"(?:^|,)\s*(?:ntlm|negotiate)(?![\w-])", re.IGNORECASE)
_ORIGIN = re.compile(rb"(https?)://([^/?#]*)", re.IGNORECASE)


class _Kinds(dict[bytes, int]):
    """The kind of an answer's field, by the application's spelling of its name."""

    def __missing__(self, name: bytes) -> int:
        folded = fold(name)
        kind = _LOOKED_INTO.get(folded, _PASS)
        if kind == _PASS:
            if folded in _DROPPED or folded.startswith(b"sekisho-"):
                kind = _DROP
            elif folded in _FOR_SHARED_CACHES or folded.endswith(_FOR_SHARED_CACHES_ENDING):
                kind = _SHARED_CACHE
        if len(name) <= LONGEST_REMEMBERED:
            if len(self) >= REMEMBERED:
                self.clear()
            self[name] = kind
        return kind


_kinds = _Kinds()


def app_answer_headers(headers: Headers, route: Route, *, private: bool, personal: bool = False) -> bytes:
    """Return an application's answer fields as lines that end in CRLF, without framing fields and `Connection`.

    `private`: the verdict depended on more than method, path and query, so only the browser itself may keep the
    answer. An answer without any such field is given `Cache-Control: private` too, as a shared cache may else guess
    how long it is good (RFC 9111 section 4.2.2).

    `personal`: a session was used, so the next person at this browser must not get the answer from its cache
    (docs/decisions/0008).
    """
    named: frozenset[bytes] = frozenset()
    cache_control: list[bytes] = []
    kept: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        kind = _kinds[name]
        if kind == _PASS or (kind in (_CACHE_CONTROL, _SHARED_CACHE) and not private):
            kept.append((name, value))
        elif kind == _CONNECTION:
            named |= named_by(value)
        elif kind == _CACHE_CONTROL:
            cache_control.append(value)
        elif (changed := _changed(kind, value, route)) is not None:
            kept.append((name, changed))
    if named:
        kept = [(name, value) for name, value in kept if name.lower() not in named]
    if private:
        joined = b",".join(cache_control)
        if personal:
            joined = _for_one_person(joined, headers, route)
        kept.append((b"Cache-Control", _usual_private(joined) if len(joined) <= _USUAL else _private(joined)))
    return b"".join([b"%b: %b\r\n" % field for field in kept])


def portal_answer_headers(headers: Headers) -> bytes:
    """Return one of our own pages' fields as lines, without what the listener writes itself.

    A page that says nothing of caches is kept by none: a 404 or a redirect for good would else be kept for as long as
    a shared cache sees fit.
    """
    lines = [
        b"%b: %b\r\n" % field
        for field in headers
        if _kinds[field[0]] not in (_DROP, _CONNECTION) and field[0].lower() not in (b"server", b"date")
    ]
    if all(_kinds[name] != _CACHE_CONTROL for name, _ in headers):
        lines.append(b"Cache-Control: no-store\r\n")
    return b"".join(lines)


def _changed(kind: int, value: bytes, route: Route) -> bytes | None:
    """Return a field's value as the browser may get it, or `None` where it may not get the field."""
    if kind == _SET_COOKIE:
        return None if is_ours(value) else _without_inner_domain(value, route)
    if kind == _CLEAR_SITE_DATA:
        return _without_cookies(value)
    if kind == _LOCATION:
        return _public_location(value, route)
    if kind == _WWW_AUTHENTICATE:
        return None if _CONNECTION_SCHEMES.search(value) else value
    if kind == _WORKER_SCOPE:
        # A service worker of that scope would stand in front of our own pages.
        return None if allowed_may_cover(value, route.portal_prefix) else value
    return None


_USUAL = 128
"""Bytes of a Cache-Control worth remembering: an application has a handful, and a hostile one fills no memory."""


@lru_cache(maxsize=512)
def _usual_private(joined: bytes) -> bytes:
    return _private(joined)


def _private(joined: bytes) -> bytes:
    """Return Cache-Control directives that keep an answer out of shared caches, the rest as the application said.

    `private="field"` of RFC 9111 section 5.2.2.7 allows a shared cache the rest of the answer, so it is replaced too.
    """
    directives = [part.strip(b" \t") for part in _DIRECTIVE.findall(joined)]
    kept = [part for part in directives if part and not part.lower().startswith(_PUBLIC_DIRECTIVES)]
    return b", ".join([b"private", *kept])


_ASSETS = (b"text/css", b"text/javascript", b"application/javascript", b"application/x-javascript", b"font/", b"image/")
"""Types of what a page is made of. A browser that asked again for each of them would make every page slower."""


def _for_one_person(joined: bytes, headers: Headers, route: Route) -> bytes:
    """Return the directives for an answer that was made for a person, as its App wants the next one kept from it."""
    pages = route.app.next_person.pages
    if pages == "as_sent" or (pages == "no_cache" and joined):
        return joined
    fields = {name.lower(): value for name, value in headers}
    # An answer without a type is a redirect, or a 304, which would change what the browser keeps of a style sheet.
    kind = fields.get(b"content-type", b"").strip().lower()
    if not kind or kind.startswith(_ASSETS):
        return joined
    if pages == "no_store":
        return b"no-store"
    return joined if b"expires" in fields else b"no-cache"


def _without_cookies(value: bytes) -> bytes | None:
    """Return a Clear-Site-Data that leaves cookies alone: ours is among them, and there is no narrower word."""
    kinds: list[bytes] = []
    for part in value.split(b","):
        kind = part.strip(b" \t")
        if kind == b'"*"':
            kinds += (b'"cache"', b'"storage"')
        elif kind.lower() != b'"cookies"' and kind:
            kinds.append(kind)
    return b", ".join(kinds) or None


def _inner_origins(route: Route) -> frozenset[bytes]:
    app = route.app
    urls = (_ORIGIN.match(url.encode()) for url in (*app.upstream, *app.internal_origins))
    origins = {url.group().lower() for url in urls if url is not None}
    if app.secure:
        # Behind a gateway that ends TLS an old application believes itself on plain HTTP, and says so in absolute URLs.
        origins.add(b"http://" + route.host.encode())
    return frozenset(origins)


def _public_location(value: bytes, route: Route) -> bytes:
    """Return a Location with the application's inner origin replaced by its public one; others are untouched."""
    found = _ORIGIN.match(value)
    if found is None or found.group().lower() not in _inner_origins(route):
        return value
    return route.origin.encode() + value[found.end() :]


def _without_inner_domain(cookie: bytes, route: Route) -> bytes:
    """Return a Set-Cookie without a Domain attribute that names an inner host: the browser would refuse the cookie."""
    if b"domain" not in cookie.lower():
        return cookie
    hosts = {origin.partition(b"://")[2].rsplit(b":", 1)[0] for origin in _inner_origins(route)}
    hosts.discard(route.host.encode())
    pair, *attributes = cookie.split(b";")
    kept = [pair]
    for attribute in attributes:
        key, _, domain = attribute.partition(b"=")
        if key.strip().lower() != b"domain" or domain.strip().lower().lstrip(b".") not in hosts:
            kept.append(attribute)
    return b";".join(kept)
