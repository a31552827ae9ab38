"""Finds the owner of a token, so seldom that nobody can guess one.

A token is 256 random bits. The limit on wrong ones keeps a script that guesses from filling the log and the processor,
and keeps a token safe that somebody chose by hand against all advice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.instant import Instant
from gateway.portal.operators import Operator, Operators
from gateway.request.rates import Rate

WRONG_PER_ADDRESS = 20
"""Wrong tokens in a minute from one address; after that, none from there is looked at."""

WRONG_TOKENS = 200
"""Wrong tokens in a minute from all addresses."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many wrong tokens came: this one was not looked at."""

    seconds: int


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """The one place that says whose token it is, for the sessions API and for the console."""

    operators: Callable[[], Operators]
    """Returns who may come now; read anew after a reload."""
    clock: Callable[[], Instant]
    wrong: Rate = field(default_factory=lambda: Rate(WRONG_PER_ADDRESS, WRONG_TOKENS))

    def who(self, token: str, address: str) -> Operator | Wait | None:
        """Return the owner of a token that came from this address, `None` if there is none, or how long to wait."""
        now = self.clock()
        seconds = self.wrong.wait(address, now)
        if seconds is not None:
            return Wait(seconds)
        operator = self.operators().who(token)
        if operator is None:
            self.wrong.take(address, now)
        return operator
