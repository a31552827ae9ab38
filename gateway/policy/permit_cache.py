"""The permits that were decided before, with the headers that were made of them.

One cache belongs to a session and is dropped with it; another belongs to each route, for requests without a session.
The pipeline fills both. A permit is used again only by the rule that gave it, between the two moments that it names.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gateway.instant import Instant
from gateway.policy.decide import FittingRule
from gateway.policy.verdict import Permit, RuleId

MOST = 256
"""Entries of each kind that one cache keeps. A cache that is full starts anew: rules of an earlier reading of the
policies stay in it otherwise, as long as a person's session."""


class ReadyPermit(msgspec.Struct, frozen=True):
    """A permit and its rendered headers, good for one rule of one table from `valid_from` until `valid_until`."""

    rule: FittingRule
    route: object
    """The App's, whose header settings the lines have, and which accepted the session that keeps the permit."""
    permit: Permit
    lines: bytes
    valid_from: Instant
    """When it was decided: a clock that ran ahead and was set right must not keep a yes of that time."""
    valid_until: Instant
    name: str
    """The rule's, as the access line says it."""


class SignedLine(NamedTuple):
    """A header line with a signed assertion."""

    maker: object
    """The signer that made it. Other keys or settings have another signer."""
    disclosed: tuple[tuple[str, str], ...]
    """The facts that it states."""
    line: bytes
    renew_at: Instant


class PermitCache:
    """The permits and assertions of one session, or of one route's requests without a session."""

    __slots__ = ("assertions", "permits")

    def __init__(self) -> None:
        self.permits: dict[FittingRule, ReadyPermit] = {}
        """By the rule itself, not by its name: a reload may have put another rule under that name."""
        self.assertions: dict[tuple[str, RuleId], SignedLine] = {}
        """By App and rule. Apps of one origin share a person's session and may share a policy, and an assertion names
        one App as its audience."""

    def keep_permit(self, ready: ReadyPermit) -> None:
        """Keep a permit for its rule."""
        if len(self.permits) >= MOST:
            self.permits.clear()
        self.permits[ready.rule] = ready

    def keep_assertion(self, app: str, rule: RuleId, signed: SignedLine) -> None:
        """Keep an assertion for its App and rule."""
        if len(self.assertions) >= MOST:
            self.assertions.clear()
        self.assertions[app, rule] = signed
