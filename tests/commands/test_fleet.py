"""`sekisho fleet`, as an operator types it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.fleet import Fleet, differing, for_people, groups_for_people
from gateway.session.fleet import SILENT, Heard, WorkerView

NOW = 1_795_402_800.0
VIEW = WorkerView("node-1", 1, NOW, "0.2.0", NOW, ("flood",), {"lists": "a", "policies": "b"})


def test_what_workers_have_otherwise_is_named() -> None:
    """Each by its name; what a worker of another version does not tell differs, too."""
    other = msgspec.structs.replace(
        VIEW, version="0.3.0", switches=(), adopted={"lists": "a", "policies": "c", "x": "d"}
    )

    assert differing([VIEW, VIEW]) == differing([VIEW]) == differing([]) == {}
    assert differing([VIEW, other]) == {
        "version": {"0.2.0": ["node-1"], "0.3.0": ["node-1"]},
        "policies": {"b": ["node-1"], "c": ["node-1"]},
        "x": {"-": ["node-1"], "d": ["node-1"]},
        "switches": {"flood": ["node-1"], "-": ["node-1"]},
    }


def test_the_few_nodes_of_fifty_that_differ_are_named() -> None:
    """An operator at night reads two lines, and not a hundred."""
    views = [
        msgspec.structs.replace(VIEW, node=f"node-{n:02}", worker=worker, adopted={"lists": "c" if n == 17 else "a"})
        for n in range(50)
        for worker in (1, 2)
    ]

    assert list(groups_for_people(differing(views))) == [
        ("differs", "lists", "a", "98 workers", "node-00, node-01, node-02, node-03, node-04, node-05 +43"),
        ("differs", "lists", "c", "2 workers", "node-17"),
    ]


def test_a_worker_that_ended_is_silent() -> None:
    """An operator sees for how long."""
    assert for_people(Heard(VIEW, SILENT), NOW + SILENT) == ("node-1", "worker 1", "30 s ago")
    assert for_people(Heard(VIEW, SILENT + 1), NOW + SILENT + 1) == ("node-1", "worker 1", "silent for 31 s")


@pytest.mark.parametrize(
    ("now", "said"), [(NOW - 60, "its clock is 63 s ahead"), (NOW + 60, "its clock is 57 s behind")]
)
def test_a_clock_that_is_off_is_told(now: float, said: str) -> None:
    """Sign-ins, revocations and switches go by the clocks of the nodes."""
    assert for_people(Heard(VIEW, 3.0), now) == ("node-1", "worker 1", "3 s ago", said)


@pytest.mark.parametrize("views", [(), (VIEW, VIEW)])
def test_a_fleet_of_which_no_worker_speaks_does_not_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, views: tuple[WorkerView, ...]
) -> None:
    """A script must not take gateways that have ended for gateways whose workers agree."""
    file = tmp_path / "gateway.yaml"
    file.write_text("listen: 127.0.0.1:1\nprovider: {}\nsessions: {store: memory}\napps: []\n")
    monkeypatch.setattr(
        "gateway.commands.fleet.ask", lambda *_: Fleet({}, [Heard(view, SILENT + 1) for view in views], 0)
    )
    monkeypatch.setattr("gateway.commands.fleet.time.time", lambda: NOW + SILENT + 1)

    result = CliRunner().invoke(app, ["fleet", "-c", str(file)], env={"LANG": "C"})

    assert (result.exit_code, "no worker has said anything lately" in result.output) == (3, True), result.output


def test_a_node_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been taken away, so the others agree all the same."""
    file = tmp_path / "gateway.yaml"
    file.write_text("listen: 127.0.0.1:1\nprovider: {}\nsessions: {store: memory}\napps: []\n")
    gone = Heard(msgspec.structs.replace(VIEW, node="node-7", version="0.1.0"), SILENT + 1)
    monkeypatch.setattr("gateway.commands.fleet.ask", lambda *_: Fleet({}, [Heard(VIEW, 1.0), gone], 0))

    result = CliRunner().invoke(app, ["fleet", "-c", str(file)], env={"LANG": "C"})

    assert (result.exit_code, "cut off from Redis): node-7" in result.output) == (0, True), result.output


@pytest.mark.parametrize(
    ("sessions", "code", "said"),
    [
        ("{store: memory}", 2, "no store of sessions in common"),
        ("{store: 'redis://127.0.0.1:1', timeout: 100ms, secret: {file: secret}}", 1, "unreachable"),
        ("{store: 'redis://127.0.0.1:1', secret: {file: missing}}", 2, "missing"),
    ],
)
def test_a_fleet_that_cannot_be_asked(tmp_path: Path, sessions: str, code: int, said: str) -> None:
    """A sentence, and the exit code of whose mistake it is."""
    file = tmp_path / "gateway.yaml"
    file.write_text(f"listen: 127.0.0.1:1\nprovider: {{}}\nsessions: {sessions}\napps: []\n")
    (tmp_path / "secret").write_text("a secret for tests, longer than 32 bytes")

    result = CliRunner().invoke(app, ["fleet", "-c", str(file)], env={"LANG": "C"})

    assert (result.exit_code, said in result.output) == (code, True), result.output
