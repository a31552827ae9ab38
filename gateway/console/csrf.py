"""The token in each form of the console, by which the console knows that one of its own pages made the form.

A token belongs to one sign-in and to one button: a page that leaks the token of one button opens no other.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

KEY_BYTES = 32
"""Random bytes of a sign-in's key."""

FIELD = "csrf"
"""The field of a form."""

_DOMAIN = b"sekisho.console.csrf.v1:"


def token_of(key: bytes, place: str) -> str:
    """Return the token of a button, for the sign-in with this key."""
    return hmac.digest(key, _DOMAIN + place.encode(), sha256).hex()


def is_token(presented: str, key: bytes, place: str) -> bool:
    """Say whether a form brought this button's token. Takes as long for each wrong one."""
    return hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), token_of(key, place).encode())
