"""Passwords that the gateway makes for an account, so that nobody keeps or knows a person's own."""

from __future__ import annotations

from collections.abc import Callable

SHORTEST = 12
"""Signs: a form that takes fewer gets no password of ours."""

_CLASSES = (str.isupper, str.islower, str.isdigit, lambda sign: not sign.isalnum())
"""The classes of signs that applications ask for."""


def make_password(alphabet: str, length: int, random: Callable[[int], bytes]) -> str:
    """Return a password of the alphabet with a sign of each class that the alphabet has; `random` returns bytes."""
    signs = "".join(dict.fromkeys(alphabet))
    # A byte above the greatest multiple would make the first signs more likely.
    fair = 256 - 256 % len(signs)
    asked = [each for each in _CLASSES if any(each(sign) for sign in signs)]
    while True:
        made = ""
        while len(made) < length:
            made += "".join(signs[byte % len(signs)] for byte in random(length) if byte < fair)
        made = made[:length]
        if all(any(each(sign) for sign in made) for each in asked):
            return made
