"""The order of things at a sign-in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import permutations
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.identity import NOT_TOLD, Birthdate, Gender, Scope
from gateway.login.claims import Check
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.pending import PENDING_PER_BROWSER
from gateway.login.service import read_callback
from gateway.login.sign_in import AlreadySignedIn, Begun, Failed, LoggedOut, LoginFailure, LogoutRefused, SignedIn
from gateway.observe.otel_spans import Trace, working_for
from gateway.observe.trace_context import TraceContext
from gateway.request.inbound import Inbound
from gateway.session.owed import Owed, Owing
from gateway.session.session import AllSessions
from gateway.session.ticket import ticket_name
from gateway.settings.settings import Freshness, Reauthenticate
from tests.builders import inbound
from tests.login.conftest import ALL, Browser, House, challenge, route
from tests.login.stand_in import Spoil
from tests.login.test_logout import logout_token
from tests.observe.test_otel_spans import Kept

pytestmark = pytest.mark.usefixtures("soon_fetched_again")


async def test_a_person_signs_in(house: House) -> None:
    """From the challenge to a session with the four items, back where she wanted to go."""
    outcome = await house.sign_in(challenge(*ALL), "/reserve/42?day=2026-11-24")

    assert isinstance(outcome, SignedIn)
    person = outcome.session.identity
    assert outcome.return_to == "/reserve/42?day=2026-11-24"
    assert (person.subject, person.name, person.address) == ("sub-hanako", "佐藤　花子", "東京都渋谷区神南1-1-1")
    assert (person.birthdate, person.gender, person.asked) == (Birthdate(1986, 4, 1), Gender.FEMALE, ALL)
    assert await house.session() == outcome.session
    assert not outcome.other_person
    assert house.stand_in.calls == ["discovery", "token", "jwks", "userinfo"]


async def test_where_only_openid_is_asked_userinfo_is_not_called(house: House) -> None:
    """The gateway does not ask the provider for an item that no rule needs."""
    outcome = await house.sign_in()

    assert isinstance(outcome, SignedIn)
    assert "userinfo" not in house.stand_in.calls


async def test_a_callback_that_arrives_twice_lands_where_the_first_did(house: House) -> None:
    """No second token call, no new ticket, in the browser that still has the session."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    first = await house.finish(query)
    calls = list(house.stand_in.calls)

    second = await house.finish(query)

    assert isinstance(first, SignedIn)
    assert second == AlreadySignedIn("/a")
    assert house.stand_in.calls == calls


async def test_a_callback_sent_again_before_it_was_answered_gets_the_same_answer(house: House) -> None:
    """An impatient reload drops the first answer and its cookie; one code, one session."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    visit = house.browser.visit("/.sekisho/callback")

    first, second = await asyncio.gather(house.service.finish(*visit, query), house.service.finish(*visit, query))

    assert isinstance(first, SignedIn)
    assert second == first
    assert house.stand_in.calls.count("token") == 1


async def test_a_browser_that_goes_away_does_not_end_what_it_began(house: House) -> None:
    """The one that comes again finds the sign-in done."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    visit = house.browser.visit("/.sekisho/callback")
    impatient = asyncio.create_task(house.service.finish(*visit, query))
    house.stand_in.on_token = impatient.cancel

    second = await house.service.finish(*visit, query)

    assert impatient.cancelled()
    assert isinstance(second, SignedIn)
    assert house.stand_in.calls.count("token") == 1


async def test_a_used_callback_says_expired_once_the_session_is_gone(house: House) -> None:
    """A used state opens nothing by itself."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    await house.finish(query)
    await house.service.sign_out(*house.browser.visit())

    assert await house.finish(query) == Failed(LoginFailure.EXPIRED, "/a")


async def test_a_used_callback_is_answered_for_its_own_session_only(house: House) -> None:
    """Another person's, in the same browser, is not led where the first one went."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    await house.finish(query)
    house.stand_in.subject = "sub-taro"
    await house.sign_in()

    assert await house.finish(query) == Failed(LoginFailure.EXPIRED, "/a")


async def test_who_comes_second_to_a_login_redeems_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """At another worker, in the moment between looking and using."""
    query = house.stand_in.authorize(await house.begin(back="/a"))

    async def too_late(*_: object) -> bool:
        return False

    monkeypatch.setattr(house.pending, "use", too_late)

    assert await house.finish(query) == Failed(LoginFailure.EXPIRED, "/a")
    assert "token" not in house.stand_in.calls


async def test_a_session_is_good_at_the_host_it_was_issued_at(house: House) -> None:
    """A ticket that leaked to another App of the same client is nobody's there, and ends nothing either."""
    await house.sign_in()
    session = await house.session()
    stolen = Browser(
        route("wallet.gw.test", name="wallet"), {"__Host-sekisho": house.browser.cookies["__Host-sekisho"]}
    )

    signed_out = await house.service.sign_out(*stolen.visit())

    assert session is not None
    assert session.host == "app.gw.test"
    assert signed_out.ended == 0
    assert await house.session() == session


async def test_signing_out_ends_every_session_the_browser_may_hold(house: House) -> None:
    """A script put a second ticket beside ours: neither is believed, and neither lives on."""
    await house.sign_in()
    mine = house.browser.cookies["__Host-sekisho"]
    other = Browser(house.browser.route)
    house.browser, kept = other, house.browser
    await house.sign_in()
    theirs = other.cookies["__Host-sekisho"]
    planted = inbound("/", ("Cookie", f"__Host-sekisho={mine}; __Host-sekisho={theirs}"), host="app.gw.test")

    signed_out = await house.service.sign_out(kept.route, planted)

    assert signed_out.ended == 2
    assert [await house.sessions.find(ticket) for ticket in (mine, theirs)] == [None, None]


