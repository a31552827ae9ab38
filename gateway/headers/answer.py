"""The answer's header section as the browser gets it.

`answer_fields` decides on each field, and this file carries it out. The listener writes framing, `Connection`, `Date`
and upgrades.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache

from gateway.headers.answer_fields import Action, action_of
from gateway.headers.cookies import is_ours
from gateway.headers.names import named_by
from gateway.request.spellings import Spellings
from gateway.request.worker_scope import allowed_may_cover
from gateway.route.inner_origins import parts_of_refresh
from gateway.route.route import Route

Headers = tuple[tuple[bytes, bytes], ...]

_PUBLIC_DIRECTIVES = (b"public", b"s-maxage", b"private", b"must-understand")
_DIRECTIVE = re.compile(rb'(?:[^,"]|"[^"]*(?:"|\Z))+')
"""One directive; a comma in quotes does not end it. Linear, as an application may answer with 64 KiB of commas."""

_CONNECTION_SCHEMES = re.compile(rb"(?:^|,)\s*(?:ntlm|negotiate)(?![\w-])", re.IGNORECASE)

_PUTS_TOGETHER = re.compile(rb"(?:content|dca)\s*=", re.IGNORECASE)
"""Has a cache in front fetch the pages that the body names (Edge Side Includes)."""

_CLEARS = frozenset(
    {b'"cache"', b'"storage"', b'"executioncontexts"', b'"clienthints"', b'"prefetchcache"', b'"prerendercache"'}
)
"""The directives by which an application may have a browser clear something, in lower case."""

_MAX_AGE = re.compile(rb'(?:^|;)[ \t]*max-age[ \t]*=[ \t]*"?([0-9]{1,18})"?[ \t]*(?=;|\Z)', re.IGNORECASE)

SHORTEST_HSTS = 86_400
"""Seconds of HSTS: a shorter value shortens a longer one that a browser has."""


class _Noted(Enum):
    """A field that passes, and tells how long a browser may keep the answer."""

    CONTENT_TYPE = b"content-type"
    EXPIRES = b"expires"


def _treatment(name: bytes) -> Action | _Noted | bytes:
    """Return what becomes of a field: of one that passes as it is, the beginning of its line."""
    action = action_of(name)
    if action is not Action.AS_IT_IS:
        return action
    lower = name.lower()
    return next((noted for noted in _Noted if noted.value == lower), name + b": ")


_treatments = Spellings(_treatment)
"""The treatment of an answer's field, by the application's spelling of its name."""

# By names of their own: each field of each answer is compared with them.
_ORDER, _CONNECTION, _SET_COOKIE = Action.ORDER, Action.CONNECTION, Action.SET_COOKIE
_DROP, _CACHE_CONTROL = Action.DROP, Action.CACHE_CONTROL
_CONTENT_TYPE, _EXPIRES = _Noted.CONTENT_TYPE, _Noted.EXPIRES


def _untold(_route: Route, _name: bytes) -> None:
    """Tell nobody."""


def app_answer_headers(
    headers: Headers,
    route: Route,
    *,
    private: bool,
    personal: bool = False,
    report: Callable[[Route, bytes], None] = _untold,
) -> bytes:
    """Return an application's answer fields as lines that end in CRLF, without framing fields and `Connection`.

    `private`: the verdict depended on more than method, path and query, so only the browser itself may keep the
    answer. An answer without any such field is given `Cache-Control: private` too, as a shared cache may else guess
    how long it is good (RFC 9111 section 4.2.2).

    `personal`: a session was used, so the next person at this browser must not get the answer from its cache
    (docs/decisions/0008).

    `report` is told of each order to a server in front.
    """
    named = route.for_us
    cache_control: list[bytes] = []
    lines: list[bytes] = []
    kind = b""
    expires = False
    treatments = _treatments
    for name, value in headers:
        treatment = treatments[name]
        if type(treatment) is bytes:
            lines.append(treatment + value)
        elif treatment is _CONTENT_TYPE:
            kind = value
            lines.append(b"%b: %b" % (name, value))
        elif treatment is _SET_COOKIE:
            if not is_ours(value):
                lines.append(b"%b: %b" % (name, _without_inner_domain(value, route)))
        elif treatment is _DROP:
            pass
        elif treatment is _CACHE_CONTROL and private:
            cache_control.append(value)
        elif treatment is _EXPIRES or treatment is _CACHE_CONTROL:
            expires = expires or treatment is _EXPIRES
            lines.append(b"%b: %b" % (name, value))
        elif treatment is _CONNECTION:
            named |= named_by(value)
        elif treatment is _ORDER:
            report(route, name)
        elif (changed := _changed(treatment, value, route, private=private)) is not None:
            lines.append(b"%b: %b" % (name, changed))
    if named:
        lines = [line for line in lines if line[: line.index(b":")].lower() not in named]
    if private:
        joined = cache_control[0] if len(cache_control) == 1 else b",".join(cache_control)
        pages = route.app.next_person.pages if personal else "as_sent"
        if len(joined) + len(kind) <= _USUAL:
            lines.append(_usual_cache_control(joined, kind, pages, expires))
        else:
            lines.append(_cache_control(joined, kind, pages, expires))
    lines.append(b"")
    return b"\r\n".join(lines)


def portal_answer_headers(headers: Headers) -> bytes:
    """Return one of our own pages' fields as lines, without what the listener writes itself.

    A page without caching headers must not be cached: a shared cache could otherwise keep a 404 or a permanent redirect
    for any time.
    """
    lines = []
    uncached = True
    for field in headers:
        treatment = _treatments[field[0]]
        if treatment is _DROP or treatment is _CONNECTION or field[0].lower() in (b"server", b"date"):
            continue
        uncached = uncached and treatment is not _CACHE_CONTROL
        lines.append(b"%b: %b\r\n" % field)
    if uncached:
        lines.append(b"Cache-Control: no-store\r\n")
    return b"".join(lines)


def _changed(action: Action | _Noted | bytes, value: bytes, route: Route, *, private: bool) -> bytes | None:
    """Return a field's value as the browser may get it, or `None` where it may not get the field."""
    match action:
        case Action.SHARED_CACHE:
            return None if private or _PUTS_TOGETHER.search(value) else value
        case Action.CLEAR_SITE_DATA:
            return _without_cookies(value)
        case Action.LOCATION:
            return _public_location(value, route)
        case Action.REFRESH:
            before, url, behind = parts_of_refresh(value)
            return before + _public_location(url, route) + behind
        case Action.WWW_AUTHENTICATE:
            return None if _CONNECTION_SCHEMES.search(value) else value
        case Action.WORKER_SCOPE:
            return None if allowed_may_cover(value, route.portal_prefix) else value
        case Action.HSTS:
            return None if route.says_hsts or not _promises_https(value) else value
        case Action.OPENER:
            return value.partition(b";")[0].strip(b" \t") or None
        case _:
            return None


