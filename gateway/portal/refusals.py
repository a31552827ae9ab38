"""Refusals of the management listener, counted: a flood of them must fill neither the log nor the audit trail.

The first refusal of a kind in a minute is told at once. Those after it are told together when the minute is over, with
their number. So anybody who reaches the port adds two lines a minute and kind at most, and no refusal is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MINUTE = 60.0
"""Seconds between two tellings of the counts."""

MOST_KINDS = 500
"""Kinds, with their operators, that are counted apart; further operators are counted together, without a name."""


class RefusalReason(StrEnum):
    """The reasons why the sessions API or the console refuses a client."""

    NO_KNOWN_TOKEN = "no_known_token"  # noqa: S105 - the name of a reason
    """The token belongs to nobody."""
    TOO_MANY_WRONG_TOKENS = "too_many_wrong_tokens"
    """The token belongs to nobody, and its address sent too many such before."""
    ROLE = "role"
    """The operator lacks the role."""
    CSRF = "csrf"
    """A form came without our token."""
    FOREIGN_PAGE = "foreign_page"
    """A page of another site sent the request."""
    OIDC = "oidc"
    """The office's provider vouches for nobody."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Refusals of one reason; of a client without a known token `operator` is empty."""

    reason: RefusalReason
    operator: str
    count: int


@dataclass(slots=True)
class RefusalCounts:
    """The refusals of the minute that runs."""

    _more: dict[tuple[RefusalReason, str], int] = field(default_factory=dict)

    def is_first(self, reason: RefusalReason, operator: str) -> bool:
        """Say whether this is the first of its kind in the minute; count it if it is not."""
        kind = (reason, operator)
        if kind not in self._more and operator and len(self._more) >= MOST_KINDS:
            kind = (reason, "")
        if kind not in self._more:
            self._more[kind] = 0
            return True
        self._more[kind] += 1
        return False

    def take(self) -> tuple[Refusals, ...]:
        """Return what was counted beyond the first of each kind, and begin another minute."""
        counted = tuple(Refusals(*kind, count) for kind, count in self._more.items() if count)
        self._more.clear()
        return counted
