from __future__ import annotations

import pytest

from gateway.settings.settings import UpstreamSettings
from gateway.upstream.breaker import SMALLEST_SHARE, Breaker

SETTINGS = UpstreamSettings(failures=3, ejected_for=10.0, slow_return=20.0)


def failed(times: int, at: float = 0.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(times):
        breaker.asked()
        breaker.failed(at)
    return breaker


def test_failures_in_a_row_take_an_upstream_out() -> None:
    """So many and no fewer."""
    assert failed(2).admits(0.0)
    assert not failed(3).admits(0.0)


def test_a_success_between_failures_starts_the_count_anew() -> None:
    """It is the row that counts."""
    breaker = failed(2)

    breaker.succeeded(0.0)
    breaker.failed(0.0)
    breaker.failed(0.0)

    assert breaker.admits(0.0)


def test_one_request_tries_it_again() -> None:
    """One, not all that wait."""
    breaker = failed(3)

    assert not breaker.admits(9.9)
    assert breaker.admits(10.0)
    breaker.asked()
    assert not breaker.admits(10.0)


def test_a_trial_that_tells_nothing_is_repeated() -> None:
    """Its client may have left."""
    breaker = failed(3)
    breaker.asked()

    breaker.let_go()

    assert breaker.admits(10.0)


def test_each_failed_trial_makes_the_wait_longer() -> None:
    """Up to eight times."""
    breaker = failed(3)
    now = 0.0
    waits = []

    for wait in (10, 20, 40, 80, 80):
        now += wait
        assert not breaker.admits(now - 0.1)
        assert breaker.admits(now)
        waits.append(wait)
        breaker.asked()
        breaker.failed(now)

    assert waits[-1] == 80


def test_it_returns_slowly() -> None:
    """From a tenth to the whole over `slow_return`."""
    breaker = failed(3)

    breaker.asked()
    breaker.succeeded(100.0)

    assert breaker.admits(100.0)
    assert breaker.share(100.0) == SMALLEST_SHARE
    assert breaker.share(110.0) == pytest.approx(0.5)
    assert breaker.share(120.0) == 1.0


def test_without_slow_return_it_is_back_at_once() -> None:
    """Zero seconds are no division by zero."""
    breaker = Breaker(UpstreamSettings(failures=1, slow_return=0.0))
    breaker.failed(0.0)

    breaker.succeeded(10.0)

    assert breaker.share(10.0) == 1.0


def test_a_failed_check_takes_it_out_and_a_good_one_brings_it_back() -> None:
    """Also where failures of requests had taken it out."""
    breaker = failed(3)
    breaker.checked(0.0, healthy=False)

    breaker.checked(5.0, healthy=True)

    assert breaker.admits(5.0)
    assert breaker.share(5.0) == SMALLEST_SHARE


def test_an_unhealthy_upstream_gets_nothing() -> None:
    """However well its last requests went."""
    breaker = Breaker(SETTINGS)

    breaker.checked(0.0, healthy=False)

    assert not breaker.admits(1000.0)
