"""A portal with a fake desk, reached as the byte path reaches it: with a visit's token."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from pytest_aiohttp.plugin import AiohttpClient

from gateway.accounts.asyncio_linking import Linking
from gateway.audit.trail import AuditTrail, NoTrail
from gateway.identity import Scope
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.returned import ReturnedForms
from gateway.login.waiting import WaitingForms
from gateway.pipeline.visit import VISIT_HEADER, OwnPage, Purpose, Visit
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Reason, ReasonKind, RuleId
from gateway.portal.aiohttp_portal import PortalServices, make_portal
from gateway.portal.aiohttp_signing import SigningServices
from gateway.portal.visits import VisitTable
from gateway.request.inbound import Inbound
from gateway.request.rates import Rate
from gateway.request.target import Target
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.seal import Secrets
from gateway.session.session import NoTicket, SessionState
from gateway.settings.settings import AppSettings, BrandSettings, ContactSettings, WithoutCard
from tests import builders
from tests.portal.fakes import PROVIDER, Counted, FakeDesk, FakeSessions

PREFIX = "/.sekisho/"
RULE = RuleId("booking", "reserve")
PURPOSE = {"ja": "施設の予約受付と使用料の区分のため", "en": "To take bookings and set the fee"}
NOTICED = Challenge(
    RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID, Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE}), PURPOSE
)
KEEPING = replace(NOTICED, keep_form=True)
BARE = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))
TOO_YOUNG = Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "adult", {"ja": "18歳以上の方が予約できます。"}),))


def settings(**changes: object) -> AppSettings:
    """The booking App, with all that its notice shows."""
    values: dict[str, object] = {
        "operator": {"ja": "渋谷区 スポーツ振興課", "en": "Shibuya City Sports Division"},
        "privacy_policy": "https://www.city.example.lg.jp/privacy",
        "contact": ContactSettings(
            "https://www.city.example.lg.jp/contact",
            "03-0000-0000",
            {"ja": "平日 8時30分〜17時", "en": "8:30 to 17:00 on weekdays"},
            {"ja": "渋谷区役所 5階"},
        ),
        "brand": BrandSettings({"ja": "渋谷区", "en": "Shibuya City"}, {"ja": "施設予約"}, colour="#0a6b3d"),
        "without_card": WithoutCard("https://www.city.example.lg.jp/counter", {"ja": "窓口での申込み"}),
        "application_cookies": ("JSESSIONID",),
    }
    return builders.app(**(values | changes))


@dataclass
class House:
    """A portal, what stands behind it, and a way in."""

    client: TestClient[Request, Application]
    visits: VisitTable
    sign_in_service: FakeDesk
    sessions: FakeSessions
    counted: Counted
    table: RouteTable
    route: Route
    forms: WaitingForms
    headers: dict[str, str] = field(default_factory=dict)

    def visit(
        self,
        path: str,
        *headers: tuple[str, str],
        purpose: Purpose | None = None,
        session: SessionState | None = None,
        query: str | None = None,
        **changes: object,
    ) -> Visit:
        """Make the visit of a browser's request."""
        target = Target(path, path.encode(), None if query is None else query.encode())
        head = builders.inbound(path, *headers, target=target, **changes)
        return Visit(self.route, head, session or NoTicket(), purpose or OwnPage())

    async def send(self, visit: Visit, body: dict[str, str] | bytes | None = None) -> ClientResponse:
        """Ask the portal as the byte path does: its own URLs as they are, everything else as a GET of `/`."""
        inbound: Inbound = visit.inbound
        own = isinstance(visit.purpose, OwnPage)
        method = inbound.method if own else "POST" if visit.brings_body else "GET"
        headers = {VISIT_HEADER: self.visits.issue(visit)}
        content_type = [value.decode() for name, value in inbound.headers if name.lower() == b"content-type"]
        if content_type:
            headers["Content-Type"] = content_type[0]
        return await self.client.request(
            method,
            inbound.target.raw.decode() if own else "/",
            headers=headers,
            data=body,
            allow_redirects=False,
        )

    async def get(self, path: str, *headers: tuple[str, str], **changes: object) -> ClientResponse:
        """Ask for one of the portal's own URLs."""
        return await self.send(self.visit(PREFIX + path, *headers, **changes))  # type: ignore[arg-type]

    async def post(
        self, path: str, form: dict[str, str], *headers: tuple[str, str], **changes: object
    ) -> ClientResponse:
        """Send one of the portal's own forms, from one of its own pages unless the headers say otherwise."""
        sent = headers or (("Sec-Fetch-Site", "same-origin"),)
        return await self.send(self.visit(PREFIX + path, *sent, method="POST", **changes), form)  # type: ignore[arg-type]


@pytest.fixture(name="policy")
def policy_fixture() -> builders.FixedPolicy:
    """A policy whose one rule asks for 4情報."""
    return builders.FixedPolicy(builders.FixedRule(NOTICED))


@pytest.fixture(name="house")
async def house_fixture(aiohttp_client: AiohttpClient, policy: builders.FixedPolicy) -> House:
    """A portal for the booking App."""
    return await make_house(aiohttp_client, builders.route(policy, app=settings()))


async def make_house(
    aiohttp_client: AiohttpClient,
    route: Route,
    rate: int = 1_000,
    *,
    others: tuple[Route, ...] = (),
    returned: ReturnedForms | None = None,
    signing: SigningServices | None = None,
    accounts: Linking | None = None,
    trail: AuditTrail | None = None,
) -> House:
    """Start a portal for that route, and for others; `rate` is how many sign-ins a minute may begin, and end."""
    visits, sign_in_service, sessions, counted = VisitTable(os.urandom), FakeDesk(), FakeSessions(), Counted()
    table = RouteTable([route, *others], PREFIX)
    forms = WaitingForms(MemoryPendingStore(), PREFIX, clock=lambda: builders.NOON, random=os.urandom)
    app = make_portal(
        PortalServices(
            visits=visits,
            sign_in=sign_in_service,
            sessions=sessions,
            table=lambda: table,
            form_origins=lambda _: (PROVIDER,),
            observer=counted,
            prefix=PREFIX,
            begins=Rate(rate, rate),
            callbacks=Rate(rate, rate),
            spend=MemoryPendingStore().spend,
            forms=forms,
            returned=returned or ReturnedForms(Secrets.single(os.urandom(32)), os.urandom),
            signing=signing,
            accounts=accounts,
            trail=trail or NoTrail(),
            clock=lambda: builders.NOON,
        )
    )
    client = await aiohttp_client(app)
    return House(client, visits, sign_in_service, sessions, counted, table, route, forms)


Starter = Callable[[Route], Awaitable[House]]


@pytest.fixture(name="start")
def start_fixture(aiohttp_client: AiohttpClient) -> Starter:
    """Starts a portal for any route."""

    async def start(route: Route) -> House:
        return await make_house(aiohttp_client, route)

    return start


__all__ = ["BARE", "KEEPING", "NOTICED", "PREFIX", "TOO_YOUNG", "House", "Starter", "TestServer", "settings"]
