"""The names of fields and states in the provider's signature API, read from a profile file.

The agency's public reference does not give these names. `profile.toml` has our unofficial best reading, and the setting
`signing.profile` names another file, so that an operator corrects a name without a release. This file reads such a file
strictly: an unknown key, a missing key or an impossible value is an error that says file, line, value and remedy.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

SHIPPED: Final = Path(__file__).with_name("profile.toml")
"""The profile in force if the settings name none."""

LONGEST_PROFILE: Final = 64 * 1024
"""Bytes of a profile file; ours has two KiB."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
"""A field's name or a state's word: neither may need quoting anywhere."""

_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,64}")
"""RFC 6749 section 3.3: one scope."""


class HashForm(StrEnum):
    """The form in which the provider is given a hash."""

    SHA256 = "sha256"
    DIGEST_INFO = "digest_info"
    """DigestInfo of RFC 8017: needed for XML signatures and for a consent that J-LIS reads."""


class State(StrEnum):
    """A transaction's state at the provider."""

    WAITING = "waiting"
    SIGNED = "signed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


class Validity(StrEnum):
    """The certificate's validity, as the provider reported it."""

    GOOD = "good"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Profile:
    """The names. An empty one means that the service has no such field."""

    start_path: str
    token_scope: str
    request_hash: str
    request_hash_form: str
    hash_forms: Mapping[HashForm, str]
    response_transaction_id: str
    response_expires_in: str
    authorization_scope: str
    authorization_transaction_id: str
    result_path: str
    result_state: str
    result_signature: str
    result_certificate: str
    result_certificate_jwe: str
    result_validity: str
    states: Mapping[State, tuple[str, ...]]
    validities: Mapping[Validity, tuple[str, ...]]

    def start_url(self, issuer: str) -> str:
        """Return the URL that starts a transaction."""
        return _absolute(self.start_path, issuer)

    def result_url(self, issuer: str, transaction: str) -> str:
        """Return the URL of a transaction's result. The id is one that `is_transaction_id` accepts."""
        return _absolute(self.result_path.replace("{id}", transaction), issuer)

    def state_of(self, word: str) -> State | None:
        """Return the state that a word of the provider's means; `None` for a word that the profile does not have."""
        return next((state for state, words in self.states.items() if word in words), None)

    def validity_of(self, word: str) -> Validity:
        """Return the validity that a word of the provider's means. An unknown word never means a good certificate."""
        return next((validity for validity, words in self.validities.items() if word in words), Validity.UNKNOWN)


class ProfileError(ValueError):
    """A profile file cannot be used; the message says file, line, value and remedy."""

    def __init__(self, file: str, line: int, what: str, remedy: str) -> None:
        super().__init__(f"{file}:{line}: {what}; {remedy}")


_TRANSACTION: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def is_transaction_id(said: object) -> bool:
    """Whether a value has a transaction id's shape. It goes into a URL and a log line, so nothing else may be in it."""
    return isinstance(said, str) and _TRANSACTION.fullmatch(said) is not None


_REQUIRED: Final = frozenset(
    {
        ("start", "path"),
        ("request", "hash"),
        ("hash_forms", "sha256"),
        ("hash_forms", "digest_info"),
        ("response", "transaction_id"),
        ("authorization", "scope"),
        ("authorization", "transaction_id"),
        ("result", "path"),
        ("result", "signature"),
    }
)
"""The keys that cannot be empty: without these fields there is no signature."""

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "start": ("path", "token_scope"),
    "request": ("hash", "hash_form"),
    "hash_forms": tuple(HashForm),
    "response": ("transaction_id", "expires_in"),
    "authorization": ("scope", "transaction_id"),
    "result": ("path", "state", "signature", "certificate", "certificate_jwe", "validity"),
    "states": tuple(State),
    "validities": tuple(Validity),
}


