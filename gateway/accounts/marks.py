"""A person's mark at one App: a keyed code of her subject, by which links name her.

The mark is a keyed hash of the App and of the person's code (`policy/subject_code`). A reader of the store learns no
subject, cannot test a list of subjects without the key, and cannot match persons of one App with persons of another.
The first key marks, all are read: a link moves to the first key when its person comes again.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.policy.subject_code import subject_code
from gateway.session.seal import Secret, Secrets

_BYTES = 16


@dataclass(frozen=True, slots=True)
class Marks:
    """Every mark that links of one person at one App may bear, the first key's first."""

    all: tuple[str, ...]
    joined: frozenset[str] = frozenset()
    """Those of other subjects, by which the office had the person known. It may find out that it was mistaken."""

    @property
    def first(self) -> str:
        """The mark that a new link bears."""
        return self.all[0]


def marks_of(keys: Secrets, app: str, client_id: str, *subjects: str) -> Marks:
    """Return a person's marks at an App, under all her subjects; the first is the one that applications know."""
    own, *others = (marks_of_code(keys, app, subject_code(client_id, subject)).all for subject in subjects)
    joined = tuple(mark for marks in others for mark in marks)
    return Marks((*own, *joined), frozenset(joined))


def marks_of_code(keys: Secrets, app: str, code: str) -> Marks:
    """Return the marks of the person with this code (`fold_code`), which she reads out at the counter."""
    return Marks(tuple(_mark(key, app, code) for key in keys.all))


def is_mark(keys: Secrets, mark: str) -> bool:
    """Say whether a text has the form of a mark of one of these keys."""
    key, _, digits = mark.partition("-")
    return keys.get(key) is not None and len(digits) == 2 * _BYTES and set(digits) <= set("0123456789abcdef")


def _mark(key: Secret, app: str, code: str) -> str:
    derived = HKDF(SHA256(), 32, salt=None, info=b"sekisho.accounts.mark.v1").derive(key.value)
    message = f"{len(app)}:{app}{code}".encode()
    return f"{key.id}-{hmac.digest(derived, message, sha256)[:_BYTES].hex()}"
