"""A visit waits here between the byte path, which knows of it, and the portal, which answers it.

A token is worth one visit, once. It travels inside the process, in a header that is stripped from every client; it is
random as a second defence: a client's header that slipped through would match no visit. `pipeline/visit` defines a
`Visit`.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.pipeline.visit import Visit

TOKEN_BYTES = 16
"""Bytes of randomness in a token."""

CAPACITY = 65_536
"""Visits kept at most: above the most client connections a worker takes, so that a live one is never dropped."""


class VisitTable:
    """Visits by one-time token, of one worker."""

    __slots__ = ("_capacity", "_random", "_visits")

    def __init__(self, random: Callable[[int], bytes], capacity: int = CAPACITY) -> None:
        """Take `random`, which returns that many random bytes, and how many visits may wait."""
        self._random = random
        self._capacity = capacity
        self._visits: dict[str, Visit] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def issue(self, visit: Visit) -> str:
        """Keep a visit and return its token. The oldest one waiting makes room where there is none."""
        while len(self._visits) >= self._capacity:
            # The portal never collected it: its connection died between the byte path and the portal.
            del self._visits[next(iter(self._visits))]
        token = self._random(TOKEN_BYTES).hex()
        self._visits[token] = visit
        return token

    def take(self, token: str) -> Visit | None:
        """Return the visit and forget it; `None` where the token is unknown or was used."""
        return self._visits.pop(token, None)
