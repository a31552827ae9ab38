from __future__ import annotations

from dataclasses import replace

from gateway.identity import Scope
from gateway.instant import Instant
from gateway.pipeline.visit import OwnPage, Visit
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, ReasonKind, RuleId
from gateway.portal.sign_in_offer import NothingToAsk, SignInOffer, next_offer, offer_for, person_of, redecide
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, NoTicket, SessionState
from tests import builders
from tests.portal.conftest import BARE, NOTICED, PREFIX, TOO_YOUNG

SIGNED_IN = Found(builders.session())


class ByMethod(builders.FixedPolicy):
    """A policy with a rule for sending and one for looking."""

    def fitting(self, inbound: Inbound, now: Instant) -> builders.FixedRule:
        return builders.FixedRule(NOTICED if inbound.method == "POST" else BARE)


def table_of(*routes: Route) -> RouteTable:
    return RouteTable(routes, PREFIX)


def visit(route: Route, session: SessionState | None = None) -> Visit:
    return Visit(route, builders.inbound(f"{PREFIX}login", method="POST"), session or NoTicket(), OwnPage())


def ask(
    route: Route, target: str, method: str = "GET", session: SessionState | None = None
) -> SignInOffer | NothingToAsk | Deny:
    state = session or NoTicket()
    return next_offer(visit(route, state), target, method, state, builders.NOON, table_of(route))


def test_the_policy_is_asked_for_the_page_and_the_method_that_were_challenged() -> None:
    """A rule for sending a form asks for more than the rule for looking at it."""
    route = builders.route(ByMethod(None))

    sending, looking = ask(route, "/pay", "POST"), ask(route, "/pay")

    assert isinstance(sending, SignInOffer)
    assert isinstance(looking, SignInOffer)
    assert sending.items == ("name", "address", "birthdate")
    assert looking.items == ()


def test_a_fragment_changes_nothing_of_what_is_asked() -> None:
    """No server hears of one; it comes back with the target."""
    offer = ask(builders.route(ByMethod(None)), "/pay?a=1#top", "POST")

    assert isinstance(offer, SignInOffer)
    assert (offer.items, offer.target) == (("name", "address", "birthdate"), "/pay?a=1#top")


def test_the_longest_prefix_answers() -> None:
    """A target under another App of the host is judged by that App's policy."""
    home = builders.route(builders.FixedPolicy(builders.FixedRule(BARE)))
    other = builders.route(
        builders.FixedPolicy(builders.FixedRule(NOTICED)), app=builders.app(name="wallet"), prefix="/wallet"
    )

    route, verdict = redecide(visit(home), "/wallet/new", "GET", NoTicket(), builders.NOON, table_of(home, other))

    assert route is other
    assert verdict == NOTICED


def test_what_no_rule_fits_is_refused() -> None:
    """Nobody touches a card for a page they may not see."""
    outcome = ask(builders.route(builders.FixedPolicy(None)), "/x")

    assert isinstance(outcome, Deny)
    assert outcome.reasons[0].kind is ReasonKind.NO_RULE


def test_what_the_door_refuses_by_its_spelling_is_the_doors_to_refuse() -> None:
    """After signing in, the browser goes on to exactly that target, and meets the listener's answer there."""
    route = builders.route(builders.FixedPolicy(None))

    for target in ("/a//b", "/path;v=1/x", "/a%2fb"):
        outcome = ask(route, target)
        assert isinstance(outcome, SignInOffer)
        assert outcome.target == target
        assert outcome.items == ()
        assert ask(route, target, session=SIGNED_IN) == NothingToAsk()


def test_where_nobody_has_to_sign_in_one_may() -> None:
    """Then nothing but who it is is asked."""
    route = builders.route()

    outcome = ask(route, "/")

    openid = Challenge(RuleId("test", ""), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))
    assert outcome == SignInOffer(route, "/", "GET", openid)


def test_who_is_signed_in_and_may_pass_needs_nothing() -> None:
    """Onward, without another card reading."""
    assert ask(builders.route(), "/", session=SIGNED_IN) == NothingToAsk()


def test_a_session_of_another_client_is_nobodys() -> None:
    """It was another registration that this person signed in with."""
    stranger = Found(builders.session(builders.identity(client_id="RP00000002")))

    assert person_of(stranger, builders.route()) is None
    assert person_of(Found(builders.session(host="wallet.gw.test")), builders.route()) is None
    assert person_of(SIGNED_IN, builders.route()) is SIGNED_IN.session.identity


def test_a_challenge_in_place_starts_from_where_it_stands() -> None:
    """Path and query as the byte path understood them."""
    route = builders.route()
    asked = Visit(route, builders.inbound("/reserve/42"), NoTicket(), OwnPage())

    assert offer_for(asked, NOTICED) == SignInOffer(route, "/reserve/42", "GET", NOTICED)


class Article(builders.FixedPolicy):
    """Everybody reads; to write, a person must sign in with a name, by a fresh sign-in."""

    def fitting(self, inbound: Inbound, now: Instant) -> builders.FixedRule:
        writing = replace(NOTICED, fresh_within=60.0, keep_form=True, returns_from=("https://pay.example",))
        return builders.FixedRule(writing if inbound.method == "POST" else None)


def test_a_sign_in_on_a_page_for_everyone_asks_for_what_its_forms_need() -> None:
    """A person signs in there to send one. A second notice would otherwise follow, and the card be read twice."""
    route = builders.route(Article(None))

    offer = ask(route, "/article")

    assert isinstance(offer, SignInOffer)
    assert offer.method == "GET"
    assert offer.challenge.scopes == NOTICED.scopes
    assert offer.challenge.purpose == NOTICED.purpose
    # The form itself is judged when it comes.
    assert (offer.challenge.fresh_within, offer.challenge.keep_form, offer.challenge.returns_from) == (None, False, ())
    assert ask(route, "/article", session=SIGNED_IN) == NothingToAsk()


def test_a_sign_in_on_a_page_whose_forms_are_closed_asks_for_nothing_more() -> None:
    """A form that is refused in any case needs no facts."""

    class Closed(builders.FixedPolicy):
        def fitting(self, inbound: Inbound, now: Instant) -> builders.FixedRule:
            return builders.FixedRule(TOO_YOUNG if inbound.method == "POST" else None)

    offer = ask(builders.route(Closed(None)), "/article")

    assert isinstance(offer, SignInOffer)
    assert offer.items == ()
