"""The login against a provider nobody here wrote: npm's `oidc-provider`, as the real service is understood to be set.

This test finds mistakes that our own stand-ins share with the gateway.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest
from aiohttp import web

from gateway.identity import Birthdate, Gender, Scope
from gateway.login.aiohttp_provider import AiohttpProvider
from gateway.login.aliases import Aliases
from gateway.login.asyncio_shared_tasks import SharedTasks
from gateway.login.funnel import Attempt
from gateway.login.jwcrypto_keys import make_key
from gateway.login.keys import KeySet
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.service import Client, SignInService, Terms
from gateway.login.sign_in import Begun, FinishOutcome, LoggedOut, LogoutOutcome, SignedIn
from gateway.policy.verdict import Challenge, ChallengeReason, RuleId
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.memory_store import MemoryStore
from gateway.session.session import Session
from gateway.settings.settings import ProviderSettings
from tests.builders import app, inbound
from tests.builders import route as a_route
from tests.conftest import program

# Debian's npm brings hundreds of packages: a first `make test` does without.
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

HERE = Path(__file__).parent / "oidc_provider"
FIRST, SECOND = "RP00000001", "RP00000002"
HOSTS = {FIRST: "app.gw.test", SECOND: "other.gw.test"}


class Meter:
    """Nobody is told of anything."""

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """See `CallMeter`."""

    def key_passed_over(self, kid: str, why: str) -> None:
        """See `CallMeter`."""

    def sent(self, name: str, attempt: Attempt) -> None:
        """See `SignInObserver`."""

    def returned(self, name: str, attempt: Attempt) -> None:
        """See `SignInObserver`."""

    def ended(self, attempt: Attempt, seconds: float | None) -> None:
        """See `SignInObserver`."""

    def claim_troubled(self, scope: str, trouble: str) -> None:
        """See `SignInObserver`."""


@pytest.fixture(scope="session")
def _installed() -> None:
    """Install exactly the versions of package-lock.json, once on a machine."""
    mark = HERE / "node_modules" / ".package-lock.json"
    lock = HERE / "package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        npm = program("npm")
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=HERE,
            check=True,
            timeout=300,
            capture_output=True,
        )


@dataclass
class Ours:
    """The part of us that has a URL: client keys and back-channel logout, for both clients."""

    url: str = ""
    sign_in_service: SignInService | None = None
    logouts: asyncio.Queue[LogoutOutcome] = field(default_factory=asyncio.Queue)

    async def jwks(self, request: web.Request) -> web.Response:
        """The keys that the portal serves."""
        assert self.sign_in_service is not None
        body = self.sign_in_service.client_jwks(route(request.match_info["client"]))
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "max-age=0"})

    async def logout(self, request: web.Request) -> web.Response:
        """The portal's treatment of a logout token."""
        assert self.sign_in_service is not None
        outcome = await self.sign_in_service.back_channel_logout(
            route(request.match_info["client"]), await request.read()
        )
        await self.logouts.put(outcome)
        return web.Response(status=200 if isinstance(outcome, LoggedOut) else 400)


def route(client_id: str) -> Route:
    """Return the route of a client's App."""
    host = HOSTS[client_id]
    return a_route(app=app(name=host, url=f"https://{host}"), host=host, client_id=client_id)


@pytest.fixture
async def ours() -> AsyncIterator[Ours]:
    """Our URLs, on a free port."""
    ours = Ours()
    served = web.Application()
    served.router.add_get("/{client}/jwks", ours.jwks)
    served.router.add_post("/{client}/logout", ours.logout)
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ours.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield ours
    await runner.cleanup()


