"""Chromium walks the workbench, of a gateway and alone: open, break a rule, see it, mend it, print."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page, Route, expect, sync_playwright

from gateway.portal.operators import Role, new_token
from tests.conftest import program
from tests.flows.gateway_process import GatewayProcess, application

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
SECONDS = 90
PICTURES = ROOT / "pages" / "workbench"
"""The recorded walk; those of `docs/workbench` come from here."""

LOTTERY = (ROOT / "policies" / "lottery.yaml").read_text("utf-8")
UNCHOSEN = 150
"""Milliseconds. The editor chooses nothing in the first 75 of a list: a hand that types on would choose unawares."""


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Wait for a slow machine as well."""
    expect.set_options(timeout=SECONDS * 1_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drafts"
    made.mkdir()
    (made / "lottery.yaml").write_text(LOTTERY, "utf-8")
    return made


@pytest.fixture
def token() -> tuple[str, str]:
    """The token and the line of an author."""
    return new_token("abe", secrets.token_bytes(32), [Role.AUTHOR])


@pytest.fixture
def gateway(tmp_path: Path, redis_url: str, folder: Path, token: tuple[str, str]) -> Iterator[GatewayProcess]:
    """A gateway with one author."""
    (tmp_path / "operators").write_text(token[1])
    more = f"operators: {{file: operators}}\nconsole: {{workbench: {folder}}}\n"
    with application() as upstream:
        process = GatewayProcess(tmp_path, upstream, redis_url, more=more)
        try:
            process.start()
            yield process
        finally:
            process.stop()


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """The address that `sekisho workbench` prints."""
    command = [sys.executable, "-m", "gateway", "workbench", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.terminate()
            assert process.wait(SECONDS) == 0


class Walk:
    """An author's browser, which notes each thing that the page's policy or script refuses."""

    def __init__(
        self, chromium: Browser, locale: str, *, scripts: bool = True, width: int = 1280, height: int = 900
    ) -> None:
        self.context = chromium.new_context(
            locale=locale, viewport={"width": width, "height": height}, java_script_enabled=scripts
        )
        self.context.set_default_timeout(SECONDS * 1_000)
        self.page: Page = self.context.new_page()
        self.failures: list[str] = []
        self.page.on("console", lambda said: self.failures.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.failures.append(str(error)))
        self.page.on(
            "request",
            lambda asked: None if "//127.0.0.1:" in asked.url else self.failures.append(f"asks {asked.url}"),
        )

    def examine(self, where: str) -> None:
        """Find no barrier on the page that is open."""
        found = Axe().run(self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        assert found.violations_count == 0, f"{where}: {found.generate_report()}"

    def examine_both(self, where: str) -> None:
        """Find no barrier in either of the page's colours."""
        self.page.emulate_media(color_scheme="dark")
        self.examine(f"{where}, dark")
        self.page.emulate_media(color_scheme="light")
        self.examine(f"{where}, light")

    def answered(self, count: str) -> None:
        """Wait until the page has had another answer than that one, and none is on its way."""
        expect(self.page.locator("#bench")).not_to_have_attribute("data-answered", count)
        self.settle()

    def settle(self) -> str:
        """Wait until no answer is on its way, and return the number of the last one."""
        # The page's policy refuses functions that the debugger would have it evaluate.
        bench = self.page.locator("#bench")
        expect(bench).to_have_attribute("data-answered", re.compile(r"[0-9]+"))
        expect(self.page.locator("#results")).not_to_have_attribute("aria-busy", "true")
        return bench.get_attribute("data-answered") or ""


def replace_in_editor(page: Page, old: str, new: str) -> None:
    """Find a word in the editor with its own search, and type another in its place."""
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Control+f")
    field = page.locator(".cm-search input[main-field]")
    field.fill(old)
    # Its search follows keys and changes; the debugger's typing is neither.
    field.dispatch_event("change")
    field.press("Enter")
    field.press("Escape")
    expect(page.locator(".cm-content")).to_be_focused()
    page.keyboard.type(new)


@pytest.mark.parametrize(("locale", "language"), [("ja-JP", "ja"), ("en-GB", "en")])
def test_an_author_breaks_a_rule_sees_it_mends_it_and_prints(
    chromium: Browser, gateway: GatewayProcess, folder: Path, token: tuple[str, str], locale: str, language: str
) -> None:
    """In the console of a gateway. Every state is free of barriers, light and dark, and nothing is refused."""
    walk = Walk(chromium, locale)
    page = walk.page
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.goto(f"http://127.0.0.1:{gateway.management}/console/")
    page.fill("#token", token[0])
    page.locator("main button").click()
    expect(page.locator("nav.menu")).to_be_visible()
    walk.failures.clear()  # Chromium reports the 401 of the sign-in page.
    page.locator("nav.menu a").click()
    walk.examine("the list")
    page.get_by_role("link", name="lottery.yaml").click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("main li.green")).to_have_count(8)
    walk.settle()
    # The editor holds the lines alone that are in view, and the examples stand last.
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+End")
    expect(page.locator(".cm-line.example-green").first).to_be_visible()
    page.keyboard.press("Control+Home")
    walk.examine_both("opened")
    page.screenshot(path=PICTURES / f"1-opened.{language}.png")

    count = walk.settle()
    replace_in_editor(page, "広島県府中市", "東京都府中市")
    walk.answered(count)
    expect(page.locator("main li.red").first).to_be_visible()
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+End")
    expect(page.locator(".cm-line.example-red").first).to_be_visible()
    page.keyboard.press("Control+Home")
    walk.examine_both("an example fails")
    page.screenshot(path=PICTURES / f"2-red.{language}.png")
    expect(page.locator(".compared .anew .state")).to_be_visible()
    expect(page.locator(".compared table.effects tbody tr").first).to_be_visible()
    page.locator(".compared").screenshot(path=PICTURES / f"6-effects.{language}.png")

    count = walk.settle()
    replace_in_editor(page, "東京都府中市", "府中市")
    walk.answered(count)
    expect(page.locator("main li.mistake")).to_have_count(1)
    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    page.locator("main li.mistake a").click()
    expect(page.locator(".cm-content")).to_be_focused()
    walk.examine("a mistake")
    page.screenshot(path=PICTURES / f"3-mistake.{language}.png")

    count = walk.settle()
    replace_in_editor(page, "[府中市", "[広島県府中市")
    walk.answered(count)
    expect(page.locator("main li.mistake")).to_have_count(0)
    expect(page.locator("main li.green")).to_have_count(8)

    count = walk.settle()
    page.fill("#q_request", "POST /enter")
    page.fill("#q_at", "2026-12-05")
    page.fill("#q_address", "広島県府中市元町1")
    walk.answered(count)
    expect(page.locator(".verdict .state").first).to_have_text("許可" if language == "ja" else "Permitted")
    page.locator(".verdict details summary").first.click()
    walk.examine_both("a question")
    page.screenshot(path=PICTURES / f"4-question.{language}.png")
    walk.settle()
    expect(page.locator(".verdict details").first).to_have_attribute("open", "")

    page.emulate_media(media="print")
    expect(page.locator("#draft")).to_be_hidden()
    expect(page.locator(".sentences")).to_be_visible()
    expect(page.locator(".print-head")).to_be_visible()
    page.pdf(path=PICTURES / f"5-print.{language}.pdf", format="A4")
    page.screenshot(path=PICTURES / f"5-print.{language}.png", full_page=True)
    page.emulate_media(media="screen")

    page.fill("#save-reason", "the sentence is clearer")
    page.locator("#save button").click()
    expect(page.locator("p.done")).to_be_visible()
    assert (folder / "lottery.yaml").read_text("utf-8") == LOTTERY
    assert walk.failures == []


@pytest.mark.parametrize(("locale", "language"), [("ja-JP", "ja"), ("en-GB", "en")])
def test_an_author_asks_compares_prints_and_meets_herself_in_a_second_tab(
    chromium: Browser, address: str, folder: Path, locale: str, language: str
) -> None:
    """On a narrow screen, with a connection that is lost for a while. Each state is free of barriers."""
    walk = Walk(chromium, locale, width=1024, height=700)
    page = walk.page
    page.goto(address)
    file = address.partition("enter")[0] + "workbench/edit?file=lottery.yaml"
    page.goto(file)
    expect(page.locator("html")).to_have_attribute("lang", language)
    count = walk.settle()
    expect(page.locator("#state")).to_be_in_viewport()
    expect(page.locator("#state")).to_have_attribute("data-kind", "good")

    page.fill("#q_request", "POST /enter")
    page.fill("#q_at", "2026-12-11")
    page.check("#q_nobody")
    walk.answered(count)
    expect(page.locator(".verdict .state").first).to_have_text("拒否" if language == "ja" else "Refused")
    expect(page.locator(".verdict blockquote")).to_contain_text("12月1日から12月10日まで")
    walk.examine_both("a refusal")

    count = walk.settle()
    replace_in_editor(page, "until: 2026-12-10", "until: 2026-12-11")
    walk.answered(count)
    asks = "ログインを求める" if language == "ja" else "Asks for a sign-in"
    expect(page.locator(".verdict .state").first).to_have_text(asks)
    anew = "新たに" if language == "ja" else "anew"
    expect(page.locator(".compared .anew")).to_contain_text(anew)
    expect(page.locator("main li.red")).not_to_have_count(0)
    expect(page.locator("#state")).to_have_attribute("data-kind", "bad")
    page.locator(".compared details summary").click()
    expect(page.locator(".lines tr.new")).to_contain_text("2026-12-11")
    expect(page.locator(".lines tr.gone")).to_contain_text("2026-12-10")
    walk.examine_both("a comparison")

    page.emulate_media(media="print")
    expect(page.locator("#draft")).to_be_hidden()
    expect(page.locator(".print-head")).to_contain_text("lottery.yaml")
    expect(page.locator(".print-sign")).to_be_visible()
    expect(page.locator(".sentences")).to_contain_text("12月11日" if language == "ja" else "2026-12-11")
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="screen")
    assert walk.failures == []

    walk.context.set_offline(offline=True)
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.type("# mine\n")
    expect(page.locator("#stale")).to_be_visible()
    expect(page.locator("#state")).to_contain_text("応答がない" if language == "ja" else "There is no answer")
    walk.examine_both("a lost connection")
    # The page asks again by itself.
    walk.context.set_offline(offline=False)
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator(".lines tr.new").first).to_contain_text("# mine")

    second = walk.context.new_page()
    second.goto(file)
    expect(second.locator("#bench")).to_have_attribute("data-answered", re.compile(r"[0-9]+"))
    replace_in_editor(second, "until: 2026-12-10", "until: 2026-12-09")
    second.locator("#save button").click()
    expect(second.locator("p.done")).to_be_visible()
    saved = LOTTERY.replace("until: 2026-12-10", "until: 2026-12-09")
    assert (folder / "lottery.yaml").read_text("utf-8") == saved

    page.locator("#save button").click()
    expect(page.locator("main .stop")).to_contain_text(
        "変更されました" if language == "ja" else "was changed elsewhere"
    )
    walk.settle()
    expect(page.locator(".cm-content")).to_contain_text("# mine")
    assert (folder / "lottery.yaml").read_text("utf-8") == saved
    page.locator(".compared details summary").click()
    expect(page.locator(".lines tr.gone").first).to_contain_text("2026-12-09")
    walk.examine_both("a file that was changed elsewhere")
    # The text is nowhere but here: the page does not let it go without a word.
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.locator(".cm-content").click()
    page.locator(".where a").click()
    expect(page.get_by_role("link", name="lottery.yaml")).to_be_visible()
    assert asked == ["beforeunload"]


