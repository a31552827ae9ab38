from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe import prometheus_metrics
from gateway.observe.access_log import AccessLine, Observer
from gateway.observe.lines import LineKind
from gateway.observe.prometheus_metrics import FOLD_AT, OTHER, GatewayObserver, Metrics
from gateway.observe.thread_access_log import AccessLog


def line(**changes: object) -> AccessLine:
    values: dict[str, object] = {
        "time": 1_795_402_800.0,
        "request_id": "r1",
        "client": "198.51.100.7",
        "method": "GET",
        "host": "app.gw.test",
        "path": "/reserve/42",
        "status": 200,
        "app": "booking",
        "verdict": "permit",
        "rule": "booking/reserve",
        "seconds": 0.004,
        "upstream_seconds": 0.003,
        "bytes_out": 100,
    }
    return AccessLine(**(values | changes))  # type: ignore[arg-type]


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, frozenset(labels.items())]


def test_requests_are_counted_by_app_class_and_verdict() -> None:
    """More of them than are folded at once, and a few that wait to be."""
    metrics = Metrics("1.0")

    for _ in range(FOLD_AT + 3):
        metrics.finished(line())
    metrics.finished(line(status=503, verdict="error"))

    assert value(metrics, "sekisho_requests_total", app="booking", status="2xx", verdict="permit") == FOLD_AT + 3
    assert value(metrics, "sekisho_requests_total", app="booking", status="5xx", verdict="error") == 1
    assert value(metrics, "sekisho_bytes_total", app="booking", direction="out") == 100 * (FOLD_AT + 4)


def test_durations_fall_into_their_buckets() -> None:
    """A bucket counts what is at most its bound, and all below it."""
    metrics = Metrics("1.0")

    for seconds in (0.001, 0.004, 99.0):
        metrics.finished(line(seconds=seconds))

    def within(bound: str) -> float:
        return value(metrics, "sekisho_request_seconds_bucket", app="booking", le=bound)

    assert (within("0.001"), within("0.005"), within("30.0"), within("+Inf")) == (1, 2, 2, 3)
    assert value(metrics, "sekisho_request_seconds_sum", app="booking") == pytest.approx(99.005)
    assert value(metrics, "sekisho_request_seconds_count", app="booking") == 3


def test_looking_twice_counts_once() -> None:
    """A scrape changes nothing."""
    metrics = Metrics("1.0")
    metrics.finished(line())

    assert samples(metrics) == samples(metrics)


def test_denials_name_rule_and_reason() -> None:
    """Why people are refused is what an office wants to see first."""
    metrics = Metrics("1.0")

    metrics.finished(line(verdict="deny", status=403, reason="condition_no:adult"))
    metrics.finished(line(verdict="deny", status=403, reason="condition_no:adult,condition_unknown:resident"))

    labels = {"app": "booking", "rule": "booking/reserve"}
    assert value(metrics, "sekisho_denials_total", reason="condition_no:adult", **labels) == 2
    assert value(metrics, "sekisho_denials_total", reason="condition_unknown:resident", **labels) == 1

    metrics.refused("booking", "booking/reserve", ["condition_no:adult"])

    assert value(metrics, "sekisho_denials_total", reason="condition_no:adult", **labels) == 3


def test_everything_else_has_its_number() -> None:
    """Connections, limits, sign-ins, calls to the provider, look-ups, lost lines, gauges, the build."""
    metrics = Metrics("1.0", lost=lambda: {LineKind.AUDIT: 7})
    metrics.gauge("sekisho_sessions_cached", "Sessions in memory", lambda: 5)
    metrics.counter("sekisho_doors", "Doors opened", lambda: {"front": 3}, label="door")

    metrics.connections(+1)
    metrics.connections(+1)
    metrics.connections(-1)
    metrics.limited("headers")
    metrics.sign_in("booking", "cancelled")
    metrics.provider_call("token", "ok", 0.2)
    metrics.claim_troubled("address", "malformed")
    metrics.header_value_troubled("booking", "replaced", 2)

    assert value(metrics, "sekisho_connections") == 1
    assert value(metrics, "sekisho_connections_opened_total") == 2
    assert value(metrics, "sekisho_limits_met_total", limit="headers") == 1
    assert value(metrics, "sekisho_sign_ins_total", app="booking", outcome="cancelled") == 1
    assert value(metrics, "sekisho_provider_calls_total", endpoint="token", outcome="ok") == 1
    assert value(metrics, "sekisho_provider_seconds_count", endpoint="token") == 1
    assert value(metrics, "sekisho_doors_total", door="front") == 3
    assert value(metrics, "sekisho_claims_troubled_total", scope="address", trouble="malformed") == 1
    assert value(metrics, "sekisho_header_values_troubled_total", app="booking", trouble="replaced") == 2
    assert value(metrics, "sekisho_log_lines_lost_total", kind="audit") == 7
    assert value(metrics, "sekisho_log_lines_lost_total", kind="access") == 0
    assert value(metrics, "sekisho_log_lines_lost_total", kind="event") == 0
    assert value(metrics, "sekisho_sessions_cached") == 5
    assert any(name == "sekisho_build_info" and ("version", "1.0") in labels for name, labels in samples(metrics))


def test_five_thousand_paths_are_one_series() -> None:
    """Nothing a client can choose is a label."""
    metrics = Metrics("1.0")
    metrics.finished(line())
    before = len(samples(metrics))

    for number in range(5_000):
        metrics.finished(
            line(
                path=f"/app/{number}",
                host=f"h{number}",
                method=f"M{number}",
                client=f"c{number}",
                request_id=f"{number}",
            )
        )

    assert len(samples(metrics)) == before


def test_labels_that_grow_all_the_same_end_in_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a label ever be unbounded by mistake, memory is not."""
    monkeypatch.setattr(prometheus_metrics, "MOST_SERIES", 3)
    metrics = Metrics("1.0")

    for number in range(10):
        metrics.finished(line(app=f"app{number}", verdict="deny"))
        metrics.limited(f"limit{number}")

    assert value(metrics, "sekisho_limits_met_total", limit=OTHER) == 7
    assert value(metrics, "sekisho_requests_total", app=OTHER, status=OTHER, verdict=OTHER) == 7
    assert value(metrics, "sekisho_denials_total", app=OTHER, rule=OTHER, reason=OTHER) == 7


@pytest.fixture(name="audited_events")
def audited_events_fixture() -> Iterator[list[structlog.typing.EventDict]]:
    """The audited events."""
    with structlog.testing.capture_logs() as events:
        yield events


def test_the_observer_tells_all_three(audited_events: list[structlog.typing.EventDict]) -> None:
    """One call counts, writes and audits."""
    metrics = Metrics("1.0")
    observer: Observer = GatewayObserver(metrics, AccessLog("off"), "booking/audited".__eq__)

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
    observer = GatewayObserver(Metrics("1.0"), AccessLog("off"), frozenset[str]().__contains__)
    finished = line()
    rounds = 20_000

    began = time.process_time()
    for _ in range(rounds):
        observer.finished(finished)
    each = (time.process_time() - began) / rounds

    assert each < 15e-6
