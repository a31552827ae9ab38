"""The doors of the console: each request is admitted by the table of routes before any handler runs.

`aiohttp_console` hangs them before the pages of a gateway, and `aiohttp_alone` before the workbench alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web

from gateway.console.aiohttp_render import HEADERS
from gateway.console.aiohttp_visitor import (
    Handler,
    RefusedError,
    Visitor,
    read_file_form,
    read_form,
    refusal,
    sender_of,
)
from gateway.console.csrf import FIELD, is_token
from gateway.console.doors import Way, is_own_form, may_see, way_of
from gateway.console.routes import Admits, ConsoleRoute, Place, may
from gateway.console.screen import LONGEST_REASON, Screen
from gateway.console.sign_ins import SignIn, SignIns
from gateway.console.structlog_record import DeedRecord
from gateway.errors import GatewayError
from gateway.observe.events import Event
from gateway.observe.redact import where_it_failed
from gateway.portal.aiohttp_management import CONSOLE, LONGEST_BODY
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.cookies import expire_cookie, set_cookie
from gateway.portal.language import preferred
from gateway.portal.operators import Operators
from gateway.portal.refusals import RefusalReason
from gateway.settings.origin import DEFAULT_PORTS
from gateway.settings.settings import ConsoleSettings

_log = structlog.get_logger()


class _MisdirectedError(web.HTTPException):
    """A browser on another machine came by plain HTTP, which anybody on the way reads and changes."""

    status_code = HTTPStatus.MISDIRECTED_REQUEST

    def __init__(self) -> None:
        super().__init__(reason="open the console by the https URL in console.url, or on this machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleDoors:
    """Decides who comes in, and gives every answer its headers."""

    settings: Callable[[], ConsoleSettings]
    operators: Callable[[], Operators]
    """Returns the people of the file of tokens as it is now."""
    sign_ins: SignIns
    record: DeedRecord
    refusals: RefusalRecord
    signed_out: Callable[[HTTPStatus], Screen]
    """Returns the page for somebody who has not signed in."""
    wants_reason: bool = field(default=True)
    """Whether a change needs a reason, which the audit trail keeps."""

    def admitted(self, route: ConsoleRoute, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler that runs only for somebody whom the table of routes admits."""

        async def answer(request: web.Request) -> web.StreamResponse:
            visitor = self.visitor(request)
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
            self.refusals.refused(RefusalReason.FOREIGN_PAGE, address)
            raise RefusedError(
                Screen("refused", "refused.foreign_page", {"kind": "foreign_page"}, HTTPStatus.FORBIDDEN)
            )
        operator = visitor.sign_in
        if not may(route.needs, None if operator is None else operator.operator.roles):
            if operator is None:
                raise RefusedError(self.signed_out(HTTPStatus.UNAUTHORIZED))
            self.refusals.refused(RefusalReason.ROLE, address, operator.operator.name)
            raise refusal("role", HTTPStatus.FORBIDDEN)
        if request.method == hdrs.METH_POST:
            bounded = request.clone(client_max_size=route.longest_body or LONGEST_BODY)
            if route.takes_file:
                visitor.form, visitor.file = await read_file_form(bounded)
            else:
                visitor.form = await read_form(bounded)
        if operator is not None and request.method == hdrs.METH_POST and route.needs is not Admits.EVERYBODY:
            self._check_form(route, visitor, operator, address)

    def _check_form(self, route: ConsoleRoute, visitor: Visitor, operator: SignIn, address: str) -> None:
        """Return if a form has our token, and a reason where it changes something.

        Raises:
            RefusedError: it lacks one.

        """
        if not is_token(visitor.form.get(FIELD, ""), operator.csrf, route.place):
            self.refusals.refused(RefusalReason.CSRF, address, operator.operator.name)
            raise refusal("csrf", HTTPStatus.FORBIDDEN)
        if self.wants_reason and route.changes and not visitor.reason:
            raise refusal("reason", HTTPStatus.BAD_REQUEST)
        if len(visitor.reason) > LONGEST_REASON:
            raise RefusedError(
                Screen("refused", "refused.long_reason", {"kind": "long_reason"}, HTTPStatus.BAD_REQUEST)
            )

    def leave(self, visitor: Visitor) -> None:
        """End the sign-in of this browser."""
        self.sign_ins.end(visitor.request.cookies.get(cookie_name(visitor.way), ""))

    @web.middleware
    async def answers(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Give every answer the headers of the console, also one that no handler made."""
        try:
            response = await handler(request)
        except web.HTTPNotFound:
            response = self.visitor(request).page(Screen("refused", "refused.not_found", {"kind": "not_found"}, 404))
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

    def visitor(self, request: web.Request) -> Visitor:
        """Return who asks, in which way and language.

        Raises:
            _MisdirectedError: by plain HTTP from another machine.

        """
        settings = self.settings()
        way = way_of(request.headers.getall(hdrs.HOST, ()), settings.url)
        if way is None:
            raise _MisdirectedError
        sign_in = self.sign_ins.find(
            request.cookies.get(cookie_name(way), ""),
            self.operators(),
            idle=settings.idle,
            absolute=settings.absolute,
        )
        language = preferred(",".join(request.headers.getall(hdrs.ACCEPT_LANGUAGE, ())))
        return Visitor(request, way, language, sign_in, self.record)


def cookie_name(way: Way, what: str = "sekisho-console") -> str:
    """Return the name of a cookie: `__Host-` keeps other hosts of the domain from planting one, and needs TLS.

    Every port of a host gets the cookie of the others (RFC 6265 section 8.5). By its port in the name, a console or a
    workbench on this machine does not end the sign-in of another.
    """
    return f"__Host-{what}" if way.secure else f"{what}-{urlsplit(way.origin).port or DEFAULT_PORTS['http']}"


def signed_in_cookie(way: Way, secret: str) -> str:
    """Return the line that keeps a sign-in in the browser."""
    return _placed(way, set_cookie(cookie_name(way), secret, secure=way.secure, same_site="Strict"))


def signed_out_cookie(way: Way) -> str:
    """Return the line that takes it away."""
    return _placed(way, expire_cookie(cookie_name(way), secure=way.secure))


def _placed(way: Way, line: str) -> str:
    """Return a cookie's line for its place.

    `__Host-` demands the root. Without TLS the other ports of the host get the cookie too, so it is for our path alone.
    """
    return line if way.secure else line.replace("Path=/;", f"Path={CONSOLE};")
