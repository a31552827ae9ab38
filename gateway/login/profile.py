"""The provider, and the checks of its published metadata before we use it.

Endpoints come from discovery; `environment` only names the issuer. The real service's issuers are from secondary
sources and to be confirmed against its documentation: `sekisho doctor` shows what discovery answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.errors import ProviderUnavailableError
from gateway.settings import origin
from gateway.settings.settings import Environment, ProviderSettings

ISSUERS: Mapping[Environment, str] = {
    Environment.PRODUCTION: "https://auth-and-sign.go.jp/api/realms/main",
    Environment.SANDBOX: "https://sb-auth-and-sign.go.jp/api/realms/main",
}
"""Secondary: observed by an open-source client, not read in official documentation."""

_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?=[/?#]|\Z)")

DISCOVERY = "/.well-known/openid-configuration"

ENDPOINT = "discovery"
"""The endpoint that a fault of the metadata is told of."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The provider's metadata from discovery, as far as we use it (OpenID Connect Discovery 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    acr_values: tuple[str, ...] | None = None
    """The values of `acr_values_supported`; None if the provider lists none."""


def issuer_of(settings: ProviderSettings) -> str:
    """Return the issuer: the one written, or the environment's; empty where neither names one."""
    return settings.issuer or ISSUERS.get(settings.environment, "")


def discovery_url(issuer: str) -> str:
    """Return the URL of an issuer's metadata (OpenID Connect Discovery 4.1). A final slash of the issuer is dropped."""
    return issuer.removesuffix("/") + DISCOVERY


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: an address of it, `localhost`, or a name under it (RFC 6761)."""
    return origin.is_loopback(urlsplit(url).hostname or "")


def read_metadata(said: Mapping[str, Any], issuer: str) -> Metadata:
    """Return what we use of a discovery document.

    Raises:
        ProviderUnavailableError: it is not this issuer's, or lacks an endpoint, or one is not https.

    """
    # OpenID Connect Discovery 4.3: exactly the issuer we asked, character for character.
    if said.get("issuer") != issuer:
        raise ProviderUnavailableError(ENDPOINT, "names_another_issuer")
    methods = said.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(methods, list) or "S256" not in methods:
        raise ProviderUnavailableError(ENDPOINT, "offers_no_s256")
    return Metadata(
        issuer,
        _endpoint(said, "authorization_endpoint", issuer) or _missing("authorization_endpoint"),
        _endpoint(said, "token_endpoint", issuer) or _missing("token_endpoint"),
        _endpoint(said, "jwks_uri", issuer) or _missing("jwks_uri"),
        _endpoint(said, "userinfo_endpoint", issuer),
        _endpoint(said, "end_session_endpoint", issuer),
        _texts(said.get("acr_values_supported")),
    )


def origins_of(issuer: str, metadata: Metadata | None) -> tuple[str, ...]:
    """Return the origins of the pages a browser is sent to, each once: for the `form-action` of our own pages.

    An origin without a plain host is left out: in that header a `;` or a `,` would begin something else.
    """
    pages = [issuer]
    if metadata is not None:
        pages += [metadata.authorization_endpoint, metadata.end_session_endpoint or issuer]
    found = (_ORIGIN.match(page) for page in pages)
    return tuple(dict.fromkeys(origin[0].lower() for origin in found if origin is not None))


def _texts(said: object) -> tuple[str, ...] | None:
    """Return the texts of a list; None where it is no list."""
    return tuple(value for value in said if isinstance(value, str)) if isinstance(said, list) else None


def _missing(name: str) -> str:
    raise ProviderUnavailableError(ENDPOINT, f"lacks_{name}")


def _endpoint(said: Mapping[str, Any], name: str, issuer: str) -> str | None:
    url = said.get(name)
    if url is None:
        return None
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        port_is_a_number = parts is not None and (parts.port or True)
    except ValueError:
        parts, port_is_a_number = None, False
    plain = (
        parts is not None and port_is_a_number and bool(parts.hostname) and not parts.username and not parts.fragment
    )
    # Plain HTTP never leaves this machine: an emulator's endpoints may be on origin where its issuer is.
    secure = plain and (url.startswith("https://") or (is_loopback(issuer) and is_loopback(url)))
    if not secure or not url.isascii() or any(character <= " " for character in url):
        raise ProviderUnavailableError(ENDPOINT, f"unusable_{name}")
    return str(url)


def may_be_plain(url: str) -> bool:
    """Whether a URL may be called as it is: https, or http on origin."""
    return url.startswith("https://") or (url.startswith("http://") and is_loopback(url))


SHORTEST_LIFETIME = 60.0
LONGEST_LIFETIME = 86_400.0
USUAL_LIFETIME = 3_600.0
"""Seconds a document is kept: what its headers say, within these bounds; an hour where they say nothing."""


def lifetime(cache_control: str, age: str) -> float:
    """Return the seconds for which a document is fresh (RFC 9111 section 4.2), within our bounds.

    `no-store` and `no-cache` give the shortest: asking anew at each sign-in would make the provider's
    trouble ours.
    """
    directives = [directive.strip().casefold() for directive in cache_control.split(",")]
    if "no-store" in directives or "no-cache" in directives:
        return SHORTEST_LIFETIME
    for directive in directives:
        name, _, value = directive.partition("=")
        value = value.strip('"')
        if name == "max-age" and value.isdecimal() and value.isascii() and len(value) <= 10:
            spent = int(age) if age.isdecimal() and age.isascii() and len(age) <= 10 else 0
            return min(max(int(value) - spent, SHORTEST_LIFETIME), LONGEST_LIFETIME)
    return USUAL_LIFETIME
