"""Chromium walks the console of a real gateway in both languages, without scripts, and axe finds no barrier."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gateway.identity import Birthdate, Identity, Scope
from gateway.policy.subject_code import show_code, subject_code
from gateway.portal.operators import Role, new_token
from tests.conftest import program
from tests.flows.gateway_process import GatewayProcess, application

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
SECONDS = 30

HANAKO = Identity(
    "RP00000001",
    "hanako-ppid",
    time.time(),
    frozenset(Scope),
    name="髙橋 花子",
    address="東京都渋谷区神南一丁目19番11号",
    birthdate=Birthdate(1986, 4, 1),
)
CANARIES = ("髙橋", "花子", "神南", "1986", "hanako-ppid")
"""Parts of what is known of her that no page may show."""

PAGES = ("", "health", "sessions", "limits", "accounts", "switches", "policies", "applications", "audit")


ACCOUNTS = """\
    accounts:
      store: sqlite:{folder}/accounts.db
      key: {{file: accounts.key}}
      tell: header
      header: X-Old-User
access_log"""
LIST = """\
アカウント,コード,種別,名義,役割
tanaka,{code},個人,,
club,{code},団体,卓球クラブ,代表者
club,{other},団体,卓球クラブ,代表者
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tokens() -> dict[str, tuple[str, str]]:
    """The tokens and lines of an operator who may do everything, and of one who may look."""
    return {
        "ono": new_token("ono", secrets.token_bytes(32), Role),
        "sato": new_token("sato", secrets.token_bytes(32), [Role.LOOK]),
    }


@pytest.fixture
def gateway(tmp_path: Path, redis_url: str, tokens: dict[str, tuple[str, str]]) -> Iterator[GatewayProcess]:
    """A gateway with operators, limits and sessions in Redis."""
    (tmp_path / "operators").write_text("\n".join(line for _, line in tokens.values()))
    more = "operators: {file: operators}\nlimits: {store: memory}\n"
    with application() as upstream:
        process = GatewayProcess(tmp_path, upstream, redis_url, more=more)
        try:
            process.start()
            yield process
        finally:
            process.stop()


@pytest.fixture
def counter(tmp_path: Path, redis_url: str, tokens: dict[str, tuple[str, str]]) -> Iterator[GatewayProcess]:
    """A gateway with two workers whose App has accounts in a file."""
    (tmp_path / "operators").write_text("\n".join(line for _, line in tokens.values()))
    (tmp_path / "accounts.key").write_text(secrets.token_hex(32))
    with application() as upstream:
        process = GatewayProcess(tmp_path, upstream, redis_url, 2, more="operators: {file: operators}\n")
        settings = process.settings.read_text()
        process.settings.write_text(settings.replace("access_log", ACCOUNTS.format(folder=tmp_path), 1))
        try:
            process.start()
            yield process
        finally:
            process.stop()


