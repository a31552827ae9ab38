"""The way to an application at which the gateway signs a person in (`tell: form`).

It stands before the App's connections, and looks like them to the byte path. It lets those cookies through that the
application set in this very session, signs in anew if there are none or if the application says that its session is
over, and then sends the wanted request again. A small form is kept meanwhile, so that none is lost in the middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import quote

import msgspec
import structlog

from gateway.accounts.application_cookies import (
    cookie_hash,
    cookie_key,
    cookies_in,
    counted,
    field_of,
    hashes_of,
    over,
    pairs_of,
    with_cookies,
)
from gateway.accounts.asyncio_application import SignedInThere
from gateway.accounts.asyncio_linking import Linking
from gateway.accounts.names import fold_account
from gateway.accounts.recipe import (
    LARGEST_LOOK,
    Reply,
    asking_for_readable,
    has_ended,
    may_have_ended,
    named_accounts,
)
from gateway.accounts.set_cookie import set_cookies
from gateway.errors import ApplicationSessionEndedError, GatewayError, StoreUnavailableError, UpstreamProtocolError
from gateway.headers.telling import read_account
from gateway.observe.events import Event
from gateway.request.inbound import Framing, Inbound
from gateway.request.kept_form import LARGEST_KEPT
from gateway.request.navigation import Navigation, navigation
from gateway.route.route import Route
from gateway.session.session import Found, Session, SessionState
from gateway.session.ticket import Ticket
from gateway.settings.settings import RecipeSettings, TrafficSettings
from gateway.upstream.prefix import PathRewrite
from gateway.upstream.upstream import (
    AnswerFraming,
    AnswerHead,
    Exchanger,
    Headers,
    Receiver,
    Upstreams,
)

log = structlog.get_logger()

LONGEST_ONWARD = 2_000
"""Bytes of the wanted target in a redirect of ours. A longer one is left out, and the person goes to the front page."""


class PersonsRequest(Receiver, Protocol):
    """A request of the byte path, as far as a login on its account needs to know of it."""

    inbound: Inbound
    session: SessionState
    ticket: Ticket | None


class SignedInUpstreams:
    """The connections of one App at which the gateway signs in."""

    def __init__(
        self,
        way: Upstreams,
        route: Callable[[], Route],
        linking: Linking,
        recipe: RecipeSettings,
        prefix: str,
        refused: Callable[[str], tuple[Headers, bytes]],
    ) -> None:
        """`way` has the App's connections; `prefix` is that of our own pages.

        `refused` returns the fields and the body by which a script hears that an account is required; it takes the
        request's id.
        """
        self.way = way
        self.route = route
        self.linking = linking
        self.recipe = recipe
        self.prefix = prefix
        self.refused = refused
        self._under_way: dict[tuple[Ticket, str], asyncio.Task[SignedInThere | None]] = {}
        self._requests: dict[Receiver, _Request] = {}

    @property
    def rewrite(self) -> PathRewrite | None:
        """Nothing: recipe, cookies and our own redirects have public paths, and a request changes them behind here."""
        return None

    def take(self, receiver: Receiver, *, repeatable: bool) -> Exchanger | None:
        """Return what takes the request, at once; it finds a connection by itself."""
        del repeatable
        return self._begin(receiver)

    def take_fresh(self, receiver: Receiver) -> None:
        """Take a request again, and tell the receiver soon."""
        taken = self._begin(receiver)
        asyncio.get_running_loop().call_soon(receiver.upstream_ready, taken)

    def leave(self, receiver: Receiver) -> None:
        """Forget a request."""
        taken = self._requests.get(receiver)
        if taken is not None:
            taken.abandon(receiver)

    def _begin(self, receiver: Receiver) -> _Request:
        taken = self._requests[receiver] = _Request(self, cast("PersonsRequest", receiver))
        return taken

    def forget(self, receiver: Receiver) -> None:
        """A request is over."""
        self._requests.pop(receiver, None)

    async def is_alive(self, person: PersonsRequest, pairs: tuple[tuple[bytes, bytes], ...]) -> bool:
        """Whether the application's session that these cookies open is alive; True if nobody can say.

        Raises:
            GatewayError: the application did not answer.

        """
        if not self.recipe.alive:
            return True
        return await self.linking.is_alive(self.route(), person.inbound, field_of(pairs))

    async def login(
        self, person: PersonsRequest, session: Session, ticket: Ticket, account: str
    ) -> SignedInThere | None:
        """Sign in, once for all who ask for the same session at the same time.

        `None`: there is no password that the application takes, and the person is asked for it again.

        Raises:
            GatewayError: the application or the store did not answer.

        """
        key = (ticket, account)
        task = self._under_way.get(key)
        if task is None:
            work = self.linking.sign_in_as(self.route(), person.inbound, session, account)
            task = self._under_way[key] = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)


class _Request:
    """One request on its way to the application: to the byte path a connection, to the connection a receiver."""

    def __init__(self, owner: SignedInUpstreams, holder: PersonsRequest) -> None:
        self.last = False
        self._owner = owner
        self._holder: PersonsRequest | None = holder
        self._person = holder
        self._inner: Exchanger | None = None
        self._head = b""
        self._account: str | None = None
        self._counting = ""
        """The account for which cookies count: on a page that needs none, the one for which the person acts already."""
        self._unsure = False
        """Whether the store could not say for whom she acts: then her cookies stay here, and she keeps them."""
        self._pairs: tuple[tuple[bytes, bytes], ...] = ()
        """The cookies that counted."""
        self._fresh: SignedInThere | None = None
        """The login that was made for this request."""
        self._body: list[bytes] = []
        self._kept = 0
        self._whole = True
        """Whether all of the body that has come is kept."""
        self._uploading = False
        self._is_head = False
        self._sent = False
        self._tries = 0
        self._limits: TrafficSettings | None = None
        self._task: asyncio.Task[None] | None = None
        self._looked_at: tuple[AnswerHead, bytearray] | None = None
        """The beginning of a page that may say that the application's session is over; `None` while nobody looks."""
        self._waiting: list[Callable[[], None]] | None = None
        """The part of the answer that came while the store is asked; `None` while it is not."""
        self._paused = False

    # --- to the byte path ---------------------------------------------------------------------

    def send(self, holder: Receiver, head: bytes, *, is_head: bool, uploading: bool, with_body: bool = False) -> None:
        """Begin the request."""
        if holder is not self._holder:
            raise RuntimeError("a request goes out on a connection that its exchange does not hold")
        if with_body:
            end = head.index(b"\r\n\r\n") + 4
            head, body = head[:end], head[end:]
            self._keep(body)
        # From here on the byte path has it.
        self._owner.forget(holder)
        self._account, self._head = read_account(head)
        if self._account is not None and self._owner.recipe.ended.text_present:
            self._head = asking_for_readable(self._head)
        self._is_head, self._uploading = is_head, uploading
        self._start(self._go)

    def within(self, holder: Receiver, limits: TrafficSettings) -> None:
        """Have other clocks than the App's hold."""
        if holder is self._holder:
            self._limits = limits
            if self._inner is not None:
                self._inner.within(self, limits)

    def send_body(self, holder: Receiver, data: bytes) -> None:
        """Send a part of the body, or keep it until there is a connection."""
        if holder is not self._holder:
            return
        self._keep(data)
        if self._sent and self._inner is not None:
            self._inner.send_body(self, data)

    def upload_done(self, holder: Receiver) -> None:
        """The body is whole."""
        if holder is self._holder:
            self._uploading = False
            if self._sent and self._inner is not None:
                self._inner.upload_done(self)

    def end_tunnel(self, holder: Receiver) -> None:
        """The client says nothing more in the tunnel."""
        if holder is self._holder and self._inner is not None:
            self._inner.end_tunnel(self)

    def pause(self, holder: Receiver) -> None:
        """Read no more for now."""
        if holder is self._holder:
            self._paused = True
            if self._inner is not None:
                self._inner.pause(self)

    def resume(self, holder: Receiver) -> None:
        """Read on."""
        if holder is self._holder:
            self._paused = False
            if self._inner is not None and self._waiting is None:
                self._inner.resume(self)

    def pass_on(self, holder: Receiver, heir: Receiver) -> None:
        """Make another object the receiver of the answer."""
        if holder is self._holder:
            self._owner.forget(holder)
            self._holder = cast("PersonsRequest", heir)

    def abandon(self, holder: Receiver) -> None:
        """The holder does not want the answer any more."""
        if holder is self._holder:
            self._end()

    def _end(self) -> None:
        holder, self._holder = self._holder, None
        self._owner.forget(self._person)
        if holder is not None and holder is not self._person:
            self._owner.forget(holder)
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.abandon(self)
        else:
            self._owner.way.leave(self)
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _keep(self, data: bytes) -> None:
        """Keep a part of the body as long as it is short, or as nothing has been sent."""
        self._kept += len(data)
        if self._kept > LARGEST_KEPT and self._sent:
            self._whole = False
            self._body.clear()
        if self._whole:
            self._body.append(data)
            if self._kept > LARGEST_KEPT and self._holder is not None:
                self._holder.pause_upload()

    # --- the login, and the request -----------------------------------------------------------

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # Not a coroutine: a client that gives up at once would leave one behind that never ran.
        self._task = asyncio.get_running_loop().create_task(self._guarded(work))

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except GatewayError as error:
            self._fail(error)
        except Exception:
            log.exception(Event.BYTE_PATH_FAILED, request_id=self._person.inbound.request_id)
            self._fail(UpstreamProtocolError("the login at the application failed"))

    def _fail(self, error: GatewayError) -> None:
        holder = self._holder
        if holder is None:
            return
        inner, self._inner = self._inner, None
        self._holder = None
        self._owner.forget(self._person)
        if inner is not None:
            inner.abandon(self)
        holder.upstream_failed(error, unheard=False)

    async def _go(self) -> None:
        """Find the cookies that count, sign in where there are none, and send the request."""
        session, ticket = self._session()
        pairs: tuple[tuple[bytes, bytes], ...] = ()
        self._counting = await self._acting() if self._account is None else self._account
        if session is not None and ticket is not None and (field := cookies_in(self._head)):
            known = await self._owner.linking.bound(ticket)
            pairs = counted(field, known, cookie_key(ticket), self._owner.route().name, self._counting)
        if (
            self._account is not None
            and pairs
            and self._is_long
            and not await self._owner.is_alive(self._person, pairs)
        ):
            pairs = ()
        if self._account is not None and not pairs:
            await self._sign_in()
            return
        self._pairs = pairs
        self._take(field_of(pairs))

    @property
    def _is_long(self) -> bool:
        """Whether the body cannot be kept: it is sent once, to a session that is alive."""
        inbound = self._person.inbound
        return inbound.framing is Framing.CHUNKED or inbound.length > LARGEST_KEPT

    async def _sign_in(self) -> None:
        session, ticket = self._session()
        if session is None or ticket is None or self._account is None:
            raise StoreUnavailableError
        login = await self._owner.login(self._person, session, ticket, self._account)
        if login is None:
            self._ask_again()
            return
        self._fresh = login
        lines = tuple((b"Set-Cookie", line) for line in login.set_cookies)
        await self._bind(lines)
        self._take(login.jar.field_for(self._target))

    @property
    def _target(self) -> str:
        return self._head.split(b" ", 2)[1].decode("ascii")

    async def _acting(self) -> str:
        """Return the account for which the person acts already; empty for none.

        A page that needs no account asks anew, too: the counter may have ended the link.
        """
        state, ticket = self._person.session, self._person.ticket
        session, _ = self._session()
        if session is None or ticket is None or not isinstance(state, Found):
            return ""
        try:
            acting = await self._owner.linking.acting(self._owner.route(), state, ticket)
        except StoreUnavailableError:
            # The page is for people without an account as well.
            log.warning(Event.ACCOUNT_LOGIN_FAILED, app=self._owner.route().name, error="store_unavailable")
            self._unsure = True
            return ""
        return "" if acting is None else acting.account

    def _session(self) -> tuple[Session | None, Ticket | None]:
        state = self._person.session
        found = isinstance(state, Found) and self._owner.route().accepts(state.session)
        return (state.session, self._person.ticket) if found and isinstance(state, Found) else (None, None)

    async def _bind(self, headers: Headers) -> None:
        """Have the cookies of an answer count in this session from now on."""
        _, ticket = self._session()
        if ticket is None:
            return
        route, linking, key = self._owner.route(), self._owner.linking, cookie_key(ticket)
        hashes = hashes_of(headers, key, route.name, self._counting, self._target, linking.now())
        if hashes:
            # Those that came along stay among the newest, as long as they are in use: some applications set another
            # cookie with each answer, and set that of their session once.
            used = tuple(cookie_hash(key, route.name, self._counting, *pair) for pair in self._pairs)
            await linking.bind(ticket, (*used, *hashes))

    def _take(self, cookies: bytes) -> None:
        if self._holder is None:
            return
        self._head = with_cookies(self._head, cookies)
        connection = self._owner.way.take(self, repeatable=False)
        if connection is not None:
            self.upstream_ready(connection)

    def _ask_again(self) -> None:
        """Lead the person to the page on which she proves her account once more, and then back to the wanted page.

        A form is not sent again by a link, so that page says that it was not sent. A script would follow the redirect
        and take our page for the application's good answer.
        """
        inbound = self._person.inbound
        if navigation(inbound) is Navigation.BACKGROUND:
            headers, body = self._owner.refused(inbound.request_id)
            refused = AnswerHead(HTTPStatus.FORBIDDEN, headers, AnswerFraming.COUNTED, len(body))
            self._deliver(refused, b"" if self._is_head else body, complete=True)
            return
        onward = f"&rd={quote(inbound.target.raw, safe='')}" if inbound.method == "GET" else "&unsent=yes"
        if len(onward) > LONGEST_ONWARD:
            onward = ""
        location = f"{self._owner.prefix}account?app={self._owner.route().name}&again=yes{onward}".encode("ascii")
        head = AnswerHead(303, ((b"Location", location), (b"Cache-Control", b"no-store")), AnswerFraming.COUNTED, 0)
        self._deliver(head, b"", complete=True)

    # --- to the connection --------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._holder is None or self._holder.over

    def upstream_ready(self, connection: Exchanger) -> None:
        """Send the request, with all that has come of its body."""
        holder = self._holder
        if holder is None:
            connection.abandon(self)
            return
        self._inner = connection
        self._sent = True
        body = b"".join(self._body)
        if self._kept > LARGEST_KEPT:
            self._whole = False
            self._body.clear()
        rewrite = self._owner.way.rewrite
        head = self._head if rewrite is None else rewrite.outbound(self._head)
        if connection.last and b"\r\nConnection: " not in head:
            head = head[:-2] + b"Connection: close\r\n\r\n"
        if body and not self._uploading:
            connection.send(self, head + body, is_head=self._is_head, uploading=False, with_body=True)
        else:
            connection.send(self, head, is_head=self._is_head, uploading=self._uploading)
            if body:
                connection.send_body(self, body)
        if self._limits is not None:
            connection.within(self, self._limits)
        if self._paused:
            connection.pause(self)
        if self._uploading:
            holder.resume_upload()

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        """There will be no answer, or no more of it."""
        self._inner = None
        # A page that breaks off says nothing more: the person gets what there is of it.
        if self._looked_at is not None:
            self._hand_over(*self._taken(), complete=False)
        if self._waiting is not None:
            self._waiting.append(lambda: self.upstream_failed(error, unheard=unheard))
            return
        holder, self._holder = self._holder, None
        self._owner.forget(self._person)
        if holder is not None:
            # The byte path does not know of the login, and must not send the request again.
            holder.upstream_failed(error, unheard=False)

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Tell of a 1xx."""
        if self._holder is not None:
            self._holder.interim_answer(status, headers)

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Look whether the application's session is over; else hand the answer over, once its cookies count."""
        if self._holder is None:
            return
        if complete:
            self._inner = None
        rewrite = self._owner.way.rewrite
        if rewrite is not None:
            head = msgspec.structs.replace(head, headers=rewrite.answer(head.headers), answer_cache=None)
        ended = self._owner.recipe.ended
        if (
            self._account is None
            or self._tries
            or not may_have_ended(ended, head.status, head.headers, self._target)
            or (ended.text_present and self._is_head)
        ):
            self._hand_over(head, body, complete=complete)
        elif ended.text_present:
            self._looked_at = head, bytearray(body)
            if complete or len(body) > LARGEST_LOOK:
                self._look(complete=complete)
        else:
            self._again(complete=complete)

    def _look(self, *, complete: bool) -> None:
        """Look whether a page says that the application's session is over, and hand it over if it does not."""
        head, body = self._taken()
        if has_ended(self._owner.recipe.ended, Reply(head.status, head.headers, body), self._target):
            self._again(complete=complete)
        else:
            self._hand_over(head, body, complete=complete)

    def _taken(self) -> tuple[AnswerHead, bytes]:
        """Return the page that is looked at, and look at it no longer."""
        looked_at, self._looked_at = self._looked_at, None
        if looked_at is None:
            raise RuntimeError("no page is looked at")
        return looked_at[0], bytes(looked_at[1])

    def _hand_over(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Hand an answer over, once its cookies count."""
        another = self._is_anothers(head)
        if another:
            kept = tuple(each for each in head.headers if each[0].lower() != b"set-cookie")
            head = msgspec.structs.replace(head, headers=kept, answer_cache=None)
        fresh = () if another or self._fresh is None else self._fresh.set_cookies
        lines = tuple((b"Set-Cookie", line) for line in fresh)
        new = msgspec.structs.replace(head, headers=(*lines, *self._expired(), *head.headers), answer_cache=None)
        if not another and not set_cookies(head.headers):
            self._deliver(new, body, complete=complete)
            return
        # The browser hears of a cookie when it counts: its next request may come to another worker.
        self._waiting = []
        if self._inner is not None:
            self._inner.pause(self)
        counts = self._count_no_more if another else partial(self._bind, head.headers)
        self._start(partial(self._bound, counts, new, body, complete=complete))

    def _is_anothers(self, head: AnswerHead) -> bool:
        """Whether an answer names another account: somebody signed in there past the card.

        A form of an extension may do that under an address that no `closed` names.
        """
        now = self._owner.linking.now()
        named = named_accounts(self._owner.recipe.account_cookie, head.headers, self._target, now)
        if all(fold_account(name) == fold_account(self._counting) for name in named):
            return False
        inbound = self._person.inbound
        log.warning(
            Event.ACCOUNT_LOGIN_FAILED,
            app=self._owner.route().name,
            request_id=inbound.request_id,
            error="another_account",
        )
        return True

    async def _count_no_more(self) -> None:
        """Have the cookies that went along count no more: they may open the other account's session now."""
        _, ticket = self._session()
        if ticket is None:
            return
        key, app = cookie_key(ticket), self._owner.route().name
        sent = pairs_of(cookies_in(self._head))
        await self._owner.linking.bind(ticket, over(sent, key, app, self._counting))

    async def _bound(
        self, counts: Callable[[], Awaitable[None]], new: AnswerHead, body: bytes, *, complete: bool
    ) -> None:
        try:
            await counts()
        except StoreUnavailableError:
            # The cookie does not count then, and the next request signs in anew.
            log.warning(Event.ACCOUNT_LOGIN_FAILED, app=self._owner.route().name, error="store_unavailable")
        waiting, self._waiting = self._waiting or [], None
        inner = self._inner
        self._deliver(new, body, complete=complete)
        for hand_over in waiting:
            hand_over()
        if inner is not None and inner is self._inner and not self._paused:
            inner.resume(self)

    def _expired(self) -> Headers:
        """Return the lines that end those cookies of the application which did not count, if nothing replaces them."""
        app = self._owner.route().app
        brought = {name for name, _ in pairs_of(self._person.inbound.cookie)}
        sent = {name for name, _ in pairs_of(cookies_in(self._head))}
        secure = b"; Secure" if app.secure else b""
        return tuple(
            (b"Set-Cookie", b"%b=; Path=/; Max-Age=0%b" % (name, secure))
            for name in sorted(brought - sent)
            if name.decode("latin-1") in app.application_cookies and self._fresh is None and not self._unsure
        )

    def _again(self, *, complete: bool) -> None:
        """Sign in anew and send the request again, if all of it was kept."""
        inner, self._inner = self._inner, None
        if inner is not None and not complete:
            inner.abandon(self)
        self._tries += 1
        self._sent = False
        self._start(self._sign_in if self._whole else self._lost)

    async def _lost(self) -> None:
        """Say that a long body has to be sent again, and let the next request sign in first."""
        _, ticket = self._session()
        if ticket is not None:
            key = cookie_key(ticket)
            await self._owner.linking.bind(ticket, over(self._pairs, key, self._owner.route().name, self._counting))
        self._fail(ApplicationSessionEndedError("the application's session ended while a long body came"))

    def _deliver(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        holder = self._holder
        if holder is None:
            return
        if complete:
            self._over()
        holder.answer_begins(head, body, complete=complete)

    def _over(self) -> None:
        self._owner.forget(self._person)
        self._holder = None

    def answer_goes_on(self, body: bytes) -> None:
        """Hand over more of the body."""
        if self._looked_at is not None:
            self._looked_at[1].extend(body)
            if len(self._looked_at[1]) > LARGEST_LOOK:
                self._look(complete=False)
        elif self._waiting is not None:
            self._waiting.append(lambda: self.answer_goes_on(body))
        elif self._holder is not None:
            self._holder.answer_goes_on(body)

    def answer_ends(self, trailers: Headers) -> None:
        """The answer is whole."""
        self._inner = None
        if self._looked_at is not None:
            head, body = self._taken()
            if has_ended(self._owner.recipe.ended, Reply(head.status, head.headers, body), self._target):
                self._again(complete=True)
                return
            self._hand_over(head, body, complete=False)
        if self._waiting is not None:
            self._waiting.append(lambda: self.answer_ends(trailers))
            return
        holder = self._holder
        self._over()
        if holder is not None:
            holder.answer_ends(trailers)

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        """The application opens a tunnel."""
        if self._holder is not None:
            self._holder.upgraded(headers, rest)

    def tunnel_data(self, data: bytes) -> None:
        """Pass the application's bytes on."""
        if self._holder is not None:
            self._holder.tunnel_data(data)

    def tunnel_ends(self) -> None:
        """The application says nothing more in the tunnel."""
        if self._holder is not None:
            self._holder.tunnel_ends()

    def pause_upload(self) -> None:
        """The application does not keep up."""
        if self._holder is not None:
            self._holder.pause_upload()

    def resume_upload(self) -> None:
        """The application has caught up."""
        if self._holder is not None:
            self._holder.resume_upload()
