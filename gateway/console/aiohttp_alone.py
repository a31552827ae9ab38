"""The workbench alone, on the author's own machine: the doors and pages of the console, with no gateway behind them.

It listens on loopback alone. Other programs and pages of that machine reach loopback too, so nobody comes in without
the token of the printed address. The token is exchanged once for a cookie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from http import HTTPStatus
from pathlib import Path

from aiohttp import hdrs, web

from gateway.audit.trail import NoTrail
from gateway.console.aiohttp_doors import ConsoleDoors, signed_in_cookie, signed_out_cookie
from gateway.console.aiohttp_render import see_other, serve_asset
from gateway.console.aiohttp_visitor import Visitor, sender_of
from gateway.console.aiohttp_workbench import DraftAnalyst, WorkbenchPages
from gateway.console.doors import may_see
from gateway.console.routes import Place, route_of
from gateway.console.screen import Screen
from gateway.console.sign_ins import SignIns
from gateway.console.structlog_record import DeedRecord
from gateway.console.workbench import InForce
from gateway.instant import Instant
from gateway.portal.aiohttp_management import CONSOLE
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.operators import Operator, Operators, Role, hash_of
from gateway.settings.settings import ConsoleSettings
from gateway.workbench.asyncio_analyst import Analyst

ENTER = "enter"
"""The place, below the console's, of the address that the command prints."""

DAY = ConsoleSettings(idle=43_200.0, absolute=86_400.0)
"""A sign-in lasts a day: the author stopped the program herself if she has gone home."""


@dataclass(slots=True, kw_only=True)
class Alone:
    """The surroundings of the workbench alone."""

    folder: Path
    in_force: Sequence[InForce]
    token: str = field(repr=False)
    author: str
    clock: Callable[[], Instant]
    random: Callable[[int], bytes]
    analyst: DraftAnalyst = field(default_factory=Analyst)


def make_workbench(alone: Alone) -> web.Application:
    """Return the application, for a socket on loopback."""
    trail = NoTrail()
    operators = Operators((Operator(alone.author, frozenset({Role.AUTHOR}), hash_of(alone.token)),))
    doors = ConsoleDoors(
        settings=lambda: DAY,
        operators=lambda: operators,
        sign_ins=SignIns(alone.clock, alone.random),
        record=DeedRecord(trail, alone.clock),
        refusals=RefusalRecord(trail, alone.clock),
        signed_out=lambda status: Screen("refused", "refused.enter", {"kind": "enter"}, int(status)),
        wants_reason=False,
    )
    pages = WorkbenchPages(
        folder=lambda: alone.folder,
        in_force=lambda: alone.in_force,
        clock=alone.clock,
        random=alone.random,
        analyst=alone.analyst,
        wants_reason=False,
    )
    unused = [alone.token]

    async def enter(request: web.Request) -> web.StreamResponse:
        visitor = doors.visitor(request)
        presented = request.query.get("token", "").encode("utf-8", "surrogatepass")
        # Another site's page may lead here, and knows no token. The address works once: it stays in a history.
        if not (may_see(sender_of(request)) and unused and compare_digest(presented, unused[0].encode())):
            return visitor.page(doors.signed_out(HTTPStatus.FORBIDDEN))
        unused.clear()
        secret = doors.sign_ins.begin(operators.all[0], by_token=True)
        response = see_other(Place.WORKBENCH)
        response.headers.add(hdrs.SET_COOKIE, signed_in_cookie(visitor.way, secret))
        return response

    async def static(visitor: Visitor) -> web.StreamResponse:
        return serve_asset(visitor.request.match_info["name"])

    async def home(_visitor: Visitor) -> web.StreamResponse:
        return see_other(Place.WORKBENCH)

    async def sign_out(visitor: Visitor) -> web.StreamResponse:
        doors.leave(visitor)
        response = see_other(Place.HOME)
        response.headers.add(hdrs.SET_COOKIE, signed_out_cookie(visitor.way))
        return response

    app = web.Application()
    for place, handler in (
        (Place.STATIC, static),
        (Place.HOME, home),
        (Place.SIGN_OUT, sign_out),
        (Place.WORKBENCH, pages.show),
        (Place.WORKBENCH_EDIT, pages.edit),
        (Place.WORKBENCH_WORK, pages.work),
        (Place.WORKBENCH_SAVE, pages.save),
    ):
        route = route_of(place)
        app.router.add_route(route.method, f"/{route.path}", doors.admitted(route, handler))
    app.router.add_get(f"/{ENTER}", enter)
    app.middlewares.append(doors.answers)
    app.cleanup_ctx.append(pages.running)
    whole = web.Application()
    whole.add_subapp(CONSOLE, app)
    return whole
