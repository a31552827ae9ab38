"""One request through the steps; the only file that knows their order.

`step` is pure and never waits: values in, a value out. If it needs something that is not in memory it says so; the
listener fetches it, and steps again with the same table. It leaves verdicts and rendered headers with the session or
the route they belong to, each with the moments between which it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from math import ceil, inf
from typing import assert_never

import msgspec

from gateway.headers.assertion import JWKS_PAGE
from gateway.headers.encode import NO_LOSSES, EncodingLosses, identity_lines
from gateway.headers.strip import outbound
from gateway.identity import Identity
from gateway.instant import Instant
from gateway.limits.limits import limit_use, over
from gateway.pipeline.outcome import (
    Answer,
    AskPortal,
    Forward,
    Headers,
    MayGiveBack,
    NeedAccount,
    NeedPress,
    NeedReservation,
    NeedSession,
    Passing,
    Step,
)
from gateway.pipeline.problem import RETRY_AFTER, problem
from gateway.pipeline.urls import LOGIN, LOGOUT, Kind, kind_of, own_url, sign_in_url
from gateway.pipeline.visit import (
    AccountAsk,
    AccountPage,
    ForeignFormPage,
    FormNotSentPage,
    NotSignablePage,
    OwnPage,
    RefusalPage,
    ReturnedFormPage,
    SignFormPage,
    SignInPage,
    Trouble,
    TroublePage,
    Visit,
    WorkerPage,
)
from gateway.policy.both_rules import BothRules
from gateway.policy.decide import CompiledPolicy, FittingRule, no_rule_fits
from gateway.policy.permit_cache import ReadyPermit
from gateway.policy.policy import Accounts
from gateway.policy.verdict import Challenge, Deny, Limit, Permit, Reason, ReasonKind, Verdict
from gateway.request.inbound import Framing, Inbound
from gateway.request.kept_form import keepable
from gateway.request.method_override import query_overrides, the_method
from gateway.request.navigation import Navigation, is_prefetch, navigation
from gateway.request.references import DESTINATION, Reference, references, renamed
from gateway.request.returned_form import is_press, returnable
from gateway.request.same_site import other_site
from gateway.request.signed_form import unsignable
from gateway.request.worker_scope import REMOVES_ITSELF, allowed_may_cover, is_an_update, script_may_cover
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, KnownAccount, Limited, SessionState, Unavailable, Unread
from gateway.settings.settings import Mode
from gateway.upstream.prefix import rewrite_of
from gateway.wire.http1 import TOKEN
from gateway.wire.methods import METHODS, SECOND_TARGET

PREFLIGHT_SECONDS = 60
"""Seconds for which a browser may cache our yes to a preflight: a policy may change, and its rules have hours."""

_NO_BODY = Framing.EMPTY
"""By a name of its own: to look it up in its enum, each request, costs more than to compare it."""

_BODYLESS = ("GET", "HEAD")
"""Methods of which our own pages take no body."""

_NOT_REMEMBERED = SECOND_TARGET | {"OPTIONS"}
"""Methods whose rule depends on more than host and path in any case."""

_WRITES = "PUT"
"""The method by which a resource is judged that another method writes."""

_HEALTH_FIELDS = (
    (b"Content-Type", b"text/plain"),
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
)

_FIELD_NAMES = re.compile(TOKEN + rb"{1,64}(?: ?, ?" + TOKEN + rb"{1,64}){0,63}")


def step(inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:  # noqa: C901, PLR0911 (the order of the ways out is the point)
    """Decide on one request, or say which value must be fetched first."""
    path = inbound.target.path
    cached = table.rule_cache.get((inbound.host, inbound.method, path))
    if cached is not None:
        here, lasting_rule = cached
        if (
            now >= here.closed_until
            and (inbound.target.query is None or not here.policy.by_method)
            # A request with such a cache has no body, and says nothing more.
            and (
                inbound.section_cache is not None
                or (
                    not _says_more(inbound)
                    and (inbound.framing is _NO_BODY or inbound.method not in here.app.refuse_body)
                )
            )
        ):
            return judge(here, lasting_rule, inbound, known, now, table)
    if table.is_portal(path):
        return _of_ours(inbound, known, table)
    route = table.match(inbound.host, path)
    # In forward-auth mode the requests reach the application through another proxy; nothing is forwarded by us.
    if route is None or (route.app.mode is Mode.FORWARD_AUTH and not inbound.forwarded):
        return not_found(inbound) if route is None and table.knows(inbound.host) else misdirected(inbound)
    if inbound.method.encode() not in route.methods:
        return not_admitted(inbound, route, known)
    if inbound.framing is not _NO_BODY and inbound.method in route.app.refuse_body:
        return unexpected_body(inbound, route, known)
    if now < route.closed_until:
        return in_maintenance(route, inbound, known, now)
    if inbound.worker_script and script_may_cover(inbound, table.portal_prefix):
        return about(no_worker(inbound), route, known)
    if inbound.method == "OPTIONS" and (announced := _announced(inbound, route, now)) is not None:
        return preflight(route, inbound, announced, known, now)
    rule = route.policy.fitting(inbound, now)
    if rule is not None and (rule.returns_from or rule.sign is not None) and is_press(inbound, route.origin):
        return NeedPress(route, rule.returns_from, rule.sign is not None)
    if inbound.target.query or inbound.method in SECOND_TARGET or _says_more(inbound):
        more = _of_all_it_says(route, rule, inbound, now, table)
        if isinstance(more, Deny):
            return refusal(route, inbound, known, more)
        stands, inbound = more
        if stands is not None and stands is not rule:
            # The candidate judges one method alone, and the rule of the outcome is this request's.
            return _to_sign(judge(route, stands, inbound, known, now, table), stands, route, inbound, known)
    judged = (
        refusal(route, inbound, known, no_rule_fits())
        if rule is None
        else judge(route, rule, inbound, known, now, table)
    )
    if route.candidate is not None:
        judged = _beside_candidate(judged, route.candidate, route, inbound, known, now)
        return _to_sign(judged, rule, route, inbound, known)
    if rule is None or rule.sign is not None:
        return _to_sign(judged, rule, route, inbound, known)
    # A press on a form that came back or was signed is looked for above, each time.
    if not rule.returns_from and inbound.method not in _NOT_REMEMBERED:
        table.remember(inbound, route, rule)
    return judged


def _of_ours(inbound: Inbound, known: SessionState, table: RouteTable) -> AskPortal | Answer:
    """Answer under our own prefix."""
    if is_health(inbound, table):
        return healthy()
    home = table.home(inbound.host)
    if home is None:
        return misdirected(inbound)
    if inbound.framing is not _NO_BODY and inbound.method in _BODYLESS:
        return unexpected_body(inbound, home, known)
    if inbound.method.encode() not in METHODS:
        return _wrong_method(inbound, METHODS.values())
    name = inbound.target.path.removeprefix(table.portal_prefix)
    if name == JWKS_PAGE:
        return published_keys(inbound, table)
    return own_page(home, inbound, known, name)


def is_health(inbound: Inbound, table: RouteTable) -> bool:
    """Return whether a load balancer asks if this node serves, by any host name or by none."""
    return inbound.target.path == table.health and inbound.method in _BODYLESS and inbound.framing is _NO_BODY


def healthy() -> Answer:
    """Say that this node serves. The application's state, the store's and the provider's are not this node's."""
    return Answer(HTTPStatus.OK.value, _HEALTH_FIELDS, b"ok\n", verdict="portal", reason="health")


def _of_both_methods(route: Route, rule: FittingRule | None, inbound: Inbound, now: Instant) -> FittingRule | Deny:
    """Return what a request is judged by that may ask to be taken for one of another method; or why it is refused.

    `rule` is that of the method as received. It is returned where the other method, if there is one, has the same.
    """
    by_query = query_overrides(inbound.target.query) if inbound.target.query and route.policy.by_method else ()
    if not inbound.overrides and not by_query:
        return no_rule_fits() if rule is None else rule
    opted_in = route.app.method_override == "both"
    method = the_method((*inbound.overrides, *by_query), route.methods)
    if opted_in and method is not None:
        others: Iterable[str] = (method,)
    elif opted_in or inbound.overrides:
        return _overridden(rule)
    else:
        others = route.methods.values() if method is None else (method,)
    found = [route.policy.fitting(msgspec.structs.replace(inbound, method=other), now) for other in others]
    if all(_same(rule, other) for other in found):
        return no_rule_fits() if rule is None else rule.unshared
    if not opted_in:
        return _overridden(rule)
    (other,) = found
    return no_rule_fits() if rule is None or other is None else BothRules(rule, other)


def _says_more(inbound: Inbound) -> bool:
    """Whether something beside host, method and path decides on a request."""
    return bool(inbound.overrides) or inbound.worker_script or inbound.references


def _of_all_it_says(
    route: Route, rule: FittingRule | None, inbound: Inbound, now: Instant, table: RouteTable
) -> tuple[FittingRule | None, Inbound] | Deny:
    """Return the rule of a request, which may depend on more than its request line, and the request to forward."""
    if inbound.overrides or (inbound.target.query and route.policy.by_method):
        both = _of_both_methods(route, rule, inbound, now)
        if isinstance(both, Deny):
            return both
        rule = both
    if route.app.methods and (inbound.references or inbound.method in SECOND_TARGET):
        return _of_references(route, rule, inbound, now, table)
    return rule, inbound


def _of_references(
    route: Route, rule: FittingRule | None, inbound: Inbound, now: Instant, table: RouteTable
) -> tuple[FittingRule, Inbound] | Deny:
    """Return what a request is judged by that names further resources, and the request as the application gets it.

    `rule` is that of the target. Each further resource is judged as if it were written, and the strictest verdict
    holds. Deny: it is not the App's, or a reader may take it for another one.
    """
    found = references(inbound.headers, table.paths_of(inbound.host))
    fault = Deny(None if rule is None else rule.id, (Reason(ReasonKind.REFERENCE),), status=400)
    if found is None:
        return fault
    if inbound.method in SECOND_TARGET and all(each.name != DESTINATION for each in found):
        # An outer proxy that does not report it would still forward it.
        return fault
    if rule is None:
        return no_rule_fits()
    together = rule
    for each in found:
        if not _is_here(each, route, inbound, table):
            return fault
        other = route.policy.fitting(msgspec.structs.replace(inbound, method=_WRITES, target=each.target), now)
        if other is None:
            return no_rule_fits()
        together = together.unshared if _same(together, other) else BothRules(together, other)
    rewrite = rewrite_of(route)
    scheme = b"https" if _is_https_inside(route) else b"http"
    urls = tuple(
        (b"%b://%b" % (scheme, inbound.host.encode()) if each.scheme else b"")
        + (each.target.raw if rewrite is None else rewrite.inward(each.target.raw))
        for each in found
    )
    if inbound.forwarded:
        # The outer proxy forwards the fields as they are.
        return together, inbound
    return together, msgspec.structs.replace(inbound, headers=renamed(inbound.headers, found, urls))


def _is_here(reference: Reference, route: Route, inbound: Inbound, table: RouteTable) -> bool:
    """Whether a further resource is the App's own, and no page of ours."""
    if reference.scheme not in ("", inbound.scheme, "https" if route.app.secure else "http"):
        return False
    if inbound.forwarded and not reference.exact:
        return False
    path = reference.target.path
    return not table.is_portal(path) and table.match(reference.host or inbound.host, path) is route


