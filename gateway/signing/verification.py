"""Verifies a signature of a card over a document, and the signing certificate that came with it.

A card signs by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2): it pads the DigestInfo of the document's hash.
Both forms in which the provider takes a hash name the same hash, so both lead to the same signature. If the card were
given the plain hash and padded it without a DigestInfo, the result would be another signature. The provider's
documents that could be read do not exclude that. Such a signature is refused, with a reason of its own, because no
other verifier accepts it; the cure is the DigestInfo form.

`cryptography.x509.verification` cannot verify these certificates. Their extension for certificate policies is
critical, and that verifier refuses a critical extension that it does not know, with any `ExtensionPolicy`. The
authority of the cards issues each certificate directly, so the chain has one step, which is verified here. A link
certificate between two keys of the authority is not followed: configure the certificate of each key.

The certificate itself does not say whether it has been revoked. The provider reports that to a public body, and only
the report `good` passes. A private operator may verify signatures of the public personal authentication service only
with the approval of the responsible minister (主務大臣認定); the setting `signing.verify` says who states that.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import ExtensionOID

from gateway.signing.profile import Validity

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

SMALLEST_KEY: Final = 2048
"""Bits of an RSA key that is believed."""

LONGEST_CERTIFICATE: Final = 16 * 1024
"""Bytes of a certificate in DER; a real one has about two KiB."""

LONGEST_AUTHORITIES: Final = 256 * 1024
"""Bytes of the file of the authorities' certificates."""

_POLICIES: Final = ("1.2.392.200149.8.5.1.1.", "1.2.392.200149.8.5.1.0.")
"""The policies of signing certificates, in production and in the test environment. The authorities that are configured
decide which environment is believed. A certificate for authentication has a policy beside these."""

_NOT_FOR_SIGNING: Final = "1.2.392.200149.8.5.1.0.30"
"""The policy of a certificate for authentication in the test environment, whose arc the two kinds may share."""

_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
"""The extensions of a signing certificate that may be critical: this file obeys them, or they only name the holder."""

_CERTIFIED_BY: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Refusal(StrEnum):
    """Why a signature must not be believed."""

    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    """The certificate is no X.509 certificate in DER."""
    KEY_UNSUPPORTED = "key_unsupported"
    """The certificate's key is no RSA key of 2048 bits or more."""
    SIGNATURE_WRONG = "signature_wrong"
    """The signature is not by the certificate's key over this document."""
    SIGNATURE_OF_BARE_HASH = "signature_of_bare_hash"
    """The signature is over the document's hash without its DigestInfo; ask for the DigestInfo form."""
    ISSUER_UNKNOWN = "issuer_unknown"
    """No configured authority has the name of the certificate's issuer."""
    ISSUER_WRONG = "issuer_wrong"
    """The certificate bears the name of a configured authority, which has not signed it."""
    CERTIFICATE_EXPIRED = "certificate_expired"
    """The certificate, or the authority's, had ended at the time of the signature."""
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    """The certificate, or the authority's, had not begun at the time of the signature."""
    NOT_FOR_SIGNING = "not_for_signing"
    """The certificate is not a signing certificate: its key usage, its policy, or an authority's own certificate."""
    EXTENSION_UNKNOWN = "extension_unknown"
    """The certificate has a critical extension that is not understood here."""
    REVOKED = "revoked"
    """The provider reported the certificate as revoked."""
    REPORTED_EXPIRED = "reported_expired"
    """The provider reported the certificate as expired."""
    VALIDITY_UNKNOWN = "validity_unknown"
    """The provider did not report whether the certificate is revoked."""


OF_THE_CERTIFICATE: Final = frozenset(
    {Refusal.CERTIFICATE_EXPIRED, Refusal.CERTIFICATE_NOT_YET_VALID, Refusal.REVOKED, Refusal.REPORTED_EXPIRED}
)
"""The refusals that a person ends by having her certificate renewed. Any other is a fault of somebody else's."""


@dataclass(frozen=True, slots=True)
class Holds:
    """The document was signed by the holder of this certificate, which was valid then."""

    serial: str
    """The certificate's serial number in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Fails:
    """The signature must not be believed, for each of these reasons."""

    reasons: tuple[Refusal, ...]


Verification = Holds | Fails


class AuthoritiesError(ValueError):
    """The file of the authorities' certificates cannot be used."""


