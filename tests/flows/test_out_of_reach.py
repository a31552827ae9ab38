"""Our pages, in a real Chromium, against an application on the same origin that does its worst."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gateway.identity import Birthdate, Gender, Scope
from tests import builders
from tests.flows.chromium import fresh
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.hostile_application import HTML, RELAY, SCRIPT, Hostile, Said, serving
from tests.redis_server import redis_server

pytestmark = pytest.mark.long

ME = "/.sekisho/me"
VALUES = ("髙橋", "神南", "2004", "女")
"""Parts of what is held of the person: none of them may reach a script."""

POLICY = """\
policy: p
purpose: {ja: 確認のため}
rules:
  - name: members
    match: {path: /members/**}
    allow: signed_in
    disclose: [subject]
  - name: the rest
    allow: everyone
"""

SAME = {"Cross-Origin-Opener-Policy": "same-origin"}
OPENERS: dict[str, dict[str, str]] = {
    "nothing": {},
    "allow-popups": {"Cross-Origin-Opener-Policy": "same-origin-allow-popups"},
    "same-origin": SAME,
    "noopener": {"Cross-Origin-Opener-Policy": "noopener-allow-popups"},
    "isolated": {**SAME, "Cross-Origin-Embedder-Policy": "require-corp"},
    "credentialless": {**SAME, "Cross-Origin-Embedder-Policy": "credentialless"},
}
"""Pages of the application that open ours, by what they say of openers."""

READ = """async (act) => {
  const settled = (w) => new Promise((done) => {
    let left = 100;
    const look = () => {
      let ready = true;
      try { ready = w.document.readyState === "complete" && w.location.href !== "about:blank"; } catch { ready = true; }
      if (ready || --left === 0) setTimeout(done, 100); else setTimeout(look, 50);
    };
    look();
  });
  const text = (w) => { try { return w.document.documentElement.outerHTML; } catch (error) { return error.name; } };
  const w = window.open("/.sekisho/me", "ours");
  await settled(w);
  const read = [text(w)];
  if (act === "press") {
    // As the person would, in our own page; else with whatever token could be read, from a form of the script's.
    try { w.document.querySelector("form").submit(); } catch {
      const form = document.createElement("form");
      form.method = "post"; form.action = "/.sekisho/me"; form.target = "ours";
      form.innerHTML = '<input name="token" value="guessed">';
      document.body.append(form); form.submit();
    }
    await settled(w);
    await new Promise((done) => setTimeout(done, 500));
    read.push(text(w));
    try { read.push(w.frames.length + ""); } catch {}
  }
  return read;
}"""

PRESS_WITH = """(token) => {
  window.w = window.open("about:blank", "values");
  const form = document.createElement("form");
  form.method = "post"; form.action = "/.sekisho/me"; form.target = "values";
  const field = document.createElement("input");
  field.name = "token"; field.value = token;
  form.append(field); document.body.append(form); form.submit();
}"""


@pytest.fixture(scope="module")
def hostile() -> Iterator[tuple[Hostile, int]]:
    with serving() as pair:
        yield pair


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, hostile: tuple[Hostile, int]) -> Iterator[GatewayProcess]:
    """Two workers, so that a token's page and its answer are seldom the same one's."""
    with redis_server() as redis:
        gateway = GatewayProcess(tmp_path_factory.mktemp("gateway"), hostile[1], redis.url, 2, POLICY)
        try:
            gateway.start()
            yield gateway
        finally:
            gateway.stop()


@pytest.fixture
def context(chromium: Browser, gateway: GatewayProcess) -> Iterator[BrowserContext]:
    """A browser in which she is signed in, with all that may be held of her."""
    person = builders.identity(
        name="髙橋　花子",
        address="東京都渋谷区神南一丁目",
        birthdate=Birthdate(2004, 2, 29),
        gender=Gender.FEMALE,
        asked=frozenset(Scope),
    )
    # Playwright has a loop in this thread, so the store is written from another.
    with ThreadPoolExecutor(1) as another:
        cookie = another.submit(lambda: asyncio.run(gateway.sign_in(person))).result()
    name, _, value = cookie.partition("=")
    with fresh(chromium) as context:
        context.add_cookies([{"name": name, "value": value, "url": origin(gateway)}])
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def origin(gateway: GatewayProcess) -> str:
    return f"http://{HOST}:{gateway.port}"


def values_in(read: Any) -> list[str]:
    return [value for value in VALUES if value in str(read)]


def test_a_person_sees_what_is_held_with_one_press(page: Page, gateway: GatewayProcess) -> None:
    """The values, in our style; the links of the page lead on; a reload hides them again."""
    page.goto(f"{origin(gateway)}{ME}")
    assert values_in(page.content()) == []

    page.get_by_role("button").click()

    expect(page.get_by_text("髙橋　花子")).to_be_visible()
    assert len(values_in(page.content())) == len(VALUES)
    assert page.evaluate("self.origin") == "null"
    assert page.evaluate("getComputedStyle(document.querySelector('.mine')).borderTopWidth") == "1px"
    page.reload()
    expect(page.get_by_role("button")).to_be_visible()
    assert values_in(page.content()) == []
    page.get_by_role("button").click()
    page.get_by_role("link", name="ログアウト").first.click()
    page.get_by_role("button", name="ログアウトする").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ログアウトしました")


@pytest.mark.parametrize(
    "script",
    [
        "fetch('/.sekisho/me').then(r => r.text())",
        "fetch('/.sekisho/me', {method: 'POST', body: new URLSearchParams({token: 'x'})}).then(r => r.text())",
        "fetch('/.sekisho/me', {headers: {Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate'}}).then(r => r.text())",
        "fetch('/.sekisho/me', {mode: 'same-origin', cache: 'force-cache'}).then(r => r.text())",
        (
            "new Promise(d => { const x = new XMLHttpRequest(); x.open('GET', '/.sekisho/me');"
            " x.onload = () => d(x.responseText); x.send(); })"
        ),
        (
            "new Promise(d => { const f = document.createElement('iframe'); f.src = '/.sekisho/me';"
            " f.onload = () => d(f.contentDocument ? f.contentDocument.documentElement.outerHTML : 'none');"
            " document.body.append(f); })"
        ),
        (
            "new Promise(d => { const f = document.createElement('iframe'); f.name = 'into'; document.body.append(f);"
            " const form = document.createElement('form'); form.method = 'post'; form.action = '/.sekisho/me';"
            " form.target = 'into'; document.body.append(form); form.submit();"
            " f.onload = () => d(f.contentDocument ? f.contentDocument.documentElement.outerHTML : 'none'); })"
        ),
        (
            "new Promise(d => { const o = document.createElement('object'); o.data = '/.sekisho/me';"
            " o.onload = o.onerror = () => d(o.contentDocument ? o.contentDocument.documentElement.outerHTML : 'none');"
            " document.body.append(o); })"
        ),
        (
            "new Promise(d => { const s = document.createElement('script'); s.src = '/.sekisho/me';"
            " s.onload = () => d('loaded'); s.onerror = () => d('failed'); document.head.append(s); })"
        ),
    ],
)
def test_a_script_of_the_application_gets_no_page_of_ours(page: Page, gateway: GatewayProcess, script: str) -> None:
    """The script gets neither a value nor a token, by any kind of request."""
    page.goto(f"{origin(gateway)}/")

    read = page.evaluate(script)

    assert values_in(read) == []
    assert "token" not in str(read)
    assert "loaded" not in str(read)


@pytest.mark.parametrize("says", OPENERS)
def test_a_page_that_opens_ours_reads_no_value(
    page: Page, gateway: GatewayProcess, hostile: tuple[Hostile, int], says: str
) -> None:
    """No opener policy makes the page with the values readable, not even for a page that sends our form."""
    hostile[0].pages["/opener"] = Said({**HTML, **OPENERS[says]})
    page.goto(f"{origin(gateway)}/opener")

    read = page.evaluate(READ, "press")

    assert values_in(read) == []
    # Only a page that is isolated as ours are shares its group with them; it finds the button's token, and no more.
    assert ('name="token"' in read[0]) is (says in ("isolated", "credentialless"))
    assert read[1] == "SecurityError"


def test_what_the_person_is_shown_in_such_a_window_stays_there(
    page: Page, gateway: GatewayProcess, hostile: tuple[Hostile, int]
) -> None:
    """The scripted press opens the page with the values, and the script that pressed cannot read it."""
    hostile[0].pages["/opener"] = Said({**HTML, **OPENERS["isolated"]})
    page.goto(f"{origin(gateway)}/opener")

    with page.expect_popup() as opened:
        read = page.evaluate(READ, "press")

    expect(opened.value.get_by_text("髙橋　花子")).to_be_visible()
    assert values_in(read) == []


def test_a_token_that_a_script_has_shows_it_nothing(
    page: Page, context: BrowserContext, gateway: GatewayProcess, hostile: tuple[Hostile, int]
) -> None:
    """An isolated page reads the button's token and hands it to one that may open the values: it cannot read them."""
    hostile[0].pages["/opener"] = Said({**HTML, **OPENERS["isolated"]})
    page.goto(f"{origin(gateway)}/opener")
    token = page.evaluate(
        "async () => { const w = window.open('/.sekisho/me'); let left = 100;"
        " while (--left) { await new Promise((done) => setTimeout(done, 50));"
        " const field = w.document.querySelector('[name=token]'); if (field) return field.value; } }"
    )
    other = context.new_page()
    other.goto(f"{origin(gateway)}/")

    with other.expect_popup() as opened:
        other.evaluate(PRESS_WITH, token)
    expect(opened.value.get_by_text("髙橋　花子")).to_be_visible()
    read = other.evaluate(
        "() => { try { return window.w.document.documentElement.outerHTML; } catch (error) { return error.name; } }"
    )

    assert token
    assert read == "SecurityError"


def test_the_next_page_does_not_learn_the_callbacks_address(page: Page, gateway: GatewayProcess) -> None:
    """A page of ours that stays on the callback leaves no code in the history that scripts can read."""
    page.goto(f"{origin(gateway)}/")
    page.goto(f"{origin(gateway)}/.sekisho/callback?code=SECRET&state={'s' * 43}")
    page.get_by_role("link", name="トップページへ戻る").click()

    addresses = page.evaluate(
        "[navigation.entries().map(e => e.url), navigation.activation?.from?.url, document.referrer,"
        " performance.getEntries().map(e => e.name)]"
    )

    assert "SECRET" not in str(addresses)
    assert str(addresses).count(origin(gateway)) > 1


REGISTER = """async ([script, options]) => {
  try {
    const registration = await navigator.serviceWorker.register(script, options);
    return registration.scope;
  } catch (error) { return error.name; }
}"""
REGISTERED = "navigator.serviceWorker.getRegistrations().then((all) => all.map((each) => each.scope))"


@pytest.mark.parametrize(
    ("script", "allowed", "options"),
    [
        ("/sw.js", None, {}),
        ("/sw.js", None, {"scope": "/.sekisho/"}),
        ("/sw.js?x=/public/", None, {}),
        ("/sw.js", "/public/", {}),
        ("/public/sw.js", "/", {"scope": "/"}),
        ("/public/sw.js", "/.s", {"scope": "/.s"}),
        ("/public/sw.js", "/.sekisho/", {"scope": "/.sekisho/"}),
        ("/public/sw.js", "../", {"scope": "/"}),
        ("/public/sw.js", "/a/..", {"scope": "/"}),
    ],
)
def test_no_worker_of_the_application_gets_our_pages(
    page: Page,
    gateway: GatewayProcess,
    hostile: tuple[Hostile, int],
    script: str,
    allowed: str | None,
    options: dict[str, str],
) -> None:
    """This holds for every place of the script, every permission in its answer and every scope."""
    hostile[0].pages[script.partition("?")[0]] = Said(
        SCRIPT if allowed is None else {**SCRIPT, "Service-Worker-Allowed": allowed}, RELAY
    )
    page.goto(f"{origin(gateway)}/public/")

    said = page.evaluate(REGISTER, [script, options])

    assert said in ("SecurityError", "TypeError")
    assert page.evaluate(REGISTERED) == []


def test_a_worker_beside_our_pages_is_the_applications_affair(
    page: Page, gateway: GatewayProcess, hostile: tuple[Hostile, int]
) -> None:
    """It serves its own folder, and signing in from there leads past it."""
    hostile[0].pages["/members/sw.js"] = Said(SCRIPT, RELAY)
    hostile[0].pages["/public/sw.js"] = Said({**SCRIPT, "Service-Worker-Allowed": "/members/"}, RELAY)
    page.context.clear_cookies()
    page.goto(f"{origin(gateway)}/public/")

    scope = page.evaluate(REGISTER, ["/public/sw.js", {"scope": "/members/"}])
    page.evaluate(
        "navigator.serviceWorker.getRegistrations().then((all) => new Promise((done) => {"
        " const look = () => all[0].active ? done() : setTimeout(look, 20); look(); }))"
    )
    page.goto(f"{origin(gateway)}/members/1")

    assert scope == f"{origin(gateway)}/members/"
    # The provider is away in this test: our page says so, at our own address.
    assert "/.sekisho/login?rd=%2Fmembers%2F1" in page.url
    assert page.evaluate("navigator.serviceWorker.controller") is None
    assert page.evaluate(REGISTERED) == [scope]
