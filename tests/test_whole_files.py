"""A file that several commands change: each waits for the other, and nobody ever reads half of it."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest

from gateway.whole_files import give_to_folders_owner, held, replace_whole


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    """The content is another, and no draft is left beside it."""
    file = tmp_path / "list"
    file.write_bytes(b"one")
    file.chmod(0o640)

    replace_whole(file, b"two")

    assert file.read_bytes() == b"two"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old content, and no draft."""
    file = tmp_path / "list"
    file.write_bytes(b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_whole(file, b"two")

    assert file.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [file]


def test_who_waits_gets_the_file_that_took_its_place(tmp_path: Path) -> None:
    """A second command that waited for the first must not write into the file that the first has replaced."""
    file = tmp_path / "list"
    with held(file, create=True) as first:
        os.write(first, b"1\n")

    def second() -> None:
        with held(file) as descriptor:
            os.write(descriptor, b"3\n")

    with held(file):
        waiting = Thread(target=second)
        waiting.start()
        replace_whole(file, b"1\n2\n")
    waiting.join(30)

    assert file.read_bytes() == b"1\n2\n3\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A command that runs as root would change what a link of somebody else names."""
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(OSError, match="symbolic"), held(tmp_path / "link"):
        pass


@pytest.mark.parametrize(("user", "given"), [(0, True), (1000, False)])
def test_a_file_that_root_makes_belongs_to_the_account_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, *, given: bool
) -> None:
    """The gateway's user goes on with it. Another user cannot give a file away, and does not try."""
    gifts: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchown", lambda *gift: gifts.append(gift))
    about = tmp_path.stat()

    give_to_folders_owner(7, tmp_path)

    assert gifts == ([(7, about.st_uid, about.st_gid)] if given else [])
