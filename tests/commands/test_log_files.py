"""Log files on the command line: each fault is told in the operator's language, and no line takes much memory."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path

import pytest
import typer

from gateway.commands.log_files import opened_log, whole_lines

LINES = b'{"time": "2026-11-30"}\n' * 5_000


@pytest.mark.parametrize("name", ["a.log", "a.log.gz"])
def test_a_log_is_read_plain_and_packed(tmp_path: Path, name: str) -> None:
    """The name says which it is, as `logrotate` writes it."""
    file = tmp_path / name
    file.write_bytes(gzip.compress(LINES, mtime=0) if name.endswith(".gz") else LINES)

    with opened_log(file, "apps") as lines:
        assert lines.read() == LINES


def _damaged(packed: bytes) -> bytes:
    return packed[: len(packed) // 2] + bytes(8) + packed[len(packed) // 2 + 8 :]


@pytest.mark.parametrize(
    ("name", "content", "english", "japanese"),
    [
        ("missing", None, "No such file or directory", "No such file or directory"),
        ("cut.gz", gzip.compress(LINES, mtime=0)[:-20], "it is cut off", "途中で切れています"),
        ("plain.gz", LINES, "it is no gzip file, or a damaged one", "gzip のファイルではないか、壊れています"),
        ("hurt.gz", _damaged(gzip.compress(LINES, mtime=0)), "it is no gzip file, or a damaged one", "壊れています"),
    ],
)
def test_a_fault_of_a_log_is_told_and_is_exit_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    english: str,
    japanese: str,
) -> None:
    """In the operator's language, with the command and the file; nobody meets a stack trace."""
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)

    for locale, words in (("C.UTF-8", english), ("ja_JP.UTF-8", japanese)):
        monkeypatch.setenv("LC_ALL", locale)
        with pytest.raises(typer.Exit) as ended, opened_log(file, "apps") as lines:
            list(whole_lines(lines, 1_024))

        assert ended.value.exit_code == 2
        said = capsys.readouterr().err
        assert said.startswith(f"sekisho apps: {file}: ")
        assert words in said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", []),
        (b"\n \n", []),
        (b"one\ntwo", [b"one\n", b"two"]),
        (b"1234567\n12345678\n", [b"1234567\n", b""]),
        (b"12345678", [b"12345678"]),
        (b"x" * 100 + b"\nlast\n", [b"", b"last\n"]),
    ],
)
def test_a_line_that_is_too_long_is_an_empty_one(text: bytes, found: list[bytes]) -> None:
    """It is counted as unreadable, and the next line is whole."""
    assert list(whole_lines(BytesIO(text), 8)) == found
