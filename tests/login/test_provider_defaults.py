"""The values that hold for a provider where its settings leave them open."""

from __future__ import annotations

import pytest

from gateway.login.claims import Expected
from gateway.login.provider_defaults import (
    accepted_acr,
    asked_acr,
    expected_token,
    reauthentication,
    requires_acr,
)
from gateway.settings.settings import Environment, ProviderSettings, Reauthenticate

AGENCYS = (
    ProviderSettings(environment=Environment.PRODUCTION),
    ProviderSettings(environment=Environment.SANDBOX),
    ProviderSettings(environment=Environment.EMULATOR, issuer="http://localhost:9000/api/realms/main"),
    ProviderSettings(issuer="https://auth-and-sign.go.jp/api/realms/main"),
    ProviderSettings(issuer="https://SB-auth-and-sign.go.jp./api/realms/other"),
)
ANOTHER = ProviderSettings(issuer="https://login.town.example/realms/town")


@pytest.mark.parametrize("settings", AGENCYS, ids=lambda settings: settings.issuer or settings.environment)
def test_the_agencys_service_is_held_to_its_own_words(settings: ProviderSettings) -> None:
    """The rule holds under another name for the environment as well: an upgrade takes nothing away."""
    assert asked_acr(settings) == "aal3 crl"
    assert accepted_acr(settings) == ("aal3 crl",)
    assert not requires_acr(settings)
    assert reauthentication(settings) is Reauthenticate.NONE


def test_another_provider_is_not_asked_for_the_agencys_words() -> None:
    """It would answer with words of its own, after the person has signed in."""
    assert (asked_acr(ANOTHER), accepted_acr(ANOTHER), requires_acr(ANOTHER)) == ("", (), False)
    assert reauthentication(ANOTHER) is Reauthenticate.MAX_AGE


@pytest.mark.parametrize(
    ("acr_values", "accept_acr", "require_acr", "asked", "accepted", "requires"),
    [
        (None, (), False, "", (), False),
        (None, (), True, "", (), True),
        (None, ("1",), False, "", ("1",), True),
        (None, ("any",), False, "", (), False),
        ("", (), True, "aal3 crl", ("aal3 crl",), True),
        ("", ("1",), True, "", ("1",), True),
        ("", ("any",), True, "", (), True),
        ("gold", (), False, "gold", ("gold",), False),
        ("gold", ("gold", "silver"), False, "gold", ("gold", "silver"), True),
        ("gold", ("any",), False, "gold", (), False),
    ],
)
def test_what_is_asked_accepted_and_required(
    acr_values: str | None,
    accept_acr: tuple[str, ...],
    require_acr: bool,
    asked: str,
    accepted: tuple[str, ...],
    requires: bool,
) -> None:
    """The strict reading of what is left open; a list is meant as it stands."""
    settings = ProviderSettings(
        issuer=ANOTHER.issuer, acr_values=acr_values, accept_acr=accept_acr, require_acr=require_acr
    )

    assert (asked_acr(settings), accepted_acr(settings), requires_acr(settings)) == (asked, accepted, requires)


def test_an_id_token_is_held_to_each_setting_of_its_client() -> None:
    """None of the terms falls back to the default value of the check itself."""
    settings = ProviderSettings(
        issuer=ANOTHER.issuer,
        client_id="town",
        id_token_algorithms=("PS256",),
        clock_skew=7.0,
        accept_acr=("gold",),
        require_at_hash=False,
    )

    expected = expected_token(settings, "https://issuer", "n-1", "at-1", begun_at=100.0, now=160.0)

    assert expected == Expected(
        issuer="https://issuer",
        client_id="town",
        nonce="n-1",
        access_token="at-1",
        algorithms=("PS256",),
        begun_at=100.0,
        now=160.0,
        skew=7.0,
        accepted_acr=("gold",),
        require_acr=True,
        require_at_hash=False,
    )