@pytest.fixture
def issuer(_installed: None, ours: Ours) -> Iterator[str]:
    """The provider, running."""
    clients = [
        {
            "client_id": client_id,
            "redirect_uris": [f"https://{host}/.sekisho/callback"],
            "post_logout_redirect_uris": [f"https://{host}/.sekisho/signed-out"],
            "jwks_uri": f"{ours.url}/{client_id}/jwks",
            "backchannel_logout_uri": f"{ours.url}/{client_id}/logout",
        }
        for client_id, host in HOSTS.items()
    ]
    process = subprocess.Popen(
        [program("node"), "provider.mjs", json.dumps({"clients": clients})],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["issuer"]
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        process.wait(10)


@dataclass
class World:
    """The provider, us, and one person's browser."""

    issuer: str
    ours: Ours
    sign_in_service: SignInService
    sessions: MemoryStore
    keys: dict[str, KeySet]
    providers: dict[str, AiohttpProvider]
    clients: dict[str, Client]
    browser: aiohttp.ClientSession
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def visit(self, client_id: str, path: str = "/reserve") -> tuple[Route, Inbound]:
        kept = self.cookies.setdefault(client_id, {})
        cookie = "; ".join(f"{name}={value}" for name, value in kept.items())
        seen = inbound(path, *([("Cookie", cookie)] if cookie else []), host=HOSTS[client_id])
        return route(client_id), seen

    async def sign_in(self, client_id: str, *scopes: Scope, rule: str = "reserve") -> FinishOutcome:
        """Challenge, go to the provider, follow it until it sends back to us, and finish."""
        asked = Challenge(RuleId("test", rule), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID, *scopes}))
        begun = await self.sign_in_service.begin(*self.visit(client_id), asked, "/reserve/42")
        assert isinstance(begun, Begun), begun
        if begun.cookie is not None:
            self.cookies[client_id]["__Host-sekisho-login"] = begun.cookie
        location = begun.location
        while urlsplit(location).hostname == "127.0.0.1":
            async with self.browser.get(location, allow_redirects=False) as answer:
                assert answer.status in {302, 303}, await answer.text()
                location = urljoin(location, answer.headers["Location"])
        assert location.startswith(f"https://{HOSTS[client_id]}/.sekisho/callback?")
        outcome = await self.sign_in_service.finish(
            *self.visit(client_id, "/.sekisho/callback"), urlsplit(location).query.encode()
        )
        if isinstance(outcome, SignedIn):
            self.cookies[client_id]["__Host-sekisho"] = outcome.ticket
        return outcome

    async def session(self, client_id: str) -> Session | None:
        return await self.sessions.find(self.cookies[client_id]["__Host-sekisho"])

    async def control(self, **parameters: str) -> None:
        async with self.browser.get(f"{self.issuer}/control", params=parameters) as answer:
            assert answer.status == 200


@pytest.fixture
async def world(issuer: str, ours: Ours) -> AsyncIterator[World]:
    """Two clients on two hosts, and nobody signed in."""
    keys = {client_id: KeySet((make_key("ES256"),)) for client_id in HOSTS}
    meter = Meter()
    clients: dict[str, Client] = {}
    providers: dict[str, AiohttpProvider] = {}
    for client_id, key_set in keys.items():
        # It never sends an `at_hash`, which OpenID Connect leaves to the provider: this is why there is a setting.
        # Each client says its assertions' audience in another way; both are right here.
        audience: Literal["issuer", "token_endpoint"] = "issuer" if client_id == FIRST else "token_endpoint"
        settings = ProviderSettings(
            issuer=issuer,
            client_id=client_id,
            assertion_audience=audience,
            acr_values="aal3 crl",
            require_at_hash=False,
        )
        providers[client_id] = AiohttpProvider(
            settings, key_set, clock=time.time, monotonic=time.monotonic, random=secrets.token_bytes, meter=meter
        )
        clients[client_id] = Client(settings, key_set, providers[client_id])
    sessions = MemoryStore(idle=1800, clock=time.time, monotonic=time.monotonic)
    sign_in_service = SignInService(
        clients,
        MemoryPendingStore(),
        sessions,
        Terms("/.sekisho/", 28_800),
        pseudonyms=lambda client, subject: (f"{client}-{subject}",),
        clock=time.time,
        random=secrets.token_bytes,
        observer=meter,
        known_as=Aliases().known_as,
        shared_tasks=SharedTasks(),
    )
    ours.sign_in_service = sign_in_service
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        yield World(issuer, ours, sign_in_service, sessions, keys, providers, clients, browser)
    for provider in providers.values():
        await provider.close()
    await sessions.close()


