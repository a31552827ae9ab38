"""Attempts at an application's login: how many may fail, so that we are no oracle and nobody is locked out.

An attempt is counted before it is made. It is given back if it succeeds, or if the application never got it. So
a crash, or many attempts at once, never allow one more. Attempts are counted for an account (by all persons together),
for a person, and for the App.

A good login ends the application's own count at a moment that only the application knows. A failure that it had
answered before that login began is surely no longer counted there. Any other failure may come behind the login, so
ours counts on. An application may forget each failure after its time, or all of them after the last one. So ours of
one account are forgotten together, after the last one.

The answer to a person is the same for a wrong name, a wrong password and a limit that is reached, and `answer_at` says
when it may leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from gateway.instant import Instant

DAY = 86_400.0

MOST_FOR_ACCOUNT = 5
"""Failed attempts at one account, also where the application locks later, or never."""

SPARE = 2
"""Failed attempts that are left to the application's own staff, before it locks the account. A login with a kept
password may take one of them, so that nobody who guesses holds it up."""

OPEN_SECONDS = 3_600.0
"""Seconds after which an attempt without an answer is over: no application works on a login for longer."""

LOGIN_SECONDS = 90.0
"""Seconds for which one login with a kept password keeps all others of its account waiting, if its worker is gone."""

AGAIN_SECONDS = 3_600.0
"""Seconds between two attempts with a password of ours that the application has refused."""

_NEVER_HELD_UP = 10_000

ANSWER_EVERY = 2.0
"""Seconds: answers to attempts leave at multiples of this after the question, so that the time says little."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many failed attempts count at most, and for how many seconds each counts."""

    account: int = MOST_FOR_ACCOUNT
    account_seconds: float = DAY
    """`inf` until the next success: an application that locks may count as long."""
    person: int = 10
    person_seconds: float = DAY
    app: int = 600
    app_seconds: float = 3_600.0
    kept: int = _NEVER_HELD_UP
    """Failed attempts at an account at which no kept password is tried any more."""


def attempt_limits(locks_after: int | None, forgets_after: float | None) -> AttemptLimits:
    """Return the limits for an application that locks an account after so many failed attempts (None if never).

    `forgets_after`: the seconds after which the application itself forgets a failed attempt, as far as that is known.

    Raises:
        ValueError: the application locks after so few that none could be made.

    """
    if locks_after is None:
        return AttemptLimits()
    if locks_after < SPARE:
        raise ValueError(f"an application that locks after {locks_after} failed attempts leaves none to us")
    most = min(MOST_FOR_ACCOUNT, max(1, locks_after - SPARE))
    seconds = inf if forgets_after is None else forgets_after
    return AttemptLimits(account=most, account_seconds=seconds, kept=locks_after - 1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one account by one person."""

    app: str
    account: str
    """As `fold_account` spells it."""
    mark: str
    """The person's first mark."""
    id: str
    """A random name of this attempt."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One of the places where an attempt is counted."""

    name: str
    most: int
    ends_at: Instant
    """The moment until which the attempt counts, if nobody says more of it."""
    open_until: Instant | None = None
    """The moment at which it is over without an answer; `None` where the order of attempts does not matter."""


APP_SCOPE = "app"


def account_scope(folded: str) -> str:
    """Return the name of the scope of one account, by all persons together."""
    return f"account:{folded}"


def person_scope(mark: str) -> str:
    """Return the name of the scope of one person."""
    return f"person:{mark}"


def login_scope(folded: str) -> str:
    """Return the name of the scope in which one login at a time has a place, with the account's kept passwords."""
    return f"login:{folded}"


def again_scope(folded: str) -> str:
    """Return the name of the scope of attempts with a kept password that was refused before."""
    return f"again:{folded}"


def scope_names(attempt: Attempt) -> tuple[str, str, str]:
    """Return the names of the scopes where an attempt is counted."""
    return account_scope(attempt.account), person_scope(attempt.mark), APP_SCOPE


def scopes_of(attempt: Attempt, limits: AttemptLimits, now: Instant) -> tuple[Scope, ...]:
    """Return the scopes of an attempt that begins now."""
    _, person, app = scope_names(attempt)
    return (
        _of_account(attempt, limits.account, limits, now),
        Scope(person, limits.person, now + limits.person_seconds),
        Scope(app, limits.app, now + limits.app_seconds),
    )


def kept_scopes_of(attempt: Attempt, limits: AttemptLimits, now: Instant, *, again: bool) -> tuple[Scope, ...]:
    """Return the scopes of a login with a kept password; `again`: the application has refused it before."""
    if not again:
        return (_of_account(attempt, limits.kept, limits, now),)
    once = Scope(again_scope(attempt.account), 1, now + AGAIN_SECONDS)
    return _of_account(attempt, min(limits.account, limits.kept), limits, now), once


def _of_account(attempt: Attempt, most: int, limits: AttemptLimits, now: Instant) -> Scope:
    open_until = now + OPEN_SECONDS
    return Scope(account_scope(attempt.account), most, open_until + limits.account_seconds, open_until)


def answer_at(began: Instant, now: Instant) -> Instant:
    """Return the moment at which the answer to an attempt may leave: the next of a few that every answer shares."""
    return began + ANSWER_EVERY * max(1, ceil((now - began) / ANSWER_EVERY))
