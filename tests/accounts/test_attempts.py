"""Attempts at an application's login: their limits, their scopes, and the time of the answer."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.attempts import (
    AGAIN_SECONDS,
    ANSWER_EVERY,
    DAY,
    MOST_FOR_ACCOUNT,
    OPEN_SECONDS,
    Attempt,
    AttemptLimits,
    account_scope,
    again_scope,
    answer_at,
    attempt_limits,
    kept_scopes_of,
    login_scope,
    person_scope,
    scope_names,
    scopes_of,
)

NOW = 1_800_000_000.0


@pytest.mark.parametrize(("locks_after", "most"), [(2, 1), (3, 1), (4, 2), (5, 3), (6, 4), (7, 5), (20, 5), (1000, 5)])
def test_we_stay_below_the_applications_lock(locks_after: int, most: int) -> None:
    """With an attempt to spare for its staff, as far as there is one."""
    limits = attempt_limits(locks_after, 1800.0)

    assert limits.account == most < locks_after
    assert most <= limits.kept < locks_after
    assert limits.account_seconds == 1800.0


def test_an_application_that_may_never_forget_is_never_forgotten() -> None:
    """Without a time at which it forgets, failed attempts count until a success."""
    assert attempt_limits(5, None).account_seconds == inf
    assert attempt_limits(None, None) == AttemptLimits(account=MOST_FOR_ACCOUNT, account_seconds=DAY)


@pytest.mark.parametrize("locks_after", [1, 0, -1])
def test_an_application_that_locks_at_once_is_refused(locks_after: int) -> None:
    """Every attempt of ours could lock somebody out."""
    with pytest.raises(ValueError, match="leaves none to us"):
        attempt_limits(locks_after, None)


def test_an_attempt_is_counted_in_three_scopes() -> None:
    """An account cannot be taken for a person of the same name."""
    attempt = Attempt("booking", "x", "x", "1")

    scopes = scopes_of(attempt, AttemptLimits(1, 10.0, 2, 20.0, 3, 30.0), NOW)

    assert (
        [scope.name for scope in scopes]
        == list(scope_names(attempt))
        == [
            account_scope("x"),
            person_scope("x"),
            "app",
        ]
    )
    assert len(set(scope_names(attempt))) == 3
    assert [scope.most for scope in scopes] == [1, 2, 3]
    # Without an answer, it may have failed as late as it is over.
    assert [scope.ends_at - NOW for scope in scopes] == [OPEN_SECONDS + 10.0, 20.0, 30.0]
    assert [scope.open_until for scope in scopes] == [NOW + OPEN_SECONDS, None, None]


def test_a_kept_password_has_one_place_more_and_one_that_was_refused_has_none() -> None:
    """Guesses hold up no login of the card; a refused password is tried again once in a while, as a guess is."""
    attempt, limits = Attempt("booking", "x", "x", "1"), attempt_limits(5, None)

    (first,) = kept_scopes_of(attempt, limits, NOW, again=False)
    again = kept_scopes_of(attempt, limits, NOW, again=True)

    assert (first.name, first.most) == (account_scope("x"), 4)
    assert [(each.name, each.most) for each in again] == [(account_scope("x"), 3), (again_scope("x"), 1)]
    assert again[1].ends_at == NOW + AGAIN_SECONDS
    assert len({account_scope("x"), again_scope("x"), login_scope("x"), person_scope("x")}) == 4


@given(st.floats(0, 100))
def test_answers_leave_at_few_moments(took: float) -> None:
    """Never before the work is done, and never later than one step after it."""
    at = answer_at(NOW, NOW + took)

    assert at >= NOW + took
    assert at - (NOW + took) <= ANSWER_EVERY
    assert (at - NOW) % ANSWER_EVERY == 0
    assert at > NOW
