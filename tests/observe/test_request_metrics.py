"""The numbers of finished requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe import instruments, request_metrics
from gateway.observe.instruments import OTHER
from gateway.observe.metrics import Metrics
from gateway.observe.request_metrics import FOLD_AT, USUAL
from tests.observe.metric_values import line, samples, value


def test_requests_are_counted_by_app_class_and_verdict() -> None:
    """More of them than are folded at once, and a few that wait to be."""
    metrics = Metrics("1.0")

    for _ in range(FOLD_AT + 3):
        metrics.finished(line())
    metrics.finished(line(status=503, verdict="error"))

    assert (
        value(metrics, "sekisho_requests_total", app="booking", status="2xx", verdict="permit", cause="upstream")
        == FOLD_AT + 3
    )
    assert value(metrics, "sekisho_requests_total", app="booking", status="5xx", verdict="error", cause="gateway") == 1
    assert value(metrics, "sekisho_bytes_total", app="booking", direction="out") == 100 * (FOLD_AT + 4)


def test_durations_fall_into_their_buckets() -> None:
    """A bucket counts what is at most its bound, and all below it."""
    metrics = Metrics("1.0")

    for seconds in (0.001, 0.004, 99.0):
        metrics.finished(line(seconds=seconds))

    def within(bound: str) -> float:
        return value(metrics, "sekisho_request_seconds_bucket", app="booking", cause="upstream", le=bound)

    assert (within("0.001"), within("0.005"), within("30.0"), within("+Inf")) == (1, 2, 2, 3)
    assert value(metrics, "sekisho_request_seconds_sum", app="booking", cause="upstream") == pytest.approx(99.005)
    assert value(metrics, "sekisho_request_seconds_count", app="booking", cause="upstream") == 3


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

    metrics.requests.refused("booking", "booking/reserve", ["condition_no:adult"])

    assert value(metrics, "sekisho_denials_total", reason="condition_no:adult", **labels) == 3


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
    monkeypatch.setattr(instruments, "MOST_SERIES", 3)
    monkeypatch.setattr(request_metrics, "MOST_SERIES", 3)
    metrics = Metrics("1.0")

    for number in range(10):
        metrics.finished(line(app=f"app{number}", verdict="deny"))
        metrics.gateway.limited(f"limit{number}")

    assert value(metrics, "sekisho_limits_met_total", limit=OTHER) == 10
    assert value(metrics, "sekisho_requests_total", app=OTHER, status=OTHER, verdict=OTHER, cause=OTHER) == 7
    assert value(metrics, "sekisho_denials_total", app=OTHER, rule=OTHER, reason=OTHER) == 7
    assert value(metrics, "sekisho_rule_requests_total", app=OTHER, rule=OTHER, code=OTHER) == 7


def test_each_answer_is_counted_by_who_decided() -> None:
    """Maintenance, a scanner, a browser that left and the store's outage are four different things."""
    metrics = Metrics("1.0")
    metrics.finished(line(status=503, verdict="error", reason="maintenance"))
    metrics.finished(line(status=501, verdict="error", reason="method", app=""))
    metrics.finished(line(status=499, reason="client_gone"))
    metrics.finished(line(status=503, verdict="error", reason="store_unavailable"))
    metrics.finished(line(status=500, reason="upstream_status"))

    def count(cause: str, status: str, verdict: str, app: str = "booking") -> float:
        return value(metrics, "sekisho_requests_total", app=app, status=status, verdict=verdict, cause=cause)

    assert count("maintenance", "5xx", "error") == 1
    assert count("client", "5xx", "error", app="") == 1
    assert count("client", "4xx", "permit") == 1
    assert count("store", "5xx", "error") == 1
    assert count("upstream", "5xx", "permit") == 1
    assert value(metrics, "sekisho_request_seconds_count", app="booking", cause="maintenance") == 1


