"""The way at which the gateway signs in, between a request of the byte path and an application without a socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from gateway.accounts.accounts import Account, Evidence
from gateway.accounts.asyncio_signed_in import SignedInUpstreams
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.recipe import LARGEST_LOOK
from gateway.errors import GatewayError, StoreUnavailableError, UpstreamUnreachableError
from gateway.headers.telling import ACCOUNT_FIELD
from gateway.request.inbound import Inbound
from gateway.session.memory_store import MemoryStore
from gateway.session.session import MOST_BOUND, Found, NoTicket, SessionState
from gateway.session.ticket import Ticket
from gateway.settings.settings import EndedSettings, RecipeSettings
from gateway.upstream.upstream import AnswerHead, Exchanger, Headers
from tests import builders
from tests.accounts.old_application import RECIPE, Clock, OldApplication, linking
from tests.builders import NOON

ROUTE = builders.route(app=builders.app(application_cookies=("OLDSID",)))
TICKET = "T" * 43
HANAKO = builders.session()


def refused(request_id: str) -> tuple[Headers, bytes]:
    return ((b"Content-Type", b"application/problem+json"),), f"account_required {request_id}".encode()


@dataclass
class Browser:
    """One request of the byte path, and its answer."""

    inbound: Inbound
    session: SessionState
    ticket: Ticket | None
    answer: asyncio.Future[tuple[AnswerHead, bytes]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    head: AnswerHead | None = None
    body: bytes = b""
    paused: list[bool] = field(default_factory=list)
    ready: list[Exchanger] = field(default_factory=list)

    def __hash__(self) -> int:
        return id(self)

    @property
    def over(self) -> bool:
        return self.answer.done()

    def upstream_ready(self, connection: Exchanger) -> None:
        self.ready.append(connection)

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        assert not unheard, "the byte path must not send it again"
        self.answer.set_exception(error)

    def interim_answer(self, status: int, headers: Headers) -> None:
        raise AssertionError((status, headers))

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        self.head = head
        self.answer_goes_on(body)
        if complete:
            self.answer_ends(())

    def answer_goes_on(self, body: bytes) -> None:
        self.body += body

    def answer_ends(self, trailers: Headers) -> None:
        assert not trailers
        assert self.head is not None
        self.answer.set_result((self.head, self.body))

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        raise AssertionError((headers, rest))

    def tunnel_data(self, data: bytes) -> None:
        raise AssertionError(data)

    def tunnel_ends(self) -> None:
        raise AssertionError

    def pause_upload(self) -> None:
        self.paused.append(True)

    def resume_upload(self) -> None:
        self.paused.append(False)


@dataclass
class Street:
    """The way, with all that stands behind it, and one person's browser before it."""

    old: OldApplication = field(default_factory=OldApplication)
    accounts: MemoryAccounts = field(default_factory=MemoryAccounts)
    sessions: MemoryStore = field(default_factory=lambda: MemoryStore(idle=1_800, clock=Clock(), monotonic=lambda: 0.0))
    recipe: RecipeSettings = RECIPE
    way: SignedInUpstreams = field(init=False)
    cookies: dict[str, str] = field(default_factory=dict)
    found: Found = field(default_factory=lambda: Found(HANAKO))

    async def begin(self) -> None:
        """Sign her in, and link her account with its password."""
        known = linking(self.old, store=self.accounts, sessions=self.sessions)
        self.way = SignedInUpstreams(self.old, lambda: ROUTE, known, self.recipe, "/.sekisho/", refused)
        await self.sessions.create(TICKET, HANAKO)
        await known.link(ROUTE, builders.inbound(), HANAKO, TICKET, "yamada", "old-Canary-1")
        self.old.asked.clear()

    def asked(
        self,
        target: str = "/mine",
        *,
        account: str | None = "yamada",
        signed_in: bool = True,
        more: tuple[tuple[str, str], ...] = (),
    ) -> tuple[Browser, bytes]:
        """Return a request of hers, and its head as the byte path makes it."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        state: SessionState = self.found if signed_in else NoTicket()
        inbound = builders.inbound(target, *more, *([("Cookie", cookie)] if cookie else []))
        browser = Browser(inbound, state, TICKET if signed_in else None)
        lines = [f"GET {target} HTTP/1.1", "Host: app.gw.test"]
        if cookie:
            lines.append(f"Cookie: {cookie}")
        if account is not None:
            lines.append(f"{ACCOUNT_FIELD.decode()}: {account.encode().hex()}")
        return browser, ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def get(self, target: str = "/mine", **how: object) -> tuple[AnswerHead, bytes]:
        """Open a page; the browser keeps the cookies."""
        browser, head = self.asked(target, **how)  # type: ignore[arg-type]
        self._take(browser).send(browser, head, is_head=False, uploading=False)
        return await self._answer(browser)

    async def post(self, body: bytes, target: str = "/note", parts: int = 1) -> tuple[AnswerHead, bytes]:
        """Send a form, in parts."""
        browser, head = self.asked(target)
        head = head.replace(b"GET ", b"POST ").replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body))
        taken = self._take(browser)
        taken.send(browser, head, is_head=False, uploading=True)
        size = -(-len(body) // parts)
        for start in range(0, len(body), size):
            taken.send_body(browser, body[start : start + size])
            await asyncio.sleep(0)
        taken.upload_done(browser)
        return await self._answer(browser)

    def _take(self, browser: Browser) -> Exchanger:
        taken = self.way.take(browser, repeatable=True)
        assert taken is not None
        return taken

    async def _answer(self, browser: Browser) -> tuple[AnswerHead, bytes]:
        async with asyncio.timeout(20):
            head, body = await browser.answer
        for name, line in head.headers:
            if name == b"Set-Cookie":
                cookie, _, value = line.partition(b";")[0].decode().partition("=")
                if b"Max-Age=0" in line:
                    self.cookies.pop(cookie, None)
                else:
                    self.cookies[cookie] = value
        return head, body


@pytest.fixture(name="street")
async def street_fixture() -> Street:
    """Her account is linked, and nothing is signed in at the application."""
    street = Street()
    await street.begin()
    return street


async def test_the_gateway_signs_in_once_for_a_session(street: Street) -> None:
    """The browser gets the application's cookies, and the next page needs no login. Our own field stays here."""
    assert (await street.get())[1] == b"GET by yamada: "
    assert (await street.get("/other"))[1] == b"GET by yamada: "

    assert street.old.logins() == 1
    assert not [each for each in street.old.asked if "sekisho-account" in each.headers]
    assert street.old.asked[-1].headers["cookie"] in ("PRE=p1; OLDSID=s2", "OLDSID=s2; PRE=p1")


