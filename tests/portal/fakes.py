"""A sign-in desk and sessions that answer as a test told them to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.instant import Instant
from gateway.login.funnel import Attempt, SignInStep
from gateway.login.return_to import rebuild
from gateway.login.sign_in import (
    BeginOutcome,
    Begun,
    Failed,
    FinishOutcome,
    LoginFailure,
    LogoutOutcome,
    LogoutRefused,
    SignedOut,
)
from gateway.policy.verdict import Challenge
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.ledger import Disclosure
from gateway.session.session import EndCause, Found, Gone, Unavailable, Unread
from gateway.session.ticket import Ticket

PROVIDER = "https://provider.test"


@dataclass
class FakeDesk:
    """Keeps the promise of `SignIn` without a provider, and remembers what it was asked."""

    begins: BeginOutcome = field(default_factory=lambda: Begun(f"{PROVIDER}/auth?state=s", "pending-value"))
    finishes: FinishOutcome = field(default_factory=lambda: Failed(LoginFailure.EXPIRED))
    signs_out: SignedOut = field(default_factory=SignedOut)
    logs_out: LogoutOutcome = field(default_factory=lambda: LogoutRefused("signature"))
    begun: list[tuple[Inbound, Challenge, str | None]] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    anew: list[bool] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    """The Apps whose rules asked."""
    finished: list[bytes | None] = field(default_factory=list)
    logout_bodies: list[bytes] = field(default_factory=list)
    ended: int = 0

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
        self.anew.append(anew)
        self.begun.append((inbound, challenge, return_to))
        self.forms.append(form)
        self.apps.append(app)
        return self.begins

    async def finish(self, route: Route, inbound: Inbound, query: bytes | None) -> FinishOutcome:
        self.finished.append(query)
        return self.finishes

    async def sign_out(self, route: Route, inbound: Inbound) -> SignedOut:
        self.ended += 1
        return self.signs_out

    async def back_channel_logout(self, route: Route, body: bytes) -> LogoutOutcome:
        self.logout_bodies.append(body)
        return self.logs_out

    def client_jwks(self, route: Route) -> bytes:
        return b'{"keys":[]}'

    def safe_return(self, route: Route, return_to: str | None) -> str:
        if return_to is None:
            return "/"
        return rebuild(return_to, origin=route.origin, prefix="/.sekisho/") or "/"


@dataclass
class FakeSessions:
    """A session cache that knows one answer."""

    answer: Found | Gone | Unavailable = field(default_factory=Gone)
    asked: list[Ticket] = field(default_factory=list)
    ledger: tuple[Disclosure, ...] = ()
    ended_by: EndCause | None = None

    def peek(self, ticket: Ticket, now: Instant) -> Found | Gone | Unread | Unavailable:
        return Unread(ticket)

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:
        self.asked.append(ticket)
        return self.answer

    async def cause(self, ticket: Ticket) -> EndCause | None:
        return self.ended_by

    async def told(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        return self.ledger


@dataclass
class Counted:
    """Remembers what it was told of sign-ins."""

    reported: list[tuple[str, str]] = field(default_factory=list)
    steps: list[tuple[SignInStep, Attempt]] = field(default_factory=list)
    refusals: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def step(self, step: SignInStep, attempt: Attempt) -> None:
        self.steps.append((step, attempt))

    def sign_in(self, app: str, outcome: str) -> None:
        self.reported.append((app, outcome))

    def refused(self, app: str, rule: str, reasons: Iterable[str]) -> None:
        self.refusals.append((app, rule, list(reasons)))
