"""Boxes in the store of accounts: each is sealed for one purpose, App and account, under a key that has an id.

    id of the key (8) · nonce (12) · sealed content and tag

A writer to the store who has no key can neither make a link nor move one from another account or App.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.accounts.changes import Kept
from gateway.errors import StoreFault, StoreUnavailableError
from gateway.session.seal import Secret, Secrets
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box

BOX_NONCE = NONCE_BYTES

_ID = 8
_PADDING = 256
"""Records are filled up to a multiple of this."""
_LONGEST_BOX = 1024 * 1024
"""Bytes: a group with all its members has fewer."""


class Purpose(StrEnum):
    """The content of a box. One key is derived for each."""

    RECORD = "record"
    PASSWORD = "password"  # noqa: S105 - the name of a purpose


def close(
    keys: Secrets, purpose: Purpose, app: str, folded: str, content: bytes, nonce: bytes, *, padding: int
) -> bytes:
    """Return a box under the first key."""
    key = keys.first
    return key.id.encode() + close_box(_derived(key, purpose), nonce, content, _bound_to(app, folded), padding=padding)


def open_with(keys: Secrets, purpose: Purpose, app: str, folded: str, box: bytes) -> bytes | None:
    """Return the content; `None` for a box of a retired key, of another purpose, App or account, or a changed one."""
    key = keys.get(box[:_ID].decode("ascii", "replace"))
    return None if key is None else open_box(_derived(key, purpose), box[_ID:], _bound_to(app, folded))


def is_of_first_key(keys: Secrets, box: bytes) -> bool:
    """Say whether the first key has sealed a box."""
    return box[:_ID] == keys.first.id.encode()


def seal_kept(keys: Secrets, app: str, folded: str, kept: Kept, nonce: bytes) -> bytes:
    """Return an account as a store keeps it."""
    return close(keys, Purpose.RECORD, app, folded, msgspec.msgpack.encode(kept), nonce, padding=_PADDING)


def open_kept(keys: Secrets, app: str, folded: str, box: bytes) -> Kept | None:
    """Return an account that a store has kept; `None` if it is none of ours, or its key is retired."""
    content = open_with(keys, Purpose.RECORD, app, folded, box) if len(box) <= _LONGEST_BOX else None
    if content is None:
        return None
    try:
        return msgspec.msgpack.decode(content, type=Kept)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # A later version wrote it in another form.
        return None


def open_or_refuse(keys: Secrets, app: str, folded: str, box: bytes | None) -> Kept | None:
    """Return an account that a store has kept; `None` if it has none.

    Raises:
        StoreUnavailableError: its key is retired, or another hand has changed it. It is never taken for an account
            without a link.

    """
    if box is None:
        return None
    kept = open_kept(keys, app, folded, box)
    if kept is None:
        raise StoreUnavailableError(StoreFault.PROTOCOL)
    return kept


def _derived(key: Secret, purpose: Purpose) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"sekisho.accounts.v1:" + purpose.value.encode()).derive(key.value)


def _bound_to(app: str, folded: str) -> bytes:
    return f"{len(app)}:{app}{folded}".encode()
