"""Operators of the management listener's sessions API: one named token a person, so that the audit can name her.

The file holds a name and a token's hash a line; the token itself is shown once, to whom it is
for. A token is 256 random bits, so a plain hash is as good as a slow one.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

TOKEN_BYTES = 32
"""Bytes of randomness in a token."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DOMAIN = b"sekisho.operator.token.v1:"


@dataclass(frozen=True, slots=True)
class Operators:
    """The people of one file."""

    _hashes: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The operators."""
        return tuple(name for name, _ in self._hashes)

    def who(self, token: str) -> str | None:
        """Return whose token it is, or `None`. Takes as long for each answer: all hashes are compared."""
        presented = hash_of(token)
        found: str | None = None
        for name, known in self._hashes:
            if compare_digest(presented, known):
                found = name
        return found


def read_operators(text: str) -> Operators:
    """Return the people of a file: `name hash` a line; empty lines and `#` comments are passed over.

    Raises:
        ValueError: every mistake, by line; no hash is in it.

    """
    entries: dict[str, str] = {}
    mistakes: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].split()
        if not entry:
            continue
        if len(entry) != 2:  # a name and a hash
            mistakes.append(f"line {number}: write a name and a token's hash")
        elif _NAME.fullmatch(entry[0]) is None:
            mistakes.append(f"line {number}: a name is letters, digits and `._@-`, at most 64")
        elif _HASH.fullmatch(entry[1]) is None:
            mistakes.append(f"line {number}: the hash of `{entry[0]}` is not 64 hexadecimal digits")
        elif entry[0] in entries:
            mistakes.append(f"line {number}: `{entry[0]}` is there twice")
        elif entry[1] in entries.values():
            mistakes.append(f"line {number}: `{entry[0]}` has the token of another name")
        else:
            entries[entry[0]] = entry[1]
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return Operators(tuple(entries.items()))


def new_token(name: str, random: bytes) -> tuple[str, str]:
    """Return a new token, to be shown once, and the line for the file.

    Raises:
        ValueError: the name cannot stand in the file, or there are not enough random bytes.

    """
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"`{name}` is no name: letters, digits and `._@-`, at most 64")
    if len(random) != TOKEN_BYTES:
        raise ValueError(f"a token is made of {TOKEN_BYTES} bytes, not {len(random)}")
    token = "sekisho_" + urlsafe_b64encode(random).rstrip(b"=").decode()
    return token, f"{name} {hash_of(token)}"


def hash_of(token: str) -> str:
    """Return what the file knows of a token."""
    # A caller may send any bytes: a token that is no text belongs to no operator, like any other wrong one.
    return sha256(_DOMAIN + token.encode("utf-8", "surrogatepass")).hexdigest()
