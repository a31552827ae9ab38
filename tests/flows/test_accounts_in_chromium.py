"""Old accounts on a telephone, in Japanese and English: the demo's booking system that nobody ever changed."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gateway.demo.courts import ACCOUNTS
from gateway.language import Language
from gateway.portal.messages import message
from tests.flows.chromium import SECONDS
from tests.flows.demo_process import Demo
from tests.flows.test_demo_pages import hold
from tests.pages.test_in_chromium import NARROW, barriers

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

LOCALES = {Language.JA: "ja-JP", Language.EN: "en-GB"}
_, PASSWORD, _ = ACCOUNTS[0]
NUMBERS = count(1)
CARDS = iter((4, 5, 7, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26))
"""Valid cards: each walk has a person of its own."""


@dataclass
class Walk:
    """A telephone whose person has a card, and an old account that nobody has linked."""

    demo: Demo
    context: BrowserContext
    language: Language
    account: str
    card: int
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()

    def say(self, key: str, **values: object) -> str:
        """Return a sentence of our pages in her language."""
        return message(self.language, key, **values)

    def asked(self, page: Page | None = None, path: str = "/book.cgi") -> Page:
        """Open a page that needs an account, up to the question for one."""
        page = page or self.page
        page.goto(f"{self.demo.courts}{path}")
        if not page.url.startswith(self.demo.courts):
            hold(page, self.card)
        self.look(page)
        expect(page.locator("#user")).to_be_visible()
        return page

    def link(self, page: Page | None = None, account: str = "", password: str = PASSWORD) -> None:
        """Fill in the old login, and press the button."""
        page = page or self.page
        page.fill("#user", account or self.account)
        page.fill("#password", password)
        self.press("account.button", page)

    def press(self, key: str, page: Page | None = None, **values: object) -> None:
        """Press a button in the main part of a page, or follow a link that looks like one."""
        words = self.say(key, **values)
        main = (page or self.page).get_by_role("main")
        main.get_by_role("button", name=words).or_(main.get_by_role("link", name=words, exact=True)).first.click()

    def look(self, page: Page | None = None) -> None:
        """Find no barrier on a page of ours, and nothing wider than the smallest telephone."""
        page = page or self.page
        assert barriers(page) == []
        self.fits(page)

    def fits(self, page: Page) -> None:
        """Find nothing wider than the smallest telephone."""
        page.set_viewport_size({"width": NARROW, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        page.set_viewport_size({"width": 390, "height": 800})

    def heading(self, key: str, page: Page | None = None) -> None:
        """Be on the page with this title."""
        expect((page or self.page).locator("h1")).to_have_text(self.say(key))

    def mine(self) -> None:
        """Open her own page, and have it show what is held."""
        self.page.goto(f"{self.demo.courts}/.sekisho/me")
        self.press("me.offer_button")
        expect(self.page.get_by_role("heading", name=self.say("me.links"))).to_be_visible()

    def old(self, what: str, *values: str) -> list[tuple[object, ...]]:
        """Ask the application's own database."""
        with sqlite3.connect(self.demo.settings.with_name("courts.db"), timeout=SECONDS) as connection:
            return connection.execute(what, values).fetchall()

    def counter(self, *arguments: str) -> None:
        """Run a command of the office."""
        command = [sys.executable, "-m", "gateway", "accounts", *arguments, "--reason", "walk"]
        subprocess.run([*command, "--config", str(self.demo.settings)], check=True, capture_output=True)


@pytest.fixture(params=LOCALES, name="walk")
def walk_fixture(request: pytest.FixtureRequest, chromium: Browser, demo: Demo) -> Iterator[Walk]:
    """A new person with a telephone, in one language, and a new old account."""
    language: Language = request.param
    context = chromium.new_context(locale=LOCALES[language], viewport={"width": 390, "height": 800})
    context.set_default_timeout(SECONDS * 1000)
    walk = Walk(demo, context, language, f"member{next(NUMBERS)}", next(CARDS))
    walk.old("INSERT INTO users SELECT ?, salt, password, ?, 0 FROM users WHERE id = 'tanaka'", walk.account, "会員")
    yield walk
    context.close()


def test_an_account_is_linked_once_and_a_form_outlives_the_applications_session(walk: Walk) -> None:
    """A wrong password first; then the application's own form, whose session ends before it is sent."""
    walk.asked()
    walk.link(password="guess")
    expect(walk.page.get_by_text(walk.say("account.error_wrong"))).to_be_visible()
    walk.look()
    walk.link()
    expect(walk.page.locator("textarea[name=note]")).to_be_visible()

    walk.page.select_option("select[name=day]", index=walk.card % 14)
    walk.page.select_option("select[name=hour]", index=0 if walk.language is Language.JA else 1)
    walk.page.fill("textarea[name=note]", f"ラケット2本 {walk.account}")
    walk.old("DELETE FROM sessions")
    walk.page.get_by_role("button", name="この内容で予約する").click()

    expect(walk.page.locator("td").filter(has_text=walk.account)).to_be_visible()
    assert walk.page.url == f"{walk.demo.courts}/mine.cgi"
    assert walk.old("SELECT user FROM bookings WHERE note LIKE ?", f"%{walk.account}") == [(walk.account,)]

    # Another browser of hers: the card is enough.
    again = walk.context.browser
    assert again is not None
    other = again.new_context(locale=LOCALES[walk.language], viewport={"width": 390, "height": 800})
    page = other.new_page()
    page.goto(f"{walk.demo.courts}/mine.cgi")
    hold(page, walk.card)
    expect(page.locator("td").filter(has_text=walk.account)).to_be_visible()
    other.close()