async def test_a_planted_browser_cookie_is_not_believed(house: House) -> None:
    """Junk beside the cookie that binds a sign-in is passed over; of two that may be ours neither is this browser."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    mine = house.browser.cookies["__Host-sekisho-login"]

    def callback(*values: str) -> Inbound:
        cookie = "; ".join(f"__Host-sekisho-login={value}" for value in values)
        return inbound(
            "/.sekisho/callback", ("Cookie", cookie), host="app.gw.test", client_address=house.browser.address
        )

    two = await house.service.finish(house.browser.route, callback("b" * 43, mine), query)
    junk = await house.service.finish(house.browser.route, callback("junk", mine), query)

    assert isinstance(two, Failed)
    assert two.failure is LoginFailure.OTHER_BROWSER
    assert isinstance(junk, SignedIn)


async def test_a_login_begun_for_another_client_is_not_finished(house: House) -> None:
    """The App was given a registration of its own meanwhile."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    house.browser.route = route(client_id="RP00000002")

    assert await house.finish(query) == Failed(LoginFailure.INVALID, "/a", check="state")
    assert "token" not in house.stand_in.calls


async def test_a_callback_in_another_browser_is_no_session_and_uses_nothing_up(house: House) -> None:
    """The ticket cookie of somebody does not help, and the right browser can still finish."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    other = Browser(house.browser.route, {"__Host-sekisho-login": "A" * 43})

    outcome = await house.service.finish(*other.visit(), query)

    assert outcome == Failed(LoginFailure.OTHER_BROWSER, "/a")
    assert "token" not in house.stand_in.calls
    assert isinstance(await house.finish(query), SignedIn)


async def test_two_tabs_work_with_one_cookie(house: House) -> None:
    """The second login of a browser shares its cookie, and both end where they should."""
    first = house.stand_in.authorize(await house.begin(back="/a"))
    cookie = house.browser.cookies["__Host-sekisho-login"]
    second = house.stand_in.authorize(await house.begin(back="/b"))

    assert house.browser.cookies["__Host-sekisho-login"] == cookie
    ended_second = await house.finish(second)
    ended_first = await house.finish(first)

    assert isinstance(ended_first, SignedIn)
    assert isinstance(ended_second, SignedIn)
    assert (ended_first.return_to, ended_second.return_to) == ("/a", "/b")


async def first_visit(house: House, *targets: str) -> list[bytes]:
    """Have several tabs begin before any has a cookie, as a browser restores them; return their callbacks."""
    begun = [await house.service.begin(*house.browser.visit(), challenge(), target) for target in targets]
    for each in begun:
        assert isinstance(each, Begun)
        house.browser.take(each)
    return [house.stand_in.authorize(each.location) for each in begun if isinstance(each, Begun)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_several_tabs_of_a_first_visit_all_come_where_they_should(house: House, order: tuple[int, ...]) -> None:
    """This holds for every last cookie and every first tab; one card may be enough for all of them."""
    targets = ("/a", "/b", "/c")
    callbacks = await first_visit(house, *targets)

    ended = [await house.finish(callbacks[tab]) for tab in order]

    assert isinstance(ended[0], SignedIn)
    assert all(isinstance(each, SignedIn | AlreadySignedIn) for each in ended)
    assert [each.return_to for each in ended if not isinstance(each, Failed)] == [targets[tab] for tab in order]


async def test_two_tabs_of_a_first_visit_may_end_at_once(house: House) -> None:
    """Neither has the other's session yet."""
    callbacks = await first_visit(house, "/a", "/b")
    visit = house.browser.visit("/.sekisho/callback")

    ended = await asyncio.gather(*(house.service.finish(*visit, each) for each in callbacks))

    assert [each.return_to for each in ended if isinstance(each, SignedIn)] == ["/a", "/b"]


async def test_a_tabs_cookie_binds_its_own_login_alone(house: House) -> None:
    """The cookie of one tab, beside a good binding cookie, finishes no other tab's login."""
    first, second = await first_visit(house, "/a", "/b")
    kept = house.browser.cookies["__Host-sekisho-login"]
    house.browser.cookies = {name: value for name, value in house.browser.cookies.items() if value == kept}

    assert await house.finish(first) == Failed(LoginFailure.OTHER_BROWSER, "/a")
    assert isinstance(await house.finish(second), SignedIn)


async def test_a_planted_tabs_cookie_finishes_nobodys_sign_in_where_somebody_has_signed_in(house: House) -> None:
    """A script cannot write over the binding cookie, which says that, but it can invent a tab's cookie."""
    await house.sign_in()
    await house.service.sign_out(*house.browser.visit())
    del house.browser.cookies["__Host-sekisho"]
    attacker = Browser(house.browser.route)
    house.browser, victim = attacker, house.browser
    stolen = house.stand_in.authorize(await house.begin(back="/a"))
    house.browser = victim
    victim.cookies.update({name: value for name, value in attacker.cookies.items() if name[-2] == "-"})

    assert await house.finish(stolen) == Failed(LoginFailure.OTHER_BROWSER, "/a")


async def test_a_browser_that_is_signed_in_goes_to_the_target_of_a_foreign_callback(house: House) -> None:
    """It redeems no code, keeps its session, and leaves the login to the browser that began it."""
    await house.sign_in()
    mine, calls = dict(house.browser.cookies), list(house.stand_in.calls)
    other = Browser(house.browser.route)
    house.browser, own = other, house.browser
    foreign = house.stand_in.authorize(await house.begin(back="/a?b=1"))
    house.browser = own

    outcome = await house.finish(foreign)

    assert outcome == AlreadySignedIn("/a?b=1")
    assert house.browser.cookies == mine
    assert house.stand_in.calls == calls
    house.browser = other
    assert isinstance(await house.finish(foreign), SignedIn)


