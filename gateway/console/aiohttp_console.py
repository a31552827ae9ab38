"""The console as an aiohttp application on the management listener: its doors, its sign-in, and its pages.

`routes` says who may do what, and `_admitted` asks it before any handler runs. The handlers of each page lie in a file
of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from aiohttp import hdrs, web

from gateway.audit.trail import AuditTrail
from gateway.console.aiohttp_accounts import AccountsPages
from gateway.console.aiohttp_audit import AuditPages
from gateway.console.aiohttp_doors import ConsoleDoors, signed_in_cookie, signed_out_cookie
from gateway.console.aiohttp_health import HealthPages
from gateway.console.aiohttp_limits import LimitPages
from gateway.console.aiohttp_oidc import OidcSignIn
from gateway.console.aiohttp_policies import PolicyPages
from gateway.console.aiohttp_render import see_other, serve_asset
from gateway.console.aiohttp_sessions import SessionPages
from gateway.console.aiohttp_switches import SwitchPages
from gateway.console.aiohttp_visitor import Handler, RefusedError, Visitor, refusal
from gateway.console.aiohttp_workbench import DraftAnalyst, WorkbenchPages
from gateway.console.node import Node
from gateway.console.routes import ROUTES, Place
from gateway.console.screen import Screen
from gateway.console.sign_ins import SignIns
from gateway.console.structlog_record import DeedRecord
from gateway.console.workbench import InForce
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.attempts import TokenCheck, Wait
from gateway.portal.refusals import RefusalReason
from gateway.request.rates import Rate
from gateway.settings.settings import ConsoleSettings
from gateway.workbench.asyncio_analyst import Analyst

LOGINS_PER_ADDRESS = 60
LOGINS = 600
"""Logins by OIDC in a minute, from one address and from all."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleServices:
    """The services behind the console."""

    node: Node
    settings: Callable[[], ConsoleSettings]
    """Returns the settings that were adopted last."""
    tokens: TokenCheck
    oidc: OidcSignIn | None = None
    """The sign-in by the office's provider."""
    trail: AuditTrail
    """Records what operators do."""
    refusals: RefusalRecord
    """Records the clients that are refused."""
    clock: Callable[[], Instant]
    random: Callable[[int], bytes]
    analyst: DraftAnalyst = field(default_factory=Analyst)
    """Analyses the drafts of policies."""


def make_console(services: ConsoleServices) -> web.Application:
    """Return the application; `portal.aiohttp_management` puts it at its place."""
    console = _Console(services)
    app = web.Application()
    handlers = console.handlers()
    for route in ROUTES:
        app.router.add_route(route.method, f"/{route.path}", console.doors.admitted(route, handlers[route.place]))
    app.middlewares.append(console.doors.answers)
    app.cleanup_ctx.append(console.health.running)
    app.cleanup_ctx.append(console.workbench.running)
    if services.oidc is not None:
        app.cleanup_ctx.append(services.oidc.running)
    return app


