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
class SignIn:
    """How a browser without cookies signs in: the page it asks for, and the answers to the forms on its way."""

    url: str
    answers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """A peer that is up, and how to reach the upstream through it."""

    program: Program
    port: int
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Fields that a request must carry: the host, and the cookie if the peer wants a session."""
    sign_in: SignIn | None = None
    """How a new person signs in; `None` if the peer has no login."""
    path: str = "/"
    """The path that the small request has here, which for a server that is asked by another one is the question's."""
    front: Running | None = None
    """The proxy that asks this one about each request, if one does."""


class Peer(Protocol):
    """How to run one server in front of the upstream, on the measured core."""

    name: str
    """Its key in the JSON and its row in the table."""
    what: str
    """Its work on each request, for the table."""

    def run(self, around: Surroundings) -> AbstractContextManager[Running]:
        """Run it for the length of a block."""
