"""Asks an application in the gateway's own name: its login page, its login, and its logout.

Each request goes out on a connection to the App's own upstream, as people's requests do: with the same TLS, the same
Host, the same forwarding fields. A redirect of the application is read and never followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

import msgspec

from gateway.accounts.application_cookies import Jar
from gateway.accounts.recipe import (
    LARGEST_PAGE,
    Form,
    Page,
    RecipeFault,
    Reply,
    filled,
    has_ended,
    is_no_answer,
    link_with,
    named_accounts,
    plain_body,
    read_page,
    succeeded,
)
from gateway.accounts.set_cookie import set_cookies
from gateway.errors import GatewayError, UpstreamProtocolError, UpstreamTimeoutError
from gateway.headers.strip import outbound
from gateway.instant import Instant
from gateway.request.inbound import Framing, Inbound
from gateway.request.target import Target
from gateway.route.route import Route
from gateway.settings.recipes import path_of
from gateway.settings.settings import LogoutSettings, RecipeSettings
from gateway.upstream.upstream import AnswerHead, Exchanger, Headers, Upstreams

ASK_SECONDS = 15.0
"""Seconds for one request to the application."""

_READ_AT_ONCE = 16 * 1024
"""Bytes of a page that are read between two events. A longer one may take seconds, and a thread reads it."""

_PASSED_ON = frozenset({b"user-agent", b"accept-language"})
"""Fields of the person's browser that the application sees: some bind a session to them."""


@dataclass(frozen=True, slots=True)
class LoginForm:
    """The application's login form, ready to be filled in."""

    page: Page
    form: Form
    jar: Jar
    set_cookies: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SignedInThere:
    """A login that the application has accepted."""

    jar: Jar
    set_cookies: tuple[bytes, ...]
    """The lines by which it set its cookies, in their order."""
    account: str | None
    """The account's own name, where the application says it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The application did not accept the login."""


LoginResult = SignedInThere | Refused | RecipeFault


@dataclass(frozen=True, slots=True)
class NotAsked:
    """The application was not asked to change a password, which is as before."""

    fault: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """The form of a new password, ready to be filled in."""

    page: Page
    form: Form
    jar: Jar
    longest: int
    """Signs that it takes, as far as the page says."""


