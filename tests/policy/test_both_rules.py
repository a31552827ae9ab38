"""Two verdicts of which the stricter holds."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Identity, Scope
from gateway.policy.both_rules import BothRules, stricter
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import FittingRule
from gateway.policy.policy import Allow, Rule
from gateway.policy.verdict import (
    Challenge,
    ChallengeReason,
    Deny,
    Limit,
    Once,
    Permit,
    Reason,
    ReasonKind,
    RuleId,
    Sign,
    Verdict,
)
from tests.builders import NOON, identity, inbound

FIRST, OTHER = RuleId("p", "first"), RuleId("p", "other")
DRAW = Limit("draw", Once.DAY, frozenset({200}))
ERASE = Limit("erase", Once.DAY, frozenset({204}))

rule_ids = st.sampled_from([FIRST, OTHER])
disclosed = st.lists(st.sampled_from([("subject", "hanako"), ("adult", "yes"), ("name", "花子")]), unique=True).map(
    tuple
)
limits = st.sampled_from([None, DRAW, ERASE])
permits = st.builds(Permit, rule_ids, st.just(identity()), disclosed, limits, st.booleans())
challenges = st.builds(
    Challenge,
    rule_ids,
    st.sampled_from(ChallengeReason),
    st.frozensets(st.sampled_from(Scope)),
    fresh_within=st.sampled_from([None, 60.0, 600.0]),
    keep_form=st.booleans(),
)
denials = st.builds(Deny, rule_ids, st.just((Reason(ReasonKind.NOBODY_ALLOWED),)))
verdicts: st.SearchStrategy[Verdict] = st.one_of(permits, challenges, denials)
RANK = {Permit: 0, Challenge: 1, Deny: 2}


def _counted(permit: Permit) -> set[str]:
    return {limit.name for limit in (permit.limit, *permit.also) if limit is not None}


@given(verdicts, verdicts)
def test_the_stricter_verdict_holds(first: Verdict, other: Verdict) -> None:
    """Property: a no counts before a sign-in, and a sign-in before a yes, from either of the two."""
    assert RANK[type(stricter(first, other))] == max(RANK[type(first)], RANK[type(other)])


@given(permits, permits)
def test_only_what_both_tell_is_told_and_every_limit_counts(first: Permit, other: Permit) -> None:
    """Property: a permit of both discloses no more than either, counts what either counts, and is no shared cache's."""
    both = stricter(first, other)

    assert isinstance(both, Permit)
    assert set(both.disclosed) == set(first.disclosed) & set(other.disclosed)
    assert _counted(both) == {limit.name for limit in (first.limit, other.limit) if limit is not None}
    assert both.audit == (first.audit or other.audit)
    assert not both.shared
    if both.audit:
        assert (both.rule == first.rule and first.audit) or (both.rule == other.rule and other.audit)


@given(challenges, challenges)
def test_one_sign_in_asks_for_all_that_both_need(first: Challenge, other: Challenge) -> None:
    """Property: who signs in for both is not asked again by one of them."""
    both = stricter(first, other)

    assert isinstance(both, Challenge)
    assert both.scopes == first.scopes | other.scopes
    for each, fresh in product((first, other), (both.fresh_within,)):
        assert each.fresh_within is None or (fresh is not None and fresh <= each.fresh_within)


def test_a_form_comes_back_only_from_sites_that_both_rules_name() -> None:
    """The request may be taken for one of either rule."""
    asked = frozenset({Scope.OPENID})
    first, other = (
        Challenge(rule, ChallengeReason.SIGN_IN, asked, returns_from=sites)
        for rule, sites in (
            (FIRST, ("https://a.example", "https://b.example")),
            (OTHER, ("https://b.example", "https://c.example")),
        )
    )

    verdict = stricter(first, other)

    assert isinstance(verdict, Challenge)
    assert verdict.returns_from == ("https://b.example",)


A, B, C = "https://a.example", "https://b.example", "https://c.example"


def ready(name: str, allow: Allow, **parts: Any) -> FittingRule:
    return FittingRule(Rule(RuleId("p", name), allow=allow, **parts), {}, Surroundings())