def _is_https_inside(route: Route) -> bool:
    """Whether the application takes itself for one that is reached by https."""
    if route.app.upstream_options.references == "public":
        return route.app.secure
    return any(url.startswith("https://") for url in route.app.upstream)


def _same(rule: FittingRule | None, other: FittingRule | None) -> bool:
    return rule is other or (rule is not None and other is not None and rule.rule is other.rule)


def _overridden(rule: FittingRule | None) -> Deny:
    return Deny(None if rule is None else rule.id, (Reason(ReasonKind.METHOD_OVERRIDE),), status=400)


def judge(
    route: Route, rule: FittingRule, inbound: Inbound, known: SessionState, now: Instant, table: RouteTable
) -> Step:
    """Do what the rule says."""
    found: Found | None = None
    ready: ReadyPermit | None = None
    if rule.needs_session:
        if isinstance(known, Found):
            ready = known.permit_cache.permits.get(rule.token)
            # A session belongs to one client: a ticket carried to another client's host opens nothing there.
            # A session is also bound to one host: a leaked ticket opens nothing at another App of its client.
            # A session keeps permits only of Apps that accept it.
            if (ready is not None and ready.route is route.token) or route.accepts(known.session):
                found = known
        elif isinstance(known, Unread):
            return NeedSession(known.ticket)
    if found is None:
        ready = route.permit_cache.permits.get(rule.token)

    losses = None
    if ready is None or ready.route is not route.token or not ready.valid_from <= now < ready.valid_until:
        made = _made(route, rule, inbound, known, found, now, table)
        if not isinstance(made, tuple):
            return made
        ready, losses = made

    # The outer proxy of a question sends the client's own fields.
    head, removed = (ready.lines, ()) if inbound.forwarded else outbound(inbound, route, ready.lines)
    if inbound.websocket and not _may_open(inbound, route, signed_in=found is not None):
        return about(forbidden_origin(inbound, ready.permit), route, known)
    # By position: each request comes by here, and a keyword costs.
    if found is None:
        return Forward(route, ready.permit, head, False, "", ready.name, losses, removed)  # noqa: FBT003
    session = found.session
    forward = Forward(route, ready.permit, head, True, session.pseudonym, ready.name, losses, removed)  # noqa: FBT003
    if not ready.settles:
        return forward
    # The verdict may be remembered; each request has an entry of its own.
    return _with_entries(ready.permit, forward, session.identity, inbound, known, now)


