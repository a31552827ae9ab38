"""Judges a request as the whole gateway would, from its request line to the verdict, for the tools of authors.

The policy sees a request only after the listener has read it and the table has found its App. Some requests are refused
before that, and some are another App's. The very objects of the gateway decide here too: `HeadReader`, `RouteTable`
and `step`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from math import inf
from typing import assert_never

import msgspec

from gateway.identity import Identity
from gateway.pipeline.outcome import (
    Answer,
    AskPortal,
    Forward,
    MayGiveBack,
    NeedAccount,
    NeedPress,
    NeedReservation,
    NeedSession,
    Step,
)
from gateway.pipeline.step import step
from gateway.pipeline.visit import (
    ForeignFormPage,
    FormNotSentPage,
    NotSignablePage,
    OwnPage,
    RefusalPage,
    ReturnedFormPage,
    SignInPage,
    TroublePage,
    Visit,
    WorkerPage,
)
from gateway.policy.authoring.examples import Outcome, compare_outcome, counted, surroundings_of
from gateway.policy.decide import CompiledPolicy, no_rule_fits
from gateway.policy.example import EXAMPLE_CLIENT_ID, Example, Expect
from gateway.policy.permit_cache import PermitCache
from gateway.policy.verdict import Challenge, Deny, Permit, ReasonKind, Verdict
from gateway.request.head_reader import Arrival, HeadReader, Refused
from gateway.request.inbound import Inbound
from gateway.request.target import TargetFault, escaped
from gateway.request.trust import Trust
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, KnownAccount, NoTicket, Session, SessionState
from gateway.settings.settings import Mode, TrafficSettings
from gateway.upstream.prefix import rewrite_of
from gateway.wire.methods import REGISTERED

_BEFORE_THE_RULES = frozenset({ReasonKind.METHOD_OVERRIDE, ReasonKind.REFERENCE})
"""Reasons that no rule of a policy gives."""

_ONE_HOUR = 3_600.0

OWN_PAGE = "own_page"
ANOTHER_APP = "another_app"
NOT_SIGNABLE = "not_signable"
ACCOUNT_REQUIRED = "account_required"


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The gateway answers by itself, before it looks at a rule of the policy."""

    status: int
    code: str
    """The word by which the access log names the reason."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The App's policy decides on the request."""

    inbound: Inbound
    policy: CompiledPolicy
    """The App's policy within the surroundings of the example."""
    person: Identity | None
    verdict: Verdict
    inner: str = ""
    """The request as the application gets it, if another path than the public one; empty if it gets none."""


