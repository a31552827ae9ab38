"""Logs that cannot be written, with real processes: nobody who asks for a page notices, and the loss is counted."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.redis_server import wait_until

POLICY = """\
policy: mixed
rules:
  - {name: shut, match: {path: /shut/**}, allow: nobody}
  - {name: mine, match: {path: /mine/**}, allow: signed_in}
  - {name: everything, allow: everyone}
"""


@contextmanager
def standard_error(kind: str) -> Iterator[int]:
    """Yield where a gateway writes its events: a pipe whose reader sleeps, or is gone, or a full disk."""
    if kind == "full disk":
        descriptor = os.open("/dev/full", os.O_WRONLY)
        yield descriptor
        os.close(descriptor)
        return
    reading, writing = os.pipe()
    if kind == "reader gone":
        os.close(reading)
    else:
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, bytes(4096))
        except BlockingIOError:
            # The next one waits, as it does for a reader that has stopped.
            os.set_blocking(writing, True)
    yield writing
    os.close(writing)
    if kind != "reader gone":
        os.close(reading)


def lost(gateway: GatewayProcess, kind: str) -> float:
    """Return how many lines the metrics say were lost."""
    found = re.search(
        rf'^sekisho_log_lines_lost_total{{kind="{kind}"}} (.+)$', gateway.ask_management("/metrics")[1], re.MULTILINE
    )
    assert found is not None
    return float(found[1])


def visit(gateway: GatewayProcess, path: str) -> int:
    """Ask for a page as a person's browser does, which begins a sign-in where one is needed; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    try:
        fields = {"Host": f"{HOST}:{gateway.port}", "User-Agent": "Mozilla/5.0", "Accept": "text/html"}
        connection.request("GET", path, headers=fields | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "workers"),
    [
        ("reader asleep", 1),
        ("full disk", 2),
        ("reader gone", 1),
        pytest.param("reader asleep", 2, marks=pytest.mark.long),
        pytest.param("full disk", 1, marks=pytest.mark.long),
        pytest.param("reader gone", 2, marks=pytest.mark.long),
    ],
)
@pytest.mark.timeout(240)
@pytest.mark.long
def test_logs_that_nobody_takes_stop_nobody(kind: str, workers: int, tmp_path: Path, redis_url: str) -> None:
    """Pages, refusals, sign-ins, health, a reload, a replacement and the end go on; the lines are counted as lost."""
    with standard_error(kind) as descriptor, application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis_url, workers, POLICY)
        gateway.settings.write_text(
            gateway.settings.read_text().replace("access_log: access.log", "access_log: stderr")
        )
        gateway.standard_error = descriptor
        gateway.start()
        try:
            for number in range(40):
                assert gateway.get(f"/page/{number}")[0] == 200
                assert gateway.get(f"/shut/{number}")[0] == 403
            for _ in range(5):
                # The provider of this gateway is away: a page that says so, and an event.
                assert visit(gateway, "/mine/1") == 503
            assert gateway.ask_management("/livez")[0] == 200
            assert gateway.ask_management("/livez")[0] == 200
            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGHUP)
            assert gateway.next_notice() == "RELOADING=1"
            assert gateway.next_notice() == "READY=1"
            assert gateway.get("/shut/again")[0] == 403
            if workers > 1:
                gateway.process.send_signal(signal.SIGUSR2)
                assert gateway.next_notice() == "STATUS=replaced"
                assert gateway.get("/shut/again")[0] == 403
            if kind != "reader asleep":
                wait_until(lambda: lost(gateway, "access") >= 86, "access lines to be counted as lost")
                wait_until(lambda: lost(gateway, "audit") >= 41, "audit lines to be counted as lost")
                assert lost(gateway, "event") >= 1
        finally:
            code = gateway.stop()
    assert code == 0


@pytest.mark.parametrize(
    "kind",
    [
        "full disk",
        pytest.param("reader asleep", marks=pytest.mark.long),
        pytest.param("reader gone", marks=pytest.mark.long),
    ],
)
def test_a_start_that_cannot_say_its_reason_ends_with_its_code(kind: str, tmp_path: Path) -> None:
    """2 for a mistake of the settings, as if somebody could read it; and it ends."""
    settings = tmp_path / "gateway.yaml"
    settings.write_text("listen: nowhere\n", encoding="utf-8")
    command = [sys.executable, "-m", "gateway", "run", "-c", str(settings)]

    with standard_error(kind) as descriptor:
        ended = subprocess.run(command, stderr=descriptor, stdout=descriptor, timeout=30, check=False)

    assert ended.returncode == 2


def test_a_command_that_cannot_say_its_reason_ends_with_its_code(tmp_path: Path) -> None:
    """2 for a mistake of the settings, and no failure of ours, which would be 1, or of Python's, which would be 120."""
    settings = tmp_path / "gateway.yaml"
    settings.write_text("listen: nowhere\n", encoding="utf-8")
    command = [sys.executable, "-m", "gateway", "check", "-c", str(settings)]

    with standard_error("full disk") as descriptor:
        ended = subprocess.run(command, stderr=descriptor, timeout=30, check=False)

    assert ended.returncode == 2


def test_a_start_without_any_standard_descriptor_is_a_start(tmp_path: Path, redis_url: str) -> None:
    """No socket becomes standard error: log lines go nowhere, and not to the other end of a connection."""
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis_url, 1, POLICY)
        gateway.closed = True
        gateway.start()
        try:
            assert gateway.get("/shut/1")[0] == 403
            assert gateway.get("/page/1")[0] == 200
            assert gateway.process is not None
            for number in (0, 1, 2):
                assert Path(f"/proc/{gateway.process.pid}/fd/{number}").readlink() == Path("/dev/null")
        finally:
            code = gateway.stop()
    assert code == 0
