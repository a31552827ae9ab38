"""The signing certificates of the emulator's test cards, and the authority that issues them.

Everything is made anew in each process and trusted nowhere else. A certificate has the form that relying parties have
seen of a real one: an RSA key of 2048 bits, key usage for signatures and non-repudiation, and the critical policy of a
signing certificate of the test environment. The subject's alternative name holds name, gender, date of birth and
address of the holder.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jwe, jwk

from gateway.demo.deck import Card, CardState

_POLICY: Final = x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.20")
"""A signing certificate of the test environment; in production the number before the last is 1."""

_NAMES: Final = "1.2.392.200149.8.5.5"
"""The arc of the names in a signing certificate: 1 name, 3 gender, 4 date of birth, 5 address."""

_ERAS: Final = (("5", "20190501"), ("4", "19890108"), ("3", "19261225"), ("2", "19120730"), ("1", "18680125"))
"""The era's digit before a date of birth, and the first day of each era."""

_LIFE: Final = timedelta(days=5 * 365)


class SigningCards:
    """Keys and certificates, made when they are first needed: an RSA key takes a moment."""

    def __init__(self) -> None:
        self._authority: rsa.RSAPrivateKey | None = None
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._platform: jwk.RSAKey | None = None

    def authority(self, now: datetime) -> x509.Certificate:
        """Return the certificate of the authority, to which a relying party's chain must lead."""
        key = self._authority_key()
        builder = _builder(_ISSUER, 1, now - 2 * _LIFE, now + 2 * _LIFE).public_key(key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_usage(certificates=True), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return builder.sign(key, hashes.SHA256())

    def certificate(self, card: Card, now: datetime) -> x509.Certificate:
        """Return a card's signing certificate.

        Raises:
            ValueError: the card has none.

        """
        if card.signing_state is None:
            raise ValueError(f"card {card.number} has no signing certificate")
        issuer = self._authority_key()
        if card.signing_state is CardState.EXPIRED:
            begins, ends = now - _LIFE - timedelta(days=1), now - timedelta(days=1)
        else:
            begins, ends = now - timedelta(days=100), now + _LIFE
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{begins:%Y%m%d%H%M%S}{card.signing_serial}"),
            ]
        )
        builder = _builder(subject, int(card.signing_serial, 16), begins, ends)
        builder = builder.public_key(self._key(card).public_key())
        builder = builder.add_extension(_usage(certificates=False), critical=True)
        policies = x509.CertificatePolicies([x509.PolicyInformation(_POLICY, None)])
        builder = builder.add_extension(policies, critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName(_holder(card)), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
        return builder.sign(issuer, hashes.SHA256())

    def sign(self, card: Card, digest: bytes) -> bytes:
        """Sign a SHA-256 as the card does: RSASSA-PKCS1-v1_5, which wraps the hash as DigestInfo."""
        return self._key(card).sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))

    def sign_bare(self, card: Card, digest: bytes) -> bytes:
        """Sign a hash that is padded without a DigestInfo, which no verifier of RSASSA-PKCS1-v1_5 accepts."""
        return self._key(card).sign(digest, padding.PKCS1v15(), NoDigestInfo())

    def platform_key(self) -> jwk.RSAKey:
        """Return the key of a PF operator of our own, for a private client that names none."""
        if self._platform is None:
            self._platform = jwk.RSAKey.generate_key(2048, {"use": "enc", "alg": "RSA-OAEP-256", "kid": "platform"})
        return self._platform

    def _authority_key(self) -> rsa.RSAPrivateKey:
        if self._authority is None:
            self._authority = rsa.generate_private_key(65537, 2048)
        return self._authority

    def _key(self, card: Card) -> rsa.RSAPrivateKey:
        key = self._keys.get(card.signing_serial)
        if key is None:
            key = self._keys[card.signing_serial] = rsa.generate_private_key(65537, 2048)
        return key


def as_base64(certificate: x509.Certificate) -> str:
    """Return a certificate as a public body gets it: DER in standard Base64."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def as_jwe(certificate: x509.Certificate, key: jwk.RSAKey) -> str:
    """Return a certificate as a private operator gets it: its Base64, encrypted to a PF operator's key.

    The form of the text inside is a choice of this emulator: nobody but a PF operator has read a real one.
    """
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": key.kid}
    return jwe.encrypt_compact(header, as_base64(certificate), key, algorithms=["RSA-OAEP-256", "A256GCM"])


_ISSUER: Final = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sekisho emulator"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Test cards for digital signature"),
    ]
)


def _builder(subject: x509.Name, serial: int, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().issuer_name(_ISSUER).subject_name(subject).serial_number(serial)
    return builder.not_valid_before(begins).not_valid_after(ends)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _holder(card: Card) -> list[x509.GeneralName]:
    claims = card.person.claims
    born = claims.get("birthdate", "")
    told = {
        1: claims.get("name", ""),
        3: claims.get("gender", ""),
        4: f"{_era(born)}{born}" if born.isdigit() else "",
        5: claims.get("address", ""),
    }
    return [
        x509.OtherName(x509.ObjectIdentifier(f"{_NAMES}.{number}"), _utf8_string(text))
        for number, text in told.items()
        if text
    ]


def _era(born: str) -> str:
    """Return the digit of an era; 0 for a date with unknown parts."""
    if born.endswith("00"):
        return "0"
    return next((digit for digit, first in _ERAS if born >= first), "0")


def _utf8_string(text: str) -> bytes:
    """Return a text as a DER UTF8String (X.690 sections 8.1.3 and 8.23)."""
    data = text.encode()
    if len(data) < 0x80:
        return bytes((0x0C, len(data))) + data
    length = len(data).to_bytes(2, "big").lstrip(b"\0")
    return bytes((0x0C, 0x80 | len(length))) + length + data
