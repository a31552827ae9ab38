"""Seals a session into bytes that only the browser's ticket opens.

    version (1) · length of header (2) · header · nonce (12) · sealed claims and tag

The header is in clear, so that sessions can be listed, counted and ended without opening
them; it is authenticated with the claims. Claims are sealed by AES-256-GCM under a key derived (HKDF,
RFC 5869) from a server secret *and* the ticket. A thief of the store's dump and of the secret still opens nothing: the
ticket is in the browser alone. A record that was moved to another ticket's name, cut short or changed in one bit does
not open, and is no session.

Before the record was opened, its header is only a claim of the store, good for listings and never for a decision.
Writing records is `redis_store`'s business.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

import msgspec

from gateway.identity import Birthdate, Gender, Identity, Scope
from gateway.instant import Instant, is_instant
from gateway.plain_text import OBEYED
from gateway.policy.subject_code import subject_code
from gateway.session.ledger import Disclosure
from gateway.session.sealed_box import close_box, open_box
from gateway.session.session import Session
from gateway.session.ticket import Ticket, TicketSeals
from gateway.yaml.mistakes import Phrase, SaidError, in_one_line

SECRET_BYTES = 32
"""Fewest bytes of a secret."""
_FEWEST_SIGNS = 8
"""Fewest different characters of a secret: random ones have about twice as many, `changeme` and its like fewer."""

_BLOCK = 64
"""Bytes of a block of SHA-256."""
_INNER = bytes(each ^ 0x36 for each in range(256))
_OUTER = bytes(each ^ 0x5C for each in range(256))
"""The change of a key's bytes in HMAC (RFC 2104 section 2)."""

_VERSION = 1
_PADDING = 64
"""Claims are filled up to a multiple of this: the length of an address says too much about where someone lives."""
_LARGEST_RECORD = 64 * 1024
_LONGEST_NAME = 255
"""Characters of a name in a header."""


def _mac(key: bytes, message: bytes) -> bytes:
    """Return the HMAC of a message by SHA-256, under a key of at most one block.

    OpenSSL looks an algorithm up for each HMAC, which takes longer than two hashes.
    """
    key = key.ljust(_BLOCK, b"\0")
    return sha256(key.translate(_OUTER) + sha256(key.translate(_INNER) + message).digest()).digest()


