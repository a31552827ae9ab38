"""The permits that were decided before, with the headers that were made of them.

One cache belongs to a session and is dropped with it; another belongs to each route, for requests without a session.
The pipeline fills both. A permit is used again only by the rule that gave it, between the two moments that it names.

A session outlives many readings of the policies, so a cache knows rules, routes and tables by their tokens alone: a
reference to one of them would keep that whole reading in memory.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gateway.instant import Instant
from gateway.policy.verdict import Permit, RuleId

MOST = 256
"""Entries of each kind that one cache keeps. A cache that is full starts anew."""


class ReadyPermit(msgspec.Struct, frozen=True, gc=False):
    """A permit and its rendered headers, good for one rule of one table from `valid_from` until `valid_until`."""

    rule: object
    """The token of the rule that gave it."""
    route: object
    """The token of the App's route, whose header settings the lines have, and which accepted the session that keeps the
    permit."""
    permit: Permit
    lines: bytes
    valid_from: Instant
    """When it was decided: a clock that ran ahead and was set right must not keep a yes of that time."""
    valid_until: Instant
    name: str
    """The rule's, as the access line says it."""
    settles: bool = False
    """Whether an entry of a limit waits for the application's answer: each request has its own."""


class SignedLine(NamedTuple):
    """A header line with a signed assertion."""

    maker: object
    """The token of the signer that made it. Other keys or settings have another signer."""
    disclosed: tuple[tuple[str, str], ...]
    """The facts that it states."""
    line: bytes
    renew_at: Instant


class PermitCache(msgspec.Struct, eq=False, gc=False):
    """The permits and assertions of one session, or of one route's requests without a session."""

    permits: dict[object, ReadyPermit] = {}
    """By the rule's token, not by its name: a reload may have put another rule under that name."""
    assertions: dict[tuple[str, RuleId], SignedLine] = {}
    """By App and rule. Apps of one origin share a person's session and may share a policy, and an assertion names
    one App as its audience."""
    _table: object = None
    """The token of the table that its permits were made by."""

    def __repr__(self) -> str:
        """Say nothing of the person's facts."""
        return "PermitCache()"

    def keep_permit(self, ready: ReadyPermit, table: object) -> None:
        """Keep a permit for its rule; those of an earlier table go, as no rule will ask for them again."""
        if self._table is not table or len(self.permits) >= MOST:
            self.permits.clear()
            self._table = table
        self.permits[ready.rule] = ready

    def keep_assertion(self, app: str, rule: RuleId, signed: SignedLine) -> None:
        """Keep an assertion for its App and rule."""
        if len(self.assertions) >= MOST:
            self.assertions.clear()
        self.assertions[app, rule] = signed