@dataclass(slots=True)
class _Console:
    services: ConsoleServices
    sign_ins: SignIns = field(init=False)
    record: DeedRecord = field(init=False)
    logins: Rate = field(default_factory=lambda: Rate(LOGINS_PER_ADDRESS, LOGINS))
    health: HealthPages = field(init=False)
    doors: ConsoleDoors = field(init=False)
    workbench: WorkbenchPages = field(init=False)

    def __post_init__(self) -> None:
        self.sign_ins = SignIns(self.services.clock, self.services.random)
        self.record = DeedRecord(self.services.trail, self.services.clock)
        self.health = HealthPages(self.services.node, self.services.clock)
        self.workbench = WorkbenchPages(
            folder=lambda: self.services.settings().workbench,
            in_force=lambda: tuple(
                InForce(app.name, app.policy, app.policy_file) for app in self.services.node.facts().apps
            ),
            clock=self.services.clock,
            random=self.services.random,
            analyst=self.services.analyst,
        )
        self.doors = ConsoleDoors(
            settings=self.services.settings,
            operators=self.services.tokens.operators,
            sign_ins=self.sign_ins,
            record=self.record,
            refusals=self.services.refusals,
            signed_out=self._sign_in_page,
        )

    def handlers(self) -> Mapping[Place, Handler]:
        """Return the handler of every place."""
        node, clock = self.services.node, self.services.clock
        sessions, limits, switches = SessionPages(node), LimitPages(node, clock), SwitchPages(node, clock)
        accounts = AccountsPages(node, clock)
        policies, audit = PolicyPages(node, self.health.today, clock), AuditPages(node)
        workbench = self.workbench
        return {
            Place.STATIC: self._static,
            Place.SIGN_IN: self._sign_in,
            Place.OIDC: self._oidc,
            Place.CALLBACK: self._callback,
            Place.HOME: self._home,
            Place.SIGN_OUT: self._sign_out,
            Place.HEALTH: self.health.show,
            Place.SESSIONS: sessions.show,
            Place.SESSIONS_FIND: sessions.find,
            Place.SESSIONS_REVOKE: sessions.revoke,
            Place.LIMITS: limits.show,
            Place.LIMITS_FIND: limits.find,
            Place.LIMITS_GIVE_BACK: limits.give_back,
            Place.ACCOUNTS: accounts.show,
            Place.ACCOUNTS_FIND: accounts.find,
            Place.ACCOUNTS_LINK: accounts.link,
            Place.ACCOUNTS_UNLINK: accounts.unlink,
            Place.ACCOUNTS_IMPORT: accounts.bring_in,
            Place.ACCOUNTS_EXPORT: accounts.export,
            Place.SWITCHES: switches.show,
            Place.SWITCH_ON: switches.turn_on,
            Place.SWITCH_OFF: switches.turn_off,
            Place.POLICIES: policies.show_policies,
            Place.APPLICATIONS: policies.show_applications,
            Place.AUDIT: audit.show,
            Place.AUDIT_FIND: audit.find,
            Place.WORKBENCH: workbench.show,
            Place.WORKBENCH_EDIT: workbench.edit,
            Place.WORKBENCH_WORK: workbench.work,
            Place.WORKBENCH_SAVE: workbench.save,
        }

    async def _static(self, visitor: Visitor) -> web.StreamResponse:
        return serve_asset(visitor.request.match_info["name"])

    async def _home(self, visitor: Visitor) -> web.StreamResponse:
        return visitor.page(Screen("home", "home.title"), Place.HOME)

    async def _sign_in(self, visitor: Visitor) -> web.StreamResponse:
        address = visitor.address
        operator = self.services.tokens.who(visitor.form.get("token", "").strip(), address)
        match operator:
            case Wait(seconds):
                self.services.refusals.refused(RefusalReason.TOO_MANY_WRONG_TOKENS, address)
                return visitor.page(self._sign_in_page(HTTPStatus.TOO_MANY_REQUESTS, "too_many", seconds))
            case None:
                self.services.refusals.refused(RefusalReason.NO_KNOWN_TOKEN, address)
                return visitor.page(self._sign_in_page(HTTPStatus.UNAUTHORIZED, "unknown_token"))
            case _:
                pass
        # The secret of an earlier sign-in in this browser opens nothing any more: a planted cookie would be one.
        self.doors.leave(visitor)
        secret = self.sign_ins.begin(operator, by_token=True)
        _log.info(Event.CONSOLE_SIGNED_IN, operator=operator.name, selector="token")
        self.record.console(operator.name, "sign-in by token")
        response = see_other(Place.HOME)
        response.headers.add(hdrs.SET_COOKIE, signed_in_cookie(visitor.way, secret))
        return response

    async def _oidc(self, visitor: Visitor) -> web.StreamResponse:
        if self.services.oidc is None:
            raise refusal("not_found", HTTPStatus.NOT_FOUND)
        wait = self.logins.take(visitor.address, self.services.clock())
        if wait is not None:
            return visitor.page(self._sign_in_page(HTTPStatus.TOO_MANY_REQUESTS, "too_many", wait))
        return await self.services.oidc.begin(visitor)

    async def _callback(self, visitor: Visitor) -> web.StreamResponse:
        oidc = self.services.oidc
        if oidc is None:
            raise refusal("not_found", HTTPStatus.NOT_FOUND)
        try:
            operator = await oidc.finish(visitor)
        except RefusedError:
            self.services.refusals.refused(RefusalReason.OIDC, visitor.address)
            raise
        self.doors.leave(visitor)
        secret = self.sign_ins.begin(operator, by_token=False)
        _log.info(Event.CONSOLE_SIGNED_IN, operator=operator.name, selector="oidc")
        self.record.console(operator.name, "sign-in by OIDC")
        # Not a redirect: a browser that comes from another site would send no `Strict` cookie along.
        response = visitor.page(Screen("come_back", "come_back.title"))
        response.headers.add(hdrs.SET_COOKIE, signed_in_cookie(visitor.way, secret))
        oidc.forget(visitor, response)
        return response

    def _sign_in_page(self, status: HTTPStatus, fault: str = "", retry_after: int | None = None) -> Screen:
        oidc = self.services.oidc
        values = {"fault": fault, "oidc": oidc is not None, "tokens": bool(self.services.tokens.operators().all)}
        leads_to = () if oidc is None else oidc.origins
        return Screen("sign_in", "sign_in.title", values, status, retry_after, leads_to)

    async def _sign_out(self, visitor: Visitor) -> web.StreamResponse:
        self.doors.leave(visitor)
        if visitor.sign_in is not None:
            _log.info(Event.CONSOLE_SIGNED_OUT, operator=visitor.operator)
            self.record.console(visitor.operator, "sign-out")
        response = see_other(Place.HOME)
        response.headers.add(hdrs.SET_COOKIE, signed_out_cookie(visitor.way))
        response.headers["Clear-Site-Data"] = '"cache"'
        return response
