"""The demo's applications and its emulator in a browser: axe finds no barrier, and they fit a telephone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from tests.flows.demo_process import Demo
from tests.pages.test_in_chromium import NARROW, barriers

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

LOOKS = [("ja-JP", "light"), ("en-GB", "dark")]
"""The languages and colours in which each page is looked at; the applications are old, and have one of each."""


LINK = re.compile("連携する|Link it")


def hold(page: Page, card: int, look: Callable[[str], None] | None = None) -> None:
    """Press the notice's button where one comes first, and hold a card to the reader, in the page's language."""
    if "/protocol/openid-connect/auth" not in page.url:
        page.locator("form[method=post][action^='/.sekisho/'] button").first.click()
    page.locator(f"input[name=card][value='{card}']").check()
    if look is not None:
        look("the provider's test screen")
    page.locator("form button[type=submit]").last.click()
    page.wait_for_url(lambda url: "/protocol/openid-connect/" not in url)


def walk(page: Page, demo: Demo, look: Callable[[str], None]) -> None:
    """Lead a browser through every page of the applications and the provider, and look at each."""
    for url in (
        demo.booking,
        f"{demo.booking}/static/help.html",
        f"{demo.booking}/facilities/42",
        f"{demo.booking}/nowhere",
        f"{demo.wallet}/about",
    ):
        page.goto(url)
        look(url)
    page.goto(f"{demo.booking}/reserve")
    hold(page, 23, look)
    look("/reserve, newly signed in")
    button = page.get_by_role("button", name="新しく登録する")
    if button.count():
        button.click()
    for path in ("/reserve", "/reserve/42", "/mypage"):
        page.goto(f"{demo.booking}{path}")
        look(path)
    page.goto(demo.wallet)
    hold(page, 23)
    look("the wallet")
    page.goto(f"{demo.wallet}/account/new")
    look("/account/new")
    page.goto(demo.allowance)
    hold(page, 1)
    look("the allowance")
    page.goto(f"{demo.allowance}/apply")
    look("the allowance's form")
    page.goto(demo.bank)
    hold(page, 1)
    look("the bank")
    page.goto(demo.courts)
    look("the courts")
    page.goto(f"{demo.courts}/book.cgi")
    hold(page, 23)
    if page.locator("#user").count():
        look("the question for an old account")
        page.locator("#user").fill("tanaka")
        page.locator("#password").fill("court-2009")
        page.get_by_role("button", name=LINK).click()
    page.locator("textarea[name=note]").wait_for()
    look("the court's form")
    page.goto(f"{demo.courts}/mine.cgi")
    look("the court's bookings")


@pytest.mark.parametrize(("locale", "scheme"), LOOKS)
def test_the_demo_has_no_barrier_and_fits_a_telephone(chromium: Browser, demo: Demo, locale: str, scheme: str) -> None:
    """Levels A and AA and good practice; nothing overflows at the width of a telephone at twice the size."""
    context = chromium.new_context(
        locale=locale,
        viewport={"width": 390, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page, found = context.new_page(), list[str]()

    def look(name: str) -> None:
        found.extend(f"{name}: {each}" for each in barriers(page))
        page.set_viewport_size({"width": NARROW, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth") > NARROW:
            found.append(f"{name}: overflows at {NARROW} pixels")
        page.set_viewport_size({"width": 390, "height": 800})

    walk(page, demo, look)
    context.close()

    assert found == []
