"""One request through the steps, without a socket."""

import json
from dataclasses import replace

import msgspec
import pytest

from gateway.headers.assertion import JWKS_PAGE
from gateway.identity import Acting
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
from gateway.pipeline.step import next_worker, pressed, signed, step
from gateway.pipeline.urls import URLS, Kind
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
    WorkerPage,
)
from gateway.policy.decide import CompiledPolicy
from gateway.policy.policy import Accounts, Allow, Match, Policy, Rule
from gateway.policy.verdict import (
    Challenge,
    ChallengeReason,
    Deny,
    GivesBack,
    Limit,
    Once,
    Permit,
    Reason,
    ReasonKind,
    RuleId,
    Sign,
)
from gateway.request.inbound import Framing, Inbound
from gateway.request.signed_form import Unsignable
from gateway.request.target import Target
from gateway.route.table import RouteTable
from gateway.session.session import (
    Found,
    Gone,
    KnownAccount,
    Limited,
    NoTicket,
    Session,
    SessionState,
    Unavailable,
    Unread,
)
from gateway.settings.settings import HeaderSettings, Mode, UpstreamSettings
from tests.builders import NOON, FixedPolicy, FixedRule, app, identity, inbound, route, session

RULE = RuleId("test", "rule")
SIGN_IN = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset())
NO = Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "adult"),))
SCRIPT = ("Accept", "application/json")


def table(rule: FixedRule | None) -> RouteTable:
    """Return a table of the booking App under one rule."""
    return RouteTable([route(FixedPolicy(rule))], "/.sekisho/")


def somebody(disclosed: tuple[tuple[str, str], ...] = (("subject", "hanako"),)) -> FixedRule:
    """Return a rule that asks for any sign-in and lets every signed-in person pass."""
    return FixedRule(nobody=SIGN_IN, somebody=Permit(RULE, identity(), disclosed))


def test_a_host_without_an_app_is_misdirected() -> None:
    """Nothing is looked up, nothing forwarded."""
    answer = step(inbound(host="evil.example"), NoTicket(), NOON, table(FixedRule()))

    assert isinstance(answer, Answer)
    assert answer.status == 421


@pytest.mark.parametrize("host", ["", "evil.example", "app.gw.test"])
def test_a_balancer_is_answered_on_any_host(host: str) -> None:
    """Before any App is looked for, and with nothing of any in the answer."""
    answer = step(inbound("/.sekisho/health", host=host), NoTicket(), NOON, table(FixedRule()))

    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.app) == (200, b"ok\n", "")


def test_no_rule_is_a_no() -> None:
    """A policy in which no rule fits lets nobody through."""
    result = step(inbound("/", SCRIPT), NoTicket(), NOON, table(None))

    assert isinstance(result, Answer)
    assert (result.status, result.verdict, result.reason) == (403, "deny", "no_rule")


def test_a_refusal_names_the_app_and_who_is_signed_in() -> None:
    """By pseudonym, for the audit; another client's session is nobody's here."""
    stranger = session(identity(client_id="RP00000002"))
    routes = table(FixedRule(nobody=SIGN_IN, somebody=NO))

    refused = step(inbound("/", SCRIPT), Found(session()), NOON, routes)
    asked = step(inbound("/", SCRIPT), Found(stranger), NOON, routes)

    assert isinstance(refused, Answer)
    assert (refused.verdict, refused.app, refused.pseudonym) == ("deny", "booking", "p-hanako")
    assert isinstance(asked, Answer)
    assert (asked.verdict, asked.app, asked.pseudonym) == ("challenge", "booking", "")


def test_our_own_pages_go_to_the_portal_whatever_the_policy() -> None:
    """Even where the App's policy would let everybody in."""
    result = step(inbound("/.sekisho/login"), NoTicket(), NOON, table(FixedRule()))

    assert isinstance(result, AskPortal)
    assert result.visit.purpose == OwnPage()