def read_profile(text: str, file: str) -> Profile:
    """Return the profile that a file's text says.

    Raises:
        ProfileError: the text is no TOML, or a key is unknown, missing or impossible.

    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        line = int(place[1]) if place is not None else text.count("\n") + 1
        raise ProfileError(file, line, f"this is not TOML: {error}", "compare it with the shipped profile") from None
    return _Reader(said, text, file).read()


class _Reader:
    """Reads one file's tables. TOML gives no line numbers, so an error looks for its key in the text."""

    def __init__(self, said: Mapping[str, object], text: str, file: str) -> None:
        self._said = said
        self._lines = text.split("\n")
        self._file = file

    def read(self) -> Profile:
        self._refuse_unknown()
        return Profile(
            start_path=self._path("start", holds_id=False),
            token_scope=self._name("start", "token_scope", _SCOPE),
            request_hash=self._name("request", "hash"),
            request_hash_form=self._name("request", "hash_form"),
            hash_forms={form: self._name("hash_forms", form.value) for form in HashForm},
            response_transaction_id=self._name("response", "transaction_id"),
            response_expires_in=self._name("response", "expires_in"),
            authorization_scope=self._name("authorization", "scope", _SCOPE),
            authorization_transaction_id=self._name("authorization", "transaction_id"),
            result_path=self._path("result", holds_id=True),
            result_state=self._name("result", "state"),
            result_signature=self._name("result", "signature"),
            result_certificate=self._name("result", "certificate"),
            result_certificate_jwe=self._name("result", "certificate_jwe"),
            result_validity=self._name("result", "validity"),
            states={state: self._words("states", state.value) for state in State},
            validities={validity: self._words("validities", validity.value) for validity in Validity},
        )

    def _refuse_unknown(self) -> None:
        for table, values in self._said.items():
            if table not in _KEYS or not isinstance(values, dict):
                raise self._error(table, "", f"`{table}` is no table of a profile", f"known are {_listed(_KEYS)}")
            for key in values:
                if key not in _KEYS[table]:
                    remedy = f"known in `[{table}]` are {_listed(_KEYS[table])}"
                    raise self._error(table, key, f"`{key}` is no key of `[{table}]`", remedy)
        for table, keys in _KEYS.items():
            values = self._said.get(table, {})
            for key in keys:
                if not isinstance(values, dict) or key not in values:
                    remedy = "add it as in the shipped profile"
                    raise self._error(table, "", f"`{key}` is missing in `[{table}]`", remedy)
        for table in ("states", "validities"):
            seen: dict[str, str] = {}
            for key in _KEYS[table]:
                for word in self._words(table, key):
                    if word in seen:
                        what = f"`{word}` stands for `{seen[word]}` and for `{key}`"
                        raise self._error(table, key, what, "let each word mean one thing")
                    seen[word] = key

    def _value(self, table: str, key: str) -> object:
        values = self._said[table]
        return values[key] if isinstance(values, dict) else None

    def _name(self, table: str, key: str, pattern: re.Pattern[str] = _NAME) -> str:
        value = self._value(table, key)
        if value == "" and (table, key) not in _REQUIRED:
            return ""
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            empty = "" if (table, key) in _REQUIRED else ", or an empty one where the service has no such field"
            remedy = f"write a text of at most 64 letters, digits, `_`, `-`, `.` and `:`{empty}"
            raise self._error(table, key, f"`{key}` is `{_shown(value)}`, which is no name", remedy)
        return value

    def _words(self, table: str, key: str) -> tuple[str, ...]:
        value = self._value(table, key)
        words = value if isinstance(value, list) else [value] if value != "" else []
        for word in words:
            if not isinstance(word, str) or _NAME.fullmatch(word) is None:
                remedy = "write the service's word, or a list of its words that mean the same"
                raise self._error(table, key, f"`{key}` is `{_shown(word)}`, which is no word", remedy)
        return tuple(words)

    def _path(self, table: str, *, holds_id: bool) -> str:
        value = self._value(table, "path")
        example = "/api/sign-transactions/{id}/result" if holds_id else "/api/sign-transactions"
        remedy = f"write a path such as `{example}`, or a whole https URL"
        if not isinstance(value, str) or not _is_place(value.replace("{id}", "id", 1) if holds_id else value):
            raise self._error(table, "path", f"`path` is `{_shown(value)}`, which is no path", remedy)
        if holds_id and value.count("{id}") != 1:
            raise self._error(table, "path", f"`path` is `{value}`, which has no place for the id", remedy)
        return value

    def _error(self, table: str, key: str, what: str, remedy: str) -> ProfileError:
        return ProfileError(self._file, self._line(table, key), what, remedy)

    def _line(self, table: str, key: str) -> int:
        """Return the line of a key, or its table's; the first line where neither is written."""
        header = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]|\s*{re.escape(table)}\s*[=.]")
        begins = next((number for number, line in enumerate(self._lines, 1) if header.match(line)), 1)
        if not key:
            return begins
        wanted = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        for number, line in enumerate(self._lines[begins:], begins + 1):
            if line.lstrip().startswith("["):
                break
            if wanted.match(line):
                return number
        return begins


def _absolute(place: str, issuer: str) -> str:
    if not place.startswith("/"):
        return place
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}{place}"


_PLACE: Final = re.compile(r"(?:/|https://[A-Za-z0-9._-]+(?::[0-9]{1,5})?/)(?:[A-Za-z0-9._~-]+/?)*")


def _is_place(said: str) -> bool:
    """Whether a text is a path, or an https URL with one. It has no query, no fragment and no dot segment."""
    return _PLACE.fullmatch(said) is not None and not {".", ".."} & set(said.split("/"))


def _shown(value: object) -> str:
    return str(value)[:64]


def _listed(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
