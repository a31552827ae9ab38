"""The console as an aiohttp application on the management listener: its doors, its sign-in, and its pages.

`routes` says who may do what, and `_admitted` asks it before any handler runs. The handlers of each page lie in a file
of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from aiohttp import hdrs, web

from gateway.audit.trail import AuditTrail
from gateway.console.aiohttp_audit import AuditPages
from gateway.console.aiohttp_health import HealthPages
from gateway.console.aiohttp_limits import LimitPages
from gateway.console.aiohttp_oidc import OidcSignIn
from gateway.console.aiohttp_policies import PolicyPages
from gateway.console.aiohttp_render import HEADERS, see_other, serve_asset
from gateway.console.aiohttp_sessions import SessionPages
from gateway.console.aiohttp_switches import SwitchPages
from gateway.console.aiohttp_visitor import Handler, RefusedError, Visitor, read_form, refusal, sender_of
from gateway.console.csrf import FIELD, is_token
from gateway.console.doors import Way, is_own_form, may_see, way_of
from gateway.console.node import Node
from gateway.console.routes import ROUTES, Admits, ConsoleRoute, Place, may
from gateway.console.screen import LONGEST_REASON, Screen
from gateway.console.sign_ins import SignIn, SignIns
from gateway.console.structlog_record import DeedRecord
from gateway.errors import GatewayError
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.observe.redact import where_it_failed
from gateway.portal.aiohttp_management import CONSOLE
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.attempts import TokenCheck, Wait
from gateway.portal.cookies import expire_cookie, set_cookie
from gateway.portal.language import preferred
from gateway.portal.refusals import RefusalReason
from gateway.request.rates import Rate
from gateway.settings.settings import ConsoleSettings

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


def make_console(services: ConsoleServices) -> web.Application:
    """Return the application; `portal.aiohttp_management` puts it at its place."""
    console = _Console(services)
    app = web.Application()
    handlers = console.handlers()
    for route in ROUTES:
        app.router.add_route(route.method, f"/{route.path}", console.admitted(route, handlers[route.place]))
    app.middlewares.append(console.answers)
    app.cleanup_ctx.append(console.health.running)
    if services.oidc is not None:
        app.cleanup_ctx.append(services.oidc.running)
    return app


class _MisdirectedError(web.HTTPException):
    """A browser on another machine came by plain HTTP, which anybody on the way reads and changes."""

    status_code = HTTPStatus.MISDIRECTED_REQUEST

    def __init__(self) -> None:
        super().__init__(reason="open the console by the https URL in console.url, or on this machine")


@dataclass(slots=True)
class _Console:
    services: ConsoleServices
    sign_ins: SignIns = field(init=False)
    record: DeedRecord = field(init=False)
    logins: Rate = field(default_factory=lambda: Rate(LOGINS_PER_ADDRESS, LOGINS))
    health: HealthPages = field(init=False)

    def __post_init__(self) -> None:
        self.sign_ins = SignIns(self.services.clock, self.services.random)
        self.record = DeedRecord(self.services.trail, self.services.clock)
        self.health = HealthPages(self.services.node, self.services.clock)

    def handlers(self) -> Mapping[Place, Handler]:
        """Return the handler of every place."""
        node, clock = self.services.node, self.services.clock
        sessions, limits, switches = SessionPages(node), LimitPages(node, clock), SwitchPages(node, clock)
        policies, audit = PolicyPages(node, self.health.today, clock), AuditPages(node)
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
            Place.SWITCHES: switches.show,
            Place.SWITCH_ON: switches.turn_on,
            Place.SWITCH_OFF: switches.turn_off,
            Place.POLICIES: policies.show_policies,
            Place.APPLICATIONS: policies.show_applications,
            Place.AUDIT: audit.show,
            Place.AUDIT_FIND: audit.find,
        }

    def admitted(self, route: ConsoleRoute, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler that runs only for somebody whom the table of routes admits."""

        async def answer(request: web.Request) -> web.StreamResponse:
            visitor = self._visitor(request)
            try:
                await self._admit(route, request, visitor)
                return await handler(visitor)
            except RefusedError as refused:
                return visitor.page(refused.screen)
            except GatewayError as error:
                # The page names the part that is away; the error's own words are for the log.
                return visitor.page(Screen("away", "away.title", {"code": error.code}, int(error.status)))

        return answer

    async def _admit(self, route: ConsoleRoute, request: web.Request, visitor: Visitor) -> None:
        """Return if the request may go on.

        Raises:
            RefusedError: it may not, and the page says why.

        """
        sender, address = sender_of(request), visitor.address
        if request.method == hdrs.METH_GET:
            good = may_see(sender, asset=route.place is Place.STATIC)
        else:
            good = is_own_form(sender, visitor.way)
        if not good:
            self.services.refusals.refused(RefusalReason.FOREIGN_PAGE, address)
            raise RefusedError(
                Screen("refused", "refused.foreign_page", {"kind": "foreign_page"}, HTTPStatus.FORBIDDEN)
            )
        if request.method == hdrs.METH_POST:
            visitor.form = await read_form(request)
        operator = visitor.sign_in
        if not may(route.needs, None if operator is None else operator.operator.roles):
            if operator is None:
                raise RefusedError(self._sign_in_page(HTTPStatus.UNAUTHORIZED))
            self.services.refusals.refused(RefusalReason.ROLE, address, operator.operator.name)
            raise refusal("role", HTTPStatus.FORBIDDEN)
        if operator is not None and request.method == hdrs.METH_POST and route.needs is not Admits.EVERYBODY:
            self._check_form(route, visitor, operator, address)

    def _check_form(self, route: ConsoleRoute, visitor: Visitor, operator: SignIn, address: str) -> None:
        """Return if a form has our token, and a reason where it changes something.

        Raises:
            RefusedError: it lacks one.

        """
        if not is_token(visitor.form.get(FIELD, ""), operator.csrf, route.place):
            self.services.refusals.refused(RefusalReason.CSRF, address, operator.operator.name)
            raise refusal("csrf", HTTPStatus.FORBIDDEN)
        if route.changes and not visitor.reason:
            raise refusal("reason", HTTPStatus.BAD_REQUEST)
        if len(visitor.reason) > LONGEST_REASON:
            raise RefusedError(
                Screen("refused", "refused.long_reason", {"kind": "long_reason"}, HTTPStatus.BAD_REQUEST)
            )

    @web.middleware
    async def answers(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Give every answer the headers of the console, also one that no handler made."""
        try:
            response = await handler(request)
        except web.HTTPNotFound:
            response = self._visitor(request).page(Screen("refused", "refused.not_found", {"kind": "not_found"}, 404))
        except web.HTTPException as refused:
            response = web.Response(status=refused.status, text=f"{refused.reason}\n")
            if hdrs.ALLOW in refused.headers:
                response.headers[hdrs.ALLOW] = refused.headers[hdrs.ALLOW]
        # A mistake of ours: its words may quote what it met.
        except Exception as error:  # noqa: BLE001
            _log.error(Event.UNCAUGHT, error=type(error).__name__, where=where_it_failed(error))
            response = web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text="internal error\n")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _visitor(self, request: web.Request) -> Visitor:
        """Return who asks, in which way and language.

        Raises:
            _MisdirectedError: by plain HTTP from another machine.

        """
        settings = self.services.settings()
        way = way_of(request.headers.getall(hdrs.HOST, ()), settings.url)
        if way is None:
            raise _MisdirectedError
        sign_in = self.sign_ins.find(
            request.cookies.get(cookie_name(way), ""),
            self.services.tokens.operators(),
            idle=settings.idle,
            absolute=settings.absolute,
        )
        language = preferred(",".join(request.headers.getall(hdrs.ACCEPT_LANGUAGE, ())))
        return Visitor(request, way, language, sign_in, self.record)

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
        self.sign_ins.end(visitor.request.cookies.get(cookie_name(visitor.way), ""))
        secret = self.sign_ins.begin(operator, by_token=True)
        _log.info(Event.CONSOLE_SIGNED_IN, operator=operator.name, selector="token")
        self.record.console(operator.name, "sign-in by token")
        response = see_other(Place.HOME)
        response.headers.add(hdrs.SET_COOKIE, _cookie(visitor.way, secret))
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
        self.sign_ins.end(visitor.request.cookies.get(cookie_name(visitor.way), ""))
        secret = self.sign_ins.begin(operator, by_token=False)
        _log.info(Event.CONSOLE_SIGNED_IN, operator=operator.name, selector="oidc")
        self.record.console(operator.name, "sign-in by OIDC")
        # Not a redirect: a browser that comes from another site would send no `Strict` cookie along.
        response = visitor.page(Screen("come_back", "come_back.title"))
        response.headers.add(hdrs.SET_COOKIE, _cookie(visitor.way, secret))
        oidc.forget(visitor, response)
        return response

    def _sign_in_page(self, status: HTTPStatus, fault: str = "", retry_after: int | None = None) -> Screen:
        oidc = self.services.oidc
        values = {"fault": fault, "oidc": oidc is not None, "tokens": bool(self.services.tokens.operators().all)}
        leads_to = () if oidc is None else oidc.origins
        return Screen("sign_in", "sign_in.title", values, status, retry_after, leads_to)

    async def _sign_out(self, visitor: Visitor) -> web.StreamResponse:
        self.sign_ins.end(visitor.request.cookies.get(cookie_name(visitor.way), ""))
        if visitor.sign_in is not None:
            _log.info(Event.CONSOLE_SIGNED_OUT, operator=visitor.operator)
            self.record.console(visitor.operator, "sign-out")
        response = see_other(Place.HOME)
        ended = expire_cookie(cookie_name(visitor.way), secure=visitor.way.secure)
        response.headers.add(hdrs.SET_COOKIE, _placed(visitor.way, ended))
        response.headers["Clear-Site-Data"] = '"cache"'
        return response


def cookie_name(way: Way) -> str:
    """Return the name of the cookie: `__Host-` keeps other hosts of the domain from planting one, and needs TLS."""
    return "__Host-sekisho-console" if way.secure else "sekisho-console"


def _cookie(way: Way, secret: str) -> str:
    return _placed(way, set_cookie(cookie_name(way), secret, secure=way.secure, same_site="Strict"))


def _placed(way: Way, line: str) -> str:
    """Return a cookie's line for its place.

    `__Host-` demands the root. Without TLS the other ports of the host get the cookie too, so it is for our path alone.
    """
    return line if way.secure else line.replace("Path=/;", f"Path={CONSOLE};")
