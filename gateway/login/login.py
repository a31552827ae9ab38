"""The requests a sign-in makes: where the browser is sent, what the token endpoint is asked.

Pure: state, nonce, verifier, moment and key come in. authlib's stateless function makes the challenge, and joserfc's
algorithms sign the assertion. authlib's client and assertion objects are left alone, since they keep a last token and
use one `jti` twice.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jws import JWSRegistry

from gateway.errors import SignInInvalidError
from gateway.identity import Scope
from gateway.instant import Instant
from gateway.login.claims import Check
from gateway.login.keys import SigningKey
from gateway.login.profile import Metadata
from gateway.login.provider_defaults import asked_acr, reauthentication
from gateway.settings.origin import origin_of
from gateway.settings.settings import ProviderSettings, Reauthenticate

CALLBACK = "callback"
"""The redirect URI's place under the portal's prefix."""

SIGNED_OUT = "signed-out"
"""The place of the page that says so, under the portal's prefix: the provider sends people back to it."""

BACKCHANNEL_LOGOUT = "backchannel-logout"
"""The place that the provider posts logout tokens to, under the portal's prefix."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

LONGEST_CODE = 2_048
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
LONGEST_ACCESS_TOKEN = 16 * 1024


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """The token endpoint's answer to a code. Its tokens show in no `repr`, and are kept nowhere."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    granted: frozenset[Scope]
    session_state: str | None = field(default=None, repr=False)


_SCOPES = frozenset(Scope)
_ORDER = (Scope.OPENID, Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE, Scope.GENDER)


def redirect_uri(url: str, prefix: str) -> str:
    """Return an App's redirect URI: it follows from the public origin, never from a request."""
    return callback_at(origin_of(url), prefix)


def callback_at(origin: str, prefix: str) -> str:
    """Return the redirect URI of an origin."""
    return origin + prefix + CALLBACK


def post_logout_redirect_uri(url: str, prefix: str) -> str:
    """Return where the provider sends a person back to after its own sign-out: our page that says so."""
    return origin_of(url) + prefix + SIGNED_OUT


def end_session_url(endpoint: str, *, client_id: str, back: str) -> str:
    """Return the request for the provider's own sign-out (RP-Initiated Logout 1.0 section 2).

    No `id_token_hint`: we keep no ID token (docs/decisions/0011). `client_id` says who asks.
    """
    return _asked(endpoint, {"client_id": client_id, "post_logout_redirect_uri": back})


def _asked(endpoint: str, parameters: Mapping[str, str]) -> str:
    """Return an endpoint with a query; one that it has already stays (RFC 6749 section 3.1)."""
    return endpoint + ("&" if "?" in endpoint else "?") + _form(parameters)


def _form(parameters: Mapping[str, str]) -> str:
    """Return parameters as a form (`urllib.parse.urlencode`), whose names need no escapes, as most of the values."""
    return "&".join(
        [f"{name}={value if _PLAIN.fullmatch(value) else quote_plus(value)}" for name, value in parameters.items()]
    )


def scope_text(scopes: Iterable[Scope]) -> str:
    """Return the scopes as the provider reads them, always in one order, always with `openid`."""
    wanted = {Scope.OPENID, *scopes}
    return " ".join([scope for scope in _ORDER if scope in wanted])


def authorization_url(  # noqa: PLR0913 (each parameter has its name)
    metadata: Metadata,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Iterable[Scope],
    state: str,
    nonce: str,
    verifier: str,
    assurance: Mapping[str, str],
    signing_scope: str = "",
) -> str:
    """Return the authorization request (OpenID Connect Core 3.1.2.1, RFC 7636 section 4.3).

    With a `signing_scope` the person signs a document as well. `assurance` is what `asked_assurance` says. No `claims`
    or `ui_locales`: the agency's service documents neither.
    """
    return _asked(
        metadata.authorization_endpoint,
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": f"{scope_text(scopes)} {signing_scope}".rstrip(),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
            **assurance,
        },
    )


