from __future__ import annotations

import re
from pathlib import Path

from gateway.console.health import (
    ALLOWED,
    ALLOWED_SIGN_INS,
    ALLOWED_SLOW,
    SIGN_IN_FAULTS,
    SLOW,
    Check,
    Objective,
    checks_of,
    health,
)
from gateway.console.node import AppFacts, Expiry, NodeFacts, WorkerState
from gateway.console.numbers import Numbers
from gateway.console.today import SinceThen
from gateway.observe.merge import Family, Sample
from gateway.portal.language import Language
from gateway.portal.readiness import Readiness
from tests.builders import NOON

APP = AppFacts("booking", "https://b.example", "proxy", "p", "p.yaml", "", "maintenance-booking")
FACTS = NodeFacts("node-1", "1.0", NOON, 2, (APP,), ("RP00000001",))


def family(name: str, *samples: tuple[dict[str, str], float]) -> Family:
    return Family(name, "counter", "", tuple(Sample(name, tuple(labels.items()), value) for labels, value in samples))


NUMBERS = Numbers(
    (
        family(
            "sekisho_requests_total",
            ({"app": "booking", "status": "2xx", "cause": "upstream"}, 998),
            ({"app": "booking", "status": "5xx", "cause": "upstream"}, 1),
            ({"app": "booking", "status": "5xx", "cause": "store"}, 1),
            ({"app": "booking", "status": "5xx", "cause": "maintenance"}, 500),
            ({"app": "booking", "status": "5xx", "cause": "client"}, 70),
            ({"app": "booking", "status": "4xx", "cause": "client"}, 30),
            ({"app": "other", "status": "5xx", "cause": "gateway"}, 9),
        ),
        family(
            "sekisho_request_seconds_bucket",
            ({"app": "booking", "le": "0.1"}, 90),
            ({"app": "booking", "le": "0.5"}, 96),
            ({"app": "booking", "le": "+Inf"}, 100),
        ),
        family(
            "sekisho_sign_in_steps_total",
            ({"app": "booking", "step": "sent", "kind": "first"}, 6),
            ({"app": "booking", "step": "sent", "kind": "step_up"}, 4),
            ({"app": "booking", "step": "signed_in", "kind": "first"}, 7),
        ),
        family(
            "sekisho_sign_ins_total",
            ({"app": "booking", "outcome": "begun"}, 10),
            ({"app": "booking", "outcome": "cancelled"}, 2),
            ({"app": "booking", "outcome": "expired"}, 0),
            ({"app": "booking", "outcome": "signed_out"}, 3),
            ({"app": "booking", "outcome": "signed_in"}, 197),
            ({"app": "booking", "outcome": "provider_down"}, 2),
            ({"app": "booking", "outcome": "invalid"}, 1),
        ),
        family(
            "sekisho_upstream_seconds_bucket",
            ({"app": "booking", "outcome": "answered", "le": "1.0"}, 390),
            ({"app": "booking", "outcome": "answered", "le": "2.5"}, 397),
            ({"app": "booking", "outcome": "answered", "le": "+Inf"}, 400),
            ({"app": "booking", "outcome": "left", "le": "+Inf"}, 50),
        ),
    )
)


def test_the_page_counts_failures_and_sign_ins_of_today() -> None:
    """A status of 500 and above by a fault is a failure, and maintenance is none; a failed sign-in is named."""
    screen = health(
        FACTS, Readiness(), [WorkerState(7), None], SinceThen(NUMBERS, NOON), (), NOON + 60, Language.JA
    ).values

    assert (screen["requests"], screen["failed"], screen["good"]) == (1_000, 2, "99.80 %")
    assert screen["objectives"] == [
        Objective("availability", 1_000, 2, "99.80 %", "99.90 %", "200.00 %"),
        Objective("latency", 400, 3, "99.25 %", "99.00 %", "75.00 %"),
        Objective("sign_ins", 200, 3, "98.50 %", "99.00 %", "150.00 %"),
    ]
    assert [(row.name, row.within) for row in screen["apps"]] == [("booking", "≤ 0.5")]  # type: ignore[attr-defined]
    steps = dict(screen["steps"])  # type: ignore[call-overload]
    assert (steps["sent"], steps["signed_in"], steps["abandoned"], screen["completed"]) == (10, 7, 0, "70.00 %")
    assert screen["failures"] == [("cancelled", 2), ("invalid", 1), ("provider_down", 2)]
    assert (screen["alive"], screen["status"]) == (1, "ok")


