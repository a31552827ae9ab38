"""Our client keys: those that sign, those that are published, and the members that stay secret.

A key file is a JWKS with private members. Its first key signs; all are published, so that a new one is known to
the provider before it signs and an old one until its last assertion has expired: `new`, register, `rotate`,
wait, `retire`. Making keys and reading files is `jwcrypto_keys`. Client keys and assertion keys are two sets at two
URLs, so that a thief of one can do nothing with the other.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.strict_json import NotJsonError, read_json
from gateway.yaml.mistakes import Phrase, SaidError, lines_of

ALGORITHMS = ("ES256", "RS256")
SMALLEST_RSA = 2_048
"""Bits."""

LONGEST_FILE = 1024 * 1024
"""Bytes of a key file."""
LONGEST_KID = 255
"""Characters of a key's name."""
LONGEST_MEMBER = 4_096
"""Characters of a key's member: an RSA key of 16,384 bits has shorter ones."""

_MEMBERS = frozenset({"kty", "crv", "x", "y", "d", "k", "n", "e", "p", "q", "dp", "dq", "qi"})
"""RFC 7518 section 6: what makes a key."""

_PUBLIC_MEMBERS = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}


class KeySetError(SaidError):
    """A key file cannot be used; the message never holds a member's value but its `kid`."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One of our keys. Its private members show in no `repr`."""

    kid: str
    alg: str
    key: ECKey | RSAKey = field(repr=False)

    @property
    def public(self) -> dict[str, str]:
        """The public members, selected by name: an unexpected member stays inside."""
        members = self.key.as_dict(private=False)
        names = _PUBLIC_MEMBERS[str(members["kty"])]
        return {**{name: str(members[name]) for name in names}, "kid": self.kid, "use": "sig", "alg": self.alg}


@dataclass(frozen=True, slots=True)
class KeySet:
    """Our keys, the signing one first."""

    keys: tuple[SigningKey, ...]

    def __reduce__(self) -> tuple[Callable[[bytes], KeySet], tuple[bytes]]:
        """Hand the keys to a worker process of ours: the library's own objects can be handed to nobody."""
        return read_key_set, (self.private_jwks(),)

    @property
    def signing(self) -> SigningKey:
        """The key that signs."""
        return self.keys[0]

    @property
    def thumbprints(self) -> frozenset[str]:
        """The keys themselves, without regard to their names (RFC 7638)."""
        return frozenset(key.key.thumbprint() for key in self.keys)

    def public_jwks(self) -> bytes:
        """Return the JWKS to publish: public members only."""
        return json.dumps({"keys": [key.public for key in self.keys]}, separators=(",", ":"), sort_keys=True).encode()

    def private_jwks(self) -> bytes:
        """Return the JWKS with private members, for a file of mode 0600. Unsafe to show."""
        members = [{**key.key.as_dict(private=True), "kid": key.kid, "use": "sig", "alg": key.alg} for key in self.keys]
        return json.dumps({"keys": members}, indent=2, sort_keys=True).encode() + b"\n"

    def with_new(self, key: SigningKey) -> KeySet:
        """Return the set with a new key, published and not yet signing; in an empty set, the signing one.

        Raises:
            KeySetError: there is a key of that `kid`.

        """
        if any(key.kid == known.kid for known in self.keys):
            raise KeySetError(Phrase(f"there is a key `{key.kid}` already", f"鍵 `{key.kid}` はもうあります"))
        return KeySet((*self.keys, key))

    def rotated(self) -> KeySet:
        """Return the set with its newest key signing; the old one stays published.

        Raises:
            KeySetError: there is no newer key.

        """
        if len(self.keys) < 2:
            raise KeySetError(
                Phrase(
                    "there is no newer key to sign with: make one with `keys new` and register it first",
                    "新しい鍵がありません。先に `keys new` で作り、登録してください",
                )
            )
        return KeySet((self.keys[-1], *self.keys[:-1]))

    def retired(self, kid: str) -> KeySet:
        """Return the set without a key.

        Raises:
            KeySetError: it is not there, or it signs.

        """
        if kid not in {key.kid for key in self.keys}:
            raise KeySetError(Phrase(f"there is no key `{kid}`", f"鍵 `{kid}` はありません"))
        if self.signing.kid == kid:
            raise KeySetError(
                Phrase(
                    f"key `{kid}` signs: `keys rotate` first",
                    f"鍵 `{kid}` は署名に使用中です。先に `keys rotate` を実行してください",
                )
            )
        return KeySet(tuple(key for key in self.keys if key.kid != kid))


