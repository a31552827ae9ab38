"""The next person at the same PC, in a headless Chromium that keeps pages for Back as a visible one does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from gateway.identity import Identity, Scope
from tests.builders import CLIENT
from tests.flows.chromium import hold, launched
from tests.flows.demo_process import Demo
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.redis_server import redis_server

POLICY = """\
policy: p
rules:
  - {name: all, allow: signed_in, disclose: [subject]}
"""
FORM = (
    '<form method="post" action="/confirm"><input name="a"><textarea name="b"></textarea><button>確認</button></form>'
)
CONFIRM = '<form method="post" action="/done"><button>確定</button></form>'
LOGOUT = '<form method="post" action="/.sekisho/logout"><button id="out">ログアウト</button></form>'
ELSEWHERE = '<a href="/facts/9">料金</a>'


class _Application(BaseHTTPRequestHandler):
    """Says who is there on every page, and nothing of caches."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self._answer(f"{path} {FORM}{ELSEWHERE}" if path == "/form" else f"{path} {LOGOUT}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(f"確認 {body} {CONFIRM}" if self.path == "/confirm" else "完了")

    def _answer(self, content: str) -> None:
        who = self.headers.get("X-Verified-Subject", "nobody")
        page = f'<!doctype html><meta charset="utf-8"><h1>{who}</h1><p>{content}</p>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        # A file server adds this header; a browser concludes from it that it may keep the page for weeks.
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Site:
    """A gateway in front of the application."""

    url: str
    gateway: GatewayProcess

    def sign_in(self, name: str) -> str:
        """Return the session cookie of a person who has just signed in."""
        person = Identity(CLIENT, name, time.time(), frozenset({Scope.OPENID}))
        # In a thread: the browser's own loop runs in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(self.gateway.sign_in(person))).result().partition("=")[2]


@contextmanager
def site(folder: Path, pages: str) -> Iterator[Site]:
    """Run a gateway whose App has its pages kept so."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Application)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    with redis_server() as redis:
        gateway = GatewayProcess(folder, server.server_address[1], redis.url, policy=POLICY)
        text = gateway.settings.read_text()
        option = f"    next_person: {{pages: {pages}}}\n    policy: policy.yaml"
        gateway.settings.write_text(text.replace("    policy: policy.yaml", option))
        gateway.start()
        try:
            yield Site(f"http://{HOST}:{gateway.port}", gateway)
        finally:
            gateway.stop()
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module", params=["no_cache", pytest.param("no_store", marks=pytest.mark.long)])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("next"), request.param) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(here: Site, demo: Demo) -> Iterator[Browser]:
    # After the demo, whose start takes longest.
    # Playwright turns off what every visible browser has: pages that are kept alive for Back.
    with launched(without=["--disable-back-forward-cache"]) as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(locale="ja-JP") as context:
        context.set_default_timeout(15_000)
        yield context


def become(context: BrowserContext, here: Site, name: str) -> None:
    """Sign a person in, as far as cookies go."""
    context.add_cookies([{"name": "sekisho", "value": here.sign_in(name), "url": f"{here.url}/", "httpOnly": True}])


def signed_in(context: BrowserContext, here: Site) -> Page:
    """Return a tab in which Hanako has looked at two pages."""
    become(context, here, "hanako")
    page = context.new_page()
    for path in ("/facts/1", "/facts/2"):
        page.goto(here.url + path)
        expect(page.get_by_role("heading")).to_have_text("hanako")
    return page


def back(page: Page) -> str:
    """Press Back, and return what is seen then."""
    try:
        # A page that was kept alive for Back says nothing more than that it is there.
        page.go_back(wait_until="commit")
        # Asked once: a page's own rules forbid a question that has to be evaluated again.
        page.evaluate("""() => new Promise(done => {
            if (document.readyState === "complete") done();
            else addEventListener("load", () => done());
        })""")
    except Error as error:
        # A page that would have to be sent again: the browser shows a page of its own.
        assert "ERR_CACHE_MISS" in str(error)  # noqa: PT017  # what the browser says in place of a page
    return page.locator("body").inner_text()


def fill(page: Page, here: Site) -> None:
    page.goto(f"{here.url}/form")
    page.fill("input", "関所花子")
    page.fill("textarea", "途中まで")


def filled(page: Page) -> tuple[str, str]:
    """Return what the form's fields hold."""
    return page.input_value("input"), page.input_value("textarea")


def test_a_half_filled_form_survives_back(context: BrowserContext, here: Site) -> None:
    """A person looks something up and comes back."""
    page = signed_in(context, here)
    fill(page, here)

    page.get_by_role("link").click()
    page.wait_for_url("**/facts/9")
    back(page)

    assert filled(page) == ("関所花子", "途中まで")


def test_back_from_the_confirmation_finds_the_form_as_it_was_filled_in(context: BrowserContext, here: Site) -> None:
    """入力→確認→戻る, and the confirmation once more from the page that says it is done."""
    page = signed_in(context, here)
    fill(page, here)
    page.get_by_role("button", name="確認").click()
    expect(page.get_by_role("button", name="確定")).to_be_visible()

    back(page)

    assert filled(page) == ("関所花子", "途中まで")


def test_signed_out_by_our_page_back_shows_nothing(context: BrowserContext, here: Site) -> None:
    """Neither the cache nor the pages kept for Back, nor another tab's, nor what a script stored."""
    page = signed_in(context, here)
    page.evaluate("localStorage.setItem('draft', 'hanako')")
    other = context.new_page()
    for path in ("/facts/3", "/facts/4"):
        other.goto(here.url + path)
    page.goto(f"{here.url}/.sekisho/logout")
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("ログアウトしました")

    seen = [back(page) for _ in range(3)] + [back(other)]
    become(context, here, "taro")
    page.goto(f"{here.url}/facts/1")

    assert not [text for text in seen if "hanako" in text]
    expect(page.get_by_role("heading")).to_have_text("taro")
    assert page.evaluate("localStorage.getItem('draft')") is None


def test_signed_out_by_the_applications_form_back_shows_nothing(context: BrowserContext, here: Site) -> None:
    """The page with the form is kept for Back as it is left, which is after our answer has been read."""
    page = signed_in(context, here)
    with page.expect_response(f"{here.url}/.sekisho/cleared") as cleared:
        page.click("#out")
    assert cleared.value.all_headers()["clear-site-data"] == '"cache"'
    expect(page.get_by_role("heading")).to_have_text("ログアウトしました")

    seen = [back(page), back(page)]

    assert not [text for text in seen if "hanako" in text]


def test_another_person_who_signs_in_finds_nothing_of_the_last_one(chromium: Browser, demo: Demo) -> None:
    """Without a sign-out between them: the address of a page, Back, and what a script stored."""
    with chromium.new_context(locale="ja-JP") as context:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(f"{demo.booking}/reserve")
        hold(page, 1)
        expect(page.locator(".greeting")).to_contain_text("髙橋　花子 様")
        page.evaluate("localStorage.setItem('draft', 'hanako')")
        # The session ends by itself, and somebody else sits down.
        context.clear_cookies(name="sekisho")
        page.goto(f"{demo.booking}/reserve")
        hold(page, 5)

        expect(page.locator(".greeting")).to_contain_text("山田　太郎 様")
        assert page.evaluate("localStorage.getItem('draft')") is None
        seen = [back(page) for _ in range(4)]
        assert not [text for text in seen if "花子" in text]