def asked_assurance(settings: ProviderSettings, fresh_within: float | None) -> dict[str, str]:
    """Return the parameters that say how a person is to be authenticated (OpenID Connect Core 3.1.2.1).

    `fresh_within` is how many seconds ago that may have been, where a rule says so. The answer is believed by its
    `acr` and `auth_time` alone.
    """
    acr_values = asked_acr(settings)
    asked = {"acr_values": acr_values} if acr_values else {}
    if fresh_within is None:
        return asked
    match reauthentication(settings):
        case Reauthenticate.MAX_AGE:
            # Half of it: a sign-in that is just fresh enough would be too old for the very page that asked, at once
            # and again, until the loop breaker stops the person.
            return {**asked, "max_age": str(int(fresh_within / 2))}
        case Reauthenticate.PROMPT:
            return {**asked, "prompt": "login"}
        case _:
            return asked


def client_assertion(
    key: SigningKey, *, client_id: str, audience: str, algorithm: str | None, now: Instant, lifetime: float, jti: str
) -> str:
    """Return a `private_key_jwt` (OpenID Connect Core section 9): new for each request, since `jti` is for one use."""
    signing = JWSRegistry.algorithms[algorithm or key.alg]
    signing.check_key(key.key)
    claims: dict[str, str | int] = {
        "iss": client_id,
        "aud": audience,
        "sub": client_id,
        "iat": int(now),
        "exp": int(now + lifetime),
        "jti": jti,
    }
    # RFC 7515 section 7.1.
    said = b"%b.%b" % (_segment({"typ": "JWT", "alg": signing.name, "kid": key.kid}), _segment(claims))
    return (b"%b.%b" % (said, urlsafe_b64encode(signing.sign(said, key.key)).rstrip(b"="))).decode()


def _segment(members: Mapping[str, str | int]) -> bytes:
    return urlsafe_b64encode(msgspec.json.encode(members)).rstrip(b"=")


def token_form(*, client_id: str, code: str, redirect_uri: str, verifier: str, assertion: str) -> str:
    """Return the token request's form (RFC 6749 section 4.1.3, RFC 7523 section 2.2, RFC 7636 section 4.5)."""
    return _form(
        {
            "grant_type": "authorization_code",
            "redirect_uri": redirect_uri,
            "code": code,
            "code_verifier": verifier,
            "client_id": client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
    )


def read_token_answer(said: Mapping[str, Any], asked: frozenset[Scope]) -> TokenAnswer:
    """Return what we use of a token endpoint's answer (OpenID Connect Core 3.1.3.3).

    A scope that the answer's `scope` does not name was not granted. Without a `scope` all were (RFC 6749 section 5.1).

    Raises:
        SignInInvalidError: a member is missing or of another kind, or the token is not a bearer's.

    """
    id_token = said.get("id_token")
    if not isinstance(id_token, str) or not id_token:
        raise SignInInvalidError(Check.TOKEN_ANSWER)
    access_token = read_access_token(said)
    scope = said.get("scope")
    if not isinstance(scope, str | None):
        raise SignInInvalidError(Check.TOKEN_ANSWER)
    granted = asked if scope is None else asked & {Scope(word) for word in scope.split() if word in _SCOPES}
    session_state = said.get("session_state")
    if not isinstance(session_state, str | None) or len(session_state or "") > LONGEST_CODE:
        raise SignInInvalidError(Check.TOKEN_ANSWER)
    return TokenAnswer(access_token, id_token, granted, session_state)


def read_access_token(said: Mapping[str, Any]) -> str:
    """Return the access token of a token endpoint's answer (RFC 6749 section 5.1).

    Raises:
        SignInInvalidError: there is none, it is of another kind than a bearer's, or no header can carry it.

    """
    access_token = said.get("access_token")
    if not isinstance(access_token, str):
        raise SignInInvalidError(Check.TOKEN_ANSWER)
    # It goes into a header of ours (RFC 6750 section 2.1).
    if not access_token.isascii() or not access_token.isprintable() or not access_token or " " in access_token:
        raise SignInInvalidError(Check.TOKEN_ANSWER)
    if len(access_token) > LONGEST_ACCESS_TOKEN:
        raise SignInInvalidError(Check.TOKEN_ANSWER)
    kind = said.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.casefold() != "bearer":
        raise SignInInvalidError(Check.TOKEN_TYPE)
    return access_token


def oauth_error(said: object) -> str:
    """Return an error code that is safe to show and count: only characters of OAuth's codes, at most 64."""
    if not isinstance(said, str):
        return ""
    return "".join(character for character in said[:64] if character in _ERROR_CHARACTERS)


def shown_value(said: str) -> str:
    """Return a value of the provider's as the log may show it: printable ASCII, at most 64 characters."""
    return "".join(character for character in said[:64] if " " <= character <= "~")


_ERROR_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
