"""A person whose subject changed: the application keeps seeing the old one.

Whether a PPID survives every re-issue of a card or certificate is not confirmed. If it does not, the office identifies
the person by its own means, and says so: `sekisho subjects alias NEW OLD --reason …`. From the next sign-in on, NEW is
known as OLD everywhere: sessions, headers, limits, logs. An alias hands one person's account to the person who signs in
as NEW. So each alias names its author, time and reason, and the file is as precious as a key file.

The file names no subject. A line has the hashes of both, and each subject in a box that opens with the other one: a
sign-in as NEW opens OLD. A reader of the file who has neither subject learns neither. Lines of earlier versions name
both in clear. They are in force, and `sekisho subjects seal-aliases` replaces them.

One JSON object a line, appended and never changed. Reading and writing the file is `commands/subjects`' business.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import SignInInvalidError
from gateway.instant import Instant, is_instant
from gateway.login.claims import read_subject
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box
from gateway.strict_json import NotJsonError, read_struct
from gateway.yaml.mistakes import Phrase, SaidError, lines_of

LONGEST_REASON = 500
LONGEST_NAME = 255
"""Most characters of the operator's name, and of a client."""
LONGEST_LINE = 16 * 1024
"""Bytes of a line."""
LONGEST_FILE = 64 * 1024 * 1024
"""Bytes of the file: some 80,000 persons."""

_HASH_SIGNS = 64
_LONGEST_BOX = 1_024


class SealedAlias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file."""

    client_id: str
    new_hash: str
    old_hash: str
    new_box: str
    """The new subject, which opens with the old one."""
    old_box: str
    """The old subject, which opens with the new one."""
    reason: str
    by: str
    at: Instant

    def known_as(self, new: str) -> str:
        """Return the subject that the application knows.

        Raises:
            SignInInvalidError: the line was changed by another hand.

        """
        return _open(self.old_box, self.client_id, new, self.old_hash)

    def new(self, old: str) -> str:
        """Return the subject that the provider sends now, to those who know the old one."""
        return _open(self.new_box, self.client_id, old, self.new_hash)


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alias as an operator says it, and as earlier versions wrote it."""

    client_id: str
    new: str
    """The subject that the provider sends now."""
    old: str
    """The subject that the application knows."""
    reason: str
    by: str
    """The author: the account on the gateway's machine."""
    at: Instant

    @property
    def sealed(self) -> SealedAlias:
        """The alias without a subject in clear."""
        new_hash, old_hash = _hash(self.client_id, self.new), _hash(self.client_id, self.old)
        return SealedAlias(
            self.client_id,
            new_hash,
            old_hash,
            _close(self.new, self.client_id, self.old, new_hash),
            _close(self.old, self.client_id, self.new, old_hash),
            self.reason,
            self.by,
            self.at,
        )

    @property
    def line(self) -> bytes:
        """One line of the file."""
        return msgspec.json.encode(self.sealed) + b"\n"


class AliasError(SaidError):
    """An alias, or a file of them, cannot be used. Messages hold line numbers and no subject."""


