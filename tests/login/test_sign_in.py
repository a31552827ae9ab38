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
            LoginFailure.DISPLACED,
            LoginFailure.OTHER_BROWSER,
            LoginFailure.INVALID,
            LoginFailure.CLAIM_MISSING,
        },
        403: {LoginFailure.CANCELLED, LoginFailure.REFUSED, LoginFailure.NOT_FRESH, LoginFailure.LOOP},
        429: {LoginFailure.TOO_MANY},
        502: {LoginFailure.MISCONFIGURED},
        503: {LoginFailure.PROVIDER_DOWN, LoginFailure.STORE_DOWN},
    }
