"""Checks the provider's claims about a person, and reads their meaning.

`read_id_token` is OpenID Connect Core 3.1.3.7, step by step. It is written out here, above joserfc's
signatures, because the ready-made validators check only what they are given as options, and take a missing
`at_hash`, an empty `sub` and a second audience for granted. `read_userinfo` brings the four items into our
own form; what it cannot read is None and has a reason that can be counted, never a guess.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256, sha384, sha512
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from gateway.errors import SignInInvalidError
from gateway.identity import EARLIEST_YEAR, Birthdate, Gender, Scope
from gateway.instant import Instant
from gateway.strict_json import read_json_object

LONGEST_TOKEN = 16 * 1024
"""Bytes of an ID token or logout token we look at."""

LONGEST_SUBJECT = 255
"""OpenID Connect Core section 2: a `sub` is at most 255 ASCII characters."""

LONGEST_NAME = 200
LONGEST_ADDRESS = 400
"""Characters. The signing certificate's address has up to 200; that the chip's is no longer is not established."""

PINNABLE = ("ES256", "ES384", "ES512", "PS256", "RS256")
"""Algorithms that may be pinned: asymmetric ones, so that no public key can serve as a shared secret."""

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_HASHES = {"256": sha256, "384": sha384, "512": sha512}
_KEY_REFERENCES = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "enc", "zip"})
_HEADER_MEMBERS = frozenset({"alg", "kid", "typ", "cty", "x5t", "x5t#S256"})
"""The members that a header may have beside those."""
LONGEST_HEADER = 512
"""Bytes of a header."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""RFC 7515 section 7.1."""
_SUBJECT = re.compile(r"[\x21-\x7E](?:[\x20-\x7E]*[\x21-\x7E])?")


class Check(StrEnum):
    """The closed list of what an answer can fail: `Failed.check`, label of a metric."""

    SHAPE = "token_shape"
    HEADER = "token_header"
    ALGORITHM = "token_algorithm"
    KEY = "token_key"
    SIGNATURE = "token_signature"
    PAYLOAD = "token_payload"
    ISSUER = "iss"
    SUBJECT = "sub"
    AUDIENCE = "aud"
    AUTHORIZED_PARTY = "azp"
    EXPIRED = "exp"
    NOT_BEFORE = "nbf"
    ISSUED_AT = "iat"
    NONCE = "nonce"
    AT_HASH = "at_hash"
    ACR = "acr"
    AUTH_TIME = "auth_time"
    SID = "sid"
    EVENTS = "events"
    JTI = "jti"
    REPLAYED = "replayed"
    STATE = "state"
    CODE = "code"
    ISSUER_PARAMETER = "iss_parameter"
    TOKEN = "token"  # noqa: S105 (a name)
    REVOKED = "revoked"
    AUTH_TIME_OLD = "auth_time_old"
    AUTH_TIME_MISSING = "auth_time_missing"
    USERINFO_SUBJECT = "userinfo_sub"
    TOKEN_ANSWER = "token_answer"  # noqa: S105 (a name)
    TOKEN_TYPE = "token_type"  # noqa: S105 (a name)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key of the provider, and what it says it is for."""

    kid: str | None
    alg: str | None
    key: ECKey | RSAKey

    @property
    def algorithm(self) -> str:
        """The algorithm it can verify: the one it names, or the usual one of its type."""
        if self.alg is not None:
            return self.alg
        if isinstance(self.key, RSAKey):
            return "RS256"
        return {curve: alg for alg, curve in _CURVES.items()}.get(self.key.curve_name, "")


