"""The writer's thread: nothing waits for it, unless the trail is required."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gateway.audit import thread_trail
from gateway.audit.chain import Place
from gateway.audit.entry import Action, Entry, Outcome
from gateway.audit.repeats import AT_ONCE
from gateway.audit.system_segments import TrailFiles, segments_in
from gateway.audit.thread_trail import ThreadTrail
from gateway.audit.verification import Remark
from gateway.observe.lines import LineKind
from tests.audit.folders import Copied, actions, said, until, verified
from tests.audit.trails import entry, terms, verifier, whole


def opened(
    folder: Path,
    *,
    required: bool = False,
    interval: float = 60.0,
    copied: Copied | None = None,
    clock: Callable[[], float] = time.time,
) -> ThreadTrail:
    files = TrailFiles(folder, "worker-1", terms(interval=interval), verifier(), copied or Copied())
    return ThreadTrail(files, clock, interval=interval, required=required)


def now(number: int = 0) -> Entry:
    return entry(number, time.time())


def test_entries_are_written_in_their_order(tmp_path: Path) -> None:
    """All of them, in one good chain, and the file ends with the process."""
    trail = opened(tmp_path)
    for number in range(1_000):
        trail.record(now(number))
    trail.close(20)

    told = [fields["pseudonym"] for fields in said(tmp_path) if fields["action"] == "sign_in"]
    assert told == [f"p{number}" for number in range(1_000)]
    assert actions(tmp_path)[-1] == "segment_closed"
    assert verified(tmp_path, now=time.time()).faults == ()
    assert trail.lost == {LineKind.AUDIT: 0}


async def test_a_required_entry_is_on_the_disk_before_the_answer(tmp_path: Path) -> None:
    """Once `recorded` returns, a crash loses nothing."""
    trail = opened(tmp_path, required=True)
    answers = await asyncio.gather(*(trail.recorded(now(number)) for number in range(50)))

    assert all(answers)
    assert actions(tmp_path).count("sign_in") == 50
    await asyncio.to_thread(trail.close, 20)


async def test_a_flood_of_strangers_is_bounded_and_told(tmp_path: Path) -> None:
    """A required trail refuses nobody for it: the refusals go on, and the trail ends with their number."""
    stranger = Entry(Action.DECISION, time.time(), Outcome.REFUSED, app="booking", verdict="deny")
    trail = opened(tmp_path, required=True)

    answers = [await trail.recorded(stranger) for _ in range(AT_ONCE + 40)]
    await asyncio.to_thread(trail.close, 20)

    assert all(answers)
    told = [fields.get("count") for fields in said(tmp_path) if fields["action"] == "decision"]
    assert told == [None] * AT_ONCE + [40]
    assert verified(tmp_path, now=time.time()).faults == ()


async def test_where_it_is_not_required_nothing_waits(tmp_path: Path) -> None:
    """A folder that cannot be written loses entries, counted, and stops nobody."""
    (tmp_path / "file").write_text("")
    trail = opened(tmp_path / "file" / "audit")

    assert await trail.recorded(now())
    await asyncio.to_thread(until, lambda: trail.lost[LineKind.AUDIT] == 1)
    assert not trail.writable
    await asyncio.to_thread(trail.close, 20)


async def test_a_required_trail_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    """The gateway goes on as soon as the disk does; the trail itself says how many entries it lost."""
    blocked = tmp_path / "audit"
    blocked.write_text("in the way")
    trail = opened(blocked, required=True)

    assert not await trail.recorded(now(1))
    assert not await trail.recorded(now(2))
    blocked.unlink()
    assert await trail.recorded(now(3))
    assert trail.writable
    await asyncio.to_thread(trail.close, 20)

    assert trail.lost == {LineKind.AUDIT: 2}
    assert [fields["count"] for fields in said(blocked) if fields["action"] == Action.ENTRIES_LOST] == [2]
    assert verified(blocked, now=time.time()).faults == ()


class _Held(TrailFiles):
    """Files on a disk that stands still until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "worker-1", terms(), verifier(), Copied())
        self.free = threading.Event()

    def write(self, entries: Iterable[Entry], now: float, *, sync: bool) -> None:
        assert self.free.wait(30)
        super().write(entries, now, sync=sync)


async def test_a_disk_that_stands_still_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits a bounded time, and no longer; what has no room is lost and counted."""
    monkeypatch.setattr(thread_trail, "PATIENCE", 0.2)
    monkeypatch.setattr(thread_trail, "ROOM", 10)
    files = _Held(tmp_path)
    trail = ThreadTrail(files, time.time, interval=60.0, required=True)

    assert not await trail.recorded(now())
    for number in range(10):
        trail.record(now(number))
    assert trail.lost == {LineKind.AUDIT: 0}
    trail.record(now())
    assert not await trail.recorded(now())
    assert trail.lost == {LineKind.AUDIT: 2}

    files.free.set()
    await asyncio.to_thread(trail.close, 20)
    assert actions(tmp_path).count("sign_in") == 11
    assert actions(tmp_path).count("entries_lost") == 1


def test_an_idle_trail_signs_all_the_same(tmp_path: Path) -> None:
    """Each interval, so that the silence of a writer that was ended is heard in the other place."""
    copied = Copied()
    trail = opened(tmp_path, interval=0.05, copied=copied)
    until(lambda: len(copied.signatures) >= 4)
    trail.close(20)

    assert actions(tmp_path) == ["segment_opened", "checkpoint", "segment_closed"]
    assert verified(tmp_path, copied.checkpoints(), now=time.time()).faults == ()


def test_a_rotation_begins_another_file(tmp_path: Path) -> None:
    """SIGUSR1: the old file has its end, and can be copied away."""
    trail = opened(tmp_path)
    trail.record(now(1))
    until(lambda: "sign_in" in actions(tmp_path))
    trail.rotate()
    until(lambda: len(segments_in(tmp_path)) == 2)
    trail.record(now(2))
    trail.close(20)

    assert actions(tmp_path).count("segment_closed") == 2
    assert verified(tmp_path, now=time.time()).faults == ()


def test_old_files_are_looked_for_beside_the_work(tmp_path: Path) -> None:
    """Another thread verifies them, and the writer records and removes what that one has found."""
    long_ago = time.time() - 3 * 86_400.0
    text, _ = whole(120, Place("worker-0", 1), start=long_ago)
    old = tmp_path / "worker-0.000001.jsonl"
    old.write_bytes(text)
    os.utime(old, (long_ago + 200, long_ago + 200))
    the = terms(keep=86_400.0, rotate_every=3_600.0)
    trail = ThreadTrail(TrailFiles(tmp_path, "worker-1", the, verifier(), Copied()), time.time, interval=60.0)
    until(lambda: not old.exists())
    trail.close(20)

    found = verified(tmp_path, now=time.time())
    assert found.faults == ()
    assert [each.what for each in found.remarks] == [Remark.REMOVED]
