"""Whether a request that changes something was sent from one of our own pages (cross-site request forgery).

Browsers send the origin of a request, and a page cannot forge it. A client without these fields is no current
browser, and has no cookies except those given to it by hand. A form that another site's page sent is told apart
(`other_site`): the browser leaves our cookies out.
"""

from __future__ import annotations

import re
from enum import Enum

from gateway.request.inbound import Inbound

ORIGIN = re.compile(r"https?://(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
"""An origin as a browser writes it in `Origin`: small letters, IDNA, no default port (RFC 6454 section 6.2)."""

LONGEST_ORIGIN = 270
"""Characters of an origin: a host name has 253."""


class Sender(Enum):
    """The page that had the browser send a request."""

    OURS = "ours"
    """A page of this origin."""
    UNSAID = "unsaid"
    """No field tells: the client is no browser, or a very old one."""
    FOREIGN = "foreign"
    """Another site, another origin of this site, or the address bar."""


def sender(inbound: Inbound, origin: str) -> Sender:
    """Tell by `Sec-Fetch-Site` (W3C Fetch Metadata), else by `Origin` (RFC 6454 section 7), which must be `origin`.

    A field that comes twice is a foreign word: no browser sends two.
    """
    site, origins = _told(inbound)
    if len(site) > 1 or len(origins) > 1:
        return Sender.FOREIGN
    if site:
        return Sender.OURS if site[0] == b"same-origin" else Sender.FOREIGN
    if origins:
        return Sender.OURS if origins[0] == origin.encode() else Sender.FOREIGN
    return Sender.UNSAID


def other_site(inbound: Inbound, origin: str) -> str | None:
    """Return the origin of another site's page that sent this request, or `None` where no other site did.

    Empty where the browser does not say which, or says it twice. `origin` is the App's. A sender on another host of the
    same site is none: the browser sends our cookies with its forms. A browser without Fetch Metadata does not say which
    of the two it is, so there each other origin is another site.
    """
    site, origins = _told(inbound)
    if site == [b"cross-site"] or len(site) > 1 or (not site and origins and origins != [origin.encode()]):
        named = origins[0].decode("latin-1") if len(origins) == 1 and len(site) < 2 else ""
        return named if ORIGIN.fullmatch(named) and len(named) <= LONGEST_ORIGIN else ""
    return None


def _told(inbound: Inbound) -> tuple[list[bytes], list[bytes]]:
    """Return each value of `Sec-Fetch-Site`, and each of `Origin`, in the order they came."""
    site: list[bytes] = []
    origins: list[bytes] = []
    for name, value in inbound.headers:
        folded = name.lower()
        if folded == b"sec-fetch-site":
            site.append(value.strip())
        elif folded == b"origin":
            origins.append(value.strip())
    return site, origins
