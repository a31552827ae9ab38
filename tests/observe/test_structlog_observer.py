"""The observer of the byte path."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import structlog

from gateway.observe.access_log import Observer
from gateway.observe.metrics import Metrics
from gateway.observe.structlog_observer import GatewayObserver
from gateway.observe.structlog_setup import line_style
from gateway.observe.thread_access_log import AccessLog
from tests.observe.metric_values import line, value


@pytest.fixture(name="audited_events")
def audited_events_fixture() -> Iterator[list[structlog.typing.EventDict]]:
    """The audited events."""
    with structlog.testing.capture_logs() as events:
        yield events


def test_the_observer_tells_all_three(audited_events: list[structlog.typing.EventDict]) -> None:
    """One call counts, writes and audits."""
    metrics = Metrics("1.0")
    observer: Observer = GatewayObserver(metrics, AccessLog("off", line_style()), "booking/audited".__eq__)

    observer.finished(line())
    observer.finished(line(rule="booking/audited"))
    observer.finished(line(verdict="deny", status=403, reason="no_rule", rule="", session="p-hanako"))
    observer.connections(+1)
    observer.limited("body")

    assert [(event["event"], event["verdict"], event["reasons"]) for event in audited_events] == [
        ("audit", "permit", ()),
        ("audit", "deny", ("no_rule",)),
    ]
    assert audited_events[1]["pseudonym"] == "p-hanako"
    assert value(metrics, "sekisho_connections") == 1
    assert value(metrics, "sekisho_limits_met_total", limit="body") == 1


def test_observing_is_cheap() -> None:
    """Far below what a request costs; the bound is loose because machines differ, a mistake would be tenfold."""
    observer = GatewayObserver(Metrics("1.0"), AccessLog("off", line_style()), frozenset[str]().__contains__)
    finished = line()
    rounds = 20_000

    began = time.process_time()
    for _ in range(rounds):
        observer.finished(finished)
    each = (time.process_time() - began) / rounds

    assert each < 15e-6