def read_key_set(text: bytes) -> KeySet:
    """Return the keys of a file.

    Raises:
        KeySetError: with every mistake, one a line.

    """
    try:
        said = read_json(text, LONGEST_FILE)
    except NotJsonError as error:
        raise KeySetError(Phrase(f"it cannot be read: {error}", f"読み取れません（{error}）")) from None
    members = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(members, list) or not members:
        raise KeySetError(
            Phrase(
                "it is not a JWKS: an object with a list `keys`", "JWKS（`keys` という一覧を持つもの）ではありません"
            )
        )
    mistakes: list[Phrase] = []
    keys: list[SigningKey] = []
    for position, member in enumerate(members, start=1):
        try:
            keys.append(_read_key(member))
        except KeySetError as error:
            mistakes.append(Phrase(f"key {position}: {error.said.en}", f"{position} 番目の鍵：{error.said.ja}"))
    kids = [key.kid for key in keys]
    mistakes += [
        Phrase(f"two keys have the kid `{kid}`", f"`{kid}` という kid の鍵が二つあります")
        for kid in sorted({kid for kid in kids if kids.count(kid) > 1})
    ]
    if mistakes:
        raise KeySetError(lines_of(mistakes))
    return KeySet(tuple(keys))


def _read_key(member: object) -> SigningKey:
    if not isinstance(member, Mapping):
        raise KeySetError(Phrase("it is not an object", "オブジェクトではありません"))
    kid, alg = member.get("kid"), member.get("alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID or not kid.isascii() or not kid.isprintable():
        raise KeySetError(Phrase("it has no `kid`", "`kid` がありません"))
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise KeySetError(
            Phrase(f"key `{kid}`: `alg` is none of {known}", f"鍵 `{kid}`：`alg` は {known} のいずれかです")
        )
    if member.get("use", "sig") != "sig":
        raise KeySetError(Phrase(f"key `{kid}`: `use` is not `sig`", f"鍵 `{kid}`：`use` が `sig` ではありません"))
    # Before it is imported: joserfc only warns of a short one.
    if member.get("kty") == "RSA" and rsa_bits(member.get("n")) < SMALLEST_RSA:
        raise KeySetError(
            Phrase(
                f"key `{kid}`: an RSA key has at least {SMALLEST_RSA} bits",
                f"鍵 `{kid}`：RSA の鍵は {SMALLEST_RSA} ビット以上にしてください",
            )
        )
    parts = {name: value for name, value in member.items() if name in _MEMBERS}
    if not all(isinstance(value, str) and value.isascii() and len(value) <= LONGEST_MEMBER for value in parts.values()):
        raise KeySetError(_no_key(kid))
    try:
        imported = jwk.import_key(parts)
    except (JoseError, ValueError, TypeError, KeyError):
        # Their words may quote members: ours do not, and the cause is not kept.
        raise KeySetError(_no_key(kid)) from None
    return signing_key(imported, kid, str(alg))


def _no_key(kid: str) -> Phrase:
    return Phrase(f"key `{kid}`: its members are not a valid key", f"鍵 `{kid}`：鍵として読み取れません")


def signing_key(imported: object, kid: str, alg: str) -> SigningKey:
    """Return a key of ours, after a check that it fits its `alg`.

    Raises:
        KeySetError: another type, curve or size, or only a public key.

    """
    fits = (
        (isinstance(imported, ECKey) and imported.curve_name == "P-256")
        if alg == "ES256"
        else isinstance(imported, RSAKey)
    )
    if not isinstance(imported, ECKey | RSAKey) or not fits:
        raise KeySetError(
            Phrase(f"key `{kid}`: not of the type `{alg}` needs", f"鍵 `{kid}`：`{alg}` に使える種類ではありません")
        )
    if not imported.is_private:
        raise KeySetError(
            Phrase(
                f"key `{kid}`: it has no private members, so it cannot sign",
                f"鍵 `{kid}`：秘密鍵の部分がないため、署名できません",
            )
        )
    return SigningKey(kid, alg, imported)


def rsa_bits(modulus: object) -> int:
    """Return the size of an RSA key by its member `n`; 0 where that is not base64url."""
    try:
        decoded = urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4)) if isinstance(modulus, str) else b""
    except ValueError:
        return 0
    return int.from_bytes(decoded).bit_length()
