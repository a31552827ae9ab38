"""Two questions about one node: an operator's (`/readyz`) and a load balancer's (`health` on the public port)."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import program
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.redis_server import RedisServer, redis_server, wait_until

CHECKED = b"GET /.sekisho/health HTTP/1.0\r\n\r\n"
"""The check of HAProxy's `option httpchk`, which names no host."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def gateway(tmp_path: Path, redis: RedisServer) -> Iterator[GatewayProcess]:
    with application() as upstream:
        made = GatewayProcess(tmp_path, upstream, redis.url, 1)
        made.start()
        yield made
        made.stop()


def raw(port: int, request: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        came = b""
        while part := connection.recv(65536):
            came += part
        return came


def failed(gateway: GatewayProcess) -> dict[str, str]:
    """Return the parts without which nobody can sign in, as `/readyz` names them."""
    status, text = gateway.ask_management("/readyz")
    named: dict[str, str] = json.loads(text)["failed"]
    assert status == (503 if named else 200)
    return named


@contextmanager
def haproxy_before(gateway: GatewayProcess, folder: Path) -> Iterator[int]:
    """Run HAProxy, which asks the node for its health every 50 ms, and give its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        f"""
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
listen city
  bind 127.0.0.1:{port}
  option httpchk GET /.sekisho/health
  server node 127.0.0.1:{gateway.port} check inter 50ms fall 2 rise 1
""",
        encoding="utf-8",
    )
    process = subprocess.Popen([program("haproxy"), "-db", "-f", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def first_line(port: int, request: bytes) -> bytes:
    """Return an answer's first line; nothing where nobody listens yet."""
    try:
        return raw(port, request).partition(b"\r\n")[0]
    except ConnectionRefusedError:
        return b""


def test_a_command_that_redis_refuses_is_named_to_the_operator_alone(
    gateway: GatewayProcess, redis: RedisServer
) -> None:
    """A user without one right of the sessions page answers every simple question, and lets nobody sign in."""
    assert "sign_in" not in failed(gateway)

    with closing(redis.client()) as client:
        client.execute_command("ACL", "SETUSER", "default", "-zcard", "-zrem", "-zscore")
    wait_until(lambda: failed(gateway).get("sign_in") == "refused", "the command that is refused", 20)

    assert gateway.get()[0] == 200
    assert raw(gateway.port, CHECKED).startswith(b"HTTP/1.1 200 ")
    gateway.wait_for_event("not_ready", "refused")


@pytest.mark.parametrize("host", ["", "Host: \r\n", "Host: 192.0.2.7\r\n", f"Host: {HOST}\r\n"])
def test_a_balancer_learns_that_the_node_serves_and_nothing_else(gateway: GatewayProcess, host: str) -> None:
    """By any name or by none; another path of ours tells nothing without a host."""
    answer = raw(gateway.port, f"GET /.sekisho/health HTTP/1.0\r\n{host}\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"ok\n"
    assert b"Set-Cookie" not in head
    assert b"400" in raw(gateway.port, b"GET /.sekisho/me HTTP/1.0\r\n\r\n").partition(b"\r\n")[0]
    assert b" 200 " not in raw(gateway.port, b"POST /.sekisho/health HTTP/1.0\r\nContent-Length: 1\r\n\r\nx")[:16]


@pytest.mark.long
def test_public_pages_stay_while_the_store_is_away(gateway: GatewayProcess, redis: RedisServer) -> None:
    """A store that all nodes share takes the public pages of none of them away."""
    with haproxy_before(gateway, gateway.folder) as port:

        def page() -> bytes:
            return first_line(port, f"GET / HTTP/1.0\r\nHost: {HOST}:{gateway.port}\r\n\r\n".encode())

        wait_until(lambda: b" 200 " in page(), "HAProxy's first look", 10)
        redis.kill()
        wait_until(lambda: "sign_in" in failed(gateway), "the store's absence", 20)

        for _ in range(50):
            assert b" 200 " in page()
        gateway.stop()
        wait_until(lambda: b" 503 " in page(), "HAProxy's word for a node that is gone", 10)
