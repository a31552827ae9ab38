"""Our own cookies: never shown to an application, never set or cleared by one.

Cutting is as generous as reading is strict. A cookie is ours by its name as careless parsers see it. They ignore case,
and they find a name behind quotes, behind a lost `=`, and behind the comma or space with which a proxy joined several
Cookie fields. Reading our own cookies is `session/ticket.py`'s business, and it never splits at a comma: a script can
put a comma and our name into the value of any cookie.
"""

from __future__ import annotations

import re

_NAME = rb"(?:__(?:host|secure)-)?sekisho(?![a-z0-9])"
"""`sekisho`, `__Host-sekisho`, `sekisho-login` …; `sekisho2009` is another program's."""

_OURS = re.compile(rb"[\s\"'=,]*" + _NAME, re.IGNORECASE)
_WITH_VALUE = _NAME + rb"[a-z0-9_-]{0,64}\s*="
"""After a comma or a space the name alone is a word in another cookie's value: only the name with a value is a cookie.

The rest of the name is bounded, since a client may write our name a thousand times.
"""
_JOINED = re.compile(rb"[\s\"'=]*" + _WITH_VALUE, re.IGNORECASE)
_INSIDE = re.compile(rb"(?<![a-z0-9!#$%&*+.^_`|~-])" + _WITH_VALUE + rb".*", re.IGNORECASE | re.DOTALL)


def is_ours(cookie: bytes) -> bool:
    """Say whether a `name=value` pair, of a Cookie or a Set-Cookie field, may be taken for a cookie of ours."""
    return _OURS.match(cookie) is not None


def without_ours(cookies: bytes) -> bytes:
    """Return a Cookie field's value with our cookies cut out and every other byte kept; empty if no pair is left."""
    if b"sekisho" not in cookies.lower():
        return cookies
    left: list[bytes] = []
    for pair in cookies.split(b";"):
        if b"sekisho" not in pair.lower():
            left.append(pair)
        elif b"," in pair or _OURS.match(pair) is None:
            kept = _cut(pair)
            if kept is not None:
                left.append(kept)
    return b";".join(left).lstrip(b" \t")


def _cut(pair: bytes) -> bytes | None:
    """Return the rest of a text between two semicolons in which our name occurs, or `None` if nothing is left."""
    first, *joined = pair.split(b",")
    kept = [] if is_ours(first) else [_INSIDE.sub(b"", first)]
    kept += [_INSIDE.sub(b"", part) for part in joined if _JOINED.match(part) is None]
    left = b",".join(kept)
    return None if not left or is_ours(left) else left
