"""Service workers that were registered before the gateway came, in a real Chromium: none of them sees a sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import free_port
from tests.flows.chromium import fresh, hold
from tests.flows.demo_process import Demo, started
from tests.flows.hostile_application import KEEPER, RELAY, SCRIPT, Said, serving

pytestmark = pytest.mark.long

LURKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (!event.request.url.includes("/callback")) return;
  event.respondWith(new Response("<h1>stolen</h1>", {headers: {"Content-Type": "text/html"}}));
});
"""
"""A worker that lets everything by until the callback comes."""

PRELOADER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil((async () => {
  await self.registration.navigationPreload.enable();
  await self.clients.claim();
})()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode !== "navigate") return;
  event.respondWith((async () => {
    const answer = await event.preloadResponse;
    if (!answer || answer.type === "opaqueredirect") return answer ?? fetch(event.request);
    const text = (await answer.text()).replace("</body>", "<p>read by the worker</p></body>");
    return new Response(text, {status: answer.status, headers: {"Content-Type": "text/html"}});
  })());
});
"""
"""A worker that has the browser ask, as if for a document, and reads the answer."""

WORKERS = {
    # Each browser asks again for the script in the folder below: there is nothing any more, so that the worker stays.
    "relay": ("/public/sw.js", RELAY),
    "preloader": ("/public/sw.js", PRELOADER),
    "lurker": ("/public/sw.js", LURKER),
    "keeper": ("/sw.js", KEEPER),
}
REGISTERED = "navigator.serviceWorker.getRegistrations().then((all) => all.length)"
REGISTER = """(script) => navigator.serviceWorker.register(script, {scope: "/"})
  .then(() => navigator.serviceWorker.ready).then(() => localStorage.setItem("draft", "kept"))"""

GONE = """() => new Promise((done) => {
  let left = 300;
  const look = () => navigator.serviceWorker.getRegistrations().then((all) => {
    if (all.length === 0 || --left === 0) done(all.length === 0); else setTimeout(look, 50);
  });
  look();
})"""


@pytest.fixture(scope="module")
def before(chromium: Browser) -> Iterator[tuple[Demo, dict[str, Page]]]:
    """Yield the demo, and a page of one browser for each worker, registered while there was no gateway yet."""
    port = free_port()
    pages: dict[str, Page] = {}
    with ExitStack() as stack:
        with serving(port) as (application, _):
            for name, (script, text) in WORKERS.items():
                application.pages[script] = Said({**SCRIPT, "Service-Worker-Allowed": "/"}, text)
                page = pages[name] = stack.enter_context(fresh(chromium)).new_page()
                page.goto(f"http://localhost:{port}/")
                page.evaluate(REGISTER, script)
        demo = stack.enter_context(started(port))
        yield demo, pages


@pytest.mark.parametrize("worker", ["relay", "preloader"])
def test_a_worker_that_reads_what_passes_is_removed_and_says_so(
    before: tuple[Demo, dict[str, Page]], worker: str
) -> None:
    """The person is told, and one press leads on; no page of ours with anything on it was the worker's to read."""
    demo, page = before[0], before[1][worker]

    page.goto(f"{demo.booking}/reserve")
    expect(page.get_by_role("heading", level=1)).to_have_text("もう一度開いてください")
    assert page.evaluate(REGISTERED) == 0
    page.get_by_role("link", name="続ける").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("本人確認のお願い")
    assert "read by the worker" not in page.content()
    hold(page, 1)

    expect(page).to_have_url(f"{demo.booking}/reserve")
    expect(page.locator(".greeting")).to_contain_text("髙橋　花子 様")


def test_a_worker_that_waits_for_the_callback_is_gone_by_then(before: tuple[Demo, dict[str, Page]]) -> None:
    """Nothing showed that it was there; the beginning of the first sign-in removes it."""
    demo, page = before[0], before[1]["lurker"]

    page.goto(f"{demo.booking}/reserve")
    assert page.evaluate(REGISTERED) == 1
    hold(page, 5)

    expect(page).to_have_url(f"{demo.booking}/reserve")
    expect(page.locator(".greeting")).to_contain_text("山田　太郎 様")
    assert page.evaluate(REGISTERED) == 0
    assert page.evaluate("localStorage.getItem('draft')") is None


def test_a_worker_that_answers_by_itself_goes_with_its_next_version(before: tuple[Demo, dict[str, Page]]) -> None:
    """No request of a page gets past it; the browser's look for a newer script does."""
    demo, page = before[0], before[1]["keeper"]

    page.goto(f"{demo.booking}/reserve")
    expect(page.get_by_role("heading", level=1)).to_have_text("kept")
    # The browser looks in its own time, a second or so after a navigation.
    assert page.evaluate(GONE)
    page.goto(f"{demo.booking}/reserve")

    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("本人確認のお願い"))
    hold(page, 16)
    expect(page.locator(".greeting")).to_contain_text("博多　みなみ 様")