@dataclass(frozen=True, slots=True)
class Aliases:
    """All that are in force, by the hashes of their subjects."""

    _known: dict[tuple[str, str], Alias | SealedAlias] = field(default_factory=dict)
    _joined: dict[tuple[str, str], tuple[Alias | SealedAlias, ...]] = field(default_factory=dict)
    """The aliases that lead to a subject."""
    in_clear: int = 0
    """Lines of an earlier version, which name both subjects."""

    def known_as(self, client_id: str, subject: str) -> str:
        """Return the subject a person is known by here."""
        alias = self._known.get((client_id, _hash(client_id, subject))) if self._known else None
        match alias:
            case None:
                return subject
            case Alias():
                return alias.old
            case SealedAlias():
                return alias.known_as(subject)

    def joined_at(self, client_id: str, subject: str) -> Instant | None:
        """Return when the office last had another subject known as this one; None if it never did."""
        return max((alias.at for alias in self._leading_to(client_id, subject)), default=None)

    def subjects_of(self, client_id: str, subject: str) -> tuple[str, ...]:
        """Return a subject that the application knows, with all those that lead to it.

        Raises:
            SignInInvalidError: a line was changed by another hand.

        """
        leading = self._leading_to(client_id, subject)
        return (subject, *(alias.new if isinstance(alias, Alias) else alias.new(subject) for alias in leading))

    def same_person(self, client_id: str, subject: str) -> tuple[str, ...]:
        """Return every subject of one person, the one she is known by first."""
        return self.subjects_of(client_id, self.known_as(client_id, subject))

    def and_(self, alias: Alias) -> Self:
        """Return these and one more.

        Raises:
            AliasError: it contradicts one there is, or says nothing.

        """
        _check_subjects(alias)
        _check(alias, self._known, self._joined)
        return self._with(alias)

    def _leading_to(self, client_id: str, subject: str) -> tuple[Alias | SealedAlias, ...]:
        return self._joined.get((client_id, _hash(client_id, subject)), ()) if self._joined else ()

    def _with(self, alias: Alias | SealedAlias) -> Self:
        known, joined = dict(self._known), dict(self._joined)
        _put(alias, known, joined)
        return self.__class__(known, joined, self.in_clear)


def _put(
    alias: Alias | SealedAlias,
    known: dict[tuple[str, str], Alias | SealedAlias],
    joined: dict[tuple[str, str], tuple[Alias | SealedAlias, ...]],
) -> None:
    old = (alias.client_id, _old_hash(alias))
    known[alias.client_id, _new_hash(alias)] = alias
    joined[old] = (*joined.get(old, ()), alias)


def _new_hash(alias: Alias | SealedAlias) -> str:
    return _hash(alias.client_id, alias.new) if isinstance(alias, Alias) else alias.new_hash


def _old_hash(alias: Alias | SealedAlias) -> str:
    return _hash(alias.client_id, alias.old) if isinstance(alias, Alias) else alias.old_hash


def _named(client_id: str, subject: str) -> bytes:
    # The length of the client's name keeps `ab` + `c` apart from `a` + `bc`.
    return f"{len(client_id)}:{client_id}{subject}".encode()


def _hash(client_id: str, subject: str) -> str:
    return sha256(b"sekisho.alias.hash.v1:" + _named(client_id, subject)).hexdigest()


def _key(client_id: str, opener: str, hashed: str) -> bytes:
    """Return the key of one box: it has one content, so it needs no random nonce."""
    return HKDF(SHA256(), 32, None, b"sekisho.alias.box.v1:" + hashed.encode()).derive(_named(client_id, opener))


def _close(subject: str, client_id: str, opener: str, hashed: str) -> str:
    key = _key(client_id, opener, hashed)
    return b64encode(close_box(key, bytes(NONCE_BYTES), subject.encode(), hashed.encode(), padding=64)).decode()


def _open(box: str, client_id: str, opener: str, hashed: str) -> str:
    try:
        content = open_box(_key(client_id, opener, hashed), b64decode(box, validate=True), hashed.encode())
        subject = "" if content is None else content.decode()
    except ValueError:
        subject = ""
    if not subject or _hash(client_id, subject) != hashed:
        raise SignInInvalidError("alias")
    return subject


def _check_subjects(alias: Alias) -> None:
    for subject in (alias.new, alias.old):
        try:
            read_subject(subject)
        except SignInInvalidError:
            raise AliasError(
                Phrase(
                    "a subject is 1 to 255 printable ASCII characters",
                    "識別子は、ASCII の印字できる文字 1 から 255 字です",
                )
            ) from None


def _check_sealed(alias: SealedAlias) -> None:
    if any(len(each) != _HASH_SIGNS or not each.isascii() for each in (alias.new_hash, alias.old_hash)):
        raise AliasError(Phrase("it has no hashes of two subjects", "二つの識別子 のハッシュがありません"))
    if max(len(alias.new_box), len(alias.old_box)) > _LONGEST_BOX:
        raise AliasError(Phrase("it has no boxes of two subjects", "封をした二つの識別子 がありません"))


