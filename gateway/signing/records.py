"""Seals signatures into a store of bytes, by names that open nothing.

The store knows the hash of an id. The record opens by a key of our secret *and* the id, which the application and the
person's browser alone know. A record is replaced only as a whole, and only if nobody has replaced it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, TypeVar

import msgspec

from gateway.instant import Instant
from gateway.session.seal import Secret, Secrets
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box
from gateway.signing.signature import Signature

PADDING = 1024
"""Records are filled up to a multiple of this: the length of a form or a certificate would tell something of it."""


class Pointer(msgspec.Struct, frozen=True):
    """The signature that a state of the provider's callback, or an idempotency key, leads to."""

    id: str
    request: str = ""
    """The hash of the request that made the signature, where an idempotency key names it."""


class ByteStore(Protocol):
    """The store of sealed records. One test suite holds every implementation to this.

    Each method raises `StoreUnavailableError` if the store does not answer. A record ends by itself.
    """

    async def add(self, name: str, value: bytes, seconds: float, now: Instant) -> bool:
        """Keep a value for so many seconds; False, and nothing changed, where the name is taken or there is no room."""

    async def get(self, name: str, now: Instant) -> bytes | None:
        """Return the value, or None where there is none."""

    async def swap(self, name: str, old: bytes, new: bytes, seconds: float, now: Instant) -> bool:
        """Replace a value; False, and nothing changed, where it is no longer `old`."""

    async def remove(self, name: str) -> bool:
        """Forget a value; True for exactly one caller."""


class Rooms(Protocol):
    """The bytes that each owner's records may have together, so that one App cannot fill the store for all."""

    async def take(self, owner: str, name: str, size: int, seconds: float, most: int, now: Instant) -> bool:
        """Take room for a record for so many seconds; False if the owner has less than that left of `most` bytes.

        A record that is there keeps its place, with another size and another end.
        """

    async def leave(self, owner: str, name: str) -> None:
        """Give back the room of a record."""


class RecordStore(ByteStore, Rooms, Protocol):
    """The store of signatures."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A signature as it was read, with the bytes by which it can be replaced."""

    signature: Signature
    box: bytes


_Record = TypeVar("_Record", Signature, Pointer)


class Records:
    """Signatures, and the states and idempotency keys that lead to them."""

    def __init__(self, store: RecordStore, secrets: Secrets, random: Callable[[int], bytes], room: int) -> None:
        """Take our secrets: the first seals, all open. `random` returns that many unguessable bytes.

        `room` is how many bytes the signatures of one App may have together.
        """
        self._store = store
        self._secrets = secrets
        self._random = random
        self._room = room

    async def add(self, signature: Signature, now: Instant) -> bool:
        """Keep a new signature; False where its App has no room."""
        name, box = _name(Signature, signature.id), self._seal(signature, signature.id)
        seconds = signature.ends_at - now
        if not await self._store.take(signature.app, name, len(box), seconds, self._room, now):
            return False
        if await self._store.add(name, box, seconds, now):
            return True
        await self._store.leave(signature.app, name)
        return False

    async def find(self, id_: str, now: Instant) -> Kept | None:
        """Return a signature, or None where it is unknown or its time is over."""
        box = await self._store.get(_name(Signature, id_), now)
        signature = None if box is None else self._open(box, id_, Signature)
        if box is None or signature is None or now >= signature.ends_at:
            return None
        return Kept(signature, box)

    async def replace(self, kept: Kept, signature: Signature, now: Instant) -> Kept | None:
        """Replace a signature as it was read; None where somebody has replaced or removed it meanwhile."""
        box = self._seal(signature, signature.id)
        name = _name(Signature, signature.id)
        seconds = max(1.0, signature.ends_at - now)
        if not await self._store.swap(name, kept.box, box, seconds, now):
            return None
        # It is there already, so it is never refused: its person may have signed.
        await self._store.take(signature.app, name, len(box), seconds, self._room, now)
        return Kept(signature, box)

    async def remove(self, signature: Signature) -> bool:
        """Forget a signature; True for exactly one caller."""
        name = _name(Signature, signature.id)
        removed = await self._store.remove(name)
        await self._store.leave(signature.app, name)
        return removed

    async def point(self, opener: str, pointer: Pointer, seconds: float, now: Instant) -> bool:
        """Keep what a state or an idempotency key leads to; False where it leads somewhere already."""
        return await self._store.add(_name(Pointer, opener), self._seal(pointer, opener), seconds, now)

    async def follow(self, opener: str, now: Instant) -> Pointer | None:
        """Return what a state or an idempotency key leads to."""
        box = await self._store.get(_name(Pointer, opener), now)
        return None if box is None else self._open(box, opener, Pointer)

    def _seal(self, record: Signature | Pointer, opener: str) -> bytes:
        secret = self._secrets.first
        bound_to = _name(record.__class__, opener).encode()
        packed = msgspec.msgpack.encode(record)
        key = _derived(secret, opener)
        return secret.id.encode() + close_box(key, self._random(NONCE_BYTES), packed, bound_to, padding=PADDING)

    def _open(self, box: bytes, opener: str, kind: type[_Record]) -> _Record | None:
        """Return a record; None if we did not write it under this name, so that it is none."""
        secret = self._secrets.get(box[:8].decode("ascii", "replace"))
        if secret is None:
            return None
        content = open_box(_derived(secret, opener), box[8:], _name(kind, opener).encode())
        if content is None:
            return None
        try:
            return msgspec.msgpack.decode(content, type=kind)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            # An older version of the gateway wrote it in another form.
            return None


def _name(kind: type, opener: str) -> str:
    return sha256(f"sekisho.signing.v1:{kind.__name__}:{opener}".encode()).hexdigest()


def _derived(secret: Secret, opener: str) -> bytes:
    return secret.derived(b"sekisho.signing.v1:" + opener.encode())
