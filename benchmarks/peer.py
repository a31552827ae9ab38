"""A peer: a server that is measured, in one shape for all of them.

Each lives in a file of `benchmarks/peers/`, and `PEERS` there names it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from benchmarks.programs import Program
from benchmarks.surroundings import Surroundings


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """A peer that is up, and how to reach the upstream through it."""

    program: Program
    port: int
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Fields that a request must carry: the host, and the cookie if the peer wants a session."""


class Peer(Protocol):
    """How to run one server in front of the upstream, on the measured core."""

    name: str
    """Its key in the JSON and its row in the table."""
    what: str
    """Its work on each request, for the table."""

    def run(self, around: Surroundings) -> AbstractContextManager[Running]:
        """Run it for the length of a block."""