PERSON = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
RELAYED = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty"))
PRELOADED = (*PERSON, ("Service-Worker-Navigation-Preload", "true"))
NO_PERSON = [
    (("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")),
    (("Sec-Fetch-Mode", "same-origin"), ("Sec-Fetch-Dest", "empty")),
    (("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "script")),
    (("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")),
    (*PERSON, ("Sec-Purpose", "prefetch")),
    (("X-Requested-With", "XMLHttpRequest"),),
]
FRAMES = [(("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", held)) for held in ("iframe", "frame", "object", "embed")]
PAGES = [name for name, url in URLS.items() if url.kind is Kind.PAGE]


@pytest.mark.parametrize("headers", NO_PERSON, ids=lambda headers: " ".join(value for _, value in headers))
@pytest.mark.parametrize("name", [*PAGES, "me/all", "a-page-to-come"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_ours_is_for_a_top_level_navigation_alone(
    name: str, method: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """A script of the application is on the same origin, and gets no page, in any session."""
    form = ("Content-Type", "application/x-www-form-urlencoded")
    asked = inbound(f"/.sekisho/{name}", *headers, form, method=method)

    result = step(asked, Found(session()), NOON, table(FixedRule()))

    assert isinstance(result, Answer)
    assert result.status in (401, 403, 404, 405, 503)
    assert b"hanako" not in result.body
    assert (b"Cache-Control", b"no-store") in result.headers


@pytest.mark.parametrize("headers", FRAMES, ids=lambda headers: headers[1][1])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_person_in_a_frame_is_answered_by_a_page(method: str, headers: tuple[tuple[str, str], ...]) -> None:
    """The portal makes the page, and offers no more than to leave the frame; a script there gets its 401 as ever."""
    form = ("Content-Type", "application/x-www-form-urlencoded")
    asked = inbound("/", *headers, form, method=method)
    ours = inbound("/.sekisho/me", *headers, form, method=method)

    challenged = step(asked, NoTicket(), NOON, table(FixedRule(nobody=SIGN_IN)))
    refused = step(asked, NoTicket(), NOON, table(FixedRule(nobody=NO)))
    own = step(ours, NoTicket(), NOON, table(FixedRule()))

    assert isinstance(challenged, AskPortal)
    assert challenged.visit.purpose == (SignInPage(SIGN_IN) if method == "GET" else FormNotSentPage(SIGN_IN))
    assert isinstance(refused, AskPortal)
    assert refused.visit.purpose == RefusalPage(NO)
    assert isinstance(own, AskPortal)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_ours_is_there_for_a_person(name: str) -> None:
    """The browser's own fields, or all other signs, show that a person navigates."""
    for headers in (PERSON, (("Accept", "text/html"),), ()):
        result = step(inbound(f"/.sekisho/{name}", *headers), NoTicket(), NOON, table(FixedRule()))

        assert isinstance(result, AskPortal)
        assert result.visit.purpose == OwnPage()


@pytest.mark.parametrize("name", ["static/sekisho.css", "keys/client"])
def test_what_holds_nothing_of_anybody_is_there_for_everybody(name: str) -> None:
    """A style sheet is asked for by a page, and a key by a program."""
    for headers in (*NO_PERSON, ()):
        result = step(inbound(f"/.sekisho/{name}", *headers), NoTicket(), NOON, table(FixedRule()))

        assert isinstance(result, AskPortal)


@pytest.mark.parametrize(
    ("name", "method", "headers", "status", "code"),
    [
        ("me", "GET", NO_PERSON[0], 403, "navigation_only"),
        ("me", "POST", NO_PERSON[0], 403, "navigation_only"),
        ("login", "GET", NO_PERSON[0], 401, "sign_in_required"),
        ("callback", "GET", (*PERSON, ("Sec-Purpose", "prefetch")), 503, "fetched_ahead"),
        ("login", "GET", (*PERSON, ("Purpose", "prefetch")), 503, "fetched_ahead"),
        ("me", "PUT", (), 405, "method_not_allowed"),
        ("nothing", "GET", NO_PERSON[0], 404, "unknown_path"),
    ],
)
def test_a_script_is_told_why_it_gets_no_page(
    name: str, method: str, headers: tuple[tuple[str, str], ...], status: int, code: str
) -> None:
    """In a word it can read."""
    result = step(inbound(f"/.sekisho/{name}", *headers, method=method), NoTicket(), NOON, table(FixedRule()))

    assert isinstance(result, Answer)
    assert (result.status, json.loads(result.body)["code"], result.reason) == (status, code, code)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("relayed", [RELAYED, PRELOADED], ids=["passed on", "preloaded"])
def test_a_worker_in_front_of_our_pages_gets_none_of_them(method: str, relayed: tuple[tuple[str, str], ...]) -> None:
    """A service worker that passes a person's navigation on would read the page, and the callback's code."""
    for name in (*PAGES, "nothing"):
        asked = inbound(f"/.sekisho/{name}", *relayed, method=method)

        result = step(asked, Found(session()), NOON, table(FixedRule()))

        assert isinstance(result, AskPortal)
        assert result.visit.purpose == WorkerPage()


@pytest.mark.parametrize("relayed", [RELAYED, PRELOADED], ids=["passed on", "preloaded"])
def test_no_sign_in_begins_through_a_worker(relayed: tuple[tuple[str, str], ...]) -> None:
    """The browser is sent to our own page, which lies in no worker's scope; a form is said not to be sent."""
    page = step(inbound("/reserve", *relayed), NoTicket(), NOON, table(somebody()))
    form = step(inbound("/reserve", *relayed, method="POST"), NoTicket(), NOON, table(somebody()))

    assert isinstance(page, Answer)
    assert (page.status, page.verdict, page.reason) == (303, "challenge", "sign_in")
    assert dict(page.headers)[b"Location"].endswith(b"/.sekisho/login?rd=%2Freserve")
    assert isinstance(form, AskPortal)
    assert form.visit.purpose == FormNotSentPage(SIGN_IN)


@pytest.mark.parametrize("rule", [FixedRule(), FixedRule(nobody=SIGN_IN, somebody=NO), None])
def test_the_script_of_a_worker_that_could_cover_our_pages_is_refused(rule: FixedRule | None) -> None:
    """This holds for every policy of its path; the application decides about a worker in a folder of its own."""
    asked = inbound("/sw.js", ("Service-Worker", "script"), worker_script=True)

    refused = step(asked, NoTicket(), NOON, table(rule))
    beside = step(inbound("/public/sw.js", worker_script=True), NoTicket(), NOON, table(FixedRule()))
    page = step(inbound("/sw.js"), NoTicket(), NOON, table(FixedRule()))

    assert isinstance(refused, Answer)
    assert (refused.status, refused.verdict, refused.reason) == (403, "deny", "service_worker_scope")
    assert isinstance(beside, Forward)
    assert isinstance(page, Forward)


def test_a_path_that_was_passed_on_before_is_refused_to_a_worker() -> None:
    """The remembered rule of a path does not answer a request for a worker's script there."""
    routes = table(FixedRule())
    step(inbound("/sw.js"), NoTicket(), NOON, routes)

    refused = step(inbound("/sw.js", worker_script=True), NoTicket(), NOON, routes)

    assert isinstance(refused, Answer)
    assert refused.status == 403


def test_a_worker_that_the_browser_has_already_is_replaced_by_one_that_goes() -> None:
    """A refusal would leave it in front of our pages."""
    update = inbound("/sw.js", ("If-None-Match", '"v1"'), worker_script=True)

    given = step(update, NoTicket(), NOON, table(FixedRule()))

    assert isinstance(given, Answer)
    assert (given.status, given.verdict, given.reason) == (200, "deny", "service_worker_scope")
    assert b"unregister()" in given.body
    assert (b"Cache-Control", b"no-store") in given.headers


def test_no_proxys_question_about_a_worker_is_answered_with_a_yes() -> None:
    """200 would be one: the proxy would send the application's own script."""
    booking = route(FixedPolicy(FixedRule()), app=app(mode=Mode.FORWARD_AUTH))
    update = inbound("/sw.js", ("If-None-Match", '"v1"'), worker_script=True, forwarded="caddy")

    refused = step(update, NoTicket(), NOON, RouteTable([booking], "/.sekisho/"))

    assert isinstance(refused, Answer)
    assert refused.status == 403


@pytest.mark.parametrize(
    ("headers", "allowed", "replaced"),
    [
        ((("If-None-Match", '"v1"'),), b"/", True),
        ((("If-None-Match", '"v1"'),), b"/public/", False),
        ((), b"/", False),
    ],
)
def test_a_worker_that_an_answer_lets_over_our_pages_is_replaced(
    headers: tuple[tuple[str, str], ...], allowed: bytes, *, replaced: bool
) -> None:
    """Its folder says nothing; what the application's answer to its update allows, does."""
    asked = inbound("/public/sw.js", *headers, worker_script=True)

    given = next_worker(asked, ((b"Service-Worker-Allowed", allowed),), route(), NoTicket())

    assert (given is not None) is replaced


def test_a_public_rule_asks_no_store() -> None:
    """Redis may be away: what tells nothing of anybody goes on."""
    limited = Limited(1, "forged_tickets")
    states: tuple[SessionState, ...] = (NoTicket(), Unread("t"), Gone(), Unavailable(), limited, Found(session()))
    for known in states:
        result = step(inbound(), known, NOON, table(FixedRule()))

        assert isinstance(result, Forward)
        assert not result.signed_in


def test_a_ticket_that_is_not_in_memory_is_asked_for() -> None:
    """The listener fetches it and steps again."""
    assert step(inbound(), Unread("ticket"), NOON, table(somebody())) == NeedSession("ticket")


def test_a_person_who_navigates_is_sent_to_sign_in() -> None:
    """By the portal's page, and a script by a 401 it can read."""
    for known in (NoTicket(), Gone()):
        page = step(inbound(), known, NOON, table(somebody()))
        script = step(inbound("/", SCRIPT), known, NOON, table(somebody()))

        assert isinstance(page, AskPortal)
        assert page.visit.purpose == SignInPage(SIGN_IN)
        assert isinstance(script, Answer)
        assert script.status == 401
        assert json.loads(script.body)["code"] == "sign_in_required"


def test_a_form_that_must_sign_in_is_not_redirected() -> None:
    """The person is told that it was not sent."""
    form = inbound("/", ("Content-Type", "application/x-www-form-urlencoded"), method="POST")

    result = step(form, NoTicket(), NOON, table(somebody()))

    assert isinstance(result, AskPortal)
    assert result.visit.purpose == FormNotSentPage(SIGN_IN)


def test_a_store_that_is_away_is_neither_a_logout_nor_a_pass() -> None:
    """503 where a session is needed, for pages and scripts alike."""
    page = step(inbound(), Unavailable(), NOON, table(somebody()))
    script = step(inbound("/", SCRIPT), Unavailable(), NOON, table(somebody()))

    assert isinstance(page, AskPortal)
    assert page.visit.purpose == TroublePage(Trouble.STORE_UNAVAILABLE, 503, 5)
    assert isinstance(script, Answer)
    assert script.status == 503
    assert (b"Retry-After", b"5") in script.headers


def test_a_look_up_that_was_not_made_is_neither_a_logout_nor_a_pass() -> None:
    """429 where a session is needed, for pages and scripts alike: a person reads a page, never JSON."""
    known = Limited(2, "forged_tickets")

    page = step(inbound(), known, NOON, table(somebody()))
    script = step(inbound("/", SCRIPT), known, NOON, table(somebody()))

    assert isinstance(page, AskPortal)
    assert page.visit.purpose == TroublePage(Trouble.TOO_MANY_REQUESTS, 429, 2)
    assert isinstance(script, Answer)
    assert (script.status, script.reason) == (429, "forged_tickets")
    assert (b"Retry-After", b"2") in script.headers


@pytest.mark.parametrize("known", [Unavailable(), Limited(2, "forged_tickets")])
def test_a_public_rule_goes_on_without_identity_where_it_cannot_be_read(known: SessionState) -> None:
    """A rule that would tell who is signed in, and asks nobody to be, is not closed by a store or a flood."""
    result = step(
        inbound(), known, NOON, table(FixedRule(nobody=Permit(RULE, None), somebody=Permit(RULE, identity())))
    )

    assert isinstance(result, Forward)
    assert not result.signed_in
    assert b"X-Verified" not in result.head


@pytest.mark.parametrize("known", [Unavailable(), Limited(2, "forged_tickets")])
def test_what_is_already_no_is_refused_though_the_store_is_away(known: SessionState) -> None:
    """The identity would not change the refusal."""
    result = step(inbound(), known, NOON, table(FixedRule(nobody=NO, somebody=NO)))

    assert isinstance(result, AskPortal)
    assert result.visit.purpose == RefusalPage(NO)


def test_a_signed_in_person_is_told_of() -> None:
    """The facts go with the request, and the head says nothing of the ticket."""
    cookie = ("Cookie", "a=b; __Host-sekisho=" + "A" * 43)

    result = step(inbound("/reserve", cookie), Found(session()), NOON, table(somebody()))

    assert isinstance(result, Forward)
    assert result.signed_in
    assert b"X-Verified-Subject: hanako\r\n" in result.head
    assert b"Cookie: a=b\r\n" in result.head
    assert b"AAAA" not in result.head


@pytest.mark.parametrize(
    "theirs", [session(identity(client_id="RP00000002")), session(host="wallet.gw.test")], ids=["client", "host"]
)
def test_a_session_of_another_client_or_host_opens_nothing(theirs: Session) -> None:
    """A ticket carried to another tenant's host is a stranger's, and so is one at another host of its own client."""
    result = step(inbound(), Found(theirs), NOON, table(somebody()))

    assert isinstance(result, AskPortal)
    assert isinstance(result.visit.purpose, SignInPage)


@pytest.mark.parametrize("host", ["app.gw.test", ""], ids=["here", "before hosts were kept"])
def test_a_session_of_this_host_or_of_none_is_good(host: str) -> None:
    """Nobody is signed out by an upgrade: a session that has no host yet lives until a clock ends it."""
    result = step(inbound(), Found(session(host=host)), NOON, table(somebody()))

    assert isinstance(result, Forward)
    assert result.signed_in


def test_what_was_decided_is_kept_until_it_can_change() -> None:
    """The decision is asked anew from its moment on, and never kept where it depends on the request."""
    rule = FixedRule(nobody=SIGN_IN, somebody=Permit(RULE, identity()), until=NOON + 10)
    routes = table(rule)
    found = Found(session())

    for now in (NOON, NOON + 9.9):
        step(inbound(), found, now, routes)
    assert rule.asked == 1
    step(inbound(), found, NOON + 10, routes)
    assert rule.asked == 2


def test_what_was_kept_for_one_rule_is_not_another_rules() -> None:
    """A reload puts new rules in place: a permit of the old ones is worth nothing."""
    found = Found(session())
    step(inbound(), found, NOON, table(somebody()))
    assert len(found.permit_cache.permits) == 1
    strict = FixedRule(nobody=NO, somebody=NO)

    result = step(inbound(), found, NOON, table(strict))

    assert isinstance(result, AskPortal)
    assert isinstance(result.visit.purpose, RefusalPage)


def test_another_sites_page_opens_no_websocket() -> None:
    """A signed-in browser sends its cookie for every page that asks: the Origin must be the App's."""
    for origin in (("Origin", "https://evil.example"), ("Origin", "http://app.gw.test"), ("X-No", "origin")):
        result = step(inbound("/ws", origin, websocket=True), Found(session()), NOON, table(somebody()))

        assert isinstance(result, Answer)
        assert result.status == 403
    own = step(
        inbound("/ws", ("Origin", "https://app.gw.test"), websocket=True), Found(session()), NOON, table(somebody())
    )
    assert isinstance(own, Forward)


@pytest.mark.parametrize("known", [NoTicket(), Gone(), Found(session())], ids=["nobody", "ended", "signed in"])
def test_another_sites_page_opens_no_public_websocket(known: SessionState) -> None:
    """The browser sends the application's own cookies too; the App's own pages and allowed ones may open it."""
    here = RouteTable(
        [route(FixedPolicy(FixedRule()), app=app(allowed_origins=("https://spa.gw.test",)))],
        "/.sekisho/",
    )

    def opened(*origins: str) -> Step:
        return step(inbound("/ws", *(("Origin", each) for each in origins), websocket=True), known, NOON, here)

    for origin in ("https://evil.example", "null", "http://app.gw.test", "https://app.gw.test.evil", ""):
        refused = opened(origin)
        assert isinstance(refused, Answer)
        assert (refused.status, refused.reason) == (403, "forbidden_origin")
    assert isinstance(opened("https://app.gw.test", "https://evil.example"), Answer)
    assert isinstance(opened("https://app.gw.test"), Forward)
    assert isinstance(opened("https://spa.gw.test"), Forward)


def test_what_is_no_browser_opens_a_public_websocket() -> None:
    """It says no Origin, and has no cookies of anybody's."""
    here = table(FixedRule())

    assert isinstance(step(inbound("/ws", websocket=True), NoTicket(), NOON, here), Forward)


def test_a_script_of_an_allowed_origin_can_read_its_401() -> None:
    """A script of any other origin cannot read it."""
    here = RouteTable(
        [route(FixedPolicy(somebody()), app=app(allowed_origins=("https://spa.gw.test",)))],
        "/.sekisho/",
    )

    allowed = step(inbound("/api", SCRIPT, ("Origin", "https://spa.gw.test")), NoTicket(), NOON, here)
    other = step(inbound("/api", SCRIPT, ("Origin", "https://evil.example")), NoTicket(), NOON, here)

    assert isinstance(allowed, Answer)
    assert (b"Access-Control-Allow-Origin", b"https://spa.gw.test") in allowed.headers
    assert isinstance(other, Answer)
    assert not any(name == b"Access-Control-Allow-Origin" for name, _ in other.headers)


def test_a_session_knows_which_facts_went_where() -> None:
    """Names alone, once for an App and a set of facts; a permit that waits for an entry of a limit tells nothing."""
    told = Permit(RULE, identity(), disclosed=(("subject", "s-1"), ("name", "日本花子")))
    routes, found = table(FixedRule(nobody=SIGN_IN, somebody=told)), Found(session())
    waiting = Permit(RULE, identity(), told.disclosed, limit=Limit("draw", Once.EVER, frozenset({303})))
    limited, other = table(FixedRule(nobody=SIGN_IN, somebody=waiting)), Found(session())

    for at in (NOON, NOON + 1, NOON + 90_000):
        step(inbound(), found, at, routes)
    step(inbound(), other, NOON, limited)

    (entry,) = found.ledger.told
    assert (entry.names, entry.at) == (("subject", "name"), NOON)
    assert entry.app == routes.routes[0].app.name
    assert other.ledger.told == ()


def test_a_limited_permit_asks_for_an_entry_each_time() -> None:
    """The verdict may be kept, the entry never: each request takes its own."""
    limit = Limit("draw", Once.EVER, frozenset({303}))
    rule = FixedRule(nobody=SIGN_IN, somebody=Permit(RULE, identity(), limit=limit))
    routes, found = table(rule), Found(session())

    first = step(inbound("/enter", SCRIPT, method="POST"), found, NOON, routes)
    second = step(inbound("/enter", SCRIPT, method="POST"), found, NOON, routes)

    assert rule.asked == 1
    for result in (first, second):
        assert isinstance(result, NeedReservation)
        assert result.use.limit == "draw"
        assert isinstance(result.none_left, Answer)
        assert (result.none_left.status, result.none_left.reason) == (403, "limit_reached:draw")
        assert isinstance(result.unavailable, Answer)
        assert result.unavailable.status == 503


def test_a_permit_that_may_give_an_entry_back_names_its_person_each_time() -> None:
    """The use is that of the signed-in person now; a limit of the same rule takes its entry first."""
    draw, fee = Limit("draw", Once.EVER, frozenset({303})), Limit("fee", Once.DAY, frozenset({303}))
    gives_back = GivesBack(draw, header="x-cancelled")
    alone = FixedRule(nobody=SIGN_IN, somebody=Permit(RULE, identity(), gives_back=gives_back))
    both = FixedRule(nobody=SIGN_IN, somebody=Permit(RULE, identity(), limit=fee, gives_back=gives_back))
    candidate = FixedPolicy(FixedRule(nobody=NO, somebody=NO))
    post = inbound("/cancel", SCRIPT, method="POST")

    results = [step(post, Found(session()), NOON, table(alone)) for _ in range(2)]
    counted = step(post, Found(session()), NOON, table(both))
    beside = route(FixedPolicy(alone), candidate=candidate)
    compared = step(post, Found(session()), NOON, RouteTable([beside], "/.sekisho/"))

    for result in results:
        assert isinstance(result, MayGiveBack)
        assert (result.use.limit, result.gives_back) == ("draw", gives_back)
        assert isinstance(result.forward, Forward)
    assert isinstance(counted, NeedReservation)
    assert counted.use.limit == "fee"
    assert isinstance(counted.taken, MayGiveBack)
    assert isinstance(compared, MayGiveBack)
    assert compared.forward.candidate.startswith("deny")


def test_a_candidate_is_heard_and_changes_nothing() -> None:
    """Stricter or more generous: the real policy's verdict stands, and what the other would say is told."""
    stricter = FixedPolicy(FixedRule(nobody=NO, somebody=NO))
    real = FixedRule(nobody=SIGN_IN, somebody=Permit(RULE, identity()))
    generous = FixedPolicy(FixedRule())

    def judged(candidate: FixedPolicy, known: SessionState, *headers: tuple[str, str]) -> Step:
        beside = route(FixedPolicy(real), candidate=candidate)
        return step(inbound("/", *headers), known, NOON, RouteTable([beside], "/.sekisho/"))

    passed = judged(stricter, Found(session()))
    challenged = judged(generous, NoTicket())
    scripted = judged(generous, NoTicket(), SCRIPT)
    nowhere = judged(FixedPolicy(None), Found(session()))
    same = judged(FixedPolicy(real), Found(session()))

    assert isinstance(passed, Forward)
    assert passed.candidate == "deny:condition_no:adult"
    assert isinstance(challenged, AskPortal)
    assert challenged.candidate == "permit"
    assert isinstance(scripted, Answer)
    assert (scripted.status, scripted.candidate) == (401, "permit")
    assert isinstance(nowhere, Forward)
    assert nowhere.candidate == "deny:no_rule"
    assert isinstance(same, Forward)
    assert same.candidate == ""


def test_what_cannot_be_said_is_told_once() -> None:
    """When the lines are made; the next request, which gets the same lines, counts nothing again."""
    disclosed = (("name", "吉\U000e0100田"), ("subject", "a\nb"))
    where = RouteTable(
        [route(FixedPolicy(somebody(disclosed)), app=app(headers=HeaderSettings(charset="cp932")))], "/.s/"
    )
    known = Found(session())

    first, second = (step(inbound("/reserve"), known, NOON, where) for _ in range(2))

    assert isinstance(first, Forward)
    assert isinstance(second, Forward)
    assert (first.losses, second.losses) == ((1, 1), None)
    assert first.head == second.head


def test_an_app_in_maintenance_is_closed_until_its_switch_ends() -> None:
    """For public pages and signed-in people alike; our own pages go on, and so does it when the time is over."""
    closed = RouteTable([route(closed_until=NOON + 90.5)], "/.sekisho/")

    page = step(inbound(), Found(session()), NOON, closed)
    script = step(inbound("/", SCRIPT), NoTicket(), NOON, closed)
    own = step(inbound("/.sekisho/logout"), NoTicket(), NOON, closed)
    later = step(inbound(), NoTicket(), NOON + 90.5, closed)

    assert isinstance(page, AskPortal)
    assert page.visit.purpose == TroublePage(Trouble.MAINTENANCE, 503, 91)
    assert isinstance(script, Answer)
    assert (script.status, script.reason) == (503, "maintenance")
    assert isinstance(own, AskPortal)
    assert own.visit.purpose == OwnPage()
    assert isinstance(later, Forward)


PREFLIGHT = (("Origin", "https://map.gw.test"), ("Access-Control-Request-Method", "POST"))


def asked(*headers: tuple[str, str], by: FixedRule | None, options: FixedRule | None = None, **changes: object) -> Step:
    """Step with an OPTIONS to an App that allows one other origin; OPTIONS itself falls under a rule of its own."""
    policy = ByMethod({"OPTIONS": options or FixedRule(nobody=SIGN_IN, somebody=SIGN_IN)}, by)
    booking = route(policy, app=app(allowed_origins=("https://map.gw.test",)))
    request = inbound("/api", *headers, method="OPTIONS", **changes)
    return step(request, NoTicket(), NOON, RouteTable([booking], "/.sekisho/"))


class ByMethod(FixedPolicy):
    """A policy with a rule for some methods, and one for all others."""

    def __init__(self, rules: dict[str, FixedRule], other: FixedRule | None) -> None:
        super().__init__(other)
        self._rules = rules

    def fitting(self, inbound: Inbound, now: float) -> FixedRule | None:
        """Return the method's rule."""
        return self._rules.get(inbound.method, self.rule)


def test_a_preflight_of_an_allowed_origin_is_answered_by_the_rule_of_what_it_announces() -> None:
    """It comes without her cookies, so it could never sign in; nothing reaches the application."""
    answer = asked(*PREFLIGHT, ("Access-Control-Request-Headers", "content-type, x-csrf-token"), by=somebody())

    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (204, b"")
    headers = dict(answer.headers)
    assert headers[b"Access-Control-Allow-Origin"] == b"https://map.gw.test"
    assert headers[b"Access-Control-Allow-Credentials"] == b"true"
    assert headers[b"Access-Control-Allow-Methods"] == b"POST"
    assert headers[b"Access-Control-Allow-Headers"] == b"content-type, x-csrf-token"
    assert headers[b"Vary"] == b"Origin"


def test_a_preflight_of_what_nobody_may_send_is_refused() -> None:
    """By the rule, or since there is none."""
    for rule in (FixedRule(nobody=NO), None):
        answer = asked(*PREFLIGHT, by=rule)

        assert isinstance(answer, Answer)
        assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        (("Origin", "https://evil.example"), PREFLIGHT[1]),
        (("Origin", "null"), PREFLIGHT[1]),
        (("Origin", "https://map.gw.test.evil.example"), PREFLIGHT[1]),
        (PREFLIGHT[0], PREFLIGHT[0], PREFLIGHT[1]),
        (PREFLIGHT[0],),
        (PREFLIGHT[1],),
        (PREFLIGHT[0], ("Access-Control-Request-Method", "post")),
        (PREFLIGHT[0], ("Access-Control-Request-Method", "TRACE")),
        (*PREFLIGHT, PREFLIGHT[1]),
    ],
)
def test_what_is_no_preflight_of_an_allowed_origin_is_judged_as_any_request(
    headers: tuple[tuple[str, str], ...],
) -> None:
    """A bare OPTIONS is no way around a sign-in."""
    answer = asked(*headers, by=somebody())

    assert isinstance(answer, Answer)
    assert answer.status == 401


def test_a_preflight_that_everybody_may_send_goes_to_the_application() -> None:
    """An application that knows of CORS says more than we can."""
    assert isinstance(asked(*PREFLIGHT, by=somebody(), options=FixedRule()), Forward)


def test_an_outer_proxy_is_told_of_no_preflight() -> None:
    """It would take a 204 for a permit, and forward what nobody has signed in for."""
    booking = app(allowed_origins=("https://map.gw.test",), mode=Mode.FORWARD_AUTH)
    request = inbound("/api", *PREFLIGHT, method="OPTIONS", forwarded="traefik")

    answer = step(request, NoTicket(), NOON, RouteTable([route(FixedPolicy(somebody()), app=booking)], "/.sekisho/"))

    assert isinstance(answer, Answer)
    assert answer.status == 401


@pytest.mark.parametrize("names", ["x\r\nset-cookie: a", "a b", "a,,b", "", ",".join(["x"] * 65), "名"])
def test_a_preflight_repeats_no_field_names_that_are_none(names: str) -> None:
    """Our answer names only tokens."""
    answer = asked(*PREFLIGHT, ("Access-Control-Request-Headers", names), by=somebody())

    assert isinstance(answer, Answer)
    assert answer.status == 204
    assert b"Access-Control-Allow-Headers" not in dict(answer.headers)


PAY = "https://pay.example"
RETURNING = replace(SIGN_IN, returns_from=(PAY,), keep_form=True)
FORM_TYPE = ("Content-Type", "application/x-www-form-urlencoded")
NAVIGATES = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
FROM_PAY = (*NAVIGATES, ("Sec-Fetch-Site", "cross-site"), ("Origin", PAY), FORM_TYPE)


def sent(*headers: tuple[str, str], **changes: object) -> Inbound:
    """Return a form as a browser sends it."""
    values: dict[str, object] = {"method": "POST", "framing": Framing.COUNTED, "length": 9}
    return inbound("/pay/return", *headers, **(values | changes))


def without(headers: tuple[tuple[str, str], ...], name: str) -> tuple[tuple[str, str], ...]:
    return tuple(field for field in headers if field[0] != name)


@pytest.mark.parametrize(
    ("request_", "page"),
    [
        (sent(*FROM_PAY), ReturnedFormPage(RETURNING, PAY)),
        (sent(*without(without(FROM_PAY, "Sec-Fetch-Mode"), "Sec-Fetch-Site")), ReturnedFormPage(RETURNING, PAY)),
        (sent(*FROM_PAY, length=32 * 1024), ReturnedFormPage(RETURNING, PAY)),
        (sent(*FROM_PAY, length=32 * 1024 + 1), ForeignFormPage(RETURNING, PAY)),
        (sent(*FROM_PAY, length=0), ReturnedFormPage(RETURNING, PAY)),
        (sent(*FROM_PAY, framing=Framing.CHUNKED, length=0), ForeignFormPage(RETURNING, PAY)),
        (sent(*without(FROM_PAY, "Content-Type")), ForeignFormPage(RETURNING, PAY)),
        (sent(*FROM_PAY, FORM_TYPE), ForeignFormPage(RETURNING, PAY)),
        (sent(*FROM_PAY, ("Origin", PAY)), ForeignFormPage(RETURNING, "")),
        (sent(*without(FROM_PAY, "Origin")), ForeignFormPage(RETURNING, "")),
        # A service worker passes it on, and would get our page.
        (sent(*FROM_PAY, ("Sec-Fetch-Dest", "empty")), ForeignFormPage(RETURNING, PAY)),
        # The browser sends our cookies with a form of this site, however often it is sent.
        (
            sent(*without(FROM_PAY, "Sec-Fetch-Site"), ("Sec-Fetch-Site", "same-site")),
            FormNotSentPage(RETURNING),
        ),
        (
            sent(*NAVIGATES, ("Sec-Fetch-Site", "same-origin"), ("Origin", "https://app.gw.test"), FORM_TYPE),
            FormNotSentPage(RETURNING, keep=True),
        ),
    ],
)
def test_a_form_is_kept_by_who_sent_it_and_how(request_: Inbound, page: object) -> None:
    """By its head alone; where there is any doubt, it is another site's and is never sent again."""
    judged = step(request_, NoTicket(), NOON, table(FixedRule(nobody=RETURNING)))

    assert isinstance(judged, AskPortal)
    assert judged.visit.purpose == page


def test_a_press_is_looked_for_where_a_rule_names_a_site_and_only_there() -> None:
    """Everywhere else a cookie of ours that is left over changes nothing, also where the rule is remembered."""
    rule = somebody()
    rule.returns_from = (PAY,)
    press = sent(
        *NAVIGATES,
        ("Sec-Fetch-Site", "same-origin"),
        FORM_TYPE,
        cookie=b"a=1; __Host-sekisho-return-3=x",
    )
    here, elsewhere = table(rule), table(somebody())

    for _ in range(2):
        found = step(press, NoTicket(), NOON, here)
        assert found == NeedPress(here.routes[0], (PAY,))
        assert isinstance(step(press, NoTicket(), NOON, elsewhere), AskPortal)
    assert isinstance(step(msgspec.structs.replace(press, cookie=b"a=1"), NoTicket(), NOON, here), AskPortal)
    for other in (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "iframe")):
        changed = sent(*without(NAVIGATES, other[0]), other, FORM_TYPE, cookie=press.cookie)
        assert not isinstance(step(changed, NoTicket(), NOON, here), NeedPress)


FROM_HERE = (*NAVIGATES, ("Sec-Fetch-Site", "same-origin"), ("Origin", "https://app.gw.test"), FORM_TYPE)


def signing() -> FixedRule:
    """Return a rule that has its forms signed by a person whom it lets pass."""
    rule = FixedRule(nobody=SIGN_IN, somebody=Permit(RuleId("test", "rule"), identity()))
    rule.sign = Sign({"ja": "申請書"})
    return rule


def test_a_form_that_must_be_signed_never_reaches_the_application_unsigned() -> None:
    """The person is shown the form; a form with files gets a page, and a script a problem. None is forwarded."""
    known, here = Found(session()), table(signing())

    shown = step(sent(*FROM_HERE), known, NOON, here)
    files = step(sent(*FROM_HERE[:-1], ("Content-Type", "multipart/form-data; boundary=x")), known, NOON, here)
    script = step(sent(SCRIPT, FORM_TYPE, ("Origin", "https://app.gw.test")), known, NOON, here)

    assert isinstance(shown, AskPortal)
    assert shown.visit.purpose == SignFormPage("test/rule", Sign({"ja": "申請書"}))
    assert shown.visit.brings_body
    assert isinstance(files, AskPortal)
    assert files.visit.purpose == NotSignablePage("test/rule", Unsignable.MULTIPART)
    assert isinstance(script, Answer)
    assert (script.status, script.reason) == (403, "signature_required")
    assert here.rule_cache == {}


def test_a_signed_form_goes_on_for_the_person_who_signed_it_alone() -> None:
    """The lines about the signature are in its head; another person's press, or another rule, sends nothing."""
    known = Found(session())
    shown = step(sent(*FROM_HERE), known, NOON, table(signing()))
    forward = step(sent(*FROM_HERE), known, NOON, table(somebody()))
    refused = step(sent(*FROM_HERE), NoTicket(), NOON, table(signing()))

    goes_on = signed(shown, "hanako", b"X-Verified-Signature-Id: x\r\n")

    assert isinstance(goes_on, Forward)
    assert goes_on.head.endswith(b"\r\nX-Verified-Signature-Id: x\r\n")
    assert signed(shown, "taro", b"") is None
    assert signed(forward, "hanako", b"") is None
    assert signed(refused, "hanako", b"") is refused


def test_a_press_is_looked_for_where_a_rule_has_forms_signed() -> None:
    """The press says that only a signed form may be behind it."""
    press = sent(*FROM_HERE, cookie=b"__Host-sekisho-return-3=x")
    here = table(signing())

    assert step(press, Found(session()), NOON, here) == NeedPress(here.routes[0], (), signs=True)


@pytest.mark.parametrize(
    ("path", "changes", "status", "reason"),
    [
        ("/.sekisho/me", {"host": "evil.example"}, 421, "unknown_host"),
        ("/.sekisho/me", {"framing": Framing.COUNTED, "length": 1}, 400, "unexpected_body"),
        ("/.sekisho/me", {"method": "HEAD", "framing": Framing.CHUNKED}, 400, "unexpected_body"),
        ("/.sekisho/me", {"method": "PROPFIND"}, 405, "method_not_allowed"),
        (f"/.sekisho/{JWKS_PAGE}", {}, 404, "unknown_path"),
        ("/here/a", {"method": "PROPFIND"}, 405, "method_not_allowed"),
        ("/here/a", {"framing": Framing.COUNTED, "length": 1}, 400, "unexpected_body"),
        ("/elsewhere", {}, 404, "unknown_path"),
        ("/hereafter", {}, 404, "unknown_path"),
    ],
)
def test_what_no_app_takes_reaches_none(path: str, changes: dict[str, object], status: int, reason: str) -> None:
    """The refusal comes before any rule, also of a policy that lets everybody in; a body ends the connection."""
    rule = FixedRule()
    here = RouteTable([route(FixedPolicy(rule), prefix="/here", app=app(refuse_body=("GET",)))], "/.sekisho/")

    answer = step(inbound(path, **changes), Found(session()), NOON, here)

    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.close is (reason == "unexpected_body")
    assert rule.asked == 0


def test_a_candidate_is_heard_of_what_is_refused_or_counted() -> None:
    """Nothing is said of it before a session is known, nor while the store is away."""
    limited = Permit(RULE, identity(), limit=Limit("draw", Once.EVER, frozenset({303})))
    generous = FixedPolicy(FixedRule())

    def judged(real: FixedRule, known: SessionState) -> Step:
        beside = route(FixedPolicy(real), candidate=generous)
        return step(inbound(), known, NOON, RouteTable([beside], "/.sekisho/"))

    refused = judged(FixedRule(nobody=NO), NoTicket())
    strict = RouteTable([route(FixedPolicy(FixedRule(SIGN_IN, limited)), candidate=FixedPolicy(None))], "/.sekisho/")
    counted = step(inbound(), Found(session()), NOON, strict)
    away = judged(somebody(), Unavailable())

    assert isinstance(refused, AskPortal)
    assert (refused.visit.purpose, refused.candidate) == (RefusalPage(NO), "permit")
    assert isinstance(counted, NeedReservation)
    assert isinstance(counted.taken, Forward)
    assert counted.taken.candidate == "deny:no_rule"
    assert isinstance(away, AskPortal)
    assert away.candidate == ""
    assert judged(somebody(), Unread("ticket")) == NeedSession("ticket")


def files(**settings: object) -> RouteTable:
    """Return a table of an App whose readers, writers and staff have rules of their own."""

    def rule(name: str, match: Match, allow: Allow, **parts: object) -> Rule:
        return Rule(RuleId("p", name), match, allow=allow, **parts)  # type: ignore[arg-type]

    rules = (
        rule("staff", Match(("/files/staff/**",)), Allow.NOBODY),
        rule("look", Match(("/files/**",), frozenset({"GET", "HEAD", "COPY"})), Allow.EVERYONE),
        rule("write", Match(("/files/**",)), Allow.SIGNED_IN, disclose=("subject",)),
    )
    settings = {"methods": ("COPY", "MOVE"), **settings}
    here = route(CompiledPolicy(Policy("p", rules)), app=app(**settings))  # type: ignore[arg-type]
    return RouteTable([here], "/.sekisho/")


def done(outcome: Step) -> tuple[int, str]:
    """Return status and reason of an answer of ours, and 200 for what goes on to the application."""
    if isinstance(outcome, Forward):
        return 200, ""
    assert isinstance(outcome, Answer)
    return outcome.status, outcome.reason


@pytest.mark.parametrize(
    ("method", "query", "field", "both", "wanted"),
    [
        ("GET", None, "DELETE", False, (400, "method_override")),
        ("GET", None, "DELETE", True, (401, "sign_in")),
        ("GET", None, "HEAD", True, (200, "")),
        ("GET", None, "GET", False, (400, "method_override")),
        ("GET", None, "WHAT", True, (400, "method_override")),
        ("GET", b"_method=DELETE", "", False, (400, "method_override")),
        ("GET", b"_method=DELETE", "", True, (401, "sign_in")),
        ("GET", b"_method=HEAD", "", False, (200, "")),
        ("GET", b"_method=WHAT", "", False, (400, "method_override")),
        ("GET", b"page=2", "", False, (200, "")),
        ("POST", b"_method=GET", "", True, (401, "sign_in")),
    ],
)
def test_another_method_that_a_request_asks_for_opens_nothing(
    method: str, query: bytes | None, field: str, *, both: bool, wanted: tuple[int, str]
) -> None:
    """It is refused, or both rules must permit; a query is heard only where it would make a difference."""
    asked = inbound("/files/a", SCRIPT, method=method, overrides=(field.encode(),) if field else ())
    asked = msgspec.structs.replace(asked, target=Target("/files/a", b"/files/a", query))

    outcome = step(asked, NoTicket(), NOON, files(method_override="both" if both else "refuse"))

    assert done(outcome) == wanted


@pytest.mark.parametrize(
    ("method", "destination", "wanted", "sent"),
    [
        ("COPY", "/files/b", (200, ""), b"/files/b"),
        ("COPY", "https://app.gw.test/files/b", (200, ""), b"http://app.gw.test/files/b"),
        ("MOVE", "/files/b", (200, ""), b"/files/b"),
        ("COPY", "/files/staff/b", (403, "nobody_allowed:staff"), b""),
        ("COPY", "/elsewhere", (403, "no_rule"), b""),
        ("COPY", "/.sekisho/me", (400, "reference"), b""),
        ("COPY", "http://app.gw.test/files/b", (400, "reference"), b""),
        ("COPY", "https://evil.example/files/b", (400, "reference"), b""),
        ("COPY", "not a url", (400, "reference"), b""),
        ("COPY", "", (400, "reference"), b""),
    ],
)
@pytest.mark.parametrize("public", [False, True], ids=["inner", "public"])
def test_a_further_resource_is_judged_as_a_write(
    method: str, destination: str, wanted: tuple[int, str], sent: bytes, *, public: bool
) -> None:
    """It must be the App's own, and the application gets it in the scheme that it knows itself by."""
    routes = files(upstream_options=UpstreamSettings(references="public" if public else "inner"))
    there = (("Destination", destination),) if destination else ()
    asked = inbound("/files/a", SCRIPT, *there, method=method, references=bool(there))
    told = sent.replace(b"http:", b"https:") if public else sent

    outcome = step(asked, Found(session()), NOON, routes)

    assert done(outcome) == wanted
    if isinstance(outcome, Forward):
        assert b"\r\nDestination: " + told + b"\r\n" in outcome.head
    # The target's rule is public. The write at the other end is not.
    assert done(step(asked, NoTicket(), NOON, routes))[0] == (401 if wanted[0] == 200 else wanted[0])


@pytest.mark.parametrize(
    ("destination", "wanted"),
    [("/files/b", 200), ("/files/x/../b", 400), ("/files/staff/b", 403)],
)
def test_an_outer_proxy_forwards_a_further_resource_as_it_is(destination: str, wanted: int) -> None:
    """So its spelling must be the one that was judged: nothing that is rewritten would arrive."""
    routes = files(mode=Mode.FORWARD_AUTH)
    asked = inbound(
        "/files/a", SCRIPT, ("Destination", destination), method="COPY", references=True, forwarded="traefik"
    )

    assert done(step(asked, Found(session()), NOON, routes))[0] == wanted


PASS = Permit(RULE, identity(), (("subject", "hanako"),))
NO_MEMBER = Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "member"),))
NEITHER = Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "member"), Reason(ReasonKind.CONDITION_NO, "adult")))
TANAKA = Acting("tanaka")
ELSEWHERE = {"other": KnownAccount(TANAKA, 1, declined=False, valid_from=0, valid_until=NOON * 2)}
"""The account at another App."""
CLICK = ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")
FETCH = ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")


