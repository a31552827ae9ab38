"""Signatures of cards: one that must be believed, and every way in which one must not."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.deck import deck
from gateway.demo.signing_cards import SigningCards
from gateway.signing.profile import Validity
from gateway.signing.verification import (
    LONGEST_CERTIFICATE,
    AuthoritiesError,
    Fails,
    Holds,
    Refusal,
    Verification,
    read_authorities,
    refused_for,
    verify,
)

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
DOCUMENT = "同意します。\n".encode()
DIGEST = hashlib.sha256(DOCUMENT).digest()
CARDS = SigningCards()
HANAKO = deck(date(2026, 11, 29))[0]
SIGNING = "1.2.392.200149.8.5.1.1.20"
AUTHENTICATION = "1.2.392.200149.8.5.1.3.30"

AUTHORITY_KEY = rsa.generate_private_key(65537, 2048)
CARD_KEY = rsa.generate_private_key(65537, 2048)
AUTHORITY_NAME = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "an authority")])
USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**(USAGE | dict.fromkeys(names, True)))


def made(
    subject_key: Any = None,
    *,
    issuer: x509.Name = AUTHORITY_NAME,
    issuer_key: Any = None,
    subject: str = "a card",
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    begins: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=1),
    algorithm: Any = None,
) -> x509.Certificate:
    """A certificate, issued by the test's own authority unless the test says otherwise."""
    key = subject_key or CARD_KEY
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject)])
    builder = x509.CertificateBuilder().issuer_name(issuer).subject_name(name).serial_number(255)
    builder = builder.public_key(key.public_key()).not_valid_before(begins).not_valid_after(ends)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key or AUTHORITY_KEY, algorithm or hashes.SHA256())


def policies(*oids: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids])


FOR_SIGNING: tuple[tuple[x509.ExtensionType, bool], ...] = (
    (usage("digital_signature", "content_commitment"), True),
    (policies(SIGNING), True),
)
FOR_CERTIFICATES: tuple[tuple[x509.ExtensionType, bool], ...] = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (usage("key_cert_sign", "crl_sign"), True),
)


def authority(**changes: Any) -> x509.Certificate:
    return made(AUTHORITY_KEY, **{"subject": "an authority", "extensions": FOR_CERTIFICATES, **changes})


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


AUTHORITIES = read_authorities(pem(authority()))
SIGNATURE = CARD_KEY.sign(DOCUMENT, padding.PKCS1v15(), hashes.SHA256())


def tried(certificate: x509.Certificate | bytes, **changes: Any) -> Verification:
    """Verify the document's right signature with a certificate, and what a test changes."""
    der = certificate if isinstance(certificate, bytes) else certificate.public_bytes(Encoding.DER)
    arguments: dict[str, Any] = {
        "document": DOCUMENT,
        "signature": SIGNATURE,
        "certificate": der,
        "authorities": AUTHORITIES,
        "signed_at": NOW,
        "reported": Validity.GOOD,
    }
    return verify(**(arguments | changes))


def refused(*reasons: Refusal) -> Fails:
    return Fails(reasons)


@pytest.mark.parametrize("document", [DOCUMENT, b""])
def test_a_result_is_verified_over_the_hash_alone_as_well(document: bytes) -> None:
    """An application may give no document: a changed hash, or another signature, is refused all the same."""
    arguments: dict[str, Any] = {
        "hash_": base64.b64encode(DIGEST).decode(),
        "document": document,
        "signature": base64.b64encode(SIGNATURE).decode(),
        "certificate": base64.b64encode(made(extensions=FOR_SIGNING).public_bytes(Encoding.DER)).decode(),
        "at": NOW.timestamp(),
        "reported": Validity.GOOD,
        "authorities": AUTHORITIES,
    }
    other = base64.b64encode(DIGEST[:-1] + bytes((DIGEST[-1] ^ 1,))).decode()

    assert refused_for(**arguments) == ""
    assert refused_for(**(arguments | {"hash_": other})) == Refusal.SIGNATURE_WRONG
    assert refused_for(**(arguments | {"signature": "c2ln"})) == Refusal.SIGNATURE_WRONG
    assert refused_for(**(arguments | {"reported": None})) == Refusal.VALIDITY_UNKNOWN


def test_a_card_of_the_emulator_holds() -> None:
    """With the holder's names in it, and critical policies, as a real certificate has them."""
    found = tried(
        CARDS.certificate(HANAKO, NOW),
        signature=CARDS.sign(HANAKO, DIGEST),
        authorities=read_authorities(pem(CARDS.authority(NOW))),
    )

    assert found == Holds("7F00D012")


def test_a_certificate_of_the_least_form_holds() -> None:
    """Key usage, policy, and an authority that is configured."""
    assert tried(made(extensions=FOR_SIGNING)) == Holds("FF")