def _promises_https(value: bytes) -> bool:
    """Whether a Strict-Transport-Security asks for HTTPS for a while: one that does not takes an earlier one away."""
    ages = _MAX_AGE.findall(value)
    return len(ages) == 1 and value.lower().count(b"max-age") == 1 and int(ages[0]) >= SHORTEST_HSTS


_USUAL = 128
"""Bytes worth remembering: an application has a handful of values, and a hostile one fills no memory."""

_ASSETS = (b"text/css", b"text/javascript", b"application/javascript", b"application/x-javascript", b"font/", b"image/")
"""Types of the files of a page. A browser that asked again for each of them would make every page slower."""


def _cache_control(joined: bytes, kind: bytes, pages: str, expires: bool) -> bytes:  # noqa: FBT001  # its cache's key
    """Return the line that forbids shared caches, with the application's other directives.

    `private="field"` of RFC 9111 section 5.2.2.7 allows a shared cache the rest of the answer, so it is replaced too.
    """
    directives = [part.strip(b" \t") for part in _DIRECTIVE.findall(_for_one_person(joined, kind, pages, expires))]
    kept = [part for part in directives if part and not part.lower().startswith(_PUBLIC_DIRECTIVES)]
    return b"Cache-Control: " + b", ".join([b"private", *kept])


_usual_cache_control = lru_cache(maxsize=512)(_cache_control)


def _for_one_person(joined: bytes, kind: bytes, pages: str, expires: bool) -> bytes:  # noqa: FBT001  # as above
    """Return the directives for an answer that was made for a person, as its App wants the next one kept from it."""
    if pages == "as_sent" or (pages == "no_cache" and joined):
        return joined
    kind = kind.strip().lower()
    # An answer without a type is a redirect, or a 304, which would change what the browser keeps of a style sheet.
    if not kind or kind.startswith(_ASSETS):
        return joined
    if pages == "no_store":
        return b"no-store"
    return joined if expires else b"no-cache"


def _without_cookies(value: bytes) -> bytes | None:
    """Return a Clear-Site-Data that leaves cookies alone: ours is among them, and there is no narrower word."""
    kinds: list[bytes] = []
    for part in value.split(b","):
        kind = part.strip(b" \t")
        if kind == b'"*"':
            kinds += (b'"cache"', b'"storage"')
        elif kind.lower() in _CLEARS:
            kinds.append(kind)
    return b", ".join(kinds) or None


def _public_location(value: bytes, route: Route) -> bytes:
    """Return a URL with the application's inner origin replaced by its public one; others are untouched."""
    end = route.inner_origins.end(value)
    if not end or (value.startswith(b"//") and value[2:end].lower() == route.host.encode()):
        return value
    return route.origin.encode() + value[end:]


def cookie_passes(cookie: bytes) -> bool:
    """Say whether any App's Set-Cookie with this value goes on as it is."""
    return not (is_ours(cookie) or _may_name_domain(cookie))


def _may_name_domain(cookie: bytes) -> bool:
    return b"domain" in cookie.lower()


def _without_inner_domain(cookie: bytes, route: Route) -> bytes:
    """Return a Set-Cookie without a Domain attribute that names an inner host: the browser would refuse the cookie."""
    if not _may_name_domain(cookie):
        return cookie
    hosts = route.inner_origins.hosts - {route.cookie_host.encode()}
    pair, *attributes = cookie.split(b";")
    kept = [pair]
    for attribute in attributes:
        key, _, domain = attribute.partition(b"=")
        if key.strip().lower() != b"domain" or domain.strip().lower().lstrip(b".") not in hosts:
            kept.append(attribute)
    return b";".join(kept)
