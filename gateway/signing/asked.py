"""Reads what an application asks for, and writes what it is answered: the API of signatures (preview)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address, ip_network

from gateway.instant import Instant
from gateway.policy.verdict import SignedFact, Words
from gateway.settings.settings import AppSigning
from gateway.signing.document import hides
from gateway.signing.signature import LARGEST_DOCUMENT, LONGEST_TITLE, Progress, Signature, Source
from gateway.strict_json import NotJsonError, read_json_object

LARGEST_REQUEST = LARGEST_DOCUMENT * 4 // 3 + 8 * 1024
"""Bytes of the request that asks for a signature: the document in Base64, and what is said of it."""

LONGEST_SUBJECT = 255

_KEYS = frozenset({"title", "document", "media_type", "hash", "consent", "digest_info", "return_to", "subject"})
_IDEMPOTENCY = re.compile(r"[\x21-\x7E]{8,255}")


class AskedError(ValueError):
    """The request cannot be read; the message is for the application's developer, and quotes no document."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request of an application."""

    source: Source
    title: Words = field(default_factory=dict)
    document: bytes = b""
    hash: str = ""
    """SHA-256 in standard Base64."""
    consent: str = ""
    digest_info: bool = False
    return_to: str = "/"
    subject: str = ""


def read_asked(body: bytes) -> Asked:
    """Return what a request asks for.

    Raises:
        AskedError: it is no JSON object of ours.

    """
    try:
        said = read_json_object(body, LARGEST_REQUEST)
    except NotJsonError as error:
        raise AskedError(f"the body is no JSON object: {error}") from None
    unknown = sorted(said.keys() - _KEYS)
    if unknown:
        raise AskedError(f"`{unknown[0][:40]}` is not known; known are {', '.join(sorted(_KEYS))}")
    kinds = [key for key in ("document", "hash", "consent") if key in said]
    if len(kinds) != 1:
        raise AskedError("name exactly one of `document`, `hash` and `consent`")
    digest_info = said.get("digest_info", False)
    if not isinstance(digest_info, bool):
        raise AskedError("`digest_info` must be true or false")
    return_to, subject = _text(said, "return_to", 2_048, "/"), _text(said, "subject", LONGEST_SUBJECT, "")
    if not return_to.startswith("/"):
        raise AskedError("`return_to` must be a path on the App's own origin, such as `/done`")
    match kinds[0]:
        case "consent":
            # J-LIS reads a consent in this form alone.
            name = _text(said, "consent", 64, "")
            return Asked(Source.CONSENT, consent=name, digest_info=True, return_to=return_to, subject=subject)
        case "hash":
            digest = _base64(said["hash"], "hash", 32)
            if len(digest) != 32:
                raise AskedError("`hash` must be the 32 bytes of SHA-256 in standard Base64")
            hash_ = base64.b64encode(digest).decode()
            return Asked(
                Source.HASH,
                _title(said),
                hash=hash_,
                digest_info=digest_info,
                return_to=return_to,
                subject=subject,
            )
        case _:
            return _document(said, digest_info=digest_info, return_to=return_to, subject=subject)


def _document(said: Mapping[str, object], *, digest_info: bool, return_to: str, subject: str) -> Asked:
    document = _base64(said["document"], "document", LARGEST_DOCUMENT)
    match said.get("media_type"):
        case "text/plain":
            source = Source.TEXT
            try:
                text = document.decode()
            except UnicodeDecodeError:
                raise AskedError("`document` is not UTF-8") from None
            if not text.strip() or hides(text):
                raise AskedError(
                    "`document` is empty, or has characters that are not drawn: the person could not read it"
                )
        case "application/pdf":
            source = Source.PDF
            if not document.startswith(b"%PDF-"):
                raise AskedError("`document` does not begin as a PDF does")
        case _:
            raise AskedError("`media_type` must be `text/plain` (UTF-8) or `application/pdf`")
    hash_ = base64.b64encode(sha256(document).digest()).decode()
    return Asked(
        source,
        _title(said),
        document,
        hash_,
        digest_info=digest_info,
        return_to=return_to,
        subject=subject,
    )


