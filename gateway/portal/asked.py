"""What signing in for a page would ask, decided anew from the page itself.

A form of ours carries where the person wanted to go, never what is to be asked: whoever forged
it could else have somebody asked for more than any rule needs, or for less than the notice
said. So the policy is asked again, for the target and method that were challenged.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.identity import Identity, Scope
from gateway.instant import Instant
from gateway.listen.inbound import Framing, Inbound
from gateway.listen.target import Target, canonical
from gateway.policy.policy import Challenge, ChallengeReason, Deny, Permit, Reason, ReasonKind, RuleId, Verdict
from gateway.portal.visit import Visit
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, SessionState

ITEMS = (Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE, Scope.GENDER)
"""The 4情報 in the order people know them."""


@dataclass(frozen=True, slots=True)
class Start:
    """A sign-in that a button of ours can begin."""

    route: Route
    """The App the target belongs to."""
    target: str
    """Path and query that were challenged."""
    method: str
    challenge: Challenge

    @property
    def items(self) -> tuple[str, ...]:
        """Which of the 4情報 would be asked."""
        return tuple(scope.value for scope in ITEMS if scope in self.challenge.scopes)


def person_of(session: SessionState, route: Route) -> Identity | None:
    """Return who is signed in here; a session of another client is nobody's."""
    if isinstance(session, Found) and session.session.client_id == route.client_id:
        return session.session.identity
    return None


def judge(
    visit: Visit, target: str, method: str, session: SessionState, now: Instant, table: RouteTable
) -> tuple[Route, Verdict]:
    """Say what the policy makes of `method` and `target` on this visit's host, for whom this browser is signed in as.

    `target` is path and query in ASCII, already known to be on this origin.
    """
    found = canonical(target.encode(), table.paths_of(visit.inbound.host))
    route = table.match(visit.inbound.host, found.path) if isinstance(found, Target) else None
    if route is None or not isinstance(found, Target):
        return visit.route, Deny(None, (Reason(ReasonKind.NO_RULE),))
    wanted = _as_wanted(visit.inbound, found, method)
    rule = route.policy.fitting(wanted, now)
    if rule is None:
        return route, Deny(None, (Reason(ReasonKind.NO_RULE),))
    return route, rule.decide(wanted, person_of(session, route), now).verdict


def sign_in_at_all(route: Route) -> Challenge:
    """Return the challenge for a person who wants to sign in where nobody has to."""
    return Challenge(RuleId(route.policy.name, ""), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))


def start_for(visit: Visit, challenge: Challenge) -> Start:
    """Return the start of a visit that was challenged where it stands."""
    inbound = visit.inbound
    return Start(visit.route, inbound.target.raw.decode("ascii"), inbound.method, challenge)


def next_start(
    visit: Visit, target: str, method: str, session: SessionState, now: Instant, table: RouteTable
) -> Start | Permit | Deny:
    """Return the sign-in that `target` needs, or its permit or refusal where none can help."""
    route, verdict = judge(visit, target, method, session, now, table)
    if isinstance(verdict, Challenge):
        return Start(route, target, method, route.asking(verdict))
    if isinstance(verdict, Permit) and person_of(session, route) is None:
        return Start(route, target, method, sign_in_at_all(route))
    return verdict


def _as_wanted(inbound: Inbound, target: Target, method: str) -> Inbound:
    return msgspec.structs.replace(
        inbound, method=method, target=target, framing=Framing.EMPTY, length=0, websocket=False
    )
