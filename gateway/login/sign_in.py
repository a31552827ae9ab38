"""What the portal asks of the login step: to begin a sign-in, to finish one, to end a session.

The outcomes are values, matched exhaustively by whoever makes pages of them. How they come
about is in `desk` (the order of things), `login` and `claims` (pure) and `aiohttp_provider` (calls).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.route.route import Route
from gateway.session.session import Session
from gateway.session.ticket import Ticket


class LoginFailure(StrEnum):
    """Why a sign-in ended without a session. Label of a metric, key of a page."""

    CANCELLED = "cancelled"
    """`access_denied`: the person stopped it in the app."""
    REFUSED = "refused"
    """Any other OAuth error code: an expired or revoked card among them."""
    EXPIRED = "expired"
    """The pending login is unknown or too old."""
    OTHER_BROWSER = "other_browser"
    """The callback came to a browser that did not begin it."""
    INVALID = "invalid"
    """What came back does not hold: state, ID token or UserInfo fail a check."""
    PROVIDER_DOWN = "provider_down"
    STORE_DOWN = "store_down"
    NOT_FRESH = "not_fresh"
    LOOP = "loop"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Begun:
    """The browser goes to `location`; `cookie` binds the pending login to it."""

    location: str
    cookie: str | None
    """Value of the pending cookie to set, or None where the browser has a good one."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """There is a new session under a new ticket; the browser goes to `return_to`."""

    ticket: Ticket
    session: Session
    return_to: str
    """Path and query on the App's own origin."""
    other_person: bool
    """Another subject was signed in here before: expire the App's own cookies."""


@dataclass(frozen=True, slots=True)
class AlreadySignedIn:
    """This callback has been answered before, in this browser, which still has the session."""

    return_to: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No session. `error` is the provider's error code, kept to the characters OAuth allows."""

    failure: LoginFailure
    return_to: str | None = None
    """Where a fresh start should lead, when that is known."""
    error: str = ""


FinishOutcome = SignedIn | AlreadySignedIn | Failed
BeginOutcome = Begun | Failed


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The session is over; `location` is the provider's end_session URL where it has one."""

    location: str | None = None


__all__ = [
    "AlreadySignedIn",
    "BeginOutcome",
    "Begun",
    "Failed",
    "FinishOutcome",
    "LoginFailure",
    "Route",
    "SignedIn",
    "SignedOut",
]