class Door:
    """One App of the gateway, and the others of its host, under a policy that is being written."""

    def __init__(
        self,
        routes: Iterable[Route],
        name: str,
        limits: TrafficSettings,
        portal_prefix: str,
        methods: Iterable[str] = (),
    ) -> None:
        """Take the routes of a host, the name of the App, the limits of requests, and the prefix of our own pages.

        `methods`: those that Apps of other hosts get, which the listener knows as well.
        """
        self._routes = tuple(routes)
        self._name = name
        self._limits = limits
        self._prefix = portal_prefix
        self._table = RouteTable(self._routes, portal_prefix, longest_line=limits.request_line)
        asked = set(methods)
        known = {**self._table.methods, **{word: each for word, each in REGISTERED.items() if each in asked}}
        self._reader = HeadReader(self._table.at_the_door(limits), Trust(()), known)

    @property
    def route(self) -> Route:
        """The App's route."""
        return self._table.named[self._name]

    def takes(self, method: str, path: str) -> bool:
        """Whether a request of this method and canonical path can be one that the App's policy decides on."""
        route = self._table.match(self.route.host, path)
        return route is self.route and method.encode() in route.methods and not self._table.is_portal(path)

    def ask(self, example: Example, host: str = "") -> TurnedAway | Admitted:
        """Judge an example's request as the gateway would; `host`: another one than the App's."""
        route = self._with(example)
        table = RouteTable(
            (route, *(other for other in self._routes if other.name != self._name)),
            self._prefix,
            longest_line=self._limits.request_line,
        )
        inbound = self._read(example, host or route.host, table)
        if isinstance(inbound, TurnedAway):
            return inbound
        path = inbound.target.path
        owner = table.match(inbound.host, path)
        if owner not in (None, route) and not table.is_portal(path):
            return TurnedAway(HTTPStatus.OK, ANOTHER_APP)
        person = example.person
        found = step(inbound, _known(person, route), example.at, table)
        verdict = _verdict(found, route, inbound, person, example)
        if isinstance(verdict, TurnedAway):
            return verdict
        return Admitted(inbound, route.policy, person, verdict, _inner(inbound, route, verdict))

    def run(self, example: Example) -> Outcome:
        """Judge one example and compare. A request that is turned away is expected by `deny` without a name."""
        asked = self.ask(example)
        if isinstance(asked, Admitted):
            rule = None if asked.verdict.rule is None else asked.verdict.rule.rule
            return compare_outcome(example, asked.verdict, rule)
        found = f"{int(asked.status)} {asked.code}"
        expected = f"{example.expect} {example.name}".strip()
        fits = example.expect is Expect.DENY and not example.name
        return Outcome(example, no_rule_fits(), None, () if fits else (("verdict", expected, found),))

    def _with(self, example: Example) -> Route:
        """Return the App's route in the world of an example."""
        route = self.route
        policy = route.policy.within(surroundings_of(route.policy.policy, example))
        closed = example.at + _ONE_HOUR if route.app.closing_switch in example.switches else 0.0
        return replace(
            route,
            policy=policy,
            candidate=None,
            client_id=EXAMPLE_CLIENT_ID,
            closed_until=closed,
            permit_cache=PermitCache(),
        )

    def _read(self, example: Example, host: str, table: RouteTable) -> Inbound | TurnedAway:
        """Read the request line as the listener would, with the fields of a browser that navigates."""
        route = self.route
        try:
            target = escaped(example.written or _written(example), route.app.paths.charset)
        except UnicodeEncodeError:
            return TurnedAway(HTTPStatus.BAD_REQUEST, TargetFault.ENCODING.value)
        if not target.startswith(b"/"):
            # The parser of heads refuses it before anybody reads it.
            return TurnedAway(HTTPStatus.BAD_REQUEST, "syntax")
        line = b"%b %b HTTP/1.1" % (example.method.encode(), target)
        if len(line) > self._limits.request_line:
            return TurnedAway(HTTPStatus.REQUEST_URI_TOO_LONG, "request_line")
        fields = [
            (b"Host", host.encode()),
            (b"Accept", b"text/html"),
            (b"Sec-Fetch-Mode", b"navigate"),
            (b"Sec-Fetch-Dest", b"document"),
            (b"Sec-Fetch-Site", b"same-origin"),
        ]
        if example.method == "POST":
            fields += [(b"Content-Type", b"application/x-www-form-urlencoded"), (b"Content-Length", b"1")]
        scheme = "https" if route.app.secure else "http"
        arrival = self._reader.read(line, tuple(fields), example.client, scheme, "", table.paths_of)
        match arrival:
            case Refused(status=status, code=code):
                return TurnedAway(status, code)
            case Arrival(inbound=inbound):
                # Another proxy asks about the requests of such an App, and forwards them itself.
                asked = "nginx" if route.app.mode is Mode.FORWARD_AUTH else ""
                return msgspec.structs.replace(inbound, forwarded=asked)
            case _:
                return TurnedAway(HTTPStatus.NO_CONTENT, "server_wide")


def _written(example: Example) -> str:
    return example.path + ("" if example.query is None else f"?{example.query}")


