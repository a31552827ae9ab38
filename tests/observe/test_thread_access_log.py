from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.observe.access_log import AccessLine
from gateway.observe.line_head import LineForm, LineStyle, LineWriterName
from gateway.observe.lines import LineKind
from gateway.observe.thread_access_log import AccessLog
from gateway.observe.thread_lines import LineWriter

STYLE = LineStyle(LineWriterName("gw-1", 2, 77))


def line(number: int = 0, path: str = "/") -> AccessLine:
    return AccessLine(1_795_402_800.5, f"r{number}", "198.51.100.7", "GET", "app.gw.test", path, 200, app="booking")


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_every_line_is_written_in_order(tmp_path: Path) -> None:
    """Closing writes the lines that wait; each line is one JSON object for every path."""
    log = AccessLog(str(tmp_path / "access.log"), STYLE)
    for number in range(1_500):
        log.put(line(number, '/"\n\x1b[31m'))

    log.close()

    found = written(tmp_path / "access.log")
    assert [entry["request_id"] for entry in found] == [f"r{number}" for number in range(1_500)]
    assert found[0]["path"] == '/"\n\x1b[31m'
    assert log.lost[LineKind.ACCESS] == 0


def test_a_line_begins_with_its_moment_and_its_writer(tmp_path: Path) -> None:
    """The time is RFC 3339 with its offset, to the millisecond, and of the same second as the number's."""
    log = AccessLog(str(tmp_path / "access.log"), STYLE)
    for moment in (1_795_402_800.5, 1_795_402_800.0011, 1_795_402_800.9999, 1_795_402_799.0):
        log.put(msgspec.structs.replace(line(), time=moment))

    log.close()

    found = written(tmp_path / "access.log")
    assert [entry["time"] for entry in found] == [
        "2026-11-23T12:00:00.500+09:00",
        "2026-11-23T12:00:00.001+09:00",
        "2026-11-23T12:00:00.999+09:00",
        "2026-11-23T11:59:59.000+09:00",
    ]
    assert list(found[0])[:6] == ["time", "kind", "node", "worker", "pid", "request_id"]
    assert (found[0]["kind"], found[0]["node"], found[0]["worker"], found[0]["pid"]) == ("access", "gw-1", 2, 77)


def test_every_line_has_every_field(tmp_path: Path) -> None:
    """A refused head, a page of ours and an answer of an application are told in one shape."""
    log = AccessLog(str(tmp_path / "access.log"), STYLE)
    log.put(AccessLine(0.0, "r", "192.0.2.1", "", "", "", 400))
    log.put(msgspec.structs.replace(line(), rule="p/r", reason="x", session="s", bytes_in=1, candidate="deny"))

    log.close()

    refused, whole = written(tmp_path / "access.log")
    assert list(refused) == list(whole)
    assert set(AccessLine.__struct_fields__) < set(whole)


def test_people_read_text_on_standard_error_and_programs_json_in_a_file(tmp_path: Path) -> None:
    """`apps report` reads the file, and a person the terminal."""
    style = replace(STYLE, form=LineForm.CONSOLE)
    seen = tmp_path / "stderr"
    writer = LineWriter(seen)
    for log in (AccessLog("stderr", style, writer), AccessLog(str(tmp_path / "access.log"), style)):
        log.put(line(path="/a b\x1b[2J"))
        log.close()
    writer.close()

    (text,) = seen.read_text().splitlines()
    assert text.startswith("2026-11-23T12:00:00.500+09:00 gw-1/2[77] access 200 GET app.gw.test ")
    assert '"/a b\\u001b[2J"' in text
    assert written(tmp_path / "access.log")[0]["path"] == "/a b\x1b[2J"


def test_nothing_of_a_line_reaches_a_terminal_raw(tmp_path: Path) -> None:
    """A mark in a path that reverses the direction of text is escaped, and a JSON parser reads the same path."""
    log = AccessLog(str(tmp_path / "access.log"), STYLE)
    log.put(line(path="/予約/\u202egpj\x9b31m"))

    log.close()

    text = (tmp_path / "access.log").read_text()
    assert "/予約/\\u202egpj\\u009b31m" in text
    assert json.loads(text)["path"] == "/予約/\u202egpj\x9b31m"


def test_a_text_that_cannot_be_written_spoils_no_other_line(tmp_path: Path) -> None:
    """Half a character is shown as its escape; nobody who logs is told of it."""
    log = AccessLog(str(tmp_path / "access.log"), STYLE)
    for number in range(40):
        log.put(line(number, "/\udcff" if number == 3 else "/"))

    log.close()

    found = written(tmp_path / "access.log")
    assert len(found) == 40
    assert found[3]["path"] == "/\\udcff"


def test_the_file_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """Access lines hold addresses and paths."""
    log = AccessLog(str(tmp_path / "access.log"), STYLE)

    log.close()

    assert (tmp_path / "access.log").stat().st_mode & 0o007 == 0


def test_off_writes_nothing_and_loses_nothing() -> None:
    """An operator who turned the lines off loses none."""
    log = AccessLog("off", STYLE)

    log.put(line())
    log.close()

    assert log.lost == {}


def test_a_file_that_was_moved_away_is_opened_again(tmp_path: Path) -> None:
    """Rotation: lines before go to the old file, lines after to the new one; none is lost."""
    path, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(str(path), STYLE)
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
    log = AccessLog("/dev/full", STYLE)
    for number in range(3):
        log.put(line(number))

    log.close()

    assert log.lost[LineKind.ACCESS] == 3


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    """An operator learns at the start, not after an incident."""
    with pytest.raises(OSError, match="nowhere"):
        AccessLog(str(tmp_path / "nowhere" / "access.log"), STYLE)


def test_a_pipe_that_nobody_reads_is_said_at_once(tmp_path: Path) -> None:
    """The start does not wait for a reader."""
    pipe = tmp_path / "access.pipe"
    os.mkfifo(pipe)

    with pytest.raises(OSError, match=r"access\.pipe"):
        AccessLog(str(pipe), STYLE)


@pytest.mark.parametrize("form", list(LineForm))
def test_no_line_tells_the_id_of_a_signature(tmp_path: Path, form: LineForm) -> None:
    """It opens a document that nobody has opened yet; a path of another shape stays as it is."""
    file = tmp_path / "log"
    writer = LineWriter(file)
    log = AccessLog("stderr", replace(STYLE, form=form), writer)
    id_ = "Ab3_-" * 8 + "xyz"

    for path in (f"/.sekisho/signatures/{id_}", f"/.sekisho/signatures/{id_}/x", "/signatures/2026", f"/x/{id_}"):
        log.put(line(0, path))
    log.close()
    writer.close()

    text = file.read_text()
    assert text.count(id_) == 1
    for shown in ("/.sekisho/signatures/*", "/.sekisho/signatures/*/x", "/signatures/2026", f"/x/{id_}"):
        assert shown in text