async def test_a_person_signs_in_and_steps_up(world: World) -> None:
    """First who she is, then what a rule needs; one subject, and the old ticket dead."""
    first = await world.sign_in(FIRST)
    old = world.cookies[FIRST]["__Host-sekisho"]
    second = await world.sign_in(FIRST, Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE, Scope.GENDER, rule="pay")

    assert isinstance(first, SignedIn)
    assert isinstance(second, SignedIn)
    assert second.carried_over
    assert first.session.identity.name is None
    person = second.session.identity
    assert person.subject == first.session.identity.subject == f"{FIRST}.hanako.ppid"
    assert (person.name, person.address) == ("佐藤　花子", "東京都渋谷区神南1-1-1")
    assert (person.birthdate, person.gender) == (Birthdate(1986, 4, 1), Gender.FEMALE)
    assert person.acr == "aal3 crl"
    assert time.time() - person.authenticated_at < 60
    assert await world.sessions.find(old) is None


async def test_two_clients_have_two_subjects_and_no_common_session(world: World) -> None:
    """The same person on two hosts; neither session opens the other host."""
    here = await world.sign_in(FIRST)
    there = await world.sign_in(SECOND)

    assert isinstance(here, SignedIn)
    assert isinstance(there, SignedIn)
    assert here.session.identity.subject != there.session.identity.subject
    world.cookies[SECOND]["__Host-sekisho"] = here.ticket
    assert (await world.sign_in_service.sign_out(*world.visit(SECOND))).ended == 0
    assert await world.sessions.find(here.ticket) is not None


async def test_another_person_on_the_same_browser_is_noticed(world: World) -> None:
    """The provider's own session has ended, and somebody else holds her card to the reader."""
    await world.sign_in(FIRST)
    world.browser.cookie_jar.clear()
    await world.control(account="taro")

    outcome = await world.sign_in(FIRST, Scope.BIRTHDATE)

    assert isinstance(outcome, SignedIn)
    assert outcome.other_person
    assert outcome.session.identity.birthdate == Birthdate(2004, 2, 29)


async def test_the_provider_rotates_its_keys(world: World) -> None:
    """A `kid` we never saw is fetched, and nobody restarts anything."""
    await world.sign_in(FIRST)
    await world.control(rotate="yes")

    assert isinstance(await world.sign_in(FIRST, rule="other"), SignedIn)


async def test_we_rotate_our_keys(world: World) -> None:
    """Publish, sign, withdraw: each sign-in between works."""
    published = world.keys[FIRST].with_new(make_key("ES256"))
    signing = published.rotated()
    withdrawn = signing.retired(signing.keys[1].kid)
    for keys in (published, signing, withdrawn):
        world.keys[FIRST] = world.providers[FIRST].keys = keys
        world.clients[FIRST] = Client(world.clients[FIRST].settings, keys, world.providers[FIRST])
        await world.control(restart="yes")

        assert isinstance(await world.sign_in(FIRST, rule=keys.signing.kid), SignedIn)


async def test_signing_out_ends_it_at_the_provider_and_at_both_apps(world: World) -> None:
    """Our button leads to the provider's page; its answer to that ends the other App's session by back channel."""
    await world.sign_in(FIRST)
    await world.sign_in(SECOND)

    signed_out = await world.sign_in_service.sign_out(*world.visit(FIRST))
    assert signed_out.location is not None
    async with world.browser.get(signed_out.location) as page:
        form = await page.text()
    found = re.search(r'action="([^"]+)".*name="xsrf" value="([^"]+)"', form, re.DOTALL)
    assert found is not None, form
    async with world.browser.post(
        found[1], data={"xsrf": found[2], "logout": "yes"}, allow_redirects=False
    ) as confirmed:
        back: Any = confirmed.headers.get("Location")
    outcomes = [await asyncio.wait_for(world.ours.logouts.get(), 10) for _ in HOSTS]

    assert back == f"https://{HOSTS[FIRST]}/.sekisho/signed-out"
    assert all(isinstance(outcome, LoggedOut) for outcome in outcomes), outcomes
    assert await world.session(SECOND) is None
    assert await world.session(FIRST) is None
