"""The pages of an application that are closed to everybody, before any rule."""

from __future__ import annotations

import pytest

from gateway.policy.closing import CLOSED, SIGN_OUT, closing, signing_out
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import make_inbound
from gateway.policy.policy import Allow, Policy, Rule
from gateway.policy.verdict import Deny, Permit, RuleId
from gateway.settings.settings import Stack
from tests.builders import NOON, inbound
from tests.policy.test_spellings import SPELLINGS, judged

OPEN = Policy("p", (Rule(RuleId("p", "all"), allow=Allow.EVERYONE),))


def test_a_policy_without_such_pages_stays_the_same_object() -> None:
    """Nothing is made anew for an App that closes nothing."""
    assert closing(OPEN, ()) is OPEN


@pytest.mark.parametrize("path", ["/login.php", "/login.php/x", "/password", "/password/a/b"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_pages_and_what_is_below_them_are_closed(path: str, method: str) -> None:
    """The rule is the first one, so that a rule for everybody opens nothing."""
    policy = CompiledPolicy(closing(OPEN, ("/login.php", "/password/**")), stacks=(Stack.PHP,))
    request = inbound(path, method=method)

    rule = policy.fitting(request, NOON)

    assert rule is not None
    assert rule.id.rule == CLOSED
    assert isinstance(rule.decide(request, None, NOON).verdict, Deny)


def test_other_pages_stay_open() -> None:
    """A page with a longer name is another one."""
    policy = CompiledPolicy(closing(OPEN, ("/login.php",)))
    rule = policy.fitting(inbound("/login.phpx"), NOON)

    assert rule is not None
    assert rule.id.rule == "all"


@pytest.mark.parametrize("stack", [None, *Stack])
def test_no_spelling_of_a_closed_page_is_open(stack: Stack | None) -> None:
    """The gateway closes or refuses each path that a server takes for the page: case, dots, `;`, `%2f` and `//`."""
    policy = CompiledPolicy(closing(OPEN, ("/adult/**",)), stacks=() if stack is None else (stack,))

    spelled = [sent for sent in SPELLINGS if not sent.startswith("/open/..%20%3F/")]
    assert len(spelled) > 50
    assert not [sent for sent in spelled if isinstance(judged(policy, sent, None), Permit)]


def test_a_policy_without_sign_out_links_stays_the_same_object() -> None:
    """Nothing is made anew for an App that names none."""
    assert signing_out(OPEN, ()) is OPEN


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/logout.php", None, SIGN_OUT),
        ("/logout.php/x", None, SIGN_OUT),
        ("/logout.php", "x=y", SIGN_OUT),
        ("/login.php", "action=logout&nonce=1", SIGN_OUT),
        ("/login.php", "action=login", CLOSED),
        ("/login.php", None, CLOSED),
        ("/logout.phpx", None, "all"),
    ],
)
def test_sign_out_links_stand_before_closed_pages(path: str, query: str | None, name: str) -> None:
    """The rule holds where the login page itself signs out by a parameter. The rules have the very same name."""
    policy = signing_out(closing(OPEN, ("/login.php",)), ("/logout.php", "/login.php?action=logout"))
    asked = make_inbound("GET", path, query)
    rule = CompiledPolicy(policy, stacks=(Stack.PHP,)).fitting(asked, NOON)

    assert rule is not None
    assert rule.id.rule == name
    assert (rule.id is policy.rules[0].id) == (name == SIGN_OUT)
