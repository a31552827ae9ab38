"""The default values for a provider whose settings leave them open.

The Digital Authentication service documents which parameters it reads, and a provider of another kind keeps to OpenID
Connect. So the default parameters for the agency's service differ from those for a town's own provider.
"""

from __future__ import annotations

from gateway.instant import Instant
from gateway.login.claims import Expected
from gateway.settings.origin import host_of
from gateway.settings.settings import ANY, Environment, ProviderSettings, Reauthenticate

AGENCYS_ACR = "aal3 crl"
"""The value that the agency's reference gives as its example."""

AGENCYS_HOST = "auth-and-sign.go.jp"
"""The end of every host name of the agency's service, the sandbox's `sb-…` included."""


def is_agencys(settings: ProviderSettings) -> bool:
    """Whether the provider is the agency's service, or stands in for it: by its environment, or by its host."""
    if settings.environment is not Environment.OTHER:
        return True
    return host_of(settings.issuer).endswith(AGENCYS_HOST)


def asked_acr(settings: ProviderSettings) -> str:
    """Return the value sent as `acr_values`; empty if none is sent.

    Another provider than the agency's does not know the agency's words. An operator who demands an `acr` of it and
    names none still gets the agency's value: this is the strict reading of an open setting.
    """
    if settings.acr_values is None:
        return ""
    if settings.acr_values:
        return settings.acr_values
    return AGENCYS_ACR if is_agencys(settings) or (settings.require_acr and not settings.accept_acr) else ""


def accepted_acr(settings: ProviderSettings) -> tuple[str, ...]:
    """Return the values of which an ID token's `acr` must be one; empty where any will do."""
    if settings.accept_acr:
        return () if settings.accept_acr == (ANY,) else settings.accept_acr
    asked = asked_acr(settings)
    return (asked,) if asked else ()


def requires_acr(settings: ProviderSettings) -> bool:
    """Whether an ID token must have an `acr` at all: always, where the accepted values were listed."""
    return settings.require_acr or settings.accept_acr not in ((), (ANY,))


def expected_token(
    settings: ProviderSettings, issuer: str, nonce: str, access_token: str, *, begun_at: Instant, now: Instant
) -> Expected:
    """Return what an ID token of this client must agree with: the same for a sign-in and for a signature."""
    return Expected(
        issuer=issuer,
        client_id=settings.client_id,
        nonce=nonce,
        access_token=access_token,
        algorithms=settings.id_token_algorithms,
        begun_at=begun_at,
        now=now,
        skew=settings.clock_skew,
        accepted_acr=accepted_acr(settings),
        require_acr=requires_acr(settings),
        require_at_hash=settings.require_at_hash,
    )


def reauthentication(settings: ProviderSettings) -> Reauthenticate:
    """Return how the provider is asked to have a person authenticate anew.

    OpenID Connect Core 15.1 has every provider know `max_age`. The agency's reference does not list it.
    """
    if settings.reauthenticate is not Reauthenticate.AUTO:
        return settings.reauthenticate
    return Reauthenticate.NONE if is_agencys(settings) else Reauthenticate.MAX_AGE
