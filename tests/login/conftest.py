"""A desk over real sockets: the stand-in provider, memory stores, and a browser's cookies."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.identity import Scope
from gateway.login.aiohttp_provider import AiohttpProvider
from gateway.login.aliases import Aliases
from gateway.login.asyncio_shared_tasks import SharedTasks
from gateway.login.funnel import Attempt, SignInStep
from gateway.login.keys import KeySet, signing_key
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.service import Client, SignInService, Terms
from gateway.login.sign_in import Begun, FinishOutcome, SignedIn
from gateway.policy.verdict import Challenge, ChallengeReason, RuleId
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.memory_store import MemoryStore
from gateway.session.session import Session
from gateway.settings.settings import Environment, ProviderSettings
from tests.builders import CLIENT, app, inbound
from tests.builders import route as a_route
from tests.login.stand_in import StandIn

ALL = frozenset(Scope)


def route(host: str = "app.gw.test", client_id: str = CLIENT, name: str = "booking") -> Route:
    """Return the App's route."""
    return a_route(app=app(name=name, url=f"https://{host}"), host=host, client_id=client_id)


def challenge(*scopes: Scope, fresh_within: float | None = None, rule: str = "reserve") -> Challenge:
    """Return what a rule asks."""
    return Challenge(
        RuleId("test", rule), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID, *scopes}), fresh_within=fresh_within
    )


class Clock:
    """The real clock, and as far ahead of it as a test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Calls:
    """The reports of the login service and of the provider."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    funnel: list[tuple[SignInStep, Attempt]] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    """The names of logins that were sent off and are not back."""
    seconds: list[float] = field(default_factory=list)

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((endpoint, outcome))

    def key_passed_over(self, kid: str, why: str) -> None:
        self.passed_over.append((kid, why))

    def sent(self, name: str, attempt: Attempt) -> None:
        self.funnel.append((SignInStep.SENT, attempt))
        self.away.append(name)

    def returned(self, name: str, attempt: Attempt) -> None:
        self.funnel.append((SignInStep.RETURNED, attempt))
        self.away.remove(name)

    def ended(self, attempt: Attempt, seconds: float | None) -> None:
        self.funnel.append((SignInStep.FAILED if seconds is None else SignInStep.SIGNED_IN, attempt))
        if seconds is not None:
            self.seconds.append(seconds)

    def claim_troubled(self, scope: str, trouble: str) -> None:
        self.troubles.append((scope, trouble))


@dataclass
class Browser:
    """Cookies of one browser, and what it did."""

    route: Route
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "198.51.100.7"

    def visit(self, path: str = "/reserve/42") -> tuple[Route, Inbound]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = [("Cookie", cookie)] if cookie else []
        return self.route, inbound(path, *headers, host=self.route.host, client_address=self.address)

    def take(self, outcome: Begun | FinishOutcome) -> None:
        """Keep the cookies an outcome sets."""
        if isinstance(outcome, Begun | SignedIn) and outcome.cookie is not None:
            self.cookies["__Host-sekisho-login"] = outcome.cookie
            if isinstance(outcome, Begun) and outcome.tab:
                self.cookies[outcome.tab] = outcome.cookie
        if isinstance(outcome, SignedIn):
            self.cookies["__Host-sekisho"] = outcome.ticket


@dataclass
class Book:
    """The aliases of persons; a test writes into it."""

    aliases: Aliases = field(default_factory=Aliases)

    def known_as(self, client_id: str, subject: str) -> str:
        return self.aliases.known_as(client_id, subject)


@dataclass
class House:
    """A desk, what it stands on, and a browser before it."""

    service: SignInService
    stand_in: StandIn
    provider: AiohttpProvider
    pending: MemoryPendingStore
    sessions: MemoryStore
    clock: Clock
    calls: Calls
    browser: Browser
    clients: dict[str, Client]
    book: Book

    @property
    def settings(self) -> ProviderSettings:
        return self.clients[CLIENT].settings

    def configure(self, **changes: Any) -> None:
        """Have the service go by other settings of the provider from now on."""
        client = self.clients[CLIENT]
        self.clients[CLIENT] = replace(client, settings=replace(client.settings, **changes))

    async def begin(self, asked: Challenge | None = None, back: str | None = None) -> str:
        begun = await self.service.begin(*self.browser.visit(), asked or challenge(), back)
        assert isinstance(begun, Begun), begun
        self.browser.take(begun)
        return begun.location

    async def finish(self, query: bytes) -> FinishOutcome:
        outcome = await self.service.finish(*self.browser.visit("/.sekisho/callback"), query)
        self.browser.take(outcome)
        return outcome

    async def sign_in(self, asked: Challenge | None = None, back: str | None = None) -> FinishOutcome:
        return await self.finish(self.stand_in.authorize(await self.begin(asked, back)))

    async def session(self) -> Session | None:
        ticket = self.browser.cookies.get("__Host-sekisho")
        return await self.sessions.find(ticket) if ticket else None


def new_keys(kid: str = "c1") -> KeySet:
    """Return a set of one new key."""
    return KeySet((signing_key(ECKey.generate_key("P-256", auto_kid=False), kid, "ES256"),))


@pytest.fixture
def soon_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a token of an unknown key wait for the next fetch of the keys, but not for seconds."""
    monkeypatch.setattr("gateway.login.aiohttp_provider.REFETCH_PAUSE", 0.1)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A desk with nobody signed in."""
    keys = new_keys()
    clock, calls, book = Clock(), Calls(), Book()
    stand_in = StandIn(CLIENT, keys.public_jwks, clock)
    await stand_in.start()
    settings = ProviderSettings(environment=Environment.EMULATOR, issuer=stand_in.issuer, client_id=CLIENT, timeout=2.0)
    provider = AiohttpProvider(settings, keys, clock=clock, monotonic=clock, random=secrets.token_bytes, meter=calls)
    pending = MemoryPendingStore()
    sessions = MemoryStore(idle=1800, clock=clock, monotonic=time.monotonic)
    clients = {CLIENT: Client(settings, keys, provider)}
    service = SignInService(
        clients,
        pending,
        sessions,
        Terms("/.sekisho/", 28_800),
        pseudonyms=lambda client, subject: (f"p-{client}-{subject}",),
        clock=clock,
        random=secrets.token_bytes,
        observer=calls,
        known_as=book.known_as,
        shared_tasks=SharedTasks(),
    )
    yield House(service, stand_in, provider, pending, sessions, clock, calls, Browser(route()), clients, book)
    await provider.close()
    await sessions.close()
    await stand_in.stop()
