"""A provider that is a Keycloak, unmodified: people sign in through its own form, in Chromium, until they sign out."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.flows.chromium import launched
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.flows.keycloak import Keycloak, Realm, keycloak_server
from tests.redis_server import redis_server

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

POLICY = """\
policy: p
purpose: {ja: 試験のため}
rules:
  - {name: open, match: {path: /open}, allow: everyone}
  - {name: fresh, match: {path: /fresh}, allow: signed_in, signed_in_within: 5s, disclose: [subject]}
  - {name: address, match: {path: /address}, allow: signed_in, disclose: [subject, address]}
  - {name: rest, allow: signed_in, disclose: [subject]}
"""


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    with keycloak_server(tmp_path_factory.mktemp("keycloak")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(keycloak: Keycloak) -> Iterator[Browser]:
    del keycloak  # first: without it no browser is needed
    with launched() as browser:
        yield browser


@dataclass
class Town:
    """A realm, a gateway in front of an application, and one person's browser."""

    realm: Realm
    gateway: GatewayProcess
    context: BrowserContext

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.gateway.port}"

    def page(self, path: str = "/") -> Page:
        """Return a tab that asks for a page of the application."""
        page = self.context.new_page()
        page.goto(self.url + path)
        return page

    def log_in(self, page: Page, username: str = "hanako") -> None:
        """Fill in Keycloak's own form."""
        # A form that asks again has no field for the name.
        page.wait_for_selector("#password")
        if page.locator("#username").count():
            page.fill("#username", username)
        page.fill("#password", "himitsu")
        page.click("#kc-login")

    def sign_in(self, path: str = "/") -> Page:
        """Sign in, and return the tab on the page that was wanted."""
        page = self.page(path)
        self.log_in(page)
        expect_application(page, path)
        return page


def expect_application(page: Page, path: str) -> dict[str, Any]:
    """Hold a tab to showing the application's page, and return what the application was told."""
    expect(page.locator("body")).to_contain_text(f'"path": "{path}"', timeout=30_000)
    said: dict[str, Any] = json.loads(page.locator("body").inner_text())
    return said


MakeTown = Callable[..., Town]


@pytest.fixture
def town(keycloak: Keycloak, chromium: Browser, tmp_path: Path) -> Iterator[MakeTown]:
    """Make a town with the provider's settings as a test has them, as YAML lines."""
    with application() as upstream, redis_server() as redis, chromium.new_context(locale="ja-JP") as context:
        context.set_default_timeout(30_000)
        gateway = GatewayProcess(tmp_path, upstream, redis.url, policy=POLICY)

        def make(provider: str = "", **client: Any) -> Town:
            realm = keycloak.make_realm(f"town-{secrets.token_hex(4)}", f"http://{HOST}:{gateway.port}", **client)
            text = gateway.settings.read_text()
            text = text.replace("environment: emulator", "environment: other\n  contracted: [address]")
            text = text.replace("http://localhost:1/api/realms/main", f"{realm.issuer}\n{provider}")
            gateway.settings.write_text(text)
            gateway.start()
            return Town(realm, gateway, context)

        yield make
        gateway.stop()


def test_a_stock_keycloak_signs_a_person_in(town: MakeTown) -> None:
    """With our defaults and with its own: nothing is set but the provider's name and our client's."""
    here = town()

    page = here.sign_in("/reserve?day=1")

    told = expect_application(page, "/reserve?day=1")
    assert told["headers"]["X-Verified-Subject"] == here.realm.person()["id"]
    here.gateway.wait_for_event("sign_in", "signed_in")


def test_the_providers_own_session_is_no_fresh_sign_in(town: MakeTown) -> None:
    """A rule that wants a sign-in of just now has Keycloak ask for the password again, and is not a dead end."""
    here = town("  accept_acr: ['0', '1']")
    here.sign_in()
    page = here.page("/fresh")
    # The first sign-in is recent enough for some seconds.
    while not page.locator("#password").count():
        expect_application(page, "/fresh")
        page.goto(here.url + "/fresh")

    expect(page.locator("#password")).to_be_visible()
    here.log_in(page)

    expect_application(page, "/fresh")


def test_a_key_that_signs_at_once_costs_nobody_a_sign_in(town: MakeTown) -> None:
    """Keycloak signs with a new key from one request to the next: the next person signs in all the same."""
    here = town()
    here.sign_in()
    here.realm.rotate_keys()
    here.context.clear_cookies()

    here.sign_in("/after")

    assert "token_key" not in str(here.gateway.events())


def test_an_administrator_ends_a_session_by_the_back_channel(town: MakeTown) -> None:
    """Its logout token is signed with a key that was made a moment ago, and is believed."""
    here = town()
    page = here.sign_in()
    here.realm.rotate_keys()
    here.realm.log_out()

    here.gateway.wait_for_event("sign_in", "logged_out_by_provider")
    page.goto(here.url + "/again")

    expect(page.locator("#password")).to_be_visible()


def test_a_disabled_account_keeps_its_session_until_a_clock_ends_it(town: MakeTown) -> None:
    """Keycloak tells nobody: the documentation says so, and that its administrator ends the sessions as well."""
    here = town()
    page = here.sign_in()
    here.realm.set_enabled(enabled=False)

    page.goto(here.url + "/still")
    expect_application(page, "/still")
    here.realm.log_out()
    here.gateway.wait_for_event("sign_in", "logged_out_by_provider")
    page.goto(here.url + "/again")
    here.log_in(page)

    expect(page.locator("#password")).to_be_visible()
    assert "/.sekisho/callback" not in page.url


def test_a_sign_out_goes_to_the_end(town: MakeTown) -> None:
    """Our button, Keycloak's question, our page; then the password is asked for again, by the next person too."""
    here = town()
    page = here.sign_in()

    page.goto(here.url + "/.sekisho/logout")
    page.get_by_role("button", name="ログアウト").click()
    page.click("#kc-logout")

    page.wait_for_url(f"{here.url}/.sekisho/signed-out")
    page.goto(here.url + "/again")
    expect(page.locator("#username")).to_be_visible()


def test_an_address_is_read_as_keycloak_gives_it(town: MakeTown) -> None:
    """Its `address` scope answers with the object of OpenID Connect; here in a signed UserInfo."""
    here = town("  userinfo_algorithms: [ES256]", attributes={"user.info.response.signature.alg": "ES256"})
    profile = here.realm.ask("GET", "/users/profile")
    here.realm.ask("PUT", "/users/profile", {**profile, "unmanagedAttributePolicy": "ENABLED"})
    person = here.realm.person()
    address = {"formatted": ["東京都渋谷区神南1-1-1"], "region": ["東京都"]}
    here.realm.ask("PUT", f"/users/{person['id']}", {**person, "attributes": address})

    page = here.page("/address")
    page.get_by_role("button").first.click()
    here.log_in(page)

    told = expect_application(page, "/address")
    assert unquote(told["headers"]["X-Verified-Address"]) == "東京都渋谷区神南1-1-1"


def test_doctor_finds_nothing_wrong_with_a_keycloak(town: MakeTown) -> None:
    """Its keys are made at the first sign-in; what `registration` prints is what is registered."""
    here = town()
    here.sign_in()

    command = [sys.executable, "-m", "gateway", "doctor", "-c", str(here.gateway.settings)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    mine = [line for line in said.stdout.splitlines() if "RP00000001" in line]
    assert mine
    assert all(line.startswith("pass") for line in mine), said.stdout