def _made(
    route: Route,
    rule: FittingRule,
    inbound: Inbound,
    known: SessionState,
    found: Found | None,
    now: Instant,
    table: RouteTable,
) -> tuple[ReadyPermit, EncodingLosses | None] | AskPortal | Answer | NeedAccount:
    """Ask the rule, and keep its permit with the session or the App; or say what becomes of the request without one."""
    cache = route.permit_cache if found is None else found.permit_cache
    person = None if found is None else found.session.identity
    until = inf
    account: KnownAccount | None = None
    if rule.needs_account and found is not None:
        account = None if found.accounts is None else found.accounts.get(route.name)
        if account is None or not account.valid_from <= now < account.valid_until:
            return NeedAccount(route, found)
        person = msgspec.structs.replace(found.session.identity, acting=account.acting)
        until = account.valid_until
    decision = rule.decide(inbound, person, now)
    if rule.accounts is not None and person is not None and person.acting is None and account is not None:
        asked = _asking_for_account(decision.verdict, rule, account, route, inbound, known)
        if asked is not None:
            return asked
    match decision.verdict:
        case Permit() as permit:
            encoded = identity_lines(permit, route.app.headers)
            lines, valid_until = encoded.lines, min(decision.valid_until, until)
            if permit.acting is not None:
                lines += route.telling(permit.acting)
            if table.assertions is not None:
                line, renew_at = table.assertions.line_for(permit, route, cache, now)
                lines, valid_until = lines + line, min(valid_until, renew_at)
            settles = permit.limit is not None or permit.gives_back is not None
            ready = ReadyPermit(rule.token, route.token, permit, lines, now, valid_until, str(permit.rule), settles)
            if valid_until > now:
                cache.keep_permit(ready, table.token)
            if found is not None and permit.limit is None:
                # A permit with a limit tells nothing before an entry is taken.
                found.ledger.tell(route.app.name, tuple([name for name, _ in permit.disclosed]), now)
            return ready, None if encoded.losses == NO_LOSSES else encoded.losses
        case Challenge() as verdict:
            # The rule needs a known person, and the session cannot be read: this is neither a logout nor a pass.
            if isinstance(known, Unavailable):
                return store_unavailable(route, inbound, known)
            if isinstance(known, Limited):
                return too_many_lookups(route, inbound, known)
            return challenge(route, inbound, known, route.asking(verdict), table)
        case Deny() as verdict:
            return refusal(route, inbound, known, verdict)
        case _:
            assert_never(decision.verdict)


