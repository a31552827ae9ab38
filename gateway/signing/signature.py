"""A signature that an application asks a person for: its document, its state, and what came of it.

Start here. An application asks by a form that its rule has signed (`sign`), or by the API of `portal/aiohttp_signing`.
`service` has the order of the steps, `records` seals these values into the store, and `profile` names the fields of
the provider's API. The result holds the signing certificate, and with it name, address, birthdate and gender. So it is
never logged, and it ends when the application confirms it or when its time is over.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

import msgspec

from gateway.instant import Instant
from gateway.signing.profile import Validity

PENDING_SECONDS = 900.0
"""The time a person has to sign: as long as a sign-in may take, since the same app and card are needed."""

MOST_ATTEMPTS = 8
"""Times that one signature may be begun: two tabs, a cancelled attempt and a lost one leave room."""

LARGEST_DOCUMENT = 512 * 1024
"""Bytes of a document that an application hands over."""

LONGEST_TITLE = 200
"""Characters of a title."""

_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE = re.compile(r"sign-[A-Za-z0-9_-]{43}")


class Source(StrEnum):
    """The way in which a signature was asked for."""

    FORM = "form"
    TEXT = "text"
    PDF = "pdf"
    HASH = "hash"
    """The application gave the hash alone, so that we cannot show what it is of."""
    CONSENT = "consent"
    """The consent that J-LIS gives the newest four items to the receiver."""


class Progress(StrEnum):
    """A signature's state, as the application reads it in `state`."""

    WAITING = "waiting"
    """The person has not signed yet, or may try again."""
    COLLECTING = "collecting"
    """The person has signed, and the provider's result has not arrived yet: it can be fetched again."""
    SIGNED = "signed"
    CANCELLED = "cancelled"
    """The person stopped it in the app; she may begin again while there is time."""
    DECLINED = "declined"
    """The person does not consent. This is final."""
    FAILED = "failed"
    """An attempt ended without a signature, as `reason` says; the person may begin again while there is time."""


class SignOutcome(StrEnum):
    """The end of one step. Label of a metric, word of an event, and key of a page."""

    BEGUN = "begun"
    """The browser was sent to the provider."""
    SIGNED = "signed"
    CANCELLED = "cancelled"
    """The person stopped it in the app."""
    DECLINED = "declined"
    """The person does not consent."""
    REFUSED = "refused"
    """The provider answered another OAuth error: a person without a signing certificate is among them."""
    TRANSACTION_EXPIRED = "transaction_expired"
    """The provider's transaction was too old."""
    TRANSACTION_FAILED = "transaction_failed"
    """The provider says that nothing was signed."""
    NOT_READY = "not_ready"
    """The provider's result still waits: it can be fetched again."""
    START_REFUSED = "start_refused"
    """The provider took no transaction: a wrong hash, a client without a contract for signatures, a wrong profile."""
    RESULT_REFUSED = "result_refused"
    """The provider gives no result for this transaction."""
    RESULT_INVALID = "result_invalid"
    """The provider's answer lacks what a signature needs, or has a state that the profile does not know."""
    CERTIFICATE_INVALID = "certificate_invalid"
    """The certificate was revoked, or its period was over: the agency reported it, or `signing.verify` found it."""
    OTHER_PERSON = "other_person"
    """Another person signed than the one who is signed in."""
    PERSON_UNKNOWN = "person_unknown"
    """The provider did not say who signed, and the settings demand it."""
    INVALID = "invalid"
    """State, code or ID token fail a check."""
    OTHER_BROWSER = "other_browser"
    """The answer came to a browser that did not begin it."""
    PROVIDER_DOWN = "provider_down"
    STORE_DOWN = "store_down"
    OVER = "over"
    """The signature is unknown, too old, or was confirmed already."""
    TOO_MANY = "too_many"
    """Too many attempts, or too many signatures at once."""
    NO_ROOM = "no_room"
    """The App has as many signatures under way as may be kept (`signing.room`)."""

    @property
    def status(self) -> int:
        """The HTTP status of its page."""
        return _STATUS.get(self, 403)

    @property
    def may_begin_again(self) -> bool:
        """Whether another attempt of the same person can help."""
        return self not in {
            SignOutcome.DECLINED,
            SignOutcome.OVER,
            SignOutcome.TOO_MANY,
            SignOutcome.NO_ROOM,
            SignOutcome.SIGNED,
        }


