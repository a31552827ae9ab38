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

    assert len(given) == 2
    assert set(given.values()) == {(about.st_uid, about.st_gid)}
    assert (tmp_path / "switches.json").read_bytes() == b"{}\n"


def test_root_gives_no_file_away_to_which_a_planted_lock_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is the gateway's own, so an intruder in its account may put a link there."""
    given: list[int] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda descriptor, *_: given.append(descriptor))
    (tmp_path / "of-root").write_text("root")
    state = tmp_path / "state"
    state.mkdir()
    (state / ".switches.json.lock").symlink_to(tmp_path / "of-root")

    with pytest.raises(OSError, match="symbolic links"):
        change_file(state / "switches.json", lambda: b"{}\n")

    assert not given
    assert not (state / "switches.json").exists()
