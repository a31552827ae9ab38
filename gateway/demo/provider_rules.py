"""The Digital Authentication service's requirements of a request, and its reasons for a refusal.

Pure. The authorization request's parameters and their limits are those of the official
reference (認可エンドポイント); the client assertion's are what relying parties have seen
accepted, with Keycloak's validator as the model where nothing is documented. `emulator` answers with these refusals.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

ATTRIBUTES = ("name", "address", "birthdate", "gender")
"""The four scopes of 基本4情報, contracted one by one."""

SIGN = "sign"
"""The scope of the signature API (署名API)."""

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_ASSERTION = 86_400 + 60
"""Seconds of life of the longest client assertion seen accepted, and a minute."""
_CLOCK_SKEW = 10
"""Seconds an assertion's `iat` or `nbf` may lie ahead (Keycloak's allowance)."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
"""RFC 7636 section 4.1."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One reason for a refusal: a word to count and search by, and a sentence that says what would be right."""

    code: str
    words: str


class RefusedError(Exception):
    """A request breaks the provider's rules. All of its mistakes at once."""

    def __init__(self, mistakes: Iterable[Mistake], error: str = "invalid_request") -> None:
        self.mistakes = tuple(mistakes)
        self.error = error
        """The OAuth error code (RFC 6749 sections 4.1.2.1 and 5.2)."""
        super().__init__("; ".join(mistake.words for mistake in self.mistakes))


def refused(code: str, words: str, error: str = "invalid_request") -> RefusedError:
    """Make a refusal of a single mistake."""
    return RefusedError((Mistake(code, words),), error)


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    most: int
    allowed: re.Pattern[str] | None = None
    shown: str = ""
    fixed: str | None = None


_PRINTABLE = re.compile(r"[\x20-\x7E]*", re.ASCII)
_REQUIRED = (
    _Parameter("client_id", 255, re.compile(r"[0-9a-zA-Z]*", re.ASCII), "[0-9a-zA-Z]"),
    _Parameter("redirect_uri", 255, _PRINTABLE, r"[\x20-\x7E]"),
    _Parameter("response_type", 255, fixed="code"),
    _Parameter("scope", 1024, _PRINTABLE, r"[\x20-\x7E]"),
    _Parameter("state", 255, _PRINTABLE, r"[\x20-\x7E]"),
    _Parameter("nonce", 255, _PRINTABLE, r"[\x20-\x7E]"),
    _Parameter("code_challenge", 128, re.compile(r"[0-9a-zA-Z_-]*", re.ASCII), "[0-9a-zA-Z_-]"),
    _Parameter("code_challenge_method", 255, fixed="S256"),
)
_KNOWN = {parameter.name for parameter in _REQUIRED} | {"acr_values", "sign_transaction_id"}


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """An authorization request that keeps to everything required."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    code_challenge: str
    acr_values: str | None
    sign_transaction_id: str | None
    """The signing transaction, where the scope has `sign`."""
    ignored: tuple[str, ...]
    """Parameters that are not in the reference's list: nothing is promised of them, and nothing done."""


def read_authorization_request(
    pairs: Collection[tuple[str, str]], registered: Mapping[str, tuple[Collection[str], Collection[str]]]
) -> AuthorizationRequest:
    """Return the request, or say everything that is wrong with it.

    `registered` gives, for each client_id, its redirect URIs and its contracted attribute scopes.

    Raises:
        RefusedError: with every mistake.

    """
    mistakes: list[Mistake] = []
    given = _once(pairs, mistakes)
    for parameter in _REQUIRED:
        mistake = _look_at(parameter, given.get(parameter.name))
        if mistake is not None:
            mistakes.append(mistake)
    client = registered.get(given.get("client_id", ""))
    if client is None:
        if given.get("client_id"):
            mistakes.append(Mistake("client_id_unknown", "`client_id` is not registered with this service"))
    else:
        redirect_uris, contracted = client
        # OAuth 2.0 Security BCP 2.1: compared as strings, whole; no prefix, no port of its own.
        if given.get("redirect_uri") and given["redirect_uri"] not in redirect_uris:
            mistakes.append(
                Mistake(
                    "redirect_uri_unregistered",
                    "`redirect_uri` is not one of the client's リダイレクトURI, to the letter",
                )
            )
        mistakes += _look_at_scope(given.get("scope", ""), contracted)
    mistakes += _look_at_signing(given)
    if not _PRINTABLE.fullmatch(given.get("acr_values", "")):
        mistakes.append(Mistake("acr_values_characters", r"`acr_values` may hold only [\x20-\x7E]"))
    if mistakes:
        raise RefusedError(mistakes)
    return AuthorizationRequest(
        client_id=given["client_id"],
        redirect_uri=given["redirect_uri"],
        scopes=tuple(dict.fromkeys(given["scope"].split())),
        state=given["state"],
        nonce=given["nonce"],
        code_challenge=given["code_challenge"],
        acr_values=given.get("acr_values") or None,
        sign_transaction_id=given.get("sign_transaction_id"),
        ignored=tuple(sorted(set(given) - _KNOWN)),
    )


