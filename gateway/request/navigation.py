"""Tells a navigating person's request from that of a script in the background.

The gateway can send only a person to sign in. A script gets a plain 401 it can read, since a
redirect would hand it a sign-in page instead of its data, and would begin a login that no person sees. A service worker
that passes a navigation on stands between the two: a person waits for the answer, and a script of the application reads
it first. The truth table of `tests/request/test_navigation.py` is the reference.
"""

from __future__ import annotations

import re
from enum import Enum

from gateway.request.inbound import Inbound

_FRAMES = (b"iframe", b"frame", b"fencedframe", b"object", b"embed")
"""Destinations of a navigation that another page holds (Fetch section 2.2.5)."""

_FORM_TYPES = (b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain")

_PREVIEW = re.compile(
    rb"bot\b|bots?[/;)]|crawl|spider|slurp|preview|externalhit|scrap|unfurl|embed|\+https?:|\+mailto:|whatsapp/",
    re.IGNORECASE,
)
"""Words by which programs that fetch a page for a preview or an index name themselves, beside a browser's name."""


class Navigation(Enum):
    """The kind of a request, for the purpose of answering it."""

    PAGE = "page"
    """A person follows a link or types an address: GET or HEAD."""
    FORM = "form"
    """A person sends a form: any other method, navigating."""
    RELAYED = "relayed"
    """A person navigates, and a service worker passes the request on and gets its answer."""
    FRAME = "frame"
    """A person navigates inside a frame of another page, by a link or with a form."""
    BACKGROUND = "background"
    """A script, an image, a WebSocket, a prefetch, another program."""


def navigation(inbound: Inbound) -> Navigation:
    """Tell by Fetch Metadata (W3C Fetch Metadata Request Headers), or by Accept where a client sends none."""
    if inbound.websocket:
        return Navigation.BACKGROUND
    sent = {name.lower(): value.strip().lower() for name, value in inbound.headers}
    if sent.get(b"x-requested-with") == b"xmlhttprequest" or b"sec-purpose" in sent or b"purpose" in sent:
        return Navigation.BACKGROUND
    if is_prefetch(inbound.headers):
        return Navigation.BACKGROUND
    if sent.get(b"sec-fetch-mode", b"navigate") != b"navigate":
        return Navigation.BACKGROUND
    told_by_browser = b"sec-fetch-mode" in sent
    destination = sent.get(b"sec-fetch-dest", b"document")
    # A request that a worker makes of a navigation has no destination of its own (Fetch section 5.4); no script can
    # make one whose mode is `navigate`. A browser may also ask beside the worker, and hand it the answer
    # (Service Workers section 3.5, "navigation preload").
    relayed = (destination == b"empty" and told_by_browser) or b"service-worker-navigation-preload" in sent
    if relayed and inbound.method in ("GET", "HEAD", "POST"):
        return Navigation.RELAYED
    if destination in _FRAMES and inbound.method in ("GET", "HEAD", "POST"):
        return Navigation.FRAME
    if destination != b"document":
        return Navigation.BACKGROUND
    accept = sent.get(b"accept", b"*/*")
    wants_page = b"text/html" in accept or b"application/xhtml+xml" in accept
    if inbound.method in ("GET", "HEAD"):
        return Navigation.PAGE if told_by_browser or wants_page or b"*/*" in accept else Navigation.BACKGROUND
    if inbound.method != "POST":
        return Navigation.BACKGROUND
    is_form = sent.get(b"content-type", b"").startswith(_FORM_TYPES)
    if told_by_browser or wants_page or (is_form and b"*/*" in accept):
        return Navigation.FORM
    return Navigation.BACKGROUND


def names_frame(inbound: Inbound) -> bool:
    """Whether a field names a frame as the destination: a request without one is no navigation of a frame."""
    for name, value in inbound.headers:
        if name.lower() == b"sec-fetch-dest" and value.strip().lower() in _FRAMES:
            return True
    return False


def is_prefetch(headers: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether the browser only fetches ahead: answer 503, and consume nothing. It asks again when the person comes.

    `Sec-Purpose: prefetch…` (Fetch, section 2.2.5), and what older browsers sent.
    """
    for name, value in headers:
        folded = name.lower()
        if folded == b"sec-purpose" and value.strip().lower().startswith(b"prefetch"):
            return True
        if folded in {b"purpose", b"x-purpose", b"x-moz"} and value.strip().lower() in {b"prefetch", b"preview"}:
            return True
    return False


def is_surely_a_navigation(inbound: Inbound) -> bool:
    """Whether the browser itself says, in Fetch Metadata, that a person navigates a tab.

    A client that says nothing may be a script, which can send all the other fields too.
    """
    mode = [value for name, value in inbound.headers if name.lower() == b"sec-fetch-mode"]
    destination = [value for name, value in inbound.headers if name.lower() == b"sec-fetch-dest"]
    if mode != [b"navigate"] or destination != [b"document"]:
        return False
    return navigation(inbound) in (Navigation.PAGE, Navigation.FORM)


def begins_unasked(inbound: Inbound) -> bool:
    """Whether a sign-in may begin without a press of our button, as far as the request shows who asks.

    A request for the head alone, a preview of a link and a crawler end at a page: none of them goes on to the
    provider, and each would leave a pending login behind. A press is a POST, which none of them sends.
    """
    if inbound.method not in ("GET", "POST"):
        return False
    agents = [value for name, value in inbound.headers if name.lower() == b"user-agent"]
    agent = agents[0] if len(agents) == 1 else b""
    told_by_browser = any(name.lower() == b"sec-fetch-mode" for name, _ in inbound.headers)
    # Every browser calls itself Mozilla. A client without a name is left alone: a preview has one, or gets no page.
    named_otherwise = bool(agent) and not agent.startswith(b"Mozilla/") and not told_by_browser
    return inbound.method == "POST" or not (named_otherwise or _PREVIEW.search(agent))
