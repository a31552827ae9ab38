"""The systemd unit we hand out, as systemd itself reads it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.conftest import program

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "sekisho.service"
SOCKET = UNIT.with_suffix(".socket")


def commands() -> list[str]:
    return re.findall(r"^Exec\w+=(\S+/sekisho .*)$", UNIT.read_text(), re.MULTILINE)


def test_its_commands_are_commands_of_ours() -> None:
    """The program that the unit starts exists, and has the option that the unit uses."""
    from typer.testing import CliRunner  # noqa: PLC0415 - only this test needs the command line

    from gateway.cli import app  # noqa: PLC0415

    assert len(commands()) == 3
    for command in commands():
        name, option = command.split()[1:3]
        shown = CliRunner().invoke(app, [name, "--help"], env={"TERM": "dumb", "COLUMNS": "200"})
        assert shown.exit_code == 0
        assert option in re.findall(r"(?<![\w-])--?[a-z]+", re.sub(r"\x1b\[[0-9;]*m", "", shown.output))


def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    """No unknown key, no key in the wrong section; the program's place is made up for the test."""
    stand_in = program("true")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/sekisho/bin/sekisho", stand_in))
    (tmp_path / SOCKET.name).write_text(SOCKET.read_text())

    said = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", unit, tmp_path / SOCKET.name],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (said.returncode, said.stderr) == (0, "")


def test_it_is_as_tight_as_we_say(tmp_path: Path) -> None:
    """The score systemd itself gives of exposure stays at 1.2 of 10 or under."""
    said = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=yes", "--threshold=12", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert said.returncode == 0, said.stdout[-300:]
