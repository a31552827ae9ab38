"""The login step's promise to the portal: to begin a sign-in, to finish one, to end a session.

The one page a page-maker reads. `SignInService` in `service` keeps the `SignIn` promise below. The outcomes are values,
which the portal matches exhaustively. They are implemented in `service` (the order of steps), `login`, `claims`,
`return_to` (pure) and `aiohttp_provider` (calls).

One small cookie (`Route.pending_cookie`) binds pending logins to a browser. Its value is opaque to
the portal: where an outcome's `cookie` is not None, set it with `HttpOnly`, `SameSite=Lax`, `Path=/`,
`Max-Age` of `BROWSER_COOKIE_SECONDS` and, but on plain-HTTP loopback, `Secure`; never clear it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.instant import Instant
from gateway.policy.verdict import Challenge
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.session import Session
from gateway.session.ticket import Ticket

BROWSER_COOKIE_SECONDS = 400 * 86_400
"""The longest a browser keeps a cookie (RFC 6265bis section 5.5): as long as any cookie of the App may live.

The cookie binds pending logins. It also remembers the last person as a hash that only this cookie can check, so that
the App's own cookies are expired when another person signs in, even much later.
"""


class LoginFailure(StrEnum):
    """Why a sign-in ended without a session. Label of a metric, key of a page."""

    CANCELLED = "cancelled"
    """`access_denied`: the person stopped it in the app."""
    REFUSED = "refused"
    """The provider says that the card cannot be used (`provider.card_errors`). `Failed.error` has its code."""
    MISCONFIGURED = "misconfigured"
    """The provider does not accept our request, or answers with a code that says nothing of the card."""
    EXPIRED = "expired"
    """The pending login is unknown, too old, or was used and its session is gone."""
    DISPLACED = "displaced"
    """The pending login made room for newer ones: this browser has begun too many at the same time."""
    OTHER_BROWSER = "other_browser"
    """The callback came to a browser that did not begin it: offer a fresh start there, in one tap."""
    INVALID = "invalid"
    """The provider's answer does not hold: state, ID token or UserInfo fail a check."""
    CLAIM_MISSING = "claim_missing"
    """The provider's answer lacks what no sign-in can do without; `Failed.check` names it."""
    PROVIDER_DOWN = "provider_down"
    STORE_DOWN = "store_down"
    NOT_FRESH = "not_fresh"
    """The provider's own session is older than the rule allows, and it did not ask for the card again."""
    LOOP = "loop"
    """Three sign-ins in a row were each challenged again at once."""
    TOO_MANY = "too_many"
    """Too many logins are pending, and this address has more than its share: 429."""

    @property
    def status(self) -> int:
        """The HTTP status of its page."""
        return _STATUS.get(self, 400)


_STATUS: Mapping[LoginFailure, int] = {
    LoginFailure.CANCELLED: 403,
    LoginFailure.REFUSED: 403,
    LoginFailure.NOT_FRESH: 403,
    LoginFailure.LOOP: 403,
    LoginFailure.MISCONFIGURED: 502,
    LoginFailure.PROVIDER_DOWN: 503,
    LoginFailure.STORE_DOWN: 503,
    LoginFailure.TOO_MANY: 429,
}


@dataclass(frozen=True, slots=True)
class Begun:
    """The browser goes to `location`, by 303; `cookie` binds the pending login to it."""

    location: str
    cookie: str | None
    """Value of the pending cookie to set, or None where the browser has a good one."""
    tab: str = ""
    """Name of a second cookie to set to the same value, for a login's lifetime: other tabs may begin meanwhile."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """There is a new session under a new ticket; the browser goes to `return_to`, by 303."""

    ticket: Ticket
    session: Session
    return_to: str
    """Path and query on the App's own origin."""
    other_person: bool
    """Another subject was signed in here before: expire the App's own cookies."""
    cookie: str | None = None
    """New value of the pending cookie: it remembers who signed in last here."""
    app: str = ""
    """The App whose rule asked."""
    seconds: float = 0.0
    """From the redirect to the provider to this moment."""
    carried_over: bool = False
    """A step-up of the same subject: the old ticket is dead, its open streams may live on under the new one."""


