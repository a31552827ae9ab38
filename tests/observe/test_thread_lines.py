from __future__ import annotations

import errno
import fcntl
import gc
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.observe import thread_lines
from gateway.observe.lines import LineKind
from gateway.observe.thread_lines import LineWriter
from tests.redis_server import wait_until

LINE = b"x" * 99 + b"\n"
ROOM = {LineKind.ACCESS: 1_000, LineKind.EVENT: 500, LineKind.AUDIT: 500}


@pytest.fixture(name="full_pipe")
def full_pipe_fixture() -> Iterator[tuple[int, int]]:
    """A pipe that takes nothing until somebody reads: its two ends."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writing, True)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def drain(reading: int) -> bytes:
    """Return all that is in a pipe."""
    os.set_blocking(reading, False)
    found = b""
    try:
        while piece := os.read(reading, 65_536):
            found += piece
    except BlockingIOError:
        pass
    return found


def test_a_reader_that_does_not_read_costs_lines_and_nobodys_time(full_pipe: tuple[int, int]) -> None:
    """Each kind has its room: a flood of access lines loses none of the audit's, and what is lost is counted."""
    reading, writing = full_pipe
    writer = LineWriter(writing, room=ROOM)
    began = time.monotonic()
    for _ in range(1_000):
        writer.put(LINE, 1, LineKind.ACCESS)
    for _ in range(5):
        writer.put(LINE, 1, LineKind.AUDIT)

    assert time.monotonic() - began < 1
    assert writer.lost[LineKind.ACCESS] >= 1_000 - 10
    assert writer.lost[LineKind.AUDIT] == writer.lost[LineKind.EVENT] == 0
    kept = 1_005 - writer.lost[LineKind.ACCESS]

    found = drain(reading)
    deadline = time.monotonic() + 10
    while found.count(b"\n") < kept and time.monotonic() < deadline:
        select.select([reading], [], [], 1)
        found += drain(reading)
    writer.close()
    assert found.lstrip(b"\0") == LINE * kept


def test_the_end_does_not_wait_for_a_reader_that_does_not_read(full_pipe: tuple[int, int]) -> None:
    """Closing gives up after its patience."""
    writer = LineWriter(full_pipe[1])
    writer.put(LINE, 1, LineKind.EVENT)
    began = time.monotonic()

    writer.close(0.3)

    assert time.monotonic() - began < 2
    drain(full_pipe[0])


def test_a_reader_that_is_gone_raises_into_nobody() -> None:
    """Lines are counted as lost."""
    reading, writing = os.pipe()
    os.close(reading)
    writer = LineWriter(writing)
    writer.put(LINE * 3, 3, LineKind.EVENT)
    writer.put(LINE, 1, LineKind.AUDIT)

    writer.close()

    os.close(writing)
    assert writer.lost == {LineKind.ACCESS: 0, LineKind.EVENT: 3, LineKind.AUDIT: 1, LineKind.COPY: 0}


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for(full_pipe: tuple[int, int]) -> None:
    """A program that shares standard error may have done so; no line is lost by it."""
    reading, writing = full_pipe
    os.set_blocking(writing, False)
    writer = LineWriter(writing)
    writer.put(LINE, 1, LineKind.EVENT)

    found = b""
    deadline = time.monotonic() + 10
    while not found.endswith(LINE) and time.monotonic() < deadline:
        select.select([reading], [], [], 1)
        found += drain(reading)
    writer.close()

    assert found.endswith(LINE)
    assert writer.lost[LineKind.EVENT] == 0


def test_a_pipe_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several workers share it: each write is one that the system does not split, and ends with a line."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
    sizes: list[bytes] = []
    real = os.write

    def watched(descriptor: int, data: bytes) -> int:
        sizes.append(bytes(data))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", watched)
    writer = LineWriter(writing)
    writer.put(LINE * 200, 200, LineKind.ACCESS)
    writer.close()
    os.close(writing)

    assert all(len(each) <= select.PIPE_BUF and each.endswith(b"\n") for each in sizes)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == LINE * 200


def test_half_a_line_does_not_swallow_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a write that broke off, the next batch begins on a line of its own, and one line is lost, not two."""
    path = tmp_path / "access.log"
    writer = LineWriter(path)
    writer.close()
    writer._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    full = OSError(errno.ENOSPC, "no space left")
    real, calls = os.write, iter([5, full, full, None, None])

    def breaks_off(descriptor: int, data: bytes) -> int:
        match next(calls):
            case int(size):
                return real(descriptor, bytes(data[:size]))
            case OSError() as error:
                raise error
            case _:
                return real(descriptor, data)

    monkeypatch.setattr(os, "write", breaks_off)
    lost = [writer._write(text, 1) for text in (b"first line\n", b"second line\n", b"third line\n")]
    os.close(writer._descriptor)

    assert path.read_text() == "first\nthird line\n"
    assert lost == [1, 1, 0]


def test_a_disk_that_is_full_at_the_start_is_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are lost until the file can be made, and written from then on."""
    path, full = tmp_path / "access.log", threading.Event()
    real = thread_lines._open

    def refused(wanted: Path) -> int:
        if not full.is_set():
            raise OSError(errno.ENOSPC, "no space left", str(wanted))
        return real(wanted)

    monkeypatch.setattr(thread_lines, "_open", refused)
    writer = LineWriter(path)
    writer.put(LINE, 1, LineKind.ACCESS)
    wait_until(lambda: writer.lost[LineKind.ACCESS] == 1, "the line to be lost")
    full.set()
    wait_until(path.exists, "the file")
    writer.put(LINE, 1, LineKind.ACCESS)
    writer.close()

    assert path.read_bytes() == LINE


def test_a_finalizer_that_logs_in_the_middle_of_a_line_holds_up_nobody(tmp_path: Path) -> None:
    """The collector may run while a line is put, and what it ends may log."""
    writer = LineWriter(tmp_path / "log", room={**ROOM, LineKind.EVENT: 1 << 20})

    class Ends:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            writer.put(LINE, 1, LineKind.EVENT)

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Ends()
            writer.put(LINE, 1, LineKind.EVENT)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    writer.close()

    assert (tmp_path / "log").read_bytes() == LINE * 400


def test_events_go_to_another_place_as_well_and_access_lines_do_not(tmp_path: Path) -> None:
    """A syslog server gets what happens, and not every request."""
    copied: list[tuple[bytes, LineKind]] = []

    class Other:
        def put(self, text: bytes, _lines: int, kind: LineKind) -> None:
            copied.append((text, kind))

        def lose(self, lines: int, kind: LineKind) -> None:
            """Lose nothing."""

    writer = LineWriter(tmp_path / "log")
    writer.put(b"before\n", 1, LineKind.EVENT)
    writer.copy_to(Other())
    for kind in (LineKind.EVENT, LineKind.ACCESS, LineKind.AUDIT):
        writer.put(LINE, 1, kind)
    writer.close()

    assert copied == [(LINE, LineKind.EVENT), (LINE, LineKind.AUDIT)]
    assert (tmp_path / "log").read_bytes() == b"before\n" + 3 * LINE
