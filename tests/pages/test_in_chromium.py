"""Every state of our own pages in a browser: axe finds no barrier, nothing overflows, and every action can be hit.

Each state is opened once in a language and then looked at by day and by night, on a phone and on a desktop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Route

from gateway.language import Language
from gateway.portal.aiohttp_pages import Pages
from tests.flows.chromium import launched
from tests.pages.__main__ import ORIGIN, VIEWS, fulfil
from tests.pages.states import PREFIX, State, states

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_800)]

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    "preload": False,
}
STATES = states()
PARTS = 4
"""Parts of the walk with axe, so that it can be run a part at a time."""
NARROW = 188
"""CSS pixels: a small telephone whose owner has doubled the size of everything."""

ALL_IN_ORDER = """() => {
    const seen = [];
    const stops = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
    for (const each of document.querySelectorAll(stops)) if (each.checkVisibility()) {
        seen.push([each.outerHTML, each.type === 'radio' ? each.name : '']);
    }
    return seen;
}"""
FOCUSED = """() => {
    const each = document.activeElement, style = getComputedStyle(each);
    return [each.outerHTML, style.outlineStyle, parseFloat(style.outlineWidth)];
}"""
LOW = """() => [...document.querySelectorAll('button, .button, nav a, .tel, .wide, summary, .b a, .who a')]
    .filter(each => each.checkVisibility() && each.getBoundingClientRect().height < 43.5).map(each => each.outerHTML)"""


@pytest.fixture(name="chromium", scope="module")
def chromium_fixture() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


def barriers(page: Page) -> list[str]:
    """Return what axe finds on a page. The debugger evaluates it, as our pages allow no script."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {AXE_SCRIPT} }} }}")
    found: list[dict[str, Any]] = page.evaluate(f"axe.run({json.dumps(RULES)}).then(results => results.violations)")
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}" for each in found]


class Shown:
    """A tab that shows states, one after the other."""

    def __init__(self, browser: Browser, width: int = 390) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme="light")
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


@pytest.fixture(name="shown")
def shown_fixture(chromium: Browser) -> Iterator[Shown]:
    """A tab of its own."""
    shown = Shown(chromium)
    yield shown
    shown.context.close()


def named(name: str, language: Language = Language.JA) -> str:
    """Return the page of a state."""
    return next(state for state in STATES if state.name == name).html(language)


def languages(state: State) -> list[Language]:
    """Return the languages of a state; the last resort has two in one page."""
    return [Language.JA] if state.name == "last-resort" else list(Language)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("language", Language)
def test_axe_finds_no_barrier_in_any_state(shown: Shown, language: Language, part: int) -> None:
    """Rules of level A and AA and those of good practice, on a phone and on a desktop, by day and by night."""
    found = []
    for state in STATES[part::PARTS]:
        if language not in languages(state):
            continue
        shown.show(state.html(language))
        for view, (width, height, scheme) in VIEWS.items():
            shown.page.set_viewport_size({"width": width, "height": height})
            shown.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            found += [f"{state.name} {view}: {each}" for each in barriers(shown.page)]

    assert found == []


@pytest.mark.parametrize("language", Language)
def test_no_state_overflows_and_every_action_can_be_hit(chromium: Browser, language: Language) -> None:
    """At the width of a telephone at twice the size; a link that is an action is 44 pixels high."""
    shown = Shown(chromium, NARROW)
    wide, small = [], []
    for state in STATES:
        shown.show(state.html(language))
        if shown.page.evaluate("document.documentElement.scrollWidth") > NARROW:
            wide.append(state.name)
        low = shown.page.evaluate(LOW)
        if low:
            small.append((state.name, low))
    shown.context.close()

    assert (wide, small) == ([], [])


@pytest.mark.parametrize("colours", ["none", "active"])
def test_the_keyboard_goes_through_every_state_in_order(shown: Shown, colours: Any) -> None:
    """Each link and button is one stop, in the order in which it is read, and each stop can be seen.

    A group of choices is one stop, in which the arrows lead from one to the next. All of that holds in the colours
    that a person has forced upon all pages, too.
    """
    shown.page.emulate_media(forced_colors=colours)
    wrong: list[tuple[object, ...]] = []
    for state in STATES:
        shown.show(state.html(Language.JA))
        found = shown.page.evaluate(ALL_IN_ORDER)
        wanted, stops, within = [html for html, _ in found], [], ""
        for _, group in found:
            shown.page.keyboard.press("ArrowDown" if group and group == within else "Tab")
            within = group
            focused, style, width = shown.page.evaluate(FOCUSED)
            stops.append(focused)
            if style not in ("solid", "auto") or width < 2:
                wrong.append((state.name, focused, style, width))
        if stops != wanted:
            wrong.append((state.name, stops, wanted))

    assert wrong == []


def test_forced_colours_leave_every_button_its_border(shown: Shown) -> None:
    """A ground that is taken away leaves an edge, also to the step at which the person is."""
    shown.page.emulate_media(forced_colors="active")
    bare = []
    for state in STATES:
        shown.show(state.html(Language.JA))
        bare += shown.page.evaluate(
            """() => [...document.querySelectorAll('.button, .banner, details, .b a')].filter(each => {
                const style = getComputedStyle(each);
                return each.checkVisibility() && (style.borderTopStyle === 'none' || style.borderTopWidth === '0px');
            }).map(each => each.outerHTML.slice(0, 200))"""
        )

    assert bare == []


@pytest.mark.parametrize("language", Language)
def test_a_printed_page_has_what_to_keep_and_not_what_to_press(shown: Shown, language: Language) -> None:
    """Titles, numbers and telephones are on paper; buttons, steps and the switch are not. The ink is dark."""
    shown.page.emulate_media(media="print", color_scheme="dark")
    wrong = []
    for state in STATES:
        shown.show(state.html(language))
        pressed, kept, ground = shown.page.evaluate(
            """() => [
                [...document.querySelectorAll('.act, .lang, .steps, .skip, button')].filter(
                    each => each.checkVisibility()),
                [...document.querySelectorAll('h1, .num, .n, .tel')].filter(each => !each.checkVisibility()),
            ].map(each => each.map(one => one.outerHTML.slice(0, 100))).concat(
                [getComputedStyle(document.body).backgroundColor])"""
        )
        if pressed or kept or ground != "rgb(255, 255, 255)":
            wrong.append((state.name, pressed, kept, ground))

    assert wrong == []


def test_the_keyboard_first_passes_the_name_plate(chromium: Browser) -> None:
    """The skip link, the languages, and then the button."""
    shown = Shown(chromium, 800)
    shown.show(named("notice-sign_in"))
    stops = []
    for _ in range(8):
        shown.page.keyboard.press("Tab")
        stops.append(shown.page.evaluate("document.activeElement.className || document.activeElement.hreflang"))
    shown.context.close()

    assert stops[:3] == ["skip", "ja-simple", "en"]
    assert "button" in stops
