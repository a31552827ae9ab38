"""The requests that the console answers at all: by its own address, over a protected way, and from its own pages.

Being on loopback protects nothing by itself. A page of any site can send a browser there, and can point a name of its
own at it. `portal.hosts` refuses foreign names. This module refuses plain HTTP from other machines, frames, and
requests that another page has made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.portal.hosts import told_host
from gateway.settings.origin import authority_of, is_loopback, origin_of

_FRAMES = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
"""Values of `Sec-Fetch-Dest` that stand for a place inside another page."""


@dataclass(frozen=True, slots=True)
class Way:
    """The origin by which a browser reaches the console."""

    origin: str
    secure: bool
    """Whether the browser speaks TLS, so that cookies can be `Secure` and `__Host-`."""


def way_of(fields: Sequence[str], url: str) -> Way | None:
    """Return the way of a request with these `Host` fields; `None` where it is no protected one.

    `url` is the public URL that the settings give, behind a proxy with TLS; empty if there is none. Without it the
    console is for a browser on this machine, or at the end of a tunnel to it.
    """
    host = told_host(fields)
    if host is None:
        return None
    secure = url.startswith("https://")
    if url and host.authority("https" if secure else "http") == authority_of(url):
        return Way(origin_of(url), secure=secure)
    return Way(f"http://{host.authority('http')}", secure=False) if is_loopback(host.name) else None


@dataclass(frozen=True, slots=True)
class Sender:
    """The fields in which a browser says which page has made a request (W3C Fetch Metadata, RFC 6454)."""

    site: str | None
    """`Sec-Fetch-Site`."""
    mode: str | None
    """`Sec-Fetch-Mode`."""
    destination: str | None
    """`Sec-Fetch-Dest`."""
    origin: str | None
    """`Origin`."""


def is_own_form(sender: Sender, way: Way) -> bool:
    """Say whether a POST comes from a page of the console. A browser that says nothing at all is refused."""
    if sender.site is None and sender.origin is None:
        return False
    return sender.site in {None, "same-origin"} and sender.origin in {None, way.origin}


def may_see(sender: Sender, *, asset: bool = False) -> bool:
    """Say whether a GET may be answered: a person opens pages, and pages of the console alone load its assets."""
    if sender.destination in _FRAMES:
        return False
    # `none` is the address bar or a bookmark. A program that is no browser sends no such field, and no cookie either.
    if sender.site in {None, "none", "same-origin"}:
        return True
    return not asset and sender.mode == "navigate" and sender.destination == "document"