def test_the_applications_own_sign_out_leads_to_ours(walk: Walk) -> None:
    """Its link leads to our question; after the button, the application asks for the card again."""
    walk.asked()
    walk.link()
    expect(walk.page.locator("textarea[name=note]")).to_be_visible()

    walk.page.get_by_role("link", name="ログアウト").click()
    walk.heading("logout.title")
    walk.look()
    walk.press("logout.button")
    walk.heading("signed_out.title")
    walk.page.goto(f"{walk.demo.courts}/mine.cgi")

    expect(walk.page.get_by_text("予約の確認")).to_have_count(0)


def test_a_person_without_an_account_reads_where_to_get_one(walk: Walk) -> None:
    """She says that she has none, and may still look around; the application's own login stays closed."""
    walk.asked()
    walk.press("account.none")

    expect(walk.page.get_by_text(walk.say("account.none_lead"))).to_be_visible()
    expect(walk.page.get_by_text("00-0000-0000")).to_be_visible()
    walk.look()
    walk.press("common.home")
    expect(walk.page.locator("h1")).to_have_text("テニスコートの空き状況")
    answer = walk.page.goto(f"{walk.demo.courts}/login.cgi")
    assert answer is not None
    assert answer.status == 403
    walk.look()


def test_a_person_with_a_group_chooses_for_whom_she_acts(walk: Walk) -> None:
    """The office makes the group known and links her by the code that she reads out; she chooses in each session."""
    group = f"{walk.account}-club"
    walk.old("INSERT INTO users SELECT ?, salt, password, ?, 0 FROM users WHERE id = 'tanaka'", group, "合唱団")
    walk.asked()
    walk.link()
    expect(walk.page.locator("textarea[name=note]")).to_be_visible()
    walk.mine()
    code = walk.page.locator(".num").inner_text()
    walk.counter("put", group, "group", "--title", "さくら合唱団")
    walk.counter("link", group, code, "--role", "representative")

    def chosen(name: str, title: str) -> None:
        walk.page.goto(f"{walk.demo.courts}/.sekisho/account?app=courts")
        walk.heading("account.choose_title")
        walk.look()
        walk.page.get_by_label(name).check()
        walk.press("account.choose_button")
        walk.page.goto(f"{walk.demo.courts}/mine.cgi")
        expect(walk.page.locator("main")).to_contain_text(f"{title} 様")

    # The office has linked her, and its list has no passwords: she proves the group's once.
    walk.page.goto(f"{walk.demo.courts}/.sekisho/account?app=courts")
    walk.press("account.another")
    walk.link(account=group)
    expect(walk.page.locator("h1")).to_have_text("テニスコートの空き状況")
    chosen("さくら合唱団", "合唱団")
    chosen(walk.account, "会員")


def test_two_tabs_link_one_account(walk: Walk) -> None:
    """The second tab's form still counts after the first one's has changed the session's ticket."""
    first = walk.asked()
    second = walk.asked(walk.context.new_page(), "/mine.cgi")

    walk.link(first)
    expect(first.locator("textarea[name=note]")).to_be_visible()
    walk.link(second)

    expect(second.locator("h1")).to_have_text("予約の確認")
    assert second.url == f"{walk.demo.courts}/mine.cgi"
    first.reload()
    expect(first.locator("textarea[name=note]")).to_be_visible()


def test_a_person_ends_her_link_on_her_own_page(walk: Walk) -> None:
    """It is listed with its day, ends by the button of another page, and the old login is asked for again."""
    walk.asked()
    walk.link()
    expect(walk.page.locator("textarea[name=note]")).to_be_visible()
    walk.mine()
    # No script runs on her own page, not even axe's; `tests/pages` looks at it by itself.
    walk.fits(walk.page)
    expect(walk.page.locator(".links")).to_contain_text(walk.account)
    walk.press("me.unlink", name=walk.account)
    walk.heading("unlink.title")
    walk.look()
    assert walk.account not in walk.page.url
    walk.press("unlink.button")
    walk.heading("unlink.done_title")
    walk.look()

    assert not [each for each in walk.context.cookies() if each.get("name") == "COURTSID"]
    assert walk.old("SELECT 1 FROM sessions WHERE user = ?", walk.account) == []
    walk.page.reload()
    walk.page.goto(f"{walk.demo.courts}/mine.cgi")
    expect(walk.page.locator("#user")).to_be_visible()
    walk.mine()
    expect(walk.page.get_by_text(walk.say("me.links_none"))).to_be_visible()


def test_another_persons_account_is_for_the_counter(walk: Walk) -> None:
    """She proves it, and reads that it is somebody's; nothing was linked."""
    walk.asked()
    walk.link()
    expect(walk.page.locator("textarea[name=note]")).to_be_visible()
    browser = walk.context.browser
    assert browser is not None
    context = browser.new_context(locale=LOCALES[walk.language], viewport={"width": 390, "height": 800})
    other = Walk(walk.demo, context, walk.language, walk.account, next(CARDS))
    other.asked()
    other.link()

    expect(other.page.get_by_text(re.compile(re.escape(walk.say("account.error_taken"))))).to_be_visible()
    other.look()
    context.close()
