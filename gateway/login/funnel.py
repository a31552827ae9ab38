"""The way of a sign-in through its steps, in words that are counted.

A login that was sent to the provider comes back and then ends in a session or a failure, or it is abandoned: its time
ran out and nobody brought it back. A ninth login of one browser takes the place of its oldest, which is counted as
neither. `asyncio_unfinished` tells which logins are abandoned.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.policy.verdict import ChallengeReason


class SignInStep(StrEnum):
    """The steps of a sign-in. Label of a metric."""

    NOTICE = "notice"
    """A page of ours with the button that begins a sign-in was answered."""
    SENT = "sent"
    """The browser was sent to the provider with a login of ours."""
    RETURNED = "returned"
    """The browser that began the login came back with it, for the first time."""
    SIGNED_IN = "signed_in"
    """The login that came back ended in a session."""
    FAILED = "failed"
    """The login that came back ended without one."""
    ABANDONED = "abandoned"
    """The login's time ran out, and it had not come back."""


class SignInKind(StrEnum):
    """Whether the person was signed in when it began. Label of a metric."""

    FIRST = "first"
    STEP_UP = "step_up"
    """She was, and the rule wants more facts or a more recent sign-in."""


class BrowserKind(StrEnum):
    """The kind of browser, as far as it says so. Label of a metric."""

    ORDINARY = "ordinary"
    IN_APP = "in_app"
    """A window inside another app, to which the card's app cannot return."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The labels of one sign-in at every step."""

    app: str
    kind: SignInKind
    browser: BrowserKind


def attempt(app: str, reason: ChallengeReason, *, in_app: bool) -> Attempt:
    """Return the labels of a sign-in that is asked for by this reason."""
    kind = SignInKind.FIRST if reason is ChallengeReason.SIGN_IN else SignInKind.STEP_UP
    return Attempt(app, kind, BrowserKind.IN_APP if in_app else BrowserKind.ORDINARY)


class Funnel(Protocol):
    """Counts the steps."""

    def step(self, step: SignInStep, attempt: Attempt) -> None:
        """One sign-in has made a step."""

    def completed(self, attempt: Attempt, seconds: float) -> None:
        """One sign-in took so long, from the redirect to the provider to the session."""