class Application:
    """One App's application, as the gateway itself asks it."""

    def __init__(
        self, upstreams: Callable[[], Upstreams], recipe: RecipeSettings, clock: Callable[[], Instant]
    ) -> None:
        """`upstreams` returns the App's connections now; the recipe is whole."""
        self._upstreams = upstreams
        self.recipe = recipe
        self._clock = clock

    async def sign_in(self, route: Route, person: Inbound, account: str, password: str) -> LoginResult:
        """Sign in with a new session; `person` is the request of the browser on whose account it happens.

        Raises:
            GatewayError: the application did not answer.

        """
        form = await self.login_form(route, person)
        return form if isinstance(form, RecipeFault) else await self.log_in(route, person, form, account, password)

    async def login_form(self, route: Route, person: Inbound) -> LoginForm | RecipeFault:
        """Fetch the login form. The application has not heard of any account yet.

        Raises:
            GatewayError: the application did not answer.

        """
        recipe = self.recipe
        page = await self._ask(route, person, "GET", recipe.page, Jar())
        if page.status != HTTPStatus.OK:
            return RecipeFault.NO_PAGE
        jar = Jar().after(page.headers, recipe.page, self._clock())
        read = await _read(page)
        form = read.form_with((recipe.user, recipe.password))
        if form is None:
            return RecipeFault.NO_FORM
        return LoginForm(read, form, jar, tuple(line for _, line in set_cookies(page.headers)))

    async def log_in(
        self, route: Route, person: Inbound, login: LoginForm, account: str, password: str
    ) -> SignedInThere | Refused:
        """Send the login form.

        Raises:
            GatewayError: the application did not answer, or failed over it, and may have counted the login or not.

        """
        recipe = self.recipe
        values = {recipe.user: account, recipe.password: password, **recipe.fields}
        body = filled(login.form, values, login.page.codec)
        if body is None:
            return Refused()
        answer = await self._ask(route, person, "POST", recipe.post, login.jar, body, referer=recipe.page)
        texts = recipe.success.text_present or recipe.success.text_absent
        read = await _read(answer) if texts and answer.body else None
        if not succeeded(recipe.success, answer, read, recipe.post, self._clock()):
            if is_no_answer(answer):
                raise UpstreamProtocolError(f"the application answered {answer.status} to a login")
            return Refused()
        lines = (*login.set_cookies, *(line for _, line in set_cookies(answer.headers)))
        jar = login.jar.after(answer.headers, recipe.post, self._clock())
        return SignedInThere(jar, lines, self._account_of(answer))

    async def is_alive(self, route: Route, person: Inbound, cookies: bytes) -> bool:
        """Ask a page that needs a login whether these cookies open it still.

        Raises:
            GatewayError: the application did not answer.

        """
        recipe = self.recipe
        reply = await self._ask(route, person, "GET", recipe.alive, cookies)
        return not has_ended(recipe.ended, reply, recipe.alive)

    async def prepare_change(self, route: Route, person: Inbound, jar: Jar) -> Prepared | NotAsked:
        """Fetch the form of a new password in a session there."""
        change = self.recipe.change
        try:
            reply = await self._ask(route, person, "GET", change.page, jar)
        except GatewayError as error:
            return NotAsked(error.code)
        if reply.status != HTTPStatus.OK:
            return NotAsked(RecipeFault.NO_PAGE)
        read = await _read(reply)
        form = read.form_with((change.old, change.new, change.repeat))
        if form is None:
            return NotAsked(RecipeFault.NO_FORM)
        longest = min(form.longest.get(name, change.length) for name in (change.new, change.repeat or change.new))
        return Prepared(read, form, jar.after(reply.headers, change.page, self._clock()), longest)

    async def change_password(
        self, route: Route, person: Inbound, prepared: Prepared, old: str, new: str
    ) -> Jar | None:
        """Send the form of a new password; only a login says what came of it. `None`: the form cannot say them.

        Raises:
            GatewayError: the application did not answer, and may have changed the password or not.

        """
        change = self.recipe.change
        values = {change.new: new, **change.fields}
        if change.repeat:
            values[change.repeat] = new
        if change.old:
            values[change.old] = old
        body = filled(prepared.form, values, prepared.page.codec)
        if body is None:
            return None
        answer = await self._ask(route, person, "POST", change.post, prepared.jar, body, referer=change.page)
        return prepared.jar.after(answer.headers, change.post, self._clock())

    def _account_of(self, answer: Reply) -> str | None:
        """Return the account's own name from the cookie that begins with it."""
        recipe = self.recipe
        return next(iter(named_accounts(recipe.account_cookie, answer.headers, recipe.post, self._clock())), None)

    async def sign_out(self, route: Route, person: Inbound, cookies: bytes) -> None:
        """End a session there, as the recipe says.

        Raises:
            GatewayError: the application did not answer.

        """
        logout = self.recipe.logout
        if not logout.page or not cookies:
            return
        page = await self._ask(route, person, "GET", logout.page, cookies)
        if logout.submit or logout.link:
            await self._confirm(logout, route, person, page, cookies)

    async def _confirm(
        self, logout: LogoutSettings, route: Route, person: Inbound, page: Reply, cookies: bytes
    ) -> None:
        read = self._with_public_addresses(await _read(page))
        if logout.link:
            target = link_with(read, logout.link, logout.page, route.origin)
            if target is not None and path_of(target) == path_of(logout.page):
                await self._ask(route, person, "GET", target, cookies)
            return
        for form in read.forms:
            body = filled(form, {}, read.codec) if form.posts else None
            if form.action_path(logout.page, route.origin) == path_of(logout.page) and body is not None:
                await self._ask(route, person, "POST", logout.page, cookies, body, referer=logout.page)
                return

    def _with_public_addresses(self, page: Page) -> Page:
        """Return a page whose links and forms lead to public paths, as its `Location` would."""
        rewrite = self._upstreams().rewrite
        if rewrite is None:
            return page

        def public(address: str) -> str:
            ((_, value),) = rewrite.answer(((b"Location", address.encode("utf-8", "replace")),))
            return value.decode("utf-8", "replace")

        forms = tuple(replace(form, action=public(form.action)) for form in page.forms)
        return replace(page, forms=forms, links=tuple(public(link) for link in page.links))

    async def _ask(
        self,
        route: Route,
        person: Inbound,
        method: str,
        target: str,
        cookies: Jar | bytes,
        body: bytes | None = None,
        *,
        referer: str = "",
    ) -> Reply:
        """Ask once, and return the whole answer.

        Raises:
            GatewayError: there is none, it is too long, or it took too long.

        """
        headers = [(name, value) for name, value in person.headers if name.lower() in _PASSED_ON]
        headers += [(b"Accept", b"text/html,*/*;q=0.5"), (b"Accept-Encoding", b"identity")]
        if body is not None:
            headers += [
                (b"Content-Type", b"application/x-www-form-urlencoded"),
                (b"Origin", route.origin.encode()),
                (b"Referer", f"{route.origin}{referer}".encode()),
            ]
        raw_path, mark, query = target.encode("ascii").partition(b"?")
        field = cookies if isinstance(cookies, bytes) else cookies.field_for(target)
        inbound = msgspec.structs.replace(
            person,
            method=method,
            target=Target(raw_path.decode("ascii"), raw_path, query if mark else None),
            headers=tuple(headers),
            cookie=field,
            framing=Framing.EMPTY if body is None else Framing.COUNTED,
            length=len(body or b""),
            websocket=False,
            section_cache=None,
            overrides=(),
            worker_script=False,
            references=False,
        )
        upstreams = self._upstreams()
        head, _ = outbound(inbound, route, b"Content-Length: %d\r\n" % len(body) if body is not None else b"")
        # Nobody else's request follows on this connection.
        head += b"Connection: close\r\n\r\n"
        if upstreams.rewrite is not None:
            head = upstreams.rewrite.outbound(head)
        asking = _Asking(head, body or b"")
        # A kept connection may be dead, and a login is not sent twice.
        upstreams.take_fresh(asking)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                reply = await asking.reply
        except TimeoutError as error:
            raise UpstreamTimeoutError("the application took too long over a login") from error
        finally:
            asking.end(upstreams)
        if upstreams.rewrite is not None:
            return Reply(reply.status, upstreams.rewrite.answer(reply.headers), reply.body)
        return reply