class Walk:
    """One operator's browser, which runs no script of any page."""

    def __init__(self, chromium: Browser, gateway: GatewayProcess, locale: str) -> None:
        self.origin = f"http://127.0.0.1:{gateway.management}/console/"
        self.context = chromium.new_context(locale=locale, viewport={"width": 1000, "height": 900})
        self.context.set_default_timeout(SECONDS * 1_000)
        self.page: Page = self.context.new_page()
        self.failures: list[str] = []
        # A picture that the browser still loads while it opens the next page is aborted, and no failure of ours.
        self.page.on(
            "requestfailed",
            lambda request: None if request.failure == "net::ERR_ABORTED" else self.failures.append(request.url),
        )
        self.page.on("console", lambda said: self.failures.append(said.text) if said.type == "error" else None)

    def sign_in(self, token: str) -> None:
        self.page.goto(self.origin)
        self.page.fill("#token", token)
        self.page.locator("main button").click()
        expect(self.page.locator("nav.menu")).to_be_visible()

    def examine(self, where: str) -> None:
        """Find no barrier and nothing personal on the page that is open."""
        # The page's policy allows no script, so axe is evaluated by the debugger and not by the page.
        found = Axe().run(self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        assert found.violations_count == 0, f"{where}: {found.generate_report()}"
        text = self.page.content()
        assert not [canary for canary in CANARIES if canary in text], where


def sign_hanako_in(gateway: GatewayProcess) -> None:
    """Keep a session of hers. The browser's driver runs a loop in this thread, so another one does it."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, gateway.sign_in(HANAKO)).result()


@pytest.mark.parametrize(("locale", "language"), [("ja-JP", "ja"), ("en-GB", "en")])
def test_an_operator_walks_through_every_page(
    chromium: Browser, gateway: GatewayProcess, tokens: dict[str, tuple[str, str]], locale: str, language: str
) -> None:
    """Each page opens, its buttons work, and neither a barrier nor a person's data is on any of them."""
    sign_hanako_in(gateway)
    assert gateway.get()[0] == 200
    walk = Walk(chromium, gateway, locale)
    page = walk.page
    page.goto(walk.origin)
    walk.examine("before the sign-in")
    page.fill("#token", "wrong")
    page.locator("main button").click()
    walk.examine("a wrong token")
    walk.sign_in(tokens["ono"][0])
    # Chromium reports every 401, and the sign-in page is one.
    walk.failures.clear()

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for path in PAGES:
            page.goto(walk.origin + path)
            expect(page.locator("html")).to_have_attribute("lang", language)
            walk.examine(f"{path} {scheme}")

    page.goto(walk.origin + "sessions")
    page.fill("#value", show_code(subject_code("RP00000001", "hanako-ppid")))
    page.locator("main form button").first.click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("details summary").click()
    walk.examine("a session that was found")
    page.fill("#reason-1", "lost phone")
    page.locator("details button").click()
    expect(page.locator("[role=status]")).to_contain_text("1")
    walk.examine("a session that was ended")

    page.goto(walk.origin + "switches")
    page.select_option("#name", "maintenance-app")
    page.fill("#reason-on", "a storm")
    page.locator("main form button").last.click()
    expect(page.locator("tbody tr")).to_contain_text("a storm")
    walk.examine("a switch that is on")
    page.locator("details summary").click()
    page.fill("#reason-1", "over")
    page.locator("details button").click()
    expect(page.locator("tbody tr")).to_have_count(0)

    page.goto(walk.origin + "limits")
    page.fill("#code", show_code(subject_code("RP00000001", "hanako-ppid")))
    page.locator("main form button").click()
    walk.examine("a person without entries")

    assert walk.failures == []
    page.locator("header button").click()
    expect(page.locator("#token")).to_be_visible()
    gateway.wait_for_event("operator_acted", "lost phone")
    gateway.wait_for_event("operator_acted", "over")
    walk.context.close()


def test_a_token_that_may_look_finds_no_button(
    chromium: Browser, gateway: GatewayProcess, tokens: dict[str, tuple[str, str]]
) -> None:
    """Its pages have no button but those of searches and the sign-out, and the audit is not in its menu."""
    sign_hanako_in(gateway)
    walk = Walk(chromium, gateway, "ja-JP")
    walk.sign_in(tokens["sato"][0])
    targets = set()
    for path in PAGES[:-1]:
        if path == "accounts":
            continue
        walk.page.goto(walk.origin + path)
        targets |= {form.get_attribute("action") for form in walk.page.locator("form").all()}
    refused = walk.page.goto(walk.origin + "audit")

    assert targets == {"/console/sign-out", "/console/sessions/find", "/console/limits/find"}
    assert refused is not None
    assert refused.status == 403
    walk.context.close()


@pytest.mark.parametrize(("locale", "language"), [("ja-JP", "ja"), ("en-GB", "en")])
def test_a_counter_imports_shows_links_and_unlinks_accounts(
    chromium: Browser,
    counter: GatewayProcess,
    tokens: dict[str, tuple[str, str]],
    locale: str,
    language: str,
) -> None:
    """A list from a file, an account with its persons, a link by a code, an end of one, and the list as a file."""
    codes = [show_code(subject_code("RP00000001", subject)) for subject in ("hanako-ppid", "taro-ppid")]
    walk = Walk(chromium, counter, locale)
    page = walk.page
    walk.sign_in(tokens["ono"][0])
    walk.failures.clear()

    page.goto(walk.origin + "accounts")
    expect(page.locator("html")).to_have_attribute("lang", language)
    walk.examine("accounts")
    text = LIST.format(code=codes[0], other=codes[1])
    page.set_input_files("#list", {"name": "meibo.csv", "mimeType": "text/csv", "buffer": text.encode("cp932")})
    page.fill("#reason-import", "the list of 2009")
    page.locator("form[action$='accounts/import'] button").click()
    expect(page.locator("[role=status]")).to_contain_text("2")
    expect(page.locator("[role=alert] li")).to_contain_text("club")
    walk.examine("accounts: a list that was imported")

    page.fill("#account", "tanaka")
    page.fill("#code", codes[1])
    page.fill("#reason-link", "seen")
    page.locator("form[action$='accounts/link'] button").click()
    expect(page.locator("[role=status]")).to_contain_text("hand-over")
    page.fill("#account", "club")
    page.fill("#code", codes[1])
    page.fill("#reason-link", "seen")
    page.locator("form[action$='accounts/link'] button").click()
    expect(page.locator("[role=status]")).not_to_contain_text("hand-over")

    page.select_option("#by", "account")
    page.fill("#value", "club")
    page.locator("form[action$='accounts/find'] button").click()
    rows = page.locator("tbody").last.locator("tr")
    expect(rows).to_have_count(2)
    page.locator("details summary").first.click()
    walk.examine("accounts: one that two persons have")
    page.fill("#reason-1", "has left")
    page.locator("details button").first.click()
    expect(page.locator("[role=status]")).to_be_visible()
    walk.examine("accounts: a link that has ended")

    page.fill("#reason-export", "backup")
    with page.expect_download() as download:
        page.locator("form[action$='accounts/export'] button").click()
    assert download.value.suggested_filename == "accounts-app.csv"
    assert "卓球クラブ" in download.value.path().read_text("utf-8-sig")
    assert walk.failures == []
    counter.wait_for_event("operator_acted", "has left")
    events = (counter.folder / "events.log").read_text()
    assert "tanaka" not in events
    walk.context.close()
