"""Chooses one of an App's upstreams for a request.

Smooth weighted round-robin, where the weights are the shares of `breaker`; or the one with the
fewest requests for its share. The caller passes only the upstreams that may be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Candidate(Protocol):
    """An upstream, as far as the choice needs to know it."""

    active: int
    """Requests it is serving now."""
    turn: float
    """The weight that it has collected for its turn; only the choice uses it."""


Chosen = TypeVar("Chosen", bound=Candidate)


def round_robin(candidates: Sequence[tuple[Chosen, float]]) -> Chosen:
    """Return the next one; over time each gets its share, and no one twice in a row while others wait."""
    total = 0.0
    best = candidates[0][0]
    for candidate, share in candidates:
        candidate.turn += share
        total += share
        if candidate.turn > best.turn:
            best = candidate
    best.turn -= total
    return best


def least_requests(candidates: Sequence[tuple[Chosen, float]]) -> Chosen:
    """Return the one that is least busy for its share; among equals, the next one."""
    fewest = min((candidate.active + 1) / share for candidate, share in candidates)
    return round_robin([pair for pair in candidates if (pair[0].active + 1) / pair[1] <= fewest])
