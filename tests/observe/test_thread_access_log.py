from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import msgspec
import pytest

from gateway.observe.access_log import AccessLine
from gateway.observe.thread_access_log import AccessLog


def line(number: int = 0, path: str = "/") -> AccessLine:
    return AccessLine(1_795_402_800.5, f"r{number}", "198.51.100.7", "GET", "app.gw.test", path, 200, app="booking")


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_every_line_is_written_in_order(tmp_path: Path) -> None:
    """Closing writes what waits; each line is one JSON object, whatever a path holds."""
    log = AccessLog(str(tmp_path / "access.log"))
    for number in range(1_500):
        log.put(line(number, '/"\n\x1b[31m'))

    log.close()

    found = written(tmp_path / "access.log")
    assert [entry["request_id"] for entry in found] == [f"r{number}" for number in range(1_500)]
    assert found[0]["path"] == '/"\n\x1b[31m'
    assert log.lost == 0


def test_the_file_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """Access lines hold addresses and paths."""
    log = AccessLog(str(tmp_path / "access.log"))

    log.close()

    assert (tmp_path / "access.log").stat().st_mode & 0o007 == 0


def test_off_writes_nothing_and_loses_nothing() -> None:
    """Who does not want lines does not miss them."""
    log = AccessLog("off")

    log.put(line())
    log.close()

    assert log.lost == 0


def test_a_file_that_was_moved_away_is_opened_again(tmp_path: Path) -> None:
    """Rotation: lines before go to the old file, lines after to the new one; none is lost."""
    path, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(str(path))
    log.put(line(1))
    path.rename(moved)

    log.reopen()
    log.put(line(2))
    log.close()

    assert path.exists()
    assert len(written(path)) + (len(written(moved)) if moved.exists() else 0) == 2
    assert written(path)[-1]["request_id"] == "r2"


def test_a_reader_that_does_not_read_loses_lines_and_holds_up_nobody() -> None:
    """A pipe nobody empties fills the queue; what does not fit is counted, at once."""
    reading, writing = os.pipe()
    log = AccessLog("off", capacity=10)
    log._descriptor = writing
    log._thread = threading.Thread(target=log._run, daemon=True)
    for number in range(25):
        log.put(line(number))

    assert log.lost == 15

    log._thread.start()
    log.close()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert len(pipe.read().splitlines()) == 10


def test_a_disk_that_is_full_loses_lines_and_goes_on(tmp_path: Path) -> None:
    """Lines that cannot be written are counted, and the next ones are tried."""
    log = AccessLog("/dev/full")
    for number in range(3):
        log.put(line(number))

    log.close()

    assert log.lost == 3


def test_half_a_line_does_not_swallow_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a write that broke off, the next batch begins on a line of its own."""
    path = tmp_path / "access.log"
    log = AccessLog(str(path))
    log.close()
    log._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    real, calls = os.write, iter([5, OSError(28, "no space left"), None, None])

    def breaks_off(descriptor: int, data: bytes) -> int:
        match next(calls):
            case int(size):
                return real(descriptor, bytes(data[:size]))
            case OSError() as error:
                raise error
            case _:
                return real(descriptor, data)

    monkeypatch.setattr(os, "write", breaks_off)
    log._write(msgspec.json.encode(line(1)) + b"\n")
    log._write(msgspec.json.encode(line(2)) + b"\n")
    os.close(log._descriptor)

    first, second = path.read_text().splitlines()
    assert first == '{"tim'
    assert json.loads(second)["request_id"] == "r2"
    assert log.lost == 1


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    """An operator learns at the start, not after an incident."""
    with pytest.raises(OSError, match="nowhere"):
        AccessLog(str(tmp_path / "nowhere" / "access.log"))
