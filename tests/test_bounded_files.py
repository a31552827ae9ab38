"""A file of somebody else's is read whole, or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gateway.bounded_files import read_file


def test_a_file_is_read_up_to_the_bound(tmp_path: Path) -> None:
    """Exactly as much as is allowed still is allowed, and nothing is cut off."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    assert read_file(path, 5) == b"12345"
    assert read_file(path, 6) == b"12345"


def test_a_longer_file_is_refused_by_name(tmp_path: Path) -> None:
    """One byte more, and the error names the file and says that it is too large."""
    path = tmp_path / "file"
    path.write_bytes(b"123456")

    with pytest.raises(OSError, match="too large") as raised:
        read_file(path, 5)

    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(path))


def test_a_device_that_never_ends_is_refused() -> None:
    """The bound holds where a size is not known beforehand."""
    with pytest.raises(OSError, match="too large"):
        read_file(Path("/dev/zero"), 1024)


def test_a_missing_file_is_the_operating_systems_error(tmp_path: Path) -> None:
    """The caller says what a missing file means."""
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "nowhere", 5)
