"""A file that several commands change: each waits for the other, and nobody ever reads half of it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from threading import Thread

import pytest

from gateway.whole_files import give_to_account, held, make_folder, replace_whole


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


class Ownership:
    """Owners to whom root's `fchown` gave files, by the name under which each file stood then."""

    def __init__(self) -> None:
        self.given: dict[str, tuple[int, int]] = {}

    def give(self, descriptor: int, user: int, group: int) -> None:
        """Take the place of `os.fchown`, which only root may call."""
        self.given[Path(f"/proc/self/fd/{descriptor}").resolve().name] = (user, group)


def folder_of(user: int, group: int, mode: int) -> os.stat_result:
    """Return what the system says about a folder."""
    return os.stat_result((0o40000 | mode, 0, 0, 2, user, group, 0, 0, 0, 0))


def account(user: int, group: int) -> pwd.struct_passwd:
    return pwd.struct_passwd((f"user{user}", "x", user, group, "", "/nonexistent", "/usr/sbin/nologin"))


@pytest.mark.parametrize(
    ("folder", "owner"),
    [
        (folder_of(995, 994, 0o700), (995, 994)),  # /var/lib/sekisho
        (folder_of(0, 994, 0o750), (995, 994)),  # /etc/sekisho
        (folder_of(0, 994, 0o740), (0, 994)),  # a group that cannot enter uses no file in it
        (folder_of(0, 100, 0o750), (0, 100)),  # the group `users` is no account's own
        (folder_of(0, 33, 0o750), (0, 33)),  # nobody's own group
        (folder_of(0, 0, 0o750), (0, 0)),
    ],
)
def test_a_file_that_root_makes_belongs_to_the_account_of_the_folder(
    monkeypatch: pytest.MonkeyPatch, folder: os.stat_result, owner: tuple[int, int]
) -> None:
    """The gateway's user goes on with it, in its own folder and in root's folder that is for its group."""
    gifts: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda *gift: gifts.append(gift))
    monkeypatch.setattr(pwd, "getpwall", lambda: [account(0, 0), account(995, 994), account(1, 100), account(2, 100)])
    monkeypatch.setattr(Path, "stat", lambda _: folder)

    give_to_account(7, Path("/etc/sekisho"))

    assert gifts == [(7, *owner)]


def test_who_is_not_root_gives_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user cannot, and does not try."""
    ownership = Ownership()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "fchown", ownership.give)

    with held(tmp_path / "list", create=True) as descriptor:
        give_to_account(descriptor, tmp_path)

    assert ownership.given == {}


@pytest.mark.parametrize("mode", [0, 0o600, 0o644])
def test_a_replaced_file_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """The gateway reads it as before, also after root has replaced it."""
    ownership = Ownership()
    file = tmp_path / "list"
    file.write_bytes(b"one")
    about = file.stat()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", ownership.give)

    replace_whole(file, b"two", mode)

    assert list(ownership.given.values()) == [(about.st_uid, about.st_gid)]


def test_a_replaced_file_keeps_its_group_where_its_owner_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An author of the group saves a policy of root's; the gateway reads it by the group."""
    file = tmp_path / "policy"
    file.write_bytes(b"one")
    groups: list[int] = []

    def only_the_group(_: int, user: int, group: int) -> None:
        if user != -1:
            raise PermissionError
        groups.append(group)

    monkeypatch.setattr(os, "fchown", only_the_group)
    replace_whole(file, b"two")

    assert groups == [file.stat().st_gid]


@pytest.mark.parametrize(
    ("before", "mode", "after"),
    [
        (None, 0o600, 0o600),
        (0o400, 0o600, 0o600),
        (0o640, 0o600, 0o640),  # a group by which the gateway reads its keys
        (0o644, 0o600, 0o640),
        (0o600, 0o644, 0o644),
        (0o444, 0, 0o444),
    ],
)
def test_a_file_has_the_rights_that_it_had_and_those_that_it_needs(
    tmp_path: Path, before: int | None, mode: int, after: int
) -> None:
    """A command that takes the group's right away would lock the gateway out."""
    file = tmp_path / "keys"
    if before is not None:
        file.touch()
        file.chmod(before)

    replace_whole(file, b"two", mode)

    assert file.stat().st_mode & 0o777 == after


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file to which it leads is replaced."""
    (tmp_path / "real").write_bytes(b"one")
    (tmp_path / "link").symlink_to("real")

    replace_whole(tmp_path / "link", b"two")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"two"


def test_a_file_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    """A command that changes a file does not bring it back."""
    with pytest.raises(FileNotFoundError):
        replace_whole(tmp_path / "list", b"two")

    assert list(tmp_path.iterdir()) == []


def test_folders_that_root_makes_belong_to_the_account_of_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them, so that the gateway writes its trail there after a command of root did."""
    ownership = Ownership()
    about = tmp_path.stat()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", ownership.give)

    make_folder(tmp_path / "state" / "audit", 0o750)
    make_folder(tmp_path / "state" / "audit", 0o750)

    assert ownership.given == {"state": (about.st_uid, about.st_gid), "audit": (about.st_uid, about.st_gid)}
