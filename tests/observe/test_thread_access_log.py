from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gateway.observe.access_log import AccessLine
from gateway.observe.lines import LineKind
from gateway.observe.thread_access_log import AccessLog


def line(number: int = 0, path: str = "/") -> AccessLine:
    return AccessLine(1_795_402_800.5, f"r{number}", "198.51.100.7", "GET", "app.gw.test", path, 200, app="booking")


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_every_line_is_written_in_order(tmp_path: Path) -> None:
    """Closing writes the lines that wait; each line is one JSON object for every path."""
    log = AccessLog(str(tmp_path / "access.log"))
    for number in range(1_500):
        log.put(line(number, '/"\n\x1b[31m'))

    log.close()

    found = written(tmp_path / "access.log")
    assert [entry["request_id"] for entry in found] == [f"r{number}" for number in range(1_500)]
    assert found[0]["path"] == '/"\n\x1b[31m'
    assert log.lost[LineKind.ACCESS] == 0


def test_nothing_of_a_line_reaches_a_terminal_raw(tmp_path: Path) -> None:
    """A mark in a path that reverses the direction of text is escaped, and a JSON parser reads the same path."""
    log = AccessLog(str(tmp_path / "access.log"))
    log.put(line(path="/予約/\u202egpj\x9b31m"))

    log.close()

    text = (tmp_path / "access.log").read_text()
    assert "/予約/\\u202egpj\\u009b31m" in text
    assert json.loads(text)["path"] == "/予約/\u202egpj\x9b31m"


def test_a_text_that_cannot_be_written_spoils_no_other_line(tmp_path: Path) -> None:
    """Half a character is shown as its escape; nobody who logs is told of it."""
    log = AccessLog(str(tmp_path / "access.log"))
    for number in range(40):
        log.put(line(number, "/\udcff" if number == 3 else "/"))

    log.close()

    found = written(tmp_path / "access.log")
    assert len(found) == 40
    assert found[3]["path"] == "/\\udcff"


def test_the_file_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """Access lines hold addresses and paths."""
    log = AccessLog(str(tmp_path / "access.log"))

    log.close()

    assert (tmp_path / "access.log").stat().st_mode & 0o007 == 0


def test_off_writes_nothing_and_loses_nothing() -> None:
    """An operator who turned the lines off loses none."""
    log = AccessLog("off")

    log.put(line())
    log.close()

    assert log.lost == {}


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


def test_a_disk_that_is_full_loses_lines_and_goes_on() -> None:
    """Lines that cannot be written are counted, and the next ones are tried."""
    log = AccessLog("/dev/full")
    for number in range(3):
        log.put(line(number))

    log.close()

    assert log.lost[LineKind.ACCESS] == 3


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    """An operator learns at the start, not after an incident."""
    with pytest.raises(OSError, match="nowhere"):
        AccessLog(str(tmp_path / "nowhere" / "access.log"))


def test_a_pipe_that_nobody_reads_is_said_at_once(tmp_path: Path) -> None:
    """The start does not wait for a reader."""
    pipe = tmp_path / "access.pipe"
    os.mkfifo(pipe)

    with pytest.raises(OSError, match=r"access\.pipe"):
        AccessLog(str(pipe))
