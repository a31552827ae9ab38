"""The requests of the signature API and what its answers mean, by the names of a profile."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authlib.oauth2.rfc6749.parameters import prepare_token_request

from gateway.errors import ProviderUnavailableError
from gateway.login.login import ASSERTION_TYPE, LONGEST_ACCESS_TOKEN
from gateway.signing.profile import HashForm, Profile, State, Validity, is_transaction_id
from gateway.strict_json import NotJsonError, read_json_object

SIGN_TOKEN: Final = "sign_token"  # noqa: S105 (an endpoint's name)
"""The token endpoint, asked by client credentials."""
SIGN_START: Final = "sign_start"
SIGN_RESULT: Final = "sign_result"
"""The endpoints of the signature API, as metrics and log lines name them."""

USUAL_TOKEN_SECONDS: Final = 60.0
"""Seconds for which a client's token is used whose answer says no time (RFC 6749 section 4.4.3)."""
TOKEN_MARGIN: Final = 30.0
"""Seconds before its end from which a client's token is not used any more."""
USUAL_TRANSACTION_SECONDS: Final = 600.0
LONGEST_TRANSACTION: Final = 3_600.0
LARGEST_SIGNATURE: Final = 4 * 1024
"""Bytes of a signature: RSA of 2,048 bits has 256."""
LARGEST_CERTIFICATE: Final = 16 * 1024
"""Bytes of a certificate, or characters of the JWE that holds one are four times as many."""

_JWE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""RFC 7516 section 7.1; direct encryption leaves the second part empty."""


@dataclass(frozen=True, slots=True)
class ClientToken:
    """A token of our own, for starting transactions."""

    token: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Started:
    """A transaction at the provider."""

    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Fetched:
    """A result as the provider gave it. Signature and certificate are there if and only if the state is `SIGNED`."""

    state: State
    signature: str = ""
    certificate: str = ""
    certificate_jwe: str = ""
    validity: Validity | None = None


def client_token_form(*, client_id: str, scope: str, assertion: str) -> str:
    """Return the form that asks for a token by client credentials (RFC 6749 section 4.4.2)."""
    form: str = prepare_token_request(
        "client_credentials",
        scope=scope or None,
        client_id=client_id,
        client_assertion_type=ASSERTION_TYPE,
        client_assertion=assertion,
    )
    return form


def read_client_token(said: Mapping[str, Any]) -> ClientToken:
    """Return the token of an answer by client credentials.

    Raises:
        ProviderUnavailableError: there is none that can be used.

    """
    token, kind, seconds = said.get("access_token"), said.get("token_type", "Bearer"), said.get("expires_in")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ProviderUnavailableError(SIGN_TOKEN, "lacks_access_token")
    if not isinstance(kind, str) or kind.casefold() != "bearer" or len(token) > LONGEST_ACCESS_TOKEN:
        raise ProviderUnavailableError(SIGN_TOKEN, "unusable_token")
    return ClientToken(token, _seconds(seconds, USUAL_TOKEN_SECONDS, 86_400.0))


def start_request(profile: Profile, hash_text: str, form: HashForm) -> bytes:
    """Return the JSON that starts a transaction; `hash_text` is in standard Base64, in that form."""
    said = {profile.request_hash: hash_text}
    if profile.request_hash_form:
        said[profile.request_hash_form] = profile.hash_forms[form]
    return json.dumps(said).encode()


def read_start(said: Mapping[str, Any], profile: Profile) -> Started:
    """Return the transaction of an answer.

    Raises:
        ProviderUnavailableError: it names none, under the profile's name.

    """
    transaction = said.get(profile.response_transaction_id)
    if not isinstance(transaction, str) or not is_transaction_id(transaction):
        raise ProviderUnavailableError(SIGN_START, f"lacks_{profile.response_transaction_id}")
    seconds = said.get(profile.response_expires_in) if profile.response_expires_in else None
    return Started(transaction, _seconds(seconds, USUAL_TRANSACTION_SECONDS, LONGEST_TRANSACTION))


def read_result(said: Mapping[str, Any], profile: Profile, *, public: bool) -> Fetched:
    """Return what a result says. A public body gets the certificate, a private operator a JWE.

    Raises:
        ProviderUnavailableError: it has a state that the profile does not know, or a signature without its parts.

    """
    if profile.result_state:
        word = said.get(profile.result_state)
        state = profile.state_of(word) if isinstance(word, str) else None
        if state is None:
            raise ProviderUnavailableError(SIGN_RESULT, "unknown_state")
    else:
        state = State.SIGNED if profile.result_signature in said else State.WAITING
    if state is not State.SIGNED:
        return Fetched(state)
    signature = _base64(said.get(profile.result_signature), LARGEST_SIGNATURE)
    if not signature:
        raise ProviderUnavailableError(SIGN_RESULT, f"lacks_{profile.result_signature}")
    if public:
        certificate = _base64(said.get(profile.result_certificate), LARGEST_CERTIFICATE)
        if not certificate:
            raise ProviderUnavailableError(SIGN_RESULT, f"lacks_{profile.result_certificate or 'certificate'}")
        word = said.get(profile.result_validity) if profile.result_validity else None
        validity = None if word is None else profile.validity_of(word if isinstance(word, str) else "")
        return Fetched(state, signature, certificate, validity=validity)
    jwe = said.get(profile.result_certificate_jwe)
    if not isinstance(jwe, str) or len(jwe) > 4 * LARGEST_CERTIFICATE or not _is_jwe(jwe):
        raise ProviderUnavailableError(SIGN_RESULT, f"lacks_{profile.result_certificate_jwe or 'certificate_jwe'}")
    return Fetched(state, signature, certificate_jwe=jwe)


def _is_jwe(said: str) -> bool:
    """Whether a text has the form and the header of a JWE. Its PF operator opens it, and judges algorithm and key."""
    if _JWE.fullmatch(said) is None:
        return False
    head = said.partition(".")[0]
    try:
        header = read_json_object(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)), LARGEST_CERTIFICATE)
    except (NotJsonError, ValueError):
        return False
    # RFC 7516 section 4.1: both name how it is encrypted. `none` is of a JWS, which everybody reads.
    return all(isinstance(header.get(name), str) and header[name] not in ("", "none") for name in ("alg", "enc"))


def _seconds(said: object, usual: float, most: float) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or said <= 0:
        return usual
    return min(float(said), most)


def _base64(said: object, largest: int) -> str:
    """Return a text of standard Base64 that is not empty, or nothing for anything else."""
    if not isinstance(said, str) or len(said) > largest * 4 // 3 + 4:
        return ""
    try:
        return said if base64.b64decode(said, validate=True) else ""
    except (binascii.Error, ValueError):
        return ""