async def test_a_callback_is_answered_after_a_step_up_as_before(house: House) -> None:
    """The person has another ticket by then, and is still the person who signed in."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    await house.finish(query)
    await house.sign_in(challenge(Scope.BIRTHDATE))

    assert await house.finish(query) == AlreadySignedIn("/a")


async def test_the_provider_hears_nothing_of_a_long_target(house: House) -> None:
    """It waits with the login, with the fragment if somebody said one."""
    target = "/d?q=" + "%E3%81%82" * 900 + "#top"
    location = await house.begin(back=target)

    outcome = await house.finish(house.stand_in.authorize(location))

    assert len(location) < 1_000
    assert isinstance(outcome, SignedIn)
    assert outcome.return_to == target


async def test_a_state_of_another_host_is_a_mix_up(house: House) -> None:
    """A state brought to another App's callback redeems nothing."""
    query = house.stand_in.authorize(await house.begin())
    there = Browser(route("other.gw.test", "RP00000002", "other"), dict(house.browser.cookies))

    outcome = await house.service.finish(*there.visit(), query)

    assert outcome == Failed(LoginFailure.INVALID, check="state")
    assert "token" not in house.stand_in.calls


@pytest.mark.parametrize(
    "query",
    [
        None,
        b"",
        b"code=c1&state=",
        b"code=c1",
        b"code=c1&state=short",
        b"code=c1&state=" + b"A" * 44,
        b"code=c1&state=" + b"x" * 9000,
        b"code=c1&state=%FF",
        b"code=c1&state=\xff",
    ],
)
async def test_a_callback_without_a_state_of_ours_redeems_nothing(house: House, query: bytes | None) -> None:
    """The gateway refuses it in every form before it asks the provider."""
    outcome = await house.finish(query or b"")

    assert isinstance(outcome, Failed)
    assert outcome.failure is LoginFailure.INVALID
    assert house.stand_in.calls == []


async def test_a_parameter_that_comes_twice_is_refused(house: House) -> None:
    """RFC 6749 section 3.1; and it uses nothing up."""
    query = house.stand_in.authorize(await house.begin())

    twice = await house.finish(query + b"&state=x")

    assert twice == Failed(LoginFailure.INVALID, check="state")
    assert isinstance(await house.finish(query), SignedIn)


async def test_cancelling_in_the_app_is_its_own_outcome_and_stays_so(house: House) -> None:
    """`access_denied` is a person's choice; a reload shows the same page."""
    state = parse_qs(urlsplit(await house.begin(back="/a")).query)["state"][0]

    first = await house.finish(f"error=access_denied&state={state}".encode())
    second = await house.finish(f"error=access_denied&state={state}".encode())

    assert first == second == Failed(LoginFailure.CANCELLED, "/a", "access_denied")


@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable"])
async def test_the_providers_own_trouble_is_not_the_cards(house: House, code: str) -> None:
    """Nobody is told to have a card checked that is in order."""
    state = parse_qs(urlsplit(await house.begin(back="/a")).query)["state"][0]

    outcome = await house.finish(f"error={code}&state={state}".encode())

    assert outcome == Failed(LoginFailure.PROVIDER_DOWN, "/a", code, endpoint="authorization")


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("access_denied", LoginFailure.CANCELLED),
        ("server_error", LoginFailure.PROVIDER_DOWN),
        ("temporarily_unavailable", LoginFailure.PROVIDER_DOWN),
        ("invalid_request", LoginFailure.MISCONFIGURED),
        ("unauthorized_client", LoginFailure.MISCONFIGURED),
        ("invalid_scope", LoginFailure.MISCONFIGURED),
        ("a_code_of_tomorrow", LoginFailure.MISCONFIGURED),
        ("unmet_authentication_requirements", LoginFailure.REFUSED),
    ],
)
async def test_each_error_code_has_its_outcome(house: House, code: str, failure: LoginFailure) -> None:
    """The service redeems no code."""
    state = parse_qs(urlsplit(await house.begin(back="/a")).query)["state"][0]

    outcome = await house.finish(f"error={code}&state={state}&code=c1".encode())

    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.return_to, outcome.error) == (failure, "/a", code)
    ours = failure in {LoginFailure.PROVIDER_DOWN, LoginFailure.MISCONFIGURED}
    assert outcome.endpoint == ("authorization" if ours else "")
    assert "token" not in house.stand_in.calls


async def test_an_unknown_error_code_is_made_safe(house: House) -> None:
    """Only the characters OAuth codes are made of get through."""
    state = parse_qs(urlsplit(await house.begin(back="/a")).query)["state"][0]

    outcome = await house.finish(f"error=%3Cscript%3Ealert(1)%0d%0a&state={state}".encode())

    assert outcome == Failed(LoginFailure.MISCONFIGURED, "/a", "scriptalert1", endpoint="authorization")


