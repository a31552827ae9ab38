"""The ticket: the random secret in the cookie. The store knows only its hash.

Holding a ticket is holding a session, so a ticket is made of 256 random bits that the
caller brings, changes at every sign-in, and is never logged, stored or forwarded.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256

Ticket = str
"""43 characters of base64url: 32 random bytes."""

TICKET_BYTES = 32
_SHAPE = re.compile(rb"[A-Za-z0-9_-]{43}")

_NAME_DOMAIN = b"sekisho.session.name.v1:"
"""Keeps a ticket's name apart from every other hash of it that may be made."""


def new_ticket(random: bytes) -> Ticket:
    """Return a ticket made of 32 random bytes."""
    if len(random) != TICKET_BYTES:
        raise ValueError(f"a ticket is made of {TICKET_BYTES} bytes, not {len(random)}")
    return urlsafe_b64encode(random).rstrip(b"=").decode()


def ticket_name(ticket: Ticket) -> str:
    """Return the name a session is stored under: the ticket's hash, which opens nothing."""
    return sha256(_NAME_DOMAIN + ticket.encode()).hexdigest()


def find_cookie(cookies: bytes, name: bytes) -> bytes | None:
    """Return the value of the one cookie with this exact name (RFC 6265bis section 5.8.3), or `None`.

    Two cookies of that name are nobody's word: with the `__Host-` prefix no browser has two.
    """
    found: bytes | None = None
    if name not in cookies:
        return None
    for pair in cookies.split(b";"):
        key, equals, value = pair.strip(b" \t").partition(b"=")
        if equals and key == name:
            if found is not None and found != value:
                return None
            found = value
    return found


def find_ticket(cookies: bytes, name: bytes) -> Ticket | None:
    """Return the ticket in the named cookie, or `None` where there is none of a ticket's shape."""
    value = find_cookie(cookies, name)
    if value is None or _SHAPE.fullmatch(value) is None:
        return None
    return value.decode()
