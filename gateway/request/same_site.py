"""Whether a request that changes something was sent from one of our own pages (cross-site request forgery).

Browsers say where a request comes from, and a page cannot make them lie. A client that says
nothing is no browser of today, and carries no cookie it was not given by hand.
"""

from __future__ import annotations

from enum import Enum

from gateway.request.inbound import Inbound


class Sender(Enum):
    """The page that had the browser send a request."""

    OURS = "ours"
    """A page of this origin."""
    UNSAID = "unsaid"
    """Nobody says: not a browser, or a very old one."""
    FOREIGN = "foreign"
    """Another site, another origin of this site, or the address bar."""


def sender(inbound: Inbound, origin: str) -> Sender:
    """Tell by `Sec-Fetch-Site` (W3C Fetch Metadata), else by `Origin` (RFC 6454 section 7), which must be `origin`.

    A field that comes twice is a foreign word: no browser sends two.
    """
    site: list[bytes] = []
    origins: list[bytes] = []
    for name, value in inbound.headers:
        folded = name.lower()
        if folded == b"sec-fetch-site":
            site.append(value.strip())
        elif folded == b"origin":
            origins.append(value.strip())
    if len(site) > 1 or len(origins) > 1:
        return Sender.FOREIGN
    if site:
        return Sender.OURS if site[0] == b"same-origin" else Sender.FOREIGN
    if origins:
        return Sender.OURS if origins[0] == origin.encode() else Sender.FOREIGN
    return Sender.UNSAID