async def test_an_expired_pending_login_says_so(house: House) -> None:
    """Half an hour and a second: the target is still known."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    house.clock.ahead = 1_801

    assert await house.finish(query) == Failed(LoginFailure.EXPIRED, "/a")
    assert "token" not in house.stand_in.calls


@pytest.mark.parametrize(("later", "target"), [(86_399, "/a"), (86_401, None)])
async def test_the_target_of_an_expired_login_is_kept_for_a_day(house: House, later: float, target: str | None) -> None:
    """The target is kept no longer, and only in the browser that began the login."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    house.clock.ahead = later

    assert await house.finish(query) == Failed(LoginFailure.EXPIRED, target)
    house.browser.cookies.clear()
    elsewhere = await house.finish(query)
    assert isinstance(elsewhere, Failed)
    assert elsewhere.failure is (LoginFailure.EXPIRED if target is None else LoginFailure.OTHER_BROWSER)


async def test_eleven_tabs_can_all_be_finished(house: House) -> None:
    """People open many; the one that is too many says why it has ended."""
    queries = [house.stand_in.authorize(await house.begin(back=f"/{tab}")) for tab in range(11)]
    outcomes = [await house.finish(query) for query in queries]
    assert [getattr(outcome, "return_to", None) for outcome in outcomes] == [f"/{tab}" for tab in range(11)]
    assert not any(isinstance(outcome, Failed) for outcome in outcomes)


async def test_a_login_that_made_room_says_so(house: House) -> None:
    """It is not called too late: its person was quick."""
    first = house.stand_in.authorize(await house.begin(back="/first"))
    for tab in range(PENDING_PER_BROWSER):
        await house.begin(back=f"/{tab}")

    assert await house.finish(first) == Failed(LoginFailure.DISPLACED, "/first")


async def test_a_missing_code_is_refused(house: House) -> None:
    """A state alone proves nothing."""
    state = parse_qs(urlsplit(await house.begin(back="/a")).query)["state"][0]

    assert await house.finish(f"state={state}".encode()) == Failed(LoginFailure.INVALID, "/a", check="code")


async def test_the_issuer_parameter_is_checked_where_it_is_there(house: House) -> None:
    """RFC 9207: an answer of another issuer is a mix-up."""
    right = house.stand_in.authorize(await house.begin(), iss=house.stand_in.issuer)
    wrong = house.stand_in.authorize(await house.begin(back="/a"), iss="https://evil.example")

    assert isinstance(await house.finish(right), SignedIn)
    assert await house.finish(wrong) == Failed(LoginFailure.INVALID, "/a", check="iss_parameter")
    assert house.stand_in.calls.count("token") == 1


async def test_a_code_of_another_login_is_refused_by_its_verifier(house: House) -> None:
    """PKCE: an injected code was not asked for with our challenge."""
    victim = parse_qs(house.stand_in.authorize(await house.begin()).decode())
    own = parse_qs(house.stand_in.authorize(await house.begin(back="/a")).decode())

    outcome = await house.finish(f"code={victim['code'][0]}&state={own['state'][0]}".encode())

    assert outcome == Failed(LoginFailure.INVALID, "/a", "invalid_grant", "token", endpoint="token")


async def test_a_provider_that_is_down_is_said_at_the_start(house: House) -> None:
    """A page, not a redirect into nothing."""
    await house.stand_in.stop()

    outcome = await house.service.begin(*house.browser.visit("/a"), challenge(), None)

    assert outcome == Failed(LoginFailure.PROVIDER_DOWN, "/a", endpoint="discovery", fault="ECONNREFUSED")


@pytest.mark.parametrize("endpoint", ["token", "jwks", "userinfo"])
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda: web.Response(status=500), "status_500"),
        (lambda: web.Response(text="<html>", content_type="text/html"), "type:text/html"),
        (lambda: web.Response(text="{", content_type="application/json"), "not_json"),
        (lambda: web.Response(text="[]", content_type="application/json"), "not_json"),
        (lambda: web.Response(status=302, headers={"Location": "https://evil.example/"}), "status_302"),
        (lambda: web.Response(text="e30.e30.e30", content_type="application/jwt"), "type:application/jwt"),
        (lambda: web.Response(text='{"a": "' + "x" * 300_000 + '"}', content_type="application/json"), "too_long"),
    ],
)
async def test_an_endpoint_that_answers_nonsense_is_a_provider_that_is_down(
    house: House, endpoint: str, answer: Callable[[], web.Response], fault: str
) -> None:
    """No session, no redirect followed, nothing raised; and the operator is told which endpoint, and how."""
    house.stand_in.spoil.answer = lambda name: answer() if name == endpoint else None

    outcome = await house.sign_in(challenge(*ALL), "/a")

    assert outcome == Failed(LoginFailure.PROVIDER_DOWN, "/a", endpoint=endpoint, fault=fault)
    assert await house.session() is None


@pytest.mark.parametrize(
    ("endpoint", "answer", "error"),
    [
        ("token", lambda: web.json_response({"error": "invalid_client"}, status=401), "invalid_client"),
        ("token", lambda: web.Response(status=403, text="<html>"), "status_403"),
        ("userinfo", lambda: web.json_response({"error": "invalid_token"}, status=401), "invalid_token"),
        ("userinfo", lambda: web.Response(status=401), "status_401"),
    ],
)
async def test_a_refusal_names_its_endpoint(
    house: House, endpoint: str, answer: Callable[[], web.Response], error: str
) -> None:
    """The operator mends a fault between the provider and us, and needs to know where it is."""
    house.stand_in.spoil.answer = lambda name: answer() if name == endpoint else None

    outcome = await house.sign_in(challenge(*ALL), "/a")

    assert outcome == Failed(LoginFailure.PROVIDER_DOWN, "/a", error, "token", endpoint=endpoint)


