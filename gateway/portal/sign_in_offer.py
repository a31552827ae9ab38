"""The facts that a sign-in for a page would ask for, decided anew from the page itself.

A form of ours carries the person's target, never the facts to ask for. A forger of the form could otherwise have her
asked for more than any rule needs, or for less than the notice said. So the policy is asked again, for the target and
method that were challenged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

import msgspec

from gateway.identity import Identity, Scope
from gateway.instant import Instant
from gateway.pipeline.visit import Visit
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Permit, Reason, ReasonKind, RuleId, Verdict
from gateway.request.inbound import Framing, Inbound
from gateway.request.target import Target, canonical
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, SessionState

ITEMS = (Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE, Scope.GENDER)
"""The 4情報 in the order people know them."""
_NAMES = tuple((scope, scope.value) for scope in ITEMS)


@dataclass(frozen=True, slots=True)
class SignInOffer:
    """A sign-in that a button of ours can begin."""

    route: Route
    """The App the target belongs to."""
    target: str
    """Path and query that were challenged."""
    method: str
    challenge: Challenge
    back: str = ""
    """The page to go to afterwards, if it is not the target: that of a form that waits."""

    @property
    def items(self) -> tuple[str, ...]:
        """Which of the 4情報 would be asked."""
        scopes = self.challenge.scopes
        return tuple([name for scope, name in _NAMES if scope in scopes])


@dataclass(frozen=True, slots=True)
class NothingToAsk:
    """This browser is signed in, and the rule needs no more: it may go to its target."""


def person_of(session: SessionState, route: Route) -> Identity | None:
    """Return the session of the signed-in person; one of another client, or issued at another host, does not count."""
    if isinstance(session, Found) and route.accepts(session.session):
        return session.session.identity
    return None


def redecide(
    visit: Visit, target: str, method: str, session: SessionState, now: Instant, table: RouteTable
) -> tuple[Route, Verdict | None]:
    """Return the policy's outcome for `method` and `target` on this visit's host, for the person signed in.

    `target` is path and query in ASCII, already known to be on this origin. `None` where no policy is asked: the
    door refuses such a target by its spelling, and says so itself when the browser comes to it.
    """
    # No server hears of a fragment, and no rule is about one.
    found = canonical(target.partition("#")[0].encode(), table.paths_of(visit.inbound.host))
    if not isinstance(found, Target):
        return visit.route, None
    route = None if table.is_portal(found.path) else table.match(visit.inbound.host, found.path)
    if route is None:
        return visit.route, None
    wanted = _as_wanted(visit.inbound, found, method)
    rule = route.policy.fitting(wanted, now)
    if rule is None:
        return route, Deny(None, (Reason(ReasonKind.NO_RULE),))
    verdict = rule.decide(wanted, person_of(session, route), now).verdict
    return route, route.asking(verdict) if isinstance(verdict, Challenge) else verdict


def sign_in_at_all(route: Route) -> Challenge:
    """Return the challenge for a person who wants to sign in although no rule requires it."""
    return route.asking(Challenge(RuleId(route.policy.name, ""), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID})))


def offer_for(visit: Visit, challenge: Challenge) -> SignInOffer:
    """Return the start of a visit that was challenged where it stands; the step has said all that is asked."""
    inbound = visit.inbound
    return SignInOffer(visit.route, inbound.target.raw.decode("ascii"), inbound.method, challenge)


def next_offer(
    visit: Visit, target: str, method: str, session: SessionState, now: Instant, table: RouteTable
) -> SignInOffer | NothingToAsk | Deny:
    """Return the sign-in that `target` needs, or the other outcome if it needs none."""
    route, verdict = redecide(visit, target, method, session, now, table)
    match verdict:
        case Challenge():
            return SignInOffer(route, target, method, verdict)
        case Deny():
            return verdict
        case Permit() | None:
            if person_of(session, route) is None:
                asked = _for_its_forms(visit, target, session, now, table) or sign_in_at_all(route)
                return SignInOffer(route, target, method, asked)
            return NothingToAsk()
        case _:
            assert_never(verdict)


def _for_its_forms(
    visit: Visit, target: str, session: SessionState, now: Instant, table: RouteTable
) -> Challenge | None:
    """Return what a form of a page needs that everybody may read, or `None` where its forms need no sign-in.

    A person who signs in there wants to do something there. Were less asked for, the form would meet a second notice
    when it is sent, and the card would be read twice.
    """
    _, verdict = redecide(visit, target, "POST", session, now, table)
    if not isinstance(verdict, Challenge):
        return None
    # No form has been sent yet, and it will be judged when it comes.
    return replace(verdict, fresh_within=None, keep_form=False, returns_from=())


def _as_wanted(inbound: Inbound, target: Target, method: str) -> Inbound:
    return msgspec.structs.replace(
        inbound, method=method, target=target, framing=Framing.EMPTY, length=0, websocket=False
    )
