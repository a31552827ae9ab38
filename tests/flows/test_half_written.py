"""A list that is being written lets nobody in, with a real gateway."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.identity import Identity, Scope
from gateway.policy.subject_code import show_code, subject_code
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.redis_server import wait_until

POLICY = """\
policy: doors
conditions:
  blocked: {subject: {in: blocked.yaml}}
  welcome: {not: blocked}
rules:
  - {name: all, require: [welcome]}
"""


def entries(*subjects: str) -> str:
    return "".join(f"- {{subject: {show_code(subject_code(CLIENT, subject))}}}\n" for subject in subjects)


def status(gateway: GatewayProcess, cookie: str) -> int:
    """Ask for a page with a session's cookie, and return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", "/", headers={"Host": f"{HOST}:{gateway.port}", "Cookie": cookie})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.long
async def test_half_of_a_block_list_lets_nobody_in(
    workers: int, tmp_path: Path, prepare: Callable[..., GatewayProcess]
) -> None:
    """The reader of the file, a reload and a new worker hold the list until it is whole or adopted."""
    people = ("ichiro", "jiro", "saburo", "shiro")
    (tmp_path / "blocked.yaml").write_text(entries(*people))
    gateway = prepare(workers, POLICY)
    gateway.start()
    assert gateway.process is not None
    last = await gateway.sign_in(Identity(CLIENT, "shiro", 0.0, frozenset({Scope.OPENID})))
    gateway.wait_for_event("list_read", "'after': 4")
    assert status(gateway, last) == 403

    (tmp_path / "blocked.yaml").write_text(entries(*people[:2]))
    gateway.wait_for_event("file_held", "'before': 4")
    assert status(gateway, last) == 403
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_for_event("reload_refused", "4 entries")
    assert status(gateway, last) == 403
    if workers > 1:
        os.kill(gateway.workers()[0], signal.SIGKILL)
        gateway.wait_for_event("worker_died")
        for _ in range(20):
            assert status(gateway, last) == 403

    (tmp_path / "blocked.yaml").write_text(entries(*people, "goro"))
    gateway.wait_for_event("list_read", "'after': 5")
    assert status(gateway, last) == 403

    (tmp_path / "blocked.yaml").write_text(entries(*people[:2]))
    gateway.wait_for_event("file_held", "'before': 5")
    assert "sekisho_files_held 0" not in gateway.ask_management("/metrics")[1]
    adopt = ["policy", "adopt", str(tmp_path / "blocked.yaml"), "--reason", "moved away", "-c", str(gateway.settings)]
    adopted = CliRunner().invoke(app, adopt)
    assert adopted.exit_code == 0, adopted.output
    assert '"event":"file_adopted"' in adopted.stderr
    gateway.wait_for_event("list_read", "'after': 2")
    # Each worker reads the file for itself: another one may answer than the one that has said so.
    wait_until(lambda: all(status(gateway, last) == 200 for _ in range(20)), "every worker lets her in")
