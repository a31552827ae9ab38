"""The signed assertion: what the headers say, said so that an application can check who says it.

An ES256 JWT for one App, a minute long, made once per session, rule and half of its life. Keys
come as the text of a JWKS file: the first key signs and all are published, as a rotation with overlap requires. Reading
the file and serving the public keys are `app.py`'s and the pipeline's business; docs/contract.md tells an application's
owner how to verify.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from jwcrypto.common import JWException, base64url_decode, base64url_encode
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from gateway.headers.encode import assertion_line, sayable
from gateway.instant import Instant
from gateway.policy.permit_cache import PermitCache, SignedLine
from gateway.policy.verdict import Fact, Permit
from gateway.route.route import Route
from gateway.settings.settings import AssertionSettings
from gateway.strict_json import read_json_object

ALGORITHM = "ES256"

JWKS_PAGE = "keys/assertion"
"""The public keys' page under our own prefix, on every App's host; the portal serves it."""


JTI_BYTES = 16

LONGEST_JWKS = 1024 * 1024
"""Characters of a JWKS."""
LONGEST_MEMBER = 1_024
"""Characters of a key's member."""
LONGEST_ASSERTION = 64 * 1024
"""Characters of a token that `verify` looks at."""

_PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "kid")
_MEMBERS = (*_PUBLIC_MEMBERS, "d", "use", "alg")

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""RFC 7515 section 7.1."""


class AssertionKeysError(ValueError):
    """The key file is not one an assertion can be signed with; the message says what would be right."""


class AssertionRefusedError(ValueError):
    """A token that an application must not believe; the message says which check failed."""


class AssertionKeys:
    """The keys of one deployment: which signs, and which are published."""

    def __init__(self, jwks: str) -> None:
        """Read a JWKS with private members.

        Raises:
            AssertionKeysError: not a JWKS of P-256 keys with distinct `kid`s whose first is private.

        """
        self._jwks = jwks
        try:
            keys = list(_read_keys(jwks))
        except (JWException, ValueError, KeyError, TypeError):
            # The text holds private keys, and a parser's message may quote it.
            raise AssertionKeysError('assertion keys: expected a JWKS, `{"keys": […]}`') from None
        if not keys:
            raise AssertionKeysError("assertion keys: the set is empty")
        for key in keys:
            if key["kty"] != "EC" or key["crv"] != "P-256":
                raise AssertionKeysError(f"assertion keys: expected `EC` keys on `P-256`, found `{key['kty']}`")
        self._public = tuple(_published(key) for key in keys)
        kids = [public["kid"] for public in self._public]
        if len(set(kids)) != len(kids):
            raise AssertionKeysError("assertion keys: two keys have the same `kid`")
        if not keys[0].has_private:
            raise AssertionKeysError("assertion keys: the first key signs and has no private member `d`")
        self._signing = keys[0]
        self._header = msgspec.json.encode({"alg": ALGORITHM, "kid": kids[0], "typ": "JWT"}).decode()
        self.thumbprints = frozenset(key.thumbprint() for key in keys)
        """Compared with those of the provider's client keys, which must never serve here as well."""

    def __reduce__(self) -> tuple[type[AssertionKeys], tuple[str]]:
        """Go to another process as the text: a key that has signed holds an object of the library that cannot go."""
        return AssertionKeys, (self._jwks,)

    @property
    def published(self) -> bytes:
        """The JWKS that verifiers read: public members of every key, the signing one first."""
        return json.dumps({"keys": self._public}).encode()

    def sign(self, claims: Mapping[str, Any]) -> bytes:
        """Return a JWT in compact form (RFC 7515 section 7.1)."""
        token = JWS(msgspec.json.encode(claims))
        token.add_signature(self._signing, ALGORITHM, self._header)
        compact: str = token.serialize(compact=True)
        return compact.encode()


def _read_keys(jwks: str) -> Iterator[JWK]:
    """Yield the keys of a JWKS.

    Raises:
        TypeError: a member of the set is no key, or a member of a key is no text.

    """
    for member in read_json_object(jwks, LONGEST_JWKS)["keys"]:
        if not isinstance(member, dict) or "kty" not in member:
            raise TypeError("a key is an object that names its type")
        parts = {name: member[name] for name in _MEMBERS if name in member}
        if not all(isinstance(part, str) and len(part) <= LONGEST_MEMBER for part in parts.values()):
            raise TypeError("a member of a key is text")
        yield JWK(**parts)


