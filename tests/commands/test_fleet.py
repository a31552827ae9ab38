"""`sekisho fleet`, as an operator types it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.fleet import Fleet, differing, for_people
from gateway.session.fleet import SILENT, WorkerView

NOW = 1_795_402_800.0
VIEW = WorkerView("node-1", 1, NOW, "0.2.0", NOW, ("flood",), {"lists": "a", "policies": "b"})


def test_what_workers_have_otherwise_is_named() -> None:
    """Each by its name; what a worker of another version does not tell differs, too."""
    other = msgspec.structs.replace(
        VIEW, version="0.3.0", switches=(), adopted={"lists": "a", "policies": "c", "x": "d"}
    )

    assert differing([VIEW, VIEW]) == differing([VIEW]) == differing([]) == ()
    assert differing([VIEW, other]) == ("version", "policies", "x", "switches")


def test_a_worker_that_ended_is_silent() -> None:
    """An operator sees for how long."""
    assert for_people(VIEW, NOW + SILENT) == ("node-1", "worker 1", "30 s ago")
    assert for_people(VIEW, NOW + SILENT + 1) == ("node-1", "worker 1", "silent for 31 s")


@pytest.mark.parametrize("views", [(), (VIEW, VIEW)])
def test_a_fleet_of_which_no_worker_speaks_does_not_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, views: tuple[WorkerView, ...]
) -> None:
    """A script must not take gateways that have ended for gateways whose workers agree."""
    file = tmp_path / "gateway.yaml"
    file.write_text("listen: 127.0.0.1:1\nprovider: {}\nsessions: {store: memory}\napps: []\n")
    monkeypatch.setattr("gateway.commands.fleet.ask", lambda *_: Fleet({}, views, 0))
    monkeypatch.setattr("gateway.commands.fleet.time.time", lambda: NOW + SILENT + 1)

    result = CliRunner().invoke(app, ["fleet", "-c", str(file)], env={"LANG": "C"})

    assert (result.exit_code, "no worker has said anything lately" in result.output) == (3, True), result.output


@pytest.mark.parametrize(
    ("sessions", "code", "said"),
    [
        ("{store: memory}", 2, "no store of sessions in common"),
        ("{store: 'redis://127.0.0.1:1', timeout: 100ms, secret: {file: secret}}", 1, "unreachable"),
        ("{store: 'redis://127.0.0.1:1', secret: {file: missing}}", 1, "missing"),
    ],
)
def test_a_fleet_that_cannot_be_asked(tmp_path: Path, sessions: str, code: int, said: str) -> None:
    """A sentence, and the exit code of whose mistake it is."""
    file = tmp_path / "gateway.yaml"
    file.write_text(f"listen: 127.0.0.1:1\nprovider: {{}}\nsessions: {sessions}\napps: []\n")
    (tmp_path / "secret").write_text("a secret for tests, longer than 32 bytes")

    result = CliRunner().invoke(app, ["fleet", "-c", str(file)], env={"LANG": "C"})

    assert (result.exit_code, said in result.output) == (code, True), result.output
