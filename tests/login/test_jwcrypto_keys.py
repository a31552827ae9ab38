"""Key files: made, rotated, and read by nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.login.jwcrypto_keys import is_private, load_keys, make_key, new_key, retire_key, rotate_keys, save_keys
from gateway.login.keys import KeySet, KeySetError
from gateway.login.login import client_assertion


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the key file."""
    return tmp_path / "client-keys.jwks"


def test_a_keys_life(path: Path) -> None:
    """New, new, rotate, retire: the file says each time which one signs."""
    first = new_key(path, "ES256")
    second = new_key(path, "ES256")
    signs_before = load_keys(path).signing.kid
    rotated = rotate_keys(path)
    retire_key(path, first.kid)

    assert signs_before == first.kid
    assert rotated.kid == second.kid
    assert [key.kid for key in load_keys(path).keys] == [second.kid]


def test_a_key_file_is_its_owners_alone(path: Path) -> None:
    """This holds under every umask. Others lose what somebody gave them by hand; the group may be the gateway's."""
    before = os.umask(0)
    try:
        new_key(path, "ES256")
        made = is_private(path)
        path.chmod(0o644)
        loosened = is_private(path)
        new_key(path, "ES256")
    finally:
        os.umask(before)

    assert made
    assert not loosened
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not cost a key."""
    new_key(path, "ES256")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_keys(path, KeySet((make_key("ES256"),)))

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_not_there_says_what_to_do(path: Path) -> None:
    """The operator sees the remedy, and no traceback."""
    with pytest.raises(KeySetError, match="sekisho keys new"):
        load_keys(path)


def test_an_unknown_algorithm_makes_no_key() -> None:
    """The rule holds for weak algorithms, too."""
    with pytest.raises(KeySetError, match="HS256"):
        make_key("HS256")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_made_key_signs_an_assertion(algorithm: str) -> None:
    """Of the algorithm it was made for."""
    key = make_key(algorithm)

    assertion = client_assertion(
        key, client_id="c", audience="https://op.example/token", algorithm=None, now=1.0e9, lifetime=60, jti="j"
    )

    assert assertion.count(".") == 2
    assert key.alg == algorithm
