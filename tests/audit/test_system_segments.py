"""The files of a trail on a real disk: rotation, crashes, changes by others, retention."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.audit.chain import BEGINNING, Place
from gateway.audit.segment import Terms, opened
from gateway.audit.system_segments import TrailFiles, beside, segments_in, tail_of
from gateway.audit.verification import Remark, Wrong
from tests.audit.folders import Copied, actions, said, verified
from tests.audit.trails import NOON, entry, terms, verifier, whole

DAY = 86_400.0


def files(folder: Path, writer: str = "worker-1", the: Terms | None = None, copied: Copied | None = None) -> TrailFiles:
    return TrailFiles(folder, writer, the or terms(), verifier(), copied or Copied())


def kinds(folder: Path, copied: Copied | None = None) -> list[tuple[str, Wrong]]:
    found = verified(folder, () if copied is None else copied.checkpoints(), now=NOON + DAY)
    return [(each.file, each.what) for each in found.faults if isinstance(each.what, Wrong)]


def test_a_trail_goes_on_over_many_files(tmp_path: Path) -> None:
    """By size: each file ends with a signature, the next one goes on, and the whole is good."""
    copied = Copied()
    trail = files(tmp_path, the=terms(rotate_size=3_000), copied=copied)
    for number in range(40):
        trail.write([entry(number)], NOON + number, sync=False)
    trail.end(NOON + 99)

    found = verified(tmp_path, copied.checkpoints())

    assert found.files > 3
    assert found.faults == found.remarks == ()
    assert actions(tmp_path).count("sign_in") == 40
    assert copied.text == b"".join(path.read_bytes() for path in segments_in(tmp_path))
    assert {path.stat().st_mode & 0o777 for path in segments_in(tmp_path)} <= {0o640, 0o600}


def test_a_day_is_a_file(tmp_path: Path) -> None:
    """By time, too."""
    trail = files(tmp_path)
    trail.write([entry(1, NOON)], NOON, sync=False)
    trail.write([entry(2, NOON + DAY)], NOON + DAY, sync=False)
    trail.end(NOON + DAY)

    assert len(segments_in(tmp_path)) == 2
    assert verified(tmp_path).faults == ()


def test_every_writer_is_named_by_another(tmp_path: Path) -> None:
    """A file that is gone is missed, also without a mirror."""
    first, second = files(tmp_path, "worker-1"), files(tmp_path, "worker-2")
    for trail in (first, second):
        trail.write([entry(1)], NOON, sync=False)
    for trail in (first, second):
        trail.end(NOON)
    third = files(tmp_path, "worker-3")
    third.write([entry(1)], NOON + 1, sync=False)
    third.end(NOON + 2)
    assert kinds(tmp_path) == []

    for name in ("worker-1.000001.jsonl", "worker-2.000001.jsonl"):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        assert (name, Wrong.FILE_MISSING) in kinds(tmp_path)
        (tmp_path / name).write_bytes(kept)


def test_a_file_put_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    """Under its own name or under the other's, it is not the file that was named."""
    for writer in ("worker-1", "worker-2", "worker-3"):
        trail = files(tmp_path, writer)
        trail.write([entry(1)], NOON, sync=False)
        trail.end(NOON)
    (tmp_path / "worker-1.000001.jsonl").write_bytes((tmp_path / "worker-2.000001.jsonl").read_bytes())

    assert ("worker-1.000001.jsonl", Wrong.FOREIGN) in kinds(tmp_path)


def test_a_writer_notices_a_change_of_its_file(tmp_path: Path) -> None:
    """Cut, grown, or gone: the writer goes on in another file, which says where the old one ended."""
    for change in ("cut", "grown", "gone", "replaced"):
        folder = tmp_path / change
        trail = files(folder)
        trail.write([entry(1), entry(2)], NOON, sync=False)
        (path,) = segments_in(folder)
        text = path.read_bytes()
        match change:
            case "cut":
                os.truncate(path, len(text) - 10)
            case "grown":
                path.write_bytes(text + b"x\n")
            case "gone":
                path.unlink()
            case _:
                path.rename(tmp_path / "aside")
                path.write_bytes(text)
        trail.write([entry(3)], NOON + 1, sync=False)
        trail.end(NOON + 2)

        assert trail.cut == 1
        last = segments_in(folder)[-1].name
        assert [fields.get("pseudonym") for fields in said(folder, last)][2] == "p3", change
        # A copy of the same bytes is the same trail.
        assert bool(kinds(folder)) is (change != "replaced"), change