_STATUS: Mapping[SignOutcome, int] = {
    SignOutcome.SIGNED: 200,
    SignOutcome.DECLINED: 200,
    SignOutcome.INVALID: 400,
    SignOutcome.OTHER_BROWSER: 400,
    SignOutcome.OVER: 404,
    SignOutcome.TOO_MANY: 429,
    SignOutcome.NO_ROOM: 503,
    SignOutcome.PROVIDER_DOWN: 503,
    SignOutcome.NOT_READY: 503,
    SignOutcome.STORE_DOWN: 503,
    SignOutcome.START_REFUSED: 503,
    SignOutcome.RESULT_REFUSED: 503,
    SignOutcome.RESULT_INVALID: 503,
}

FINAL = frozenset({Progress.SIGNED, Progress.DECLINED})
"""States that no later attempt changes."""


class Attempt(msgspec.Struct, frozen=True):
    """One way to the provider and back. Two tabs have two of them; the first that brings a signature counts."""

    state_name: str
    transaction: str
    browser: str
    """Name of the browser that may come back, as of a pending sign-in."""
    nonce: str
    verifier: str
    begun_at: Instant
    code: str = ""
    """The provider's code, from its arrival until it is exchanged."""
    access_token: str = ""
    """The token that fetches the result, until it has been fetched."""
    id_token: str = ""
    """The token that says who signed, until it has been checked."""
    person: str = ""
    """The subject that it names, once it has been checked."""
    claim: str = ""
    """The name of the caller who collects the result now, so that nobody else exchanges the same code."""
    claimed_until: Instant = 0.0


class Ending(msgspec.Struct, frozen=True):
    """The end that one caller records now: the first who asks for an end decides it, before the trail hears of it."""

    progress: Progress
    claim: str
    """The name of the caller who records it."""
    claimed_until: Instant
    """After this moment another caller brings the same end about; no caller brings another one."""


class Result(msgspec.Struct, frozen=True):
    """The provider's result: all of it is the application's own, and none of it is for a log."""

    transaction: str
    signature: str
    """Standard Base64."""
    signed_at: Instant
    certificate: str = ""
    """For a public body: DER in standard Base64."""
    certificate_jwe: str = ""
    """For a private operator: what its PF operator opens."""
    validity: Validity | None = None
    """The agency's report on the certificate, where it gives one."""
    person_told: bool = True
    """Whether the provider said who signed; the settings may allow that it does not."""


class KeptRequest(msgspec.Struct, frozen=True):
    """The application's own form, which goes on after the signature just as the browser sent it."""

    target: str
    content_type: str
    referer: str
    body: bytes


class Signature(msgspec.Struct, frozen=True):
    """All that is kept of one signature, sealed."""

    id: str
    source: Source
    app: str
    host: str
    client_id: str
    title: Mapping[str, str]
    hash: str
    """SHA-256 of the document in standard Base64."""
    digest_info: bool
    created_at: Instant
    ends_at: Instant
    document: bytes = b""
    return_to: str = "/"
    subject: str = ""
    """The person who is to sign, as the applications know her; empty until somebody who is signed in opens it."""
    pseudonym: str = ""
    rule: str = ""
    consent: str = ""
    """The name of the consent, where it is one."""
    progress: Progress = Progress.WAITING
    reason: SignOutcome | None = None
    """The last attempt's end, where it brought no signature."""
    attempts: tuple[Attempt, ...] = ()
    result: Result | None = None
    form: KeptRequest | None = None
    ending: Ending | None = None
    """The end that is decided, until it is recorded."""

    @property
    def is_final(self) -> bool:
        """Whether no attempt can change it any more."""
        return self.progress in FINAL


def is_id(said: str) -> bool:
    """Whether a text has a signature id's shape; anything else is not worth a look-up."""
    return _ID.fullmatch(said) is not None


def is_signing_state(said: str) -> bool:
    """Whether a callback's `state` is one of a signature's. No sign-in has a state of this form, nor the reverse."""
    return _STATE.fullmatch(said) is not None


def one_time_name(signature: Signature) -> bytes:
    """Return the 17 bytes that name the press of a signed form: each of its pages has the same, so it is sent once."""
    return sha256(b"sekisho.signing.press.v1:" + signature.id.encode()).digest()[:17]


def same_subject(signature: Signature, subject: str) -> bool:
    """Whether a person is the one who is to sign; compared in constant time."""
    return bool(subject) and hmac.compare_digest(signature.subject.encode(), subject.encode())
