"""An App as a route: where it lives, whose sessions it accepts, and what it asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.identity import Scope
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Challenge, ChallengeReason, RuleId
from gateway.settings.settings import Ask
from gateway.yaml.mistakes import Mistakes
from tests.builders import CLIENT, app, identity, route, session

ADDRESS_ELSEWHERE = """\
policy: p
purpose: {ja: 施設の予約}
rules:
  - {name: r, allow: signed_in, match: {path: /a}}
  - {name: s, allow: signed_in, disclose: [address]}
"""

CHALLENGE = Challenge(RuleId("p", "r"), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}), {"ja": "予約"})


def compiled(text: str) -> CompiledPolicy:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes)
    assert policy is not None, mistakes.say()
    return CompiledPolicy(policy)


@pytest.mark.parametrize(
    ("prefix", "path", "holds"),
    [
        ("/", "/", True),
        ("/", "/anything", True),
        ("/shop", "/shop", True),
        ("/shop", "/shop/", True),
        ("/shop", "/shop/1", True),
        ("/shop", "/shopping", False),
        ("/shop", "/", False),
        ("/shop", "/Shop/1", False),
        ("/shop", "/a/shop/1", False),
    ],
)
def test_a_prefix_ends_at_a_segment(prefix: str, path: str, holds: bool) -> None:
    """`/shopping` is not below `/shop`."""
    assert route(prefix=prefix).holds(path) is holds


def test_a_session_opens_the_app_it_was_issued_at() -> None:
    """Another client's session, or one of another host, opens nothing; a port is no part of a cookie's host."""
    here = route(host="app.gw.test:8443")

    assert here.cookie_host == "app.gw.test"
    assert here.accepts(session(host="app.gw.test"))
    assert here.accepts(session(host=""))
    assert not here.accepts(session(host="other.gw.test"))
    assert not here.accepts(session(identity(client_id=f"{CLIENT}x"), host="app.gw.test"))


def test_an_address_in_brackets_keeps_its_colons() -> None:
    """Only a port is cut off."""
    assert route(host="[2001:db8::1]:8443").cookie_host == "[2001:db8::1]"
    assert route(host="[2001:db8::1]").cookie_host == "[2001:db8::1]"


def test_the_origin_has_the_scheme_of_the_app() -> None:
    """Plain HTTP is for loopback alone, and the settings say so."""
    here = route(host="app.gw.test")

    assert here.origin == f"{'https' if here.app.secure else 'http'}://app.gw.test"
    assert here.name == here.app.name


def test_an_app_asks_once_or_rule_by_rule() -> None:
    """`ask: once` adds what any rule can need; `per_rule` asks what this rule needs."""
    policy = compiled(ADDRESS_ELSEWHERE)
    by_rule = replace(route(app=app(ask=Ask.PER_RULE)), policy=policy)
    at_once = replace(route(app=app(ask=Ask.ONCE)), policy=policy)

    assert by_rule.asking(CHALLENGE) is CHALLENGE
    asked = at_once.asking(CHALLENGE)
    assert asked.scopes == {Scope.OPENID, Scope.ADDRESS}
    assert asked.purpose == {"ja": "施設の予約"}
