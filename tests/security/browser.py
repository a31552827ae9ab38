"""A browser as far as sign-in needs one: cookies, redirects by WHATWG rules, the notice's button."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urlencode

from tests.security.provider import HOST as PROVIDER_HOST
from tests.security.whatwg import Url, parse
from tests.security.wire import Response

MOST_HOPS = 15
"""Redirects and presses after which a browser, or a person, has enough."""

MOST_PRESSES = 2
"""Times a person presses the button of a notice: once, and once more for a step-up."""

Sender = Callable[[str, str, str, list[tuple[str, str]], bytes | None], Awaitable[Response]]
"""Sends (method, host, target, headers, body) to the gateway."""

NAVIGATION = [
    ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "ja,en;q=0.5"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-User", "?1"),
]


@dataclass(frozen=True)
class Form:
    """A form on a page."""

    method: str
    action: str
    fields: tuple[tuple[str, str], ...]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._open: tuple[str, str, list[tuple[str, str]]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        for name in ("href", "src", "action", "formaction"):
            if name in said:
                self.links.append(said[name])
        if tag == "form":
            self._open = (said.get("method", "get").lower(), said.get("action", ""), [])
        elif tag in ("input", "button") and self._open is not None and said.get("name"):
            self._open[2].append((said["name"], said.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open is not None:
            method, action, fields = self._open
            self.forms.append(Form(method, action, tuple(fields)))
            self._open = None


def page_of(response: Response) -> _Forms:
    parser = _Forms()
    if "html" in (response.one("content-type") or ""):
        parser.feed(response.text)
    return parser


@dataclass
class Hop:
    """One page on the way: where it is, and what it answered; nothing where the browser was elsewhere."""

    url: Url
    response: Response | None
    method: str = "GET"


@dataclass
class Browser:
    """Cookies by host, and every hop."""

    send: Sender
    sign_in: Callable[[str], str]
    """The person at the provider: authorization URL in, redirect back out."""
    jar: dict[str, dict[str, str]] = field(default_factory=dict)
    hops: list[Hop] = field(default_factory=list)
    looped: bool = False
    authorizations: list[str] = field(default_factory=list)
    set_cookies: list[str] = field(default_factory=list)

    def cookies(self, host: str) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.jar.get(host, {}).items())

    def keep(self, host: str, response: Response) -> None:
        """Take cookies as a browser does that enforces the `__Host-` prefix."""
        for line in response.all("set-cookie"):
            self.set_cookies.append(line)
            pair, *attributes = line.split(";")
            name, _, value = pair.partition("=")
            name = name.strip()
            said = {key.strip().lower(): text.strip() for key, _, text in (each.partition("=") for each in attributes)}
            if name.startswith("__Host-") and ("domain" in said or said.get("path") != "/" or "secure" not in said):
                continue
            here = self.jar.setdefault(host, {})
            if said.get("max-age", "1").startswith(("0", "-")) or "1970" in said.get("expires", ""):
                here.pop(name, None)
            else:
                here[name] = value.strip()

    async def go(
        self,
        url: Url,
        method: str = "GET",
        body: bytes | None = None,
        headers: list[tuple[str, str]] | None = None,
        *,
        site: str = "none",
    ) -> Response:
        """Ask the gateway for one page and keep its cookies."""
        sent = [*NAVIGATION, ("Sec-Fetch-Site", site), *(headers or [])]
        if cookies := self.cookies(url.host):
            sent.append(("Cookie", cookies))
        response = await self.send(method, url.host, url.target, sent, body)
        self.keep(url.host, response)
        self.hops.append(Hop(url, response, method))
        return response

    async def follow(
        self, url: Url, response: Response, *, press: str | None = "login", until_provider: bool = False
    ) -> Response | None:
        """Go on as a browser does, and press the button a person would, until a page stays; `None`: it is elsewhere.

        `press` names the page whose form is sent: `login` for the notice, `logout` for its confirmation. A page that
        says that a sign-in failed is an end, although it offers another start. `until_provider` stops there.
        """
        presses = 0
        current: Response | None = response
        for _ in range(MOST_HOPS):
            if current is None:
                return None
            location = current.one("location")
            if current.status in (301, 302, 303, 307, 308) and location is not None:
                there = parse(location, url)
                if there is None:
                    return current
                if until_provider and there.host == PROVIDER_HOST:
                    self.authorizations.append(location)
                    return current
                current = await self._visit(there, location)
                url = self.hops[-1].url
                continue
            form = next(
                (
                    form
                    for form in page_of(current).forms
                    if press is not None
                    and form.method == "post"
                    and form.action.partition("?")[0].endswith(f"/{press}")
                ),
                None,
            )
            if form is None or presses == MOST_PRESSES or url.path.endswith("/callback"):
                return current
            presses += 1
            there = parse(form.action, url)
            if there is None or there.host not in self.known_hosts:
                return current
            url = there
            content = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", url.origin)]
            current = await self.go(url, "POST", urlencode(form.fields).encode(), content, site="same-origin")
        self.looped = True
        return current

    known_hosts: frozenset[str] = frozenset({"app.gw.test", "other.gw.test"})

    async def _visit(self, url: Url, location: str) -> Response | None:
        if url.host == PROVIDER_HOST and url.path == "/authorize":
            self.hops.append(Hop(url, None))
            self.authorizations.append(location)
            back = parse(self.sign_in(location), url)
            if back is None:
                return None
            return await self.go(back, site="cross-site")
        if url.host in self.known_hosts and url.scheme in ("https", "http"):
            return await self.go(url, site="same-origin")
        self.hops.append(Hop(url, None))
        return None

    @property
    def url(self) -> Url | None:
        return self.hops[-1].url if self.hops else None

    def copy(self) -> Browser:
        """Another browser with the same cookies and no past."""
        jar = {host: dict(cookies) for host, cookies in self.jar.items()}
        return replace(self, jar=jar, hops=[], looped=False, authorizations=[], set_cookies=[])


__all__ = ["Browser", "Form", "Hop", "page_of"]
