"""Operators of the management listener: one named token a person, so that the audit can name her, with her roles.

The file holds a name, a token's hash and roles a line. The command shows the token itself once, to the person it is
for. A token is 256 random bits, so a plain hash is as good as a slow one.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

from gateway.yaml.mistakes import Phrase, SaidError, in_one_line

TOKEN_BYTES = 32
"""Bytes of randomness in a token."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"sekisho_[A-Za-z0-9_-]{43}")
_DOMAIN = b"sekisho.operator.token.v1:"


class Role(StrEnum):
    """The powers that a token may have. None of them implies another."""

    LOOK = "look"
    """Sees the state of the gateway, sessions by pseudonym, and entries of limits; changes nothing."""
    ACT = "act"
    """Ends sessions, gives entries of limits back, turns switches."""
    AUDIT = "audit"
    """Searches the audit trail."""
    AUTHOR = "author"
    """Works on policies."""
    ACCOUNTS = "accounts"
    """Sees and changes who has an account of an old application."""


OLD_ROLES = frozenset({Role.LOOK, Role.ACT})
"""The roles of a line without any, as files of earlier versions have it: its token could list and end sessions."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One person of the file."""

    name: str
    roles: frozenset[Role]
    token_hash: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Operators:
    """The people of one file."""

    all: tuple[Operator, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The operators."""
        return tuple(operator.name for operator in self.all)

    def who(self, token: str) -> Operator | None:
        """Return whose token it is, or `None`. Takes as long for each answer: all hashes are compared."""
        presented = hash_of(token)
        found: Operator | None = None
        for operator in self.all:
            if compare_digest(presented, operator.token_hash):
                found = operator
        return found


def read_operators(text: str) -> Operators:
    """Return the people of a file: `name hash role …` a line; empty lines and `#` comments are passed over.

    Raises:
        SaidError: every mistake, by line; neither a hash nor a token is in it.

    """
    entries: dict[str, Operator] = {}
    hashes: set[str] = set()
    mistakes: list[Phrase] = []

    def note(number: int, what: str, japanese: str) -> None:
        mistakes.append(Phrase(f"line {number}: {what}", f"{number} 行目：{japanese}"))

    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].split()
        if not entry:
            continue
        if len(entry) == 1:
            note(number, "write a name, a token's hash and roles", "名前、トークンのハッシュ、役割を書いてください")
            continue
        name, token_hash, *roles = entry
        unknown = [role for role in roles if role not in set(Role)]
        if _NAME.fullmatch(name) is None:
            note(number, "a name is letters, digits and `._@-`, at most 64", "名前は、英数字と `._@-` の 64 字までです")
        elif _HASH.fullmatch(token_hash) is None:
            # The words may stand in another order, or one may be the token itself: none is repeated.
            note(
                number,
                "the second word is not a token's hash, 64 hexadecimal digits",
                "二つ目が、トークンのハッシュ（64 桁の 16 進数）ではありません",
            )
        elif unknown:
            meant = get_close_matches(unknown[0].lower(), list(Role), n=1)
            remedy = f", did you mean `{meant[0]}`?" if meant else f": write {', '.join(Role)}"
            japanese = f"`{meant[0]}` のことですか" if meant else f"{'、'.join(Role)} のいずれかを書いてください"
            note(
                number,
                f"a word behind the hash is no role{remedy}",
                f"ハッシュの後の言葉が役割ではありません。{japanese}",
            )
        elif name in entries:
            note(number, f"`{name}` is there twice", f"`{name}` が二度あります")
        elif token_hash in hashes:
            note(number, f"`{name}` has the token of another name", f"`{name}` のトークンは、ほかの名前のものです")
        else:
            hashes.add(token_hash)
            entries[name] = Operator(name, frozenset(map(Role, roles)) or OLD_ROLES, token_hash)
    if mistakes:
        raise SaidError(in_one_line(mistakes))
    return Operators(tuple(entries.values()))


def new_token(name: str, random: bytes, roles: Iterable[Role] = ()) -> tuple[str, str]:
    """Return a new token, to be shown once, and the line for the file.

    Raises:
        ValueError: the name cannot stand in the file, or there are not enough random bytes.

    """
    if _NAME.fullmatch(name) is None:
        raise SaidError(
            Phrase(
                f"`{name}` is no name: letters, digits and `._@-`, at most 64",
                f"`{name}` は名前に使えません。英数字と `._@-` の 64 字までです",
            )
        )
    if len(random) != TOKEN_BYTES:
        raise ValueError(f"a token is made of {TOKEN_BYTES} bytes, not {len(random)}")
    token = "sekisho_" + urlsafe_b64encode(random).rstrip(b"=").decode()
    return token, " ".join((name, hash_of(token), *(role for role in Role if role in set(roles))))


def is_token(text: str) -> bool:
    """Say whether a text has the form of a token of ours, with its 256 bits."""
    return _TOKEN.fullmatch(text) is not None


def hash_of(token: str) -> str:
    """Return what the file knows of a token."""
    # A caller may send any bytes: a token that is no text belongs to no operator, like any other wrong one.
    return sha256(_DOMAIN + token.encode("utf-8", "surrogatepass")).hexdigest()
