"""Seals an account's password under a key of its own, for an application that can be told in no other way.

The key comes from a file or a command (`accounts.key`), and is bound to the App and the account. A reader of both the
store and the key reads the passwords; neither alone does. The application knows the subject, so the subject is no part
of the key. The first key seals, all keys open.
"""

from __future__ import annotations

from gateway.accounts.names import fold_account
from gateway.accounts.sealed import BOX_NONCE, Purpose, close, is_of_first_key, open_with
from gateway.session.seal import Secrets

LONGEST = 1_024
"""Bytes of a password."""

_PADDING = 128
"""Passwords are filled up to a multiple of this: their length says too much."""

NONCE = BOX_NONCE


def seal_password(keys: Secrets, app: str, name: str, password: str, nonce: bytes) -> bytes:
    """Return the box of a password; `nonce` is `NONCE` random bytes, never used before.

    Raises:
        ValueError: the password is too long. The message has no part of it.

    """
    content = password.encode()
    if len(content) > LONGEST:
        raise ValueError(f"a password has at most {LONGEST} bytes")
    return close(keys, Purpose.PASSWORD, app, fold_account(name), content, nonce, padding=_PADDING)


def open_password(keys: Secrets, app: str, name: str, box: bytes) -> str | None:
    """Return a password; `None` if no key of ours opens the box, or it is another account's."""
    content = open_with(keys, Purpose.PASSWORD, app, fold_account(name), box)
    return None if content is None else content.decode()


def resealed_password(keys: Secrets, app: str, name: str, box: bytes, nonce: bytes) -> bytes | None:
    """Return the box under the first key; `None` if it is under that key already, or does not open."""
    password = None if is_of_first_key(keys, box) else open_password(keys, app, name, box)
    return None if password is None else seal_password(keys, app, name, password, nonce)