def _asking_for_account(
    verdict: Verdict, rule: FittingRule, account: KnownAccount, route: Route, inbound: Inbound, known: SessionState
) -> AskPortal | Answer | None:
    """Ask for which account of the application a person acts who acts for none yet; `None`: she is not asked now.

    A person whom the rule refuses for another reason is refused, and a sign-in comes first.
    """
    required = rule.accounts is Accounts.REQUIRED
    match verdict:
        case Challenge():
            return None
        case Deny(reasons=reasons):
            if not all(reason.name in rule.account_conditions for reason in reasons):
                return None
        case Permit():
            if not required and (account.declined or navigation(inbound) is not Navigation.PAGE):
                return None
        case _:
            assert_never(verdict)
    if account.declined and not required:
        return None
    if navigation(inbound) is Navigation.BACKGROUND:
        answer = _problem(inbound, route, HTTPStatus.FORBIDDEN, "account_required")
        answer = msgspec.structs.replace(answer, verdict="challenge", rule=str(rule.id), reason="account_required")
        return about(answer, route, known)
    ask = AccountAsk.CHOOSE if account.choices else AccountAsk.LINK
    return AskPortal(Visit(route, inbound, known, AccountPage(str(rule.id), ask, required)))


def _with_entries(
    permit: Permit, forward: Forward, person: Identity, inbound: Inbound, known: SessionState, now: Instant
) -> Passing:
    """Have an entry of each limit taken, one after the other, before the request goes on, and one given back after it.

    Two limits of one name are one, and take one entry.
    """
    by_name: dict[str, tuple[Limit, ...]] = {}
    for limit in (permit.limit, *permit.also):
        if limit is not None:
            by_name[limit.name] = (*by_name.get(limit.name, ()), limit)
    cancelled = permit.gives_back
    taken: Passing = forward
    if cancelled is not None:
        taken = MayGiveBack(limit_use(permit.rule, cancelled.limit, person, now), cancelled, forward)
    for limits in by_name.values():
        counted = msgspec.structs.replace(permit, limit=limits[0])
        taken = NeedReservation(
            limit_use(permit.rule, limits[0], person, now),
            limits,
            taken,
            refusal(forward.route, inbound, known, over(counted)),
            store_unavailable(forward.route, inbound, known),
        )
    return taken


def _beside_candidate(
    judged: Step, candidate: CompiledPolicy, route: Route, inbound: Inbound, known: SessionState, now: Instant
) -> Step:
    """Add the candidate's verdict, if it differs. It changes nothing else."""
    match judged:
        case NeedSession() | NeedAccount() | NeedPress():
            return judged
        case NeedReservation():
            # The outcome after the entry is taken has the candidate's verdict.
            taken = _beside_candidate(judged.taken, candidate, route, inbound, known, now)
            return msgspec.structs.replace(judged, taken=taken)
        case MayGiveBack():
            forward = _beside_candidate(judged.forward, candidate, route, inbound, known, now)
            return msgspec.structs.replace(judged, forward=forward)
        case Forward():
            said = "permit"
        case Answer():
            said = f"{judged.verdict}:{judged.reason}"
        case AskPortal(
            Visit(purpose=SignInPage(asked) | FormNotSentPage(asked) | ForeignFormPage(asked) | ReturnedFormPage(asked))
        ):
            said = _word(asked)
        case AskPortal(Visit(purpose=RefusalPage(deny))):
            said = _word(deny)
        case AskPortal():
            # The store is away, or the person is asked for her account: neither policy has judged a person.
            return judged
        case _:
            assert_never(judged)
    person = known.session.identity if isinstance(known, Found) and route.accepts(known.session) else None
    rule = candidate.fitting(inbound, now)
    verdict = no_rule_fits() if rule is None else rule.decide(inbound, person, now).verdict
    would = _word(route.asking(verdict) if isinstance(verdict, Challenge) else verdict)
    return judged if would == said else msgspec.structs.replace(judged, candidate=would)


