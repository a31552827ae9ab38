"""A header that moves a request, before a common middleware: what policy judged is what the application serves."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from gateway.identity import Birthdate, Identity, Scope
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess

POLICY = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  adult: {age: {at_least: 20}}
rules:
  - {name: adults, match: {path: /adult/**}, require: [adult]}
  - {name: open, match: {path: [/open/**, /public/**]}, allow: everyone}
  - {name: the rest, allow: signed_in, disclose: [subject]}
"""


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """Serve under the prefix that `X-Script-Name` says, as the usual recipe for Flask does, and repeat who it is."""
    script = environ.get("HTTP_X_SCRIPT_NAME", "")
    path = environ["PATH_INFO"]
    if script and path.startswith(script):
        path = path[len(script) :]
    person = environ.get("HTTP_X_USER_ID", "")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{path} {person}".encode()]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[int]:
    """Run the application, and yield its port."""
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(port: int, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Ask on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": f"{HOST}:{port}", "Accept": "text/plain", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def gateway(tmp_path: Path, redis_url: str) -> Iterator[GatewayProcess]:
    """A gateway before that application."""
    with served() as port:
        running = GatewayProcess(tmp_path, port, redis_url, policy=POLICY)
        text = running.settings.read_text().replace("client_id:", "contracted: [birthdate]\n  client_id:")
        running.settings.write_text(text)
        running.start()
        try:
            yield running
        finally:
            running.stop()


async def test_a_minor_moves_no_request_onto_another_path(gateway: GatewayProcess) -> None:
    """Reproduced before: `/public/adult/pay` with `X-Script-Name: /public` was judged as public and served as adult."""
    asked = frozenset({Scope.OPENID, Scope.BIRTHDATE})
    bob = await gateway.sign_in(Identity(CLIENT, "bob", time.time() - 60, asked, birthdate=Birthdate(2015, 4, 1)))

    direct = ask(gateway.port, "/adult/pay", {"Cookie": bob})
    moved = ask(gateway.port, "/public/adult/pay", {"Cookie": bob, "X-Script-Name": "/public", "X-User-Id": "carol"})

    assert direct[0] == 403
    assert moved == (200, "/public/adult/pay ")
    gateway.wait_for_event("header_removed", "X-Script-Name")
    gateway.wait_for_event("header_removed", "X-User-Id")
    removed = [event for event in gateway.events() if event.get("event") == "header_removed"]
    assert {(event["app"], event["family"], event["header"]) for event in removed} == {
        ("app", "rewriting", "X-Script-Name"),
        ("app", "identity", "X-User-Id"),
    }
    assert "carol" not in (gateway.folder / "events.log").read_text()
    _, metrics = gateway.ask_management("/metrics")
    assert 'sekisho_headers_removed_total{app="app",family="rewriting"} 1.0' in metrics
