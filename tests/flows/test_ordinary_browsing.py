"""Ordinary use of a browser during a sign-in: several tabs, long links and frames, in a headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests.conftest import program
from tests.flows.demo_process import Demo
from tests.flows.test_journeys import ARGUMENTS, fresh, hold

LATENCY = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
"""A slow line: no answer, and so no cookie, comes before every tab has asked."""


@pytest.fixture(scope="module")
def chromium(demo: Demo) -> Iterator[Browser]:
    # After the demo, whose start takes longest.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser nobody has used yet."""
    with fresh(chromium) as context:
        yield context


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
        tab.wait_for_url("**/protocol/openid-connect/auth*")
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