def _word(verdict: Verdict) -> str:
    """Return a verdict with its reasons in closed words: this is counted and logged of a candidate."""
    match verdict:
        case Permit():
            return "permit"
        case Challenge():
            return f"challenge:{verdict.reason.value}"
        case Deny():
            return f"deny:{verdict.words}"
        case _:
            assert_never(verdict)


def own_page(home: Route, inbound: Inbound, known: SessionState, name: str) -> AskPortal | Answer:
    """Let the portal answer one of our own URLs, if this request may have it; `name` is its path under our prefix.

    A page is for a top-level navigation: a script of the application is on the same origin, and would read it.
    """
    if kind_of(name) is not Kind.PAGE:
        return AskPortal(Visit(home, inbound, known, OwnPage()))
    match navigation(inbound):
        case Navigation.PAGE | Navigation.FORM | Navigation.FRAME:
            # In a frame the portal answers with a link to this page and no more.
            return AskPortal(Visit(home, inbound, known, OwnPage()))
        case Navigation.RELAYED:
            return AskPortal(Visit(home, inbound, known, WorkerPage()))
        case Navigation.BACKGROUND:
            return about(_no_page(home, inbound, name), home, known)
        case other:
            assert_never(other)


def _no_page(home: Route, inbound: Inbound, name: str) -> Answer:
    """Tell a script or a prefetch why it gets no page of ours."""
    cors = _cors(inbound, home)
    found = own_url(name)
    if found is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown_path", inbound.request_id, cors=cors)
    if is_prefetch(inbound.headers):
        # The browser asks again when the person comes.
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "fetched_ahead", inbound.request_id, cors=cors)
    if inbound.method not in found.methods:
        return _wrong_method(inbound, found.methods, cors=cors)
    if name == LOGIN:
        # A script that has met our 401 sends the person here, and must not do so by itself.
        return problem(HTTPStatus.UNAUTHORIZED, "sign_in_required", inbound.request_id, cors=cors)
    answer = problem(HTTPStatus.FORBIDDEN, "navigation_only", inbound.request_id, cors=cors)
    return msgspec.structs.replace(answer, verdict="deny")


def _wrong_method(inbound: Inbound, methods: Iterable[str], *, cors: Headers = ()) -> Answer:
    answer = problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", inbound.request_id, cors=cors)
    return msgspec.structs.replace(answer, headers=(*answer.headers, (b"Allow", ", ".join(methods).encode())))


def no_worker(inbound: Inbound) -> Answer:
    """Refuse the script of a service worker that could stand in front of our own pages.

    A browser that has the worker already is given a next version, which removes it: a refusal would leave it there.
    """
    if is_an_update(inbound) and not inbound.forwarded:
        # In forward-auth mode 200 is a yes, and the proxy would send the application's own script.
        headers: Headers = (
            (b"Content-Type", b"text/javascript"),
            (b"Cache-Control", b"no-store"),
            (b"X-Content-Type-Options", b"nosniff"),
            # The browser looks whether the next version may have the scope of the last one.
            (b"Service-Worker-Allowed", b"/"),
        )
        answer = Answer(HTTPStatus.OK, headers, REMOVES_ITSELF)
    else:
        answer = problem(HTTPStatus.FORBIDDEN, "service_worker_scope", inbound.request_id)
    return msgspec.structs.replace(answer, verdict="deny", reason="service_worker_scope")


def next_worker(inbound: Inbound, headers: Headers, route: Route, known: SessionState) -> Answer | None:
    """Return the outcome that removes a worker whose wider scope, by the application's answer, covers our own pages.

    `None`: it covers none of them, or the browser does not have it yet. Then the field that allows is taken out of the
    answer, and the browser refuses the scope.
    """
    allows = (value for name, value in headers if name.lower() == b"service-worker-allowed")
    if is_an_update(inbound) and any(allowed_may_cover(value, route.portal_prefix) for value in allows):
        return about(no_worker(inbound), route, known)
    return None


