"""Operators sign in by a provider of the office's, over real sockets."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwk, jwt

from gateway.console.aiohttp_oidc import OidcSignIn
from gateway.login.keys import read_key_set
from gateway.settings.settings import ConsoleOidcSettings, SecretSource
from tests.builders import NOON
from tests.console.conftest import URL, House, make_house


@dataclass
class Office:
    """An OpenID provider that answers as the test says."""

    key: jwk.ECKey = field(default_factory=lambda: jwk.ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256"}))
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "suzuki", "roles": ["sekisho-look"]})
    changes: dict[str, Any] = field(default_factory=dict)
    """Claims that are wrong."""
    asked: dict[str, str] = field(default_factory=dict)
    published: int = 0
    """How often its keys were fetched."""
    redeemed: list[dict[str, str]] = field(default_factory=list)

    def application(self) -> web.Application:
        async def discovery(_: web.Request) -> web.Response:
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            return web.json_response({"issuer": self.issuer} | {name: f"{self.issuer}/{name}" for name in names})

        async def jwks(_: web.Request) -> web.Response:
            self.published += 1
            return web.json_response({"keys": [self.key.as_dict(private=False)]})

        async def token(request: web.Request) -> web.Response:
            form = {name: str(value) for name, value in (await request.post()).items()}
            self.redeemed.append(form)
            challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            if form["code"] != "good" or challenge != self.asked["code_challenge"]:
                return web.json_response({"error": "invalid_grant"}, status=400)
            claims = {
                "iss": self.issuer,
                "aud": "console",
                "sub": "s1",
                "iat": int(NOON),
                "exp": int(NOON) + 300,
                "nonce": self.asked["nonce"],
                **self.claims,
                **self.changes,
            }
            signed = jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key, algorithms=["ES256"])
            return web.json_response({"access_token": "at", "token_type": "Bearer", "id_token": signed})

        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", discovery)
        app.router.add_get("/jwks_uri", jwks)
        app.router.add_post("/token_endpoint", token)
        return app


@dataclass
class Signing:
    """A console whose operators sign in at the office's provider."""

    office: Office
    house: House

    async def leave(self) -> None:
        """Press the button, and read what the provider is asked."""
        answer = await self.house.post("oidc", {})
        assert answer.status == 303, await answer.text()
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        self.office.asked = {name: values[0] for name, values in query.items()}

    async def come_back(self, **changes: str) -> Any:
        """Come back with a code, as a browser does from another site."""
        said = {"code": "good", "state": self.office.asked["state"], **changes}
        query = "&".join(f"{name}={value}" for name, value in said.items())
        return await self.house.get(f"callback?{query}", Sec_Fetch_Site="cross-site")


@pytest.fixture
async def signing() -> AsyncIterator[Signing]:
    """A provider, and a console behind TLS that trusts it."""
    office = Office()
    server = TestServer(office.application())
    await server.start_server()
    office.issuer = f"http://127.0.0.1:{server.port}"
    own = jwk.ECKey.generate_key("P-256", {"kid": "c1", "alg": "ES256", "use": "sig"})
    settings = ConsoleOidcSettings(
        office.issuer, "console", SecretSource(), look=("sekisho-look",), act=("sekisho-act",)
    )
    keys = read_key_set(msgspec.json.encode({"keys": [own.as_dict(private=True)]}))
    numbers = iter(range(1, 10_000))
    oidc = OidcSignIn(settings, keys, URL, lambda: NOON, lambda size: next(numbers).to_bytes(size))
    house = await make_house(URL, oidc)
    yield Signing(office, house)
    await house.client.close()
    await server.close()