async def test_a_key_that_signs_a_moment_after_it_was_published_costs_nobody_a_sign_in(house: House) -> None:
    """The keys were fetched a moment ago, and the provider signs with a new one: by its name, or without any."""
    await house.sign_in()
    for kid in ("p2", None):
        house.stand_in.key = ECKey.generate_key("P-256", {"kid": kid or "p3", "use": "sig"}, auto_kid=False)
        house.stand_in.spoil.header = {"kid": kid}

        assert isinstance(await house.sign_in(), SignedIn)

    assert house.stand_in.calls.count("jwks") == 3


@pytest.mark.parametrize(
    ("spoil", "failure", "check"),
    [
        (Spoil(id_token={"nonce": "x"}), LoginFailure.INVALID, Check.NONCE),
        (Spoil(id_token={"sub": ""}), LoginFailure.INVALID, Check.SUBJECT),
        (Spoil(id_token={"acr": "low"}), LoginFailure.INVALID, Check.ACR),
        (Spoil(header={"kid": "made-up"}), LoginFailure.INVALID, Check.KEY),
        (Spoil(userinfo={"sub": "somebody-else"}), LoginFailure.INVALID, Check.USERINFO_SUBJECT),
        (Spoil(token={"token_type": "mac"}), LoginFailure.INVALID, Check.TOKEN_TYPE),
        (Spoil(token={"id_token": None}), LoginFailure.CLAIM_MISSING, Check.TOKEN_ANSWER),
    ],
)
async def test_an_answer_that_does_not_hold_makes_no_session(
    house: House, spoil: Spoil, failure: LoginFailure, check: Check
) -> None:
    """Neither at once nor when the page is reloaded; and the code is redeemed once."""
    house.stand_in.spoil = spoil
    query = house.stand_in.authorize(await house.begin(challenge(*ALL), "/a"))

    first, again = await house.finish(query), await house.finish(query)

    assert isinstance(first, Failed)
    assert (first.failure, first.return_to, first.check) == (failure, "/a", check)
    assert again == Failed(failure, "/a")
    assert await house.session() is None
    assert house.stand_in.calls.count("token") == 1


async def test_userinfo_as_a_signed_jwt_is_read_where_it_is_configured(house: House) -> None:
    """By the provider's own key; where it is not configured, the event says what came."""
    house.stand_in.signs_userinfo = house.stand_in.key
    unasked = await house.sign_in(challenge(*ALL), "/a")
    house.configure(userinfo_algorithms=("ES256",))

    outcome = await house.sign_in(challenge(*ALL))

    assert unasked == Failed(LoginFailure.PROVIDER_DOWN, "/a", endpoint="userinfo", fault="type:application/jwt")
    assert isinstance(outcome, SignedIn)
    assert outcome.session.identity.name == "佐藤　花子"


@pytest.mark.parametrize(
    ("spoiled", "stranger", "check"),
    [
        ({"aud": "RP00000002"}, False, Check.AUDIENCE),
        ({"aud": ["RP00000002"]}, False, Check.AUDIENCE),
        ({"iss": "https://evil.example"}, False, Check.ISSUER),
        ({"sub": "sub-taro"}, False, Check.USERINFO_SUBJECT),
        ({}, True, Check.SIGNATURE),
    ],
)
async def test_signed_userinfo_that_does_not_hold_makes_no_session(
    house: House, spoiled: dict[str, Any], stranger: bool, check: Check
) -> None:
    """OpenID Connect Core 5.3.2 and 5.3.4: another client's, another issuer's, another person's, a stranger's."""
    house.configure(userinfo_algorithms=("ES256",))
    house.stand_in.spoil.userinfo = spoiled
    house.stand_in.signs_userinfo = ECKey.generate_key("P-256", auto_kid=False) if stranger else house.stand_in.key

    outcome = await house.sign_in(challenge(*ALL), "/a")

    assert outcome == Failed(LoginFailure.INVALID, "/a", check=check)


async def test_plain_userinfo_is_not_read_where_a_signature_is_configured(house: House) -> None:
    """An attacker who could change the answer could leave the signature out as well."""
    house.configure(userinfo_algorithms=("ES256",))

    outcome = await house.sign_in(challenge(*ALL), "/a")

    assert outcome == Failed(LoginFailure.PROVIDER_DOWN, "/a", endpoint="userinfo", fault="type:application/json")


async def test_a_step_up_changes_the_ticket_and_ends_the_old_session(house: House) -> None:
    """The old ticket is dead at once; the new session knows what was asked now."""
    await house.sign_in()
    old = house.browser.cookies["__Host-sekisho"]

    outcome = await house.sign_in(challenge(Scope.BIRTHDATE))

    assert isinstance(outcome, SignedIn)
    assert outcome.carried_over
    assert not outcome.other_person
    assert await house.sessions.find(old) is None
    assert outcome.session.identity.birthdate == Birthdate(1986, 4, 1)


async def test_a_step_up_keeps_what_only_the_old_session_knew(house: House) -> None:
    """Nobody reads a card twice for the same item; and the absolute clock is the older one's."""
    first = await house.sign_in(challenge(Scope.NAME))
    house.clock.ahead = 5

    second = await house.sign_in(challenge(Scope.BIRTHDATE))

    assert isinstance(first, SignedIn)
    assert isinstance(second, SignedIn)
    assert second.session.identity.name == "佐藤　花子"
    assert second.session.identity.asked == {Scope.OPENID, Scope.NAME, Scope.BIRTHDATE}
    assert second.session.expires_at == first.session.expires_at


async def test_an_item_asked_again_and_not_given_is_unknown(house: House) -> None:
    """This holds also if the old session had the item."""
    await house.sign_in(challenge(Scope.NAME))
    house.stand_in.spoil.token = {"scope": "openid"}

    outcome = await house.sign_in(challenge(Scope.NAME))

    assert isinstance(outcome, SignedIn)
    assert outcome.session.identity.name is None
    assert outcome.session.identity.asked == {Scope.OPENID, Scope.NAME}
    assert ("name", "not_granted") in house.calls.troubles


