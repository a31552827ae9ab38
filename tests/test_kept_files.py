"""The content of files stays as it was adopted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.kept_files import in_memory, keeping, kept


def test_a_kept_file_is_read_though_it_is_gone(tmp_path: Path) -> None:
    """By the path of its content, and afterwards by its own again."""
    file, other = tmp_path / "own.pem", tmp_path / "other.pem"

    with keeping({file: b"adopted"}):
        place = kept(file)
        assert place.read_bytes() == b"adopted"
        # OpenSSL reads a file more than once.
        assert place.read_bytes() == b"adopted"
        assert kept(other) == other

    assert kept(file) == file
    assert not place.exists()


def test_nothing_is_kept_after_a_failure(tmp_path: Path) -> None:
    """A worker that cannot start leaves nothing behind."""
    file = tmp_path / "own.pem"

    with pytest.raises(ValueError, match="broken"), keeping({file: b"adopted"}):
        raise ValueError("broken")

    assert kept(file) == file


def test_content_stands_in_no_file_system() -> None:
    """A key must not be left on a disk."""
    with in_memory(b"secret") as place:
        assert place.resolve().name.startswith("memfd:") or "memfd:" in str(place.readlink())