async def _read(reply: Reply) -> Page:
    """Read a page.

    Raises:
        UpstreamProtocolError: it is too long, or in a content coding that nobody asked for.

    """
    body = plain_body(reply)
    if body is None:
        raise UpstreamProtocolError("the application's page is in a content coding that is not read, or too long")
    if len(body) <= _READ_AT_ONCE:
        return read_page(body, reply.headers)
    return await asyncio.to_thread(read_page, body, reply.headers)


class _Asking:
    """Receives the answer to one request of ours, as far as `LARGEST_PAGE`."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self._request = head + body
        self._has_body = bool(body)
        self._connection: Exchanger | None = None
        self._waits = True
        """Whether it has a place in the queue for a connection."""
        self._head: AnswerHead | None = None
        self._body = bytearray()
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    @property
    def over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.reply.done()

    def end(self, upstreams: Upstreams) -> None:
        """Give the connection back, or the place in the queue."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon(self)
        elif self._waits:
            # Not told by the reply: a timeout has cancelled that already.
            self._waits = False
            upstreams.leave(self)
        self.reply.cancel()

    def upstream_ready(self, connection: Exchanger) -> None:
        """Send the request."""
        self._waits = False
        if self.over:
            connection.abandon(self)
            return
        self._connection = connection
        connection.send(self, self._request, is_head=False, uploading=False, with_body=self._has_body)

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        """There is no answer."""
        del unheard
        self._connection = None
        self._waits = False
        if not self.reply.done():
            self.reply.set_exception(error)

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Wait for the final answer."""

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Take the head."""
        self._head = head
        self.answer_goes_on(body)
        if complete:
            self.answer_ends(())

    def answer_goes_on(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body += body
        if len(self._body) > LARGEST_PAGE and not self.reply.done():
            self.reply.set_exception(UpstreamProtocolError("the application's login page is too long"))

    def answer_ends(self, trailers: Headers) -> None:
        """Hand the answer over."""
        del trailers
        self._connection = None
        if self._head is not None and not self.reply.done():
            self.reply.set_result(Reply(self._head.status, self._head.headers, bytes(self._body)))

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        """Nobody asked for a tunnel."""
        del headers, rest
        if not self.reply.done():
            self.reply.set_exception(UpstreamProtocolError("the application opened a tunnel unasked"))

    def tunnel_data(self, data: bytes) -> None:
        """There is no tunnel."""

    def tunnel_ends(self) -> None:
        """There is no tunnel."""

    def pause_upload(self) -> None:
        """The request is sent whole."""

    def resume_upload(self) -> None:
        """The request is sent whole."""