async def test_another_subject_is_another_person(house: House) -> None:
    """Her session is hers alone, and the one before her has ended."""
    await house.sign_in(challenge(Scope.NAME))
    old = house.browser.cookies["__Host-sekisho"]
    house.stand_in.subject = "sub-taro"

    outcome = await house.sign_in()

    assert isinstance(outcome, SignedIn)
    assert outcome.other_person
    assert not outcome.carried_over
    assert outcome.session.identity.name is None
    assert await house.sessions.find(old) is None


async def test_the_browser_remembers_who_signed_in_last(house: House) -> None:
    """At a library's PC, hours after the first person's session has ended."""
    await house.sign_in()
    house.browser.cookies.pop("__Host-sekisho")

    again = await house.sign_in()
    house.browser.cookies.pop("__Host-sekisho")
    house.stand_in.subject = "sub-taro"
    other = await house.sign_in()

    assert isinstance(again, SignedIn)
    assert isinstance(other, SignedIn)
    assert not again.other_person
    assert other.other_person
    assert "taro" not in house.browser.cookies["__Host-sekisho-login"]


async def test_a_sign_in_that_began_before_a_revocation_makes_no_session(house: House) -> None:
    """An operator who ended all sessions also meant a sign-in under way."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    house.clock.ahead = 1
    await house.sessions.revoke(AllSessions())
    house.clock.ahead = 2

    assert await house.finish(query) == Failed(LoginFailure.EXPIRED, "/a", check="revoked")


async def test_a_sign_in_not_fresher_than_asked_is_refused(house: House) -> None:
    """The provider answered from a session of its own, an hour old."""
    house.stand_in.auth_age = 3600

    outcome = await house.sign_in(challenge(fresh_within=300), "/a")

    assert outcome == Failed(LoginFailure.NOT_FRESH, "/a", check="auth_time_old")


async def test_a_sign_in_that_the_rule_would_refuse_at_once_is_not_taken_for_fresh(house: House) -> None:
    """The rule allows for no difference of clocks: a session that it turns away again and again is a loop."""
    house.stand_in.auth_age = 305

    outcome = await house.sign_in(challenge(fresh_within=300), "/a")

    assert outcome == Failed(LoginFailure.NOT_FRESH, "/a", check="auth_time_old")


async def test_without_auth_time_nothing_is_fresh(house: House) -> None:
    """The gateway assumes no time that the provider does not state; other rules are not affected."""
    house.stand_in.spoil.id_token = {"auth_time": None}

    asked = await house.sign_in(challenge(fresh_within=300), "/a")
    not_asked = await house.sign_in()

    assert asked == Failed(LoginFailure.NOT_FRESH, "/a", check="auth_time_missing")
    assert isinstance(not_asked, SignedIn)
    assert not_asked.session.identity.authenticated_at == NOT_TOLD


@pytest.mark.parametrize(
    ("by", "sent"),
    [
        (Reauthenticate.MAX_AGE, {"max_age": ["150"]}),
        (Reauthenticate.PROMPT, {"prompt": ["login"]}),
        (Reauthenticate.NONE, {}),
        (Reauthenticate.AUTO, {}),
    ],
)
async def test_a_provider_is_asked_for_a_fresh_sign_in_as_the_settings_say(
    house: House, by: Reauthenticate, sent: dict[str, list[str]]
) -> None:
    """Only where a rule wants one; and what was asked is no proof that it was done."""
    house.configure(reauthenticate=by)
    house.stand_in.knows = frozenset({"max_age", "prompt"})
    house.stand_in.auth_age = 3600

    plain = parse_qs(urlsplit(await house.begin()).query)
    location = await house.begin(challenge(fresh_within=300), "/a")
    outcome = await house.finish(house.stand_in.authorize(location))

    assert not plain.keys() & {"max_age", "prompt"}
    assert {name: value for name, value in parse_qs(urlsplit(location).query).items() if name in sent} == sent
    assert outcome == Failed(LoginFailure.NOT_FRESH, "/a", check="auth_time_old")


async def test_where_the_callback_counts_an_auth_time_that_is_told_counts_all_the_same(house: House) -> None:
    """`freshness: callback` fills a gap; it overrules nothing that the provider says."""
    house.configure(freshness=Freshness.CALLBACK)
    house.stand_in.auth_age = 3600
    told = await house.sign_in(challenge(fresh_within=300), "/a")
    house.stand_in.spoil.id_token = {"auth_time": None}
    not_told = await house.sign_in(challenge(fresh_within=300), "/a")

    assert told == Failed(LoginFailure.NOT_FRESH, "/a", check="auth_time_old")
    assert isinstance(not_told, SignedIn)


async def test_the_acr_that_was_not_accepted_is_told_to_the_operator(house: House) -> None:
    """The operator who lists `accept_acr` needs the value: as printable text in the log, not on the person's page."""
    house.configure(acr_values=None, accept_acr=("1",))
    house.stand_in.spoil.id_token = {"acr": "0\n\u202e"}
    refused = await house.sign_in(back="/a")
    house.stand_in.spoil.id_token = {"acr": "1"}
    accepted = await house.sign_in()
    house.stand_in.spoil.id_token = {"acr": None}
    absent = await house.sign_in(back="/b")

    assert refused == Failed(LoginFailure.INVALID, "/a", check=Check.ACR, found="0")
    assert isinstance(accepted, SignedIn)
    assert absent == Failed(LoginFailure.INVALID, "/b", check=Check.ACR, found="absent")


