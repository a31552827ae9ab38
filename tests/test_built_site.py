"""The documentation's site as its reader has it: from a disk, without a network, in Japanese or English."""

from __future__ import annotations

import html.parser
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.flows.chromium import launched

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

LOADS = {"src", "srcset", "poster", "data", "action", "formaction"}


class Seen(html.parser.HTMLParser):
    """A page's links, the addresses that it loads, and the places that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.places: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            elif name in LOADS or (tag == "link" and name == "href"):
                self.loads.add(value or "")
            elif name == "href":
                self.links.add(value or "")


@pytest.fixture(name="site", scope="module")
def site_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make site` does; a warning of Sphinx fails it."""
    out = tmp_path_factory.mktemp("handbook") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "tools.build_site", "--out", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return out


@pytest.fixture(name="page", scope="module")
def page_fixture() -> Iterator[Page]:
    """Open a browser without a network of its own."""
    with launched() as browser:
        yield browser.new_page()


def pages_of(site: Path) -> dict[Path, Seen]:
    """Return the site's pages, parsed."""
    return {path: Seen(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No font, script, style or picture comes from another machine, and no style sheet asks for one."""
    away = {
        (str(path.relative_to(site)), address)
        for path, seen in pages_of(site).items()
        for address in seen.loads
        if re.match(r"(?:[a-z]+:)?//", address)
    }
    for path in (*site.rglob("*.css"), *site.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]*)", text)
        away |= {(str(path.relative_to(site)), address) for address in found}
    for path in site.rglob("*.js"):
        found = re.findall(r"(?:fetch|import|importScripts|open)\(\s*['\"](https?:[^'\"]*)", path.read_text("utf-8"))
        away |= {(str(path.relative_to(site)), address) for address in found}

    assert not away


def test_every_link_leads_to_a_page_and_a_place(site: Path) -> None:
    """A link inside the site names a file that is there and, behind `#`, a place on that page."""
    pages = pages_of(site)
    lost = set()
    for path, seen in pages.items():
        for link in seen.links | {address for address in seen.loads if address}:
            target, _, place = link.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            file = (path.parent / urllib.parse.unquote(target.partition("?")[0])).resolve() if target else path
            known = pages[file].places if file in pages else {place} if file.is_file() else set()
            if urllib.parse.unquote(place) not in known:
                lost.add((str(path.relative_to(site)), link))

    assert not lost


def test_each_page_is_in_both_trees(site: Path) -> None:
    """The switch of the language finds the same page in the other tree."""
    japanese, english = (
        {path.relative_to(site / language) for path in (site / language).rglob("*.html")} for language in ("ja", "en")
    )

    assert japanese == english


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("秘密の入れ替え", "docs/deployment.html"),
        ("復元", "docs/deployment.html"),
        ("メンテナンス", "docs/operations.html"),
        ("秘密鍵の入れ替え", "docs/sign-in.html"),
        ("失効", "docs/sessions.html"),
        ("運用コンソール", "docs/console.html"),
    ],
)
def test_a_japanese_reader_finds_the_page(site: Path, page: Page, words: str, expected: str) -> None:
    """From the disk alone, the search lists the page; no request is for anything but a file."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    page.goto(f"file://{site}/ja/search.html?q={urllib.parse.quote(words)}")
    page.wait_for_selector(f"#search-results ul.search a[href*='{expected}']", timeout=30_000)

    assert requests
    assert all(url.startswith(("file:", "data:")) for url in requests), requests


def test_a_word_that_is_nowhere_is_not_found(site: Path, page: Page) -> None:
    """The search does not list a page for one shared character."""
    page.goto(f"file://{site}/ja/search.html?q={urllib.parse.quote('宇宙旅行保険')}")
    page.get_by_text("見つかりませんでした").wait_for(timeout=30_000)

    assert page.locator("#search-results ul.search li a").count() == 0


def test_the_language_can_be_changed_on_any_page(site: Path, page: Page) -> None:
    """The switch in the margin leads to the same page in the other language, and back."""
    page.goto(f"file://{site}/ja/docs/audit.html")

    page.click(".sidebar-drawer a[hreflang=en]")
    assert page.url == f"file://{site}/en/docs/audit.html"

    page.click(".sidebar-drawer a[hreflang=ja]")
    assert page.url == f"file://{site}/ja/docs/audit.html"
