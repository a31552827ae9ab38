"""Our own pages as an aiohttp application: just another upstream of the byte path, without a socket.

Each request brings a one-time token for its `Visit`; without one nothing is answered. A visit's purpose decides the
page. Its path does so only if the browser asked for one of our own URLs. `login` signs people in, `pages` has what
pages say, and `aiohttp_inside` leads requests here.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from secrets import token_bytes
from typing import Literal, Protocol, assert_never
from urllib.parse import parse_qs, urlencode

import structlog
from aiohttp import hdrs, web

from gateway.accounts.asyncio_linking import Linking
from gateway.audit.entry import Action, Entry, Outcome, conditions_of
from gateway.audit.trail import AuditTrail, NoTrail
from gateway.errors import AuditUnavailableError, GatewayError, StoreUnavailableError
from gateway.instant import Instant
from gateway.language import COOKIE
from gateway.login.funnel import Attempt, SignInStep, attempt
from gateway.login.login import BACKCHANNEL_LOGOUT, CALLBACK, SIGNED_OUT
from gateway.login.pending import FORM_LIVES, PENDING_SECONDS, WaitingForm, find_browser, tab_cookies
from gateway.login.registration import CLIENT_KEYS
from gateway.login.return_to import END_OF_TAB, FORM, LONGEST_RETURN, SIGN
from gateway.login.returned import RETURNED_SECONDS, ReturnedForms, is_of_our_page
from gateway.login.sign_in import (
    BROWSER_COOKIE_SECONDS,
    AlreadySignedIn,
    Begun,
    Failed,
    LoggedOut,
    LoginFailure,
    LogoutRefused,
    SignedIn,
    SignIn,
)
from gateway.login.waiting import WaitingForms, named_in
from gateway.observe.causes import INTERNAL_ERROR
from gateway.observe.events import Event
from gateway.observe.otel_spans import Trace, note, step, working_for
from gateway.observe.redact import where_it_failed
from gateway.observe.spans import Spans
from gateway.observe.system_waits import measured
from gateway.observe.trace_context import NO_TRACE
from gateway.pipeline.problem import RETRY_AFTER
from gateway.pipeline.urls import (
    ACCOUNT,
    BACK,
    CLEARED,
    DOCUMENT,
    LANGUAGE,
    LOGIN,
    LOGOUT,
    ME,
    SIGNATURES,
    UNLINK,
    URLS,
    WITHDRAW,
    Kind,
    kind_of,
)
from gateway.pipeline.visit import (
    REASON_HEADER,
    VISIT_HEADER,
    WAITED_HEADER,
    AccountPage,
    ForeignFormPage,
    FormNotSentPage,
    FormOverPage,
    NotSignablePage,
    OwnPage,
    RefusalPage,
    ReturnedFormPage,
    SignFormPage,
    SignInPage,
    Trouble,
    TroublePage,
    Visit,
    WorkerPage,
)
from gateway.policy.subject_code import show_code, subject_code
from gateway.policy.verdict import Deny, Permit
from gateway.portal import pages
from gateway.portal.aiohttp_accounts import AccountPages, AccountTools
from gateway.portal.aiohttp_pages import STATIC_SECONDS, Pages, colour_sheet, redirect
from gateway.portal.aiohttp_signing import LARGEST_ASKED, PageTools, SigningPages, SigningServices, problem_for
from gateway.portal.cookies import (
    clear_site_data,
    expire_application_cookies,
    expire_cookie,
    expire_other_forms,
    set_cookie,
)
from gateway.portal.messages import offered
from gateway.portal.once import NONCE_BYTES, is_own_press, make_token, name_to_spend
from gateway.portal.pages import Page
from gateway.portal.sign_in_offer import NothingToAsk, SignInOffer, next_offer, offer_for, person_of, redecide
from gateway.portal.visits import VisitTable
from gateway.request.brought import Brought
from gateway.request.in_app import in_app_browser
from gateway.request.kept_form import LARGEST_KEPT, read_form
from gateway.request.media_type import FORM_TYPE, media_type
from gateway.request.navigation import Navigation, begins_unasked, is_surely_a_navigation, names_frame, navigation
from gateway.request.rates import LookupLimits, Rate
from gateway.request.same_site import Sender, sender
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.ledger import Disclosure
from gateway.session.session import EndCause, Found, Gone, Limited, NoTicket, Session, SessionState, Unavailable, Unread
from gateway.session.ticket import Ticket, cookies_named, find_brought

LARGEST_FIELDS = 4 * 1024
"""Bytes of a form sent to us beside its target and a kept form, which are encoded once more in their fields."""

KEPT_PER_ADDRESS = 30
"""Forms a minute that may wait on our side, from one address; a form over it is sent again by the browser."""

KEPT_IN_ALL = 300
"""Forms a minute from all addresses. The store of pending logins bounds the bytes of those that wait."""

SHOWN_PER_ADDRESS = 60
"""Times a minute that what we hold of a person is shown to one address: each takes a name in the store."""

SHOWN_IN_ALL = 3_000
"""The same, for all addresses."""

LOGOUT_TOKENS = 3_000
"""Logout tokens a minute that are looked at: a provider sends all of its own from few addresses."""

KEYS_SECONDS = 300
"""Seconds for which a client may cache our public keys: well under any overlap of a rotation."""

_LOGOUT_DOMAIN = b"sekisho.logout.form.v1:"

REST_AT_SIGN_OUT = 2
"""Seconds that our signed-out page is shown before the provider's, where it has to clear the page before it."""

LANGUAGE_SECONDS = 365 * 86_400
"""Seconds for which a browser remembers the language that a person has chosen."""

CLEAR_CACHE = '"cache"'
CLEAR_STORAGE = '"storage"'
"""For `Clear-Site-Data` (W3C Clear Site Data section 3.1): service workers go, and what scripts have stored."""

