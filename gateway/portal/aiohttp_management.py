"""The management listener: metrics, health and sessions, for those who operate the gateway, never for the public.

It is bound to an address of its own. Health says one word to everybody. The answer's body names the
failed check, with no address or secret in it. The sessions API lists and ends sessions for a client with a named token
(`operators`) whose roles allow it, and every use of it is an event. A selector goes into the body of a POST, never into
a URL: it may name a person. The console for people (`gateway/console`) is an application of its own below `CONSOLE`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import msgspec
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from gateway.audit.entry import LONGEST, Action, Entry, Outcome
from gateway.audit.trail import AuditTrail, NoTrail, operators_action
from gateway.errors import AuditUnavailableError, GatewayError
from gateway.identity import NOT_TOLD
from gateway.instant import Instant, tokyo_time
from gateway.observe.events import Event
from gateway.observe.merge import Families
from gateway.observe.prometheus_text import OPENMETRICS, TEXT, expose, wants_openmetrics
from gateway.portal.aiohttp_pages import redirect
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.attempts import TokenCheck, Wait
from gateway.portal.hosts import may_ask
from gateway.portal.operators import Role
from gateway.portal.readiness import Readiness
from gateway.portal.refusals import RefusalReason
from gateway.request.media_type import media_type
from gateway.session.session import (
    CLIENT_ID,
    PSEUDONYM,
    SESSION_NAME,
    AllSessions,
    ClientSessions,
    ListedSession,
    OneSession,
    ProviderSessions,
    Selector,
    SubjectSessions,
    selector_fields,
)
from gateway.strict_json import NotJsonError, read_struct

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, raises when it is not."""

CONSOLE = "/console/"
"""The place of the console for operators."""

LONGEST_BODY = 64 * 1024
"""Bytes of a request's body."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_log = structlog.get_logger()


def make_management(
    *,
    metrics: Callable[[], Awaitable[Families]],
    readiness: Callable[[], Awaitable[Readiness]],
    sessions: SessionControl | None = None,
    names: Callable[[], Collection[str]] = frozenset,
    console: web.Application | None = None,
    refusals: RefusalRecord | None = None,
) -> web.Application:
    """Return the application.

    `metrics` returns the numbers of the whole gateway, which are written in the format that the client accepts.
    `/livez` says that this process answers. `readiness` is what `/readyz` tells. Without `sessions` there is no
    sessions API, and without `console` no console. `names` returns the host names that the listener answers (`hosts`),
    for each of its parts. `refusals` is what the sessions API and the console tell of refused clients.
    """

    async def serve_metrics(request: web.Request) -> web.Response:
        as_openmetrics = wants_openmetrics(request.headers.get(hdrs.ACCEPT, ""))
        # Thousands of samples take a while to write, and this loop may serve requests.
        body = await asyncio.to_thread(expose, await metrics(), as_openmetrics=as_openmetrics)
        kind = OPENMETRICS if as_openmetrics else TEXT
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: kind, hdrs.VARY: hdrs.ACCEPT})

    async def livez(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        return _told_ready(await readiness())

    app = web.Application(client_max_size=LONGEST_BODY, middlewares=[_plain_headers, _only_by_its_names(names)])
    app.router.add_get("/metrics", serve_metrics)
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    if sessions is not None:
        api = _SessionsApi(sessions)
        app.router.add_post("/sessions/list", api.list)
        app.router.add_post("/sessions/revoke", api.revoke)
    if refusals is not None:
        app.cleanup_ctx.append(refusals.running)
    if console is not None:

        async def to_console(_request: web.Request) -> web.Response:
            return redirect(CONSOLE)

        app.router.add_get(CONSOLE.removesuffix("/"), to_console)
        app.add_subapp(CONSOLE, console)
    return app


class Sessions(Protocol):
    """The part of a `SessionStore` that the API uses."""

    def sessions(self, selector: Selector) -> AsyncIterator[ListedSession]:
        """List sessions."""

    async def revoke(self, selector: Selector) -> int:
        """End sessions, now and everywhere."""


@dataclass(frozen=True, slots=True)
class ReachedSessions:
    """The sessions that the workers serve, reached at this moment."""

    store: Sessions
    pseudonyms: Callable[[str, str], tuple[str, ...]]
    """Returns every pseudonym of a client's subject: `Secrets.pseudonyms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionControl:
    """The services behind the sessions API."""

    reach: Callable[[], Awaitable[ReachedSessions]]
    """Returns the store in which the workers look for sessions, and no other: an API that asked an old store, or named
    people by an old secret, would find nobody and say that nobody is signed in.

    Raises `StoresDifferError` while workers look in different ones.
    """
    tokens: TokenCheck
    provider_session: Callable[[str, str], str]
    """Returns the name a client's provider session (`sid`) is known by here."""
    refusals: RefusalRecord
    """Records the clients that are refused."""
    trail: AuditTrail = field(default_factory=NoTrail)
    """Records each use of the API."""
    clock: Callable[[], Instant] = time.time


