"""The numbers of sign-ins and of the calls to the provider."""

from __future__ import annotations

from itertools import product

from gateway.login.funnel import BrowserKind, SignInKind, SignInStep
from gateway.login.pending import PENDING_SECONDS
from gateway.login.sign_in import LoginFailure
from gateway.observe.metrics import Metrics
from gateway.observe.sign_in_metrics import (
    BROWSERS,
    CALL_OUTCOMES,
    ENDPOINTS,
    KINDS,
    OUTCOMES,
    SIGN_IN_BUCKETS,
    STEPS,
)
from tests.observe.metric_values import value


def test_sign_ins_are_counted_by_app_and_provider_calls_by_endpoint() -> None:
    """A call has a duration as well; a count of values can be more than one."""
    metrics = Metrics("1.0")

    metrics.sign_ins.sign_in("booking", "cancelled")
    metrics.sign_ins.provider_call("token", "ok", 0.2)
    metrics.sign_ins.claim_troubled("address", "malformed")
    metrics.sign_ins.header_value_troubled("booking", "replaced", 2)
    metrics.sign_ins.header_removed("booking", "rewriting")

    assert value(metrics, "sekisho_sign_ins_total", app="booking", outcome="cancelled") == 1
    assert value(metrics, "sekisho_provider_calls_total", endpoint="token", outcome="ok") == 1
    assert value(metrics, "sekisho_provider_seconds_count", endpoint="token", outcome="ok") == 1
    assert value(metrics, "sekisho_claims_troubled_total", scope="address", trouble="malformed") == 1
    assert value(metrics, "sekisho_header_values_troubled_total", app="booking", trouble="replaced") == 2
    assert value(metrics, "sekisho_headers_removed_total", app="booking", family="rewriting") == 1


def test_a_value_that_an_app_does_not_get_is_an_increase() -> None:
    """The closed words are there from 0 for each App."""
    metrics = Metrics("1.0")

    metrics.sign_ins.begin(["booking"])

    assert value(metrics, "sekisho_header_values_troubled_total", app="booking", trouble="left_out") == 0


def test_the_funnel_begins_at_zero_and_knows_its_words() -> None:
    """`begun` is there before anybody has begun; each label's words are those of the sign-in itself."""
    metrics = Metrics("1.0")
    metrics.begin(["booking"])

    assert value(metrics, "sekisho_sign_ins_total", app="booking", outcome="begun") == 0
    assert {failure.value for failure in LoginFailure} < set(OUTCOMES)
    assert tuple(step.value for step in SignInStep) == STEPS
    assert tuple(kind.value for kind in SignInKind) == KINDS
    assert tuple(browser.value for browser in BrowserKind) == BROWSERS
    for step, kind, browser in product(STEPS, KINDS, BROWSERS):
        labels = {"app": "booking", "step": step, "kind": kind, "browser": browser}
        assert value(metrics, "sekisho_sign_in_steps_total", **labels) == 0
    for endpoint, outcome in product(ENDPOINTS, CALL_OUTCOMES):
        assert value(metrics, "sekisho_provider_seconds_count", endpoint=endpoint, outcome=outcome) == 0


def test_a_sign_in_is_measured_in_minutes() -> None:
    """The last bucket is the life of a login; nothing is longer."""
    metrics = Metrics("1.0")
    metrics.sign_ins.completed("booking", "first", 100.0)

    def within(bound: str) -> float:
        return value(metrics, "sekisho_sign_in_seconds_bucket", app="booking", kind="first", le=bound)

    assert (within("90.0"), within("120.0")) == (0, 1)
    assert SIGN_IN_BUCKETS[-1] == PENDING_SECONDS
