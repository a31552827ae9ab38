"""The numbers of the stores."""

from __future__ import annotations

import pytest

from gateway.errors import StoreFault
from gateway.observe.metrics import Metrics
from gateway.observe.store_metrics import Store, StoreMetrics
from tests.observe.metric_values import value


def test_a_command_counts_by_its_outcome() -> None:
    """A store that does not answer counts as well, and so does its time."""
    metrics = Metrics("1")
    stores = StoreMetrics(metrics)
    asked = stores.of(Store.LIMITS)

    asked("", 0.002)
    asked(StoreFault.TIMEOUT, 1.0)

    assert value(metrics, "sekisho_store_calls_total", store="limits", outcome="ok") == 1
    assert value(metrics, "sekisho_store_calls_total", store="limits", outcome="timeout") == 1
    assert value(metrics, "sekisho_store_seconds_count", store="limits") == 2
    assert value(metrics, "sekisho_store_seconds_sum", store="limits") == pytest.approx(1.002)


def test_the_first_failure_of_a_store_is_an_increase() -> None:
    """Each fault of each store starts at 0."""
    metrics = Metrics("1")
    StoreMetrics(metrics)

    for store in Store:
        for fault in StoreFault:
            assert value(metrics, "sekisho_store_calls_total", store=store, outcome=fault) == 0


def test_a_pool_shows_its_connections_and_their_bound() -> None:
    """A pool whose connections are all busy makes the next command wait."""
    metrics = Metrics("1")
    StoreMetrics(metrics).watch(Store.SESSIONS, lambda: (3, 2), 16)

    assert value(metrics, "sekisho_store_connections", store="sessions", state="busy") == 3
    assert value(metrics, "sekisho_store_connections", store="sessions", state="idle") == 2
    assert value(metrics, "sekisho_store_connections_limit", store="sessions") == 16
