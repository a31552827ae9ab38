"""Tokens of the provider stand-in: right in every point, but for what a case directs.

A case says under `idp.id_token` or `idp.logout_token` which claims differ (`claims`) and what the token is made into
(the directives). Any other name there is an error: a misspelled claim would else be a token that is right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from jwcrypto.jwk import JWK

TOKENS = ("id_token", "logout_token")

TIMES = frozenset({"exp", "iat", "nbf", "auth_time"})
RELATIVE = 100_000_000
"""Whole numbers nearer to zero than this are seconds from now: as dates they would lie in 1973."""

DIRECTIVES: Mapping[str, str] = {
    "claims": "claims in place of the correct ones; null removes one",
    "header": "members of the JOSE header in place of the correct ones; null removes one",
    "alg": "the header's `alg`; `none` signs nothing, `HS…` signs with `key` as a shared secret, null removes it",
    "key": "any name signs with a key that is not published; for `HS…`, `rsa-public-pem` and `public-pem` are the "
    "published key and any other text is the secret itself",
    "typ": "the header's `typ`; null removes it",
    "raw_payload": "the payload, byte for byte, in place of the claims as JSON; it is signed",
    "sig": "what becomes of the right signature: one of `SIGNATURES`, false or null for none, a number of zero bytes, "
    "or the text that stands in its place",
    "signature": "the text that stands in place of the signature",
    "segments": "how many segments there are: fewer than 3 leave some out, more have empty ones behind; or their list, "
    "or a text with dots, where `header`, `payload` and `signature` stand for the right ones",
    "pad": "base64 padding behind the segments: true, or any word, for what RFC 4648 would have, a number or a text of "
    "`=` for that many, a segment's name for that one alone",
}
"""Names that a case may use for a token, and what each does."""

SENT = frozenset({"duplicate"})
"""Names about how a logout token is sent: `duplicate`, twice in one form."""

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256."""


@dataclass(frozen=True)
class Signed:
    """A right signature, in its parts."""

    r: int
    s: int
    signing: bytes
    stranger: JWK

    @property
    def raw(self) -> bytes:
        """As JOSE writes it (RFC 7518 section 3.4)."""
        return _pair(self.r, self.s)


