"""A person whose subject changed: the application keeps seeing the old one.

Whether a PPID survives every re-issue of a card or certificate is not confirmed. If it does not, the office identifies
the person by its own means, and says so: `sekisho subjects alias NEW OLD --reason …`. From the next sign-in on, NEW is
known as OLD everywhere: sessions, headers, limits, logs. An alias hands one person's account to the person who signs in
as NEW. So each alias names its author, time and reason, and the file is as precious as a key file.

One JSON object a line, appended and never changed. Reading and writing the file is `commands/subjects`' business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from gateway.errors import SignInInvalidError
from gateway.instant import Instant, is_instant
from gateway.login.claims import read_subject
from gateway.strict_json import NotJsonError, read_struct

LONGEST_REASON = 500
LONGEST_NAME = 255
"""Most characters of the operator's name, and of a client."""
LONGEST_LINE = 16 * 1024
"""Bytes of a line."""
LONGEST_FILE = 64 * 1024 * 1024
"""Bytes of the file: some 200,000 persons."""


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file."""

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
    def line(self) -> bytes:
        """One line of the file."""
        return msgspec.json.encode(self) + b"\n"


class AliasError(ValueError):
    """An alias, or a file of them, cannot be used. Messages hold line numbers and no subject."""


@dataclass(frozen=True, slots=True)
class Aliases:
    """All that are in force."""

    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def known_as(self, client_id: str, subject: str) -> str:
        """Return the subject a person is known by here."""
        return self._known.get((client_id, subject), subject)

    def same_person(self, client_id: str, subject: str) -> tuple[str, ...]:
        """Return every subject of one person, the one she is known by first."""
        known = self.known_as(client_id, subject)
        return (known, *(new for (client, new), old in self._known.items() if (client, old) == (client_id, known)))

    def and_(self, alias: Alias) -> Self:
        """Return these and one more.

        Raises:
            AliasError: it contradicts one there is, or says nothing.

        """
        _check(alias, self._known, {(client, old) for (client, _), old in self._known.items()})
        return self.__class__({**self._known, (alias.client_id, alias.new): alias.old})


def _check(alias: Alias, known: Mapping[tuple[str, str], str], older: Collection[tuple[str, str]]) -> None:
    """Refuse an alias that contradicts the others; `older` has every subject that an alias leads to."""
    for subject in (alias.new, alias.old):
        try:
            read_subject(subject)
        except SignInInvalidError:
            raise AliasError("a subject is 1 to 255 printable ASCII characters") from None
    if not alias.client_id or len(alias.client_id) > LONGEST_NAME:
        raise AliasError("it names no client")
    if not alias.reason.strip() or len(alias.reason) > LONGEST_REASON:
        raise AliasError(f"a reason is needed, of at most {LONGEST_REASON} characters")
    if not is_instant(alias.at) or len(alias.by) > LONGEST_NAME:
        raise AliasError("it does not name who registered it, and when")
    if alias.new == alias.old:
        raise AliasError("both subjects are the same")
    if (alias.client_id, alias.new) in known:
        raise AliasError("the new subject already has an alias")
    if (alias.client_id, alias.old) in known:
        raise AliasError("the old subject itself has an alias: name that one")
    # Otherwise two steps would lead from one person's account to another's, and no line would show it.
    if (alias.client_id, alias.new) in older:
        raise AliasError("another alias already leads to the new subject")


def lines_naming(lines: Iterable[bytes], client_id: str, subjects: Collection[str]) -> tuple[int, ...]:
    """Return the numbers of the lines that name one of a client's subjects, of a file that `read_aliases` takes."""
    aliases = ((n, read_struct(line, Alias, LONGEST_LINE)) for n, line in enumerate(lines, start=1) if line.strip())
    return tuple(
        number
        for number, alias in aliases
        if alias.client_id == client_id and (alias.new in subjects or alias.old in subjects)
    )


def read_aliases(lines: Iterable[bytes]) -> Aliases:
    """Return the aliases of a file.

    Raises:
        AliasError: with every mistake, by its line. None of it is used then: half a file could give an account away.

    """
    known: dict[tuple[str, str], str] = {}
    older: set[tuple[str, str]] = set()
    mistakes: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            alias = read_struct(line, Alias, LONGEST_LINE)
            _check(alias, known, older)
        except NotJsonError:
            mistakes.append(f"line {number}: not an alias as `sekisho subjects alias` writes it")
        except AliasError as error:
            mistakes.append(f"line {number}: {error}")
        else:
            known[alias.client_id, alias.new] = alias.old
            older.add((alias.client_id, alias.old))
    if mistakes:
        raise AliasError("\n".join(mistakes))
    return Aliases(known)
