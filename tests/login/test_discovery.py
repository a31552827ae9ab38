"""Each MUST of OpenID Connect Discovery 1.0 section 4 that is a relying party's, numbered, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from gateway.errors import ProviderUnavailableError
from gateway.login.claims import Check
from gateway.login.profile import discovery_url
from gateway.login.sign_in import Failed, LoginFailure
from tests.login.conftest import House
from tests.login.stand_in import Spoil


def answer(house: House, changes: dict[str, Any], **how: Any) -> None:
    """Have discovery say what is right, with changes."""
    issuer = house.stand_in.issuer
    endpoints = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "certs"}
    said = {"issuer": issuer, **{name: f"{issuer}/{path}" for name, path in endpoints.items()}, **changes}
    said = {name: value for name, value in said.items() if value is not None}
    house.stand_in.spoil.answer = lambda name: web.json_response(said, **how) if name == "discovery" else None


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://op.example", "https://op.example/.well-known/openid-configuration"),
        ("https://op.example/", "https://op.example/.well-known/openid-configuration"),
        ("https://op.example/realms/a", "https://op.example/realms/a/.well-known/openid-configuration"),
        ("https://op.example/realms/a/", "https://op.example/realms/a/.well-known/openid-configuration"),
    ],
)
def test_4_and_4_1_the_path_is_appended_to_the_issuer_without_its_final_slash(issuer: str, url: str) -> None:
    """The slash stays in the issuer, which is compared as it is."""
    assert discovery_url(issuer) == url


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        pytest.param({}, {}, id="4.2 JSON"),
        pytest.param({}, {"content_type": "application/json"}, id="4.2 without a charset"),
        pytest.param({"x_unknown": [1, {"a": None}]}, {}, id="4.2 members not understood are ignored"),
        pytest.param({"acr_values_supported": None, "userinfo_endpoint": None}, {}, id="3 optional members are absent"),
    ],
)
async def test_a_document_that_holds_is_used(house: House, changes: dict[str, Any], how: dict[str, Any]) -> None:
    """All that a provider may leave out or add."""
    answer(house, changes, **how)

    assert (await house.provider.metadata()).issuer == house.stand_in.issuer


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        pytest.param({"issuer": None}, {}, id="4.3 no issuer"),
        pytest.param({"issuer": "https://evil.example"}, {}, id="4.3 another issuer"),
        pytest.param({"issuer": "+/"}, {}, id="4.3 the issuer with a slash more"),
        pytest.param({"issuer": "+#"}, {}, id="4.3 the issuer with a fragment"),
        pytest.param({"issuer": "^"}, {}, id="4.3 the issuer in capitals"),
        pytest.param({"issuer": ["+"]}, {}, id="4.3 a list with the issuer"),
        pytest.param({"authorization_endpoint": None}, {}, id="3 no authorization endpoint"),
        pytest.param({"token_endpoint": None}, {}, id="3 no token endpoint"),
        pytest.param({"jwks_uri": None}, {}, id="3 no keys"),
        pytest.param({"jwks_uri": "http://op.example/certs"}, {}, id="3 keys over plain HTTP"),
        pytest.param({"jwks_uri": ["x"]}, {}, id="3 a list of keys' addresses"),
        pytest.param({}, {"status": 201}, id="4.2 another status than 200"),
        pytest.param({}, {"status": 302}, id="4.2 a redirect"),
        pytest.param({}, {"status": 404}, id="4.2 an error"),
        pytest.param({}, {"content_type": "text/html"}, id="4.2 another type than JSON"),
        pytest.param({}, {"content_type": "text/plain"}, id="4.2 no type"),
    ],
)
async def test_4_3_of_a_document_that_does_not_hold_nothing_is_used(
    house: House, changes: dict[str, Any], how: dict[str, Any]
) -> None:
    """Every operation that needs it is given up: nobody is sent anywhere."""
    issuer = house.stand_in.issuer
    spelled = {"+/": f"{issuer}/", "+#": f"{issuer}#", "^": issuer.upper()}
    said = changes.get("issuer")
    if isinstance(said, str):
        changes = {"issuer": spelled.get(said, said)}
    elif isinstance(said, list):
        changes = {"issuer": [issuer]}
    answer(house, changes, **how)

    with pytest.raises(ProviderUnavailableError) as failed:
        await house.provider.metadata()

    assert failed.value.endpoint == "discovery"
    assert failed.value.fault


@pytest.mark.parametrize("said", ["/", "#", "?x"])
async def test_4_3_the_issuer_of_an_id_token_is_the_same_to_the_letter(house: House, said: str) -> None:
    """The third of three that must be identical."""
    house.stand_in.spoil = Spoil(id_token={"iss": house.stand_in.issuer + said})

    outcome = await house.sign_in(back="/a")

    assert outcome == Failed(LoginFailure.INVALID, "/a", check=Check.ISSUER)


async def test_4_3_a_document_that_stops_holding_does_not_replace_the_good_one(house: House) -> None:
    """The validated document serves on, and the other one is never used."""
    kept = await house.provider.metadata()
    answer(house, {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"})
    house.clock.ahead = 4_000

    with pytest.raises(ProviderUnavailableError, match="names_another_issuer"):
        await house.provider._metadata.fetch()

    assert await house.provider.metadata() == kept
