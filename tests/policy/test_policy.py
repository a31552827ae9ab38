from __future__ import annotations

from gateway.policy.verdict import Deny, Reason, ReasonKind


def test_a_refusal_says_every_reason_by_name() -> None:
    """A no has a name in the audit and in the metric; sentences, which people read, are not among them."""
    deny = Deny(
        None,
        (
            Reason(ReasonKind.CONDITION_NO, "adult", {"ja": "18歳以上の方が予約できます。"}),
            Reason(ReasonKind.CONDITION_UNKNOWN, "市内、在住"),
            Reason(ReasonKind.NO_RULE),
        ),
    )

    assert deny.words == "condition_no:adult,condition_unknown:市内、在住,no_rule"


def test_a_comma_in_a_name_makes_no_second_reason() -> None:
    """Words are told apart by commas."""
    assert Reason(ReasonKind.CONDITION_NO, "a,b").word == "condition_no:a b"
