"""An application's orders to the server in front, with a real nginx there: they end at the gateway."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port, program
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.hostile_application import HTML, Hostile, Said, serving

pytestmark = pytest.mark.long

SECRET = "what no policy gives to anybody"


@dataclass(frozen=True)
class Fronts:
    """The application, an nginx in front of it, and one in front of a gateway in front of it."""

    application: Hostile
    gateway: GatewayProcess
    bare: int
    guarded: int


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronts]:
    folder = tmp_path_factory.mktemp("outer")
    (folder / "files").mkdir()
    (folder / "files" / "1").write_text(SECRET)
    with serving() as (application, port):
        gateway = GatewayProcess(folder, port, "memory")
        try:
            gateway.start()
            with nginx(folder, port) as bare, nginx(folder, gateway.port) as guarded:
                yield Fronts(application, gateway, bare, guarded)
        finally:
            gateway.stop()


@contextlib.contextmanager
def nginx(folder: Path, behind: int) -> Iterator[int]:
    """Run an nginx that has files of its own, which only its upstream's word shows."""
    port = free_port()
    whole = folder / f"nginx-{port}.conf"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind}-{port};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"daemon off; master_process off; pid {folder}/{port}.pid; error_log stderr; events {{}} http {{ {temporary}"
        f"access_log off; server {{ listen 127.0.0.1:{port};"
        f"location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_set_header Host $http_host; }}"
        f"location /files/ {{ internal; root {folder}; }} }} }}"
    )
    process = subprocess.Popen([program("nginx"), "-e", "stderr", "-c", whole], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                pytest.fail(f"nginx ended with {process.wait(0.05)}")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def ask(port: int, host: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["X-Accel-Redirect", "x-accel-redirect"])
def test_the_server_in_front_shows_no_other_page(fronts: Fronts, name: str) -> None:
    """Nginx obeys the order of what it has behind it, and hears none from behind the gateway."""
    fronts.application.pages["/page"] = Said({**HTML, name: "/files/1"}, "the page")

    assert ask(fronts.bare, "any", "/page") == (200, SECRET)
    assert ask(fronts.guarded, f"{HOST}:{fronts.gateway.port}", "/page") == (200, "the page")
    # The gateway logs the field once an hour, under its first spelling.
    fronts.gateway.wait_for_event("answer_field_removed", "ccel-")