def of_account(need: Accounts | None, somebody: Permit | Deny | Challenge = PASS) -> FixedRule:
    """Return a rule that looks at the application's account."""
    rule = FixedRule(nobody=SIGN_IN, somebody=somebody)
    rule.accounts, rule.needs_account, rule.account_conditions = need, True, frozenset({"member"})
    return rule


def acts(acting: Acting | None = None, choices: int = 0, *, declined: bool = False, until: float = NOON + 30) -> Found:
    """Return a session of which it is known for which account its person acts."""
    known = KnownAccount(acting, choices, declined, NOON - 30, until)
    return Found(session(), accounts={"booking": known, **ELSEWHERE})


@pytest.mark.parametrize(
    "found",
    [
        Found(session()),
        Found(session(), accounts={}),
        Found(session(), accounts=dict(ELSEWHERE)),
        acts(TANAKA, until=NOON),
    ],
)
def test_an_account_that_is_not_known_now_is_asked_for_first(found: Found) -> None:
    """Another App's account says nothing here, and what was known a while ago may have ended."""
    rule = of_account(Accounts.REQUIRED)

    result = step(inbound("/", *CLICK), found, NOON, table(rule))

    assert isinstance(result, NeedAccount)
    assert result.found is found
    assert not rule.asked


def test_a_permit_lasts_no_longer_than_the_account_is_known() -> None:
    """A link that ends at the counter ends what was remembered of it."""
    rule, found = of_account(Accounts.REQUIRED), acts(TANAKA)
    routes = table(rule)

    assert isinstance(step(inbound("/", *CLICK), found, NOON, routes), Forward)
    assert isinstance(step(inbound("/", *CLICK), found, NOON + 29, routes), Forward)
    assert rule.asked == 1
    assert isinstance(step(inbound("/", *CLICK), found, NOON + 30, routes), NeedAccount)