def test_rules_are_counted_by_the_code_of_the_answer() -> None:
    """An application may invent codes; their class is enough."""
    metrics = Metrics("1.0")
    for status in (200, 200, 404, 299, 799, 499):
        metrics.finished(line(status=status))

    def count(code: str) -> float:
        return value(metrics, "sekisho_rule_requests_total", app="booking", rule="booking/reserve", code=code)

    assert {code: count(code) for code in ("200", "404", "2xx", OTHER, "499")} == {
        "200": 2,
        "404": 1,
        "2xx": 1,
        OTHER: 1,
        "499": 1,
    }


def test_an_application_that_hangs_has_a_duration() -> None:
    """By the one who gave up: an answer in time, the gateway, or the client."""
    metrics = Metrics("1.0")
    metrics.finished(line())
    metrics.finished(line(status=504, verdict="error", reason="upstream_timeout", seconds=60.1, upstream_seconds=60.0))
    metrics.finished(line(status=499, reason="client_gone", seconds=12.1, upstream_seconds=12.0))

    def total(outcome: str) -> float:
        return value(metrics, "sekisho_upstream_seconds_sum", app="booking", outcome=outcome)

    assert (total("answered"), total("failed"), total("left")) == (0.003, 60.0, 12.0)


def test_our_own_share_is_what_is_left_of_a_request() -> None:
    """Without the application, the stores, queues and the client; a refused head has no time at all."""
    metrics = Metrics("1.0")
    metrics.finished(line(seconds=0.5, upstream_seconds=0.3, waited_seconds=0.19))
    metrics.finished(line(seconds=0.0, upstream_seconds=0.0))

    assert value(metrics, "sekisho_own_seconds_sum") == pytest.approx(0.01)
    assert value(metrics, "sekisho_own_seconds_count") == 1


def test_an_exemplar_leads_to_the_access_line_and_to_no_person() -> None:
    """The slow one in the middle of a hundred quick ones is named, by its request id alone."""
    metrics = Metrics("1.0")
    for number in range(100):
        metrics.finished(line(request_id=f"quick{number}"))
    metrics.finished(line(request_id="slow", seconds=3.0, upstream_seconds=2.9, session="p-hanako"))
    for number in range(100):
        metrics.finished(line(request_id=f"late{number}"))

    found = [
        (sample.name, sample.exemplar)
        for family in metrics.collect()
        for sample in family.samples
        if sample.exemplar is not None
    ]

    assert {name for name, _ in found} == {"sekisho_request_seconds_bucket", "sekisho_upstream_seconds_bucket"}
    assert {name for _, exemplar in found for name, _ in exemplar.labels} == {"request_id"}
    assert [exemplar.value for _, exemplar in found if exemplar.labels == (("request_id", "slow"),)] == [3.0, 2.9]


def test_the_first_fault_of_each_kind_is_an_increase() -> None:
    """Series that alerts watch are there at 0 for every App of the settings, and bounded for a thousand."""
    metrics = Metrics("1.0")
    metrics.begin(["booking"])
    for status, verdict, cause in USUAL:
        labels = {"app": "booking", "status": status, "verdict": verdict, "cause": cause}
        assert value(metrics, "sekisho_requests_total", **labels) == 0

    many = Metrics("1.0")
    many.begin([f"app{number}" for number in range(1_000)])

    assert not any(name == "sekisho_requests_total" for name, _ in samples(many))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 403, 499, 503]),
            st.sampled_from([0.0, 0.001, 0.005, 0.0051, 0.3, 99.0]),
            st.sampled_from([0.0, 0.001, 0.25]),
        ),
        max_size=60,
    )
)
def test_requests_count_the_same_in_runs_and_one_by_one(requests: list[tuple[int, float, float]]) -> None:
    """Many at once are sorted and summed, and each alone is looked up: the numbers are those of the requests."""
    together, alone = Metrics("1.0"), Metrics("1.0")

    for status, seconds, upstream in requests:
        verdict = "deny" if status == 403 else "permit"
        each = line(status=status, verdict=verdict, reason="a,b", seconds=seconds, upstream_seconds=upstream)
        together.finished(each)
        alone.finished(each)
        alone.requests.fold()

    got, wanted = samples(together), samples(alone)
    assert {key: value for key, value in got.items() if "_sum" not in str(key)} == {
        key: value for key, value in wanted.items() if "_sum" not in str(key)
    }
    assert got == pytest.approx(wanted)