# The signature


@settings(max_examples=30)
@given(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 7))
def test_one_changed_bit_of_the_document_does_not_hold(place: int, bit: int) -> None:
    """Anywhere in it."""
    changed = bytearray(DOCUMENT)
    changed[place] ^= 1 << bit

    found = tried(made(extensions=FOR_SIGNING), document=bytes(changed))

    assert found == refused(Refusal.SIGNATURE_WRONG)


@pytest.mark.parametrize("signature", [b"", b"\0" * 256, SIGNATURE[:-1], SIGNATURE + b"\0", SIGNATURE[::-1]])
def test_another_signature_does_not_hold(signature: bytes) -> None:
    """The length does not matter."""
    assert tried(made(extensions=FOR_SIGNING), signature=signature) == refused(Refusal.SIGNATURE_WRONG)


def test_a_signature_with_another_hash_does_not_hold() -> None:
    """SHA-1 and SHA-512 are not what was asked for."""
    for algorithm in (hashes.SHA1(), hashes.SHA512()):  # noqa: S303 - a hash that must be refused
        signature = CARD_KEY.sign(DOCUMENT, padding.PKCS1v15(), algorithm)
        assert tried(made(extensions=FOR_SIGNING), signature=signature) == refused(Refusal.SIGNATURE_WRONG)


def test_a_hash_without_its_digest_info_has_a_reason_of_its_own() -> None:
    """An operator learns that the DigestInfo form is the cure."""
    found = tried(
        CARDS.certificate(HANAKO, NOW),
        signature=CARDS.sign_bare(HANAKO, DIGEST),
        authorities=read_authorities(pem(CARDS.authority(NOW))),
    )

    assert found == refused(Refusal.SIGNATURE_OF_BARE_HASH)


def test_only_rsa_of_2048_bits_signs() -> None:
    """Cards have no other keys, and a short one can be forged."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - a key that must be refused
    curve = ec.generate_private_key(ec.SECP256R1())

    assert tried(made(short, extensions=FOR_SIGNING)) == refused(Refusal.KEY_UNSUPPORTED)
    assert tried(made(curve, extensions=FOR_SIGNING)) == refused(Refusal.KEY_UNSUPPORTED)


# The chain


def test_an_authority_that_is_not_configured_is_not_believed() -> None:
    """A card's own certificate that poses as its authority is not believed either."""
    stranger = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a stranger")])
    own = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a card")])

    assert tried(made(extensions=FOR_SIGNING, issuer=stranger)) == refused(Refusal.ISSUER_UNKNOWN)
    assert tried(made(extensions=FOR_SIGNING, issuer=own, issuer_key=CARD_KEY)) == refused(Refusal.ISSUER_UNKNOWN)
    assert tried(made(extensions=FOR_SIGNING), authorities=()) == refused(Refusal.ISSUER_UNKNOWN)


def test_the_name_of_an_authority_is_not_its_signature() -> None:
    """A forger can write every name."""
    forged = made(extensions=FOR_SIGNING, issuer_key=CARD_KEY)

    assert tried(forged) == refused(Refusal.ISSUER_WRONG)


def test_an_authority_with_two_keys_of_one_name_is_tried_with_both() -> None:
    """An authority renews its key, and cards of both are in use."""
    newer = rsa.generate_private_key(65537, 2048)
    other = made(newer, subject="an authority", issuer_key=newer, extensions=FOR_CERTIFICATES)

    assert tried(made(extensions=FOR_SIGNING), authorities=read_authorities(pem(other, authority()))) == Holds("FF")


def test_a_certificate_by_a_weak_hash_is_not_believed() -> None:
    """SHA-1 collides."""
    certificate = CARDS.certificate(HANAKO, NOW).public_bytes(Encoding.DER)
    # The algorithm is written twice: in what is signed, and beside the signature.
    weak = certificate.replace(bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105"))
    assert weak != certificate

    found = tried(weak, signature=CARDS.sign(HANAKO, DIGEST), authorities=read_authorities(pem(CARDS.authority(NOW))))

    assert found == refused(Refusal.ISSUER_WRONG)


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [(-2, -1, Refusal.CERTIFICATE_EXPIRED), (1, 2, Refusal.CERTIFICATE_NOT_YET_VALID)],
)
def test_the_time_of_the_signature_counts(begins: int, ends: int, reason: Refusal) -> None:
    """For the card's certificate, and for the authority's."""
    period: dict[str, Any] = {"begins": NOW + timedelta(days=begins), "ends": NOW + timedelta(days=ends)}
    old = read_authorities(pem(authority(**period)))

    assert tried(made(extensions=FOR_SIGNING, **period)) == refused(reason)
    assert tried(made(extensions=FOR_SIGNING), authorities=old) == refused(reason)
    then = NOW + timedelta(days=begins)
    assert tried(made(extensions=FOR_SIGNING, **period), authorities=old, signed_at=then) == Holds("FF")


