"""Signatures in Chromium while something fails: the provider at each step, the session, another tab, another person."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from gateway.demo.faults import Fault
from tests.conftest import program
from tests.flows.chromium import ARGUMENTS, SECONDS
from tests.flows.test_signing import Scene, scene, stage

pytestmark = [pytest.mark.long, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

BUTTON = "マイナンバーカードで署名"
SEND = "署名した内容を送信する"
COLLECT = "結果をもう一度受け取る"
AGAIN = "もう一度はじめる"


@pytest_asyncio.fixture(loop_scope="module")
async def context(stage: Scene) -> AsyncIterator[BrowserContext]:
    del stage
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        made = await browser.new_context(locale="ja-JP", viewport={"width": 390, "height": 800})
        made.set_default_timeout(2 * SECONDS * 1000)
        yield made
        await browser.close()


async def hold(page: Page, button: str, card: int = 1, response: str = "normal") -> None:
    """Hold a card to the emulator's reader."""
    await page.check(f"input[name=response][value='{response}']")
    await page.check(f"input[name=card][value='{card}']")
    await page.get_by_role("button", name=button, exact=True).click()


async def filled(context: BrowserContext, scene: Scene) -> Page:
    """Sign in, and send the application's form, up to the page that shows what will be signed."""
    page = await context.new_page()
    await page.goto(f"{scene.origin}/form")
    await hold(page, "認証")
    await page.fill("input[name=child]", "髙橋 蕾")
    await page.get_by_role("button", name="申請").click()
    await expect(page.locator("dl.mine")).to_contain_text("髙橋 蕾")
    return page


async def sent(page: Page, scene: Scene) -> None:
    """Send the signed form; the application has it once."""
    await page.get_by_role("button", name=SEND).click()
    await expect(page.locator("body")).to_have_text("received")
    ((path, headers, _),) = scene.application.got
    assert path == "/apply"
    assert headers["X-Verified-Signature-Id"]


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}])
@pytest.mark.parametrize("endpoint", ["sign_start", "token", "sign_result"])
async def test_a_provider_that_is_away_costs_no_signature(
    scene: Scene,
    context: BrowserContext,
    endpoint: str,
    fault: dict[str, int | bool],
) -> None:
    """Before the card the same page begins again; after it one button fetches the result, without the card."""
    page = await filled(context, scene)
    if endpoint == "sign_start":
        scene.emulator.fail(Fault(endpoint, **fault))  # type: ignore[arg-type]
        await page.get_by_role("button", name=BUTTON).click()
        again = page.get_by_role("link", name=AGAIN)
        await expect(again).to_be_visible()
        scene.emulator.mend()
        await again.click()
    await page.get_by_role("button", name=BUTTON).click()
    if endpoint != "sign_start":
        scene.emulator.fail(Fault(endpoint, **fault))  # type: ignore[arg-type]
    await hold(page, "署名")
    if endpoint != "sign_start":
        collect = page.get_by_role("button", name=COLLECT)
        await expect(collect).to_be_visible()
        scene.emulator.mend()
        await collect.click()

    await sent(page, scene)


async def test_a_provider_that_shows_no_page_is_tried_again_from_ours(
    scene: Scene,
    context: BrowserContext,
) -> None:
    """The person goes back, and presses the same button."""
    page = await filled(context, scene)
    scene.emulator.fail(Fault("auth", status=503, body="<h1>away</h1>", content_type="text/html", times=1))
    await page.get_by_role("button", name=BUTTON).click()
    await expect(page.locator("h1")).to_have_text("away")

    await page.go_back()
    await page.get_by_role("button", name=BUTTON).click()
    await hold(page, "署名")

    await sent(page, scene)


async def test_two_tabs_send_one_form(scene: Scene, context: BrowserContext) -> None:
    """Both go to the provider. The slower one comes back to the same result, and sends nothing a second time."""
    first = await filled(context, scene)
    second = await context.new_page()
    await second.goto(first.url)
    for page in (first, second):
        await page.get_by_role("button", name=BUTTON).click()
        await expect(page.locator("#signing")).to_be_visible()

    await hold(first, "署名")
    await hold(second, "署名")
    await expect(second.get_by_role("button", name=SEND)).to_be_visible()
    await sent(first, scene)
    await second.get_by_role("button", name=SEND).click()

    await expect(second.locator("body")).not_to_have_text("received")
    assert len(scene.application.got) == 1


async def test_a_session_that_ends_in_the_middle_costs_no_second_signature(
    scene: Scene,
    context: BrowserContext,
) -> None:
    """The person signs in again, and sends what she has signed."""
    page = await filled(context, scene)
    await page.get_by_role("button", name=BUTTON).click()
    await context.clear_cookies(name="sekisho")
    await hold(page, "署名")

    await expect(page.get_by_role("button", name=SEND)).to_have_count(0)
    await page.locator("main .act a.button, .act a.button").first.click()
    await hold(page, "認証")

    await sent(page, scene)


@pytest.mark.parametrize(
    ("card", "response"), [(4, "normal"), (28, "normal"), (1, "access_denied")], ids=["another", "child", "cancelled"]
)
async def test_an_attempt_without_a_signature_sends_nothing_and_may_be_repeated(
    scene: Scene,
    context: BrowserContext,
    card: int,
    response: str,
) -> None:
    """Another person's card, a child's, and a person who stops: a page says so, and the right card signs after all."""
    page = await filled(context, scene)
    await page.get_by_role("button", name=BUTTON).click()
    await hold(page, "署名", card, response)

    await expect(page.get_by_role("button", name=SEND)).to_have_count(0)
    assert not scene.application.got
    await page.get_by_role("link", name=AGAIN).click()
    await page.get_by_role("button", name=BUTTON).click()
    await hold(page, "署名")

    await sent(page, scene)


__all__ = ["scene", "stage"]