async def test_an_operator_of_the_office_signs_in(signing: Signing) -> None:
    """With PKCE and a signed assertion; her roles are those that the settings give to the provider's words."""
    page = await signing.house.get("")
    await signing.leave()
    with structlog.testing.capture_logs() as events:
        answer = await signing.come_back()
    cookies = answer.headers.getall("Set-Cookie")
    health, audit = await signing.house.get("health"), await signing.house.get("audit")

    assert f"form-action 'self' {signing.office.issuer}" in page.headers["Content-Security-Policy"]
    assert signing.office.asked["redirect_uri"] == f"{URL}/console/callback"
    assert signing.office.asked["code_challenge_method"] == "S256"
    (form,) = signing.office.redeemed
    assert form["client_assertion_type"].endswith("jwt-bearer")
    assert answer.status == 200
    assert any(line.startswith("__Host-sekisho-console=") and "SameSite=Strict" in line for line in cookies)
    assert (health.status, audit.status) == (200, 403)
    assert "suzuki (OIDC)" in await health.text()
    assert [(event["event"], event["operator"], event["selector"]) for event in events] == [
        ("console_signed_in", "suzuki (OIDC)", "oidc")
    ]


async def test_a_key_of_a_moment_ago_signs_an_operator_in(signing: Signing) -> None:
    """The office's provider changes its key after our last fetch: the keys are fetched anew, once."""
    await signing.leave()
    assert (await signing.come_back()).status == 200
    fetched = signing.office.published
    await signing.leave()
    signing.office.key = jwk.ECKey.generate_key("P-256", {"kid": "k2", "alg": "ES256"})

    answer = await signing.come_back()

    assert answer.status == 200
    assert signing.office.published == fetched + 1


async def test_a_token_that_no_key_can_mend_has_no_key_fetched(signing: Signing) -> None:
    """A token whose nonce is another one's costs the office's provider no further answer."""
    await signing.leave()
    assert (await signing.come_back()).status == 200
    fetched = signing.office.published
    signing.office.changes = {"nonce": "other"}
    await signing.leave()

    answer = await signing.come_back()

    assert answer.status == 403
    assert signing.office.published == fetched


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "other"},
        pytest.param({"iss": "https://other.example"}, marks=pytest.mark.long),
        pytest.param({"aud": "another"}, marks=pytest.mark.long),
        pytest.param({"exp": int(NOON) - 600}, marks=pytest.mark.long),
        pytest.param({"iat": int(NOON) - 6_000}, marks=pytest.mark.long),
        {"roles": ["staff"]},
        {"preferred_username": ""},
    ],
    ids=str,
)
async def test_a_token_that_does_not_hold_opens_nothing(signing: Signing, changes: dict[str, Any]) -> None:
    """Every check of the ID token that citizens' sign-ins have, and a role."""
    signing.office.changes = changes
    await signing.leave()
    answer = await signing.come_back()

    assert answer.status == 403
    assert (await signing.house.get("health")).status == 401


@pytest.mark.parametrize(
    "changes",
    [{"state": "other"}, {"code": "bad"}, {"code": ""}, {"iss": "https://evil.example"}, {"code": "good&code=x"}],
)
async def test_an_answer_that_does_not_hold_opens_nothing(signing: Signing, changes: dict[str, str]) -> None:
    """Another state, code or issuer, or a parameter that comes twice."""
    await signing.leave()
    answer = await signing.come_back(**changes)

    assert answer.status == 403
    assert (await signing.house.get("health")).status == 401


async def test_an_answer_counts_once_and_in_its_browser(signing: Signing) -> None:
    """Nobody is signed in as somebody else by a link."""
    await signing.leave()
    cookies = dict(signing.house.cookies)
    signing.house.cookies.clear()
    elsewhere = await signing.come_back()
    signing.house.cookies = dict(cookies)
    first = await signing.come_back()
    signing.house.cookies = dict(cookies)
    again = await signing.come_back()

    assert (elsewhere.status, first.status, again.status) == (403, 200, 403)


async def test_without_a_provider_there_is_no_way_to_one(house: House) -> None:
    """404 for the button and for the way back."""
    assert (await house.post("oidc", {})).status == 404
    assert (await house.get("callback?code=x&state=y")).status == 404