async def test_a_loop_stops_after_three_rounds(house: House) -> None:
    """The same rule, asked again at once, three times over."""
    for _ in range(3):
        assert isinstance(await house.sign_in(), SignedIn)

    outcome = await house.service.begin(*house.browser.visit("/a"), challenge(), None)

    assert outcome == Failed(LoginFailure.LOOP, "/a")


async def test_signing_in_often_is_no_loop(house: House) -> None:
    """Another rule, a minute later, or another person at the same PC start to count anew."""
    for _ in range(5):
        assert isinstance(await house.sign_in(), SignedIn)
        house.clock.ahead += 61
    for name in ("a", "b", "c", "d"):
        assert isinstance(await house.sign_in(challenge(rule=name)), SignedIn)
    for _ in range(5):
        await house.service.sign_out(*house.browser.visit())
        house.browser.cookies.pop("__Host-sekisho")
        assert isinstance(await house.sign_in(), SignedIn)


async def test_signing_out_ends_the_session_and_its_siblings(house: House) -> None:
    """Sessions that began in the same session at the provider end with it."""
    await house.sign_in()
    first = dict(house.browser.cookies)
    house.browser.cookies.clear()
    await house.sign_in()

    signed_out = await house.service.sign_out(*house.browser.visit())

    assert signed_out.ended == 2
    assert signed_out.location is None
    assert await house.sessions.find(first["__Host-sekisho"]) is None


async def test_the_provider_ends_its_session_where_it_offers_to(house: House) -> None:
    """RP-initiated logout, with no token in the URL."""
    house.stand_in.end_session = True
    await house.sign_in()

    signed_out = await house.service.sign_out(*house.browser.visit())

    assert signed_out.location is not None
    assert signed_out.location.startswith(
        f"{house.stand_in.issuer}/logout?client_id=RP00000001&post_logout_redirect_uri="
    )
    assert "token" not in signed_out.location


async def test_each_assertion_is_new_and_names_its_key(house: House) -> None:
    """`jti` is for one use: a client that keeps an assertion is refused at its second login."""
    await house.sign_in()
    await house.sign_in(challenge(rule="other"))

    assert house.stand_in.assertions[0]["jti"] != house.stand_in.assertions[1]["jti"]
    assert house.stand_in.assertion_headers[0]["kid"] == "c1"
    assert house.stand_in.assertions[0]["exp"] - house.stand_in.assertions[0]["iat"] == 60


async def test_the_callback_of_a_prefetch_or_a_visit_changes_nothing_asked(house: House) -> None:
    """The request's own query says nothing about what is asked."""
    begun = await house.service.begin(
        *house.browser.visit("/.sekisho/login"), challenge(), "/?scope=openid+address&prompt=none&client_id=x"
    )

    assert isinstance(begun, Begun)
    asked = parse_qs(urlsplit(begun.location).query)
    assert asked["scope"] == ["openid"]
    assert asked["client_id"] == ["RP00000001"]
    assert asked["redirect_uri"] == ["https://app.gw.test/.sekisho/callback"]
    assert asked["acr_values"] == ["aal3 crl"]
    assert ";" not in asked["state"][0]


class Away:
    """A store that fails at every call."""

    def __init__(self, fault: StoreFault = StoreFault.UNREACHABLE) -> None:
        self._fault = fault

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        """Answer every method with the same failure."""

        async def fail(*_: object, **__: object) -> None:
            raise StoreUnavailableError(self._fault)

        return fail


