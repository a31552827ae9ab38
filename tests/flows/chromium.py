"""A headless Chromium without special trust, and a person's steps at the provider's test screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import program

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
SECONDS = 30
"""Seconds of patience with a page, on a machine that does other things as well."""


@contextmanager
def launched(without: Sequence[str] = ()) -> Iterator[Browser]:
    """Run a Chromium; `without` are arguments of Playwright's own that it does not get."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=ARGUMENTS, ignore_default_args=list(without)
        )
        expect.set_options(timeout=SECONDS * 1000)
        yield browser
        browser.close()


def fresh(chromium: Browser) -> BrowserContext:
    """Return a browser that nobody has used yet."""
    context = chromium.new_context(locale="ja-JP", viewport={"width": 390, "height": 800})
    context.set_default_timeout(SECONDS * 1000)
    return context


def at_provider(page: Page) -> None:
    """Be on the test screen; press the notice's button where one comes first."""
    notice = page.locator("form[method=post][action^='/.sekisho/'] button")
    if "/protocol/openid-connect/auth" not in page.url:
        notice.first.click()
    expect(page).to_have_title("デジタル認証アプリ 認証API/署名APIテストレスポンス設定画面")


def hold(page: Page, card: int, response: str = "normal") -> None:
    """Hold a card to the reader, or have the provider answer with an error."""
    at_provider(page)
    page.check(f"input[name=response][value='{response}']")
    page.check(f"input[name=card][value='{card}']")
    page.get_by_role("button", name="認証", exact=True).click()
