"""No request reaches a weaker rule as another spelling of a stricter rule's page, unless the analysis names it."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from gateway.policy.authoring import path_words
from gateway.policy.authoring.path_words import TooManyWays
from gateway.policy.authoring.siblings import Siblings
from gateway.policy.decide import CompiledPolicy, Undecidable
from gateway.policy.example import make_inbound
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import load_policy
from gateway.settings.settings import PathSettings, Stack
from gateway.yaml.mistakes import Mistakes
from tests.policy.authoring.sibling_cases import is_told, openings, random_policy
from tests.policy.random_cases import policy_of

ROOT = Path(__file__).parents[3]

ADMIN = "name: strict, match: {path: /admin/**}, require: [office]"
PUBLIC = "name: public, match: {path: /**, method: [GET, HEAD]}, allow: everyone"


def found(*rules: str, stacks: tuple[Stack, ...] = (), methods: tuple[str, ...] | None = None) -> list[tuple[str, str]]:
    """Return the request and the page of each sibling that is open."""
    siblings = Siblings(CompiledPolicy(policy_of(*rules), stacks=stacks), methods)
    return [(sibling.request, sibling.page) for sibling in siblings.open()]


@pytest.mark.parametrize("spelled", ["/ADMIN/users", "/Admin", "/admin.html", "/admin /users"])
def test_the_gateway_refuses_other_spellings_and_so_needs_no_remark(spelled: str) -> None:
    """The proof names such requests; nobody is permitted to send them."""
    policy = CompiledPolicy(policy_of(ADMIN, PUBLIC))

    assert isinstance(policy.fitting(make_inbound("GET", spelled), 0.0), Undecidable)
    assert Siblings(policy).open() == ()


def test_a_star_within_a_strict_path_is_compared() -> None:
    """`*` stands for a segment that no rule names."""
    strict = "name: edit, match: {path: /y/*/edit, method: GET}, require: [adult, office]"

    assert set(found(strict, "name: rest, allow: everyone")) == {
        ("HEAD /y/x/edit", "GET /y/x/edit"),
        ("POST /y/x/edit", "GET /y/x/edit"),
    }


def test_a_rule_with_a_part_of_the_conditions_is_weaker() -> None:
    """Both ask for conditions, and one asks for fewer."""
    strict = "name: both, match: {path: /a/**, query: {kind: night}}, require: [adult, office]"

    assert found(strict, "name: one, match: {path: /a/**}, require: [adult]") == [("GET /a", "GET /a?kind=night")]
    assert found(strict, "name: all, match: {path: /a/**}, require: [office, adult, here]") == []


def test_a_missing_parameter_may_be_supplied() -> None:
    """A value in other signs is refused; one that is missing is the application's to choose."""
    rules = ("name: strict, match: {path: /y/**, query: {kubun: yakan}}, require: [office]", "name: l, allow: everyone")

    assert found(*rules) == [("GET /y", "GET /y?kubun=yakan")]
    policy = CompiledPolicy(policy_of(*rules))
    for value in ("Yakan", "yakan%20", "yakan+"):
        assert isinstance(policy.fitting(make_inbound("GET", "/y", f"kubun={value}"), 0.0), Undecidable)


def test_a_page_without_its_suffix_is_the_page() -> None:
    """The author has spelled `/report`; a server that finds `/report.php` for it is another's business."""
    rules = (
        "name: open, match: {path: /report}, allow: everyone",
        "name: strict, match: {path: /report.php}, require: [office]",
    )

    assert found(*rules) == [("GET /report", "GET /report.php")]
    assert found(*rules, stacks=(Stack.PHP,)) == [("GET /report", "GET /report.php")]
    assert found(*rules, stacks=(Stack.RAILS,)) == []


def test_a_rule_in_front_of_another_is_an_exception_that_its_author_made() -> None:
    """Both are about the path, so nothing of it is a sibling."""
    open_page = "name: about, match: {path: [/about, /list.html, /a/*]}, allow: everyone"

    assert found(open_page, "name: rest, allow: signed_in") == []


def test_a_rule_that_names_its_method_means_it() -> None:
    """A search by POST may be open where pages are not; a POST that no rule names falls to a rule by accident."""
    pages = "name: pages, match: {path: /**, method: [GET, HEAD]}, allow: signed_in"

    assert found("name: search, match: {path: /search, method: POST}, allow: everyone", pages) == []
    assert found(
        "name: recent, match: {path: /r/**, method: [GET, HEAD]}, require: [here]", "name: b, allow: signed_in"
    )
    assert not found(
        "name: recent, match: {path: /r/**, method: [GET, HEAD]}, require: [here]",
        "name: b, allow: signed_in",
        stacks=(Stack.SPRING,),
    )


