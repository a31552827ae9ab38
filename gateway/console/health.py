"""The page that says how the gateway is, from values to values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.console.messages import message
from gateway.console.node import Expiry, NodeFacts, WorkerState
from gateway.console.numbers import Numbers
from gateway.console.screen import Moment, Screen, moment, share
from gateway.console.today import SinceThen
from gateway.instant import Instant
from gateway.login.funnel import SignInStep
from gateway.login.sign_in import LoginFailure
from gateway.observe.causes import FAULTS, Cause
from gateway.portal.language import Language
from gateway.portal.readiness import Readiness

REQUESTS = "sekisho_requests_total"
SECONDS = "sekisho_request_seconds_bucket"
UPSTREAM_SECONDS = "sekisho_upstream_seconds_bucket"
SIGN_INS = "sekisho_sign_ins_total"
SIGN_IN_STEPS = "sekisho_sign_in_steps_total"
"""The numbers that the page reads."""


FAILURES = frozenset(failure.value for failure in LoginFailure)
"""The outcomes that are reasons of failures."""

ENDS_SOON = 30 * 86_400.0
"""Seconds before its end from which the page marks a certificate."""

_MOST = 0.95

ALLOWED = 1_000
"""One request of so many may end by a fault: the objective in the runbook and in `deploy/prometheus/slo.yml`."""

ALLOWED_SLOW = 100
"""One answer of an application in so many may begin later than `SLOW`."""

SLOW = 2.5
"""Seconds until the head of an application's answer."""

ALLOWED_SIGN_INS = 100
"""One sign-in of so many may fail by a fault."""

SIGN_IN_FAULTS = frozenset({"provider_down", "store_down", "invalid", "claim_missing", "not_fresh", "loop"})
"""The outcomes of sign-ins that are faults of the provider, of a store, or of ours."""

_LEFT = "left"
"""The outcome of a browser that did not wait for the answer."""

_UNCOUNTED = frozenset({Cause.CLIENT.value, Cause.MAINTENANCE.value})
"""Causes that count neither for the objective nor against it."""


@dataclass(frozen=True, slots=True)
class Check:
    """A part that does not work."""

    name: str
    why: str
    failed: bool
    """Whether nobody can sign in because of it."""


@dataclass(frozen=True, slots=True)
class AppRow:
    """An App's numbers of today."""

    name: str
    requests: int
    failed: int
    """Requests answered with a status of 500 or more by a fault; maintenance and scanners are none."""
    good: str
    within: str
    """The seconds within which most requests were answered; a dash where there was none."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective, and how today stands to it."""

    name: str
    counted: int
    failed: int
    good: str
    aim: str
    used: str
    """The part of today's allowed failures that is used up."""


@dataclass(frozen=True, slots=True)
class ExpiryRow:
    """A certificate and its end."""

    name: str
    file: str
    ends: Moment | None
    days: int
    soon: bool


def health(
    facts: NodeFacts,
    readiness: Readiness,
    workers: Sequence[WorkerState | None],
    today: SinceThen,
    expiries: Iterable[Expiry],
    now: Instant,
    language: Language,
) -> Screen:
    """Say how this node is."""
    rows = [_app_row(app.name, today.numbers) for app in facts.apps]
    requests, failed = sum(row.requests for row in rows), sum(row.failed for row in rows)
    steps = today.numbers.by(SIGN_IN_STEPS, "step")
    reasons = today.numbers.by(SIGN_INS, "outcome", lambda labels: labels.get("outcome") in FAILURES)
    sent, done = steps.get(SignInStep.SENT, 0.0), steps.get(SignInStep.SIGNED_IN, 0.0)
    values = {
        "facts": facts,
        "started": moment(facts.started_at),
        "now": moment(now),
        "since": moment(today.since),
        "status": readiness.status,
        "checks": checks_of(readiness, language),
        "alive": sum(worker is not None for worker in workers),
        "apps": rows,
        "requests": requests,
        "failed": failed,
        "good": share(requests - failed, requests),
        "objectives": objectives(requests, failed, today.numbers),
        "steps": [(step.value, int(steps.get(step, 0.0))) for step in SignInStep],
        "completed": share(min(done, sent), sent),
        "failures": sorted((name, int(count)) for name, count in reasons.items() if count >= 1),
        "expiries": [_expiry_row(expiry, now) for expiry in expiries],
    }
    return Screen("health", "health.title", values)


def objectives(requests: int, failed: int, numbers: Numbers) -> list[Objective]:
    """Return the three objectives of the runbook, as today's numbers stand to them."""
    bounds = numbers.by(UPSTREAM_SECONDS, "le", lambda labels: labels.get("outcome") != _LEFT)
    answers = int(bounds.get("+Inf", 0.0))
    slow = answers - int(sum(count for bound, count in bounds.items() if float(bound) == SLOW))
    outcomes = numbers.by(SIGN_INS, "outcome")
    faults = int(sum(outcomes.get(outcome, 0.0) for outcome in SIGN_IN_FAULTS))
    sign_ins = int(outcomes.get(SignInStep.SIGNED_IN, 0.0)) + faults
    return [
        _objective("availability", requests, failed, ALLOWED),
        _objective("latency", answers, slow, ALLOWED_SLOW),
        _objective("sign_ins", sign_ins, faults, ALLOWED_SIGN_INS),
    ]


def _objective(name: str, counted: int, failed: int, allowed: int) -> Objective:
    good, aim = share(counted - failed, counted), share(allowed - 1, allowed)
    return Objective(name, counted, failed, good, aim, share(failed, counted / allowed))


def checks_of(readiness: Readiness, language: Language) -> list[Check]:
    """Return the parts that do not work, in words: those without which nobody can sign in come first."""
    failures = [(name, why, True) for name, why in readiness.failed.items()]
    failures += [(name, why, False) for name, why in readiness.degraded.items()]
    return [Check(_part(name, language), why, failed) for name, why, failed in failures]


def _part(name: str, language: Language) -> str:
    kind, _, which = name.partition(":")
    known = {"sign_in", "provider", "limits", "app", "files", "audit", "worker"}
    return message(language, f"part.{kind}", name=which) if kind in known else name


def _app_row(name: str, numbers: Numbers) -> AppRow:
    total = numbers.total(REQUESTS, lambda labels: labels.get("app") == name and labels.get("cause") not in _UNCOUNTED)
    failed = numbers.total(
        REQUESTS,
        lambda labels: (
            labels.get("app") == name and labels.get("status", "").startswith("5") and labels.get("cause") in FAULTS
        ),
    )
    return AppRow(name, int(total), int(failed), share(total - failed, total), _within(name, numbers))


def _within(name: str, numbers: Numbers) -> str:
    """Return the bound of the bucket in which 95 % of an App's requests had been answered."""
    buckets = numbers.by(SECONDS, "le", lambda labels: labels.get("app") == name)
    every = buckets.get("+Inf", 0.0)
    if every <= 0:
        return "—"
    bounds = sorted((float(bound), count) for bound, count in buckets.items())
    bound = next(bound for bound, count in bounds if count >= every * _MOST)
    return f"> {bounds[-2][0]:g}" if bound == float("inf") and len(bounds) > 1 else f"≤ {bound:g}"


def _expiry_row(expiry: Expiry, now: Instant) -> ExpiryRow:
    if expiry.ends_at is None:
        return ExpiryRow(expiry.name, expiry.file, None, 0, soon=True)
    left = expiry.ends_at - now
    return ExpiryRow(expiry.name, expiry.file, moment(expiry.ends_at), int(left // 86_400), soon=left < ENDS_SOON)
