"""The power of one line of an application's script over a person's sign-in, in a headless Chromium."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gateway.identity import Identity, Scope
from gateway.session.seal import Secrets, ticket_seals
from tests.builders import CLIENT
from tests.flows.chromium import hold, launched
from tests.flows.demo_process import Demo
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.redis_server import redis_server
from tests.upstream.certificates import certify

POLICY = """\
policy: p
rules:
  - {name: all, allow: signed_in, disclose: [subject]}
"""
JUNK = "J" * 43
SCRIPTS = {
    "partitioned": "document.cookie = '{name}={value}; Path=/; Secure; Partitioned; Max-Age=34560000'",
    "store": "cookieStore.set({{name: '{name}', value: '{value}', partitioned: true}})",
}


@dataclass(frozen=True)
class Https:
    """A gateway on https, and the session cookies of two people there."""

    url: str
    mine: str
    theirs: str


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    folder = tmp_path_factory.mktemp("https")
    certificate, key = certify(folder, HOST)
    with application() as upstream, redis_server() as redis:
        more = f"tls: {{certificate: {certificate.name}, key: {key.name}}}\n"
        gateway = GatewayProcess(folder, upstream, redis.url, policy=POLICY, more=more, scheme="https")
        text = gateway.settings.read_text().replace("environment: emulator", "environment: other")
        gateway.settings.write_text(text.replace("secret: {file", "tickets: sealed\n  secret: {file"))
        gateway.start()
        seals = ticket_seals(Secrets.parse((folder / "secret").read_text()), "sealed")
        people = [Identity(CLIENT, name, time.time(), frozenset({Scope.OPENID})) for name in ("hanako", "taro")]
        plain = [asyncio.run(gateway.sign_in(person)).partition("=")[2] for person in people]
        try:
            yield Https(f"https://{HOST}:{gateway.port}", *map(seals.cookie, plain))
        finally:
            gateway.stop()


@pytest.fixture(scope="module")
def chromium(https: Https, demo: Demo) -> Iterator[Browser]:
    # After the gateways: they are started with loops of their own.
    with launched() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(ignore_https_errors=True, locale="ja-JP") as context:
        context.set_default_timeout(15_000)
        yield context


def signed_in(context: BrowserContext, https: Https) -> Page:
    """Return a page of the application, open in a browser that is signed in."""
    context.add_cookies(
        [
            {
                "name": "__Host-sekisho",
                "value": https.mine,
                "url": f"{https.url}/",
                "httpOnly": True,
                "secure": True,
                "sameSite": "Lax",
            }
        ]
    )
    page = context.new_page()
    assert answered(page, https) == "hanako"
    return page


def answered(page: Page, https: Https) -> str | None:
    """Return who the application is told of."""
    answer = page.goto(f"{https.url}/page")
    assert answer is not None
    if answer.status != 200:
        return None
    found = re.search(r'"X-Verified-Subject": "(\w+)"', answer.text())
    return None if found is None else found[1]


def plant(page: Page, script: str, value: str, name: str = "__Host-sekisho") -> None:
    """Run one line of a script of the application's."""
    page.evaluate(SCRIPTS[script].format(name=name, value=value))


def forms(context: BrowserContext, name: str = "__Host-sekisho") -> int:
    """Return how many cookies of a name the browser holds."""
    return sum(cookie.get("name") == name for cookie in context.cookies())


@pytest.mark.parametrize("script", ["partitioned", pytest.param("store", marks=pytest.mark.long)])
@pytest.mark.parametrize("value", ["junk", JUNK, f"{JUNK}.{'A' * 16}"])
def test_a_line_of_script_locks_nobody_out(context: BrowserContext, https: Https, script: str, value: str) -> None:
    """A cookie that cannot be ours is ignored. A plain ticket may be ours, so both go, and the next sign-in works."""
    page = signed_in(context, https)

    plant(page, script, value)

    assert forms(context) == 2
    if value == JUNK:
        assert answered(page, https) is None
        assert forms(context) == 0
    else:
        assert answered(page, https) == "hanako"
        page.goto(f"{https.url}/.sekisho/logout")
        assert forms(context) == 1
        assert answered(page, https) == "hanako"


def test_a_strangers_session_beside_mine_is_not_believed(context: BrowserContext, https: Https) -> None:
    """An attacker's planted session gets neither my facts nor my clicks: my browser is signed out once."""
    page = signed_in(context, https)

    plant(page, "partitioned", https.theirs)

    assert answered(page, https) is None
    assert forms(context) == 0
    assert answered(signed_in(context, https), https) == "hanako"


@pytest.mark.parametrize(
    "path", [pytest.param("/", marks=pytest.mark.long), pytest.param("/reserve", marks=pytest.mark.long), "/reserve/"]
)
def test_over_plain_http_a_path_is_no_hiding_place(context: BrowserContext, demo: Demo, path: str) -> None:
    """On loopback a script can choose the path: the page that asks for a sign-in ends it there, and one is enough."""
    page = context.new_page()
    page.goto(f"{demo.booking}/reserve")
    hold(page, 1)
    expect(page).to_have_url(f"{demo.booking}/reserve")
    more = "; Secure; Partitioned" if path == "/" else ""
    page.evaluate(f"document.cookie = 'sekisho={JUNK}; Path={path}{more}'")
    page.evaluate(f"document.cookie = 'sekisho-login={JUNK}; Path={path}{more}'")

    answer = page.goto(f"{demo.booking}/reserve/")
    assert answer is not None
    assert answer.status == 401
    assert JUNK not in [cookie.get("value") for cookie in context.cookies()]
    hold(page, 1)

    answer = page.goto(f"{demo.booking}/reserve")
    assert answer is not None
    assert answer.status == 200
