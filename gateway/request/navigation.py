"""Who is behind a request: a person who is navigating, or a script in the background.

Only a person can be sent to sign in. A script gets a plain 401 it can read, since a
redirect would hand it a sign-in page instead of its data, and would begin a login
nobody sees. The truth table of `tests/request/test_navigation.py` is the reference.
"""

from __future__ import annotations

from enum import Enum

from gateway.request.inbound import Inbound

_FORM_TYPES = (b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain")


class Navigation(Enum):
    """What kind of request this is, for the purpose of answering it."""

    PAGE = "page"
    """A person follows a link or types an address: GET or HEAD."""
    FORM = "form"
    """A person sends a form: any other method, navigating."""
    BACKGROUND = "background"
    """A script, an image, a WebSocket, a prefetch, another program."""


def navigation(inbound: Inbound) -> Navigation:
    """Tell by Fetch Metadata (W3C Fetch Metadata Request Headers), or by Accept where a client sends none."""
    if inbound.websocket:
        return Navigation.BACKGROUND
    sent = {name.lower(): value.strip().lower() for name, value in inbound.headers}
    if sent.get(b"x-requested-with") == b"xmlhttprequest" or b"sec-purpose" in sent or b"purpose" in sent:
        return Navigation.BACKGROUND
    if (
        sent.get(b"sec-fetch-mode", b"navigate") != b"navigate"
        or sent.get(b"sec-fetch-dest", b"document") != b"document"
    ):
        return Navigation.BACKGROUND
    told_by_browser = b"sec-fetch-mode" in sent
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
