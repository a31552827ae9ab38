"""Renders the console's pages with the portal's machinery, and serves its static files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, partial
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from gateway.console.csrf import FIELD, token_of
from gateway.console.messages import message
from gateway.console.routes import Place, menu_for, route_of
from gateway.console.screen import LONGEST_REASON, Screen
from gateway.console.sign_ins import SignIn
from gateway.portal.aiohttp_management import CONSOLE
from gateway.portal.aiohttp_pages import (
    STATIC_SECONDS,
    Asset,
    content_security_policy,
    environment_of,
    read_asset,
    redirect,
)
from gateway.portal.language import Language
from gateway.portal.operators import Role
from gateway.workbench.grammar import grammar
from gateway.yaml.mistakes import Language as PhraseLanguage

HEADERS: Mapping[str, str] = {
    "Cache-Control": "private, no-store",
    "Vary": "Accept-Language, Cookie",
    # Not `no-referrer`: it would have browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
"""On every answer of the console that does not say otherwise."""

_FILES = (
    ("gateway.console", "base.css", "text/css"),
    ("gateway.portal", "mark.svg", "image/svg+xml"),
    ("gateway.console", "console.css", "text/css"),
    ("gateway.console", "workbench.css", "text/css"),
    ("gateway.console", "workbench.js", "text/javascript"),
    ("gateway.console", "codemirror.js", "text/javascript"),
)


@cache
def assets() -> Mapping[str, Asset]:
    """Return the static files by name, in memory."""
    found = {name: read_asset(package, name, kind) for package, name, kind in _FILES}
    for language in PhraseLanguage:
        content = msgspec.json.encode(grammar(language))
        version = sha256(content).hexdigest()[:12]
        found[f"keys.{language.value}.json"] = Asset(content, "application/json", version)
    return MappingProxyType(found)


def address(name: str) -> str:
    """Return a static file's path, with its version."""
    return f"{CONSOLE}static/{name}?v={assets()[name].version}"


def serve_asset(name: str) -> web.Response:
    """Return a static file.

    Raises:
        web.HTTPNotFound: there is none of that name.

    """
    asset = assets().get(name)
    if asset is None:
        raise web.HTTPNotFound
    response = web.Response(body=asset.content, content_type=asset.type)
    response.headers[hdrs.CACHE_CONTROL] = f"private, max-age={STATIC_SECONDS}, immutable"
    return response


def render(screen: Screen, language: Language, here: Place | None, sign_in: SignIn | None) -> web.Response:
    """Return a page as an answer. `here` is its place in the menu, and `sign_in` the operator who sees it."""
    text = render_text(screen, language, here, sign_in)
    response = web.Response(text=text, status=screen.status, content_type="text/html", charset="utf-8")
    response.headers[hdrs.CONTENT_LANGUAGE] = language.value
    policy = content_security_policy(screen.leads_to)
    if screen.nonce:
        # Our own files alone run, and they talk to us alone. The editor makes one sheet of its styles, with the nonce.
        own = f"style-src 'self' 'nonce-{screen.nonce}'; script-src 'self'; connect-src 'self'"
        policy = policy.replace("style-src 'self'", own)
    response.headers["Content-Security-Policy"] = policy
    if screen.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(screen.retry_after)
    return response


def render_text(screen: Screen, language: Language, here: Place | None, sign_in: SignIn | None) -> str:
    """Return a page, or a part of one, as HTML."""
    roles: Collection[Role] = () if sign_in is None else sign_in.operator.roles
    template = environment_of("gateway.console").get_template(f"{screen.template}.html")

    def token(place: str) -> str:
        return "" if sign_in is None else token_of(sign_in.csrf, place)

    done = ""
    if sign_in is not None and here is not None and sign_in.done is not None:
        outcome, count = sign_in.done
        done, sign_in.done = message(language, f"done.{outcome}", count=count), None
    return template.render(
        screen.values,
        done=done,
        language=language.value,
        title=message(language, screen.title),
        here=here,
        menu=[(route.place.value, CONSOLE + route.path) for route in menu_for(roles)],
        operator=None if sign_in is None else sign_in.operator.name,
        roles=roles,
        may_act=Role.ACT in roles,
        asset=address,
        csrf_field=FIELD,
        longest_reason=LONGEST_REASON,
        nonce=screen.nonce,
        token=token,
        url=_url,
        t=partial(message, language),
    )


def see_other(place: Place, query: Mapping[str, str] | None = None) -> web.Response:
    """Send the browser to a page by GET, so that a reload does not press a button again."""
    return redirect(_url(place, query))


def _url(place: str, query: Mapping[str, str] | None = None) -> str:
    path = CONSOLE + route_of(Place(place)).path
    return f"{path}?{urlencode(query)}" if query else path
