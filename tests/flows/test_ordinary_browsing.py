"""Ordinary use of a browser during a sign-in: several tabs, long links and frames, in a headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.flows.chromium import at_provider, fresh, hold, launched
from tests.flows.demo_process import Demo

LATENCY = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
"""A slow line: no answer, and so no cookie, comes before every tab has asked."""


@pytest.fixture(scope="module")
def chromium(demo: Demo) -> Iterator[Browser]:
    # After the demo, whose start takes longest.
    with launched() as browser:
        yield browser


def is_at_provider(page: Page) -> None:
    page.wait_for_url("**/protocol/openid-connect/auth*")


def restore(context: BrowserContext, *addresses: str) -> list[Page]:
    """Open all of them at once, before any has an answer, and return the tabs at the provider."""
    waiting: list[Route] = []
    context.route("**/page?*", lambda route: waiting.append(route))  # noqa: PLW0108 (Playwright marks it)
    tabs = []
    for address in addresses:
        tab = context.new_page()
        context.new_cdp_session(tab).send("Network.emulateNetworkConditions", LATENCY)
        tab.evaluate("address => { setTimeout(() => { location.href = address }) }", address)
        tabs.append(tab)
    while len(waiting) < len(tabs):
        tabs[0].wait_for_timeout(10)
    for route in waiting:
        route.continue_()
    context.unroute("**/page?*")
    for tab in tabs:
        is_at_provider(tab)
    return tabs


@pytest.mark.parametrize(
    "order", [(0, 1), *(pytest.param(order, marks=pytest.mark.long) for order in ((0, 1, 2, 3), (3, 1, 0, 2)))]
)
def test_tabs_restored_on_a_first_visit_all_come_where_they_should(
    context: BrowserContext, demo: Demo, order: tuple[int, ...]
) -> None:
    """Tabs without a cookie begin a sign-in each; a card is read in each, in any order."""
    addresses = [f"{demo.wallet}/page?tab={number}" for number in range(len(order))]
    tabs = restore(context, *addresses)
    bound = [cookie["name"] for cookie in context.cookies() if cookie.get("name", "").startswith("sekisho-login-")]

    for number in order:
        hold(tabs[number], 1)
        expect(tabs[number]).to_have_url(addresses[number])

    assert len(bound) == len(tabs)
    assert not [name for cookie in context.cookies() if (name := cookie.get("name", "")).startswith("sekisho-login-")]


FRAMESET = (
    '<frameset cols="20%,80%"><frame name="menu" src="/menu.html"><frame name="main" src="/page?framed"></frameset>'
)
IFRAME = '<h1>別のサイト</h1><iframe name="main" src="{there}" width="600" height="400"></iframe>'
SANDBOXED = IFRAME.replace("<iframe", '<iframe sandbox="allow-top-navigation-by-user-activation"')


@pytest.mark.parametrize(
    ("holder", "html"),
    [
        ("{wallet}/frameset.html", FRAMESET),
        pytest.param("{wallet}/frame.html", IFRAME, marks=pytest.mark.long),
        pytest.param("{booking}/frame.html", IFRAME, marks=pytest.mark.long),
        pytest.param("https://elsewhere.test/frame.html", SANDBOXED, marks=pytest.mark.long),
    ],
    ids=["frameset", "same origin", "same site", "another site, sandboxed"],
)
def test_a_frame_whose_session_has_ended_leads_out_of_it(
    context: BrowserContext, demo: Demo, holder: str, html: str
) -> None:
    """A page in the portal's design with one link, which opens the guarded page in the whole window, signed in."""
    address, there = holder.format(wallet=demo.wallet, booking=demo.booking), f"{demo.wallet}/page?framed"
    context.route(
        "**/frame*.html",
        lambda route: route.fulfill(content_type="text/html; charset=utf-8", body=html.format(there=there)),
    )
    context.route("**/menu.html", lambda route: route.fulfill(content_type="text/html", body="menu"))
    # Chromium takes a page that the test made up for one of the public network.
    context.grant_permissions(["local-network-access"])
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Refused" in message.text else None)
    page.goto(address)
    frame = page.frame(name="main")
    assert frame is not None

    heading = frame.get_by_role("heading", level=1)
    expect(heading).to_have_text("画面全体で開いてください")
    looks = heading.evaluate("node => getComputedStyle(node.ownerDocument.querySelector('a.button')).backgroundColor")
    frame.get_by_role("link").click()
    is_at_provider(page)
    hold(page, 1)

    expect(page).to_have_url(there)
    assert looks != "rgba(0, 0, 0, 0)"
    assert refused == []


SIGNS = "/d/%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7/(a)*'~@:,;=+$!%2B%41?q=%E3%81%82&a[]={1}|2^3`4&b=%26%3D/?@:+'x&c=1"
"""A path and a query of every sign that a browser sends, escaped and not."""

LONG = "/d?q=" + "%E3%81%82" * 900
LONGEST = 8 * 1024 - len("GET  HTTP/1.1")
"""Bytes of a target that fills a request line."""


@pytest.mark.parametrize(
    ("app", "target"),
    [
        ("wallet", "/d?q=" + "%E3%81%82" * 240),
        pytest.param("wallet", SIGNS.replace(";", ""), marks=pytest.mark.long),
        pytest.param("wallet", LONG[:LONGEST], marks=pytest.mark.long),
        pytest.param("booking", f"/reserve/nowhere{LONG}"[:LONGEST], marks=pytest.mark.long),
    ],
    ids=["case", "signs", "as long as a request line", "as long, after a notice"],
)
def test_a_deep_link_is_come_back_to(context: BrowserContext, demo: Demo, app: str, target: str) -> None:
    """The person lands on the very address, and the provider hears nothing of it."""
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)

    page.goto(getattr(demo, app) + target)
    at_provider(page)
    begun = page.url
    hold(page, 1)
    expect(page).to_have_url(asked[0])

    assert "%81" not in begun
    assert "%2581" not in begun


def test_a_fragment_survives_a_provider_that_goes_on_at_once(
    context: BrowserContext, chromium: Browser, demo: Demo
) -> None:
    """The browser takes it through redirects, as none of ours has one of its own; a link to the sign-in may say one."""
    there = f"{demo.booking}/page?fragment#top"
    waiting: list[Route] = []
    context.route("**/page?fragment", lambda route: waiting.append(route), times=1)  # noqa: PLW0108 (as above)
    page = context.new_page()
    page.evaluate("address => { setTimeout(() => { location.href = address }) }", there)
    while not waiting:
        page.wait_for_timeout(10)
    # The person is elsewhere, so that to this browser the provider is one redirect more.
    begun = waiting[0].fetch(max_redirects=0)
    with fresh(chromium) as elsewhere:
        other = elsewhere.new_page()
        other.goto(begun.headers["location"])
        with other.expect_request("**/.sekisho/callback?*") as came:
            hold(other, 1)
    waiting[0].fulfill(response=begun, headers={**begun.headers, "location": came.value.url})

    page.wait_for_url(there)
    page.goto(f"{demo.booking}/.sekisho/login?rd=/page%3Fa%3D1%23middle")
    expect(page).to_have_url(f"{demo.booking}/page?a=1#middle")
    page.goto(f"{demo.booking}/.sekisho/login?rd=/page#end")
    expect(page).to_have_url(f"{demo.booking}/page#end")