@dataclass(frozen=True, slots=True)
class Expected:
    """The values that an ID token must agree with."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str
    algorithms: tuple[str, ...]
    begun_at: Instant
    now: Instant
    skew: float
    accepted_acr: tuple[str, ...] = ()
    """Of these one is enough; empty takes any."""
    require_acr: bool = False
    require_at_hash: bool = True


@dataclass(frozen=True, slots=True)
class IdToken:
    """An ID token that holds."""

    subject: str
    auth_time: Instant | None
    acr: str | None
    sid: str | None


class Trouble(StrEnum):
    """Why one of the four items is None although it was asked for. Label of a metric."""

    MISSING = "missing"
    MALFORMED = "malformed"
    NOT_GRANTED = "not_granted"


@dataclass(frozen=True, slots=True)
class Facts:
    """The four items, in our own form; `troubles` says why a granted item is None."""

    name: str | None = None
    address: str | None = None
    birthdate: Birthdate | None = None
    gender: Gender | None = None
    troubles: tuple[tuple[Scope, Trouble], ...] = ()


@dataclass(frozen=True, slots=True)
class _Header:
    alg: str
    kid: str | None


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _header(token: str, types: tuple[str, ...] = ("JWT",)) -> _Header:
    if len(token) > LONGEST_TOKEN or _COMPACT.fullmatch(token) is None:
        raise SignInInvalidError(Check.SHAPE)
    try:
        protected = read_json_object(_decoded(token.partition(".")[0]), LONGEST_HEADER)
    except ValueError as error:
        raise SignInInvalidError(Check.SHAPE) from error
    # A header that brings its own key, or asks for what we do not know (RFC 7515 section 4.1.11), is not reasoned with.
    if _KEY_REFERENCES & protected.keys():
        raise SignInInvalidError(Check.HEADER)
    if not protected.keys() <= _HEADER_MEMBERS or not all(isinstance(said, str) for said in protected.values()):
        raise SignInInvalidError(Check.HEADER)
    said = protected.get("typ", "JWT")
    if not isinstance(said, str) or said.casefold().removeprefix("application/") not in map(str.casefold, types):
        raise SignInInvalidError(Check.HEADER)
    alg, kid = protected.get("alg"), protected.get("kid")
    if not isinstance(alg, str) or not isinstance(kid, str | None) or len(kid or "") > LONGEST_SUBJECT:
        raise SignInInvalidError(Check.HEADER)
    return _Header(alg, kid)


def verified_claims(
    token: str, keys: Iterable[VerificationKey], algorithms: tuple[str, ...], *, types: tuple[str, ...] = ("JWT",)
) -> Mapping[str, Any]:
    """Return a token's claims once its signature holds under a key of the provider's own.

    Raises:
        SignInInvalidError: shape, header, algorithm, key, signature or payload fail.

    """
    return _verified(token, keys, algorithms, types)[1]


def _verified(
    token: str, keys: Iterable[VerificationKey], algorithms: tuple[str, ...], types: tuple[str, ...] = ("JWT",)
) -> tuple[_Header, Mapping[str, Any]]:
    header = _header(token, types)
    # OpenID Connect Core 3.1.3.7, step 7: the algorithm is the one agreed on. The token only selects one of them.
    if header.alg not in algorithms or header.alg not in PINNABLE:
        raise SignInInvalidError(Check.ALGORITHM)
    key = _key_for(header, keys)
    # OpenID Connect Core 3.1.3.7, step 6: the signature holds, by the keys the issuer publishes.
    said, _, signature = token.rpartition(".")
    try:
        # The library's algorithm alone: the header has been read, more strictly than the library reads it.
        holds = JWSRegistry.algorithms[header.alg].verify(said.encode(), _decoded(signature), key.key)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignInInvalidError(Check.SIGNATURE) from error
    if holds is not True:
        raise SignInInvalidError(Check.SIGNATURE)
    try:
        # RFC 7519 section 4: two members of one name are refused; readers differ in which one they take.
        return header, read_json_object(_decoded(said.rpartition(".")[2]), LONGEST_TOKEN)
    except ValueError as error:
        raise SignInInvalidError(Check.PAYLOAD) from error


def _key_for(header: _Header, keys: Iterable[VerificationKey]) -> VerificationKey:
    """Return the one key that fits; a key made for another algorithm, curve or use never does."""
    fitting = [
        key
        for key in keys
        if key.alg in {None, header.alg} and _fits(header.alg, key) and header.kid in {None, key.kid}
    ]
    # OpenID Connect Core 10.1: a token without `kid` is unambiguous only where one key could have signed it.
    if len(fitting) != 1:
        raise SignInInvalidError(Check.KEY)
    return fitting[0]


def _fits(alg: str, key: VerificationKey) -> bool:
    if alg.startswith("ES"):
        return isinstance(key.key, ECKey) and key.key.curve_name == _CURVES[alg]
    return isinstance(key.key, RSAKey)


def half_hash(value: str, alg: str) -> str:
    """Return the left half of a hash, as `at_hash` has it (OpenID Connect Core 3.1.3.6)."""
    digest = _HASHES[alg[2:]](value.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def read_id_token(token: str, keys: Iterable[VerificationKey], expected: Expected) -> IdToken:
    """Return the claims of an ID token after every check (OpenID Connect Core 3.1.3.7).

    Raises:
        SignInInvalidError: with the first `Check` it fails.

    """
    # Step 1, decryption: we register no encryption, so an encrypted one has not the shape. Steps 6 and 7 come first, so
    # that no message is about an unsigned claim.
    header, claims = _verified(token, keys, expected.algorithms)

    # Step 2: the issuer is exactly the discovered one.
    if claims.get("iss") != expected.issuer:
        raise SignInInvalidError(Check.ISSUER)
    # Step 3: we must be the only audience, since we trust no other one.
    if claims.get("aud") not in (expected.client_id, [expected.client_id]):
        raise SignInInvalidError(Check.AUDIENCE)
    # Steps 4 and 5: an authorized party is us.
    if "azp" in claims and claims["azp"] != expected.client_id:
        raise SignInInvalidError(Check.AUTHORIZED_PARTY)
    # Step 8, a MAC by client secret: never, no such algorithm can be pinned.
    # Step 9: it has not expired.
    expires = read_time(claims.get("exp"), Check.EXPIRED)
    if expires <= expected.now - expected.skew:
        raise SignInInvalidError(Check.EXPIRED)
    if "nbf" in claims and read_time(claims["nbf"], Check.NOT_BEFORE) > expected.now + expected.skew:
        raise SignInInvalidError(Check.NOT_BEFORE)
    # Step 10: the provider issued it for this sign-in, neither before it began nor in the future.
    issued = read_time(claims.get("iat"), Check.ISSUED_AT)
    if not expected.begun_at - expected.skew - 1 <= issued <= expected.now + expected.skew:
        raise SignInInvalidError(Check.ISSUED_AT)
    # Step 11: the nonce is the one of this pending login.
    if not _same_text(claims.get("nonce"), expected.nonce):
        raise SignInInvalidError(Check.NONCE)
    # Step 12: the sign-in reached the requested assurance.
    acr = _acr(claims, expected)
    # Step 13: the time of authentication is not in the future.
    auth_time = None
    if claims.get("auth_time") is not None:
        auth_time = read_time(claims["auth_time"], Check.AUTH_TIME)
        if auth_time > expected.now + expected.skew:
            raise SignInInvalidError(Check.AUTH_TIME)
    # OpenID Connect Core 3.1.3.8: the access token is the one issued with it. The specification leaves its presence
    # to the provider; the service sends it, so its absence is a fault there.
    looked_at = expected.require_at_hash or "at_hash" in claims
    if looked_at and not _same_text(claims.get("at_hash"), half_hash(expected.access_token, header.alg)):
        raise SignInInvalidError(Check.AT_HASH)
    sid = claims.get("sid")
    # A later logout token names a session by it: if we could not keep it, we would not hear that sign-out.
    if not isinstance(sid, str | None) or len(sid or "") > LONGEST_SUBJECT:
        raise SignInInvalidError(Check.SID)
    return IdToken(read_subject(claims.get("sub")), auth_time, acr, sid or None)


def read_subject(value: object) -> str:
    """Return a usable `sub`: it names an account and travels in a header."""
    if not isinstance(value, str) or len(value) > LONGEST_SUBJECT or _SUBJECT.fullmatch(value) is None:
        raise SignInInvalidError(Check.SUBJECT)
    return value


def read_time(value: object, check: Check) -> Instant:
    """Return a NumericDate: a number, not its spelling, and one a clock can show."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise SignInInvalidError(check)
    return float(value)


