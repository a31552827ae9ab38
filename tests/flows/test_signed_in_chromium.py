"""Signatures in Chromium: the demo's application for child allowance, and its bank that asks for a consent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flows.chromium import fresh, hold
from tests.flows.demo_process import Demo

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

BUTTON = "マイナンバーカードで署名"
CONSENT = "同意し、マイナンバーカードで署名"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = fresh(chromium)
    yield context.new_page()
    context.close()


def signed_in(page: Page, url: str, card: int = 1) -> None:
    """Open an application as a person who has signed in with a card."""
    page.goto(url)
    hold(page, card)
    expect(page.locator("#foot")).to_be_visible()


def filled(page: Page) -> None:
    """Fill the claim in and send it, up to the page that shows what will be signed."""
    page.get_by_role("link", name="申請する").first.click()
    page.fill("input[name=child]", "髙橋　蕾")
    page.fill("input[name=born]", "2024-04-01")
    page.fill("textarea[name=remarks]", "一行目\n二行目")
    page.get_by_role("button", name="内容を確認して署名する").click()
    expect(page.locator("dl.mine")).to_contain_text("髙橋　蕾")
    expect(page.locator("dl.mine")).to_contain_text("二行目")


def sign(page: Page, card: int = 1, response: str = "normal", button: str = BUTTON) -> None:
    """Press our button, and hold a card to the provider's reader."""
    page.get_by_role("button", name=button).click()
    expect(page.locator("#signing")).to_be_visible()
    page.check(f"input[name=response][value='{response}']")
    page.check(f"input[name=card][value='{card}']")
    page.get_by_role("button", name="署名", exact=True).click()


def test_a_form_is_signed_and_accepted(demo: Demo, page: Page) -> None:
    """The hash that the page shows is the one that the application makes again of the form it gets."""
    signed_in(page, demo.allowance)
    filled(page)
    shown = page.locator("p.note code").first.inner_text()

    sign(page)
    page.locator("main form[method=post] button, form[method=post] button").first.click()

    expect(page.locator("#hash")).to_have_text(shown)
    assert "/claims/" in page.url


def test_a_person_who_stops_at_the_card_may_sign_after_all(demo: Demo, page: Page) -> None:
    """Nothing has reached the application; the second attempt counts."""
    signed_in(page, demo.allowance)
    filled(page)

    sign(page, response="access_denied")
    expect(page.locator("#hash")).to_have_count(0)
    page.get_by_role("link", name="もう一度はじめる").click()
    sign(page)
    page.locator("form[method=post] button").first.click()

    expect(page.locator("#hash")).to_be_visible()


@pytest.mark.parametrize("card", [4, 28])
def test_a_card_that_cannot_sign_for_this_person_is_told(demo: Demo, page: Page, card: int) -> None:
    """Another person's card, and a child's without a signing certificate: a page, and no claim."""
    signed_in(page, demo.allowance)
    filled(page)

    sign(page, card=card)

    expect(page.locator("h1")).to_be_visible()
    assert "/.sekisho/" in page.url
    page.goto(demo.allowance)
    expect(page.get_by_text("受け付けた申請")).to_have_count(page.locator("h2").count())


def test_a_bank_gets_a_consent(demo: Demo, page: Page) -> None:
    """The page names receiver, items and purpose; the bank shows the hash of the consent."""
    signed_in(page, demo.bank)
    page.get_by_role("button", name="同意の手続きへ").click()
    for words in ("関所銀行（実演用）", "住所変更などのお手続きを省くため", "氏名", "住所"):
        expect(page.locator("body")).to_contain_text(words)

    sign(page, button=CONSENT)

    expect(page.get_by_text("同意を受け付けました")).to_be_visible()
    expect(page.locator("#hash")).to_be_visible()


def test_a_bank_hears_of_a_refusal(demo: Demo, page: Page) -> None:
    """「同意しない」 is an answer."""
    signed_in(page, demo.bank, card=4)
    page.get_by_role("button", name="同意の手続きへ").click()

    page.get_by_role("button", name="同意しない").click()

    link = page.get_by_text("同意されなかったことを承りました")
    if not link.count():
        page.goto(f"{demo.bank}/done")
    expect(link).to_be_visible()
