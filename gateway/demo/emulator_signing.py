"""The emulator's signature API (署名API): transactions, the card's signature, and the result.

The steps and the authorization request's parameters are those of the agency's reference and deck. The fields and the
states of a transaction are those of `gateway/signing/profile.toml`, which is unofficial. `emulator` serves the
endpoints; this file decides.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from joserfc import jwk

from gateway.demo.deck import Card, CardState
from gateway.demo.faults import CardSignature
from gateway.demo.provider_rules import refused
from gateway.demo.signing_cards import SigningCards, as_base64, as_jwe
from gateway.instant import Instant
from gateway.signing.digest import DIGEST_INFO_HEAD
from gateway.signing.profile import HashForm, Profile, State, Validity

_HASH_BYTES: Final = 32
_KEPT: Final = 3600.0
"""Seconds after its end in which a transaction can still be asked after."""


@dataclass(frozen=True, slots=True)
class SigningContract:
    """The part of a registration that is about the signature API."""

    government: bool = False
    """A public body gets the certificate itself, and what the agency knows of its revocation."""
    platform_key: Mapping[str, str | list[str]] | None = None
    """The public RSA JWK of a private operator's PF operator; None: the emulator plays the PF operator, too."""

    def __post_init__(self) -> None:
        if self.government and self.platform_key is not None:
            raise ValueError("a public body has no PF operator: leave `platform_key` out")
        if self.platform_key is not None:
            if "d" in self.platform_key:
                raise ValueError("`platform_key` must be a public key")
            jwk.RSAKey.import_key(dict(self.platform_key))


@dataclass(slots=True)
class SignTransaction:
    """One document that waits for a signature, of which the service knows the hash alone."""

    id: str
    client_id: str
    digest: bytes
    form: HashForm
    said: str
    """The hash as the relying party gave it."""
    expires_at: Instant
    state: State = State.WAITING
    signature: bytes = b""
    certificate: str = ""
    """Base64, or a JWE."""
    encrypted: bool = False
    validity: Validity | None = None
    fetched: int = 0