HEADERS: Mapping[str, str] = {
    "Cache-Control": "private, no-store",
    "Vary": "Accept-Language, Cookie, User-Agent",
    # Not `no-referrer`: it would have browsers send `Origin: null` with our own forms. Not `strict-origin`: the
    # application's next page could read the callback's address, with its code, in `navigation.entries()`.
    "Referrer-Policy": "origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Both together: a page of the application that opens ours shares its window's group where it sends the same, and
    # many send the first alone.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
"""On every answer of the portal that does not say otherwise."""

LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""The policy of an App's logo: it draws, with the styles in it."""

_FORM_TO = "for"
"""The parameter of the page `END_OF_TAB` that says where the waiting form goes."""

_log = structlog.get_logger()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SessionLoader(Protocol):
    """Reads a ticket's session: the part of `SessionReader` that the portal needs."""

    async def load(self, ticket: Ticket, now: Instant) -> Found | Gone | Unavailable:
        """Ask the store."""

    async def told(self, ticket: Ticket) -> tuple[Disclosure, ...]:
        """Return the session's ledger."""

    async def cause(self, ticket: Ticket) -> EndCause | None:
        """Return what ended a session."""


class SignInObserver(Protocol):
    """Counts how sign-ins go."""

    def step(self, step: SignInStep, attempt: Attempt) -> None:
        """One sign-in has made a step."""

    def sign_in(self, app: str, outcome: str) -> None:
        """One step ended: `begun`, `signed_in`, `already_signed_in`, `signed_out`, `signed_out_here` or a failure."""

    def refused(self, app: str, rule: str, reasons: Iterable[str]) -> None:
        """The policy refused a sign-in that a link or a button requested, before the person touched a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalServices:
    """The services behind the portal."""

    visits: VisitTable
    sign_in: SignIn
    sessions: SessionLoader
    table: Callable[[], RouteTable]
    """Returns the routes in force now."""
    form_origins: Callable[[Route], Iterable[str]]
    """Returns the origins a form of an App may lead to: its provider's."""
    observer: SignInObserver
    prefix: str
    """Begins and ends with `/`."""
    begins: Rate
    """The limits on sign-ins that begin."""
    callbacks: Rate
    """The limits on callbacks."""
    spend: Callable[[str, Instant], Awaitable[bool]]
    """Takes a name that is for one use: True for exactly one caller, of all workers (`PendingStore.spend`)."""
    returned: ReturnedForms
    """Seals forms that came back from other sites."""
    sign_in_seconds: float = PENDING_SECONDS
    """Seconds that a person has for a sign-in."""
    forms: WaitingForms
    """Forms that wait while their person signs in."""
    longest_target: int = LONGEST_RETURN
    """Bytes of a target that a form of ours may carry."""
    clock: Callable[[], Instant] = time.time
    random: Callable[[int], bytes] = token_bytes
    lookups: LookupLimits = field(default_factory=LookupLimits)
    """The byte path's limits on look-ups of tickets that belong to no session, counted together."""
    trail: AuditTrail = field(default_factory=NoTrail)
    """Records sign-ins, sign-outs and refusals."""
    spans: Spans | None = None
    """Takes the spans of pages and sign-ins; `None` without `traces`."""
    accounts: Linking | None = None
    """Links accounts of old applications; `None` if no App has any."""
    signing: SigningServices | None = None
    """The services behind documents that people sign; `None` if nothing can be signed."""


def make_portal(services: PortalServices) -> web.Application:
    """Return the application. Serve it with `access_log=None`: the byte path writes the access line."""
    portal = Portal(services)
    largest = 3 * (LARGEST_KEPT + services.longest_target) + LARGEST_FIELDS
    signing = portal.with_signing(services.signing) if services.signing is not None else None
    handlers: dict[str, dict[str, Handler]] = {
        LOGIN: {"GET": portal.login_page, "POST": portal.login_form},
        CALLBACK: {"GET": portal.callback},
        LOGOUT: {"GET": portal.logout_page, "POST": portal.logout_form},
        BACKCHANNEL_LOGOUT: {"POST": portal.back_channel_logout},
        SIGNED_OUT: {"GET": portal.signed_out},
        END_OF_TAB: {"GET": portal.signed_in},
        FORM: {"GET": portal.form_page, "POST": portal.form_sent},
        ME: {"GET": portal.me_page, "POST": portal.me_form},
        LANGUAGE: {"GET": portal.switch_language},
        CLIENT_KEYS: {"GET": portal.keys(services.sign_in.client_jwks)},
        "static/": {"GET": portal.static},
        CLEARED: {"GET": portal.cleared},
    }

    def of_visit(answer: Callable[[Visit, web.Request], Awaitable[web.StreamResponse]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await answer(request[_VISIT], request)

        return handle

    if services.accounts is not None:
        accounts = portal.with_accounts(services.accounts)
        handlers[ACCOUNT] = {"GET": of_visit(accounts.page), "POST": of_visit(accounts.form)}
        handlers[UNLINK] = {"GET": of_visit(accounts.unlink_page), "POST": of_visit(accounts.unlink_form)}
    if signing is not None:
        largest = max(largest, LARGEST_ASKED)

        def of_program(answer: Callable[[Visit, web.Request], Awaitable[web.StreamResponse]]) -> Handler:
            async def handle(request: web.Request) -> web.StreamResponse:
                try:
                    return await answer(request[_VISIT], request)
                except web.HTTPRequestEntityTooLarge:
                    return problem_for(request[_VISIT], HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body")
                except GatewayError as error:
                    return portal.failed_for_program(request[_VISIT], error)

            return handle

        handlers |= {
            SIGN: {"GET": of_visit(signing.page), "POST": of_visit(signing.form)},
            DOCUMENT: {"GET": of_visit(signing.document)},
            WITHDRAW: {"GET": of_visit(signing.withdraw_page), "POST": of_visit(signing.withdraw_form)},
            SIGNATURES: {"POST": of_program(signing.ask)},
            f"{SIGNATURES}/": {"GET": of_program(signing.read), "DELETE": of_program(signing.confirm)},
        }
    app = web.Application(client_max_size=largest, middlewares=[portal.answer])
    for name, by_method in handlers.items():
        # The table says which methods a URL answers; one that is not in it cannot be added here.
        path = services.prefix + (f"{name}{{name}}" if name.endswith("/") else name)
        for method in URLS[name].methods:
            app.router.add_route(method, path, by_method["GET" if method == "HEAD" else method])
    return app


class Portal:
    """The handlers. Each takes the visit from its request, and answers with a page, a redirect or a file."""

    def __init__(self, services: PortalServices) -> None:
        self._visits = services.visits
        self._sign_in = services.sign_in
        self._sessions = services.sessions
        self._table = services.table
        self._form_origins = services.form_origins
        self._observer = services.observer
        self._prefix = services.prefix
        self._sign_in_seconds = services.sign_in_seconds
        self._begins = services.begins
        self._callbacks = services.callbacks
        self._lookups = services.lookups
        self._logout_tokens = Rate(LOGOUT_TOKENS, LOGOUT_TOKENS)
        self._forms = Rate(KEPT_PER_ADDRESS, KEPT_IN_ALL)
        self._shown = Rate(SHOWN_PER_ADDRESS, SHOWN_IN_ALL)
        self._spend = services.spend
        self._returned_forms = services.returned
        self._waiting = services.forms
        self._random = services.random
        self._clock = services.clock
        self._trail = services.trail
        self._kept = not isinstance(services.trail, NoTrail)
        self._pages = Pages(services.prefix)
        self._signing: SigningPages | None = None
        self._accounts: AccountPages | None = None
        self._spans = services.spans

    def with_signing(self, services: SigningServices) -> SigningPages:
        """Have documents signed, too, and return the handlers of their pages."""
        tools = PageTools(
            page=self._page,
            session=self._session,
            set_cookie=self._set,
            form=_form,
            must_record=self._must_record,
            table=self._table,
            returned=self._returned_forms,
            safe_return=self._sign_in.safe_return,
            clock=self._clock,
            prefix=self._prefix,
        )
        self._signing = SigningPages(services, tools)
        return self._signing

    def with_accounts(self, linking: Linking) -> AccountPages:
        """Have accounts of old applications linked, too, and return the handlers of their page."""
        tools = AccountTools(
            page=self._page,
            session=self._session,
            ticket=self._ticket,
            set_cookie=self._set,
            form=_form,
            record=self._trail.record,
            table=self._table,
            safe_return=self._sign_in.safe_return,
            spend=self._spend,
            clock=self._clock,
            random=self._random,
        )
        self._accounts = AccountPages(linking, tools)
        return self._accounts

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Take the visit, have it answered, and put our headers on the answer."""
        visit = self._visits.take(request.headers.get(VISIT_HEADER, ""))
        if visit is None:
            # Only the byte path can ask, so such a request is a mistake of ours.
            return web.Response(status=HTTPStatus.FORBIDDEN, text="no visit\n")
        visit = Visit(
            visit.route,
            visit.inbound,
            visit.session,
            visit.purpose,
            at=self._clock(),
            sign_in=self._sign_in_seconds,
            find_home=self._home,
        )
        with measured() as waits:
            if isinstance(visit.purpose, OwnPage) and not _is_for_pages(visit, self._prefix):
                visit = await self._with_session(visit)
            request[_VISIT] = visit
            response = await self._answer_traced(visit, request, handler)
        response.headers[WAITED_HEADER] = f"{waits.seconds:.6f}"
        return response

    async def _answer_traced(self, visit: Visit, request: web.Request, handler: Handler) -> web.StreamResponse:
        trace = visit.inbound.trace
        if trace is NO_TRACE:
            return await self._answer_somehow(visit, request, handler)
        spans = self._spans if trace.sampled else None
        with working_for(Trace(trace, spans)), step("page", http__route=_route_of(request)):
            return await self._answer_somehow(visit, request, handler)

    async def _answer_somehow(self, visit: Visit, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await self._answer(visit, request, handler)
        except web.HTTPException as refused:
            response = self._page(visit, _plain(visit, refused))
            if hdrs.ALLOW in refused.headers:
                response.headers[hdrs.ALLOW] = refused.headers[hdrs.ALLOW]
        except GatewayError as error:
            response = self._failed(visit, error)
        # The last resort: the person gets a sentence and a number, the log gets the place, and no page has a traceback.
        except Exception as error:  # noqa: BLE001
            _log.error(
                Event.PORTAL_FAILED,
                request_id=visit.inbound.request_id,
                app=visit.route.name,
                error=type(error).__name__,
                where=where_it_failed(error),
            )
            response = self._page(visit, pages.plain(visit, "internal", HTTPStatus.INTERNAL_SERVER_ERROR))
            response.headers[REASON_HEADER] = INTERNAL_ERROR
        framed = "frame-ancestors *" in response.headers.get("Content-Security-Policy", "")
        for name, value in HEADERS.items():
            # The one field that has no value for a page that may be framed (RFC 7034 section 2.1).
            if not (framed and name == "X-Frame-Options"):
                response.headers.setdefault(name, value)
        if "no-store" in response.headers[hdrs.CACHE_CONTROL]:
            self._end_strangers(response, visit)
        return response

    def _end_strangers(self, response: web.StreamResponse, visit: Visit) -> None:
        """Expire the cookies beside our own; if two may be ours, expire both, since neither is believed."""
        route, cookies = visit.route, visit.inbound.cookie
        if cookies.count(b"sekisho") < 2:
            return
        set_now = [line.partition("=")[0].encode() for line in response.headers.getall(hdrs.SET_COOKIE, ())]
        for name in (route.session_cookie, route.pending_cookie):
            # An answer that sets or ends this cookie has ended the others as well.
            if name in set_now or len(set(cookies_named(cookies, name))) < 2:
                continue
            if self._believes(visit, name):
                self._end_other_forms(response, visit, name)
            else:
                self._expire(response, visit, name)

    def _believes(self, visit: Visit, name: bytes) -> bool:
        """Whether one of the cookies under our name is believed to be ours."""
        if name == visit.route.session_cookie:
            return self._brought(visit) is not None
        return find_browser(visit.inbound.cookie, name) is not None

    def _end_other_forms(self, response: web.StreamResponse, visit: Visit, name: bytes) -> None:
        """Expire the cookies that a script put beside ours, or in its place, if the browser sent any.

        Before the line that sets ours: a browser that does not know `Partitioned` would end that one.
        """
        route, path = visit.route, visit.inbound.target.path
        brought = set(cookies_named(visit.inbound.cookie, name))
        if len(brought) < 2 and (not brought or self._believes(visit, name)):
            return
        for line in expire_other_forms(name.decode(), path, route.cookie_host, secure=route.app.secure):
            response.headers.add(hdrs.SET_COOKIE, line)

    async def _answer(  # noqa: C901, PLR0911, PLR0912 (one way out for each purpose)
        self, visit: Visit, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        inbound = visit.inbound
        if names_frame(inbound) and navigation(inbound) is Navigation.FRAME and not _is_for_pages(visit, self._prefix):
            return self._page(visit, pages.framed(visit))
        match visit.purpose:
            case OwnPage():
                return await handler(request)
            case WorkerPage():
                return self._without_worker(visit)
            case SignInPage(challenge):
                offer = offer_for(visit, challenge)
                asks = challenge.needs_notice or in_app_browser(visit.inbound) is not None
                if asks or not begins_unasked(visit.inbound):
                    return self._notice(await self._with_cause(visit), offer)
                return await self._begin(visit, offer, None)
            case FormNotSentPage(challenge, keep):
                form = await self._to_keep(visit, request) if keep else ""
                offer = offer_for(visit, challenge)
                self._count_notice(visit, offer)
                visit = await self._with_cause(visit)
                return self._page(
                    visit, pages.form_not_sent(visit, offer, form, kept_for=FORM_LIVES * self._sign_in_seconds)
                )
            case ForeignFormPage(site=site):
                return self._page(visit, pages.foreign_form(visit, site))
            case ReturnedFormPage(site=site):
                return await self._returned(visit, request, site)
            case FormOverPage():
                return self._page(visit, pages.form_over(visit, visit.inbound.target.raw.decode("ascii")))
            case SignFormPage() as wanted:
                if self._signing is None:
                    # Nothing here can have a form signed, so it must not go on.
                    raise GatewayError
                return await self._signing.ask_for_form(visit, wanted, await request.read())
            case AccountPage() as asked:
                if self._accounts is None:
                    # Nothing here knows accounts, so nobody passes.
                    raise GatewayError
                return await self._accounts.ask(visit, asked)
            case NotSignablePage(why=why):
                return self._page(visit, pages.not_signable(visit, why))
            case RefusalPage(deny):
                method = "POST" if visit.inbound.method == "POST" else "GET"
                return self._page(visit, self._refused(visit, deny, visit.inbound.target.raw.decode("ascii"), method))
            case TroublePage():
                return self._page(visit, pages.trouble(visit, visit.purpose))
            case _:
                assert_never(visit.purpose)

    def _notice(self, visit: Visit, offer: SignInOffer) -> web.Response:
        """Return the page that says what a sign-in would ask for, with its button."""
        self._count_notice(visit, offer)
        return self._page(visit, pages.notice(visit, offer, logout_token(self._ticket(visit))))

    def _home(self, visit: Visit) -> str:
        """Return the link to the App's front page; nothing if it would lead to a sign-in."""
        home = visit.route.app.home or pages.home_of(visit.route)
        if not home.startswith("/"):
            return home
        for session in (NoTicket(), visit.session):
            if not isinstance(session, Unread):
                _, verdict = redecide(visit, home, "GET", session, visit.at, self._table())
                if isinstance(verdict, Permit):
                    return home
        return ""

    def _refused(self, visit: Visit, deny: Deny, target: str, method: str) -> Page:
        """Return the page of a refusal, with a button for another card if somebody is signed in and it can help."""
        another: SignInOffer | None = None
        if person_of(visit.session, visit.route) is not None:
            outcome = next_offer(visit, target, method, NoTicket(), visit.at, self._table())
            another = outcome if isinstance(outcome, SignInOffer) else None
        token = logout_token(self._ticket(visit))
        return pages.refusal(visit, deny, another=another, token=token)

    def _count_notice(self, visit: Visit, offer: SignInOffer) -> None:
        in_app = in_app_browser(visit.inbound) is not None
        self._observer.step(SignInStep.NOTICE, attempt(offer.route.name, offer.challenge.reason, in_app=in_app))

    async def _to_keep(self, visit: Visit, request: web.Request) -> str:
        """Return a form's body, or nothing where it cannot be kept: then the browser sends it again by itself."""
        body = (await request.read()).decode("latin-1")
        return body if read_form(body, visit.route.app.headers.charset) is not None else ""

    async def _returned(self, visit: Visit, request: web.Request, site: str) -> web.StreamResponse:
        """Show the page that goes on with a form that came back, by a press, in this browser alone."""
        route = visit.route
        sealed = self._returned_forms.seal(visit.inbound, site, await request.read(), self._clock())
        response = self._page(visit, pages.returned_form(visit, site, sealed.text))
        name = route.cookie_prefix.decode() + sealed.cookie
        # `Strict`: only a page of this site may press.
        line = set_cookie(
            name, sealed.secret, secure=route.app.secure, max_age=int(RETURNED_SECONDS), same_site="Strict"
        )
        response.headers.add(hdrs.SET_COOKIE, line)
        return response

    async def login_page(self, request: web.Request) -> web.StreamResponse:
        """Sign in by link, which names where the person wants to be afterwards."""
        visit = request[_VISIT]
        target = self._sign_in.safe_return(visit.route, _target_of(visit))
        if self._waiting.name_in(target):
            return redirect(target)
        session = await self._session(visit)
        outcome = next_offer(visit, target, "GET", session, self._clock(), self._table())
        return await self._offer(visit, outcome, target, shown=frozenset())

    async def login_form(self, request: web.Request) -> web.StreamResponse:
        """Begin the sign-in that a page of ours offered, unless it would ask for more than that page said."""
        visit = request[_VISIT]
        form = await _form(request)
        target = self._sign_in.safe_return(visit.route, form.get("rd"))
        method = "POST" if form.get("method") == "POST" else "GET"
        shown = frozenset(form.get("shown", "").split())
        waiting = form.get("form", "")
        if sender(visit.inbound, visit.route.origin) is Sender.FOREIGN:
            # Another site pressed the button: the person has seen no notice, and has sent no form.
            shown = frozenset()
            waiting = ""
        session = await self._session(visit)
        if "other" in form:
            return await self._as_another(visit, form, target, method, session)
        if form_id := self._waiting.name_in(target):
            found = await self._waiting.find(visit.route, visit.inbound, form_id, _pseudonym(session, visit.route))
            if not isinstance(found, WaitingForm):
                return self._page(visit, pages.form_over(visit, found.target if found else ""))
            outcome = next_offer(visit, found.target, "POST", session, self._clock(), self._table())
            if isinstance(outcome, SignInOffer):
                outcome = replace(outcome, back=target)
            return await self._offer(visit, outcome, target, shown=shown)
        outcome = next_offer(visit, target, method, session, self._clock(), self._table())
        return await self._offer(visit, outcome, target, shown=shown, waiting=waiting)

    async def _as_another(
        self, visit: Visit, form: Mapping[str, str], target: str, method: str, session: SessionState
    ) -> web.StreamResponse:
        """Sign the person out, and begin a sign-in of another one for the same target.

        A press of another site's changes nothing: it may sign nobody out, nor begin anything in a person's name.
        """
        ticket = self._ticket(visit)
        said_by = sender(visit.inbound, visit.route.origin)
        ours = said_by is Sender.OURS or (
            said_by is Sender.UNSAID and ticket is not None and hmac.compare_digest(form["other"], logout_token(ticket))
        )
        if not ours:
            return self._page(visit, pages.logout(visit, logout_token(ticket)))
        form_id = self._waiting.name_in(target)
        waits: WaitingForm | None = None
        if form_id:
            person = _pseudonym(session, visit.route)
            found = await self._waiting.find(visit.route, visit.inbound, form_id, person)
            if isinstance(found, WaitingForm):
                waits = found
                if person:
                    await self._waiting.hand_over(form_id, found, "")
        if self._accounts is not None:
            await self._accounts.leave(visit, await self._accounts.open_sessions(visit))
        ended = await self._sign_in.sign_out(visit.route, visit.inbound)
        self._tell(visit, "signed_out" if ended.alive_until is None else "signed_out_here", sessions=ended.ended)
        visit = replace(visit, session=NoTicket())
        wanted = target if waits is None else waits.target
        outcome = next_offer(visit, wanted, "POST" if waits else method, NoTicket(), self._clock(), self._table())
        if isinstance(outcome, SignInOffer) and waits is not None:
            outcome = replace(outcome, back=target)
        shown = frozenset(form.get("shown", "").split())
        response = await self._offer(visit, outcome, target, shown=shown, anew=True)
        self._clear(response, visit)
        self._expire(response, visit, visit.route.session_cookie)
        self._expire_application_cookies(response, visit)
        return response

    async def form_page(self, request: web.Request) -> web.StreamResponse:
        """Show a form that waits: the person sends it, signs in for it, or reads why it cannot be sent.

        The policy is asked first: nobody is invited to send what would then be refused.
        """
        visit = request[_VISIT]
        return await self._form_page(visit, named_in(visit.inbound.target.query))

    async def _form_page(self, visit: Visit, form_id: str) -> web.StreamResponse:
        session = await self._session(visit)
        if isinstance(session, Unavailable):
            raise StoreUnavailableError
        person = _pseudonym(session, visit.route)
        found = await self._waiting.find(visit.route, visit.inbound, form_id, person)
        if not isinstance(found, WaitingForm):
            return self._page(visit, pages.form_over(visit, found.target if found else ""))
        if person:
            await self._waiting.hand_over(form_id, found, person)
        outcome = next_offer(visit, found.target, "POST", session, self._clock(), self._table())
        page = self._waiting.page_of(form_id)
        match outcome:
            case SignInOffer():
                self._count_notice(visit, outcome)
                return self._page(visit, pages.form_kept(visit, replace(outcome, back=page), found.until))
            case NothingToAsk():
                form = read_form(found.body, visit.route.app.headers.charset)
                if form is None:
                    return self._page(visit, pages.form_over(visit, found.target))
                return self._page(visit, pages.send_form(visit, page, form, found.until))
            case Deny():
                await self._audit(visit, outcome)
                another = next_offer(visit, found.target, "POST", NoTicket(), self._clock(), self._table())
                offer = replace(another, back=page) if person and isinstance(another, SignInOffer) else None
                refused = pages.refusal(
                    replace(visit, session=session),
                    outcome,
                    kept_until=found.until,
                    another=offer,
                    token=logout_token(self._ticket(visit)),
                )
                return self._page(visit, refused)
            case _:
                assert_never(outcome)

    async def form_sent(self, request: web.Request) -> web.StreamResponse:
        """Send a form that has waited, once: the browser repeats its own request to the application."""
        visit = request[_VISIT]
        form_id = named_in(visit.inbound.target.query)
        session = await self._session(visit)
        person = _pseudonym(session, visit.route)
        found = await self._waiting.find(visit.route, visit.inbound, form_id, person)
        pressed = sender(visit.inbound, visit.route.origin) is Sender.OURS
        if not pressed or not person or not isinstance(found, WaitingForm) or found.person != person:
            return await self._form_page(visit, form_id)
        if not await self._waiting.send(form_id, found):
            return self._page(visit, pages.form_over(visit, found.target))
        # RFC 9110 section 15.4.8: the method and the body stay.
        return web.Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers={hdrs.LOCATION: found.target})

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """Finish a sign-in: the provider sent the browser back."""
        visit = request[_VISIT]
        if self._signing is not None and (answer := await self._signing.callback(visit)) is not None:
            return answer
        if (wait := self._callbacks.take(visit.inbound.client_address, self._clock())) is not None:
            return await self._sign_in_failed(visit, Failed(LoginFailure.TOO_MANY, retry_after=wait))
        opened = () if self._accounts is None else await self._accounts.open_sessions(visit)
        outcome = await self._sign_in.finish(visit.route, visit.inbound, visit.inbound.target.query)
        route = visit.route
        match outcome:
            case SignedIn():
                if self._accounts is not None:
                    # Those of the person before, or of before a step-up: their cookies count no more.
                    await self._accounts.leave(visit, opened)
                # Before the browser has the cookie: without a record, nobody is signed in.
                known = {"pseudonym": outcome.session.pseudonym}
                await self._must_record(self._entry(visit, outcome.app or route.name, "signed_in", known))
                self._tell(
                    visit,
                    "signed_in",
                    outcome.app,
                    pseudonym=outcome.session.pseudonym,
                    other_person=outcome.other_person,
                    seconds=round(outcome.seconds, 3),
                )
                response = redirect(outcome.return_to)
                self._set(response, visit, route.session_cookie, self._table().seals.cookie(outcome.ticket))
                if outcome.cookie is not None:
                    self._set(response, visit, route.pending_cookie, outcome.cookie, BROWSER_COOKIE_SECONDS)
                # From here on none of them is believed.
                for name in tab_cookies(visit.inbound.cookie, route.pending_cookie):
                    self._expire(response, visit, name)
                if outcome.other_person:
                    self._expire_application_cookies(response, visit)
                    self._clear(response, visit)
                return response
            case AlreadySignedIn():
                self._tell(visit, "already_signed_in")
                return redirect(outcome.return_to)
            case Failed():
                return await self._sign_in_failed(visit, outcome)
            case _:
                assert_never(outcome)

    async def logout_page(self, request: web.Request) -> web.StreamResponse:
        """Ask whether to sign out: a GET changes nothing, however it came about."""
        visit = request[_VISIT]
        return self._page(visit, pages.logout(visit, logout_token(self._ticket(visit))))

    async def logout_form(self, request: web.Request) -> web.StreamResponse:
        """End the session, if a page of this origin asks for it; an App may have such a form of its own."""
        visit = request[_VISIT]
        form = await _form(request)
        ticket = self._ticket(visit)
        match sender(visit.inbound, visit.route.origin):
            case Sender.OURS:
                asked = True
            case Sender.UNSAID:
                asked = ticket is None or _is_ours(form, ticket)
            case Sender.FOREIGN:
                asked = False
            case other:
                assert_never(other)
        if not asked:
            return self._page(visit, pages.logout(visit, logout_token(ticket)))
        if self._accounts is not None:
            await self._accounts.leave(visit, await self._accounts.open_sessions(visit))
        ended = await self._sign_in.sign_out(visit.route, visit.inbound)
        self._tell(visit, "signed_out" if ended.alive_until is None else "signed_out_here", sessions=ended.ended)
        if ended.alive_until is not None:
            page = pages.signed_out(visit, alive_until=ended.alive_until, kept=ended.kept)
            response: web.Response = self._page(visit, page)
        elif ended.location is not None and not _is_ours(form, ticket):
            # The form was the application's own. Its page must have been left for one of ours before it can be
            # cleared, and the provider's is none.
            response = self._page(visit, pages.signed_out(visit, ended.location))
            response.headers["Refresh"] = f"{REST_AT_SIGN_OUT}; url={ended.location}"
        else:
            response = redirect(ended.location or self._prefix + SIGNED_OUT)
        self._clear(response, visit)
        self._expire(response, visit, visit.route.session_cookie)
        self._expire_application_cookies(response, visit)
        return response

    async def back_channel_logout(self, request: web.Request) -> web.StreamResponse:
        """End the sessions that a logout token names (OpenID Connect Back-Channel Logout 1.0 section 2.5).

        The provider gets one word: another client that tries this learns nothing of why it failed.
        """
        visit = request[_VISIT]
        if media_type(request.headers.get(hdrs.CONTENT_TYPE, "")) != FORM_TYPE:
            raise web.HTTPBadRequest
        # Every client can send one, and each costs the check of a signature.
        if (wait := self._logout_tokens.take(visit.inbound.client_address, self._clock())) is not None:
            refused = web.json_response({"error": "too_many_requests"}, status=HTTPStatus.TOO_MANY_REQUESTS)
            refused.headers[hdrs.RETRY_AFTER] = str(wait)
            return refused
        outcome = await self._sign_in.back_channel_logout(visit.route, await request.read())
        match outcome:
            case LoggedOut(ended):
                self._tell(visit, "logged_out_by_provider", sessions=ended)
                return web.Response(status=HTTPStatus.OK)
            case LogoutRefused(check):
                self._tell(visit, "logout_refused", check=check)
                # Section 2.8: also where the token may be good and we could not act on it.
                return web.json_response({"error": "invalid_request"}, status=HTTPStatus.BAD_REQUEST)
            case _:
                assert_never(outcome)

    async def signed_out(self, request: web.Request) -> web.StreamResponse:
        """Say that the session is over."""
        visit = request[_VISIT]
        return self._page(visit, pages.signed_out(visit))

    async def cleared(self, request: web.Request) -> web.StreamResponse:
        """Have the browser forget the page that it left for the signed-out page.

        A browser keeps that page for Back when the next one is there, which is after it has cleared what our answer to
        the sign-out named (docs/decisions/0008).
        """
        visit = request[_VISIT]
        response = web.Response(status=HTTPStatus.NO_CONTENT)
        # Not for another site's page: it could empty this application's cache as often as it is looked at.
        if sender(visit.inbound, visit.route.origin) is Sender.OURS and "cache" in visit.route.app.next_person.clear:
            response.headers["Clear-Site-Data"] = CLEAR_CACHE
        return response

    def _clear(self, response: web.StreamResponse, visit: Visit) -> None:
        """Make the browser forget this person's pages, and the data that their scripts stored."""
        described = clear_site_data(visit.route.app.next_person.clear)
        if described is not None:
            response.headers["Clear-Site-Data"] = described

    async def signed_in(self, request: web.Request) -> web.StreamResponse:
        """Send a person back to the tab with the form."""
        visit = request[_VISIT]
        return self._page(visit, pages.signed_in(visit))

    async def switch_language(self, request: web.Request) -> web.StreamResponse:
        """Remember the language that a person has chosen, and lead back to the page."""
        visit = request[_VISIT]
        wanted = request.match_info["name"]
        # The Apps of a host share our pages there, and the cookie.
        here = [route for route in self._table().routes if route.host == visit.route.host]
        if not any(wanted in offered(route.app.languages) for route in here):
            raise web.HTTPNotFound
        response = redirect(self._page_before(visit))
        name = (visit.route.cookie_prefix + COOKIE).decode()
        secure = visit.route.app.secure
        # A form that comes back from another site meets a page of ours too.
        same_site: Literal["Lax", "None"] = "None" if secure else "Lax"
        line = set_cookie(name, wanted, secure=secure, max_age=LANGUAGE_SECONDS, same_site=same_site)
        response.headers.add(hdrs.SET_COOKIE, line)
        return response

    def _page_before(self, visit: Visit) -> str:
        """Return the page whose switch was pressed: one of ours that a link may lead to, or a page of the App."""
        query = visit.inbound.target.query or b""
        target = query.removeprefix(BACK).decode("ascii") if query.startswith(BACK) else ""
        path = target.partition("?")[0]
        if path.startswith(self._prefix) and path.removeprefix(self._prefix) in _SWITCHED:
            return target
        return self._sign_in.safe_return(visit.route, target or None)

    async def me_page(self, request: web.Request) -> web.StreamResponse:
        """Offer a person to see the data held of her: the page itself shows no value."""
        visit = request[_VISIT]
        held = await self._held(visit)
        if isinstance(held, Page):
            return self._page(visit, held)
        return self._page(visit, self._offer_to_show(visit, held))

    async def me_form(self, request: web.Request) -> web.StreamResponse:
        """Show the session's facts once, to the person who pressed the button of our own page."""
        visit = request[_VISIT]
        form = await _form(request)
        held = await self._held(visit)
        if isinstance(held, Page):
            return self._page(visit, held)
        ticket = self._ticket(visit)
        now = self._clock()
        name = None if ticket is None else name_to_spend(form.get("token", ""), ticket, ME, now)
        pressed = is_own_press(visit.inbound, visit.route.origin)
        if name is None or ticket is None or not pressed:
            return self._page(visit, self._offer_to_show(visit, held))
        if (wait := self._shown.take(visit.inbound.client_address, now)) is not None:
            return self._page(visit, pages.busy(visit, wait))
        if not await self._spend(name, now):
            return self._page(visit, self._offer_to_show(visit, held))
        person = held.identity
        code = show_code(subject_code(person.client_id, person.subject))
        told = await self._sessions.told(ticket)
        links = None if self._accounts is None else await self._accounts.links(visit, held)
        return self._page(visit, pages.me(visit, held, code, pages.ledger(visit, told, self._table()), links))

    async def _held(self, visit: Visit) -> Session | Page:
        """Return the session of the signed-in person, or the page that says why there is none.

        Raises:
            StoreUnavailableError: it cannot be said whether anything is held.

        """
        session = await self._session(visit)
        found = pages.person_or_page(visit, session, visit.route, lambda: pages.me_of_nobody(visit))
        return found.session if isinstance(found, Found) else found

    def _offer_to_show(self, visit: Visit, held: Session) -> Page:
        """Return the page with the button; without one where nothing tells the person from a script."""
        ticket = self._ticket(visit)
        if ticket is None or not is_surely_a_navigation(visit.inbound):
            return pages.me_offer(visit, held, "")
        return pages.me_offer(visit, held, make_token(ticket, ME, self._clock(), self._random(NONCE_BYTES)))

    def _without_worker(self, visit: Visit) -> web.StreamResponse:
        """Make the browser remove the service worker in front of our pages, and show the next step."""
        response = self._page(visit, pages.worker_removed(visit))
        response.headers["Clear-Site-Data"] = CLEAR_STORAGE
        return response

    def keys(self, jwks: Callable[[Route], bytes]) -> Handler:
        """Return the handler that serves one set of public keys (RFC 7517 section 5)."""

        async def serve(request: web.Request) -> web.StreamResponse:
            response = web.Response(body=jwks(request[_VISIT].route), content_type="application/jwk-set+json")
            response.headers[hdrs.CACHE_CONTROL] = f"max-age={KEYS_SECONDS}"
            # Their readers are elsewhere: an application, the provider.
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            return response

        return serve

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Serve a static file, the sheet of an App's colour, or its logo."""
        name = request.match_info["name"]
        asset, sheet = self._pages.assets.get(name), colour_sheet(name)
        logo = next((each.logo for each in self._table().named.values() if each.logo and each.logo.name == name), None)
        if asset is not None:
            response = web.Response(body=asset.content, content_type=asset.type, charset="utf-8")
        elif sheet is not None:
            response = web.Response(body=sheet, content_type="text/css", charset="utf-8")
        elif logo is not None:
            response = web.Response(body=logo.content, content_type=logo.type, charset="utf-8")
            # An SVG that is opened by its address is a document, so it gets no script and no origin.
            response.headers["Content-Security-Policy"] = LOGO_POLICY
        else:
            raise web.HTTPNotFound
        response.headers[hdrs.CACHE_CONTROL] = f"max-age={STATIC_SECONDS}, immutable"
        # A sandboxed page of ours is of no origin, and needs its style sheet too.
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers[hdrs.VARY] = "Accept-Encoding"
        return response

    async def _offer(
        self,
        visit: Visit,
        outcome: SignInOffer | NothingToAsk | Deny,
        target: str,
        *,
        shown: frozenset[str],
        waiting: str = "",
        anew: bool = False,
    ) -> web.StreamResponse:
        """Begin a sign-in if its items were shown, otherwise show them first; without a need for one, go to the target.

        `waiting` is the body of a form that was not sent, as our own page carried it.
        """
        match outcome:
            case SignInOffer() if not shown.issuperset(outcome.items) or not begins_unasked(visit.inbound):
                return self._notice(visit, outcome)
            case SignInOffer():
                # The form is kept only if the rule says so now, even if the page that carried it was made under another
                # rule.
                if outcome.back:
                    return await self._begin(visit, outcome, outcome.back, anew=anew)
                keeps = outcome.challenge.keep_form
                if is_of_our_page(waiting.encode()):
                    # A form that came back or was signed, sealed still: it waits as long as its rule wants such forms.
                    keeps = bool(outcome.challenge.returns_from) or outcome.challenge.signs
                kept = outcome.method == "POST" and keeps and self._may_wait(visit, waiting)
                if kept:
                    return await self._begin(visit, outcome, target, waiting)
                # The tab with the form is still open: the person goes back to it and sends it again.
                back = self._end_of_tab(visit, target) if outcome.method == "POST" else target
                return await self._begin(visit, outcome, back, anew=anew)
            case NothingToAsk():
                if not waiting or not self._may_wait(visit, waiting):
                    return redirect(target)
                kept_here = await self._waiting.keep_here(visit.route, visit.inbound, target, waiting)
                response = redirect(target if kept_here is None else kept_here.page)
                if kept_here is not None and kept_here.cookie is not None:
                    self._set(response, visit, visit.route.pending_cookie, kept_here.cookie, BROWSER_COOKIE_SECONDS)
                return response
            case Deny():
                await self._audit(visit, outcome)
                return self._page(visit, self._refused(visit, outcome, target, "GET"))
            case _:
                assert_never(outcome)

    async def _must_record(self, entry: Entry) -> None:
        """Record what must not be done without a record.

        Raises:
            AuditUnavailableError: the trail is required and cannot be written.

        """
        if not await self._trail.recorded(entry):
            raise AuditUnavailableError

    async def _audit(self, visit: Visit, deny: Deny) -> None:
        """Record a refusal that the byte path cannot see: to it, this is a page of ours."""
        rule = "" if deny.rule is None else str(deny.rule)
        reasons = [reason.word for reason in deny.reasons]
        pseudonym = visit.session.session.pseudonym if isinstance(visit.session, Found) else ""
        self._observer.refused(visit.route.name, rule, reasons)
        if self._kept:
            refused = Entry(
                Action.DECISION,
                self._clock(),
                Outcome.REFUSED,
                pseudonym=pseudonym,
                app=visit.route.name,
                rule=rule,
                policy_version=visit.route.policy.version,
                verdict="deny",
                reasons=tuple(reasons),
                conditions=conditions_of(reasons),
                request_id=visit.inbound.request_id,
            )
            await self._must_record(refused)
            return
        _log.info(
            Event.AUDIT,
            request_id=visit.inbound.request_id,
            app=visit.route.name,
            rule=rule,
            verdict="deny",
            reasons=reasons,
            pseudonym=pseudonym,
            policy_version=visit.route.policy.version,
        )

    def _may_wait(self, visit: Visit, form: str) -> bool:
        """Whether this form may wait on our side: each takes room in the store."""
        if read_form(form, visit.route.app.headers.charset) is None:
            return False
        return self._forms.take(visit.inbound.client_address, self._clock()) is None

    async def _begin(
        self, visit: Visit, offer: SignInOffer, return_to: str | None, form: str = "", *, anew: bool = False
    ) -> web.StreamResponse:
        if (wait := self._begins.take(visit.inbound.client_address, self._clock())) is not None:
            failed = Failed(LoginFailure.TOO_MANY, return_to, retry_after=wait, app=offer.route.name, form=form)
            return await self._sign_in_failed(visit, failed)
        app = offer.route.name
        outcome = await self._sign_in.begin(
            visit.route, visit.inbound, offer.challenge, return_to, form, app=app, anew=anew
        )
        match outcome:
            case Begun():
                self._tell(visit, "begun", app, rule=str(offer.challenge.rule), reason=offer.challenge.reason.value)
                response = redirect(outcome.location)
                if outcome.cookie is not None:
                    # This browser's first sign-in here: a worker that was registered before there was a gateway to
                    # refuse it would see the callback.
                    response.headers["Clear-Site-Data"] = CLEAR_STORAGE
                    self._set(response, visit, visit.route.pending_cookie, outcome.cookie, BROWSER_COOKIE_SECONDS)
                    if outcome.tab:
                        self._set(response, visit, outcome.tab.encode(), outcome.cookie, int(self._sign_in_seconds))
                return response
            case Failed():
                return await self._sign_in_failed(visit, replace(outcome, form=form, app=app))
            case _:
                assert_never(outcome)

    def _end_of_tab(self, visit: Visit, target: str) -> str:
        """Return the page that sends a person back to the tab with the form, and that knows where the form goes.

        Should the sign-in fail, the next one asks for what the form needs.
        """
        page = self._prefix + END_OF_TAB
        knowing = f"{page}?{urlencode({_FORM_TO: target})}"
        return knowing if self._sign_in.safe_return(visit.route, knowing) == knowing else page

    async def _failed_at(self, visit: Visit, failed: Failed, session: SessionState) -> tuple[str, str]:
        """Return the target and the method for which a sign-in that failed was begun."""
        target = self._sign_in.safe_return(visit.route, failed.return_to)
        if form_id := self._waiting.name_in(target):
            found = await self._waiting.find(visit.route, visit.inbound, form_id, _pseudonym(session, visit.route))
            return ("/", "GET") if found is None else (found.target, "POST")
        path, _, query = target.partition("?")
        if path == self._prefix + END_OF_TAB:
            return self._sign_in.safe_return(visit.route, parse_qs(query).get(_FORM_TO, [""])[0]), "POST"
        return target, "POST" if failed.form else "GET"

    async def _sign_in_failed(self, visit: Visit, failed: Failed) -> web.StreamResponse:
        self._tell(
            visit,
            failed.failure.value,
            failed.app,
            error=failed.error or failed.fault,
            endpoint=failed.endpoint,
            check=failed.check,
            found=failed.found,
        )
        offer, onward = await self._fresh_start(visit, failed)
        response = self._page(visit, pages.failure(visit, failed, offer, onward))
        response.headers[REASON_HEADER] = failed.failure.value
        return response

    async def _fresh_start(self, visit: Visit, failed: Failed) -> tuple[SignInOffer | None, str]:
        """Return the sign-in that the page of a failed one offers, or the page to go to where none is needed."""
        kept = self._sign_in.safe_return(visit.route, failed.return_to)
        waits = bool(self._waiting.name_in(kept))
        session = await self._session(visit)
        try:
            target, method = await self._failed_at(visit, failed, session)
        except StoreUnavailableError:
            # The page of the form tells the rest when the store is back.
            return None, kept
        outcome = next_offer(visit, target, method, session, self._clock(), self._table())
        if isinstance(outcome, SignInOffer):
            return (replace(outcome, back=kept) if waits else outcome), ""
        return None, kept if waits else target

    async def _with_session(self, visit: Visit) -> Visit:
        """Return the visit with the browser's session, so that each page of ours says who is signed in."""
        if isinstance(visit.session, Unread):
            visit = replace(visit, session=await self._session(visit))
        return await self._with_cause(visit)

    async def _with_cause(self, visit: Visit) -> Visit:
        """Return the visit with what ended the session of the browser's ticket, for a page that says so."""
        ticket = self._ticket(visit) if isinstance(visit.session, Gone) else None
        return visit if ticket is None else replace(visit, ended=await self._sessions.cause(ticket))

    async def _session(self, visit: Visit) -> SessionState:
        """Return the signed-in person's session, from the store if memory does not have it."""
        match visit.session:
            case Unread(ticket):
                return await self._load(visit, ticket)
            case known:
                return known

    async def _load(self, visit: Visit, ticket: Ticket) -> Found | Gone | Unavailable | Limited:
        """Ask the store, as the byte path does for a request to an App."""
        brought = self._brought(visit)
        client, now = visit.inbound.client_address, self._clock()
        rate, reason = self._lookups.of(sealed=brought is not None and brought.sealed)
        if (wait := rate.wait(client, now)) is not None:
            return Limited(wait, reason)
        state = await self._sessions.load(ticket, now)
        if isinstance(state, Gone):
            rate.take(client, now)
        return state

    def _brought(self, visit: Visit) -> Brought | None:
        return find_brought(visit.inbound.cookie, visit.route.session_cookie, self._table().seals)

    def _ticket(self, visit: Visit) -> Ticket | None:
        brought = self._brought(visit)
        return None if brought is None else brought.ticket

    def failed_for_program(self, visit: Visit, error: GatewayError) -> web.Response:
        """Answer a program whose request a part of ours could not serve, in the form that it reads."""
        self._tell_failed(visit, error)
        return problem_for(visit, error.status, error.code)

    def _tell_failed(self, visit: Visit, error: GatewayError) -> None:
        _log.warning(
            Event.PORTAL_FAILED,
            request_id=visit.inbound.request_id,
            app=visit.route.name,
            error=error.code,
            where=where_it_failed(error),
        )

    def _failed(self, visit: Visit, error: GatewayError) -> web.Response:
        self._tell_failed(visit, error)
        if isinstance(error, AuditUnavailableError):
            page = TroublePage(Trouble.AUDIT_UNAVAILABLE, error.status, RETRY_AFTER)
            response = self._page(visit, pages.trouble(visit, page))
        elif isinstance(error, StoreUnavailableError):
            page = TroublePage(Trouble.STORE_UNAVAILABLE, error.status, RETRY_AFTER)
            response = self._page(visit, pages.trouble(visit, page))
        else:
            response = self._page(visit, pages.plain(visit, "internal", error.status))
        response.headers[REASON_HEADER] = error.code
        return response

    def _page(self, visit: Visit, page: Page) -> web.Response:
        return self._pages.response(page, self._form_origins(visit.route))

    def _set(
        self, response: web.StreamResponse, visit: Visit, name: bytes, value: str, max_age: int | None = None
    ) -> None:
        """Set a cookie of ours, in its one form."""
        self._end_other_forms(response, visit, name)
        line = set_cookie(name.decode(), value, secure=visit.route.app.secure, max_age=max_age)
        response.headers.add(hdrs.SET_COOKIE, line)

    def _expire(self, response: web.StreamResponse, visit: Visit, name: bytes) -> None:
        """End a cookie of ours, in every form."""
        self._end_other_forms(response, visit, name)
        line = expire_cookie(name.decode(), secure=visit.route.app.secure)
        response.headers.add(hdrs.SET_COOKIE, line)

    def _expire_application_cookies(self, response: web.StreamResponse, visit: Visit) -> None:
        """End the own sessions of every App on this host: they share the browser's cookies and its person."""
        for route in self._table().routes:
            if route.host != visit.route.host:
                continue
            for line in expire_application_cookies(
                route.app.application_cookies, route.prefix, secure=route.app.secure
            ):
                response.headers.add(hdrs.SET_COOKIE, line)

    def _tell(self, visit: Visit, outcome: str, app: str = "", **fields: object) -> None:
        note("sekisho.sign_in.outcome", outcome)
        app = app or visit.route.name
        self._observer.sign_in(app, outcome)
        if outcome not in _NOT_AUDITED:
            self._trail.record(self._entry(visit, app, outcome, fields))
        described = {name: value for name, value in fields.items() if value not in ("", None)}
        _log.info(Event.SIGN_IN, app=app, outcome=outcome, request_id=visit.inbound.request_id, **described)

    def _entry(self, visit: Visit, app: str, outcome: str, fields: Mapping[str, object]) -> Entry:
        """Return what the audit trail says of a sign-in or sign-out."""
        session = visit.session
        known = session.session.pseudonym if isinstance(session, Found) else ""
        sessions = fields.get("sessions")
        named = self._table().named.get(app)
        return Entry(
            Action.SIGN_OUT if outcome in _SIGN_OUTS else Action.SIGN_IN,
            self._clock(),
            Outcome.DONE if outcome in _GOOD else Outcome.FAILED,
            pseudonym=str(fields.get("pseudonym") or known),
            app=app,
            rule=str(fields.get("rule") or ""),
            policy_version="" if named is None else named.policy.version,
            verdict=outcome,
            reasons=tuple(str(fields[name]) for name in ("error", "check", "endpoint") if fields.get(name)),
            request_id=visit.inbound.request_id,
            count=sessions if isinstance(sessions, int) else None,
        )


_SWITCHED = frozenset({LOGIN, LOGOUT, SIGNED_OUT, END_OF_TAB, ME, ACCOUNT})
"""The pages of ours to which the switch of languages leads back."""

_NOT_AUDITED = frozenset({"begun", "already_signed_in", "signed_in"})
"""The outcomes of a sign-in that change nothing for anybody, and the one that is recorded before it is told."""

_SIGN_OUTS = frozenset({"signed_out", "signed_out_here", "logged_out_by_provider", "logout_refused"})
_GOOD = (_SIGN_OUTS | {"signed_in"}) - {"logout_refused"}


def _pseudonym(session: SessionState, route: Route) -> str:
    """Return the pseudonym of the signed-in person; empty if nobody is."""
    return session.session.pseudonym if isinstance(session, Found) and route.accepts(session.session) else ""


def _route_of(request: web.Request) -> str:
    """Return the path of a page of ours as it is registered; empty where there is no such page."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


_VISIT = web.RequestKey("visit", Visit)


def logout_token(ticket: Ticket | None) -> str:
    """Return what the sign-out form carries: derived from the ticket, which no other site knows."""
    return "" if ticket is None else hashlib.sha256(_LOGOUT_DOMAIN + ticket.encode()).hexdigest()


def _is_ours(form: Mapping[str, str], ticket: Ticket | None) -> bool:
    """Whether a sign-out form is the one of our own page."""
    return hmac.compare_digest(form.get("token", "").encode(), logout_token(ticket).encode())


def _target_of(visit: Visit) -> str | None:
    """Return the target that a link to the sign-in names: escaped in `rd`, or all that follows `back=`."""
    query = visit.inbound.target.query or b""
    if query.startswith(BACK):
        return query.removeprefix(BACK).decode("ascii")
    given = _query(visit).get("rd", [])
    return given[0] if len(given) == 1 else None


def _query(visit: Visit) -> Mapping[str, list[str]]:
    """Return the visit's query; what cannot be read is empty, and so leads nowhere."""
    try:
        return parse_qs((visit.inbound.target.query or b"").decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        return {}


async def _form(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form of ours, each once.

    Raises:
        web.HTTPBadRequest: it is none.
        web.HTTPRequestEntityTooLarge: it is larger than any of ours.

    """
    body = await request.read()
    if body and media_type(request.headers.get(hdrs.CONTENT_TYPE, "")) != FORM_TYPE:
        raise web.HTTPBadRequest
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise web.HTTPBadRequest from error
    if any(len(values) > 1 for values in fields.values()):
        raise web.HTTPBadRequest
    return {name: values[0] for name, values in fields.items()}


def _is_for_pages(visit: Visit, prefix: str) -> bool:
    """Whether a URL of ours is no page: a style sheet, a picture, keys."""
    own = isinstance(visit.purpose, OwnPage)
    return own and kind_of(visit.inbound.target.path.removeprefix(prefix)) is not Kind.PAGE


def _plain(visit: Visit, refused: web.HTTPException) -> Page:
    """Return the page of an answer that aiohttp itself would have made."""
    match refused.status:
        case HTTPStatus.NOT_FOUND:
            return pages.plain(visit, "not_found", refused.status)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return pages.plain(visit, "method", refused.status)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return pages.plain(visit, "bad_form", refused.status)
        case _:
            return pages.plain(visit, "internal", refused.status)


__all__ = ["HEADERS", "PortalServices", "SessionLoader", "SignInObserver", "logout_token", "make_portal"]
