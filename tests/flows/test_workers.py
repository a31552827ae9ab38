"""Processes and signals, with real ones: start, reload, replacement, death, end."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.process.sockets import bind
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.redis_server import wait_until


class Visitors:
    """Clients that ask again and again over kept connections, and count what is not a 200."""

    def __init__(self, gateway: GatewayProcess, count: int = 4) -> None:
        self._gateway = gateway
        self._enough = threading.Event()
        self.answered = 0
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        self._lock = threading.Lock()

    def _ask(self) -> None:
        head = f"GET /x HTTP/1.1\r\nHost: {HOST}:{self._gateway.port}\r\n\r\n".encode()
        while not self._enough.is_set():
            with socket.create_connection(("127.0.0.1", self._gateway.port), 20) as connection:
                answers = connection.makefile("rb")
                closing = False
                while not closing and not self._enough.is_set():
                    connection.sendall(head)
                    status = answers.readline()
                    length = 0
                    while (line := answers.readline()) not in (b"\r\n", b""):
                        name, _, value = line.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                        closing = closing or (name.lower() == b"connection" and value.strip() == b"close")
                    whole = len(answers.read(length)) == length
                    with self._lock:
                        self.answered += 1
                        if status != b"HTTP/1.1 200 OK\r\n" or not whole:
                            self.failures.append(repr(status))
                            closing = True

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()


def test_one_worker_runs_in_the_process_itself(start: Callable[[int], GatewayProcess]) -> None:
    """It serves, tells its health and its numbers, and ends with 0."""
    gateway = start(1)

    assert gateway.get()[0] == 200
    assert gateway.workers() == []
    assert gateway.ask_management("/livez")[0] == 200
    status, text = gateway.ask_management("/readyz")
    # The provider of these tests is away, so nobody could sign in; all else is well.
    expected = {"status": "fail", "failed": {"provider:RP00000001": "discovery"}, "degraded": {}}
    assert (status, json.loads(text)) == (503, expected)
    assert (
        'sekisho_requests_total{app="app",cause="upstream",status="2xx",verdict="permit"} 1.0'
        in gateway.ask_management("/metrics")[1]
    )
    assert gateway.stop() == 0


def test_replacing_every_worker_loses_no_request(start: Callable[[int], GatewayProcess]) -> None:
    """Other processes serve afterwards, and the numbers of those that ended are still counted."""
    gateway = start(2)
    before = set(gateway.workers())
    with Visitors(gateway) as visitors:
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGUSR2)
        assert gateway.next_notice() == "STATUS=replaced"
    after = set(gateway.workers())

    assert visitors.failures == []
    assert visitors.answered > 0
    assert len(before) == len(after) == 2
    assert not before & after
    counted = (
        f'sekisho_requests_total{{app="app",cause="upstream",status="2xx",verdict="permit"}} {float(visitors.answered)}'
    )
    assert counted in gateway.ask_management("/metrics")[1]


def test_a_worker_that_dies_is_replaced(start: Callable[[int], GatewayProcess]) -> None:
    """The other one serves meanwhile."""
    gateway = start(2)
    victim, survivor = gateway.workers()

    os.kill(victim, signal.SIGKILL)

    assert gateway.next_notice() == "STATUS=a worker died and was started anew"
    assert gateway.get()[0] == 200
    assert survivor in gateway.workers()
    assert len(gateway.workers()) == 2
    gateway.wait_for_event("worker_died", "'code': -9")


def test_the_end_of_the_forker_ends_no_worker(start: Callable[[int], GatewayProcess]) -> None:
    """The workers go on without it, and the next one comes from another."""
    gateway = start(2)
    (forker,) = gateway.forkers()
    before = gateway.workers()

    os.kill(forker, signal.SIGKILL)
    wait_until(lambda: not gateway.forkers(), "its end")

    assert all(_alive(worker) for worker in before)
    assert gateway.get()[0] == 200
    os.kill(before[0], signal.SIGKILL)
    assert gateway.next_notice() == "STATUS=a worker died and was started anew"
    assert _alive(before[1])
    assert len(gateway.workers()) == 1, "the child of another forker"
    assert gateway.get()[0] == 200
    assert gateway.stop() == 0
    assert not _alive(before[1])


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _open_files(process: int) -> set[str]:
    found = set()
    for each in Path(f"/proc/{process}/fd").iterdir():
        # A file may be closed between the two looks.
        with contextlib.suppress(FileNotFoundError):
            found.add(str(each.readlink()))
    return found


def test_no_worker_has_the_management_socket(tmp_path: Path, redis_url: str) -> None:
    """The service manager hands it to the program, and the supervisor alone serves it."""
    with application() as upstream, bind("127.0.0.1:0") as door, bind("127.0.0.1:0") as management:
        gateway = GatewayProcess(tmp_path, upstream, redis_url, 2)
        gateway.port, gateway.management = door.getsockname()[1], management.getsockname()[1]
        gateway.start(door, management)
        try:
            public, private = (f"socket:[{os.fstat(each.fileno()).st_ino}]" for each in (door, management))
            for process in (*gateway.forkers(), *gateway.workers()):
                open_files = _open_files(process)
                assert private not in open_files
                assert (public in open_files) == (process in gateway.workers())
        finally:
            gateway.stop()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_changes_the_policy_between_two_requests(workers: int, start: Callable[[int], GatewayProcess]) -> None:
    """A mistake in the new policy leaves the old one in force."""
    gateway = start(workers)
    policy = gateway.folder / "policy.yaml"
    assert gateway.process is not None
    with Visitors(gateway) as visitors:
        policy.write_text("policy: open\nrules:\n  - {name: everything, alow: everyone}\n", encoding="utf-8")
        gateway.process.send_signal(signal.SIGHUP)
        assert gateway.next_notice() == "STATUS=reload refused"
        assert gateway.get()[0] == 200
    policy.write_text("policy: shut\nrules:\n  - {name: everything, allow: nobody}\n", encoding="utf-8")
    gateway.process.send_signal(signal.SIGHUP)
    assert gateway.next_notice() == "RELOADING=1"
    assert gateway.next_notice() == "READY=1"

    assert visitors.failures == []
    assert gateway.get()[0] == 403, gateway.events()
    gateway.wait_for_event("reload_refused", "did you mean `allow`?")


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_reload_cannot_take_up_is_named(workers: int, start: Callable[[int], GatewayProcess]) -> None:
    """The event tells the operator."""
    gateway = start(workers)
    settings = gateway.settings.read_text()
    assert gateway.process is not None
    gateway.settings.write_text(settings.replace("access_log: access.log", "access_log: other.log"))
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_for_event("replacement_needed", "access_log")


@pytest.mark.parametrize("workers", [1, 2])
def test_logs_are_opened_again_by_a_signal_of_their_own(workers: int, start: Callable[[int], GatewayProcess]) -> None:
    """SIGUSR1 is about the logs alone and needs no good settings; SIGHUP is about the settings alone."""
    gateway = start(workers)
    log, moved = gateway.folder / "access.log", gateway.folder / "access.log.1"
    assert gateway.process is not None
    gateway.settings.write_text(gateway.settings.read_text() + "prefix: nowhere\n")
    log.rename(moved)
    gateway.process.send_signal(signal.SIGHUP)
    assert gateway.next_notice() == "STATUS=reload refused"
    before = moved.stat().st_size
    gateway.get()
    wait_until(lambda: moved.stat().st_size > before, "a line in the file that was moved")
    assert not log.exists()

    gateway.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: gateway.get()[0] == 200 and log.exists(), "a new access log")


def test_a_request_under_way_may_end(start: Callable[[int], GatewayProcess]) -> None:
    """SIGTERM while a request's head is still arriving: it is answered, then its connection ends, and the gateway."""
    gateway = start(2)
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as slow:
        slow.sendall(f"GET /x HTTP/1.1\r\nHost: {HOST}:{gateway.port}\r\n".encode())
        gateway.get()
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.next_notice() == "STOPPING=1"
        slow.sendall(b"\r\n")
        with slow.makefile("rb") as whole:
            answer = whole.read()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert gateway.process.wait(30) == 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.long