def test_an_authority_that_renewed_its_certificate_is_believed_by_either() -> None:
    """One of them was valid at the time."""
    old = authority(begins=NOW - timedelta(days=9), ends=NOW - timedelta(days=2))

    assert tried(made(extensions=FOR_SIGNING), authorities=read_authorities(pem(old, authority()))) == Holds("FF")


# The purpose


@pytest.mark.parametrize(
    ("extensions", "reason"),
    [
        ((), Refusal.NOT_FOR_SIGNING),
        (FOR_SIGNING[:1], Refusal.NOT_FOR_SIGNING),
        (FOR_SIGNING[1:], Refusal.NOT_FOR_SIGNING),
        (((usage("digital_signature"), True), (policies(SIGNING), True)), Refusal.NOT_FOR_SIGNING),
        (((usage("content_commitment"), True), (policies(SIGNING), True)), Refusal.NOT_FOR_SIGNING),
        ((FOR_SIGNING[0], (policies(AUTHENTICATION), True)), Refusal.NOT_FOR_SIGNING),
        ((FOR_SIGNING[0], (policies("1.2.392.200149.8.5.1.0.30"), True)), Refusal.NOT_FOR_SIGNING),
        ((FOR_SIGNING[0], (policies("1.2.392.200149.8.5.1.11.20"), True)), Refusal.NOT_FOR_SIGNING),
        ((*FOR_SIGNING, (x509.BasicConstraints(ca=True, path_length=None), True)), Refusal.NOT_FOR_SIGNING),
        (
            ((usage("digital_signature", "content_commitment", "key_cert_sign"), True), FOR_SIGNING[1]),
            Refusal.NOT_FOR_SIGNING,
        ),
        ((*FOR_SIGNING, (x509.PolicyConstraints(0, None), True)), Refusal.EXTENSION_UNKNOWN),
        (
            (*FOR_SIGNING, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)),
            Refusal.EXTENSION_UNKNOWN,
        ),
    ],
)
def test_only_a_signing_certificate_signs(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...], reason: Refusal
) -> None:
    """The card's other certificate, an authority's, and one with a condition that is not understood do not."""
    assert tried(made(extensions=extensions)) == refused(reason)


@pytest.mark.parametrize(
    "extra",
    [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False),
    ],
)
def test_more_extensions_do_no_harm(extra: tuple[x509.ExtensionType, bool]) -> None:
    """A certificate's issuer says what is critical."""
    assert tried(made(extensions=(*FOR_SIGNING, extra))) == Holds("FF")


@pytest.mark.parametrize("der", [b"", b"0\x80", b"\0" * 99, b"0" * (LONGEST_CERTIFICATE + 1), pem(authority())])
def test_what_is_no_certificate_is_not_believed(der: bytes) -> None:
    """A certificate in PEM is not believed either: the provider gives DER."""
    assert tried(der) == refused(Refusal.CERTIFICATE_UNREADABLE)


# The report, and all together


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        (Validity.REVOKED, Refusal.REVOKED),
        (Validity.EXPIRED, Refusal.REPORTED_EXPIRED),
        (Validity.UNKNOWN, Refusal.VALIDITY_UNKNOWN),
    ],
)
def test_only_a_good_report_passes(reported: Validity, reason: Refusal) -> None:
    """The certificate itself does not say whether it has been revoked."""
    assert tried(made(extensions=FOR_SIGNING), reported=reported) == refused(reason)


def test_every_reason_is_told_at_once() -> None:
    """An operator does not try again and again."""
    found = tried(made(issuer_key=CARD_KEY), document=b"", reported=Validity.UNKNOWN)

    assert found == refused(
        Refusal.SIGNATURE_WRONG, Refusal.ISSUER_WRONG, Refusal.NOT_FOR_SIGNING, Refusal.VALIDITY_UNKNOWN
    )


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "file of certificates"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "file of certificates"),
        (pem(authority(), made(extensions=FOR_SIGNING)), "certificate 2 is not that of an authority"),
        (pem(authority(extensions=FOR_CERTIFICATES[:1])), "certificate 1"),
        (pem(authority(extensions=FOR_CERTIFICATES[1:])), "certificate 1"),
        (pem(made(ec.generate_private_key(ec.SECP256R1()), extensions=FOR_CERTIFICATES)), "certificate 1"),
    ],
)
def test_a_file_of_authorities_holds_authorities(file: bytes, said: str) -> None:
    """A card's own certificate in it would let its holder issue nothing, and shows a mistake."""
    with pytest.raises(AuthoritiesError, match=said):
        read_authorities(file)