def _known(person: Identity | None, route: Route) -> SessionState:
    """Return the session that a person would have."""
    if person is None:
        return NoTicket()
    session = Session(person, person.authenticated_at, inf, "", host=route.cookie_host)
    account = KnownAccount(person.acting, 0, declined=True, valid_from=-inf, valid_until=inf)
    return Found(session, accounts={route.name: account})


def _verdict(
    found: Step, route: Route, inbound: Inbound, person: Identity | None, example: Example
) -> Verdict | TurnedAway:
    """Return the verdict that a step carries out, or the gateway's own answer."""
    match found:
        case Forward(permit=permit) | MayGiveBack(forward=Forward(permit=permit)):
            return permit
        case NeedReservation(taken=taken, limits=limits):
            within = _verdict(taken, route, inbound, person, example)
            return counted(within, example, limits) if isinstance(within, Permit) else within
        case AskPortal(signed=Forward() | NeedReservation() | MayGiveBack() as signed):
            return _verdict(signed, route, inbound, person, example)
        case AskPortal(visit=visit):
            return _of_visit(visit, route, inbound, person, example)
        case Answer(status=status, verdict=said, reason=reason):
            if reason == ACCOUNT_REQUIRED:
                return _without_account(route, inbound, person, example)
            kind = reason.partition(":")[0].partition(",")[0]
            by_policy = kind in tuple(ReasonKind) and kind not in _BEFORE_THE_RULES
            if said == "challenge" or (said == "deny" and by_policy):
                return _of_rule(route, inbound, person, example)
            return TurnedAway(status, reason)
        case NeedSession() | NeedAccount() | NeedPress():
            # The session and the account are at hand, and no form came back from elsewhere.
            raise ValueError(f"the step needs more than an example has: {type(found).__name__}")
        case _:
            assert_never(found)


def _of_visit(
    visit: Visit, route: Route, inbound: Inbound, person: Identity | None, example: Example
) -> Verdict | TurnedAway:
    match visit.purpose:
        case RefusalPage(deny):
            kind = deny.reasons[0].kind
            return TurnedAway(deny.status, kind.value) if kind in _BEFORE_THE_RULES else deny
        case (
            SignInPage(challenge)
            | FormNotSentPage(challenge)
            | ForeignFormPage(challenge)
            | ReturnedFormPage(challenge)
        ):
            return challenge
        case TroublePage(trouble, status):
            return TurnedAway(status, trouble.value)
        case OwnPage() | WorkerPage():
            return TurnedAway(HTTPStatus.OK, OWN_PAGE)
        case NotSignablePage():
            return TurnedAway(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, NOT_SIGNABLE)
        case _:
            return _without_account(route, inbound, person, example)


def _without_account(route: Route, inbound: Inbound, person: Identity | None, example: Example) -> Verdict | TurnedAway:
    """Return the refusal of a person without an account; where her account alone is missing, she is asked for it."""
    verdict = _of_rule(route, inbound, person, example)
    return verdict if isinstance(verdict, Deny) else TurnedAway(HTTPStatus.FORBIDDEN, ACCOUNT_REQUIRED)


def _of_rule(route: Route, inbound: Inbound, person: Identity | None, example: Example) -> Verdict:
    """Return the verdict of the rule itself, where the answer to a script has it in words alone."""
    rule = route.policy.fitting(inbound, example.at)
    verdict = no_rule_fits() if rule is None else rule.decide(inbound, person, example.at).verdict
    return route.asking(verdict) if isinstance(verdict, Challenge) else verdict


def _inner(inbound: Inbound, route: Route, verdict: Verdict) -> str:
    """Return the request line that the application gets, without its version."""
    if not isinstance(verdict, Permit) or inbound.forwarded:
        return ""
    rewrite = rewrite_of(route)
    target = inbound.target.raw if rewrite is None else rewrite.inward(inbound.target.raw)
    return f"{inbound.method} {target.decode('latin-1')}"
