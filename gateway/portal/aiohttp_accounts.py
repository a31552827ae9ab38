"""The pages on which a person links an account of an old application, says for which one she acts, or ends a link.

`accounts/asyncio_linking` proves and keeps, and `pages` has the content. `aiohttp_portal` puts these handlers at their
URL, and shows the same page in the place of one that needs an account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

import structlog
from aiohttp import hdrs, web

from gateway.accounts.accounts import Held
from gateway.accounts.asyncio_linking import LinkEnd, Linking, LinkResult
from gateway.accounts.names import fold_account
from gateway.audit.entry import Action, Entry, Outcome
from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.pipeline.urls import UNLINK
from gateway.pipeline.visit import AccountAsk, AccountPage, Visit
from gateway.portal import pages
from gateway.portal.aiohttp_pages import redirect
from gateway.portal.cookies import expire_application_cookies
from gateway.portal.once import NONCE_BYTES, is_own_press, make_token, name_to_spend, word_of
from gateway.portal.pages import AccountChoice, Page
from gateway.request.navigation import Navigation, is_surely_a_navigation, navigation
from gateway.request.rates import Rate
from gateway.request.same_site import Sender, sender
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, Session, SessionState
from gateway.session.ticket import TICKET_BYTES, Ticket, new_ticket

ATTEMPTS_PER_ADDRESS = 30
"""Attempts a minute to link an account, from one address: a counter's computer serves many persons."""
ATTEMPTS_IN_ALL = 300
"""Attempts a minute from all addresses: each is a login at the application."""

