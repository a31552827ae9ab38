from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.settings import UpstreamSettings
from gateway.upstream.breaker import SMALLEST_SHARE, Breaker

SETTINGS = UpstreamSettings(failures=3, slow_return=20.0)


def unreached(times: int, *, last: bool = False) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(times):
        breaker.unreached(last=last)
    return breaker


def test_refused_connections_in_a_row_eject_an_upstream() -> None:
    """So many and no fewer."""
    assert unreached(2).in_turn
    assert not unreached(3).in_turn


def test_a_connection_between_starts_the_count_anew() -> None:
    """It is the row that counts."""
    breaker = unreached(2)

    breaker.reached(0.0)
    breaker.unreached(last=False)
    breaker.unreached(last=False)

    assert breaker.in_turn


def test_the_last_upstream_is_never_ejected() -> None:
    """However often it refuses; and it is ejected at the next refusal once another is there."""
    breaker = unreached(100, last=True)

    assert breaker.in_turn
    assert breaker.unreached(last=False)
    assert breaker.ejected


def test_each_ejection_and_each_return_is_told_once() -> None:
    """An event and a count can be made of each."""
    breaker = Breaker(SETTINGS)

    answered = [breaker.unreached(last=False) for _ in range(6)]
    back = [breaker.reached(0.0) for _ in range(3)]

    assert answered == [False, False, True, False, False, False]
    assert back == [True, False, False]


def test_one_connection_brings_it_back() -> None:
    """With a tenth of its share, which grows to the whole over `slow_return`."""
    breaker = unreached(3)

    breaker.reached(100.0)

    assert breaker.in_turn
    assert breaker.share(100.0) == SMALLEST_SHARE
    assert breaker.share(110.0) == pytest.approx(0.5)
    assert breaker.share(120.0) == 1.0


def test_without_slow_return_it_is_back_at_once() -> None:
    """Zero seconds are no division by zero."""
    breaker = Breaker(UpstreamSettings(failures=1, slow_return=0.0))
    breaker.unreached(last=False)

    breaker.reached(10.0)

    assert breaker.share(10.0) == 1.0


def test_a_failed_check_takes_it_out_of_turn_and_a_good_one_brings_it_back() -> None:
    """The check alone: a connection says nothing of what the check asks for."""
    breaker = Breaker(SETTINGS)
    breaker.checked(0.0, healthy=False)
    breaker.reached(1.0)
    out = breaker.in_turn

    breaker.checked(5.0, healthy=True)

    assert (out, breaker.in_turn) == (False, True)
    assert breaker.share(5.0) == SMALLEST_SHARE


@given(st.lists(st.sampled_from(["unreached", "reached", "well", "ill"])), st.integers(1, 3))
def test_one_alone_is_never_ejected_and_shares_stay_in_bounds(answered: list[str], failures: int) -> None:
    """This holds for every order of events."""
    breaker = Breaker(UpstreamSettings(failures=failures, slow_return=5.0))
    for now, what in enumerate(answered):
        match what:
            case "unreached":
                breaker.unreached(last=True)
            case "reached":
                breaker.reached(now)
            case _:
                breaker.checked(now, healthy=what == "well")
        assert not breaker.ejected
        assert SMALLEST_SHARE <= breaker.share(now) <= 1.0


def test_an_upstream_is_down_although_it_is_the_last_and_asked_all_the_same() -> None:
    """An App with one server is not up because there is no other; one connection brings it back."""
    breaker = unreached(3, last=True)

    assert breaker.in_turn
    assert not breaker.is_up
    breaker.reached(0.0)
    assert breaker.is_up


def test_an_upstream_that_its_check_finds_ill_is_down() -> None:
    """Though it accepts connections."""
    breaker = Breaker(SETTINGS)

    breaker.checked(0.0, healthy=False)

    assert breaker.is_reachable
    assert not breaker.is_up