async def test_many_requests_at_once_make_one_login(street: Street) -> None:
    """A page with twenty pictures does not lock the account."""
    answers = await asyncio.gather(*(street.get(f"/{number}") for number in range(20)))

    assert {body for _, body in answers} == {b"GET by yamada: "}
    assert street.old.logins() == 1


async def test_a_form_is_sent_again_when_the_applications_session_has_ended(street: Street) -> None:
    """In any number of parts; the application gets it once with a session."""
    await street.get()
    for parts in (1, 3):
        street.old.end_sessions()
        head, body = await street.post(b"note=still-here", parts=parts)
        assert (head.status, body) == (200, b"POST by yamada: note=still-here")

    sent = [each for each in street.old.asked if each.target == "/note"]
    assert [each.body for each in sent] == [b"note=still-here"] * 4


FORM_ITSELF = (200, ((b"Content-Type", b"text/html"),), b'<h1>Login</h1><form><input name="id"><input name="pw">')


@pytest.fixture(name="inline")
async def inline_fixture() -> Street:
    """The application shows its login form in the place of each page, with 200."""
    recipe = replace(RECIPE, ended=EndedSettings(text_present='name="pw"'))
    street = Street(OldApplication(over=FORM_ITSELF), recipe=recipe)
    await street.begin()
    return street


@pytest.mark.parametrize("cut", [b"", b" " * 2 * LARGEST_LOOK])
async def test_a_form_is_sent_again_where_the_login_form_stands_in_the_place_of_the_page(
    inline: Street, cut: bytes
) -> None:
    """However long that page is; the person sees nothing of it."""
    inline.old.over = (*FORM_ITSELF[:2], FORM_ITSELF[2] + cut)
    await inline.get()
    inline.old.end_sessions()

    head, body = await inline.post(b"note=still-here", parts=2)

    assert (head.status, body) == (200, b"POST by yamada: note=still-here")
    assert inline.old.logins() == 2


