"""Journeys of people that once ended badly, in a headless Chromium: each ends where it should."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from redis import Redis

from gateway.instant import tokyo_day
from tests.conftest import free_port
from tests.flows.chromium import at_provider, hold
from tests.flows.demo_process import Demo, started
from tests.flows.gateway_process import HOST, GatewayProcess

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MINUTE = 60
DAY = 86_400
WEEKDAYS = "月火水木金土日"
TABS = 11
"""Tabs in which one person has begun a sign-in."""
PER_BROWSER = 32
"""Sign-ins of one browser that may be under way."""


@pytest.fixture(name="ahead", scope="module")
def ahead_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that says by how many seconds the demo's clock is ahead."""
    file = tmp_path_factory.mktemp("clock") / "ahead"
    file.write_text("0")
    return file


@pytest.fixture(name="demo", scope="module")
def demo_fixture(ahead: Path) -> Iterator[Demo]:
    """A demo of this file's own, whose clock the tests move and whose Apps they close."""
    with started(free_port(), ahead) as demo:
        yield demo


@pytest.fixture(name="page")
def page_fixture(context: BrowserContext) -> Page:
    return context.new_page()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(words))


def listed(page: Page) -> list[str]:
    """Return the items that the page says are read from the card."""
    return page.locator("ul.facts.read b").all_text_contents()


def answered(page: Page, card: int) -> str:
    """Hold a card to the reader, and return where the provider sends the browser, which does not go there yet."""
    at_provider(page)
    page.check("input[name=response][value=normal]")
    page.check(f"input[name=card][value='{card}']")
    action, fields = page.evaluate(
        """() => {
            const form = document.querySelector("input[name=card]").form;
            return [form.action, Object.fromEntries(new FormData(form))];
        }"""
    )
    answer = page.request.post(action, form=fields, max_redirects=0)
    assert answer.status in (302, 303), answer.text()
    return answer.headers["location"]


def pass_by(demo: Demo, ahead: Path, seconds: int) -> None:
    """Let time pass: for the gateway, and for what its store keeps of logins under way."""
    ahead.write_text(str(float(ahead.read_text()) + seconds))
    with Redis(unix_socket_path=demo.redis_path) as redis:
        for key in redis.scan_iter("sekisho:l:s:*", count=1000):
            redis.delete(key)


def test_a_person_who_took_an_hour_is_one_press_from_where_she_was(page: Page, demo: Demo, ahead: Path) -> None:
    """The notice says the deadline. The provider's late answer leads to the same page, for the same facts."""
    page.goto(f"{demo.booking}/reserve/42")
    expect(page.get_by_text("30分以内")).to_be_visible()
    asked = listed(page)
    assert asked
    callback = answered(page, 22)
    pass_by(demo, ahead, 60 * MINUTE)

    page.goto(callback)

    heading(page, "時間切れです")
    assert listed(page) == asked
    expect(page.locator("main form.act button")).to_have_count(1)
    hold(page, 22)
    expect(page).to_have_url(re.compile(r"/reserve(/42)?$"))
    expect(page.locator(".greeting")).to_be_visible()


