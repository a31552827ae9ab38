"""A signature's values: ids, states, outcomes."""

from __future__ import annotations

import pytest

from gateway.login.pending import is_state
from gateway.observe.sign_in_metrics import SIGNATURE_OUTCOMES
from gateway.signing.signature import (
    SignOutcome,
    is_id,
    is_signing_state,
    one_time_name,
    same_subject,
)
from tests.signing.test_asked import signature


def test_a_sign_ins_state_is_no_signatures_and_the_reverse() -> None:
    """Neither callback can be taken for the other."""
    own, other = "sign-" + "a" * 43, "a" * 43

    assert is_signing_state(own)
    assert not is_state(own)
    assert is_state(other)
    assert not is_signing_state(other)


def test_an_id_has_one_shape() -> None:
    """Anything else costs no look-up."""
    assert is_id("A-_9" + "a" * 39)
    assert not any(map(is_id, ("", "a" * 42, "a" * 44, "../" + "a" * 40, "a" * 42 + "\n")))


def test_every_outcome_is_counted_and_has_a_status() -> None:
    """A new outcome cannot be added without its word in the metric."""
    assert {outcome.value for outcome in SignOutcome} <= set(SIGNATURE_OUTCOMES)
    assert {outcome.status for outcome in SignOutcome} <= {200, 400, 403, 404, 429, 503}
    assert SignOutcome.OTHER_PERSON.may_begin_again
    assert not SignOutcome.OVER.may_begin_again


def test_the_press_of_a_signature_has_one_name() -> None:
    """Every page of it sends the form once; another signature has another name."""
    assert one_time_name(signature()) == one_time_name(signature(title={"ja": "x"}))
    assert len(one_time_name(signature())) == 17
    assert one_time_name(signature()) != one_time_name(signature(id="j" * 43))


@pytest.mark.parametrize(("subject", "same"), [("hanako", True), ("taro", False), ("", False)])
def test_nobody_is_not_the_same_person(subject: str, same: bool) -> None:
    """The rule holds where the signature belongs to nobody yet as well."""
    assert same_subject(signature(), subject) is same
    assert not same_subject(signature(subject=""), "")
