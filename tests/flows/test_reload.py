"""The changes that a running gateway follows: settings by a signal, policies and switches by watching their files."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from gateway.cli import app
from gateway.policy.switches import Switch, SwitchesError
from gateway.process.configuration import read_configuration
from gateway.process.follow_files import INTERVAL
from gateway.process.worker import Worker
from gateway.yaml.mistakes import Mistakes
from tests.flows.gateway_process import GatewayProcess

SWITCHED = """\
policy: switched
conditions:
  stopped: {switch: stop}
rules:
  - name: stopped
    when: stopped
    allow: nobody
    say: {ja: 休止しています。, status: 503}
  - name: everything
    allow: nobody
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.long
def test_a_switch_that_is_turned_as_settings_are_read_anew_changes_nothing_else(
    workers: int, start: Callable[[int], GatewayProcess]
) -> None:
    """A deployment writes both at once: the switch is on then, and the new settings judge."""
    gateway = start(workers)
    (gateway.folder / "stricter.yaml").write_text(SWITCHED, encoding="utf-8")
    written = gateway.settings.read_text(encoding="utf-8")
    gateway.settings.write_text(written.replace("policy: policy.yaml", "policy: stricter.yaml"), encoding="utf-8")
    assert gateway.get()[0] == 200

    turn_on = ["switch", "on", "stop", "--for", "1h", "--reason", "r", "-c", str(gateway.settings)]
    assert CliRunner().invoke(app, turn_on).exit_code == 0
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)
    assert gateway.next_notice() == "RELOADING=1"
    assert gateway.next_notice() == "READY=1"

    # The test waits until each worker has looked at its files twice more.
    until = time.monotonic() + 3 * INTERVAL
    statuses = set()
    while time.monotonic() < until:
        statuses.add(gateway.get()[0])
    assert statuses == {503}


@pytest.mark.long
def test_a_file_of_switches_that_no_reader_expects_is_not_the_last_one_read(
    start: Callable[[int], GatewayProcess],
) -> None:
    """An editor that writes Shift_JIS breaks it; once it is mended, it is followed as before."""
    gateway = start(1)
    (gateway.folder / "policy.yaml").write_text(SWITCHED, encoding="utf-8")
    switches = gateway.folder / "switches.json"
    switches.write_bytes('{"stop": {"since": 0, "until": 1, "by": "係員", "reason": "点検"}}'.encode("cp932"))
    gateway.wait_for_event("switches_refused")

    switches.unlink()
    turn_on = ["switch", "on", "stop", "--for", "1h", "--reason", "点検", "-c", str(gateway.settings)]
    assert CliRunner().invoke(app, turn_on).exit_code == 0

    gateway.wait_for_event("switches_adopted", "stop")


async def test_switches_that_cannot_be_read_for_a_moment_are_read_though_nothing_changes(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that is away for a moment, as the gateway starts: the switch is on once it is back."""
    files = GatewayProcess(tmp_path, 1, redis_url, policy=SWITCHED)
    turn_on = ["switch", "on", "stop", "--for", "1h", "--reason", "r", "-c", str(files.settings)]
    assert (await asyncio.to_thread(CliRunner().invoke, app, turn_on)).exit_code == 0
    configuration = read_configuration(files.settings, Mistakes(), os.environ)
    assert configuration is not None

    def away(path: Path) -> dict[str, Switch]:
        raise SwitchesError(f"`{path}` cannot be read: Input/output error")

    worker = Worker(configuration)
    with structlog.testing.capture_logs() as said:
        with monkeypatch.context() as broken:
            broken.setattr("gateway.process.worker.load_switches", away)
            await worker.open()
            await worker._follow_files(worker._watch)
        assert worker._shared.switches == {}

        await worker._follow_files(worker._watch)

        assert list(worker._shared.switches) == ["stop"]
        await worker.close()
    files.stop()
    # Once, and not again with each look.
    assert [event["event"] for event in said].count("switches_refused") == 1