def test_the_objectives_are_those_of_the_alerts() -> None:
    """The page, the recording rules and the alerts count the same outcomes against the same numbers."""
    folder = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
    rules, alerts = (folder / "slo.yml").read_text(), (folder / "alerts.yml").read_text()

    sign_ins = {
        frozenset(found.split("|")) for found in re.findall(r'sekisho_sign_ins_total{outcome=~"([^"]+)"', rules)
    }
    bounds = set(re.findall(r'sekisho_upstream_seconds_bucket{outcome!="left", le="([^"]+)"', rules))
    allowed = set(re.findall(r"sekisho_(availability|latency|sign_in)_errors:ratio_rate1h > 14.4 \* ([0-9.]+)", alerts))

    assert sign_ins == {SIGN_IN_FAULTS, SIGN_IN_FAULTS | {"signed_in"}}
    assert bounds == {str(SLOW)}
    assert {(name, float(part)) for name, part in allowed} == {
        ("availability", 1 / ALLOWED),
        ("latency", 1 / ALLOWED_SLOW),
        ("sign_in", 1 / ALLOWED_SIGN_INS),
    }


def test_nothing_yet_is_no_perfect_day() -> None:
    """Without a request there is no share and no duration."""
    screen = health(FACTS, Readiness(), [], SinceThen(Numbers(()), NOON), (), NOON, Language.EN).values

    assert (screen["good"], screen["completed"]) == ("—", "—")
    assert [(row.good, row.used) for row in screen["objectives"]] == [("—", "—")] * 3  # type: ignore[attr-defined]
    assert [row.within for row in screen["apps"]] == ["—"]  # type: ignore[attr-defined]


def test_requests_slower_than_every_bucket_are_said_to_be() -> None:
    """The page never invents a bound."""
    buckets = ({"app": "booking", "le": "30"}, 1.0), ({"app": "booking", "le": "+Inf"}, 9.0)
    numbers = Numbers((family("sekisho_request_seconds_bucket", *buckets),))

    screen = health(FACTS, Readiness(), [], SinceThen(numbers, NOON), (), NOON, Language.EN).values

    assert [row.within for row in screen["apps"]] == ["> 30"]  # type: ignore[attr-defined]


def test_the_parts_that_stop_sign_ins_come_first() -> None:
    """In words, with the reason's code; a part that is news to us keeps its own name."""
    found = Readiness(failed={"sign_in": "timeout"}, degraded={"app:booking": "ejected", "newer": "x"})

    assert checks_of(found, Language.EN) == [
        Check("the stores for signing in", "timeout", failed=True),
        Check("the servers of the App booking", "ejected", failed=False),
        Check("newer", "x", failed=False),
    ]


def test_certificates_that_end_soon_are_marked() -> None:
    """A certificate whose dates nobody can read is marked as well."""
    day = 86_400.0
    expiries = [Expiry("far", "f", NOON + 90 * day), Expiry("near", "n", NOON + 5 * day), Expiry("torn", "t", None)]

    screen = health(FACTS, Readiness(), [], SinceThen(Numbers(()), NOON), expiries, NOON, Language.EN).values

    rows = [(row.name, row.days, row.soon) for row in screen["expiries"]]  # type: ignore[attr-defined]
    assert rows == [("far", 90, False), ("near", 5, True), ("torn", 0, True)]