class _Asked(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The body of a request. Exactly one way of naming sessions: everybody's are named by `all: true` alone."""

    session: str | None = None
    """A session's name, as a listing shows it."""
    pseudonym: str | None = None
    client: str | None = None
    """Alone: all of the client's. With `subject` or `sid`: that person's, or that provider session's."""
    subject: str | None = None
    sid: str | None = None
    all: bool = False
    reason: str = ""
    """Why, for the audit; required to end sessions."""


class _SessionsApi:
    """Lists and ends sessions for people with a token."""

    def __init__(self, control: SessionControl) -> None:
        self._control = control

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Answer one JSON object a line, as they are found: there may be very many. No claim is in any.

        The last line is `{"count": …}`, or `{"error": …}` where the store went away in the middle: a list
        without a last line is half a list.
        """
        operator, asked, selector, reached = await self._admitted(request, Role.LOOK)
        found = aiter(reached.store.sessions(selector))
        # The first one before the head, so that a store that is away is a 503.
        listed = await anext(found, None)
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/jsonl", **_HEADERS})
        await response.prepare(request)
        count = 0
        last: dict[str, object]
        try:
            while listed is not None:
                await response.write(msgspec.json.encode(_told(listed)) + b"\n")
                count += 1
                listed = await anext(found, None)
            last = {"count": count}
        except GatewayError as error:
            last = {"error": error.code}
        await response.write(msgspec.json.encode(last) + b"\n")
        await response.write_eof()
        _log.info(
            Event.SESSIONS_LISTED, operator=operator, reason=asked.reason, count=count, **selector_fields(selector)
        )
        self._control.trail.record(self._entry(Action.SESSIONS_LISTED, operator, asked, selector, count))
        return response

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """End sessions and return their number."""
        operator, asked, selector, reached = await self._admitted(request, Role.ACT)
        if not asked.reason.strip():
            return _refused(HTTPStatus.BAD_REQUEST, "give a `reason`: it goes into the audit")
        begun = self._entry(Action.SESSIONS_REVOKED, operator, asked, selector, None)
        # If the trail is required, the intention is on the disk before the deed.
        if self._control.trail.required and not await self._control.trail.recorded(begun):
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, AuditUnavailableError.code)
        try:
            ended = await reached.store.revoke(selector)
        except GatewayError:
            self._control.trail.record(msgspec.structs.replace(begun, outcome=Outcome.FAILED))
            raise
        self._control.trail.record(self._entry(Action.SESSIONS_REVOKED, operator, asked, selector, ended))
        _log.info(
            Event.SESSIONS_REVOKED, operator=operator, reason=asked.reason, ended=ended, **selector_fields(selector)
        )
        return web.json_response({"ended": ended})

    def _entry(self, action: Action, operator: str, asked: _Asked, selector: Selector, count: int | None) -> Entry:
        named = {name: str(value) for name, value in selector_fields(selector).items()}
        deed = operators_action(
            self._control.clock(),
            action,
            operator,
            about=f"{named['selector']} {named.get('session', '')}".strip(),
            reason=asked.reason,
            outcome=Outcome.BEGUN if count is None else Outcome.DONE,
            count=count,
        )
        return msgspec.structs.replace(deed, pseudonym=named.get("pseudonym", ""), client_id=named.get("client_id", ""))

    async def _admitted(self, request: web.Request, role: Role) -> tuple[str, _Asked, Selector, ReachedSessions]:
        """Return the operator, the selected sessions, and where they are.

        Raises:
            _RefusedError: nobody we know, nobody who may, or nothing we understand.
            StoresDifferError: nobody can say where the sessions are.

        """
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        address = str(request.remote or "")
        operator = self._control.tokens.who(token.strip(), address) if scheme.lower() == "bearer" else None
        if isinstance(operator, Wait):
            self._control.refusals.refused(RefusalReason.TOO_MANY_WRONG_TOKENS, address)
            raise _RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens came from this address", operator.seconds
            )
        if operator is None:
            self._control.refusals.refused(RefusalReason.NO_KNOWN_TOKEN, address)
            raise _RefusedError(HTTPStatus.UNAUTHORIZED, "send a named token")
        if role not in operator.roles:
            self._control.refusals.refused(RefusalReason.ROLE, address, operator.name)
            raise _RefusedError(HTTPStatus.FORBIDDEN, f"this needs the role `{role}`")
        # A browser cannot send this type to another site unasked.
        if media_type(request.headers.get(hdrs.CONTENT_TYPE, "")) != "application/json":
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send `application/json`")
        try:
            asked = read_struct(await request.read(), _Asked, LONGEST_BODY)
        except NotJsonError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the body is not what docs/operations.md describes") from error
        if len(asked.reason) > LONGEST:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"a `reason` has at most {LONGEST} characters")
        reached = await self._control.reach()
        selector = self._selector(asked, reached)
        if selector is None:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "name sessions in exactly one way, and as a listing names them")
        return operator.name, asked, selector, reached

    def _selector(self, asked: _Asked, reached: ReachedSessions) -> Selector | None:
        """Return what the body names, if it is exactly one thing; an empty name names nothing.

        A session and a person are named in the form of a listing alone: another text may be a person's name, and the
        trail keeps what was asked for.
        """
        match asked:
            case _Asked(session=str(name), pseudonym=None, client=None, subject=None, sid=None, all=False) if (
                SESSION_NAME.fullmatch(name)
            ):
                return OneSession(name)
            case _Asked(session=None, pseudonym=str(name), client=None, subject=None, sid=None, all=False) if (
                PSEUDONYM.fullmatch(name)
            ):
                return SubjectSessions((name,))
            case _Asked(session=None, pseudonym=None, client=str(client), subject=None, sid=None, all=False) if (
                CLIENT_ID.fullmatch(client)
            ):
                return ClientSessions(client)
            case _Asked(
                session=None, pseudonym=None, client=str(client), subject=str(subject), sid=None, all=False
            ) if CLIENT_ID.fullmatch(client) and subject:
                return SubjectSessions(reached.pseudonyms(client, subject))
            case _Asked(session=None, pseudonym=None, client=str(client), subject=None, sid=str(sid), all=False) if (
                CLIENT_ID.fullmatch(client) and sid
            ):
                return ProviderSessions(self._control.provider_session(client, sid))
            case _Asked(session=None, pseudonym=None, client=None, subject=None, sid=None, all=True):
                return AllSessions()
            case _:
                return None


class _RefusedError(Exception):
    """The API does not do it. The words go to the client."""

    def __init__(self, status: HTTPStatus, words: str, retry_after: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.retry_after = retry_after


def _told(listed: ListedSession) -> dict[str, object]:
    """Return the parts of a session for an operator: times, pseudonym and client."""
    return {
        "session": listed.name,
        "client": listed.client_id,
        "pseudonym": listed.pseudonym,
        "created_at": tokyo_time(listed.created_at).isoformat(timespec="seconds"),
        "authenticated_at": None
        if listed.authenticated_at == NOT_TOLD
        else tokyo_time(listed.authenticated_at).isoformat(timespec="seconds"),
        "expires_at": tokyo_time(listed.expires_at).isoformat(timespec="seconds"),
        "idle_left": round(listed.idle_left),
    }


def _refused(status: HTTPStatus, words: str) -> web.Response:
    response = web.json_response({"error": words}, status=status)
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return response


def _only_by_its_names(names: Callable[[], Collection[str]]) -> Middleware:
    @web.middleware
    async def only_by_its_names(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not may_ask(request.headers.getall(hdrs.HOST, ()), names()):
            words = "not by this host name; `management_hosts` in gateway.yaml has the names it may be asked by"
            raise _RefusedError(HTTPStatus.MISDIRECTED_REQUEST, words)
        return await handler(request)

    return only_by_its_names


@web.middleware
async def _plain_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        response = web.Response(status=refused.status, text=f"{refused.reason}\n")
        if hdrs.ALLOW in refused.headers:
            response.headers[hdrs.ALLOW] = refused.headers[hdrs.ALLOW]
    except _RefusedError as refused:
        response = _refused(refused.status, refused.words)
        if refused.retry_after is not None:
            response.headers[hdrs.RETRY_AFTER] = str(refused.retry_after)
    except GatewayError as error:
        response = _refused(HTTPStatus(error.status), error.code)
    if not response.prepared:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
    return response


def _told_ready(found: Readiness) -> web.Response:
    """Name what does not work, each with its reason in a word: 503 where nobody can sign in."""
    told = {"status": found.status, "failed": dict(found.failed), "degraded": dict(found.degraded)}
    return web.json_response(told, status=HTTPStatus.SERVICE_UNAVAILABLE if found.failed else HTTPStatus.OK)
