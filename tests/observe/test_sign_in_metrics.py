"""The numbers of sign-ins and of the calls to the provider."""

from __future__ import annotations

from gateway.observe.metrics import Metrics
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
    assert value(metrics, "sekisho_provider_seconds_count", endpoint="token") == 1
    assert value(metrics, "sekisho_claims_troubled_total", scope="address", trouble="malformed") == 1
    assert value(metrics, "sekisho_header_values_troubled_total", app="booking", trouble="replaced") == 2
    assert value(metrics, "sekisho_headers_removed_total", app="booking", family="rewriting") == 1


def test_a_value_that_an_app_does_not_get_is_an_increase() -> None:
    """The closed words are there from 0 for each App."""
    metrics = Metrics("1.0")

    metrics.sign_ins.begin(["booking"])

    assert value(metrics, "sekisho_header_values_troubled_total", app="booking", trouble="left_out") == 0