@dataclass(frozen=True, slots=True)
class AlreadySignedIn:
    """This browser is signed in, and the callback's code is not needed: 303, no cookie.

    Either the callback has been answered before, or its sign-in began in another browser.
    """

    return_to: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No session. `error` is the provider's error code, kept to the characters OAuth allows."""

    failure: LoginFailure
    return_to: str | None = None
    """The target of a fresh start, if it is known: path and query on the App's own origin."""
    error: str = ""
    """The provider's error code: at most 64 characters of `A-Za-z0-9_.-`; safe to show, escaped all the same."""
    check: str = ""
    """Our own name of the check that failed, of a closed list: for the log and the metric, not for the person."""
    endpoint: str = ""
    """The provider's endpoint that failed or refused us: for the log."""
    fault: str = ""
    """How it failed, in a word of ours: for the log."""
    found: str = ""
    """The value that failed the check, where it says nothing of a person: for the log."""
    retry_after: int | None = None
    """Seconds, where waiting helps."""
    app: str = field(default="", compare=False)
    """The App whose rule asked, if a login of ours names it: for the log and the metric."""
    form: str = field(default="", repr=False)
    """The body of a form that could not be kept, since no sign-in began: a fresh start takes it along."""


FinishOutcome = SignedIn | AlreadySignedIn | Failed
BeginOutcome = Begun | Failed


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The session is over; `location` is the provider's end_session URL where it has one.

    Expire the session cookie and the App's `application_cookies` in any case.
    """

    location: str | None = None
    ended: int = 0
    """How many sessions ended: this one, and those begun in the same provider session."""
    alive_until: Instant | None = None
    """If the store did not answer, the latest end of the session for a holder of its ticket."""
    kept: bool = True
    """Whether the store will be told when it is back."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The provider's logout token was believed, and these many sessions ended: 200, `Cache-Control: no-store`."""

    ended: int


@dataclass(frozen=True, slots=True)
class LogoutRefused:
    """The gateway did not believe it, or could not act on it: 400, `no-store`, no detail to the caller."""

    check: str
    """Our own name of the check that failed, of a closed list: for the log and the metric."""


LogoutOutcome = LoggedOut | LogoutRefused


class SignIn(Protocol):
    """The sign-in service, as the portal holds it.

    No method raises for bad input, a provider or a store that fails: those are outcomes. Only `sign_out`
    raises `StoreUnavailableError`, rather than say that a session has ended.
    """

    async def begin(
        self,
        route: Route,
        inbound: Inbound,
        challenge: Challenge,
        return_to: str | None,
        form: str = "",
        *,
        app: str = "",
        anew: bool = False,
    ) -> BeginOutcome:
        """Open a pending login and return the URL for the browser. `form` is kept, and the sign-in leads to its page.

        `anew`: the provider is asked to let nobody in by a session of its own, since another person is to come.

        `app` is the App whose rule asks, if it is another one of the same host than the route's.

        `return_to` is what the browser sent (`rd`, or a hidden field), unchecked; None means the request's own
        target. A text that is no target on this App's origin becomes `/`. Query parameters of the request never change
        the requested items: only `challenge` does.
        """

    async def finish(self, route: Route, inbound: Inbound, query: bytes | None) -> FinishOutcome:
        """Answer the provider's callback, whose raw query this is. Call it for no prefetch."""

    async def sign_out(self, route: Route, inbound: Inbound) -> SignedOut:
        """End this browser's session here, and its siblings; where the store is away, have it told when it is back."""

    async def back_channel_logout(self, route: Route, body: bytes) -> LogoutOutcome:
        """Answer the provider's POST of `application/x-www-form-urlencoded` (Back-Channel Logout 1.0 section 2.5).

        It comes from the provider and not from a browser: no cookie, no origin and no CSRF check apply.
        """

    def client_jwks(self, route: Route) -> bytes:
        """Return the public JWKS of the App's client as JSON: what the provider verifies our assertions with."""

    def safe_return(self, route: Route, return_to: str | None) -> str:
        """Return the target rebuilt on the App's origin, or `/`: what a page may link to or put in a field."""


__all__ = [
    "BROWSER_COOKIE_SECONDS",
    "AlreadySignedIn",
    "BeginOutcome",
    "Begun",
    "Failed",
    "FinishOutcome",
    "LoggedOut",
    "LoginFailure",
    "LogoutOutcome",
    "LogoutRefused",
    "Route",
    "SignIn",
    "SignedIn",
    "SignedOut",
]
