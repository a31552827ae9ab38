"""The head that asks the portal for a page has nothing of the client's in it but a body's type."""

from __future__ import annotations

from gateway.identity import Scope
from gateway.pipeline.visit import FormNotSentPage, OwnPage, Purpose, SignInPage, Visit
from gateway.policy.verdict import Challenge, ChallengeReason, RuleId
from gateway.portal.head import portal_head
from gateway.request.target import DEFAULT_PATHS, Target, canonical
from gateway.session.session import NoTicket
from tests.builders import inbound, route

CHALLENGE = Challenge(RuleId("p", "r"), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))
TYPE = ("Content-Type", "application/x-www-form-urlencoded")


def head(purpose: Purpose, *headers: tuple[str, str], target: bytes = b"/reserve", method: str = "POST") -> list[bytes]:
    found = canonical(target, DEFAULT_PATHS)
    assert isinstance(found, Target)
    asked = inbound("/", *headers, target=found, method=method)
    return portal_head(Visit(route(), asked, NoTicket(), purpose), "token").split(b"\r\n")


def test_a_page_of_ours_is_asked_for_in_its_canonical_spelling() -> None:
    """The portal reads the path by which the byte path found the page."""
    lines = head(OwnPage(), TYPE, ("Cookie", "a=1"), ("X-Evil", "1"), target=b"/.sekisho/%6De?a=%41")

    assert lines == [
        b"POST /.sekisho/me?a=%41 HTTP/1.1",
        b"Host: app.gw.test",
        b"Content-Type: application/x-www-form-urlencoded",
        b"X-Request-Id: 0123456789abcdef",
        b"Sekisho-Visit: token",
        b"",
    ]


def test_any_other_page_is_asked_for_without_the_clients_target() -> None:
    """The target is in the visit; the request line has none of it."""
    assert head(SignInPage(CHALLENGE), TYPE, target=b"/reserve?a=1")[0] == b"GET / HTTP/1.1"
    assert head(FormNotSentPage(CHALLENGE))[0] == b"GET / HTTP/1.1"
    assert head(FormNotSentPage(CHALLENGE, keep=True), TYPE)[0] == b"POST / HTTP/1.1"


def test_a_bodys_type_comes_once_or_not_at_all() -> None:
    """Two types are none, and a page that is not one of ours needs none."""
    other = ("content-type", "text/plain")

    assert not [line for line in head(OwnPage(), TYPE, other) if line.lower().startswith(b"content-type")]
    assert not [line for line in head(OwnPage()) if line.lower().startswith(b"content-type")]
    assert not [line for line in head(SignInPage(CHALLENGE), TYPE) if line.lower().startswith(b"content-type")]