@pytest.mark.parametrize("target", ["/short", "/long", "/later", "/empty", "/data", "/cookie"])
async def test_a_page_without_the_text_comes_as_it_is(inline: Street, target: str) -> None:
    """Long or short, and with its cookies; a text far behind, or in data, is no sign."""
    html, said = FORM_ITSELF[1], b'name="pw"'
    inline.old.pages = {
        "/short": (200, html, b"hello"),
        "/long": (200, html, b"hello" * LARGEST_LOOK),
        "/later": (200, html, b" " * 2 * LARGEST_LOOK + said),
        "/empty": (204, html, b""),
        "/data": (200, ((b"Content-Type", b"application/json"),), said),
        "/cookie": (200, (*html, (b"Set-Cookie", b"MORE=1; Path=/")), b"hello"),
    }
    for _ in range(2):
        head, body = await inline.get(target)
        status, _, wanted = inline.old.pages[target]
        assert (head.status, body) == (status, wanted)
    assert inline.old.logins() == 1
    assert inline.cookies.get("MORE") == ("1" if target == "/cookie" else None)


async def test_a_text_that_every_page_has_leads_to_one_login_and_not_to_a_loop(inline: Street) -> None:
    """The recipe is wrong then, and the person gets the page of the new session."""
    inline.old.pages["/always"] = FORM_ITSELF
    await inline.get()

    assert (await inline.get("/always"))[1] == FORM_ITSELF[2]
    assert inline.old.logins() == 2


@pytest.mark.parametrize("planted", ["s1", "s99", ""])
async def test_a_cookie_that_this_session_did_not_get_is_removed(street: Street, planted: str) -> None:
    """A stolen or planted one reaches no application; another login takes its place."""
    street.old.sessions["s99"] = "club"
    street.cookies["OLDSID"] = planted

    _, body = await street.get()

    assert body == b"GET by yamada: "
    assert street.cookies["OLDSID"] not in ("s1", "s99", "")
    assert not [each for each in street.old.asked if "s99" in each.headers.get("cookie", "")]


async def test_nobodys_cookie_opens_a_session_of_the_applications(street: Street) -> None:
    """A person who is not signed in is nobody there, and the browser forgets the cookie."""
    await street.get()

    head, body = await street.get("/open", account=None, signed_in=False)

    assert body == b"open, nobody"
    assert any(line.startswith(b"OLDSID=;") for name, line in head.headers if name == b"Set-Cookie")


async def test_a_page_for_everybody_knows_whose_link_has_ended(street: Street) -> None:
    """It asks for the account itself, and no longer believes what it has read than the other pages."""
    await street.get()
    assert (await street.get("/open", account=None))[1] == b"open, yamada"
    cookie = dict(street.cookies)
    acting = (street.found.accounts or {})[ROUTE.name]
    await street.accounts.unlink(ROUTE.name, "yamada", street.way.linking.marks(ROUTE, HANAKO))

    assert (await street.get("/open", account=None))[1] == b"open, yamada", "known for five seconds"
    street.found.accounts = {ROUTE.name: replace(acting, valid_from=NOON - 10, valid_until=NOON)}
    assert (await street.get("/open", account=None))[1] == b"open, nobody"
    assert "OLDSID" not in street.cookies
    street.cookies = cookie
    assert (await street.get("/open", account=None))[1] == b"open, nobody"