def challenge(
    route: Route, inbound: Inbound, known: SessionState, verdict: Challenge, table: RouteTable
) -> AskPortal | Answer:
    """Ask a person to sign in; tell a script that it must."""
    match navigation(inbound):
        case Navigation.RELAYED if inbound.method != "POST" and not inbound.forwarded:
            # Not here, where the worker would read the notice: the browser follows a redirect by itself, and no
            # worker's scope holds our own pages.
            url = sign_in_url(route.origin, table.portal_prefix, inbound.target.raw, table.longest_line)
            headers: Headers = ((b"Location", url), (b"Cache-Control", b"no-store"))
            answer = Answer(HTTPStatus.SEE_OTHER.value, headers, verdict="challenge", rule=str(verdict.rule))
            return about(msgspec.structs.replace(answer, reason=verdict.reason.value), route, known)
        case Navigation.FRAME if inbound.method == "POST":
            return AskPortal(Visit(route, inbound, known, FormNotSentPage(verdict)))
        case Navigation.FORM | Navigation.RELAYED if inbound.method == "POST":
            return AskPortal(Visit(route, inbound, known, unsent(route, inbound, verdict)))
        case Navigation.PAGE | Navigation.RELAYED | Navigation.FORM | Navigation.FRAME:
            return AskPortal(Visit(route, inbound, known, SignInPage(verdict)))
        case Navigation.BACKGROUND:
            answer = _problem(inbound, route, HTTPStatus.UNAUTHORIZED, "sign_in_required")
            answer = msgspec.structs.replace(
                answer, verdict="challenge", rule=str(verdict.rule), reason=verdict.reason.value
            )
            return about(answer, route, known)
        case other:
            assert_never(other)


def unsent(route: Route, inbound: Inbound, verdict: Challenge) -> FormNotSentPage | ForeignFormPage | ReturnedFormPage:
    """Return the page about a form that must sign in.

    Another site's form is never sent again, unless the rule names the site: it would carry the person's cookies then,
    which `SameSite` kept away from it.
    """
    site = other_site(inbound, route.origin)
    if site is None:
        return FormNotSentPage(verdict, verdict.keep_form and keepable(inbound, route.origin))
    if site in verdict.returns_from and returnable(inbound):
        return ReturnedFormPage(verdict, site)
    return ForeignFormPage(verdict, site)


def pressed(judged: Step, press: Inbound) -> Step:
    """Return what becomes of the press, if `judged` is the step of the form that it stands for.

    A person who must sign in first keeps the sealed form: our page carries it through the sign-in.
    """
    match judged:
        case AskPortal(
            Visit(
                purpose=ForeignFormPage(challenge) | ReturnedFormPage(challenge) | FormNotSentPage(challenge)
            ) as visit
        ):
            page = FormNotSentPage(challenge, keep=True)
            return msgspec.structs.replace(judged, visit=replace(visit, inbound=press, purpose=page))
        case _:
            return judged


def _to_sign(judged: Step, rule: FittingRule | None, route: Route, inbound: Inbound, known: SessionState) -> Step:
    """Have a form signed that its rule would let pass, and refuse what cannot be signed."""
    if rule is None or rule.sign is None or not isinstance(judged, Passing):
        return judged
    why = unsignable(inbound, route.origin)
    if navigation(inbound) is Navigation.BACKGROUND:
        answer = _problem(inbound, route, HTTPStatus.FORBIDDEN, "signature_required")
        return about(msgspec.structs.replace(answer, verdict="deny", rule=str(rule.id)), route, known)
    if why is not None:
        return AskPortal(Visit(route, inbound, known, NotSignablePage(str(rule.id), why)))
    return AskPortal(Visit(route, inbound, known, SignFormPage(str(rule.id), rule.sign)), signed=judged)


def signed(judged: Step, subject: str, lines: bytes) -> Step | None:
    """Return what becomes of a form that this person has signed: it goes on, with `lines` about the signature.

    `None`: another person is signed in now, or the rule asks for no signature any more. A step that does not let the
    form pass is returned as it is.
    """
    match judged:
        case AskPortal(signed=Forward() | NeedReservation() | MayGiveBack() as step):
            person = _permit_of(step).identity
            return _with_lines(step, lines) if person is not None and person.subject == subject else None
        case Forward() | NeedReservation() | MayGiveBack():
            return None
        case _:
            return judged


def _permit_of(step: Passing) -> Permit:
    match step:
        case Forward():
            return step.permit
        case NeedReservation():
            return _permit_of(step.taken)
        case MayGiveBack():
            return step.forward.permit
        case _:
            assert_never(step)


def _with_lines(step: Passing, lines: bytes) -> Passing:
    match step:
        case Forward():
            return msgspec.structs.replace(step, head=step.head + lines)
        case NeedReservation():
            return msgspec.structs.replace(step, taken=_with_lines(step.taken, lines))
        case MayGiveBack():
            return msgspec.structs.replace(step, forward=_with_lines(step.forward, lines))
        case _:
            assert_never(step)


def _problem(inbound: Inbound, route: Route, status: HTTPStatus, code: str, retry_after: int | None = None) -> Answer:
    """Make an answer for a script, which may read it if the App allows its origin."""
    return problem(status, code, inbound.request_id, retry_after=retry_after, cors=_cors(inbound, route))


