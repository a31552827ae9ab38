"""The pages of linked accounts, on an application without a socket."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse
from pytest_aiohttp.plugin import AiohttpClient

from gateway.accounts.accounts import Account, Evidence
from gateway.accounts.application_cookies import cookie_key, hashes_of
from gateway.accounts.asyncio_linking import Linking
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.audit.entry import Action, Outcome
from gateway.errors import StoreUnavailableError
from gateway.identity import AccountKind, Role
from gateway.pipeline.urls import UNLINK
from gateway.pipeline.visit import AccountAsk, AccountPage
from gateway.portal.aiohttp_accounts import ATTEMPTS_PER_ADDRESS, ENDS_PER_ADDRESS
from gateway.portal.once import word_of
from gateway.session.memory_store import MemoryStore
from gateway.session.session import Found
from gateway.session.ticket import Ticket
from tests import builders
from tests.accounts.old_application import Clock, OldApplication, linking
from tests.audit.trails import KeptTrail
from tests.portal.conftest import PREFIX, House, make_house, settings

TICKET = "T" * 43
NAVIGATING = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
FIELDS = re.compile(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">')


@dataclass
class Desk:
    """A portal with accounts, and a browser whose person is signed in."""

    house: House
    old: OldApplication
    linking: Linking
    accounts: MemoryAccounts
    sessions: MemoryStore
    trail: KeptTrail
    ticket: Ticket = TICKET
    cookies: str = ""

    @property
    def found(self) -> Found:
        """Her session."""
        return Found(builders.session())

    def headers(self, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        """Return what her browser sends."""
        cookie = "; ".join(filter(None, (f"__Host-sekisho={self.ticket}", self.cookies)))
        return (("Cookie", cookie), *NAVIGATING, *more)

    async def get(self, path: str, **changes: Any) -> str:
        """Open a page of ours."""
        page, _, query = path.partition("?")
        answer = await self.house.get(page, *self.headers(), session=self.found, query=query or None, **changes)
        return await answer.text()

    async def press(self, path: str, form: dict[str, str], site: str = "same-origin") -> ClientResponse:
        """Press a button of a page; the browser keeps the new cookie."""
        answer = await self.house.post(path, form, *self.headers(("Sec-Fetch-Site", site)), session=self.found)
        for line in answer.headers.getall("Set-Cookie", []):
            if line.startswith("__Host-sekisho="):
                self.ticket = line.partition("=")[2].partition(";")[0].rpartition(".")[2]
        return answer

    async def link(self, user: str, password: str, **more: str) -> ClientResponse:
        """Fill in the form."""
        form = {"app": "booking", "rd": "/mine", "action": "link", "user": user, "password": password, **more}
        return await self.press("account", form)

    async def given(self, name: str, kind: AccountKind = AccountKind.PERSON, role: Role = Role.MEMBER) -> None:
        """Have the office link an account to her."""
        account = Account("booking", name, kind, "テニス部" if kind is AccountKind.GROUP else "")
        marks = self.linking.marks(self.house.route, self.found.session)
        await self.accounts.link(account, marks, Evidence.IMPORT, builders.NOON - 86_400, role)

    async def choices(self) -> dict[str, str]:
        """Return the words of the accounts that she may choose, by the names on the page."""
        asked = await self.get("account?app=booking")
        found = re.findall(r'value="(\w+)" required>\s*<span><bdi[^>]*>([^<]*)', asked)
        return {name: word for word, name in found}

    async def mine(self) -> str:
        """Return her own page."""
        token = dict(FIELDS.findall(await self.get("me")))["token"]
        return await (await self.press("me", {"token": token})).text()

    async def ends(self) -> list[str]:
        """Return the addresses that her own page has for the ends of links."""
        return [unescape(each) for each in re.findall(rf'href="{PREFIX}(unlink\?[^"]*)"', await self.mine())]

    def told(self) -> list[tuple[str, str, Outcome]]:
        """Return what the trail has of accounts."""
        return [(e.verdict, e.object, e.outcome) for e in self.trail.entries if e.action is Action.ACCOUNT]


@pytest.fixture(name="desk")
async def desk_fixture(aiohttp_client: AiohttpClient, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A portal for the booking App, whose application has two accounts."""
    clock, old, accounts, trail = Clock(), OldApplication(), MemoryAccounts(), KeptTrail()
    sessions = MemoryStore(idle=1_800, clock=clock, monotonic=lambda: 0.0)
    known = linking(old, store=accounts, sessions=sessions, clock=clock)
    pause = asyncio.sleep

    async def passes(seconds: float) -> None:
        clock.now += seconds
        await pause(0)

    monkeypatch.setattr("gateway.accounts.asyncio_linking.asyncio.sleep", passes)
    route = builders.route(app=settings(application_cookies=("OLDSID",)))
    house = await make_house(aiohttp_client, route, accounts=known, trail=trail)
    await sessions.create(TICKET, builders.session())
    return Desk(house, old, known, accounts, sessions, trail)