async def test_a_page_for_everybody_opens_without_the_store_of_accounts(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She is nobody there meanwhile, and keeps her cookie."""

    async def away(*_: object) -> tuple[()]:
        raise StoreUnavailableError

    await street.get()
    monkeypatch.setattr(street.accounts, "find", away)

    assert (await street.get("/open", account=None))[1] == b"open, nobody"
    assert "OLDSID" in street.cookies


async def test_a_login_past_the_card_in_the_same_session_leads_nowhere(street: Street) -> None:
    """An application that gives no new cookie at a login has made the old one another account's."""
    street.way = SignedInUpstreams(
        street.old, lambda: ROUTE, street.way.linking, replace(RECIPE, account_cookie="OLDNAME"), "/.sekisho/", refused
    )
    await street.get()
    street.old.sessions[street.cookies["OLDSID"]] = "suzuki"
    street.old.more_cookies = (b"OLDNAME=suzuki; Path=/",)

    await street.get("/extension")

    street.old.more_cookies = ()
    assert (await street.get())[1] == b"GET by yamada: "
    assert "OLDNAME" not in street.cookies


async def test_a_cookie_that_a_page_sets_counts_from_then_on(street: Street) -> None:
    """In this session and for this account."""
    street.old.more_cookies = (b"BASKET=b1; Path=/",)
    await street.get()
    street.old.more_cookies = ()
    await street.get()

    assert "BASKET=b1" in street.old.asked[-1].headers["cookie"]
    street.cookies["BASKET"] = "b2"
    await street.get()
    assert "BASKET" not in street.old.asked[-1].headers["cookie"]


async def test_a_cookie_that_is_in_use_outlives_those_of_each_answer(street: Street) -> None:
    """An application sets another cookie with each answer, and that of its session once: nobody signs in again."""
    await street.get()
    for number in range(MOST_BOUND + 5):
        street.old.more_cookies = (b"FLASH=f%d; Path=/" % number,)
        await street.get()

    assert street.old.logins() == 1
    assert f"FLASH=f{number - 1}" in street.old.asked[-1].headers["cookie"]


async def test_a_person_whose_password_is_no_longer_good_is_led_to_our_page(street: Street) -> None:
    """Once; the request does not reach the application without a session."""
    street.old.passwords["yamada"] = "another"

    head, body = await street.get()

    assert (head.status, body) == (303, b"")
    assert (b"Location", b"/.sekisho/account?app=booking&again=yes&rd=%2Fmine") in head.headers
    assert not [each for each in street.old.asked if each.target == "/mine"]


@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin", "websocket"])
async def test_a_script_hears_of_a_password_that_is_no_longer_good(street: Street, mode: str) -> None:
    """It would follow a redirect, and take our page of 200 for its own good answer: its form was saved, then."""
    street.old.passwords["yamada"] = "another"

    head, body = await street.get(more=(("Sec-Fetch-Mode", mode),))

    assert (head.status, body.partition(b" ")[0]) == (403, b"account_required")
    assert not [name for name, _ in head.headers if name == b"Location"]
    assert not [each for each in street.old.asked if each.target == "/mine"]


async def test_an_application_that_is_away_is_an_error_of_its_own(street: Street) -> None:
    """The byte path hears of it, and never that it may send the request again."""
    street.old.fails_unheard = True

    with pytest.raises(UpstreamUnreachableError):
        await street.get()


async def test_a_store_that_is_away_lets_nobody_pass(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be said which cookies count."""

    async def away(*_: object) -> frozenset[str]:
        raise StoreUnavailableError

    await street.get()
    monkeypatch.setattr(street.sessions, "bound", away)

    with pytest.raises(StoreUnavailableError):
        await street.get()


async def test_a_request_that_its_client_gives_up_ends(street: Street) -> None:
    """Before the login and after it; nothing answers a client that is gone."""
    browser, head = street.asked()
    taken = street.way.take(browser, repeatable=True)
    assert taken is not None
    street.way.leave(browser)
    browser, head = street.asked()
    taken = street.way.take(browser, repeatable=True)
    assert taken is not None
    taken.send(browser, head, is_head=False, uploading=False)
    taken.abandon(browser)
    for _ in range(20):
        await asyncio.sleep(0)

    assert not browser.answer.done()
    assert not [each for each in street.old.asked if each.target == "/mine"]


async def test_only_its_holder_uses_a_connection(street: Street) -> None:
    """Another request's head must not vanish on it."""
    browser, head = street.asked()
    stranger, _ = street.asked()
    taken = street.way.take(browser, repeatable=True)
    assert taken is not None

    with pytest.raises(RuntimeError):
        taken.send(stranger, head, is_head=False, uploading=False)


async def test_a_request_may_be_taken_anew(street: Street) -> None:
    """The receiver is told soon, as of a connection that had to be made."""
    browser, head = street.asked()
    street.way.take_fresh(browser)
    await asyncio.sleep(0)

    (taken,) = browser.ready
    taken.send(browser, head, is_head=False, uploading=False)
    async with asyncio.timeout(20):
        assert (await browser.answer)[1] == b"GET by yamada: "


async def test_an_account_of_the_office_without_a_password_is_asked_for(street: Street) -> None:
    """No login is tried with nothing."""
    marks = street.way.linking.marks(ROUTE, HANAKO)
    await street.accounts.link(Account("booking", "club"), marks, Evidence.COUNTER, builders.NOON)

    head, _ = await street.get(account="club")

    assert head.status == 303
    assert street.old.logins() == 0
