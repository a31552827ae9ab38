"""The folder of the workbench on a real disk: what is read, what is written, and what is not."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.workbench.draft import LONGEST_TEXT
from gateway.workbench.file_names import NEW, digest_of
from gateway.workbench.system_folder import FileChangedError, NotThereError, PolicyFolder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a secret beside it."""
    folder = tmp_path / "policies"
    (folder / "2026").mkdir(parents=True)
    (folder / "lists").mkdir()
    (folder / ".git").mkdir()
    (folder / "a.yaml").write_text("policy: a\n")
    (folder / "2026" / "b.yaml").write_text("policy: b\n")
    (folder / "lists" / "c.csv").write_text("x\n")
    (folder / ".git" / "d.yaml").write_text("x\n")
    (tmp_path / "secret.yaml").write_text("key: canary\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "out").symlink_to(tmp_path)
    return folder


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_policies_are_listed_and_nothing_else(place: Path) -> None:
    """No link, no hidden folder, no other kind of file. A file that its author would miss is named."""
    (place / "c.yml").write_text("policy: c\n")
    (place / "d?.yaml").write_text("policy: d\n")

    listed = PolicyFolder(place).names()

    assert listed.names == ("2026/b.yaml", "a.yaml")
    assert listed.others == ("c.yml", "d?.yaml", "link.yaml")


def test_a_name_that_no_page_can_hold_is_listed_by_its_bytes(place: Path) -> None:
    """Windows sends names in CP932 through old programs, and the list of all policies would be an error of ours."""
    (place / os.fsdecode("予約.yaml".encode("cp932"))).write_text("policy: e\n")

    assert r"\udc97\\udc96\udcf1.yaml" in PolicyFolder(place).names().others


@pytest.mark.parametrize("name", ["link.yaml", "out/secret.yaml", "../secret.yaml", "none.yaml", "none/a.yaml"])
def test_no_link_and_no_name_leads_out_of_the_folder(place: Path, name: str) -> None:
    """Neither for reading nor for writing; the file outside stays as it is."""
    folder = PolicyFolder(place)
    with pytest.raises(NotThereError):
        folder.read(name)
    if name != "none.yaml":
        for opened in (NEW, digest_of(b"key: canary\n")):
            with pytest.raises(NotThereError):
                folder.save(name, "taken: over\n", opened)
    assert (place.parent / "secret.yaml").read_text() == "key: canary\n"


def test_a_file_is_written_whole_and_keeps_its_mode(place: Path) -> None:
    """The writer leaves nothing beside it."""
    (place / "a.yaml").chmod(0o640)
    folder = PolicyFolder(place)
    before = everything(place)

    digest = folder.save("a.yaml", "policy: other\r\n", folder.read("a.yaml").digest)

    assert (place / "a.yaml").read_bytes() == b"policy: other\n"
    assert folder.read("a.yaml").digest == digest
    assert (place / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert everything(place) == before


def test_a_file_that_changed_meanwhile_is_not_overwritten(place: Path) -> None:
    """Another editor's change stays, a new file replaces none, and a removed one does not come back."""
    folder = PolicyFolder(place)
    opened = folder.read("a.yaml").digest
    (place / "a.yaml").write_text("policy: of-somebody-else\n")

    with pytest.raises(FileChangedError):
        folder.save("a.yaml", "policy: mine\n", opened)
    with pytest.raises(FileChangedError):
        folder.save("a.yaml", "policy: mine\n", NEW)
    assert (place / "a.yaml").read_text() == "policy: of-somebody-else\n"
    (place / "a.yaml").unlink()
    with pytest.raises(FileChangedError):
        folder.save("a.yaml", "policy: mine\n", opened)
    assert not (place / "a.yaml").exists()


def test_of_two_authors_who_save_at_once_one_is_told(place: Path) -> None:
    """Each has opened the same file; no change is lost unseen."""
    folder = PolicyFolder(place)
    opened = folder.read("a.yaml").digest

    def save(number: int) -> bool:
        try:
            folder.save("a.yaml", f"policy: p{number}\n", opened)
        except FileChangedError:
            return False
        return True

    with ThreadPoolExecutor(8) as authors:
        saved = list(authors.map(save, range(8)))

    assert saved.count(True) == 1
    assert (place / "a.yaml").read_text() == f"policy: p{saved.index(True)}\n"


def test_a_new_file_is_made_once(place: Path) -> None:
    """A second one of the same name is a change meanwhile."""
    folder = PolicyFolder(place)

    folder.save("new.yaml", "policy: new\n", NEW)

    assert (place / "new.yaml").read_text() == "policy: new\n"
    with pytest.raises(FileChangedError):
        folder.save("new.yaml", "policy: other\n", NEW)


def test_a_file_that_never_ends_is_not_read(place: Path) -> None:
    """Neither one that is too long, nor a pipe that has no other end."""
    (place / "long.yaml").write_bytes(b"#" * (LONGEST_TEXT + 1))
    os.mkfifo(place / "pipe.yaml")
    folder = PolicyFolder(place)

    with pytest.raises(OSError, match="too large"):
        folder.read("long.yaml")
    with pytest.raises(NotThereError):
        folder.read("pipe.yaml")
    with pytest.raises(OSError, match="too large"):
        folder.save("a.yaml", "#" * (LONGEST_TEXT + 1), folder.read("a.yaml").digest)


def test_a_file_that_nobody_may_write_stays(place: Path) -> None:
    """A rename would replace it, as it asks for the permission of the folder alone."""
    (place / "a.yaml").chmod(0o444)
    folder = PolicyFolder(place)
    before = everything(place)

    with pytest.raises(PermissionError):
        folder.save("a.yaml", "policy: b\n", folder.read("a.yaml").digest)

    assert (place / "a.yaml").read_text() == "policy: a\n"
    assert everything(place) == before


def test_the_longest_japanese_name_is_saved(place: Path) -> None:
    """Three bytes for each sign: a file beside it has a name of its own."""
    name = "券" * 75 + ".yaml"
    PolicyFolder(place).save(name, "policy: a\n", NEW)
    assert PolicyFolder(place).read(name).text == "policy: a\n"


def test_a_file_in_force_is_known_through_links(place: Path) -> None:
    """The gateway's settings name it by a folder that is a link."""
    (place.parent / "etc").symlink_to(place)
    folder = PolicyFolder(place)

    assert folder.is_file("a.yaml", place.parent / "etc" / "a.yaml")
    for name, path in (("2026/b.yaml", place / "a.yaml"), ("none.yaml", place / "a.yaml"), ("a.yaml", place / "no")):
        assert not folder.is_file(name, path)