def refusal(route: Route, inbound: Inbound, known: SessionState, verdict: Deny) -> AskPortal | Answer:
    """Say no, to a person in the condition's own words. The application's own sign-out link leads to ours."""
    if navigation(inbound) is not Navigation.BACKGROUND:
        if route.signs_out is not None and verdict.rule is route.signs_out:
            return about(_to_sign_out(route, inbound, verdict), route, known)
        return AskPortal(Visit(route, inbound, known, RefusalPage(verdict)))
    reason = verdict.reasons[0]
    answer = problem(
        HTTPStatus(verdict.status),
        reason.kind.value,
        inbound.request_id,
        retry_after=verdict.retry_after,
        names=tuple(reason.name for reason in verdict.reasons if reason.name),
        cors=_cors(inbound, route),
    )
    rule = "" if verdict.rule is None else str(verdict.rule)
    return about(msgspec.structs.replace(answer, verdict="deny", rule=rule, reason=verdict.words), route, known)


def _to_sign_out(route: Route, inbound: Inbound, verdict: Deny) -> Answer:
    """Lead a person from the application's sign-out link to ours.

    A link leads to the page with the button, since anybody's page may have such a link. A form of the App's own pages
    is sent on (RFC 9110 section 15.4.8), and our sign-out asks by itself who has sent it.
    """
    status = HTTPStatus.TEMPORARY_REDIRECT if keepable(inbound, route.origin) else HTTPStatus.SEE_OTHER
    headers: Headers = ((b"Location", f"{route.portal_prefix}{LOGOUT}".encode()), (b"Cache-Control", b"no-store"))
    return Answer(status.value, headers, verdict="deny", rule=str(verdict.rule), reason=verdict.words)


def store_unavailable(route: Route, inbound: Inbound, known: SessionState) -> AskPortal | Answer:
    """Answer 503 if a session is needed and cannot be read: the cookie stays, the person waits."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if navigation(inbound) is not Navigation.BACKGROUND:
        page = TroublePage(Trouble.STORE_UNAVAILABLE, status, RETRY_AFTER)
        return AskPortal(Visit(route, inbound, known, page))
    answer = _problem(inbound, route, status, Trouble.STORE_UNAVAILABLE.value)
    return about(answer, route, known)


def too_many_lookups(route: Route, inbound: Inbound, known: Limited) -> AskPortal | Answer:
    """Answer 429 if a session is needed and too many tickets of this address belonged to none: the cookie stays."""
    status = HTTPStatus.TOO_MANY_REQUESTS
    if navigation(inbound) is not Navigation.BACKGROUND:
        page = TroublePage(Trouble.TOO_MANY_REQUESTS, status, known.retry_after)
        return AskPortal(Visit(route, inbound, known, page))
    word = Trouble.TOO_MANY_REQUESTS.value
    answer = _problem(inbound, route, status, word, known.retry_after)
    return about(msgspec.structs.replace(answer, reason=known.reason), route, known)


def in_maintenance(route: Route, inbound: Inbound, known: SessionState, now: Instant) -> AskPortal | Answer:
    """Say 503 while an operator's switch closes the App, and when to come back."""
    status, wait = HTTPStatus.SERVICE_UNAVAILABLE, ceil(route.closed_until - now)
    if navigation(inbound) is not Navigation.BACKGROUND:
        return AskPortal(Visit(route, inbound, known, TroublePage(Trouble.MAINTENANCE, status, wait)))
    answer = _problem(inbound, route, status, Trouble.MAINTENANCE.value, wait)
    return about(answer, route, known)


def _announced(inbound: Inbound, route: Route, now: Instant) -> Inbound | None:
    """Return the request that a preflight announces (Fetch section 4.8) if the gateway answers it; otherwise `None`.

    Ours are those of allowed origins. The application answers a preflight for a request that everybody may send, since
    it may permit more.
    """
    if inbound.forwarded or not _cors(inbound, route):
        # An outer proxy would take our answer for a permit, and forward.
        return None
    method = route.methods.get(_header(inbound, b"access-control-request-method") or b"")
    if method is None:
        return None
    own = route.policy.fitting(inbound, now)
    if own is not None and isinstance(own.decide(inbound, None, now).verdict, Permit):
        return None
    return msgspec.structs.replace(inbound, method=method, framing=Framing.EMPTY, length=0)


