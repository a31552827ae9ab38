"""Our own cookies: never shown to an application, never set or cleared by one.

Whether a cookie is ours is asked of its name as careless parsers see it: without regard to
case, behind quotes or a lost `=`. Reading our own cookies is `session/ticket.py`'s business
and as strict as this is generous.
"""

from __future__ import annotations

import re

_OURS = re.compile(rb"[\s\"'=,]*(?:__(?:host|secure)-)?sekisho(?![a-z0-9])", re.IGNORECASE)
"""`sekisho`, `__Host-sekisho`, `sekisho-login` …; `sekisho2009` is somebody else's."""


def is_ours(cookie: bytes) -> bool:
    """Say whether a `name=value` pair, of a Cookie or a Set-Cookie field, may be taken for a cookie of ours."""
    return _OURS.match(cookie) is not None


def without_ours(cookies: bytes) -> bytes:
    """Return a Cookie field's value with our cookies cut out and every other byte kept; empty where none is left."""
    if b"sekisho" not in cookies.lower():
        return cookies
    return b";".join(pair for pair in cookies.split(b";") if not is_ours(pair)).lstrip(b" \t")
