"""What is followed while the gateway runs: settings by a signal, policies and switches by looking at their files."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.system_watch import INTERVAL
from tests.flows.gateway_process import GatewayProcess, application

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


@pytest.fixture
def start(tmp_path: Path, redis_url: str) -> Iterator[Callable[[int], GatewayProcess]]:
    """Start a gateway with so many workers, and end it with the test."""
    with application() as upstream:
        started: list[GatewayProcess] = []

        def start_one(workers: int) -> GatewayProcess:
            gateway = GatewayProcess(tmp_path, upstream, redis_url, workers)
            started.append(gateway)
            gateway.start()
            return gateway

        yield start_one
        for gateway in started:
            gateway.stop()


@pytest.mark.parametrize("workers", [1, 2])
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

    # Until each worker has looked at its files twice more, whatever it finds.
    until = time.monotonic() + 3 * INTERVAL
    statuses = set()
    while time.monotonic() < until:
        statuses.add(gateway.get()[0])
    assert statuses == {503}


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