@dataclass(frozen=True, slots=True)
class Secret:
    """One server secret and the short name records carry of it."""

    id: str
    value: bytes
    _extracted: bytes = field(init=False, compare=False, repr=False)
    _inner: Any = field(init=False, compare=False, repr=False)
    _outer: Any = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Do the part of each derivation, and of each MAC, that is the same for all (RFC 2104 section 4)."""
        object.__setattr__(self, "_extracted", _mac(b"", self.value))
        key = self.value if len(self.value) <= _BLOCK else sha256(self.value).digest()
        key = key.ljust(_BLOCK, b"\0")
        object.__setattr__(self, "_inner", sha256(key.translate(_INNER)))
        object.__setattr__(self, "_outer", sha256(key.translate(_OUTER)))

    def __reduce__(self) -> tuple[type[Secret], tuple[str, bytes]]:
        """Hand the secret to a process of ours: the library's own objects can be handed to nobody."""
        return Secret, (self.id, self.value)

    def mac(self, message: bytes) -> bytes:
        """Return the HMAC of a message by SHA-256."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        digest: bytes = outer.digest()
        return digest

    def __repr__(self) -> str:
        """Say which, never what."""
        return f"Secret({self.id})"

    def derived(self, info: bytes) -> bytes:
        """Return a key of 32 bytes for this purpose: HKDF by SHA-256 without a salt (RFC 5869), its first block."""
        return _mac(self._extracted, info + b"\x01")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The server's secrets: the first seals, all open."""

    all: tuple[Secret, ...]

    @classmethod
    def parse(cls, text: str) -> Secrets:
        """Read one secret a line; empty lines and lines that begin with `#` are passed over.

        Raises:
            SaidError: there is none, or one is short, too regular to be random, or there twice. Says
                each by its line, and no secret.

        """
        mistakes: list[Phrase] = []
        found: dict[str, Secret] = {}
        for number, raw in enumerate(text.splitlines(), start=1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            value = line.encode()
            secret = cls._named(value)
            if len(value) < SECRET_BYTES:
                mistakes.append(
                    Phrase(
                        f"line {number}: a secret of {len(value)} bytes, {SECRET_BYTES} or more are needed",
                        f"{number} 行目の秘密は {len(value)} バイトです。{SECRET_BYTES} バイト以上にしてください",
                    )
                )
            elif len(set(value)) < _FEWEST_SIGNS:
                mistakes.append(
                    Phrase(
                        f"line {number}: a secret this regular is not random, make one with `openssl rand -hex 32`",
                        f"{number} 行目の秘密は規則的すぎます。`openssl rand -hex 32` で作ってください",
                    )
                )
            elif secret.id in found:
                mistakes.append(
                    Phrase(f"line {number}: a secret that is there already", f"{number} 行目の秘密はもうあります")
                )
            found.setdefault(secret.id, secret)
        if not found:
            mistakes.append(
                Phrase(
                    "no secret, make one with `openssl rand -hex 32`",
                    "秘密がありません。`openssl rand -hex 32` で作ってください",
                )
            )
        if mistakes:
            raise SaidError(in_one_line(mistakes))
        return cls(tuple(found.values()))

    @classmethod
    def single(cls, random: bytes) -> Secrets:
        """Make secrets of random bytes that are stored nowhere, for a store that does not outlive the process."""
        if len(random) < SECRET_BYTES:
            raise ValueError(f"a secret is made of {SECRET_BYTES} bytes or more, not {len(random)}")
        return cls((cls._named(random),))

    @staticmethod
    def _named(value: bytes) -> Secret:
        return Secret(hmac.digest(value, b"sekisho.secret.id.v1", sha256).hex()[:8], value)

    @property
    def first(self) -> Secret:
        """The one that seals."""
        return self.all[0]

    def get(self, secret_id: str) -> Secret | None:
        """Return the secret of that id, or `None` where it has been retired."""
        for secret in self.all:
            if secret.id == secret_id:
                return secret
        return None

    def pseudonym(self, client_id: str, subject: str) -> str:
        """Name a person in logs and listings without telling who: a keyed hash, 32 hexadecimal digits."""
        return _pseudonym(self.first, client_id, subject)

    def pseudonyms(self, client_id: str, subject: str) -> tuple[str, ...]:
        """Return every pseudonym that sessions of this subject may bear, newest secret first."""
        return tuple(_pseudonym(secret, client_id, subject) for secret in self.all)

    def code_marks(self, code: str) -> tuple[str, ...]:
        """Return every mark that sessions of the person with this code may bear, the newest secret's first.

        The last one is the code itself, by which a store in this process's memory knows her.
        """
        return (*(_code_mark(secret, code) for secret in self.all), code)


def _code_mark(secret: Secret, code: str) -> str:
    """Name a person by her code, for those who have both the code and the secret."""
    return secret.mac(b"sekisho.code.mark.v1" + code.encode()).hex()[:32]


def _pseudonym(secret: Secret, client_id: str, subject: str) -> str:
    # Lengths go in front: else client `a`, subject `bc` and client `ab`, subject `c` were one person.
    parts = (client_id.encode(), subject.encode())
    message = b"sekisho.pseudonym.v1" + b"".join(len(part).to_bytes(4) + part for part in parts)
    return secret.mac(message).hex()[:32]


def ticket_seals(secrets: Secrets, form: Literal["plain", "sealed", "sealed_only"]) -> TicketSeals:
    """Return how tickets are written and read with these secrets, as `sessions.tickets` wants it.

    The key of a ticket's seal is made for that alone: a seal says nothing of a record, nor a record of a seal.
    """
    keys = tuple(secret.derived(b"sekisho.ticket.seal.v1") for secret in secrets.all)
    return TicketSeals(keys, issue_sealed=form != "plain", accept_plain=form != "sealed_only")


class Header(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The part of a record that is in clear."""

    secret_id: str
    client_id: str
    created_at: Instant
    authenticated_at: Instant
    expires_at: Instant
    pseudonym: str
    ticket_secret_id: str = ""
    """The id of the secret that sealed the browser's cookie; empty for a plain cookie. It stays as it is
    when the record is sealed anew. Versions that do not know it pass over what stands behind the pseudonym."""
    code_mark: str = ""
    """A keyed hash of the person's code, by which a counter finds her sessions; empty in a record of an earlier
    version."""


class _Claims(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The part that is sealed."""

    subject: str
    asked: tuple[str, ...]
    name: str | None
    address: str | None
    birthdate: Birthdate | None
    gender: Gender | None
    acr: str | None
    provider_session: str | None
    host: str = ""
    """A version that does not know it passes over what stands behind the provider's session."""


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(Header).decode
_decode_claims = msgspec.msgpack.Decoder(_Claims).decode
_decode_disclosure = msgspec.msgpack.Decoder(tuple[str, tuple[str, ...], float]).decode

_LEDGER = b"sekisho.session.ledger.v1"


def seal(session: Session, ticket: Ticket, secret: Secret, nonce: bytes, *, ticket_secret_id: str = "") -> bytes:
    """Return the record of a session for this ticket.

    `nonce` is 12 random bytes, never used before with the same ticket. `ticket_secret_id` is kept in the header.
    """
    identity = session.identity
    header = _encode(
        Header(
            secret.id,
            identity.client_id,
            session.created_at,
            identity.authenticated_at,
            session.expires_at,
            session.pseudonym,
            ticket_secret_id,
            _code_mark(secret, subject_code(identity.client_id, identity.subject)),
        )
    )
    claims = _encode(
        _Claims(
            identity.subject,
            tuple(sorted(identity.asked)),
            identity.name,
            identity.address,
            identity.birthdate,
            identity.gender,
            identity.acr,
            session.provider_session,
            session.host,
        )
    )
    clear = bytes((_VERSION,)) + len(header).to_bytes(2) + header
    return clear + close_box(_key(secret, ticket), nonce, claims, _associated(clear), padding=_PADDING)


def unseal(record: bytes, ticket: Ticket, secrets: Secrets) -> Session | None:
    """Return the session, or `None` where the record does not open: of another ticket, retired secret, changed, cut."""
    opened = open_record(record, ticket, secrets)
    return None if opened is None else opened[0]


def open_record(record: bytes, ticket: Ticket, secrets: Secrets) -> tuple[Session, Header] | None:
    """Return the session and the record's header, which the seal has confirmed; `None` as in `unseal`."""
    split = _split(record)
    if split is None:
        return None
    header, clear, rest = split
    secret = secrets.get(header.secret_id)
    if secret is None:
        return None
    content = open_box(_key(secret, ticket), rest, _associated(clear))
    if content is None:
        return None
    try:
        claims = _decode_claims(content)
        identity = Identity(
            client_id=header.client_id,
            subject=claims.subject,
            authenticated_at=header.authenticated_at,
            asked=_scopes(claims.asked),
            name=claims.name,
            address=claims.address,
            birthdate=claims.birthdate,
            gender=claims.gender,
            acr=claims.acr,
        )
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    session = Session(
        identity=identity,
        created_at=header.created_at,
        expires_at=header.expires_at,
        pseudonym=header.pseudonym,
        provider_session=claims.provider_session,
        host=claims.host,
    )
    return session, header


def seal_disclosure(told: Disclosure, ticket: Ticket, secret: Secret, nonce: bytes) -> tuple[bytes, bytes]:
    """Return the field under which a session's ledger has an entry, and the sealed entry.

    The field is the same for the same App and facts, and says neither. `nonce` is as for `seal`.
    """
    key = _ledger_key(secret, ticket)
    field = _mac(key, _encode((told.app, told.names)))[:16]
    return field, close_box(key, nonce, _encode(tuple(told)), _LEDGER, padding=_PADDING)


def open_disclosure(sealed: bytes, ticket: Ticket, secrets: Secrets) -> Disclosure | None:
    """Return an entry of a session's ledger; `None` if it does not open, as in `unseal`."""
    for secret in secrets.all:
        content = open_box(_ledger_key(secret, ticket), sealed, _LEDGER)
        if content is None:
            continue
        try:
            told = Disclosure(*_decode_disclosure(content))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return told if is_instant(told.at) else None
    return None


def read_header(record: bytes) -> Header | None:
    """Return a record's clear header, unauthenticated; `None` if it is no record."""
    split = _split(record)
    return None if split is None else split[0]


def _split(record: bytes) -> tuple[Header, bytes, bytes] | None:
    if not 3 < len(record) <= _LARGEST_RECORD or record[0] != _VERSION:
        return None
    end = 3 + int.from_bytes(record[1:3])
    try:
        header = _decode_header(record[3:end])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # A string that is no UTF-8 is not msgspec's own error.
        return None
    return (header, record[:end], record[end:]) if _is_sound(header) else None


def _is_sound(header: Header) -> bool:
    """Say whether a header holds moments and names, since an attacker who writes to the store chooses its content."""
    names = (header.secret_id, header.client_id, header.pseudonym, header.ticket_secret_id, header.code_mark)
    # One look at all: it is for single characters, which no joint can make.
    together = "".join(names)
    return (
        is_instant(header.created_at)
        and is_instant(header.authenticated_at)
        and is_instant(header.expires_at)
        and (len(together) <= _LONGEST_NAME or max(map(len, names)) <= _LONGEST_NAME)
        and ((together.isascii() and together.isprintable()) or OBEYED.search(together) is None)
    )


@lru_cache(maxsize=256)
def _scopes(names: tuple[str, ...]) -> frozenset[Scope]:
    """Return the scopes of these names, which are the same for nearly every session.

    Raises:
        ValueError: a name is no scope's.

    """
    return frozenset(map(Scope, names))


def _associated(clear: bytes) -> bytes:
    return b"sekisho.session.v1" + clear


def _key(secret: Secret, ticket: Ticket) -> bytes:
    return _derived(secret, ticket, b"sekisho.session.seal.v1")


def _ledger_key(secret: Secret, ticket: Ticket) -> bytes:
    return _derived(secret, ticket, _LEDGER)


def _derived(secret: Secret, ticket: Ticket, info: bytes) -> bytes:
    """Return a key of 32 bytes: HKDF by SHA-256 with the secret as salt (RFC 5869), its first block."""
    return _mac(secret.mac(ticket.encode()), info + b"\x01")
