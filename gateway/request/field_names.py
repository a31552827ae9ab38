"""Field names: the folding of servers, the names that replace a request's method, the reasons for not passing one on.

CGI, WSGI, Rack and PHP turn `X-Verified-Subject`, `x_verified_subject` and `X.Verified.Subject`
into the same variable, so a name is judged by what it folds onto, never by how it is spelled.
"""

from __future__ import annotations

import re
from enum import StrEnum

_FOLD = bytes.maketrans(
    bytes(range(256)),
    bytes(byte if chr(byte) in "0123456789abcdefghijklmnopqrstuvwxyz" else 0x2D for byte in bytes(range(256)).lower()),
)


def fold(name: bytes) -> bytes:
    """Return a name as the least careful server sees it: lower-case, everything but letters and digits a `-`."""
    return name.translate(_FOLD)


_METHOD_OVERRIDE = re.compile(
    rb"(?=.*(?:method|verb))(?:x|http|method|verb|overrid(?:e|es|den|ing)|overwrite|request|tunnel(?:ed|led)?|actual"
    rb"|effective|real|requested|rest|restli|overide|overidden|-)+",
)
"""`X-HTTP-Method-Override`, `X-HTTP-Method`, `X-Request-Method`, `X-RestLi-Method` and their kin, folded."""

_LONGEST_OVERRIDE = 64


def overrides_method(name: bytes) -> bool:
    """Whether frameworks may take the value of a field of this name for the request's method."""
    folded = fold(name)
    return len(folded) <= _LONGEST_OVERRIDE and _METHOD_OVERRIDE.fullmatch(folded) is not None


class Family(StrEnum):
    """Why a name is not passed on. Label of a metric."""

    OURS = "ours"
    """Ours to write: `X-Verified-…`, `Sekisho-…`, names of `headers.names` and `headers.strip`."""
    METHOD = "method"
    """Replaces the method: `X-HTTP-Method-Override`. Such a request is refused, unless its App judges both methods."""
    FORWARDING = "forwarding"
    """Says what a proxy in front has seen: `X-Forwarded-…`, `Forwarded`, `X-Real-IP`. We write our own."""
    REWRITING = "rewriting"
    """Replaces path, host or scheme: `X-Script-Name`, `X-Original-URL`."""
    IDENTITY = "identity"
    """Says who it is: `Remote-User`, `X-User-Id`, `iv-groups`."""
    CERTIFICATE = "certificate"
    """Says which certificate the client has: `Client-Cert`, `X-SSL-Client-DN`."""
    ADDRESS = "address"
    """Says from which address the client comes: `X-Custom-IP-Authorization`, `X-Geo-Country`."""
    PLATFORM = "platform"
    """Written by a cloud platform or content network in front: `CF-IPCountry`, `X-Appengine-Cron`."""
    UNLISTED = "unlisted"
    """The name is neither a browser's own nor in the App's `headers.pass`."""
