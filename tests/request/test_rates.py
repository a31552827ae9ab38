from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request import rates
from gateway.request.rates import Rate

NOW = 1_795_402_800.0


def test_a_minutes_worth_at_once_and_then_steadily() -> None:
    """Sixty a minute: sixty at once, then one a second."""
    rate = Rate(60, 10_000)

    first = [rate.take("192.0.2.1", NOW) for _ in range(61)]

    assert first == [None] * 60 + [2]
    assert rate.take("192.0.2.1", NOW + 1) is None
    assert rate.take("192.0.2.1", NOW + 1) == 2


def test_one_address_does_not_use_up_what_all_share() -> None:
    """A flood from one is refused before it is counted in all."""
    rate = Rate(10, 20)
    for _ in range(1_000):
        rate.take("192.0.2.1", NOW)

    others = [rate.take(f"198.51.100.{number}", NOW) for number in range(11)]

    assert others == [None] * 10 + [4]


def test_looking_counts_nothing() -> None:
    """Whether one more would pass can be asked as often as one likes."""
    rate = Rate(2, 3)

    assert [rate.wait("192.0.2.1", NOW) for _ in range(10)] == [None] * 10
    for _ in range(2):
        rate.take("192.0.2.1", NOW)
    assert rate.wait("192.0.2.1", NOW) == 31
    assert rate.wait("192.0.2.2", NOW) is None
    rate.take("192.0.2.2", NOW)
    assert rate.wait("192.0.2.3", NOW) == 21


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address not seen for longest is forgotten."""
    monkeypatch.setattr(rates, "MOST_ADDRESSES", 3)
    rate = Rate(1, 10_000)

    for number in range(100):
        rate.take(f"192.0.2.{number}", NOW)

    assert len(rate._addresses) == 3
    assert rate.take("192.0.2.99", NOW) is not None


def test_a_clock_set_back_gives_nothing_away() -> None:
    """The clock locks nobody out for longer than the rate either."""
    rate = Rate(60, 10_000)
    for _ in range(60):
        rate.take("192.0.2.1", NOW)

    assert rate.take("192.0.2.1", NOW - 3_600) == 2
    assert rate.take("192.0.2.1", NOW - 3_599) is None


def test_a_rate_of_nothing_is_a_mistake() -> None:
    """Switching sign-ins off is not what this is for."""
    with pytest.raises(ValueError, match="rate of nothing"):
        Rate(0, 10)


@given(st.lists(st.floats(0, 5), max_size=200))
def test_never_more_than_the_rate_allows(pauses: list[float]) -> None:
    """For any pauses between them, no more pass than a bucket and the tokens that flowed into it."""
    rate = Rate(30, 10_000)
    now = NOW
    passed = 0

    for pause in pauses:
        now += pause
        passed += rate.take("192.0.2.1", now) is None

    assert passed <= 30 + (now - NOW) * 0.5 + 1e-6
