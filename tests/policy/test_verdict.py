"""A verdict's words are those of log lines and headers."""

from __future__ import annotations

import pytest

from gateway.identity import Scope
from gateway.policy.verdict import (
    FACT_SCOPES,
    Challenge,
    ChallengeReason,
    Deny,
    Fact,
    Reason,
    ReasonKind,
    RuleId,
    header_word,
)

RULE = RuleId("booking", "adults")


def test_a_rule_is_named_with_its_policy() -> None:
    """Two policies may have rules of one name."""
    assert str(RULE) == "booking/adults"


@pytest.mark.parametrize(
    ("scopes", "needs"),
    [
        (set(), False),
        ({Scope.OPENID}, False),
        ({Scope.OPENID, Scope.ADDRESS}, True),
        ({Scope.BIRTHDATE}, True),
        (set(Scope), True),
    ],
)
def test_a_notice_is_needed_for_any_fact(scopes: set[Scope], needs: bool) -> None:
    """`openid` alone says nothing about a person; each of the 4情報 does."""
    assert Challenge(RULE, ChallengeReason.SIGN_IN, frozenset(scopes)).needs_notice is needs


def test_a_refusals_words_are_told_apart() -> None:
    """A reader splits them at commas, so no name can look like another reason."""
    deny = Deny(
        RULE,
        (
            Reason(ReasonKind.CONDITION_NO, "adult,limit_reached:x"),
            Reason(ReasonKind.CONDITION_UNKNOWN, "市民"),
            Reason(ReasonKind.NO_RULE),
        ),
    )

    assert deny.words == "condition_no:adult limit_reached:x,condition_unknown:市民,no_rule"
    assert len(deny.words.split(",")) == len(deny.reasons)
    assert Deny(None, ()).words == ""


def test_every_fact_knows_the_scope_it_needs() -> None:
    """A fact without a scope would be disclosed to nobody, or asked of nobody."""
    assert set(FACT_SCOPES) == set(Fact)
    assert {scope for scopes in FACT_SCOPES.values() for scope in scopes} == set(Scope) - {Scope.OPENID}


def test_names_that_make_one_header_fold_alike() -> None:
    """Proxies do not tell `_` from `-`."""
    assert header_word("may_drink") == header_word("May-Drink") == "may-drink"