def _title(said: Mapping[str, object]) -> Words:
    title = said.get("title")
    words = {"ja": title} if isinstance(title, str) else title
    if not isinstance(words, dict) or not words.get("ja") or not words.keys() <= {"ja", "en"}:
        raise AskedError('`title` must be a text, or texts by language: `{"ja": …, "en": …}`')
    for text in words.values():
        if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST_TITLE or hides(text):
            raise AskedError(f"`title` must have 1 to {LONGEST_TITLE} characters on one line")
        if "\n" in text or "\r" in text or "\t" in text:
            raise AskedError(f"`title` must have 1 to {LONGEST_TITLE} characters on one line")
    return words


def _text(said: Mapping[str, object], key: str, longest: int, default: str) -> str:
    value = said.get(key, default)
    if not isinstance(value, str) or len(value) > longest:
        raise AskedError(f"`{key}` must be a text of at most {longest} characters")
    return value


def _base64(said: object, key: str, largest: int) -> bytes:
    if not isinstance(said, str):
        raise AskedError(f"`{key}` must be a text in standard Base64")
    try:
        found = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        raise AskedError(f"`{key}` must be a text in standard Base64") from None
    if not 0 < len(found) <= largest:
        raise AskedError(f"`{key}` must have 1 to {largest} bytes")
    return found


def idempotency_key(values: Iterable[bytes]) -> str | None:
    """Return the value of the field `Idempotency-Key`; empty without one, None if it cannot be one."""
    found = list(values)
    if not found:
        return ""
    text = found[0].decode("latin-1").strip()
    return text if len(found) == 1 and _IDEMPOTENCY.fullmatch(text) else None


def admitted(
    authorization: Iterable[bytes],
    address: str,
    apps: Mapping[str, AppSigning],
    tokens: Mapping[str, bytes],
) -> str:
    """Return the name of the App whose token and address a request has; empty where it is none's.

    Every token is compared, in constant time, so that the time tells nothing about any of them.
    """
    fields = list(authorization)
    scheme, _, token = (fields[0] if len(fields) == 1 else b"").partition(b" ")
    digest = sha256(token.strip()).digest()
    found = ""
    for name, known in tokens.items():
        if hmac.compare_digest(digest, known) and scheme.lower() == b"bearer":
            found = name
    app = apps.get(found)
    return found if app is not None and _is_from(address, app.addresses) else ""


def _is_from(address: str, networks: Iterable[str]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in ip_network(network) for network in networks)


def described(signature: Signature) -> dict[str, object]:
    """Return what its application reads of a signature."""
    found: dict[str, object] = {
        "id": signature.id,
        "state": signature.progress.value,
        "source": signature.source.value,
        "title": dict(signature.title),
        "hash": signature.hash,
        "digest_info": signature.digest_info,
        "expires_at": _time(signature.ends_at),
    }
    if signature.reason is not None and signature.progress is not Progress.SIGNED:
        found["reason"] = signature.reason.value
    if signature.source is Source.CONSENT:
        # The gateway has made this document, so the application has no other copy.
        found["consent"] = signature.consent
        found["document"] = base64.b64encode(signature.document).decode()
    result = signature.result
    if result is not None:
        found |= {
            "transaction": result.transaction,
            "signature": result.signature,
            "signed_at": _time(result.signed_at),
            "same_person": "yes" if result.person_told else "not_told",
        }
        if result.certificate:
            found["certificate"] = result.certificate
        if result.certificate_jwe:
            found["certificate_jwe"] = result.certificate_jwe
        if result.validity is not None:
            found["validity"] = result.validity.value
    return found


def facts_of(signature: Signature) -> tuple[tuple[str, str], ...]:
    """Return what the head of a signed form tells its application, by header words."""
    result = signature.result
    if result is None:
        return ()
    return (
        (SignedFact.ID.value, signature.id),
        (SignedFact.AT.value, _time(result.signed_at)),
        (SignedFact.HASH.value, signature.hash),
        (SignedFact.VALIDITY.value, "not_told" if result.validity is None else result.validity.value),
        (SignedFact.SAME_PERSON.value, "yes" if result.person_told else "not_told"),
    )


def _time(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