def read_form(pairs: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return a token request's parameters.

    Raises:
        RefusedError: one of them is there twice (RFC 6749 section 3.2).

    """
    mistakes: list[Mistake] = []
    given = _once(pairs, mistakes)
    if mistakes:
        raise RefusedError(mistakes)
    return given


def assertion_of(form: Mapping[str, str], authorization: str | None) -> str:
    """Return the client assertion of a token request.

    Raises:
        RefusedError: the client authenticates in any other way, or not at all.

    """
    if authorization is not None or "client_secret" in form:
        raise refused(
            "client_authentication_method", "only `private_key_jwt` authenticates a client here", "invalid_client"
        )
    kind = form.get("client_assertion_type")
    if kind is None:
        raise refused("client_assertion_type_missing", "`client_assertion_type` is missing", "invalid_client")
    if kind != _ASSERTION_TYPE:
        raise refused(
            "client_assertion_type_wrong", f"`client_assertion_type` must be `{_ASSERTION_TYPE}`", "invalid_client"
        )
    if not form.get("client_assertion"):
        raise refused("client_assertion_missing", "`client_assertion` is missing", "invalid_client")
    return form["client_assertion"]


def assertion_lasts(
    claims: Mapping[str, object], *, client_id: str, form: Mapping[str, str], audiences: Collection[str], now: float
) -> tuple[str, float]:
    """Return the assertion's `jti` and until when it must be remembered.

    Raises:
        RefusedError: a claim is missing, stale, or meant for somebody else (RFC 7523 section 3).

    """
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise _assertion("assertion_subject", "`iss` and `sub` must both be the client_id")
    if form.get("client_id", client_id) != client_id:
        raise _assertion("client_id_differs", "the parameter `client_id` differs from the assertion's `sub`")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if audience not in audiences:
        raise _assertion("assertion_audience", "`aud` must be the token endpoint's URL or the issuer, and nothing else")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255:
        raise _assertion("assertion_jti", "`jti` must be a string of 1 to 255 characters")
    issued, starts, expires = (_moment(claims, name) for name in ("iat", "nbf", "exp"))
    for name, moment in (("iat", issued), ("nbf", starts)):
        if moment is not None and moment > now + _CLOCK_SKEW:
            raise _assertion(f"assertion_{name}", f"`{name}` lies in the future")
    if expires is None:
        if issued is None or issued < now - _CLOCK_SKEW:
            raise _assertion("assertion_exp", "without `exp`, `iat` must be within the last 10 seconds")
        return jti, issued + 2 * _CLOCK_SKEW
    if expires <= now:
        raise _assertion("assertion_expired", "`exp` has passed")
    if expires > now + _LONGEST_ASSERTION:
        raise _assertion("assertion_exp", "`exp` lies more than a day ahead")
    return jti, max(expires, now + _CLOCK_SKEW)


def check_verifier(verifier: str | None, challenge: str) -> None:
    """Hold a code_verifier against the challenge (RFC 7636 section 4.6).

    Raises:
        RefusedError: it is missing, malformed, or another request's.

    """
    if not verifier:
        raise refused("code_verifier_missing", "`code_verifier` is missing", "invalid_grant")
    if _VERIFIER.fullmatch(verifier) is None:
        raise refused("code_verifier_form", "`code_verifier` must be 43 to 128 of [A-Za-z0-9._~-]", "invalid_grant")
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
        raise refused("code_verifier_wrong", "`code_verifier` does not belong to the code_challenge", "invalid_grant")


def _once(pairs: Iterable[tuple[str, str]], mistakes: list[Mistake]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            mistakes.append(
                Mistake(f"{name}_twice" if name in _KNOWN else "twice", f"`{name[:40]}` is there more than once")
            )
        given[name] = value
    return given


def _look_at(parameter: _Parameter, value: str | None) -> Mistake | None:
    name = parameter.name
    if not value:
        return Mistake(f"{name}_missing", f"`{name}` is required")
    if parameter.fixed is not None:
        return None if value == parameter.fixed else Mistake(f"{name}_wrong", f"`{name}` must be `{parameter.fixed}`")
    if len(value) > parameter.most:
        return Mistake(f"{name}_too_long", f"`{name}` is {len(value)} characters long; at most {parameter.most}")
    if parameter.allowed is not None and parameter.allowed.fullmatch(value) is None:
        return Mistake(f"{name}_characters", f"`{name}` may hold only {parameter.shown}")
    return None


def _look_at_scope(scope: str, contracted: Collection[str]) -> list[Mistake]:
    asked = scope.split()
    mistakes = []
    if asked and "openid" not in asked:
        mistakes.append(Mistake("scope_without_openid", "`scope` must contain `openid`"))
    for item in asked:
        if item == "openid" or item in contracted:
            continue
        if item in ATTRIBUTES or item in {SIGN, "user_certificate"}:
            mistakes.append(Mistake("scope_not_contracted", f"scope `{item}` is not contracted for this client"))
        else:
            mistakes.append(Mistake("scope_unknown", f"`{item[:40]}` is not a scope of this service"))
    return mistakes


def _look_at_signing(given: Mapping[str, str]) -> list[Mistake]:
    signs = SIGN in given.get("scope", "").split()
    transaction = given.get("sign_transaction_id")
    if transaction is None:
        needed = Mistake("sign_transaction_id_missing", f"with the scope `{SIGN}`, `sign_transaction_id` is required")
        return [needed] if signs else []
    if not signs:
        return [Mistake("sign_transaction_id_alone", f"`sign_transaction_id` needs the scope `{SIGN}`")]
    if not 0 < len(transaction) <= 255 or not _PRINTABLE.fullmatch(transaction):
        return [Mistake("sign_transaction_id_form", r"`sign_transaction_id` must be 1 to 255 of [\x20-\x7E]")]
    return []


def _assertion(code: str, words: str) -> RefusedError:
    return refused(code, f"client assertion: {words}", "invalid_client")


def _moment(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # JSON as Python reads it knows NaN, which is neither before nor after anything.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _assertion(f"assertion_{name}", f"`{name}` must be a number of seconds")
    return float(value)