def preflight(
    route: Route, inbound: Inbound, announced: Inbound, known: SessionState, now: Instant
) -> AskPortal | Answer:
    """Permit a preflight if some person may send the request: a browser sends a preflight without cookies.

    The request itself is judged when it comes, as any other.
    """
    rule = route.policy.fitting(announced, now)
    verdict = no_rule_fits() if rule is None else rule.decide(announced, None, now).verdict
    if isinstance(verdict, Deny):
        return refusal(route, inbound, known, verdict)
    headers: Headers = (
        *_cors(inbound, route),
        (b"Access-Control-Allow-Methods", announced.method.encode()),
        (b"Access-Control-Max-Age", b"%d" % PREFLIGHT_SECONDS),
        (b"Cache-Control", b"no-store"),
    )
    names = _header(inbound, b"access-control-request-headers")
    if names is not None and _FIELD_NAMES.fullmatch(names):
        headers = (*headers, (b"Access-Control-Allow-Headers", names))
    answer = Answer(HTTPStatus.NO_CONTENT, headers, verdict="portal", rule=str(verdict.rule), reason="preflight")
    return about(answer, route, known)


def misdirected(inbound: Inbound) -> Answer:
    """Say 421 where no App lives on the host (RFC 9110 section 15.5.20)."""
    return problem(HTTPStatus.MISDIRECTED_REQUEST, "unknown_host", inbound.request_id)


def not_found(inbound: Inbound) -> Answer:
    """Say 404 where the host has Apps and none of them holds the path."""
    return problem(HTTPStatus.NOT_FOUND, "unknown_path", inbound.request_id)


def published_keys(inbound: Inbound, table: RouteTable) -> Answer:
    """Answer with the keys that verify our assertions (RFC 7517 section 5): public, and the same for everybody."""
    if table.assertions is None:
        return not_found(inbound)
    if inbound.method not in ("GET", "HEAD"):
        return msgspec.structs.replace(
            problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", inbound.request_id),
            headers=((b"Allow", b"GET, HEAD"), (b"Cache-Control", b"no-store")),
            body=b"",
        )
    headers: Headers = (
        (b"Content-Type", b"application/jwk-set+json"),
        (b"Cache-Control", b"public, max-age=300"),
        (b"X-Content-Type-Options", b"nosniff"),
    )
    return Answer(HTTPStatus.OK, headers, table.assertions.published, verdict="portal")


def unexpected_body(inbound: Inbound, route: Route, known: SessionState) -> Answer:
    """Refuse a body where there must be none, and end the connection: a proxy in front may not know of the body."""
    answer = problem(HTTPStatus.BAD_REQUEST, "unexpected_body", inbound.request_id, cors=_cors(inbound, route))
    return about(msgspec.structs.replace(answer, close=True, verdict="deny"), route, known)


def not_admitted(inbound: Inbound, route: Route, known: SessionState) -> Answer:
    """Refuse a method that another App gets and this one does not (`methods`): nobody has judged what it does here."""
    answer = _wrong_method(inbound, route.methods.values(), cors=_cors(inbound, route))
    return about(msgspec.structs.replace(answer, verdict="deny"), route, known)


def forbidden_origin(inbound: Inbound, permit: Permit) -> Answer:
    """Refuse a WebSocket that another site's page opened with this person's cookies (RFC 6455 section 10.2)."""
    answer = problem(HTTPStatus.FORBIDDEN, "forbidden_origin", inbound.request_id)
    return msgspec.structs.replace(answer, verdict="deny", rule=str(permit.rule), reason="forbidden_origin")


def about(answer: Answer, route: Route, known: SessionState) -> Answer:
    """Say which App an answer is about, and whom, for the access line and the audit."""
    return msgspec.structs.replace(answer, app=route.app.name, pseudonym=pseudonym_of(route, known))


def pseudonym_of(route: Route, known: SessionState) -> str:
    """Return the pseudonym of the signed-in person; a session of another client does not count here."""
    if isinstance(known, Found) and route.accepts(known.session):
        return known.session.pseudonym
    return ""


def _header(inbound: Inbound, name: bytes) -> bytes | None:
    """Return the only field of that lower-case name; `None` if there are two."""
    values = [value for field, value in inbound.headers if field.lower() == name]
    return values[0] if len(values) == 1 else None


def _may_open(inbound: Inbound, route: Route, *, signed_in: bool) -> bool:
    """Whether a WebSocket is opened by a page of this origin, or of one that the App allows (RFC 6455 section 10.2).

    A browser always says which page opens it, and sends the application's own cookies with it, even if nobody is signed
    in here. A client that says nothing is no browser, and has no person's cookies.
    """
    origins = [value.decode("latin-1") for name, value in inbound.headers if name.lower() == b"origin"]
    if not origins:
        return not signed_in
    # Two Origin fields are refused: the application may believe the other one.
    return len(origins) == 1 and origins[0] in (route.origin, *route.app.allowed_origins)


def _cors(inbound: Inbound, route: Route) -> Headers:
    """Let a script of an allowed origin read our 401, which its browser would else hide (Fetch section 3.2)."""
    origin = _header(inbound, b"origin")
    if origin is None or origin.decode("latin-1") not in route.app.allowed_origins:
        return ()
    return (
        (b"Access-Control-Allow-Origin", origin),
        (b"Access-Control-Allow-Credentials", b"true"),
        (b"Vary", b"Origin"),
    )
