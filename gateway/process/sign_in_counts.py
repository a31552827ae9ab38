"""Hands the steps of sign-ins to the metrics, from the portal, from the login service and from the logins' end."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.login.funnel import Attempt, SignInStep
from gateway.observe.metrics import Metrics


class SignInCounts:
    """Counts sign-ins; it lasts as long as its worker."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def step(self, step: SignInStep, attempt: Attempt) -> None:
        """Count a step."""
        self._metrics.sign_ins.step(attempt.app, step, attempt.kind, attempt.browser)

    def completed(self, attempt: Attempt, seconds: float) -> None:
        """Count the time of a sign-in that went well."""
        self._metrics.sign_ins.completed(attempt.app, attempt.kind, seconds)

    def sign_in(self, app: str, outcome: str) -> None:
        """Count the outcome of a page or redirect."""
        self._metrics.sign_ins.sign_in(app, outcome)

    def refused(self, app: str, rule: str, reasons: Iterable[str]) -> None:
        """Count a refusal that no request of the App shows."""
        self._metrics.requests.refused(app, rule, reasons)

    def signature(self, app: str, outcome: str) -> None:
        """Count a step of a signature."""
        self._metrics.sign_ins.signature(app, outcome)