def test_only_methods_that_arrive_are_compared() -> None:
    """An App that gets no POST needs no remark about one."""
    rules = ("name: a, match: {path: /r, method: [GET, HEAD]}, require: [here]", "name: b, allow: signed_in")

    assert [request for request, _ in found(*rules)] == ["POST /r"]
    assert found(*rules, methods=("GET", "HEAD")) == []


def test_rules_are_compared_in_one_state_of_their_whens() -> None:
    """A rule for staff in the office is no sibling of the same page outside."""
    assert found("name: in, match: {path: /a}, when: office, allow: everyone", "name: out, allow: nobody") == []
    assert found(
        "name: strict, match: {path: /a, method: GET}, when: away, require: [adult]",
        "name: rest, when: away, allow: everyone",
    )
    assert not found(
        "name: strict, match: {path: /a, method: GET}, when: away, require: [adult]",
        "name: rest, when: office, allow: everyone",
    )


def test_an_app_without_case_is_compared_in_lower_case() -> None:
    """Its paths come in lower case, so a pattern is one too."""
    policy = policy_of("name: s, match: {path: /Admin/x, method: GET}, require: [here]", "name: r, allow: everyone")
    paths = PathSettings(ignore_case=True)

    assert [each.request for each in Siblings(CompiledPolicy(policy, paths=paths)).open()] == [
        "HEAD /admin/x",
        "POST /admin/x",
    ]


def test_the_refused_spellings_are_named_by_rule() -> None:
    """The first three of them, as one would type them."""
    ((strict, weaker, requests),) = Siblings(CompiledPolicy(policy_of(ADMIN, PUBLIC))).refused()

    assert (strict.name, weaker.name) == ("strict", "public")
    assert requests == ("GET /ADMIN", "GET /admin.html", "GET /admin%20")


@pytest.mark.parametrize("file", sorted((ROOT / "policies").glob("*.yaml")), ids=lambda file: file.stem)
def test_no_policy_of_ours_has_an_open_sibling(file: Path) -> None:
    """They are samples: a reader copies them."""
    policy = load_policy(file, Mistakes())

    assert policy is not None
    assert Siblings(CompiledPolicy(policy)).open() == ()


# --- against servers -----------------------------------------------------------------


def tried(policies: int, requests: int, seed: int) -> tuple[int, int, int, int]:
    """Return how many requests were open, missed, and how many remarks there were, and false ones among them."""
    opened = missed = told = false = unproved = 0
    for number in range(policies):
        random = Random(seed + number)
        policy = random_policy(random)
        try:
            siblings = Siblings(CompiledPolicy(policy)).open()
        except TooManyWays:
            # The author is told that nothing is proved.
            unproved += 1
            continue
        told += len(siblings)
        false += sum(not _is_open(policy, sibling.request, sibling.weaker.name) for sibling in siblings)
        for request, page, strict, weaker in openings(policy, random, requests):
            opened += 1
            if not is_told(siblings, strict, weaker):
                missed += 1
                sys.stdout.write(f"missed: {seed + number} {request} {page} {strict.name} {weaker.name}\n")
    sys.stdout.write(
        f"{policies * requests} requests, {opened} open, {missed} missed; {told} told, {false} false; "
        f"{unproved} of {policies} policies unproved\n"
    )
    assert unproved < policies / 10
    return opened, missed, told, false


def _is_open(policy: Policy, request: str, weaker: str) -> bool:
    """Whether the gateway answers a request by a rule, in some state of the world."""
    method, _, target = request.partition(" ")
    path, _, query = target.partition("?")
    compiled = CompiledPolicy(policy)
    for client in ("198.51.100.1", "192.0.2.7"):
        rule = compiled.fitting(make_inbound(method, path, query or None, client), 0.0)
        if rule is not None and not isinstance(rule, Undecidable) and rule.rule.name == weaker:
            return True
    return False


def test_no_server_is_missed() -> None:
    """Random policies, and servers that are written apart from the gateway: a share of the long test."""
    opened, missed, told, false = tried(40, 60, 20_000)

    assert opened
    assert told
    assert missed == 0
    assert false == 0


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(10))
def test_no_server_is_missed_in_100_000_requests(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is open that is not told; a remark that the gateway contradicts is counted, and there is none.

    A policy of more states than an ordinary one has is said to be unproved, so that the test ends in time.
    """
    monkeypatch.setattr(path_words, "MOST_STATES", 1_500)

    opened, missed, told, false = tried(250, 40, 100_000 + 250 * part)

    assert opened > 20
    assert told
    assert missed == 0
    assert false == 0
