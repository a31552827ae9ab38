"""A file that commands of root and the gateway's own user change in turn."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.policy.system_whole_file import change_file


def test_what_root_changes_first_the_gateways_user_changes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock and a new file get the folder's owner: else the console could turn no switch after a command of root."""
    given: dict[str, tuple[int, int]] = {}

    def give(descriptor: int, user: int, group: int) -> None:
        given[Path(f"/proc/self/fd/{descriptor}").resolve().name] = (user, group)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", give)
    about = tmp_path.stat()

    change_file(tmp_path / "switches.json", lambda: b"{}\n")

    assert given == {
        ".switches.json.lock": (about.st_uid, about.st_gid),
        f".switches.json.{os.getpid()}": (about.st_uid, about.st_gid),
    }
    assert (tmp_path / "switches.json").read_bytes() == b"{}\n"


def test_a_file_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last owner that a draft gets is that of the file in whose place it goes."""
    file = tmp_path / "operators"
    file.write_bytes(b"old")
    owners: list[int] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda *gift: owners.append(gift[1]))

    change_file(file, lambda: b"new", 0o600)

    assert owners[-1] == file.stat().st_uid
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o600)