ENDS_PER_ADDRESS = 30
"""Links a minute that may be ended from one address."""
ENDS_IN_ALL = 300
"""The same from all addresses: each takes a name in the store, and a sign-out at the application."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTools:
    """The parts of the portal that these pages need."""

    page: Callable[[Visit, Page], web.Response]
    session: Callable[[Visit], Awaitable[SessionState]]
    ticket: Callable[[Visit], Ticket | None]
    set_cookie: Callable[[web.StreamResponse, Visit, bytes, str, int | None], None]
    form: Callable[[web.Request], Awaitable[Mapping[str, str]]]
    record: Callable[[Entry], None]
    table: Callable[[], RouteTable]
    safe_return: Callable[[Route, str | None], str]
    spend: Callable[[str, Instant], Awaitable[bool]]
    clock: Callable[[], Instant]
    random: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class _Person:
    """The person who is signed in, with her ticket, and the App whose accounts are meant."""

    route: Route
    found: Found
    ticket: Ticket


class AccountPages:
    """The handlers."""

    def __init__(self, linking: Linking, tools: AccountTools) -> None:
        self._linking = linking
        self._tools = tools
        self._attempts = Rate(ATTEMPTS_PER_ADDRESS, ATTEMPTS_IN_ALL)
        self._ends = Rate(ENDS_PER_ADDRESS, ENDS_IN_ALL)

    async def ask(self, visit: Visit, wanted: AccountPage) -> web.StreamResponse:
        """Ask a person for her account, in the place of the page that needs it."""
        person = await self._person(visit, visit.route)
        if isinstance(person, Page):
            return self._tools.page(visit, person)
        # A form is not sent again by a link: its sender goes back to it.
        target = visit.inbound.target.raw.decode("ascii") if visit.inbound.method == "GET" else ""
        return await self._show(visit, person, wanted.ask, target, required=wanted.required)

    async def page(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Show the accounts of a person, or offer to link one."""
        del request
        asked = parse_qs((visit.inbound.target.query or b"").decode("ascii", "replace"))
        route = self._route(visit, asked.get("app", [""])[0])
        person = await self._person(visit, route)
        if isinstance(person, Page):
            return self._tools.page(visit, person)
        # `again`: no password of an account that she has is kept, or the application does not take it.
        ask = AccountAsk.AGAIN if "again" in asked else AccountAsk.CHOOSE
        said = "unsent" if "unsent" in asked else ""
        return await self._show(visit, person, ask, asked.get("rd", [""])[0], required=False, said=said)

    async def form(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Link, choose or decline, as the button of our own page says."""
        said = await self._tools.form(request)
        route = self._route(visit, said.get("app", ""))
        person = await self._person(visit, route)
        if isinstance(person, Page):
            return self._tools.page(visit, person)
        target = said.get("rd", "")
        required = said.get("required") == "yes"
        pressed = _is_pressed(visit)
        match said.get("action"):
            case "link" if pressed:
                return await self._link(visit, person, said, target, required=required)
            case "choose" if pressed:
                word = said.get("account", "")
                chosen = await self._linking.choose(route, person.found.session, person.ticket, word)
                if chosen is None:
                    # The link has ended since she saw the list.
                    return await self._show(visit, person, AccountAsk.CHOOSE, target, required=required, said="gone")
                self._tell(visit, person, LinkResult(LinkEnd.CHOSEN, chosen, self._mark(person)))
                return await self._onward(visit, person, target)
            case "none" if pressed:
                await self._linking.decline(route, person.ticket)
                self._tell(visit, person, LinkResult(LinkEnd.DECLINED, person=self._mark(person)))
                if required:
                    return await self._show(visit, person, AccountAsk.LINK, target, required=True, said="none")
                return await self._onward(visit, person, target)
            case "another":
                return await self._show(visit, person, AccountAsk.LINK, target, required=required, another=True)
            case _:
                return await self._show(visit, person, AccountAsk.LINK, target, required=required)

    async def links(self, visit: Visit, session: Session) -> pages.Links | None:
        """Return the links of a signed-in person for her own page; `None` if no App of this host has accounts."""
        ticket = self._tools.ticket(visit)
        routes = [
            route
            for route in map(self._tools.table().named.get, self._linking.apps)
            if route is not None and route.host == visit.route.host and route.accepts(session)
        ]
        if not routes or ticket is None:
            return None
        found: list[pages.LinkedAccount] = []
        whole = True
        for route in routes:
            try:
                held = await self._linking.links_of(route, session)
            except StoreUnavailableError:
                # She sees the rest of her page all the same, and that this part is missing.
                _log.warning(Event.ACCOUNT_LOGIN_FAILED, app=route.name, error="store_unavailable")
                whole = False
                continue
            found += [self._linked(visit, route, session, ticket, each) for each in held]
        return pages.Links(tuple(found), whole)

    async def unlink_page(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Ask whether to end a link: a GET changes nothing, however it came about."""
        del request
        given = parse_qs((visit.inbound.target.query or b"").decode("ascii", "replace"))
        route = self._route(visit, given.get("app", [""])[0])
        return await self._ask_to_end(visit, route, given.get("link", [""])[0])

    async def unlink_form(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """End a link, and the browser's sessions at the application, as the button of our own page says."""
        said = await self._tools.form(request)
        route = self._route(visit, said.get("app", ""))
        person = await self._person(visit, route)
        if isinstance(person, Page):
            return self._tools.page(visit, person)
        word, now = said.get("link", ""), self._tools.clock()
        held = await self._named(person, word)
        name = name_to_spend(said.get("token", ""), person.ticket, _page_of(route, word), now)
        pressed = is_own_press(visit.inbound, visit.route.origin)
        if held is None or name is None or not pressed:
            return await self._ask_to_end(visit, route, word, again=True)
        if (wait := self._ends.take(visit.inbound.client_address, now)) is not None:
            return self._tools.page(visit, pages.busy(visit, wait))
        if not await self._tools.spend(name, now):
            return await self._ask_to_end(visit, route, word, again=True)
        return await self._end(visit, person, held)

    async def _ask_to_end(self, visit: Visit, route: Route, word: str, *, again: bool = False) -> web.StreamResponse:
        person = await self._person(visit, route)
        if isinstance(person, Page):
            return self._tools.page(visit, person)
        held = await self._named(person, word)
        if held is None:
            return self._tools.page(visit, pages.unlink(visit, route, None, done=False))
        linked = self._linked(visit, route, person.found.session, person.ticket, held)
        token = ""
        if is_surely_a_navigation(visit.inbound):
            nonce = self._tools.random(NONCE_BYTES)
            token = make_token(person.ticket, _page_of(route, word), self._tools.clock(), nonce)
        return self._tools.page(visit, pages.unlink(visit, route, linked, done=False, token=token, again=again))

    async def _end(self, visit: Visit, person: _Person, held: Held) -> web.StreamResponse:
        """End the link before the application's sessions: from then on nothing signs in for her."""
        route, session, ticket = person.route, person.found.session, person.ticket
        opened = await self._linking.open_sessions(route, visit.inbound, session, ticket)
        ended = await self._linking.unlink(route, session, held.account.name)
        if ended:
            self._tell(visit, person, LinkResult(LinkEnd.UNLINKED, held.account.name, self._mark(person)))
        await self.leave(visit, tuple((route, cookies) for cookies in opened))
        linked = self._linked(visit, route, session, ticket, held)
        response = self._tools.page(visit, pages.unlink(visit, route, linked if ended else None, done=ended))
        app = route.app
        for line in expire_application_cookies(app.application_cookies, route.prefix, secure=app.secure):
            response.headers.add(hdrs.SET_COOKIE, line)
        await self._renew(visit, person, response)
        return response

    async def _named(self, person: _Person, word: str) -> Held | None:
        """Return the link that a URL names by its word; `None` if this session has no such one."""
        held = await self._linking.links_of(person.route, person.found.session)
        return next((each for each in held if _word_of(person.route, person.ticket, each) == word), None)

    def _linked(self, visit: Visit, route: Route, session: Session, ticket: Ticket, held: Held) -> pages.LinkedAccount:
        usable = self._linking.opens(route, session, held)
        return pages.linked_account(visit, route, held, _word_of(route, ticket, held), usable=usable)

    async def open_sessions(self, visit: Visit) -> tuple[tuple[Route, bytes], ...]:
        """Return the sessions that this browser has at the applications of its host, each by its cookies."""
        ticket = self._tools.ticket(visit)
        session = await self._tools.session(visit)
        if ticket is None or not isinstance(session, Found):
            return ()
        found: list[tuple[Route, bytes]] = []
        for name in self._linking.apps:
            route = self._tools.table().named.get(name)
            if route is None or route.host != visit.route.host or not route.accepts(session.session):
                continue
            try:
                opened = await self._linking.open_sessions(route, visit.inbound, session.session, ticket)
            except StoreUnavailableError:
                # Neither a sign-out nor a sign-in fails for it.
                _log.warning(Event.ACCOUNT_LOGIN_FAILED, app=name, error="store_unavailable")
                continue
            found += [(route, cookies) for cookies in opened]
        return tuple(found)

    async def leave(self, visit: Visit, opened: tuple[tuple[Route, bytes], ...]) -> None:
        """End these sessions: the person signs out, or another one has signed in."""
        for route, cookies in opened:
            await self._linking.end(route, visit.inbound, cookies)

    async def _link(
        self, visit: Visit, person: _Person, said: Mapping[str, str], target: str, *, required: bool
    ) -> web.StreamResponse:
        if (wait := self._attempts.take(visit.inbound.client_address, self._tools.clock())) is not None:
            return self._tools.page(visit, pages.busy(visit, wait))
        session = person.found.session
        result = await self._linking.link(
            person.route, visit.inbound, session, person.ticket, said.get("user", ""), said.get("password", "")
        )
        self._tell(visit, person, result)
        if result.end is LinkEnd.LINKED:
            return await self._onward(visit, person, target)
        if result.end is LinkEnd.SIGNED_OUT:
            return self._tools.page(visit, pages.me_of_nobody(visit))
        return await self._show(visit, person, AccountAsk.LINK, target, required=required, said=result.end.value)

    async def _onward(self, visit: Visit, person: _Person, target: str) -> web.StreamResponse:
        """Lead on to the wanted page with another ticket: then no worker acts on what it knew of the last one."""
        # The application's sessions of this browser are the former account's, and their cookies the former ticket's.
        await self.leave(visit, await self.open_sessions(visit))
        location = self._tools.safe_return(person.route, target or None)
        response = redirect(location)
        await self._renew(visit, person, response)
        return response

    async def _renew(self, visit: Visit, person: _Person, response: web.StreamResponse) -> None:
        ticket = new_ticket(self._tools.random(TICKET_BYTES))
        if await self._linking.renew(person.ticket, ticket, person.found.session):
            cookie = self._tools.table().seals.cookie(ticket)
            self._tools.set_cookie(response, visit, visit.route.session_cookie, cookie, None)

    async def _show(
        self,
        visit: Visit,
        person: _Person,
        ask: AccountAsk,
        target: str,
        *,
        required: bool,
        said: str = "",
        another: bool = False,
    ) -> web.Response:
        """Show the page: a person who is linked already, and must prove it again, is told so.

        `another`: she wants to link one more account.
        """
        linked = await self._linking.links_of(person.route, person.found.session)
        usable = tuple(each for each in linked if self._linking.opens(person.route, person.found.session, each))
        pending = () if another else tuple(each for each in linked if each not in usable)
        if ask is AccountAsk.AGAIN:
            pending = pending or linked
        elif usable:
            pending = ()
        shown = AccountAsk.AGAIN if pending else ask if usable else AccountAsk.LINK
        choices = tuple(
            AccountChoice(
                self._linking.choice(person.route.name, each),
                each.account.name if pending else each.account.title or each.account.name,
                each.account.kind,
                each.link.role,
            )
            for each in pending or usable
        )
        proves = self._linking.apps[person.route.name].application is not None
        content = pages.account(
            visit, person.route, shown, choices, target, required=required, proves=proves, said_of=said
        )
        return self._tools.page(visit, content)

    def _route(self, visit: Visit, name: str) -> Route:
        """Return the App of this host that a page is about.

        Raises:
            web.HTTPNotFound: there is none with accounts.

        """
        table = self._tools.table()
        route = table.named.get(name)
        if route is None or route.host != visit.route.host or name not in self._linking.apps:
            raise web.HTTPNotFound
        return route

    async def _person(self, visit: Visit, route: Route) -> _Person | Page:
        """Return the person who is signed in, or the page that says that nobody is.

        Raises:
            StoreUnavailableError: it cannot be said who is.

        """
        found = pages.person_or_page(visit, await self._tools.session(visit), route, lambda: pages.me_of_nobody(visit))
        if isinstance(found, Page):
            return found
        ticket = self._tools.ticket(visit)
        return pages.me_of_nobody(visit) if ticket is None else _Person(route, found, ticket)

    def _mark(self, person: _Person) -> str:
        return self._linking.marks(person.route, person.found.session).first

    def _tell(self, visit: Visit, person: _Person, result: LinkResult) -> None:
        """Record what became of it. The trail names the account; a log line does not."""
        session = person.found.session
        good = result.end in (LinkEnd.LINKED, LinkEnd.CHOSEN, LinkEnd.DECLINED, LinkEnd.UNLINKED)
        self._tools.record(
            Entry(
                Action.ACCOUNT,
                self._tools.clock(),
                Outcome.DONE if good else Outcome.FAILED,
                pseudonym=session.pseudonym,
                app=person.route.name,
                verdict=result.end.value,
                object=result.account,
                names=tuple(mark for mark in (result.person, result.holder) if mark),
                request_id=visit.inbound.request_id,
            )
        )
        _log.info(
            Event.ACCOUNT,
            request_id=visit.inbound.request_id,
            app=person.route.name,
            outcome=result.end.value,
            pseudonym=session.pseudonym,
        )


def _is_pressed(visit: Visit) -> bool:
    """Say whether a person has pressed a button of our own page.

    Browsers of before 2023 say by `Origin` alone where a form comes from. No script can have a newer one do so.
    """
    inbound = visit.inbound
    if sender(inbound, visit.route.origin) is not Sender.OURS:
        return False
    told = any(name.lower().startswith(b"sec-fetch-") for name, _ in inbound.headers)
    return is_surely_a_navigation(inbound) if told else navigation(inbound) is Navigation.FORM


def _word_of(route: Route, ticket: Ticket, held: Held) -> str:
    return word_of(ticket, UNLINK, f"{route.name}:{fold_account(held.account.name)}")


def _page_of(route: Route, word: str) -> str:
    """Return the name of the page that ends one link, for the token that it carries."""
    return f"{UNLINK}:{route.name}:{word}"
