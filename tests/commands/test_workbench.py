"""`sekisho workbench` on a real socket."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app

ROOT = Path(__file__).parents[2]


def test_a_folder_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    """Nothing listens."""
    found = CliRunner().invoke(app, ["workbench", str(tmp_path / "none")])

    assert found.exit_code == 2
    assert "none" in found.output


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """With the port's number."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = CliRunner().invoke(app, ["workbench", str(tmp_path), "--port", str(port)])

    assert found.exit_code == 2
    assert str(port) in found.output


@pytest.mark.long
def test_it_listens_on_loopback_alone_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """The printed address opens the list; SIGTERM ends it well."""
    command = [sys.executable, "-m", "gateway", "workbench", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:[0-9]+/console/enter\?token=[\w-]{43}", process.stdout.readline())
        try:
            assert found is not None
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            assert opener.open(found[0]).status == 200
        finally:
            process.terminate()
            assert process.wait(30) == 0