def read_authorities(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of the authorities that a PEM file holds.

    Raises:
        AuthoritiesError: there is none, or one of them is not an authority's.

    """
    try:
        authorities = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise AuthoritiesError("this is not a file of certificates in PEM") from error
    for number, authority in enumerate(authorities, start=1):
        if not _may_certify(authority):
            raise AuthoritiesError(
                f"certificate {number} is not that of an authority: it needs an RSA key of {SMALLEST_KEY} bits, "
                "basic constraints of a CA and the key usage for certificates"
            )
    return authorities


def verify(
    *,
    document: bytes,
    signature: bytes,
    certificate: bytes,
    authorities: Sequence[x509.Certificate],
    signed_at: datetime,
    reported: Validity,
) -> Verification:
    """Verify a signature over a document, the certificate's chain and purpose at that time, and the provider's report.

    `certificate` is DER. `signed_at` knows its time zone.
    """
    return verify_digest(
        hashlib.sha256(document).digest(),
        signature=signature,
        certificate=certificate,
        authorities=authorities,
        signed_at=signed_at,
        reported=reported,
    )


def verify_digest(
    digest: bytes,
    *,
    signature: bytes,
    certificate: bytes,
    authorities: Sequence[x509.Certificate],
    signed_at: datetime,
    reported: Validity,
) -> Verification:
    """Verify a signature over a document of which the SHA-256 alone is known, as `verify` does."""
    read = _read(certificate)
    if read is None:
        return Fails((Refusal.CERTIFICATE_UNREADABLE,))
    found, extensions = read
    reasons = [
        *_faults_of_signature(digest, signature, found),
        *_faults_of_chain(found, authorities, signed_at),
        *_faults_of_purpose(extensions),
        *_faults_of_report(reported),
    ]
    if reasons:
        return Fails(tuple(dict.fromkeys(reasons)))
    return Holds(f"{found.serial_number:X}")


def refused_for(
    *,
    hash_: str,
    document: bytes,
    signature: str,
    certificate: str,
    at: float,
    reported: Validity | None,
    authorities: Sequence[x509.Certificate],
) -> str:
    """Return the first reason why a result must not be believed, or nothing where it holds.

    Texts are in standard Base64. `document` is empty where the application gave the hash alone.
    """
    digest = base64.b64decode(hash_)
    if document and hashlib.sha256(document).digest() != digest:
        return Refusal.SIGNATURE_WRONG.value
    found = verify_digest(
        digest,
        signature=base64.b64decode(signature),
        certificate=base64.b64decode(certificate),
        authorities=authorities,
        signed_at=datetime.fromtimestamp(at, UTC),
        reported=Validity.UNKNOWN if reported is None else reported,
    )
    return found.reasons[0].value if isinstance(found, Fails) else ""


def _read(der: bytes) -> tuple[x509.Certificate, x509.Extensions] | None:
    if len(der) > LONGEST_CERTIFICATE:
        return None
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return None
    return certificate, extensions


def _faults_of_signature(digest: bytes, signature: bytes, certificate: x509.Certificate) -> Iterable[Refusal]:
    key = _rsa_key(certificate)
    if key is None:
        yield Refusal.KEY_UNSUPPORTED
        return
    try:
        key.verify(signature, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    except InvalidSignature:
        bare = _is_of_bare_hash(digest, signature, key)
        yield Refusal.SIGNATURE_OF_BARE_HASH if bare else Refusal.SIGNATURE_WRONG


def _is_of_bare_hash(digest: bytes, signature: bytes, key: rsa.RSAPublicKey) -> bool:
    try:
        padded = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
    except InvalidSignature:
        return False
    return padded == digest


def _faults_of_chain(
    certificate: x509.Certificate, authorities: Sequence[x509.Certificate], at: datetime
) -> Iterable[Refusal]:
    named = [authority for authority in authorities if authority.subject == certificate.issuer]
    issuers = [authority for authority in named if _issued(certificate, authority)]
    if not issuers:
        yield Refusal.ISSUER_WRONG if named else Refusal.ISSUER_UNKNOWN
    # An authority that renews its certificate keeps its key: one of them that was valid then is enough.
    for candidates in ([certificate], issuers):
        if candidates and all(each.not_valid_after_utc < at for each in candidates):
            yield Refusal.CERTIFICATE_EXPIRED
        elif candidates and not any(each.not_valid_before_utc <= at <= each.not_valid_after_utc for each in candidates):
            yield Refusal.CERTIFICATE_NOT_YET_VALID


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    if not isinstance(certificate.signature_hash_algorithm, _CERTIFIED_BY):
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _faults_of_purpose(extensions: x509.Extensions) -> Iterable[Refusal]:
    if any(each.critical and each.oid not in _UNDERSTOOD for each in extensions):
        yield Refusal.EXTENSION_UNKNOWN
    usage = _value(extensions, x509.KeyUsage)
    policies = _value(extensions, x509.CertificatePolicies)
    constraints = _value(extensions, x509.BasicConstraints)
    if (
        usage is None
        or not usage.digital_signature
        or not usage.content_commitment
        or usage.key_cert_sign
        or (constraints is not None and constraints.ca)
        or policies is None
        or not any(_is_for_signing(policy.policy_identifier) for policy in policies)
    ):
        yield Refusal.NOT_FOR_SIGNING


def _is_for_signing(policy: x509.ObjectIdentifier) -> bool:
    return policy.dotted_string.startswith(_POLICIES) and policy.dotted_string != _NOT_FOR_SIGNING


def _faults_of_report(reported: Validity) -> Iterable[Refusal]:
    match reported:
        case Validity.GOOD:
            pass
        case Validity.REVOKED:
            yield Refusal.REVOKED
        case Validity.EXPIRED:
            yield Refusal.REPORTED_EXPIRED
        case Validity.UNKNOWN:
            yield Refusal.VALIDITY_UNKNOWN


def _may_certify(authority: x509.Certificate) -> bool:
    try:
        extensions = authority.extensions
    except (ValueError, x509.DuplicateExtension):
        return False
    constraints = _value(extensions, x509.BasicConstraints)
    usage = _value(extensions, x509.KeyUsage)
    return (
        _rsa_key(authority) is not None
        and constraints is not None
        and constraints.ca
        and usage is not None
        and usage.key_cert_sign
    )


def _rsa_key(certificate: x509.Certificate) -> rsa.RSAPublicKey | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_KEY else None


def _value(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
