"""The faults that a test orders from the emulator are those that it gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.faults import ENDPOINTS, Alterations, Fault, altered

NOW = 1_795_402_800.0


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_each_endpoint_can_fail(endpoint: str) -> None:
    """By itself a fault changes nothing, and lasts until it is lifted."""
    fault = Fault(endpoint)

    assert (fault.status, fault.body, fault.delay, fault.drop, fault.times) == (None, None, 0.0, False, None)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"endpoint": "tokens"}, "`tokens` is no endpoint: one of auth, certs, "),
        ({"endpoint": "x" * 99}, f"`{'x' * 40}` is no endpoint"),
        ({"endpoint": "token", "status": 199}, "`status` must be 200 to 599"),
        ({"endpoint": "token", "status": 600}, "`status` must be 200 to 599"),
        ({"endpoint": "token", "delay": -0.1}, "`delay` must be 0 to 600 seconds"),
        ({"endpoint": "token", "delay": 601}, "`delay` must be 0 to 600 seconds"),
        ({"endpoint": "token", "delay": float("nan")}, "`delay` must be 0 to 600 seconds"),
    ],
)
def test_a_fault_that_cannot_be_meant_is_refused(order: dict[str, Any], said: str) -> None:
    """A test that misspells its order would otherwise try nothing, and pass."""
    with pytest.raises(ValueError, match=said):
        Fault(**order)


def test_the_ends_of_each_range_are_meant() -> None:
    """A status from 200 to 599, and ten minutes."""
    assert Fault("token", status=200, delay=0).status == 200
    assert Fault("token", status=599, delay=600).delay == 600


def test_a_signature_is_one_of_three() -> None:
    """Another word would leave it right."""
    assert [Alterations(signature=word).signature for word in ("right", "broken", "stranger")]
    with pytest.raises(ValueError, match="`right`, `broken` or `stranger`"):
        Alterations(signature="wrong")


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers() | st.text()),
    st.dictionaries(st.sampled_from("bcd"), st.none() | st.integers() | st.text()),
)
def test_members_are_changed_added_and_taken_away(members: dict[str, object], changes: dict[str, object]) -> None:
    """Null takes a member away, any other value stands in its place, and the others stay."""
    kept = dict(members)

    result = altered(members, changes, NOW)

    assert result == {name: value for name, value in {**members, **changes}.items() if value is not None}
    assert members == kept


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("exp", -60, NOW - 60),
        ("iat", 0, NOW),
        ("nbf", 3_600, NOW + 3_600),
        ("auth_time", -315_359_999, NOW - 315_359_999),
        # Ten years and more are a time of their own.
        ("exp", 315_360_000, 315_360_000),
        ("exp", 1_795_402_800, 1_795_402_800),
        ("exp", "soon", "soon"),
        ("exp", 1.5, 1.5),
        ("sub", 5, 5),
    ],
)
def test_a_small_number_for_a_time_counts_from_now(name: str, value: object, said: object) -> None:
    """A test orders a token that expired a minute ago without a look at a clock."""
    assert altered({name: 1}, {name: value}, NOW) == {name: said}
