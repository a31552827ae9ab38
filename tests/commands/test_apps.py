from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli import app


def text(**changes: object) -> bytes:
    line = {"time": time.time(), "request_id": "r", "client": "192.0.2.1", "method": "PROPFIND", "host": "dav.test"}
    line |= {"path": "/cal/", "status": 405, "app": "dav", "verdict": "error", "reason": "method"}
    return json.dumps(line | changes).encode() + b"\n"


def test_it_names_what_was_refused_and_the_setting(tmp_path: Path) -> None:
    """Of all files that are given, packed ones too."""
    (tmp_path / "access.log").write_bytes(text() + b'{"event":"started"}\n')
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(text() + text(time=time.time() - 30 * 86_400)))
    names = [str(tmp_path / name) for name in ("access.log", "access.log.2.gz")]

    ended = CliRunner().invoke(app, ["apps", "report", *names], env={"LANG": "en_US.UTF-8"})

    assert ended.exit_code == 0, ended.output
    head, row = ended.stdout.splitlines()
    assert head.split("\t")[:3] == ["app", "count", "method"]
    assert row.split("\t")[:6] == ["dav", "2", "PROPFIND", "dav.test", "/cal/", "method"]
    assert "methods: [METHOD]" in row


def test_a_log_without_lines_of_these_days_is_said_to_be(tmp_path: Path) -> None:
    """An empty report would read as «nothing was refused»."""
    (tmp_path / "access.log").write_bytes(text(time=0))

    ended = CliRunner().invoke(app, ["apps", "report", str(tmp_path / "access.log")], env={"LANG": "ja_JP.UTF-8"})

    assert ended.exit_code == 0
    assert "アクセスログの行がありません" in ended.stderr


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, or packed and cut off."""
    (tmp_path / "cut.gz").write_bytes(gzip.compress(text() * 100)[:-20])
    for name in ("missing.log", "cut.gz"):
        ended = CliRunner().invoke(app, ["apps", "report", str(tmp_path / name)])

        assert ended.exit_code == 2
        assert name in ended.stderr


def test_without_a_file_the_settings_name_it(tmp_path: Path) -> None:
    """A log on standard error is somewhere else: the operator has to say where."""
    (tmp_path / "gateway.yaml").write_text("apps: []\n", encoding="utf-8")

    ended = CliRunner().invoke(app, ["apps", "report", "-c", str(tmp_path / "gateway.yaml")])

    assert ended.exit_code == 2
