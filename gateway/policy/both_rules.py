"""Two rules that must both permit one request: that of its method, and that of the method it asks to be taken for.

A further resource that the request names has a rule of its own, which must permit it as well (`request/references`).

The stricter verdict holds, both limits count, and only facts that both disclose are told.
"""

from __future__ import annotations

from gateway.identity import Identity
from gateway.instant import Instant
from gateway.policy.decide import Decision, FittingRule
from gateway.policy.policy import Accounts
from gateway.policy.verdict import Challenge, Deny, Limit, Permit, Verdict
from gateway.request.inbound import Inbound


class BothRules(FittingRule):
    """The stand-in for the rule. Its decisions are each request's own, so none is kept."""

    __slots__ = ("_first", "_other")

    def __init__(self, first: FittingRule, other: FittingRule) -> None:
        """Take the rule of the method as received, and that of the other."""
        self._first = first
        self._other = other
        self._rule = first.rule
        self._twin = None
        self.token = object()
        self.id = first.id
        self.scopes = first.scopes | other.scopes
        self.public = first.public and other.public
        self.needs_session = first.needs_session or other.needs_session
        self.returns_from = tuple(site for site in first.returns_from if site in other.returns_from)
        self.sign = first.sign or other.sign
        self.needs_account = first.needs_account or other.needs_account
        self.account_conditions = first.account_conditions | other.account_conditions
        wanted = (first.accounts, other.accounts)
        strictest = (each for each in (Accounts.REQUIRED, Accounts.OFFERED) if each in wanted)
        self.accounts = next(strictest, None)

    def decide(self, inbound: Inbound, person: Identity | None, now: Instant) -> Decision:
        """Ask both, and return the stricter verdict."""
        first = self._first.decide(inbound, person, now).verdict
        return Decision(stricter(first, self._other.decide(inbound, person, now).verdict), now)


def stricter(first: Verdict, other: Verdict) -> Verdict:
    """Return the stricter of both verdicts: a no counts before a sign-in, a sign-in before a yes."""
    if isinstance(first, Deny):
        return first
    if isinstance(other, Deny):
        return other
    if isinstance(first, Challenge):
        return _one_challenge(first, other) if isinstance(other, Challenge) else first
    if isinstance(other, Challenge):
        return other
    return _one_permit(first, other)


def _one_challenge(first: Challenge, other: Challenge) -> Challenge:
    """Ask once for all that both need."""
    times = [each for each in (first.fresh_within, other.fresh_within) if each is not None]
    return Challenge(
        first.rule,
        first.reason,
        first.scopes | other.scopes,
        purpose=first.purpose or other.purpose,
        fresh_within=min(times, default=None),
        keep_form=first.keep_form and other.keep_form,
        returns_from=tuple(site for site in first.returns_from if site in other.returns_from),
        signs=first.signs or other.signs,
    )


def _one_permit(first: Permit, other: Permit) -> Permit:
    limits: list[Limit] = []
    for limit in (first.limit, *first.also, other.limit, *other.also):
        if limit is not None and limit not in limits:
            limits.append(limit)
    return Permit(
        # The audit knows rules by name: the one whose permits are recorded is the one that is named.
        other.rule if other.audit and not first.audit else first.rule,
        first.identity or other.identity,
        tuple(pair for pair in first.disclosed if pair in other.disclosed),
        limits[0] if limits else None,
        first.audit or other.audit,
        acting=first.acting if first.acting == other.acting else None,
        also=tuple(limits[1:]),
        gives_back=first.gives_back if first.gives_back == other.gives_back else None,
    )
