"""Photographs every state of our own pages, for `make pages`: a folder of pictures with an index page.

It fails if a state of the code has no picture.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from html import escape
from pathlib import Path

from playwright.sync_api import Browser, Route, sync_playwright

from gateway.language import Language
from gateway.portal.aiohttp_pages import Pages, colour_sheet
from tests.conftest import program
from tests.pages.states import LOGO, PREFIX, State, missing, states

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
ORIGIN = "https://app.gw.test"
VIEWS = {
    "phone": (390, 800, "light"),
    "phone-dark": (390, 800, "dark"),
    "desktop": (1_100, 800, "light"),
    "desktop-dark": (1_100, 800, "dark"),
}


def fulfil(pages: Pages, html: str, route: Route) -> None:
    """Answer as the portal does: with its page, its sheets and its pictures, and with nothing else."""
    name = route.request.url.partition("?")[0].removeprefix(f"{ORIGIN}{PREFIX}static/")
    sheet = colour_sheet(name)
    if route.request.resource_type == "document":
        route.fulfill(body=html, content_type="text/html; charset=utf-8")
    elif name in pages.assets:
        route.fulfill(body=pages.assets[name].content, content_type=pages.assets[name].type)
    elif name == LOGO.name:
        route.fulfill(body=LOGO.content, content_type=LOGO.type)
    elif sheet is not None:
        route.fulfill(body=sheet, content_type="text/css")
    else:
        route.fulfill(status=204)


def _answer(pages: Pages, shown_now: list[str], route: Route) -> None:
    fulfil(pages, shown_now[0], route)


def photograph(browser: Browser, shown: list[State], folder: Path, names: list[str]) -> list[tuple[str, str]]:
    """Write the pictures, and return the state and the file of each."""
    pages = Pages(PREFIX)
    taken = []
    for view, (width, height, scheme) in VIEWS.items():
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=False,
        )
        tab = context.new_page()
        shown_now = [""]
        tab.route("**/*", partial(_answer, pages, shown_now))
        for state in shown:
            for language in Language:
                if names and not any(name in state.name for name in names):
                    continue
                html = state.html(language)
                shown_now[0] = html
                tab.goto(f"{ORIGIN}/{state.name}")
                file = f"{state.name}.{language}.{view}.png"
                tab.screenshot(path=folder / file, full_page=True)
                taken.append((state.name, file))
        context.close()
    return taken


def index(taken: list[tuple[str, str]]) -> str:
    """Return the page that shows them all."""
    parts = ['<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Every state of our pages</title>']
    parts.append("<style>img{width:14rem;border:1px solid;vertical-align:top;margin:.25rem}</style><h1>States</h1>")
    for name in dict.fromkeys(name for name, _ in taken):
        parts.append(f'<h2 id="{escape(name)}">{escape(name)}</h2><p>')
        parts += [
            f'<a href="{escape(file)}"><img src="{escape(file)}" alt="{escape(file)}" loading="lazy"></a>'
            for each, file in taken
            if each == name
        ]
        parts.append("</p>")
    return "".join(parts)


def main() -> int:
    """Photograph, and say what has no picture."""
    parser = argparse.ArgumentParser(prog="make pages", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of states; without any, all of them")
    parser.add_argument("--folder", type=Path, default=Path("pages"))
    given = parser.parse_args()
    lacking = missing()
    if lacking:
        sys.stderr.write(f"no state in tests/pages/states.py for: {', '.join(sorted(lacking))}\n")
        return 1
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        taken = photograph(browser, states(), given.folder, given.names)
        browser.close()
    (given.folder / "index.html").write_text(index(taken), encoding="utf-8")
    sys.stdout.write(f"{len(taken)} pictures: {given.folder / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
