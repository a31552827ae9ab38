"""Envoy's configuration for many nodes, run by a real Envoy in front of nodes that write down what they get."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import free_port, program
from tests.redis_server import wait_until
from tests.upstream.certificates import certify

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "fleet" / "envoy.yaml"
HOST = "yoyaku.city.example.lg.jp"


@dataclass
class Node:
    """A node that answers its health path, and keeps the other heads it was sent."""

    port: int
    heads: list[str] = field(default_factory=list)
    breaks: bool = False
    """Whether it breaks each connection that brings anything but a question about its health."""


@contextlib.contextmanager
def node() -> Iterator[Node]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = Node(listener.getsockname()[1])

        def answer(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                head = b""
                while b"\r\n\r\n" not in head and (part := connection.recv(65536)):
                    head += part
                if b" /.sekisho/health " not in head:
                    kept.heads.append(head.decode("latin-1"))
                    if kept.breaks:
                        return
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        yield kept
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@contextlib.contextmanager
def envoy_before(folder: Path, *ports: int) -> Iterator[tuple[int, Path]]:
    """Run Envoy with the shipped file in front of two nodes, and yield its port and its certificate."""
    port = free_port()
    chain, private = certify(folder, HOST)
    text = CONFIG.read_text()
    for written, here in (
        ("address: 0.0.0.0, port_value: 443", f"address: 127.0.0.1, port_value: {port}"),
        ("/etc/ssl/sekisho/fullchain.pem", str(chain)),
        ("/etc/ssl/sekisho/privkey.pem", str(private)),
        ("address: 10.0.0.11, port_value: 8080", f"address: 127.0.0.1, port_value: {ports[0]}"),
        ("address: 10.0.0.12, port_value: 8080", f"address: 127.0.0.1, port_value: {ports[1]}"),
    ):
        assert written in text, f"the configuration no longer says `{written}`"
        text = text.replace(written, here)
    path = folder / "envoy.yaml"
    path.write_text(text)
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(
            [program("envoy"), "-c", str(path), "--concurrency", "1", "--disable-hot-restart"], stdout=log, stderr=log
        )
        try:

            def listens() -> bool:
                assert process.poll() is None, (folder / "envoy.log").read_text()[-2000:]
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    return True
                return False

            wait_until(listens, "Envoy's start", 120)
            yield port, chain
        finally:
            process.terminate()
            process.wait(30)


def ask(front: tuple[int, Path], method: str, path: str, *fields: str) -> str:
    """Return the answer to one request."""
    port, chain = front
    context = ssl.create_default_context(cafile=str(chain))
    head = "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *fields, "", ""])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname=HOST) as connection:
        connection.sendall(head.encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


def test_envoy_tells_the_client_s_address_alone(tmp_path: Path) -> None:
    """No header that a client wrote about itself arrives, and the target arrives as it was sent."""
    with node() as first, node() as second, envoy_before(tmp_path, first.port, second.port) as front:
        wait_until(lambda: ask(front, "GET", "/").startswith("HTTP/1.1 200"), "a node that is well", 60)
        first.heads.clear()
        second.heads.clear()
        forged = ("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9", "X_Id: 1")
        ask(front, "GET", "/a%2Fb//c/..;/d?x=%41", *forged)

    (head,) = (each.lower() for each in (*first.heads, *second.heads))
    assert head.startswith("get /a%2fb//c/..;/d?x=%41 http/1.1\r\n")
    # Envoy writes an address of this machine for a client on loopback.
    assert re.findall(r"\r\nx-forwarded-for: [\d.]+\r\n", head)
    assert "x-forwarded-proto: https\r\n" in head
    assert "203.0.113.9" not in head
    assert "x_id" not in head


def test_a_node_that_breaks_costs_no_page_and_no_form_is_sent_twice(tmp_path: Path) -> None:
    """A page is asked for again at the other node. A form that a node has got is not."""
    with node() as good, node() as bad, envoy_before(tmp_path, good.port, bad.port) as front:
        wait_until(lambda: ask(front, "GET", "/").startswith("HTTP/1.1 200"), "a node that is well", 60)
        bad.breaks = True
        bad.heads.clear()
        pages = {ask(front, "GET", f"/{number}")[:12] for number in range(20)}
        good.heads.clear()
        bad.heads.clear()
        wait_until(
            lambda: not ask(front, "POST", "/form", "Content-Length: 0").startswith("HTTP/1.1 200"), "a loss", 60
        )
        forms = len(good.heads) + len(bad.heads)
        lost = len(bad.heads)

    assert pages == {"HTTP/1.1 200"}
    assert lost == 1
    assert forms == len(good.heads) + 1


def test_a_node_that_is_not_there_gets_nothing(tmp_path: Path) -> None:
    """Its health is asked, and each form goes to the node that is there."""
    with node() as good, envoy_before(tmp_path, good.port, free_port()) as front:
        wait_until(lambda: ask(front, "GET", "/").startswith("HTTP/1.1 200"), "a node that is well", 60)
        good.heads.clear()
        forms = {ask(front, "POST", "/form", "Content-Length: 0")[:12] for _ in range(20)}

    assert forms == {"HTTP/1.1 200"}
    assert len(good.heads) == 20
