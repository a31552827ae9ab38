"""The declarations of what is in force."""

from __future__ import annotations

from gateway.observe.adopted_metrics import DECLARED, EXPIRY, KEY_CHANGED, POLICY
from gateway.observe.instruments import shown
from gateway.observe.merge import merge


def test_the_certificate_that_ends_first_is_shown() -> None:
    """Two workers may have different ones for a moment, and an alert must see the worse."""
    worse, better = (shown(EXPIRY, {("listener", ""): end}) for end in (100.0, 200.0))

    (family,) = merge([(better,), (worse,)])

    assert [sample.value for sample in family.samples] == [100.0]


def test_two_versions_of_a_policy_are_two_series() -> None:
    """A change that has reached one worker alone is seen; one that has reached both is 1 and not 2."""
    old, new = (shown(POLICY, {("booking", "adults", version): 1.0}) for version in ("a", "b"))

    (half,) = merge([(old,), (new,)])
    (whole,) = merge([(new,), (new,)])

    assert len(half.samples) == 2
    assert [sample.value for sample in whole.samples] == [1.0]


def test_the_times_are_in_seconds() -> None:
    """An alert subtracts `time()`."""
    assert {each.unit for each in (EXPIRY, KEY_CHANGED)} == {"seconds"}
    assert all(each.name.endswith(f"_{each.unit}") for each in DECLARED if each.unit)
