"""Renders pages with Jinja2 and serves the two static files they use; `pages` has their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from importlib.resources import files
from types import MappingProxyType

import jinja2
from aiohttp import hdrs, web
from markupsafe import Markup, escape

from gateway.portal.language import Language, Said
from gateway.portal.messages import message
from gateway.portal.pages import Offer, Page

_TYPES = {"sekisho.css": "text/css", "mark.svg": "image/svg+xml"}

_COLOUR = re.compile(r"colour-([0-9a-f]{6})\.css")

STATIC_SECONDS = 7 * 86_400
"""Seconds for which a browser may cache a static file. Its address changes with its content."""

NOTICE = "notice.html"
NOTICES = 256
"""Rendered notices that are kept."""

_OF_ONE_REQUEST = frozenset({"number", "request_id"})


def redirect(location: str) -> web.Response:
    """Send the browser on with a GET (RFC 9110 section 15.4.4). Not raised: an exception would lose our cookies."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: location})


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file, in memory: there are two and they are small."""

    content: bytes
    type: str
    version: str


class Pages:
    """Templates and static files of one portal."""

    def __init__(self, prefix: str) -> None:
        """Take the path that our pages lie under."""
        self._prefix = prefix
        self.assets = _assets()
        self._environment = environment_of("gateway.portal")
        self._notices: dict[Hashable, str] = {}

    def render(self, page: Page) -> str:
        """Return the page as HTML.

        A notice is the first thing that everybody sees. It has nothing of the person, and is rendered once for all who
        see the same.
        """
        start = page.values.get("start")
        if (
            page.values.get("who")
            or page.template != NOTICE
            or not isinstance(start, Offer)
            or start.form
            or "?" in start.target
        ):
            # A signed-in person has a page of her own. A query may say something about a person, and is kept nowhere.
            return self._render(page, page.values)
        values = {name: value for name, value in page.values.items() if name not in _OF_ONE_REQUEST}
        key = (page.language, page.title, page.framed, *values.items())
        text = self._notices.get(key)
        if text is None:
            # Without the values of one request: the template is refused if it uses one.
            text = self._render(page, values)
            if len(self._notices) >= NOTICES:
                del self._notices[next(iter(self._notices))]
            self._notices[key] = text
        return text

    def _render(self, page: Page, values: Mapping[str, object]) -> str:
        template = self._environment.get_template(page.template)
        return template.render(
            values,
            language=page.language.value,
            title=page.title,
            framed=page.framed,
            prefix=self._prefix,
            asset=self.address,
            t=partial(tell, page.language),
        )

    def address(self, name: str) -> str:
        """Return a static file's path, with its version."""
        return f"{self._prefix}static/{name}?v={self.assets[name].version}"

    def response(self, page: Page, form_origins: Iterable[str]) -> web.Response:
        """Return the page as an answer, with headers against framing, caching and scripts.

        `form_origins` are where a form of ours may lead by a redirect: Chromium holds `form-action` against
        each hop, so the provider's origin must be named or the button does nothing.
        """
        response = web.Response(text=self.render(page), status=page.status, content_type="text/html", charset="utf-8")
        response.headers["Content-Language"] = page.language.value
        response.headers["Content-Security-Policy"] = content_security_policy(
            None if page.leads_anywhere else form_origins, sandboxed=page.sandboxed, framed=page.framed
        )
        if page.framed:
            # A page that embeds the file may isolate itself, and then the file must say that other origins may have it.
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if page.sandboxed:
            # HTML section 7.4.2: a browser refuses a sandboxed document with an opener policy. It needs none.
            response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
            response.headers["Cross-Origin-Embedder-Policy"] = "unsafe-none"
        if page.retry_after is not None:
            response.headers["Retry-After"] = str(page.retry_after)
        return response


def tell(language: Language, key: str, /, **values: object) -> str:
    """Return a sentence for a template. A value in another language than the page's says so, inside the sentence."""
    if not any(isinstance(each, Said) and each.language != language for each in values.values()):
        return message(language, key, **{name: _plain(each) for name, each in values.items()})
    shown = {name: _marked(each) if isinstance(each, Said) else each for name, each in values.items()}
    return escape(message(language, key)).format_map(shown)


def _plain(value: object) -> object:
    return value.text if isinstance(value, Said) else value


def _marked(said: Said) -> Markup:
    return Markup('<span lang="{}">{}</span>').format(said.language, said.text)


def content_security_policy(
    form_origins: Iterable[str] | None, *, sandboxed: bool = False, framed: bool = False
) -> str:
    """Return the policy of our pages (CSP Level 3): our sheet, our picture, our forms, and nothing else.

    Without `form_origins` the page's form may lead anywhere; there is none on it but ours. A `sandboxed` page has an
    origin of its own that no other page has, so that a page of the application that has opened it cannot read it.
    A `framed` page may stand in any page's frame, and has no form.
    """
    policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors "
    if framed:
        return policy + "*; form-action 'none'"
    policy += "'none'"
    if sandboxed:
        policy += "; sandbox"
    if form_origins is None:
        return policy
    allowed = " ".join(("'self'", *form_origins))
    return f"{policy}; form-action {allowed}"


def colour_sheet(name: str) -> bytes | None:
    """Return the sheet that a name such as `colour-0a6b3d.css` stands for, or `None` if it is no such name.

    An App's colour cannot stand in its pages, whose policy allows no style of their own.
    """
    found = _COLOUR.fullmatch(name)
    return None if found is None else b":root { --brand: #%b; }\n" % found[1].encode()


@cache
def environment_of(package: str) -> jinja2.Environment:
    """Read and compile every template of a package, once in a process.

    A reload must not wait for a disk, nor for the compiler.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in environment.list_templates():
        environment.get_template(name)
    return environment


@cache
def _assets() -> Mapping[str, Asset]:
    return MappingProxyType({name: read_asset("gateway.portal", name, type_) for name, type_ in _TYPES.items()})


def read_asset(package: str, name: str, type_: str) -> Asset:
    """Read a static file of a package."""
    content = (files(package) / "static" / name).read_bytes()
    return Asset(content, type_, hashlib.sha256(content).hexdigest()[:12])
