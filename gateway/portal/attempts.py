"""Finds the owner of a token, and counts the wrong ones.

A token is 256 random bits, so nobody guesses one, however many she sends. The limit on wrong tokens spares the log and
the trail. It never stands in the way of a right token: behind a proxy all operators have one address, and a stranger
who guesses there must not close the listener to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.instant import Instant
from gateway.portal.operators import Operator, Operators, is_token
from gateway.request.rates import Rate

WRONG_PER_ADDRESS = 20
"""Wrong tokens in a minute from one address; after that, a wrong one is answered 429."""

WRONG_TOKENS = 200
"""Wrong tokens in a minute from all addresses."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The token is wrong, and so were too many before it."""

    seconds: int


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """The one place that says whose token it is, for the sessions API and for the console."""

    operators: Callable[[], Operators]
    """Returns who may come now; read anew after a reload."""
    clock: Callable[[], Instant]
    wrong: Rate = field(default_factory=lambda: Rate(WRONG_PER_ADDRESS, WRONG_TOKENS))

    def who(self, token: str, address: str) -> Operator | Wait | None:
        """Return the owner of a token, `None` if there is none, or how long its sender should wait.

        A text without the form of a token is nobody's. So a token that somebody chose by hand, and that could be
        guessed, opens nothing, even where its hash stands in the file.
        """
        operator = self.operators().who(token) if is_token(token) else None
        if operator is not None:
            return operator
        seconds = self.wrong.take(address, self.clock())
        return None if seconds is None else Wait(seconds)
