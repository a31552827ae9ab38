"""A sealed box: AES-256-GCM over padded content, so that its length tells little about the content.

The caller derives the key, and chooses the bytes that a box is bound to.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
"""NIST SP 800-38D section 8.2.1."""

_LENGTH_BYTES = 4


def close_box(key: bytes, nonce: bytes, content: bytes, bound_to: bytes, *, padding: int) -> bytes:
    """Return nonce and ciphertext of the content, filled up to a multiple of `padding` bytes.

    A nonce must never come twice under one key.

    Raises:
        ValueError: the nonce has another length than `NONCE_BYTES`.

    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce is {NONCE_BYTES} bytes, not {len(nonce)}")
    plain = len(content).to_bytes(_LENGTH_BYTES) + content
    plain += bytes(-len(plain) % padding)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def open_box(key: bytes, box: bytes, bound_to: bytes) -> bytes | None:
    """Return the content, or `None` for a box of another key, of another binding, or cut."""
    if len(box) <= NONCE_BYTES:
        return None
    try:
        plain = AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        return None
    length = int.from_bytes(plain[:_LENGTH_BYTES])
    return plain[_LENGTH_BYTES : _LENGTH_BYTES + length]
