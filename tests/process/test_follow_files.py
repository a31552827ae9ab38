"""Files that change, noticed."""

import os
from pathlib import Path

from gateway.process.follow_files import FileWatch


def test_a_change_is_told_once_it_stands_still(tmp_path: Path) -> None:
    """Half of a file is not told; the whole is, once."""
    file = tmp_path / "p.yaml"
    file.write_text("one")
    watch = FileWatch([file])

    assert watch.changed() == frozenset()
    file.write_text("on two")
    assert watch.changed() == frozenset()
    file.write_text("on two legs")
    assert watch.changed() == frozenset()
    assert watch.changed() == {file}
    assert watch.changed() == frozenset()


def test_a_file_that_is_replaced_or_comes_and_goes_has_changed(tmp_path: Path) -> None:
    """Editors and deployments write beside and rename; same size and time do not hide it."""
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("same")
    watch = FileWatch([file, other])
    (tmp_path / "new").write_text("same")
    os.utime(tmp_path / "new", ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    (tmp_path / "new").replace(file)
    other.write_text("come")

    watch.changed()
    assert watch.changed() == {file, other}
    other.unlink()
    watch.changed()
    assert watch.changed() == {other}


def test_following_other_files_forgets_no_change(tmp_path: Path) -> None:
    """It still tells an earlier change, and tells a file that it did not watch before once."""
    file, gone, new = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    for path in (file, gone, new):
        path.write_text("one")
    watch = FileWatch([file, gone])
    file.write_text("changed")
    gone.write_text("changed")

    watch.follow([file, new])

    assert watch.changed() == frozenset()
    assert watch.changed() == {file, new}
    watch.follow([file, new])
    assert watch.changed() == frozenset()
