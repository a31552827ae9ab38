"""The words of a sign-in's steps arrive in the metrics as they are."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.login.funnel import Attempt, BrowserKind, SignInKind, SignInStep
from gateway.observe.metrics import Metrics
from gateway.process.sign_in_counts import SignInCounts
from tests.observe.metric_values import value


@pytest.mark.parametrize(("step", "kind", "browser"), [*product(SignInStep, SignInKind, BrowserKind)])
def test_a_step_is_counted_with_its_attempt(step: SignInStep, kind: SignInKind, browser: BrowserKind) -> None:
    """Each step under the App, the kind and the browser of its attempt, and under no other."""
    metrics = Metrics("1")
    metrics.begin(["booking", "wallet"])

    SignInCounts(metrics).step(step, Attempt("booking", kind, browser))

    labels = {"step": step.value, "kind": kind.value, "browser": browser.value}
    assert value(metrics, "sekisho_sign_in_steps_total", app="booking", **labels) == 1
    assert value(metrics, "sekisho_sign_in_steps_total", app="wallet", **labels) == 0


def test_times_outcomes_and_refusals_are_counted_by_app() -> None:
    """A refusal has two reasons and counts for both; a time goes to the kind of its attempt."""
    metrics = Metrics("1")
    counts = SignInCounts(metrics)

    counts.completed(Attempt("booking", SignInKind.STEP_UP, BrowserKind.ORDINARY), 90.0)
    counts.sign_in("booking", "cancelled")
    counts.refused("booking", "p/adults", ["condition_no", "limit_reached"])

    assert value(metrics, "sekisho_sign_in_seconds_sum", app="booking", kind="step_up") == 90
    assert value(metrics, "sekisho_sign_ins_total", app="booking", outcome="cancelled") == 1
    for reason in ("condition_no", "limit_reached"):
        assert value(metrics, "sekisho_denials_total", app="booking", rule="p/adults", reason=reason) == 1