RULES = [
    ready("everyone", Allow.EVERYONE),
    ready("told", Allow.EVERYONE, disclose=("subject",)),
    ready("audited", Allow.EVERYONE, audit=True),
    ready("nobody", Allow.NOBODY),
    ready("signed-in", Allow.SIGNED_IN, limit=DRAW, returns_from=(A, B)),
    ready("named", Allow.SIGNED_IN, disclose=("name", "subject"), returns_from=(B, C)),
    ready("fresh", Allow.SIGNED_IN, disclose=("address",), signed_in_within=30.0),
    ready("recent", Allow.SIGNED_IN, signed_in_within=600.0, limit=ERASE),
]
PEOPLE = [
    None,
    identity(),
    identity(asked=frozenset({Scope.OPENID, Scope.NAME}), name="花子"),
    identity(asked=frozenset(Scope), name="花子", authenticated_at=NOON - 10),
]
pairs = pytest.mark.parametrize(("first", "other"), list(product(RULES, RULES)), ids=lambda rule: str(rule.id.rule))


@pairs
@pytest.mark.parametrize("person", PEOPLE, ids=["nobody", "signed in", "named", "all asked"])
def test_both_rules_decide_on_each_request(first: FittingRule, other: FittingRule, person: Identity | None) -> None:
    """A permit needs both, a no or a sign-in needs one, and no decision outlives its request."""
    own = [rule.decide(inbound(), person, NOON).verdict for rule in (first, other)]

    verdict, until = BothRules(first, other).decide(inbound(), person, NOON)

    assert RANK[type(verdict)] == max(RANK[type(each)] for each in own)
    assert until == NOON
    permits = [each for each in own if isinstance(each, Permit)]
    if isinstance(verdict, Permit):
        assert all(set(verdict.disclosed) <= set(each.disclosed) for each in permits)
        assert _counted(verdict) == {name for each in permits for name in _counted(each)}
        assert not verdict.shared


@pairs
def test_both_rules_say_beforehand_what_they_can_need(first: FittingRule, other: FittingRule) -> None:
    """The pipeline reads no session, and the notice asks for no fact, that these values do not announce."""
    both = BothRules(first, other)
    verdicts = [both.decide(inbound(), person, NOON).verdict for person in PEOPLE]

    if not both.needs_session:
        assert all(verdict == verdicts[0] for verdict in verdicts)
    if both.public:
        assert all(isinstance(verdict, Permit) for verdict in verdicts)
    for person, verdict in zip(PEOPLE, verdicts, strict=True):
        if isinstance(verdict, Challenge):
            assert verdict.scopes <= both.scopes | (frozenset() if person is None else person.asked)
    assert both.scopes == first.scopes | other.scopes
    assert both.unshared is both
    assert both.id == first.id


def test_both_rules_look_for_a_form_only_from_sites_that_both_name() -> None:
    """A press on a form of any other site would be of one rule alone."""
    by_name = {rule.id.rule: rule for rule in RULES}
    signed_in, named, recent = by_name["signed-in"], by_name["named"], by_name["recent"]

    assert BothRules(signed_in, named).returns_from == (B,)
    assert BothRules(named, signed_in).returns_from == (B,)
    assert BothRules(signed_in, recent).returns_from == ()


def test_three_rules_are_judged_as_two_of_which_one_stands_for_two() -> None:
    """A request that names several further resources needs the yes of each of their rules."""
    by_name = {rule.id.rule: rule for rule in RULES}
    everyone, signed_in, recent, nobody = (by_name[name] for name in ("everyone", "signed-in", "recent", "nobody"))

    three = BothRules(BothRules(everyone, signed_in), recent).decide(inbound(), identity(), NOON).verdict
    refused = BothRules(BothRules(everyone, nobody), signed_in).decide(inbound(), identity(), NOON).verdict

    assert isinstance(three, Permit)
    assert _counted(three) == {"draw", "erase"}
    assert isinstance(refused, Deny)
    assert refused.rule == nobody.id


def test_a_signature_that_one_rule_wants_is_wanted_of_both() -> None:
    """A form does not lose its signature because it asks to be taken for one of another method."""
    signed = ready("signed", Allow.SIGNED_IN, sign=Sign({"ja": "書"}))
    plain = ready("plain", Allow.SIGNED_IN)

    assert BothRules(signed, plain).sign == BothRules(plain, signed).sign == Sign({"ja": "書"})