class SignTransactions:
    """All transactions of an emulator."""

    def __init__(self, profile: Profile, cards: SigningCards, *, lifetime: float) -> None:
        self._profile = profile
        self._cards = cards
        self._lifetime = lifetime
        self._transactions: dict[str, SignTransaction] = {}

    def start(self, client_id: str, body: bytes, now: Instant) -> dict[str, object]:
        """Begin a transaction for a hash, and return the answer.

        Raises:
            RefusedError: the body says no hash of either form.

        """
        profile = self._profile
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise refused("body_form", "the body must be a JSON object")
        form = HashForm.SHA256
        if profile.request_hash_form:
            word = said.get(profile.request_hash_form)
            found = [form for form, its_word in profile.hash_forms.items() if its_word == word]
            if not found:
                known = ", ".join(f"`{its_word}`" for its_word in profile.hash_forms.values())
                raise refused("hash_form_wrong", f"`{profile.request_hash_form}` must be one of {known}")
            form = found[0]
        value = said.get(profile.request_hash)
        digest = digest_of(value, form) if isinstance(value, str) else None
        if digest is None or not isinstance(value, str):
            shape = "32 bytes" if form is HashForm.SHA256 else "a DER DigestInfo of SHA-256"
            raise refused("hash_wrong", f"`{profile.request_hash}` must be {shape} in standard Base64")
        unknown = sorted(said.keys() - {profile.request_hash, profile.request_hash_form})
        if unknown:
            raise refused("member_unknown", f"`{unknown[0][:40]}` is not a member of this request")
        self.forget(now)
        begun = SignTransaction(str(uuid.uuid4()), client_id, digest, form, value, now + self._lifetime)
        self._transactions[begun.id] = begun
        answer: dict[str, object] = {profile.response_transaction_id: begun.id}
        if profile.response_expires_in:
            answer[profile.response_expires_in] = int(self._lifetime)
        return answer

    def waiting(self, transaction_id: str, client_id: str, now: Instant) -> SignTransaction:
        """Return a client's transaction that a person may sign now.

        Raises:
            RefusedError: it is unknown, over, or has been used.

        """
        found = self._of(transaction_id, client_id, now)
        if found is None:
            raise refused("sign_transaction_unknown", "`sign_transaction_id` is not one of this client's transactions")
        if found.state is State.EXPIRED:
            raise refused("sign_transaction_expired", "the time for this `sign_transaction_id` is over")
        if found.state is not State.WAITING:
            raise refused("sign_transaction_used", "this `sign_transaction_id` has been used")
        return found

    def sign(
        self,
        transaction: SignTransaction,
        card: Card,
        contract: SigningContract,
        now: Instant,
        how: CardSignature = CardSignature.RIGHT,
    ) -> str | None:
        """Sign with a card. Return None, or the words for a relying party where the card cannot sign.

        The agency checks the certificate's path and its period; for a public body it checks revocation as well, and
        reports it.
        """
        if card.signing_state is None:
            transaction.state = State.FAILED
            return "the card has no digital signature certificate"
        if card.signing_state is CardState.EXPIRED:
            transaction.state = State.FAILED
            return "the digital signature certificate has expired"
        certificate = self._cards.certificate(card, datetime.fromtimestamp(now, UTC))
        transaction.signature = self._signature(transaction, card, how)
        if contract.government:
            transaction.certificate = as_base64(certificate)
            transaction.validity = Validity.REVOKED if card.signing_state is CardState.REVOKED else Validity.GOOD
        else:
            given = contract.platform_key
            key = self._cards.platform_key() if given is None else jwk.RSAKey.import_key(dict(given))
            transaction.certificate = as_jwe(certificate, key)
            transaction.encrypted = True
        transaction.state = State.SIGNED
        return None

    def end(self, transaction: SignTransaction, *, cancelled: bool) -> None:
        """End a transaction without a signature."""
        transaction.state = State.CANCELLED if cancelled else State.FAILED

    def result(self, transaction_id: str, client_id: str, now: Instant) -> dict[str, object] | None:
        """Return what a transaction has come to; None if the client has no such transaction."""
        found = self._of(transaction_id, client_id, now)
        if found is None:
            return None
        profile = self._profile
        answer: dict[str, object] = {}
        if profile.result_state:
            answer[profile.result_state] = (profile.states[found.state] or (found.state.value,))[0]
        if found.state is not State.SIGNED:
            return answer
        found.fetched += 1
        answer[profile.result_signature] = base64.b64encode(found.signature).decode()
        answer[profile.result_certificate_jwe if found.encrypted else profile.result_certificate] = found.certificate
        if found.validity is not None and profile.result_validity:
            answer[profile.result_validity] = (profile.validities[found.validity] or (found.validity.value,))[0]
        answer.pop("", None)
        return answer

    def fetched(self, transaction_id: str) -> int:
        """Return how often a signature has been handed over."""
        found = self._transactions.get(transaction_id)
        return 0 if found is None else found.fetched

    def forget(self, now: Instant) -> None:
        """Drop what has been over for a while."""
        for key in [key for key, each in self._transactions.items() if each.expires_at + _KEPT <= now]:
            del self._transactions[key]

    def _of(self, transaction_id: str, client_id: str, now: Instant) -> SignTransaction | None:
        found = self._transactions.get(transaction_id)
        if found is None or found.client_id != client_id:
            return None
        if found.state is State.WAITING and found.expires_at <= now:
            found.state = State.EXPIRED
        return found

    def _signature(self, transaction: SignTransaction, card: Card, how: CardSignature) -> bytes:
        match how:
            case CardSignature.RIGHT:
                return self._cards.sign(card, transaction.digest)
            case CardSignature.BROKEN:
                signature = bytearray(self._cards.sign(card, transaction.digest))
                signature[-1] ^= 1
                return bytes(signature)
            case CardSignature.OTHER_DOCUMENT:
                return self._cards.sign(card, transaction.digest[::-1])
            case CardSignature.BARE_HASH:
                return self._cards.sign_bare(card, transaction.digest)


def digest_of(said: str, form: HashForm) -> bytes | None:
    """Return the SHA-256 that a request names in standard Base64, or None if the text is not of that form."""
    try:
        data = base64.b64decode(said, validate=True)
    except ValueError:
        return None
    if form is HashForm.DIGEST_INFO:
        if not data.startswith(DIGEST_INFO_HEAD):
            return None
        data = data[len(DIGEST_INFO_HEAD) :]
    return data if len(data) == _HASH_BYTES else None
