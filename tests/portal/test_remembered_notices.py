"""Notices that were rendered before: the same page for those who see the same, and another for everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from gateway.identity import Scope
from gateway.pipeline.visit import OwnPage, Visit
from gateway.policy.verdict import Challenge, ChallengeReason, RuleId
from gateway.portal import pages
from gateway.portal.aiohttp_pages import NOTICES, Pages
from gateway.portal.pages import Page
from gateway.portal.sign_in_offer import SignInOffer
from gateway.route.route import Route
from gateway.session.session import NoTicket
from gateway.settings.settings import BrandSettings, ContactSettings
from tests.builders import app, inbound, route

SMALL = Challenge(RuleId("booking", "adults"), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}), {"ja": "予約"})
LARGE = replace(SMALL, scopes=frozenset({Scope.OPENID, Scope.ADDRESS}), reason=ChallengeReason.MORE_FACTS)


def notice(
    here: Route, *, target: str = "/reserve", language: str = "ja", challenge: Challenge = SMALL, agent: str = "Firefox"
) -> Page:
    asked = inbound(target, ("Accept-Language", language), ("User-Agent", agent))
    visit = Visit(here, asked, NoTicket(), OwnPage())
    return pages.notice(visit, SignInOffer(here, target, "GET", challenge))


def every_notice() -> Iterator[Page]:
    """Notices that differ in one thing or several."""
    cities = (
        route(),
        route(app=app(operator={"ja": "渋谷区"})),
        route(app=app(operator={"ja": "目黒区"}, brand=BrandSettings(colour="#0a6b3d"))),
        route(app=app(contact=ContactSettings(phone="03-0000-0000"))),
    )
    agents = ("Firefox", "Line/13.0")
    for here, target, language, challenge, agent in product(cities, ("/a", "/b"), ("ja", "en"), (SMALL, LARGE), agents):
        yield notice(here, target=target, language=language, challenge=challenge, agent=agent)


def test_a_remembered_notice_is_what_would_be_rendered_now() -> None:
    """Another App, target, language, item, reason or browser never gets the page of the one before."""
    remembering = Pages("/.sekisho/")
    written = [remembering.render(page) for page in every_notice()]

    again = [remembering.render(page) for page in every_notice()]

    fresh = [Pages("/.sekisho/").render(page) for page in every_notice()]
    assert written == fresh
    assert again == fresh
    assert len(set(fresh)) == len(fresh)


def test_the_same_notice_is_rendered_once() -> None:
    """Two requests of two people have numbers of their own, which the notice does not show."""
    pages_of_ours = Pages("/.sekisho/")
    first, second = (
        pages.notice(
            Visit(route(), inbound("/reserve", request_id=number), NoTicket(), OwnPage()),
            SignInOffer(route(), "/reserve", "GET", SMALL),
        )
        for number in ("1" * 16, "2" * 16)
    )

    assert first.values["request_id"] != second.values["request_id"]
    assert pages_of_ours.render(first) is pages_of_ours.render(second)


def test_a_query_is_not_remembered() -> None:
    """It may say something about a person."""
    pages_of_ours = Pages("/.sekisho/")
    asked = notice(route(), target="/reserve?name=hanako")

    assert pages_of_ours.render(asked) == pages_of_ours.render(asked)
    assert pages_of_ours.render(asked) is not pages_of_ours.render(asked)


def test_made_up_targets_do_not_fill_the_memory() -> None:
    """The oldest goes first, and a page that is asked for again is rendered again."""
    pages_of_ours = Pages("/.sekisho/")
    first = pages_of_ours.render(notice(route(), target="/0"))

    for number in range(NOTICES):
        pages_of_ours.render(notice(route(), target=f"/{number + 1}"))

    assert pages_of_ours.render(notice(route(), target="/0")) is not first
    last = notice(route(), target=f"/{NOTICES}")
    assert pages_of_ours.render(last) is pages_of_ours.render(last)
