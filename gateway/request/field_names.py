"""How servers fold field names, and which names replace a request's method.

CGI, WSGI, Rack and PHP turn `X-Verified-Subject`, `x_verified_subject` and `X.Verified.Subject`
into the same variable, so a name is judged by what it folds onto, never by how it is spelled.
"""

from __future__ import annotations

import re

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