def test_the_program_is_replaced_behind_sockets_that_stay(workers: int, tmp_path: Path, redis_url: str) -> None:
    """The service manager holds them: who connects while nothing runs is answered by the next program."""
    with application() as upstream, bind("127.0.0.1:0") as door, bind("127.0.0.1:0") as sign_in_service:
        for number in range(2):
            (tmp_path / str(number)).mkdir()
            gateway = GatewayProcess(tmp_path / str(number), upstream, redis_url, workers)
            host = f"{HOST}:{gateway.port}"
            gateway.port, gateway.management = door.getsockname()[1], sign_in_service.getsockname()[1]
            with socket.create_connection(("127.0.0.1", gateway.port), 20) as early:
                early.sendall(f"GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                gateway.start(door, sign_in_service)
                answer = early.makefile("rb").read()

            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert gateway.ask_management("/livez")[0] == 200
            assert gateway.stop() == 0


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("C.UTF-8", ["`nowhere` is no address to listen on", "no App at all"]),
        ("ja_JP.UTF-8", ["`nowhere` は待ち受けるアドレスとして読めません", "App がありません"]),
    ],
)
def test_settings_with_mistakes_do_not_start(tmp_path: Path, locale: str, words: list[str]) -> None:
    """Exit 2, with every mistake and its place in the operator's language, and no traceback."""
    settings = tmp_path / "gateway.yaml"
    settings.write_text("listen: nowhere\nprovider: {}\nsessions: {}\napps: []\n", encoding="utf-8")

    command = [sys.executable, "-m", "gateway", "run", "-c", str(settings)]
    environment = {**os.environ, "LC_ALL": locale}
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)

    assert result.returncode == 2
    assert f"{settings}:1:9: {words[0]}" in result.stderr
    assert words[1] in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_said(start: Callable[[int], GatewayProcess]) -> None:
    """Exit 2 and the address, not a traceback."""
    gateway = start(1)

    command = [sys.executable, "-m", "gateway", "run", "-c", str(gateway.settings)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert result.returncode == 2
    assert f"cannot listen on `127.0.0.1:{gateway.port}`: Address already in use" in result.stderr
    assert f"{gateway.settings}:1:9: " in result.stderr


@pytest.mark.long
def test_a_policy_and_a_switch_are_followed_without_a_signal(start: Callable[[int], GatewayProcess]) -> None:
    """A saved policy judges, a broken one does not, and a switch is turned while everything runs."""
    gateway = start(1)
    policy = gateway.folder / "policy.yaml"
    settings = str(gateway.settings)
    with Visitors(gateway) as visitors:
        policy.write_text(SWITCHED, encoding="utf-8")
        gateway.wait_for_event("policies_adopted")
        assert gateway.get()[0] == 200
        policy.write_text(SWITCHED.replace("nobody", "nobdy"), encoding="utf-8")
        gateway.wait_for_event("policies_refused")
        assert gateway.get()[0] == 200
    turn_on = ["switch", "on", "stop", "--for", "1h", "--reason", "r", "-c", settings]
    assert CliRunner().invoke(app, turn_on).exit_code == 0
    gateway.wait_for_event("switches_adopted", "stop")
    refused = gateway.get()[0]
    metrics = gateway.ask_management("/metrics")[1]
    assert CliRunner().invoke(app, ["switch", "off", "stop", "-c", settings]).exit_code == 0

    gateway.wait_for_event("switches_adopted", "[]")
    closing = ["switch", "on", "maintenance-app", "--for", "1h", "--reason", "r", "-c", settings]
    assert CliRunner().invoke(app, closing).exit_code == 0
    gateway.wait_for_event("switches_adopted", "maintenance-app")
    closed, page = gateway.get()

    assert visitors.failures == []
    assert refused == 503
    assert closed == 503
    assert "メンテナンス" in page.decode()
    assert 'sekisho_switch_on{switch="stop"} 1.0' in metrics
    assert 'sekisho_reloads_total{outcome="refused",what="policies"} 1.0' in metrics


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
    allow: everyone
"""
