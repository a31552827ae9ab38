"""Evidence of signatures: what a public body keeps sealed after the hand-over, where `signing.evidence` says so.

A record of evidence opens by our secret alone, since an operator must find it years later without the signature's id.
The store knows a hash of that id. The record ends by itself after the stated period.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256
from typing import Protocol

import msgspec

from gateway.instant import Instant
from gateway.session.seal import Secret, Secrets
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box
from gateway.signing.profile import Validity
from gateway.signing.records import PADDING, ByteStore
from gateway.signing.signature import Result, Signature


class Evidence(msgspec.Struct, frozen=True):
    """The document, the signature, the certificate and its validity at that time."""

    id: str
    app: str
    client_id: str
    pseudonym: str
    title: Mapping[str, str]
    hash: str
    digest_info: bool
    document: bytes
    """Empty where the application gave the hash alone."""
    transaction: str
    signature: str
    certificate: str
    validity: Validity | None
    signed_at: Instant
    ends_at: Instant


class EvidenceStore(ByteStore, Protocol):
    """A store of bytes that can say what it holds."""

    def names(self) -> AsyncIterator[str]:
        """Yield every name, some perhaps twice."""


class KeptEvidence:
    """The sealed evidence in a store."""

    def __init__(self, store: EvidenceStore, secrets: Secrets, random: Callable[[int], bytes]) -> None:
        """Take our secrets: the first seals, all open. `random` returns that many unguessable bytes."""
        self._store = store
        self._secrets = secrets
        self._random = random

    async def keep(self, evidence: Evidence, now: Instant) -> bool:
        """Keep evidence until its end, in place of older evidence of the same signature; False where it cannot."""
        name, secret = name_of(evidence.id), self._secrets.first
        packed = msgspec.msgpack.encode(evidence)
        box = secret.id.encode() + close_box(
            _derived(secret, name), self._random(NONCE_BYTES), packed, name.encode(), padding=PADDING
        )
        old = await self._store.get(name, now)
        seconds = evidence.ends_at - now
        if old is None:
            return await self._store.add(name, box, seconds, now)
        return await self._store.swap(name, old, box, seconds, now)

    async def find(self, name: str, now: Instant) -> Evidence | None:
        """Return the evidence under a name; None where there is none that our secrets open."""
        box = await self._store.get(name, now)
        secret = None if box is None else self._secrets.get(box[:8].decode("ascii", "replace"))
        if box is None or secret is None:
            return None
        content = open_box(_derived(secret, name), box[8:], name.encode())
        evidence = None if content is None else msgspec.msgpack.decode(content, type=Evidence)
        return None if evidence is None or now >= evidence.ends_at else evidence

    async def of_person(self, pseudonyms: frozenset[str], now: Instant) -> AsyncIterator[Evidence]:
        """Yield the evidence of a person's signatures, each once."""
        seen: set[str] = set()
        async for name in self._store.names():
            evidence = None if name in seen else await self.find(name, now)
            seen.add(name)
            if evidence is not None and evidence.pseudonym in pseudonyms:
                yield evidence

    async def erase(self, id_: str) -> bool:
        """Erase the evidence of a signature; True where there was some."""
        return await self._store.remove(name_of(id_))


def evidence_of(signature: Signature, result: Result, ends_at: Instant) -> Evidence:
    """Return the evidence of a signature that has been verified."""
    return Evidence(
        id=signature.id,
        app=signature.app,
        client_id=signature.client_id,
        pseudonym=signature.pseudonym,
        title=signature.title,
        hash=signature.hash,
        digest_info=signature.digest_info,
        document=signature.document,
        transaction=result.transaction,
        signature=result.signature,
        certificate=result.certificate,
        validity=result.validity,
        signed_at=result.signed_at,
        ends_at=ends_at,
    )


def name_of(id_: str) -> str:
    """Return the name under which the evidence of a signature is kept."""
    return sha256(f"sekisho.evidence.v1:{id_}".encode()).hexdigest()


def _derived(secret: Secret, name: str) -> bytes:
    return secret.derived(b"sekisho.evidence.v1:" + name.encode())