def switch(demo: Demo, *arguments: str) -> None:
    command = [sys.executable, "-m", "gateway", "switch", *arguments, "-c", str(demo.settings)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


def test_a_maintenance_of_three_days_ends_on_a_day_at_an_hour(page: Page, demo: Demo) -> None:
    """With the operator's words, in the person's language; no page counts seconds."""
    words = ("--message", "空調の工事です。", "--message-en", "Works on the air conditioning.")
    switch(demo, "on", "maintenance-booking", "--for", "72h", "--reason", "空調", *words)
    try:
        _until(page, f"{demo.booking}/reserve", 503)
        text = page.locator("main").inner_text()
        english = page.context.browser
        assert english is not None
        with_english = english.new_context(locale="en-GB")
        other = with_english.new_page()
        other.goto(f"{demo.booking}/reserve")
        translated = other.locator("main").inner_text()
        with_english.close()
    finally:
        switch(demo, "off", "maintenance-booking")
    end = re.search(r"(\d+)月(\d+)日（(.)）(\d+)時(?:\d+分)?ごろ終わる予定です", text)

    assert end is not None, text
    assert WEEKDAYS.index(end[3]) in range(7)
    assert "空調の工事です。" in text
    assert "Works on the air conditioning." in translated
    for words_of_page in (text, translated):
        assert not re.search(r"秒|second|25\d{4}", words_of_page), words_of_page


def _until(page: Page, url: str, status: int) -> None:
    """Load a page until it answers so: workers look at the switches' file every second."""
    answer = page.goto(url)
    for _ in range(100):
        if answer is not None and answer.status == status:
            break
        page.wait_for_timeout(100)
        answer = page.goto(url)
    assert answer is not None
    assert answer.status == status


def test_a_closed_week_says_from_which_day_it_opens(
    chromium: Browser, prepare: Callable[[int, str], GatewayProcess]
) -> None:
    """`retry_after: end` over a closing of several days is a date for the person, and seconds for programs alone."""
    last = tokyo_day(time.time() + 4 * DAY)
    opens = last + timedelta(days=1)
    first = last - timedelta(days=10)
    gateway = prepare(
        1,
        "policy: closed\nconditions:\n"
        f"  closed: {{dates: {{from: {first.isoformat()}, until: {last.isoformat()}}}}}\n"
        "rules:\n  - {name: closed, when: closed, allow: nobody,\n"
        "     say: {ja: 年末年始は休止しています。, en: Closed over New Year., status: 503, retry_after: end}}\n"
        "  - {name: rest, allow: everyone}\n",
    )
    gateway.start()
    context = chromium.new_context(locale="ja-JP", viewport={"width": 390, "height": 800})
    page = context.new_page()
    answer = page.goto(f"http://{HOST}:{gateway.port}/apply")
    text = page.locator("main").inner_text()
    context.close()

    assert answer is not None
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (503, "text/html")
    assert int(answer.headers["retry-after"]) > MINUTE
    assert f"{opens.month}月{opens.day}日（{WEEKDAYS[opens.weekday()]}）" in text
    assert "年末年始は休止しています。" in text
    assert "秒" not in text


@pytest.mark.parametrize(
    ("target", "status"),
    [("//a", 400), ("/a;jsessionid=1", 400), (f"/{'a' * 9_000}", 414), ("/reserve/..%2f..%2fa", 400)],
)
def test_an_old_link_ends_on_a_page(page: Page, demo: Demo, target: str, status: int) -> None:
    """With a heading, a number to read out and a way on, and never JSON."""
    answer = page.goto(f"{demo.booking}{target}")

    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert re.fullmatch("[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", page.locator(".n").inner_text())
    page.locator(".b a").first.click()
    expect(page).to_have_url(f"{demo.booking}/")


def test_a_host_that_is_no_apps_ends_on_a_page(page: Page, demo: Demo) -> None:
    """A link of before the move: the page says that the address is no service of this place."""
    answer = page.goto(f"http://moved.localhost:{demo.port}/reserve")

    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (421, "text/html; charset=utf-8")
    heading(page, "このアドレスのサービスはありません")


def test_each_of_eleven_tabs_arrives(context: BrowserContext, demo: Demo) -> None:
    """In the order in which they were begun: the first sign-in serves them all."""
    tabs = [context.new_page() for _ in range(TABS)]
    for number, tab in enumerate(tabs):
        tab.goto(f"{demo.booking}/reserve?tab={number}")
        at_provider(tab)

    for number, tab in enumerate(tabs):
        hold(tab, 17)
        expect(tab).to_have_url(f"{demo.booking}/reserve?tab={number}")
        expect(tab.locator(".greeting")).to_be_visible()


def test_a_tab_that_made_room_is_told_so(context: BrowserContext, demo: Demo) -> None:
    """Forty sign-ins of one browser are too many: the oldest says that newer ones took its place, and begins again."""
    oldest, newer = context.new_page(), context.new_page()
    oldest.goto(f"{demo.booking}/reserve/42")
    at_provider(oldest)
    for _ in range(PER_BROWSER + 2):
        newer.goto(f"{demo.booking}/reserve/43")
        at_provider(newer)

    hold(oldest, 18)

    heading(oldest, "ほかのタブの手続きが新しいため")
    expect(oldest.get_by_text("時間切れではありません")).to_be_visible()
    hold(oldest, 18)
    expect(oldest).to_have_url(re.compile(r"/reserve(/42)?$"))
    expect(oldest.locator(".greeting")).to_be_visible()
