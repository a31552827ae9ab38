"""A person pays at another site and comes back, in a real Chromium: two sites, of which one is the gateway's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests import builders
from tests.flows.chromium import fresh
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.paying import Site, form_page, site
from tests.redis_server import redis_server

pytestmark = pytest.mark.long

POLICY = """\
policy: shop
rules:
  - name: payment returns
    match: {{path: /pay/return}}
    allow: signed_in
    returns_from: ["http://pay.localhost:{pay}"]
  - name: the rest
    allow: signed_in
"""
FIELDS = {"result": "成功", "order": "42"}
SENT = "result=%E6%88%90%E5%8A%9F&order=42"


class Places:
    """The gateway's App, its application, and two other sites: the browser holds each name for a site of its own."""

    def __init__(self, gateway: GatewayProcess, shop: Site, pay: Site) -> None:
        self.shop = shop
        self.own = f"http://{HOST}:{gateway.port}"
        self.pay = f"http://pay.localhost:{pay.port}"
        self.evil = f"http://evil.localhost:{pay.port}"
        for path, by_itself in (("/done", True), ("/button", False)):
            pay.pages[path] = form_page(f"{self.own}/pay/return", FIELDS, by_itself=by_itself)
        pay.pages["/frames"] = f'<iframe src="{self.pay}/done"></iframe>'
        pay.pages["/attack"] = form_page(f"{self.own}/account/delete", FIELDS)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayProcess, Site, Site]]:
    """Two workers: the page is one's, and the press is seldom the same one's."""
    with redis_server() as redis, site() as shop, site() as pay:
        policy = POLICY.format(pay=pay.port)
        gateway = GatewayProcess(tmp_path_factory.mktemp("gateway"), shop.port, redis.url, 2, policy)
        try:
            gateway.start()
            yield gateway, shop, pay
        finally:
            gateway.stop()


@pytest.fixture
def places(gateway: tuple[GatewayProcess, Site, Site]) -> Places:
    process, shop, pay = gateway
    shop.came.clear()
    return Places(process, shop, pay)


@pytest.fixture
def context(chromium: Browser, gateway: tuple[GatewayProcess, Site, Site], places: Places) -> Iterator[BrowserContext]:
    """A browser in which she is signed in; the cookie is set as our answer sets it."""
    # Playwright has a loop in this thread, so the store is written from another.
    with ThreadPoolExecutor(1) as another:
        cookie = another.submit(lambda: asyncio.run(gateway[0].sign_in(builders.identity()))).result()
    name, _, value = cookie.partition("=")
    with fresh(chromium) as context:
        context.add_cookies([{"name": name, "value": value, "url": places.own, "sameSite": "Lax", "httpOnly": True}])
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def navigations(page: Page, url: str) -> list[dict[str, str]]:
    """Collect the heads of the forms that the browser sends to a URL."""
    found: list[dict[str, str]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url == url:
            found.append(request.all_headers())

    page.on("requestfinished", note)
    return found


def test_a_payment_comes_back_by_one_press(page: Page, places: Places) -> None:
    """The other site's page goes by itself, ours does not; the application gets the form once, as the other site's."""
    sent = navigations(page, f"{places.own}/pay/return")

    page.goto(f"{places.pay}/done")
    expect(page.get_by_role("heading", name="手続きを続けますか")).to_be_visible()
    expect(page.get_by_text(places.pay).first).to_be_visible()
    waiting = list(places.shop.sent())
    page.get_by_role("button", name="続ける").click()
    expect(page.get_by_role("heading", name="POST /pay/return")).to_be_visible()

    assert waiting == []
    assert page.url == f"{places.own}/pay/return"
    (came,) = places.shop.sent()
    assert came.body.decode() == SENT
    assert came.headers["origin"] == places.pay
    assert came.headers["sec-fetch-site"] == "cross-site"
    assert came.headers["referer"] == f"{places.pay}/"
    assert "cookie" not in came.headers
    # The browser itself took the two for two sites, and left the session out of the first request.
    assert [each["sec-fetch-site"] for each in sent] == ["cross-site", "same-origin"]
    assert "cookie" not in sent[0]
    assert "sekisho=" in sent[1]["cookie"]


def test_loading_the_answer_again_sends_nothing_again(page: Page, places: Places) -> None:
    """The browser offers to; our page says that it was sent, and leads to the page itself."""
    page.goto(f"{places.pay}/done")
    page.get_by_role("button", name="続ける").click()
    expect(page.get_by_role("heading", name="POST /pay/return")).to_be_visible()

    page.reload()
    expect(page.get_by_role("heading", name="この内容は送信できません")).to_be_visible()
    page.get_by_role("link", name="このページを開く").click()
    expect(page.get_by_role("heading", name="GET /pay/return")).to_be_visible()

    assert len(places.shop.sent()) == 1


def test_two_payments_in_two_tabs_come_back_both(context: BrowserContext, places: Places) -> None:
    """The cookies have sixteen names, so two tabs share one now and then: a third try is allowed."""
    cookies: list[object] = []
    for _ in range(3):
        places.shop.came.clear()
        tabs = [context.new_page(), context.new_page()]
        for tab in tabs:
            tab.goto(f"{places.pay}/done")
        cookies += [cookie for cookie in context.cookies(places.own) if "return" in cookie.get("name", "")]
        for tab in tabs:
            tab.get_by_role("button", name="続ける").click()
            expect(tab.get_by_role("heading")).to_have_text(re.compile("POST /pay/return|この内容は送信できません"))
        if len(places.shop.sent()) == 2:
            break
        context.clear_cookies(name=re.compile("return"))

    assert len(places.shop.sent()) == 2
    assert len(cookies) >= 2


@pytest.mark.parametrize(("sender", "path"), [("evil", "/done"), ("evil", "/button"), ("pay", "/attack")])
def test_another_site_and_another_page_are_told_apart(page: Page, places: Places, sender: str, path: str) -> None:
    """A person's own press is told apart as well. Loading our page again changes nothing; the link opens it."""
    origin = getattr(places, sender)
    page.goto(f"{origin}{path}")
    if path == "/button":
        page.get_by_role("button", name="back").click()

    expect(page.get_by_role("heading", name="送信されていません")).to_be_visible()
    expect(page.get_by_text(origin)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="送信されていません")).to_be_visible()
    target = page.url
    page.get_by_role("link", name="このページを開く").click()
    expect(page.get_by_role("heading", name="GET /")).to_be_visible()

    assert page.url == target
    assert places.shop.sent() == []


def test_a_frame_of_another_site_brings_no_form_back(page: Page, places: Places) -> None:
    """Our page is nobody's frame, and a form in one is a script's business."""
    with page.expect_response(f"{places.own}/pay/return") as answered:
        page.goto(f"{places.evil}/frames")

    assert answered.value.status == 401
    assert places.shop.came == []


def test_a_script_of_the_application_presses_nothing(page: Page, places: Places) -> None:
    """Our page carries the form sealed, and a request that a script makes is no press."""
    page.goto(f"{places.pay}/done")
    carried = page.locator("input[name=sekisho-return]").get_attribute("value")
    page.goto(f"{places.own}/shop")
    places.shop.came.clear()

    page.evaluate(
        """async (carried) => {
          await fetch("/pay/return", {method: "POST", body: new URLSearchParams({"sekisho-return": carried})});
        }""",
        carried,
    )

    # It goes on as what it is: a request of this origin's script, with the sealed form as its text.
    assert all(came.headers["origin"] == places.own for came in places.shop.sent())
    assert all(SENT not in came.body.decode() for came in places.shop.sent())
