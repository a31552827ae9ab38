"""Two verdicts of which the stricter holds."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Scope
from gateway.policy.both_rules import stricter
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
    Verdict,
)
from tests.builders import identity

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
    counted = {limit.name for limit in (both.limit, *both.also) if limit is not None}
    assert counted == {limit.name for limit in (first.limit, other.limit) if limit is not None}
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
