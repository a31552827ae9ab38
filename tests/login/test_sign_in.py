"""The outcomes of a sign-in say what the portal must do about each."""

from __future__ import annotations

from gateway.login.sign_in import LoginFailure


def test_each_failure_has_a_status() -> None:
    """A fault behind us is a 503, a flood a 429, a refusal a 403, and what a browser sent wrongly a 400."""
    by_status: dict[int, set[LoginFailure]] = {}
    for failure in LoginFailure:
        by_status.setdefault(failure.status, set()).add(failure)

    assert by_status == {
        400: {
            LoginFailure.EXPIRED,
            LoginFailure.OTHER_BROWSER,
            LoginFailure.INVALID,
            LoginFailure.CLAIM_MISSING,
        },
        403: {LoginFailure.CANCELLED, LoginFailure.REFUSED, LoginFailure.NOT_FRESH, LoginFailure.LOOP},
        429: {LoginFailure.TOO_MANY},
        503: {LoginFailure.PROVIDER_DOWN, LoginFailure.STORE_DOWN},
    }


def test_a_fresh_start_is_offered_where_it_can_help() -> None:
    """A button that leads straight back to the same page helps nobody."""
    helpless = {failure for failure in LoginFailure if not failure.can_start_again}

    assert helpless == {LoginFailure.LOOP, LoginFailure.TOO_MANY, LoginFailure.NOT_FRESH}
