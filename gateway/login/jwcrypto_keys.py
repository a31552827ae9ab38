"""Makes client keys, and keeps them in a file that only its owner reads. `keys` knows the content of the file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from joserfc.jwk import import_key
from jwcrypto import jwk

from gateway.bounded_files import read_file
from gateway.login.keys import ALGORITHMS, LONGEST_FILE, KeySet, KeySetError, SigningKey, read_key_set, signing_key
from gateway.whole_files import replace_whole
from gateway.yaml.mistakes import Phrase

FILE_MODE = 0o600
RSA_BITS = 3_072
"""NIST SP 800-57: 128 bits of security, like P-256."""


def make_key(algorithm: str) -> SigningKey:
    """Return a new key for `ES256` or `RS256`; its `kid` is its thumbprint (RFC 7638).

    Raises:
        KeySetError: another algorithm.

    """
    if algorithm not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise KeySetError(
            Phrase(f"`{algorithm}` is none of {known}", f"`{algorithm}` は {known} のいずれでもありません")
        )
    if algorithm == "ES256":
        made = jwk.JWK.generate(kty="EC", crv="P-256")
    else:
        made = jwk.JWK.generate(kty="RSA", size=RSA_BITS)
    return signing_key(import_key(json.loads(made.export_private())), made.thumbprint(), algorithm)


def load_keys(path: Path) -> KeySet:
    """Return the keys of a file.

    Raises:
        KeySetError: it cannot be read or used; says why and what would be right, and no member of a key.

    """
    try:
        return read_key_set(read_file(path, LONGEST_FILE))
    except OSError as error:
        raise KeySetError(
            Phrase(
                f"it cannot be read: {error.strerror}; `sekisho keys new` makes one",
                f"読めません（{error.strerror}）。`sekisho keys new` で作れます",
            )
        ) from None


def save_keys(path: Path, keys: KeySet) -> None:
    """Write a key file, whole or not at all: a full disk must not cost a key.

    A new one is its owner's alone. Rotated with `sudo`, it must stay readable to the account the gateway runs as. If
    the name is a link, the command writes the file it leads to, so that a reader of that file by another name has the
    new key too.

    Raises:
        OSError: it cannot be written; then what was there still is.

    """
    replace_whole(path, keys.private_jwks(), FILE_MODE)


def is_private(path: Path) -> bool:
    """Whether only its owner may read or change a file."""
    return not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def new_key(path: Path, algorithm: str) -> SigningKey:
    """`keys new`: add a key to a file, or begin one. It is published at once, and signs only where it is the first.

    Raises:
        KeySetError: the file that is there cannot be used.
        OSError: it cannot be written.

    """
    made = make_key(algorithm)
    keys = load_keys(path) if path.exists() else KeySet(())
    save_keys(path, keys.with_new(made))
    return made


def rotate_keys(path: Path) -> SigningKey:
    """`keys rotate`: let the newest key sign; the old one stays published.

    Raises:
        KeySetError: there is no newer key, or the file cannot be used.
        OSError: it cannot be written.

    """
    rotated = load_keys(path).rotated()
    save_keys(path, rotated)
    return rotated.signing


def retire_key(path: Path, kid: str) -> None:
    """`keys retire`: remove a key that no longer signs.

    Raises:
        KeySetError: it signs, or is not there, or the file cannot be used.
        OSError: it cannot be written.

    """
    save_keys(path, load_keys(path).retired(kid))
