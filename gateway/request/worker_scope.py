"""Recognises the script of a service worker that could stand in front of our own pages, by the browser's request.

A worker's scope is a string: every URL that begins with it is the worker's (Service Workers, section 3.2).
The scope lies below the script's folder, or below what the script's answer names in `Service-Worker-Allowed`. The
request for a script does not say which scope is wanted, so the widest one that it may get is judged.
"""

from __future__ import annotations

import re

from gateway.request.inbound import Inbound

_PLAIN_SCOPE = re.compile(rb"/(?:(?!\.{1,2}/)[A-Za-z0-9._~-]+/)*(?!\.{1,2}\Z)[A-Za-z0-9._~-]*")
"""A path that no browser reads as another: without dot segments, escapes or a host."""

_KNOWN_SCRIPT = re.compile(
    r"/(?:[\w-]*[-_.])?(?:sw|service[-_]?worker|ngsw-worker|safety-worker|onesignalsdk(?:updater)?worker)"
    r"(?:[-_.][\w-]+)*\.m?js",
    re.IGNORECASE,
)
"""The names that build tools and push services give a worker's script."""


def may_cover(widest: str, prefix: str) -> bool:
    """Whether a scope that begins with `widest` may hold a URL that begins with `prefix`. Case is not told apart."""
    widest, prefix = widest.casefold(), prefix.casefold()
    return prefix.startswith(widest) or widest.startswith(prefix)


def script_may_cover(inbound: Inbound, prefix: str) -> bool:
    """Whether the worker whose script is asked for may get a scope that holds `prefix`, by its folder."""
    # The browser counts with the spelling it sends, and a server may know the file by another.
    spelled = (inbound.received or inbound.target.raw).partition(b"?")[0].decode("latin-1")
    return any(may_cover(path[: path.rindex("/") + 1], prefix) for path in (spelled, inbound.target.path))


def names_a_covering_script(path: str, prefix: str) -> bool:
    """Whether a path looks like the script of a worker that would be refused: for an operator to read."""
    folder, _, name = path.rpartition("/")
    return _KNOWN_SCRIPT.fullmatch(f"/{name}") is not None and may_cover(f"{folder}/", prefix)


def allowed_may_cover(value: bytes, prefix: str) -> bool:
    """Whether a `Service-Worker-Allowed` may give a scope that holds `prefix`; so may one that is not plain."""
    scope = value.strip(b" \t")
    return _PLAIN_SCOPE.fullmatch(scope) is None or may_cover(scope.decode("ascii"), prefix)


def is_an_update(inbound: Inbound) -> bool:
    """Whether the browser has this worker already, and asks whether its script has changed.

    It then sends a condition, or names the script itself as the page that asks (seen in Chromium).
    """
    own = f"{inbound.scheme}://{inbound.host}".encode() + (inbound.received or inbound.target.raw)
    for name, value in inbound.headers:
        folded = name.lower()
        if folded in (b"if-none-match", b"if-modified-since") or (folded == b"referer" and value == own):
            return True
    return False


REMOVES_ITSELF = b"""\
// This site's gateway lets no service worker stand in front of its own pages. This one removes the one it replaces.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.registration.unregister()));
"""
"""The next version of a worker that covers our pages: it lets every request by, and takes its registration away."""
