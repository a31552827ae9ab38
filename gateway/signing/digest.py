"""The two forms in which the signature API takes the hash of a document.

Both name the same SHA-256. The second wraps it as the card does before it signs (RFC 8017 section 9.2, step 2): XML
signatures and procedures of J-LIS ask for that form.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

# SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.2.1 (SHA-256), NULL }, OCTET STRING of 32 bytes }: RFC 8017, note 1 of
# section 9.2 gives these 19 bytes.
DIGEST_INFO_HEAD: Final = bytes.fromhex("3031300d060960864801650304020105000420")


def sha256_base64(document: bytes) -> str:
    """Return the SHA-256 of a document in standard Base64."""
    return base64.b64encode(hashlib.sha256(document).digest()).decode()


def digest_info_base64(document: bytes) -> str:
    """Return the DER DigestInfo of a document's SHA-256 in standard Base64."""
    return base64.b64encode(digest_info(document)).decode()


def digest_info(document: bytes) -> bytes:
    """Return the DER DigestInfo of a document's SHA-256."""
    return DIGEST_INFO_HEAD + hashlib.sha256(document).digest()


def hash_base64(sha256: str, *, digest_info: bool) -> str:
    """Return a SHA-256 in standard Base64 in the form that the provider is to be given it, in standard Base64."""
    if not digest_info:
        return sha256
    return base64.b64encode(DIGEST_INFO_HEAD + base64.b64decode(sha256)).decode()