def test_a_signature_is_time_to_look(tmp_path: Path) -> None:
    """The rule holds while nothing happens as well: an idle writer finds the change at its next signature."""
    copied = Copied()
    trail = files(tmp_path, copied=copied)
    trail.sign(NOON)
    trail.sign(NOON + 60)
    assert len(copied.signatures) == 2
    (path,) = segments_in(tmp_path)
    os.truncate(path, 100)

    trail.sign(NOON + 120)

    assert trail.cut == 1
    assert (path.name, Wrong.CUT) in kinds(tmp_path, copied)


def test_a_cut_tail_is_seen_in_the_mirror(tmp_path: Path) -> None:
    """By somebody who has the signatures only."""
    copied = Copied()
    trail = files(tmp_path, copied=copied)
    trail.write([entry(1), entry(2)], NOON, sync=False)
    trail.sign(NOON + 60)
    trail.let_go()
    (path,) = segments_in(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))

    assert kinds(tmp_path) == []
    (fault,) = verified(tmp_path, copied.checkpoints()).faults
    assert (fault.what, fault.line, fault.sequence) == (Wrong.CUT, len(lines) - 2, len(lines) - 1)


_CRASHING = """
import os, signal, sys
from pathlib import Path
from gateway.audit.chain import Place
from tests.audit.test_system_segments import files
from tests.audit.trails import NOON, entry
trail = files(Path(sys.argv[1]), "worker-crashed")
trail.write([entry(n) for n in range(5)], NOON, sync=True)
# Half a line, as a kill in the middle of a write leaves it.
os.write(trail._file._descriptor, b'{"action":"sign_in","app":"boo')
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crash_is_told_from_a_change(tmp_path: Path) -> None:
    """A process is killed in the middle of a line: the next writer says how far it came."""
    crashed = subprocess.run([sys.executable, "-c", _CRASHING, str(tmp_path)], check=False, timeout=60)
    assert crashed.returncode == -signal.SIGKILL
    (path,) = segments_in(tmp_path)
    # The process has keys of its own, so its file is read for its chain alone.
    tail = tail_of(path)
    assert tail is not None
    assert tail.torn
    assert not tail.ended

    trail = files(tmp_path, "worker-2")
    trail.sign(NOON + 9)
    (named,) = said(tmp_path, "worker-2")[0]["beside"]
    assert (named["sequence"], named["ended"], named["torn"]) == (tail.head.sequence, True, True)
    trail.let_go()


def test_what_a_crashed_writer_left_is_fixed_by_the_next(tmp_path: Path) -> None:
    """A tail that is cut after that is a change, and half a line alone is a remark."""
    text, _ = whole(5, Place("worker-1", 1), ends=False)
    (tmp_path / "worker-1.000001.jsonl").write_bytes(text + b'{"act')
    trail = files(tmp_path, "worker-2")
    trail.sign(NOON)
    trail.end(NOON)

    found = verified(tmp_path)
    assert found.faults == ()
    assert Remark.TORN in {each.what for each in found.remarks}

    (tmp_path / "worker-1.000001.jsonl").write_bytes(b"".join(text.splitlines(keepends=True)[:-2]))
    assert kinds(tmp_path) == [("worker-1.000001.jsonl", Wrong.CUT)]


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is taken back, and the next entry follows the last good one."""
    trail = files(tmp_path)
    trail.write([entry(1)], NOON, sync=False)
    (path,) = segments_in(tmp_path)
    before = path.read_bytes()
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 10:
            return real(descriptor, data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(
        os, "write", lambda descriptor, data: full(descriptor, data) if len(data) > 20 else full(descriptor, b"")
    )
    with pytest.raises(OSError, match="space"):
        trail.write([entry(2)], NOON, sync=False)
    monkeypatch.setattr(os, "write", real)
    assert path.read_bytes() == before

    trail.write([entry(3)], NOON, sync=True)
    trail.end(NOON)
    assert verified(tmp_path).faults == ()
    assert [fields.get("pseudonym") for fields in said(tmp_path) if fields["action"] == "sign_in"] == ["p1", "p3"]


def test_old_files_are_removed_whole_and_on_record(tmp_path: Path) -> None:
    """Only verified ones, and each writer's oldest first; the record stands for them, also against the mirror."""
    copied = Copied()
    the = terms(keep=30 * DAY)
    old = files(tmp_path, "worker-old", the, copied)
    for number in range(3):
        old.write([entry(1, NOON + number * DAY)], NOON + number * DAY, sync=False)
    old.end(NOON + 2 * DAY)
    bad = files(tmp_path, "worker-bad", the, copied)
    bad.write([entry(1)], NOON, sync=False)
    bad.end(NOON)
    changed = tmp_path / "worker-bad.000001.jsonl"
    changed.write_bytes(changed.read_bytes().replace(b"booking", b"b00king"))
    for path in segments_in(tmp_path):
        os.utime(path, (NOON, NOON))

    now = NOON + 31.5 * DAY
    young = files(tmp_path, "worker-young", the, copied)
    young.write([entry(1, now)], now, sync=False)
    pauses: list[None] = []
    young.remove(young.removable(now, lambda: pauses.append(None)), now)
    # The record is signed at once: without a signature it would stand for nothing.
    assert actions(tmp_path, "worker-young")[-2:] == ["segments_removed", "checkpoint"]
    young.end(now)

    left = {path.name for path in segments_in(tmp_path)}
    # The second day's file ended at the beginning of the third.
    assert left == {
        "worker-bad.000001.jsonl",
        "worker-old.000003.jsonl",
        "worker-old.000002.jsonl",
        "worker-young.000001.jsonl",
    }
    assert [each["file"] for fields in said(tmp_path, "worker-young") for each in fields.get("removed", ())] == [
        "worker-old.000001.jsonl"
    ]
    found = verified(tmp_path, copied.checkpoints(), now=now)
    assert [(each.file, each.what) for each in found.faults] == [("worker-bad.000001.jsonl", Wrong.CHANGED)]
    assert Remark.REMOVED in {each.what for each in found.remarks}


def test_a_folder_is_made_and_its_other_files_are_left_alone(tmp_path: Path) -> None:
    """A note of the office's in the folder is no file of the trail."""
    folder = tmp_path / "audit"
    trail = files(folder)
    trail.sign(NOON)
    (folder / "README").write_text("yes")
    trail.end(NOON)

    assert [path.name for path in segments_in(folder)] == ["worker-1.000001.jsonl"]
    assert folder.stat().st_mode & 0o007 == 0


def test_what_no_writer_makes_is_no_file_of_the_trail(tmp_path: Path) -> None:
    """Nobody waits for a pipe, and a link or a folder under the name of a file stands for none."""
    trail = files(tmp_path)
    trail.sign(NOON)
    trail.end(NOON)
    os.mkfifo(tmp_path / "pipe.000001.jsonl")
    (tmp_path / "folder.000001.jsonl").mkdir()
    (tmp_path / "link.000001.jsonl").symlink_to(tmp_path / "worker-1.000001.jsonl")

    assert [path.name for path in segments_in(tmp_path)] == ["worker-1.000001.jsonl"]
    second = files(tmp_path, "worker-2")
    second.sign(NOON)
    second.end(NOON)
    assert kinds(tmp_path) == []
    (tmp_path / "worker-1.000001.jsonl").rename(tmp_path / "elsewhere")
    (tmp_path / "worker-1.000001.jsonl").symlink_to(tmp_path / "elsewhere")
    assert ("worker-1.000001.jsonl", Wrong.FILE_MISSING) in kinds(tmp_path)


def test_a_forged_opening_keeps_no_file_from_being_named(tmp_path: Path) -> None:
    """A writer names the files that only an unsigned opening names: a verifier does not believe that one either."""
    first = files(tmp_path, "worker-1")
    first.sign(NOON)
    first.end(NOON)
    (name,) = beside(tmp_path, verifier())
    forged = opened(Place("worker-9", 1), BEGINNING, NOON, terms(), [name]).text.splitlines(keepends=True)[0]
    (tmp_path / "worker-9.000001.jsonl").write_bytes(forged)

    second = files(tmp_path, "worker-2")
    second.sign(NOON)
    second.end(NOON)
    (tmp_path / "worker-1.000001.jsonl").unlink()
    (tmp_path / "worker-9.000001.jsonl").unlink()
    assert ("worker-1.000001.jsonl", Wrong.FILE_MISSING) in kinds(tmp_path)


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    """If a file of the name is there already, nothing is written."""
    text, _ = whole(1)
    (tmp_path / "worker-1.000001.jsonl").write_bytes(text)

    with pytest.raises(FileExistsError):
        files(tmp_path).sign(NOON)
    assert (tmp_path / "worker-1.000001.jsonl").read_bytes() == text


def test_a_tail_is_found_in_a_long_file(tmp_path: Path) -> None:
    """Reading begins at the end."""
    text, state = whole(900)
    path = tmp_path / "worker-1.000001.jsonl"
    path.write_bytes(text)
    tail = tail_of(path)
    assert tail is not None
    assert (tail.head, tail.ended, tail.torn, tail.size, tail.signed) == (
        state.head,
        True,
        False,
        len(text),
        state.head,
    )

    path.write_bytes(b"")
    assert tail_of(path) is None
    path.write_bytes(b"x\n")
    assert tail_of(path) is None
    assert beside(tmp_path, verifier()) == []
    assert BEGINNING.sequence == 0