@pytest.mark.parametrize("fault", StoreFault)
async def test_a_store_that_is_away_is_no_sign_in_and_no_end_of_a_session(
    fault: StoreFault, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that says so, the fault for the log; and never the word that a session has ended when it has not."""
    query = house.stand_in.authorize(await house.begin(back="/a"))
    await house.sign_in()
    monkeypatch.setattr(house.service, "_pending", Away(fault))
    begun = await house.service.begin(*house.browser.visit("/a"), challenge(), None)
    finished = await house.finish(query)
    monkeypatch.undo()
    monkeypatch.setattr(house.service, "_sessions", Away())

    assert begun == Failed(LoginFailure.STORE_DOWN, "/a", fault=fault)
    assert finished == Failed(LoginFailure.STORE_DOWN, fault=fault)
    signed_out = await house.service.sign_out(*house.browser.visit())
    assert (signed_out.ended, signed_out.location, signed_out.kept) == (0, None, False)
    assert signed_out.alive_until is not None


class Waits:
    """The place where sign-outs wait."""

    def __init__(self) -> None:
        self.kept: list[tuple[Owed, bool, str]] = []

    async def keep(self, owed: tuple[Owed, ...], *, sealed: bool, address: str | None) -> bool:
        assert address is not None
        self.kept += [(each, sealed, address) for each in owed]
        return True


async def test_a_sign_out_while_the_store_is_away_waits_by_the_sessions_name(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticket's hash, never the ticket; and until when the session can live at most."""
    await house.sign_in()
    ticket = house.browser.cookies["__Host-sekisho"]
    waits = Waits()
    monkeypatch.setattr(house.service, "_owed", waits)
    monkeypatch.setattr(house.service, "_sessions", Away())

    signed_out = await house.service.sign_out(*house.browser.visit())

    ((owed, sealed, address),) = waits.kept
    assert (owed.owing, owed.name) == (Owing.SESSION, ticket_name(ticket))
    assert (sealed, address) == (False, house.browser.address)
    assert signed_out.kept
    assert signed_out.alive_until is not None
    assert 0 <= owed.until - signed_out.alive_until <= 1
    assert 28_700 < signed_out.alive_until - house.clock() <= 28_800


async def test_a_store_that_goes_away_half_way_is_told_the_rest_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This session has ended; those of the same session at the provider wait."""
    await house.sign_in()
    held = await house.session()
    waits = Waits()

    async def away(*_: object) -> int:
        raise StoreUnavailableError(StoreFault.TIMEOUT)

    monkeypatch.setattr(house.service, "_owed", waits)
    monkeypatch.setattr(house.sessions, "revoke", away)

    signed_out = await house.service.sign_out(*house.browser.visit())

    assert held is not None
    assert signed_out.ended == 1
    assert [(owed.owing, owed.name) for owed, _, _ in waits.kept] == [(Owing.PROVIDER, held.provider_session)]
    assert await house.session() is None


async def test_at_the_cap_a_person_is_told_to_wait(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with a time."""
    monkeypatch.setattr(house.service, "_pending", MemoryPendingStore(total=0))

    outcome = await house.service.begin(*house.browser.visit("/a"), challenge(), None)

    assert outcome == Failed(LoginFailure.TOO_MANY, "/a", retry_after=60)


async def test_a_return_target_that_is_not_ours_becomes_the_root(house: House) -> None:
    """This holds for the target of every link."""
    outcome = await house.sign_in(back="//evil.example")

    assert isinstance(outcome, SignedIn)
    assert outcome.return_to == "/"


@pytest.mark.parametrize("query", [None, b"state=\xe3\x81\x82", b"a=1&" * 40, b"state=s&code=a&code=b", b"state=%ff"])
def test_a_callback_that_has_two_meanings_is_not_read(query: bytes | None) -> None:
    """A parameter that comes twice, signs that are no text, more parameters than a provider sends."""
    assert read_callback(query) is None


def test_a_callback_is_read_without_what_we_do_not_know() -> None:
    """A parameter of another name may come, even twice."""
    assert read_callback(b"state=s&code=a%20b&x=1&x=2") == {"state": "s", "code": "a b"}


@pytest.mark.parametrize("body", [b"", b"logout_token=", b"logout_token=a&logout_token=b", b"\xff", b"x=1"])
async def test_a_logout_without_a_token_ends_nothing(house: House, body: bytes) -> None:
    """The session lives on, and the provider is told no."""
    await house.sign_in()
    calls = list(house.stand_in.calls)

    outcome = await house.service.back_channel_logout(house.browser.route, body)

    assert isinstance(outcome, LogoutRefused)
    assert house.stand_in.calls == calls
    assert await house.session() is not None


async def test_a_logout_token_that_nobody_signed_ends_nothing(house: House) -> None:
    """Its signature is asked for before anything that it says."""
    await house.sign_in()

    outcome = await house.service.back_channel_logout(house.browser.route, b"logout_token=e30.e30.e30")

    assert isinstance(outcome, LogoutRefused)
    assert await house.session() is not None


async def test_the_public_keys_of_the_client_hold_nothing_private(house: House) -> None:
    """They are for the provider to fetch."""
    (key,) = json.loads(house.service.client_jwks(house.browser.route))["keys"]

    assert key["kid"]
    assert "d" not in key


async def test_no_span_of_a_sign_in_holds_anything_of_it(house: House) -> None:
    """The calls to the provider are told by their endpoints; no code, state, token or person is in a span."""
    kept = Kept()
    with working_for(Trace(TraceContext("ab" * 16, "cd" * 8, sampled=True), kept)):
        query = house.stand_in.authorize(await house.begin())
        outcome = await house.finish(query)

    assert isinstance(outcome, SignedIn)
    assert {span.attributes["sekisho.endpoint"] for span in kept.spans} >= {"discovery", "token", "jwks"}
    told = str(kept.spans)
    values = [value for values in parse_qs(query.decode()).values() for value in values]
    for canary in (house.stand_in.subject, *values, *house.stand_in.tokens, *map(str, house.browser.cookies.values())):
        assert len(canary) > 3
        assert canary not in told


async def test_a_logout_token_counts_once(house: House) -> None:
    """The same token again ends nothing: somebody may have kept it."""
    await house.sign_in()
    body = logout_token(house)

    assert await house.service.back_channel_logout(house.browser.route, body) == LoggedOut(1)
    await house.sign_in()
    assert await house.service.back_channel_logout(house.browser.route, body) == LogoutRefused(Check.REPLAYED)
    assert await house.session() is not None


async def test_a_logout_token_is_not_spent_while_the_store_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider tries again with the same one, and finds the session ended this time."""
    await house.sign_in()
    body = logout_token(house)
    revoke = house.sessions.revoke

    async def away(*_: object) -> int:
        raise StoreUnavailableError(StoreFault.UNREACHABLE)

    monkeypatch.setattr(house.sessions, "revoke", away)
    refused = await house.service.back_channel_logout(house.browser.route, body)
    monkeypatch.setattr(house.sessions, "revoke", revoke)

    assert refused == LogoutRefused(StoreUnavailableError.code)
    assert await house.session() is not None
    assert await house.service.back_channel_logout(house.browser.route, body) == LoggedOut(1)
    assert await house.session() is None


async def test_a_logout_token_with_a_subject_alone_ends_each_of_its_sessions(house: House) -> None:
    """Back-Channel Logout section 2.7; the client's published keys are public ones."""
    await house.sign_in()

    ended = await house.service.back_channel_logout(house.browser.route, logout_token(house, sid=None))

    assert ended == LoggedOut(1)
    assert b'"d"' not in house.service.client_jwks(house.browser.route)