def _check(
    alias: Alias | SealedAlias, known: Mapping[tuple[str, str], object], older: Collection[tuple[str, str]]
) -> None:
    """Refuse an alias that contradicts the others; `older` has every subject that an alias leads to."""
    new, old = (alias.client_id, _new_hash(alias)), (alias.client_id, _old_hash(alias))
    if not alias.client_id or len(alias.client_id) > LONGEST_NAME:
        raise AliasError(Phrase("it names no client", "クライアントがありません"))
    if not alias.reason.strip() or len(alias.reason) > LONGEST_REASON:
        raise AliasError(
            Phrase(
                f"a reason is needed, of at most {LONGEST_REASON} characters",
                f"{LONGEST_REASON} 字までの理由が必要です",
            )
        )
    if not is_instant(alias.at) or len(alias.by) > LONGEST_NAME:
        raise AliasError(Phrase("it does not name who registered it, and when", "登録した人と時刻がありません"))
    if new == old:
        raise AliasError(Phrase("both subjects are the same", "二つの識別子 が同じです"))
    if new in known:
        raise AliasError(Phrase("the new subject already has an alias", "新しい識別子には、もう別名があります"))
    if old in known:
        raise AliasError(
            Phrase(
                "the old subject itself has an alias: name that one",
                "古い識別子にも別名があります。その先の識別子を指定してください",
            )
        )
    # Otherwise two steps would lead from one person's account to another's, and no line would show it.
    if new in older:
        raise AliasError(
            Phrase("another alias already leads to the new subject", "新しい識別子には、もう別の別名がつながっています")
        )


def lines_naming(lines: Iterable[bytes], client_id: str, subjects: Collection[str]) -> tuple[int, ...]:
    """Return the numbers of the lines that name one of a client's subjects, of a file that `read_aliases` takes."""
    hashes = {_hash(client_id, subject) for subject in subjects}
    aliases = ((n, _read_line(line)) for n, line in enumerate(lines, start=1) if line.strip())
    return tuple(
        number
        for number, alias in aliases
        if alias.client_id == client_id and not hashes.isdisjoint((_new_hash(alias), _old_hash(alias)))
    )


def sealed_lines(lines: Iterable[bytes]) -> tuple[bytes, int]:
    """Return a file without a subject in clear, and the number of lines that had one.

    Raises:
        AliasError: the file has a mistake.

    """
    kept = list(lines)
    number = read_aliases(kept).in_clear
    read = (_read_line(line) for line in kept if line.strip())
    return b"".join(
        each.line if isinstance(each, Alias) else msgspec.json.encode(each) + b"\n" for each in read
    ), number


def _read_line(line: bytes) -> Alias | SealedAlias:
    try:
        return read_struct(line, SealedAlias, LONGEST_LINE)
    except NotJsonError:
        return read_struct(line, Alias, LONGEST_LINE)


def read_aliases(lines: Iterable[bytes]) -> Aliases:
    """Return the aliases of a file.

    Raises:
        AliasError: with every mistake, by its line. None of it is used then: half a file could give an account away.

    """
    known: dict[tuple[str, str], Alias | SealedAlias] = {}
    joined: dict[tuple[str, str], tuple[Alias | SealedAlias, ...]] = {}
    mistakes: list[Phrase] = []
    in_clear = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            alias = _read_line(line)
            if isinstance(alias, Alias):
                _check_subjects(alias)
            else:
                _check_sealed(alias)
            _check(alias, known, joined)
        except NotJsonError:
            what = Phrase(
                f"line {number}: not an alias as `sekisho subjects alias` writes it",
                f"{number} 行目：`sekisho subjects alias` が書く形ではありません",
            )
            mistakes.append(what)
        except AliasError as error:
            mistakes.append(Phrase(f"line {number}: {error.said.en}", f"{number} 行目：{error.said.ja}"))
        else:
            in_clear += isinstance(alias, Alias)
            _put(alias, known, joined)
    if mistakes:
        raise AliasError(lines_of(mistakes))
    return Aliases(known, joined, in_clear)
