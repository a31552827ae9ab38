"""The origins by which an application calls itself in an answer: `http://inner:8080/x`, or `//inner:8080/x`.

A browser does not reach an inner address, so `Location`, `Content-Location` and `Refresh` get the public one. The path
behind it is the business of `upstream/prefix`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_AUTHORITY = re.compile(rb"(?:(https?):)?//([^/?#\\]*)", re.IGNORECASE)
_PORT = re.compile(rb":[0-9]+\Z")
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}

_REFRESH = re.compile(rb"""[ \t]*[0-9.]+(?:[ \t]*[;,][ \t]*|[ \t]+)(?:url[ \t]*=[ \t]*)?(["']?)""", re.IGNORECASE)


class InnerOrigins:
    """Some origins, found at the beginning of a URL however they are spelled."""

    __slots__ = ("_authorities", "_origins", "hosts")

    def __init__(self, origins: Iterable[str]) -> None:
        """Take `http` and `https` URLs; anything behind the origin is passed over, and so is another scheme."""
        self._origins: set[tuple[bytes, bytes]] = set()
        self._authorities: set[bytes] = set()
        for url in origins:
            found = _AUTHORITY.match(url.encode())
            if found is None or found[1] is None:
                continue
            scheme, authority = found[1].lower(), _plain(found[1].lower(), found[2].lower())
            self._origins.add((scheme, authority))
            # A URL without a scheme has that of the page it is on, and the port that is written.
            self._authorities |= {authority, found[2].lower()}
        self.hosts: frozenset[bytes] = frozenset(_PORT.sub(b"", authority) for _, authority in self._origins)
        """Their hosts, without ports."""

    def end(self, url: bytes) -> int:
        """Return the end of the one of these origins with which a URL begins; 0 if it begins with none."""
        found = _AUTHORITY.match(url)
        if found is None:
            return 0
        authority = found[2].lower()
        if found[1] is None:
            own = authority in self._authorities
        else:
            scheme = found[1].lower()
            own = (scheme, _plain(scheme, authority)) in self._origins
        return found.end() if own else 0


def _plain(scheme: bytes, authority: bytes) -> bytes:
    """Return an authority without its scheme's default port (RFC 9110 section 4.2.3)."""
    return authority.removesuffix(_DEFAULT_PORTS[scheme])


def parts_of_refresh(value: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the URL in a `Refresh` field with what stands before it and behind it; an empty one where there is none.

    Browsers take a comma, a blank and quotes as well as the usual `5; url=…` (HTML, "shared declarative refresh
    steps").
    """
    found = _REFRESH.match(value)
    if found is None:
        return value, b"", b""
    url = value[found.end() :]
    if found[1]:
        url = url.partition(found[1])[0]
    return value[: found.end()], url, value[found.end() + len(url) :]