def _same_text(said: object, expected: str) -> bool:
    return isinstance(said, str) and hmac.compare_digest(said.encode("utf-8", "replace"), expected.encode())


def _acr(claims: Mapping[str, Any], expected: Expected) -> str | None:
    """Return the `acr`. One that is no accepted value fails; whether an absent one does is a setting."""
    acr = claims.get("acr")
    if acr is None:
        if expected.require_acr:
            raise SignInInvalidError(Check.ACR, "absent")
        return None
    if not isinstance(acr, str) or len(acr) > LONGEST_SUBJECT:
        raise SignInInvalidError(Check.ACR)
    words = set(acr.split(" "))
    if expected.accepted_acr and not any(words.issuperset(value.split(" ")) for value in expected.accepted_acr):
        raise SignInInvalidError(Check.ACR, acr)
    return acr


def read_userinfo(claims: Mapping[str, Any], subject: str, granted: Iterable[Scope], today: date) -> Facts:
    """Return the four items as far as they were granted and can be read.

    `today` is the day in Japan: no birthdate is after it.

    Raises:
        SignInInvalidError: `sub` is not the ID token's (OpenID Connect Core 5.3.2); then nothing is used.

    """
    if not _same_text(claims.get("sub"), subject):
        raise SignInInvalidError(Check.USERINFO_SUBJECT)
    found: dict[Scope, Any] = {}
    troubles: list[tuple[Scope, Trouble]] = []
    for scope in sorted(set(granted) - {Scope.OPENID}):
        said = claims.get(scope.value)
        if said is None or said == "":
            troubles.append((scope, Trouble.MISSING))
            continue
        found[scope] = _READERS[scope](said, today)
        if found[scope] is None:
            troubles.append((scope, Trouble.MALFORMED))
    return Facts(
        found.get(Scope.NAME),
        found.get(Scope.ADDRESS),
        found.get(Scope.BIRTHDATE),
        found.get(Scope.GENDER),
        tuple(troubles),
    )


