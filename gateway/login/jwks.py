"""The provider's published keys (RFC 7517): those that can verify a signature, and those that were passed over.

A provider may publish keys of kinds that nobody here knows, or one that is broken. Section 5 has such a key ignored: it
must not keep people from signing in by the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from joserfc.jwk import ECKey, RSAKey, import_key

from gateway.login.claims import VerificationKey
from gateway.login.keys import LONGEST_KID, SMALLEST_RSA, rsa_bits
from gateway.strict_json import Json, NotJsonError, read_items

LARGEST_RSA = 16_384
"""Bits of an RSA key: what its check costs grows with the square of them."""

MOST_KEYS = 64
"""Usable keys of a provider's JWKS that are kept."""

MOST_MEMBERS = 1_024
"""Members of a JWKS that are looked at."""


class Unfit(StrEnum):
    """Why a key was passed over. Field of an event."""

    NOT_JSON = "not_json"
    """It is no JSON that every reader reads alike: a member twice, half a character, too many levels."""
    NOT_AN_OBJECT = "not_an_object"
    NAME = "kid"
    """Its `kid` is no text, or too long."""
    PURPOSE = "purpose"
    """Its `use`, `key_ops` or `alg` cannot be read."""
    TYPE = "type"
    """It is of a type or curve that is not used here."""
    SIZE = "size"
    """It is an RSA key that is too small to be safe, or too large to be checked."""
    PARAMETERS = "parameters"
    """Its parameters are missing, or make no key."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A key that cannot be used, by the name it gives itself."""

    kid: str
    why: Unfit


@dataclass(frozen=True, slots=True)
class Jwks:
    """The keys that a provider publishes."""

    keys: tuple[VerificationKey, ...]
    passed_over: tuple[PassedOver, ...]
    """Keys that nobody can use here. One that says it is for encryption is none of them: it is for others."""


def read_jwks(document: bytes, longest: int) -> Jwks:
    """Return the keys of a document.

    Raises:
        NotJsonError: it is no object with a list `keys`.

    """
    keys: list[VerificationKey] = []
    passed_over: list[PassedOver] = []
    for member in read_items(document, longest, "keys")[:MOST_MEMBERS]:
        match _read_key(member):
            case VerificationKey() as key if len(keys) < MOST_KEYS:
                keys.append(key)
            case Unfit() as why:
                kid = member.get("kid") if isinstance(member, dict) else None
                passed_over.append(PassedOver(kid if isinstance(kid, str) else "", why))
            case _:
                pass
    return Jwks(tuple(keys), tuple(passed_over))


def _read_key(member: Json | NotJsonError) -> VerificationKey | Unfit | None:
    """Return the key, the reason why it cannot be used, or None if it has another purpose."""
    if isinstance(member, NotJsonError):
        return Unfit.NOT_JSON
    if not isinstance(member, dict):
        return Unfit.NOT_AN_OBJECT
    kid, alg, use, operations = member.get("kid"), member.get("alg"), member.get("use"), member.get("key_ops")
    if not isinstance(kid, str | None) or len(kid or "") > LONGEST_KID:
        return Unfit.NAME
    if not isinstance(use, str | None) or not isinstance(alg, str | None):
        return Unfit.PURPOSE
    # A `null` says no more than an absent member, except of `key_ops`: a key that may do nothing verifies nothing.
    if "key_ops" in member and not isinstance(operations, list):
        return Unfit.PURPOSE
    if use not in {None, "sig"} or (operations is not None and "verify" not in operations):
        return None
    return _import(member, kid, alg)


def _import(member: dict[str, Json], kid: str | None, alg: str | None) -> VerificationKey | Unfit:
    public: dict[str, str | list[str]]
    match member:
        case {"kty": "RSA", "n": str(n), "e": str(e)} if _EXPONENT(e):
            if not SMALLEST_RSA <= rsa_bits(n) <= LARGEST_RSA:
                return Unfit.SIZE
            public = {"kty": "RSA", "n": n, "e": e}
        case {"kty": "EC", "crv": str(crv), "x": str(x), "y": str(y)} if _COORDINATE(x) and _COORDINATE(y):
            if crv not in _CURVES:
                return Unfit.TYPE
            public = {"kty": "EC", "crv": crv, "x": x, "y": y}
        case {"kty": "RSA" | "EC"}:
            return Unfit.PARAMETERS
        case _:
            return Unfit.TYPE
    try:
        key = import_key(public)
    # Two libraries report a point off the curve, or an invalid modulus, each in its own way. This key alone is
    # lost, and an event names it.
    except Exception:  # noqa: BLE001
        return Unfit.PARAMETERS
    return VerificationKey(kid, alg, key) if isinstance(key, ECKey | RSAKey) else Unfit.TYPE


_CURVES = frozenset({"P-256", "P-384", "P-521"})

_EXPONENT = re.compile(r"[A-Za-z0-9_-]{1,6}").fullmatch
"""A public exponent of at most 36 bits: a longer one buys no safety, and much of our processor's time."""

_COORDINATE = re.compile(r"[A-Za-z0-9_-]{1,88}").fullmatch
"""Of a point on a curve: 66 bytes on the largest that is used, P-521."""