async def test_a_proved_account_is_linked_and_leads_on_with_another_ticket(desk: Desk) -> None:
    """She goes on to the page that she wanted; the ticket of before is nobody's."""
    answer = await desk.link("yamada", "old-Canary-1")

    assert (answer.status, answer.headers["Location"]) == (303, "/mine")
    assert desk.ticket != TICKET
    assert await desk.sessions.find(TICKET) is None
    assert await desk.sessions.find(desk.ticket) is not None
    assert desk.told() == [("linked", "yamada", Outcome.DONE)]
    assert desk.old.sessions == {}, "the session that proved the account has ended"


@pytest.mark.parametrize(
    ("user", "password", "said"),
    [("yamada", "guess", "確認できませんでした"), ("nobody", "guess", "確認できませんでした"), ("", "", "確認")],
)
async def test_a_login_that_fails_says_no_more_than_that(desk: Desk, user: str, password: str, said: str) -> None:
    """The same sentence for every cause, and nothing that was typed on the page."""
    answer = await desk.link(user, password)
    text = await answer.text()

    assert answer.status == 200
    assert said in text
    assert password == "" or password not in text
    assert desk.told()[0][0] == "wrong"


async def test_each_end_has_its_sentence(desk: Desk) -> None:
    """Somebody else has the account, and the application is away."""
    other = desk.linking.marks(desk.house.route, builders.session(builders.identity("jiro")))
    await desk.accounts.link(Account("booking", "yamada"), other, Evidence.PROOF, builders.NOON)

    assert "別の方と連携" in await (await desk.link("yamada", "old-Canary-1")).text()
    desk.old.fails_unheard = True
    assert "応答していません" in await (await desk.link("club", "old-Canary-2")).text()
    assert [each[0] for each in desk.told()] == ["taken", "away"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_another_sites_button_does_nothing(desk: Desk, site: str) -> None:
    """Neither to link nor to choose, decline or end a link."""
    await desk.given("yamada")
    await desk.given("club")
    held = await desk.accounts.find("booking", desk.linking.marks(desk.house.route, desk.found.session))
    end = dict(FIELDS.findall(await desk.get((await desk.ends())[0])))
    forms = [
        ("account", {"app": "booking", "action": "link", "user": "yamada", "password": "old-Canary-1"}),
        ("account", {"app": "booking", "action": "choose", "account": (await desk.choices())["yamada"]}),
        ("account", {"app": "booking", "action": "none"}),
        ("unlink", end),
    ]
    for path, form in forms:
        assert (await desk.press(path, form, site=site)).status == 200

    assert desk.old.asked == []
    assert desk.told() == []
    assert await desk.accounts.find("booking", desk.linking.marks(desk.house.route, desk.found.session)) == held


OLD_BROWSER = (("Accept", "text/html"), ("Content-Type", "application/x-www-form-urlencoded"))


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ((("Origin", "https://app.gw.test"),), 303),
        ((("Origin", "https://evil.example"),), 200),
        ((("Origin", "null"),), 200),
        ((), 200),
        ((("Origin", "https://app.gw.test"), ("X-Requested-With", "XMLHttpRequest")), 200),
        ((("Origin", "https://app.gw.test"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Site", "same-origin")), 200),
        ((("Origin", "https://app.gw.test"), ("Sec-Fetch-Dest", "iframe"), ("Sec-Fetch-Mode", "navigate")), 403),
    ],
)
async def test_a_browser_of_before_2023_links_by_its_origin(
    desk: Desk, more: tuple[tuple[str, str], ...], status: int
) -> None:
    """It sends no Fetch Metadata; our page came back to it without a word. A newer browser cannot pass for one."""
    form = {"app": "booking", "rd": "/mine", "action": "link", "user": "yamada", "password": "old-Canary-1"}
    cookie = ("Cookie", f"__Host-sekisho={desk.ticket}")

    answer = await desk.house.post("account", form, cookie, *OLD_BROWSER, *more, session=desk.found)

    assert answer.status == status
    assert bool(desk.old.asked) == (status == 303)


async def test_a_person_whose_session_ends_meanwhile_reads_that_nobody_is_signed_in(desk: Desk) -> None:
    """The link is taken back, and both are in the trail."""
    sign_in = desk.linking.sign_in

    async def then(*given: Any) -> object:
        login = await sign_in(*given)
        await desk.sessions.delete(TICKET)
        return login

    desk.linking.sign_in = then  # type: ignore[method-assign, assignment]
    answer = await desk.link("yamada", "old-Canary-1")

    assert answer.status == 200
    assert "本人確認が済んでいない" in await answer.text()
    assert desk.told() == [("signed_out", "yamada", Outcome.FAILED)]


async def test_a_flood_of_attempts_is_told_to_wait(desk: Desk) -> None:
    """The application is asked no more."""
    for _ in range(ATTEMPTS_PER_ADDRESS):
        await desk.link("", "")
    answer = await desk.link("yamada", "old-Canary-1")

    assert (answer.status, desk.old.asked) == (429, [])


async def test_a_person_with_several_accounts_chooses_one(desk: Desk) -> None:
    """Each by the name that people know it by; a word that is none chooses nothing."""
    await desk.given("yamada")
    await desk.given("club", AccountKind.GROUP, Role.REPRESENTATIVE)
    asked = await desk.get("account?app=booking")
    assert "テニス部" in asked
    assert "団体（代表者）" in asked

    nothing = await desk.press("account", {"app": "booking", "action": "choose", "account": "7"})
    assert (nothing.status, desk.told()) == (200, [])
    word = (await desk.choices())["テニス部"]
    answer = await desk.press("account", {"app": "booking", "action": "choose", "account": word, "rd": "/mine"})
    assert (answer.status, desk.told()) == (303, [("chosen", "club", Outcome.DONE)])


async def test_a_choice_on_an_old_page_never_chooses_another_account(desk: Desk) -> None:
    """A link ends while the list stands in a second tab: she is told so, and acts for none of the others unasked."""
    names = ("a", "b", "c")
    for name in names:
        await desk.given(name)
    shown = await desk.choices()
    marks = desk.linking.marks(desk.house.route, desk.found.session)
    for gone in names[:2]:
        await desk.accounts.unlink("booking", gone, marks)

        answer = await desk.press("account", {"app": "booking", "action": "choose", "account": shown[gone]})

        text = await answer.text()
        assert (answer.status, "連携が解除されたため" in text) == (200, True)
        assert "確かめてください" in text or gone == "a", "one is left: the page does not speak of several"
    assert desk.told() == []
    await desk.press("account", {"app": "booking", "action": "choose", "account": shown["c"]})
    assert desk.told() == [("chosen", "c", Outcome.DONE)]


async def test_who_has_none_says_so(desk: Desk) -> None:
    """She reads where to get one if the page needs it, and goes on if it only offers."""
    stays = await desk.press("account", {"app": "booking", "action": "none", "required": "yes"})
    goes = await desk.press("account", {"app": "booking", "action": "none", "rd": "/mine"})

    assert "窓口で利用者IDを登録できます" in await stays.text()
    assert (goes.status, goes.headers["Location"]) == (303, "/mine")


async def test_in_the_place_of_a_page_that_needs_an_account_stands_the_question(desk: Desk) -> None:
    """A GET is gone back to; a form is not sent again, and the page says so."""
    wanted = AccountPage("booking/reserve", AccountAsk.LINK, required=True)
    for method, target, unsent in (("GET", "/mine", False), ("POST", "", True)):
        visit = desk.house.visit("/mine", *desk.headers(), purpose=wanted, session=desk.found, method=method)
        answer = await desk.house.send(visit)
        text = await answer.text()
        assert answer.status == 403
        assert f'name="rd" value="{target}"' in text
        assert ("まだ届いていません" in text) is unsent
        # Its tab keeps the form: she answers in another one, and a reload here sends the form again.
        assert ("再送信" in text) is unsent
        assert (text.count('action="/.sekisho/account" target="_blank"') == 2) is unsent


@pytest.mark.parametrize("path", ["account?app=other", "unlink?app=other&link=x", "unlink"])
async def test_an_app_without_accounts_has_no_such_page(desk: Desk, path: str) -> None:
    """404, as for any address that is none."""
    page, _, query = path.partition("?")

    answer = await desk.house.get(page, *desk.headers(), session=desk.found, query=query or None)

    assert answer.status == 404


async def test_her_own_page_lists_each_link(desk: Desk) -> None:
    """Service, name, kind, role and day; a page that no other page can read."""
    assert "連携している利用者IDはありません" in await desk.mine()
    await desk.given("yamada")
    await desk.given("club", AccountKind.GROUP, Role.REPRESENTATIVE)

    text = await desk.mine()

    listed = text.partition("連携している利用者ID</h2>")[2].partition("<h2>")[0]
    for word in ("施設予約", "yamada", "個人", "テニス部", "団体（代表者）", "11月22日"):
        assert word in listed
    assert "club" not in listed, "people know it by its title"
    assert "<form" not in text


async def test_a_link_that_must_be_proved_again_says_so(desk: Desk) -> None:
    """It is listed as well: it is kept, and she may end it."""
    await desk.given("yamada")
    await desk.accounts.ask_again("booking", "yamada", desk.linking.marks(desk.house.route, desk.found.session))

    assert "パスワードの確認が必要" in await desk.mine()
    assert len(await desk.ends()) == 1


async def test_a_store_that_is_away_hides_the_list_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of her own page is shown all the same."""

    async def away(*_: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(desk.accounts, "find", away)
    text = await desk.mine()

    assert "いま表示できません" in text
    assert "連携している利用者IDはありません" not in text
    assert "保持している情報" in text


async def test_a_link_ends_by_the_button_of_its_own_page(desk: Desk) -> None:
    """With the application's session and cookie, an entry of the trail, and a new ticket for every worker."""
    await desk.link("yamada", "old-Canary-1")
    login = await desk.linking.sign_in_as(desk.house.route, builders.inbound(), desk.found.session, "yamada")
    assert login is not None
    await bind(desk, login.set_cookies)
    desk.cookies = "OLDSID=s2"
    assert desk.old.sessions == {"s2": "yamada"}
    (address,) = await desk.ends()
    assert "yamada" not in address
    asked = await desk.get(address)
    assert "連携を解除しますか" in asked
    ticket = desk.ticket

    answer = await desk.press("unlink", dict(FIELDS.findall(asked)))
    text = await answer.text()

    assert "連携を解除しました" in text
    assert any(line.startswith("OLDSID=;") for line in answer.headers.getall("Set-Cookie"))
    assert desk.old.sessions == {}
    assert desk.ticket != ticket
    assert desk.told()[-1] == ("unlinked", "yamada", Outcome.DONE)
    assert await desk.ends() == []
    assert (await desk.accounts.passwords("booking", "yamada")).current is None, "her own password went along"


async def bind(desk: Desk, lines: tuple[bytes, ...]) -> None:
    """Have the cookies of a login count, as the way to the application does."""
    headers = tuple((b"Set-Cookie", line) for line in lines)
    hashes = hashes_of(headers, cookie_key(desk.ticket), "booking", "yamada", "/login.php", builders.NOON)
    await desk.linking.bind(desk.ticket, hashes)


async def test_a_token_ends_one_link_once(desk: Desk) -> None:
    """Neither another link, nor the same one again, nor without a token."""
    await desk.given("yamada")
    await desk.given("club")
    first, second = [dict(FIELDS.findall(await desk.get(each))) for each in await desk.ends()]

    for form in (
        first | {"link": second["link"]},
        first | {"token": ""},
        first | {"token": "1." + "A" * 22 + "." + "0" * 64},
    ):
        answer = await desk.press("unlink", form)
        assert "もう一度ボタンを押してください" in await answer.text()
    assert desk.told() == []

    await desk.press("unlink", first)
    gone = await desk.press("unlink", first)
    assert "すでにありません" in await gone.text()
    assert [each[0] for each in desk.told()] == ["unlinked"]


async def test_a_made_up_word_names_no_link(desk: Desk) -> None:
    """The word of another session names none either."""
    await desk.given("yamada")
    (address,) = await desk.ends()
    desk.ticket = "U" * 43

    assert "すでにありません" in await desk.get(address)
    assert "すでにありません" in await desk.get("unlink?app=booking&link=" + "0" * 32)


async def test_a_browser_that_does_not_say_who_asks_ends_nothing(desk: Desk) -> None:
    """Its page has no button, and says what to do."""
    await desk.given("yamada")
    (address,) = await desk.ends()
    page, _, query = address.partition("?")

    answer = await desk.house.get(page, ("Cookie", f"__Host-sekisho={TICKET}"), session=desk.found, query=query)
    text = await answer.text()

    assert "安全に解除できません" in text
    assert "<form" not in text


async def test_nobody_ends_links_by_the_thousand(desk: Desk) -> None:
    """Each takes a name in the store."""
    await desk.given("yamada")
    address = (await desk.ends())[0]
    for _ in range(ENDS_PER_ADDRESS):
        form = dict(FIELDS.findall(await desk.get(address)))
        assert (await desk.press("unlink", form)).status == 200
        await desk.given("yamada")
        address = address.replace(address.rpartition("=")[2], word_of(desk.ticket, UNLINK, "booking:yamada"))
    form = dict(FIELDS.findall(await desk.get(address)))

    assert (await desk.press("unlink", form)).status == 429


async def test_nobody_is_asked_who_is_not_signed_in(desk: Desk) -> None:
    """Each of these pages says that nobody is."""
    for page, query in (("account", "app=booking"), ("unlink", "app=booking&link=x")):
        answer = await desk.house.get(page, *NAVIGATING, query=query)
        assert "本人確認が済んでいない" in await answer.text()