def read_signed_userinfo(
    token: str, keys: Iterable[VerificationKey], algorithms: tuple[str, ...], *, issuer: str, client_id: str
) -> Mapping[str, Any]:
    """Return the claims of a UserInfo answer that is a JWT (OpenID Connect Core 5.3.2), unread.

    Raises:
        SignInInvalidError: its signature does not hold, or it is another issuer's or another client's.

    """
    claims = verified_claims(token, keys, algorithms)
    # Both should be there. One that is there must be right.
    if claims.get("iss", issuer) != issuer:
        raise SignInInvalidError(Check.ISSUER)
    audience = claims.get("aud", client_id)
    if audience != client_id and not (isinstance(audience, list) and client_id in audience):
        raise SignInInvalidError(Check.AUDIENCE)
    return claims


def read_birthdate(said: object, today: date) -> Birthdate | None:
    """Return a birthdate of `YYYYMMDD` or `YYYY-MM-DD`, whose `00` parts are unknown; None for any other form."""
    match = _BIRTHDATE.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        return None
    year, month, day = int(match["year"]), int(match["month"]) or None, int(match["day"]) or None
    try:
        birthdate = Birthdate(year, month, day)
    except ValueError:
        return None
    return birthdate if year >= EARLIEST_YEAR and birthdate.earliest <= today else None


_BIRTHDATE = re.compile(r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})")


def _text(said: object, longest: int) -> str | None:
    """Return a line of text as it was given, U+3000 and all; None where it holds what no card can print."""
    if not isinstance(said, str) or len(said) > longest or not said.strip():
        return None
    # Controls would end a header; format characters and lone surrogates show one thing and are another. Private
    # use stays: municipalities write names with characters of their own.
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in said):
        return None
    return said


def _formatted(said: object) -> object:
    """Return an address as one line: the agency's service gives a text, and OpenID Connect Core 5.1.1 an object.

    Of that object the gateway reads the whole address alone: to put one together from its parts would be a guess.
    """
    if not isinstance(said, Mapping):
        return said
    formatted = said.get("formatted")
    return formatted.replace("\r\n", " ").replace("\n", " ") if isinstance(formatted, str) else None


def _gender(said: object) -> Gender | None:
    return {"1": Gender.MALE, "2": Gender.FEMALE, "9": Gender.OTHER}.get(said) if isinstance(said, str) else None


_READERS: Mapping[Scope, Callable[[object, date], object]] = {
    Scope.NAME: lambda said, _: _text(said, LONGEST_NAME),
    Scope.ADDRESS: lambda said, _: _text(_formatted(said), LONGEST_ADDRESS),
    Scope.BIRTHDATE: read_birthdate,
    Scope.GENDER: lambda said, _: _gender(said),
}