def test_an_author_completes_and_reads_about_a_key_without_a_mouse(chromium: Browser, address: str) -> None:
    """Completion knows the place, hover is Japanese, Tab leads out of the editor, and F8 to the next mistake."""
    walk = Walk(chromium, "ja-JP")
    page = walk.page
    page.goto(address)
    page.get_by_role("link", name="lottery.yaml").click()
    count = walk.settle()
    editor = page.locator(".cm-content")
    editor.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("  - title: x\n")
    page.keyboard.type("ex")
    page.keyboard.press("Control+Space")
    expect(page.locator(".cm-tooltip-autocomplete li").first).to_have_text(re.compile("^expect"))
    expect(page.locator(".cm-completionInfo")).to_contain_text("期待する結果")
    page.wait_for_timeout(UNCHOSEN)
    page.keyboard.press("Enter")
    page.keyboard.type("sig")
    expect(page.locator(".cm-tooltip-autocomplete li").first).to_have_text("sign in")
    page.wait_for_timeout(UNCHOSEN)
    page.keyboard.press("Enter")
    walk.answered(count)
    # The answer to the whole text: an answer to a part of it would be followed by another, which closes the tooltip.
    expect(page.locator("main li.mistake")).to_have_count(2)
    page.keyboard.press("Control+Home")
    walk.settle()
    page.keyboard.press("F8")
    expect(page.locator(".cm-tooltip-lint, .cm-diagnostic").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()
    # The editor holds the lines alone that are in view.
    editor.focus()
    page.keyboard.press("Control+Home")
    page.locator(".cm-line", has_text="once: ever").locator("span", has_text="once").first.hover()
    expect(page.locator(".cm-tooltip .about")).to_contain_text("一回と数える期間")
    assert walk.failures == []


def test_the_workbench_works_without_scripts(chromium: Browser, address: str, folder: Path) -> None:
    """The text is in a plain field, its button checks it, and what was checked is saved."""
    walk = Walk(chromium, "ja-JP", scripts=False)
    page = walk.page
    page.goto(address)
    page.get_by_role("link", name="lottery.yaml").click()
    page.fill("#text", LOTTERY.replace("[広島県府中市]", "[府中市]"))
    page.locator("#draft section.edit button").click()
    expect(page.locator("main li.mistake")).to_have_count(1)
    page.fill("#text", LOTTERY.replace("2026-12-10", "2026-12-20"))
    page.fill("#q_request", "POST /enter")
    page.fill("#q_at", "2026-12-05")
    page.check("#q_nobody")
    page.locator("#draft section.ask button").click()
    expect(page.locator(".verdict .state").first).to_have_text("ログインを求める")
    page.locator("#save button").click()
    expect(page.locator("p.done")).to_be_visible()
    assert (folder / "lottery.yaml").read_text("utf-8") == LOTTERY.replace("2026-12-10", "2026-12-20")
    assert walk.failures == []


def test_the_printed_address_opens_once_and_only_in_its_browser(chromium: Browser, address: str) -> None:
    """A second browser with the address, one without, and one by a name that leads to loopback are refused."""
    first, second = Walk(chromium, "ja-JP"), Walk(chromium, "ja-JP")
    first.page.goto(address)
    expect(first.page.get_by_role("link", name="lottery.yaml")).to_be_visible()
    for page, target, status in (
        (second.page, address, 403),
        (second.page, address.partition("enter")[0] + "workbench", 401),
    ):
        answer = page.goto(target)
        assert answer is not None
        assert answer.status == status
        expect(page.locator("main")).to_contain_text("sekisho workbench")
    first.page.reload()
    expect(first.page.get_by_role("link", name="lottery.yaml")).to_be_visible()


def test_a_save_that_waits_says_so_and_is_sent_once(chromium: Browser, address: str, folder: Path) -> None:
    """The check takes long on a loaded machine: the page says that it saves, and a second press does nothing."""
    walk = Walk(chromium, "ja-JP")
    page = walk.page
    page.goto(address)
    page.get_by_role("link", name="lottery.yaml").click()
    walk.settle()
    held: list[Route] = []
    saves: list[str] = []
    page.on("request", lambda sent: saves.append(sent.url) if sent.url.endswith("/save") else None)
    page.route("**/workbench/work*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it

    page.locator("#save button").click()
    expect(page.locator("#saving")).to_contain_text("保存しています")
    expect(page.locator("#save")).to_have_attribute("aria-busy", "true")
    page.locator("#save button").click()
    page.locator("#save button").click()
    assert len(held) == 1
    assert saves == []
    held[0].continue_()

    expect(page.locator("p.done")).to_be_visible()
    assert len(saves) == 1
    assert (folder / "lottery.yaml").read_text("utf-8") == LOTTERY


def test_a_text_that_cannot_be_saved_stays(chromium: Browser, address: str, folder: Path) -> None:
    """The sign-in has ended meanwhile: the page says so, keeps the text, and nothing is written."""
    walk = Walk(chromium, "ja-JP")
    walk.page.goto(address)
    walk.page.get_by_role("link", name="lottery.yaml").click()
    walk.settle()
    walk.page.locator(".cm-content").focus()
    walk.page.keyboard.press("Control+Home")
    walk.page.keyboard.type("# 書きかけ\n")
    walk.context.clear_cookies()

    walk.page.locator("#save button").click()

    expect(walk.page.locator("#unsaved")).to_contain_text("保存していません")
    expect(walk.page.locator(".cm-content")).to_contain_text("書きかけ")
    assert (folder / "lottery.yaml").read_text("utf-8") == LOTTERY
