"""One reading of upper and lower case: paths and all that is held against a path are folded by the same function."""

from __future__ import annotations


def fold_case(text: str) -> str:
    """Return a path, or a pattern of one, in lower case: both sides of a comparison are folded by this alone.

    Each sign keeps its place, and none becomes one of ASCII: Unicode's own rules map strangers (the Kelvin sign)
    onto ASCII letters, and not every server follows them there.
    """
    if text.isascii():
        return text.lower()
    return "".join(sign if sign in _KEPT or len(sign.lower()) > 1 else sign.lower() for sign in text)


_KEPT = frozenset(sign for sign in map(chr, range(0x80, 0x2200)) if sign.lower().isascii())
"""The signs outside of ASCII whose lower case is in it."""