def _pair(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


SIGNATURES: Mapping[str, Callable[[Signed], bytes]] = {
    "empty": lambda _: b"",
    "zero": lambda _: bytes(64),
    "zeros": lambda _: bytes(64),
    "zero_r": lambda right: _pair(0, right.s),
    "zero_s": lambda right: _pair(right.r, 0),
    "order": lambda _: _pair(ORDER, ORDER),
    "order_r": lambda right: _pair(ORDER, right.s),
    "order_s": lambda right: _pair(right.r, ORDER),
    "der": lambda right: encode_dss_signature(right.r, right.s),
    "swap": lambda right: _pair(right.s, right.r),
    "flip": lambda right: right.raw[:-1] + bytes([right.raw[-1] ^ 1]),
    "bitflip": lambda right: right.raw[:-1] + bytes([right.raw[-1] ^ 1]),
    "truncate": lambda right: right.raw[:-1],
    "short": lambda right: right.raw[:-1],
    "long": lambda right: right.raw + b"\0",
    "half": lambda right: right.raw[:32],
    "double": lambda right: right.raw * 2,
    "random": lambda right: hashlib.sha512(right.signing).digest(),
    "other": lambda right: _pair(*_ecdsa(right.stranger, right.signing)),
    "stranger": lambda right: _pair(*_ecdsa(right.stranger, right.signing)),
}
"""Ways to change a valid signature by `sig`. All but `other` need no key."""

_SEGMENTS = ("header", "payload", "signature")


def b64(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _ecdsa(key: JWK, signing: bytes) -> tuple[int, int]:
    private: ec.EllipticCurvePrivateKey = key.get_op_key("sign")
    return decode_dss_signature(private.sign(signing, ec.ECDSA(hashes.SHA256())))


def token_faults(where: str, name: str, said: object) -> list[str]:
    """Return what a case says of a token that nobody can make."""
    if not isinstance(said, dict):
        return [f"{where}: `idp.{name}` is not a mapping"]
    allowed = set(DIRECTIVES) | (SENT if name == "logout_token" else set())
    faults = [
        f"{where}: unknown name `{key}` under `idp.{name}`; a claim stands under `claims`, directives are "
        f"`{'`, `'.join(sorted(allowed))}`"
        for key in sorted(map(str, set(said) - allowed))
    ]

    def hold(key: str, holds: Callable[[Any], bool], what: str) -> None:
        if key in said and not holds(said[key]):
            faults.append(f"{where}: `idp.{name}.{key}` is not {what}")

    hold("claims", lambda value: isinstance(value, dict), "a mapping")
    hold("header", lambda value: isinstance(value, dict), "a mapping")
    hold("alg", lambda value: value is None or isinstance(value, str), "a text")
    hold("key", lambda value: isinstance(value, str), "a text")
    hold("sig", lambda value: value is None or isinstance(value, str | bool | int), "a text")
    hold("signature", lambda value: isinstance(value, str), "a text")
    hold("segments", _are_segments, "a number to 9, a text, or a list of texts")
    hold("pad", lambda value: isinstance(value, str | bool | int), "true, a number or a text")
    return faults


def sent_twice(directed: Mapping[str, Any]) -> bool:
    """Say whether a logout token stands twice in its form; `duplicate` is no claim, also where it stands among them."""
    return bool(directed.get("duplicate")) or directed.get("claims", {}).get("duplicate") is True


def _are_segments(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9)


def replace_values(correct: dict[str, Any], changes: Mapping[str, Any], now: float) -> None:
    """Replace correct values; null removes; a whole number near zero, for a time, is relative to now."""
    for name, value in changes.items():
        if value is None:
            correct.pop(name, None)
        elif name in TIMES and isinstance(value, int) and abs(value) < RELATIVE:
            correct[name] = int(now + value)
        else:
            correct[name] = value


def make_token(
    claims: dict[str, Any], directed: Mapping[str, Any], *, typ: str, key: JWK, stranger: JWK, now: float
) -> str:
    """Return a token with these claims, changed and deformed as a case directs."""
    alg = directed.get("alg", "ES256")
    header: dict[str, Any] = {"alg": alg, "kid": "idp-1", "typ": directed.get("typ", typ)}
    header = {name: value for name, value in header.items() if value is not None}
    replace_values(header, directed.get("header", {}), now)
    replace_values(claims, directed.get("claims", {}), now)
    payload = json.dumps(claims)
    if "raw_payload" in directed:
        raw = directed["raw_payload"]
        payload = raw if isinstance(raw, str) else json.dumps(raw)
    pad = directed.get("pad", False)
    first = [
        _padded(b64(part.encode()), name, pad) for part, name in ((json.dumps(header), "header"), (payload, "payload"))
    ]
    # The sent text is also the signed text, so that only the padding, or the payload, is wrong.
    signature = _signature(".".join(first), directed, key, stranger)
    parts = [*first, _padded(signature, "signature", pad)]
    wanted = directed.get("segments", 3)
    if isinstance(wanted, str):
        wanted = wanted.split(".")
    if isinstance(wanted, list):
        known: dict[str, str] = dict(zip(_SEGMENTS, parts, strict=True))
        return ".".join(known.get(str(each), str(each)) for each in wanted)
    return ".".join((parts + [""] * 6)[:wanted])


def _padded(segment: str, name: str, pad: object) -> str:
    if isinstance(pad, bool):
        count = -len(segment) % 4 if pad else 0
    elif isinstance(pad, int):
        count = pad
    elif isinstance(pad, str) and not pad.strip("="):
        count = len(pad)
    else:
        count = 0 if pad in _SEGMENTS and pad != name else -len(segment) % 4
    return segment + "=" * count


def _signature(signing: str, directed: Mapping[str, Any], key: JWK, stranger: JWK) -> str:
    if "signature" in directed:
        return str(directed["signature"])
    alg = str(directed.get("alg") or "ES256")
    asked = directed.get("sig", True)
    if asked is None or asked is False or (alg.lower() == "none" and asked is True):
        return ""
    if alg.startswith("HS"):
        name = str(directed.get("key", ""))
        secret = key.export_to_pem() if name in ("rsa-public-pem", "public-pem") else name.encode()
        digest = {"HS384": "sha384", "HS512": "sha512"}.get(alg, "sha256")
        right = hmac.digest(secret, signing.encode(), digest)
        return b64(right) if asked is True else str(asked)
    r, s = _ecdsa(stranger if "key" in directed else key, signing.encode())
    made = Signed(r, s, signing.encode(), stranger)
    if asked is True:
        return b64(made.raw)
    if isinstance(asked, int):
        return b64(bytes(asked))
    return b64(SIGNATURES[asked](made)) if asked in SIGNATURES else str(asked)


OLDER_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "at_hash", "auth_time", "acr", "azp", "sid", "jti", "events"}
)
"""Claims that files of the older format have beside the directives."""


def as_written_before(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file of the older format says of a token, with its plain claims where they stand now."""
    plain = {name: value for name, value in said.items() if name in OLDER_CLAIMS}
    rest = {name: value for name, value in said.items() if name not in OLDER_CLAIMS}
    return {**rest, "claims": {**plain, **rest.get("claims", {})}} if plain else rest
