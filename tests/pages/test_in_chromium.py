"""Every state of our own pages in a browser: axe finds no barrier, nothing overflows, and every action can be hit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from gateway.language import Language
from gateway.portal.aiohttp_pages import Pages
from tests.flows.chromium import launched
from tests.pages.__main__ import ORIGIN, fulfil
from tests.pages.states import PREFIX, states

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
STATES = states()


@pytest.fixture(name="chromium", scope="module")
def chromium_fixture() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


class Shown:
    """A tab that shows states, one after the other."""

    def __init__(self, browser: Browser, width: int, scheme: str) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
        )
        self.page: Page = self.context.new_page()
        self._html = ""
        self._pages = Pages(PREFIX)
        self.page.route("**/*", partial(self._answer))

    def _answer(self, route: Route) -> None:
        fulfil(self._pages, self._html, route)

    def show(self, html: str) -> None:
        """Open a page."""
        self._html = html
        self.page.goto(f"{ORIGIN}/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", Language)
def test_axe_finds_no_barrier_in_any_state(chromium: Browser, language: Language, scheme: str) -> None:
    """Rules of level A and AA and those of good practice, by day and by night."""
    shown = Shown(chromium, 390, scheme)
    found = []
    for state in STATES:
        shown.show(state.html(language))
        # Axe is evaluated by the debugger, as the page allows no script.
        result = Axe().run(shown.page, options=RULES)
        if result.violations_count:
            found.append(f"{state.name}: {result.generate_report()}")
    shown.context.close()

    assert found == []


@pytest.mark.parametrize("language", Language)
def test_no_state_overflows_and_every_action_can_be_hit(chromium: Browser, language: Language) -> None:
    """At 188 CSS pixels, which is a telephone at twice the size; a link that is an action is 44 pixels high."""
    shown = Shown(chromium, 188, "light")
    wide, small = [], []
    for state in STATES:
        shown.show(state.html(language))
        if shown.page.evaluate("document.documentElement.scrollWidth") > 188:
            wide.append(state.name)
        low = shown.page.evaluate(
            """() => [...document.querySelectorAll('button, .button, nav a, .tel, .wide, summary, .b a')]
                .filter(each => each.getBoundingClientRect().height < 43.5).map(each => each.outerHTML)"""
        )
        if low:
            small.append((state.name, low))
    shown.context.close()

    assert (wide, small) == ([], [])


def test_a_printed_page_has_what_to_keep_and_not_what_to_press(chromium: Browser) -> None:
    """The number and the telephone are on paper; buttons, steps and the switch are not."""
    shown = Shown(chromium, 800, "light")
    shown.show(next(state for state in STATES if state.name == "refusal-own-words").html(Language.JA))
    shown.page.emulate_media(media="print")

    assert shown.page.locator(".num").first.is_visible()
    assert shown.page.locator(".tel").first.is_visible()
    assert not shown.page.locator(".lang").is_visible()
    assert not shown.page.locator(".act").first.is_visible()
    shown.context.close()


def test_the_keyboard_goes_through_a_page_in_order(chromium: Browser) -> None:
    """First past the name plate, then through the languages to the button, and each stop can be seen."""
    shown = Shown(chromium, 800, "light")
    shown.show(next(state for state in STATES if state.name == "notice-sign_in").html(Language.JA))
    stops = []
    for _ in range(8):
        shown.page.keyboard.press("Tab")
        stops.append(shown.page.evaluate("document.activeElement.className || document.activeElement.hreflang"))
        assert shown.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shown.context.close()

    assert stops[:3] == ["skip", "ja-simple", "en"]
    assert "button" in stops