def _published(key: JWK) -> dict[str, str]:
    members: dict[str, str] = key.export_public(as_dict=True)
    members.setdefault("kid", key.thumbprint())
    return {name: members[name] for name in _PUBLIC_MEMBERS} | {"use": "sig", "alg": ALGORITHM}


class Assertions:
    """Makes an App's assertions, and uses each again until half of its life is over."""

    def __init__(self, keys: AssertionKeys, settings: AssertionSettings, random: Callable[[int], bytes]) -> None:
        """`random` returns that many random bytes; they become the `jti`."""
        self._token = object()
        """Stands for this signer where its lines are kept."""
        self.keys = keys
        self._issuer = settings.issuer
        self._lifetime = settings.lifetime
        self._random = random

    @property
    def published(self) -> bytes:
        """The public keys, as a JWKS."""
        return self.keys.published

    def line_for(self, permit: Permit, route: Route, cache: PermitCache, now: Instant) -> tuple[bytes, Instant]:
        """Return the header line with the permit's assertion, and when to ask for another.

        `cache` belongs to the session, or to the route if nobody is signed in; the line is kept there.
        """
        signed = cache.assertions.get((route.name, permit.rule))
        if (
            signed is None
            or signed.maker is not self._token
            or signed.disclosed != permit.disclosed
            or not 0 < signed.renew_at - now <= self._half
        ):
            token = self.keys.sign(self.claims(permit, route, now, base64url_encode(self._random(JTI_BYTES))))
            signed = SignedLine(
                self._token, permit.disclosed, assertion_line(token, route.app.headers), now + self._half
            )
            cache.keep_assertion(route.name, permit.rule, signed)
        return signed.line, signed.renew_at

    @property
    def _half(self) -> float:
        return self._lifetime / 2

    def claims(self, permit: Permit, route: Route, now: Instant, jti: str) -> dict[str, Any]:
        """Return the claims of an assertion: registered claims, the rule, and the facts of the headers.

        Facts are in an object of their own, as a condition may be named like a registered claim. They are plain text in
        every encoding of the headers. A value that a header cannot say is left out here too.
        """
        facts = {name: text for name, text in permit.disclosed if sayable(name, text)}
        claims: dict[str, Any] = {
            "iss": self._issuer or route.origin,
            "aud": route.app.url,
            "iat": int(now),
            "exp": int(now + self._lifetime),
            "jti": jti,
            "rule": str(permit.rule),
        }
        subject = facts.pop(Fact.SUBJECT, None)
        if subject is not None:
            claims["sub"] = subject
        return claims | {"facts": facts}


def verify(
    token: str,
    jwks: str,
    *,
    audience: str,
    issuer: str,
    now: Instant,
    skew: float = 5.0,
) -> dict[str, Any]:
    """Return an assertion's claims, as an application should check them: the reference for every sample.

    Raises:
        AssertionRefusedError: another algorithm, an unknown key, a broken signature, or not for this App, from
            this gateway, now. `skew` is how many seconds the clocks may differ.

    """
    try:
        published = {key["kid"]: key for key in _read_keys(jwks)}
        if len(token) > LONGEST_ASSERTION or _COMPACT.fullmatch(token) is None:
            raise AssertionRefusedError("not a compact JWS")
        # Read strictly before the library reads it loosely.
        read_json_object(base64url_decode(token.partition(".")[0]), LONGEST_ASSERTION)
        unchecked = JWS()
        unchecked.deserialize(token)
        header = unchecked.jose_header
        # The algorithm is ours to say, never the token's: `none`, and HS256 with a public key, end here.
        if header.get("alg") != ALGORITHM:
            raise AssertionRefusedError("algorithm is not `ES256`")
        key = published.get(header.get("kid"))
        if key is None or key["kty"] != "EC":
            raise AssertionRefusedError("signed with a key that is not published")
        unchecked.allowed_algs = [ALGORITHM]
        unchecked.verify(key, alg=ALGORITHM)
        claims = read_json_object(unchecked.payload, LONGEST_ASSERTION)
    except (JWException, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise AssertionRefusedError("not a token signed with a published key") from error
    except ValueError as error:
        if isinstance(error, AssertionRefusedError):
            raise
        raise AssertionRefusedError("not a token signed with a published key") from error
    if claims.get("aud") != audience:
        raise AssertionRefusedError("made for another application")
    if claims.get("iss") != issuer:
        raise AssertionRefusedError("made by another gateway")
    begins, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int):
        raise AssertionRefusedError("has no times")
    if begins > now + skew:
        raise AssertionRefusedError("made in the future")
    if ends < now - skew:
        raise AssertionRefusedError("expired")
    return claims
