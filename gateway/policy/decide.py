"""What a policy says of one request. Pure: the person, the moment and the surroundings come in."""

from __future__ import annotations

from typing import Protocol

from gateway.identity import Identity
from gateway.instant import Instant
from gateway.listen.inbound import Inbound
from gateway.policy.policy import RuleId, Verdict


class Decision(Protocol):
    """A verdict, and until when the same person, rule and request shape would hear the same."""

    verdict: Verdict
    valid_until: Instant
    """The next moment any condition of the rule can change; `now` where it depends on the request itself."""


class FittingRule(Protocol):
    """The rule, once `match` and `when` have found it."""

    id: RuleId
    needs_session: bool
    """Whether its verdict can differ with who is signed in; False lets a request pass without a look-up."""

    def decide(self, inbound: Inbound, person: Identity | None, now: Instant) -> Decision:
        """Say what becomes of the request of this person; `None` is nobody signed in."""


class CompiledPolicy(Protocol):
    """A policy, ready to be asked. The next commit of this step makes it a class."""

    name: str
    disclosed: tuple[str, ...]
    """Every fact and condition that any of its rules can tell: a forward-auth answer names them all."""

    def fitting(self, inbound: Inbound, now: Instant) -> FittingRule | None:
        """Return *the* rule of this request, or `None`: no rule fits, so nobody may."""