@pytest.mark.parametrize(
    ("need", "found", "somebody", "headers", "wanted"),
    [
        (Accounts.REQUIRED, acts(), PASS, CLICK, AccountPage(str(RULE), AccountAsk.LINK, required=True)),
        (Accounts.REQUIRED, acts(choices=2), PASS, CLICK, AccountPage(str(RULE), AccountAsk.CHOOSE, required=True)),
        (Accounts.REQUIRED, acts(declined=True), PASS, CLICK, AccountPage(str(RULE), AccountAsk.LINK, required=True)),
        (Accounts.REQUIRED, acts(), PASS, FETCH, 403),
        (Accounts.REQUIRED, acts(), NO_MEMBER, CLICK, AccountPage(str(RULE), AccountAsk.LINK, required=True)),
        (Accounts.REQUIRED, acts(), NEITHER, CLICK, RefusalPage(NEITHER)),
        (Accounts.REQUIRED, acts(TANAKA), NO_MEMBER, CLICK, RefusalPage(NO_MEMBER)),
        (Accounts.REQUIRED, acts(), SIGN_IN, CLICK, SignInPage(SIGN_IN)),
        (Accounts.OFFERED, acts(), PASS, CLICK, AccountPage(str(RULE), AccountAsk.LINK, required=False)),
        (Accounts.OFFERED, acts(choices=2), PASS, CLICK, AccountPage(str(RULE), AccountAsk.CHOOSE, required=False)),
        (Accounts.OFFERED, acts(), PASS, FETCH, None),
        (Accounts.OFFERED, acts(declined=True), PASS, CLICK, None),
        (Accounts.OFFERED, acts(), NO_MEMBER, CLICK, AccountPage(str(RULE), AccountAsk.LINK, required=False)),
        (Accounts.OFFERED, acts(), NO_MEMBER, FETCH, 403),
        (Accounts.OFFERED, acts(declined=True), NO_MEMBER, CLICK, RefusalPage(NO_MEMBER)),
        (None, acts(), PASS, CLICK, None),
        (None, acts(), NO_MEMBER, CLICK, RefusalPage(NO_MEMBER)),
    ],
)
def test_a_person_is_asked_for_her_account_where_the_answer_may_let_her_pass(
    need: Accounts | None,
    found: Found,
    somebody: Permit | Deny | Challenge,
    headers: tuple[tuple[str, str], ...],
    wanted: object,
) -> None:
    """A person who is refused, or must sign in, is not asked. An offer interrupts no script and comes once."""
    result = step(inbound("/", *headers), found, NOON, table(of_account(need, somebody)))

    match result:
        case AskPortal():
            assert result.visit.purpose == wanted
        case Answer():
            assert (result.status, result.verdict, result.reason) == (wanted, "challenge", "account_required")
            assert result.pseudonym == "p-hanako"
        case _:
            assert isinstance(result, Forward)
            assert wanted is None


def test_a_step_without_a_permit_is_neither_signed_nor_pressed_through() -> None:
    """An answer is an answer, also to a form that was signed, or pressed on, before."""
    no = step(inbound("/", SCRIPT), Found(session()), NOON, table(FixedRule(nobody=SIGN_IN, somebody=NO)))

    assert isinstance(no, Answer)
    assert signed(no, "hanako", b"X: 1\r\n") is no
    assert pressed(no, inbound("/")) is no
