"""A node that ends, and one that replaces its workers, behind real balancers and under traffic: no request is lost."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import free_port, program
from tests.deploy.nginx import nginx_before
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.redis_server import redis_server, wait_until

pytestmark = pytest.mark.long

Connect = Callable[[], socket.socket]

HAPROXY = """\
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  retries 3
  option redispatch 1
frontend people
  bind 127.0.0.1:{port}
  # A page that a node did not answer goes to the other one; a form that was sent goes nowhere twice.
  http-request disable-l7-retry unless METH_GET
  default_backend nodes
backend nodes
  balance roundrobin
  retry-on conn-failure empty-response
  option httpchk GET /.sekisho/health
  http-request set-header X-Forwarded-Proto https
  default-server check inter 500ms fall 1 rise 1
  server one 127.0.0.1:{one}
  server other 127.0.0.1:{other}
"""


@contextlib.contextmanager
def behind_haproxy(folder: Path, one: int, other: int) -> Iterator[Connect]:
    """Run HAProxy in front of two nodes, and yield a way to connect to it."""
    port = free_port()
    configuration = folder / "haproxy.cfg"
    configuration.write_text(HAPROXY.format(port=port, one=one, other=other))
    process = subprocess.Popen([program("haproxy"), "-db", "-f", str(configuration)], stderr=subprocess.DEVNULL)

    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), 30)

    def answers() -> bool:
        with contextlib.suppress(OSError), connect():
            return True
        return False

    try:
        wait_until(answers, "HAProxy")
        yield connect
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def behind_nginx(folder: Path, one: int, other: int) -> Iterator[Connect]:
    """Run nginx with the shipped configuration in front of two nodes, and yield a way to connect to it."""
    with nginx_before(folder, one, HOST, other) as front:
        yield lambda: front.connect(HOST)


class Crowd:
    """Clients that ask for pages and send forms, each over a connection of its own, and count what went wrong."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._enough = threading.Event()
        self.answered = 0
        self.phase = "both nodes"
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(4)]

    def _ask(self, number: int) -> None:
        head = f"Host: {HOST}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\nOrigin: https://{HOST}\r\n"
        page = f"GET /page HTTP/1.1\r\n{head}\r\n".encode()
        form = f"POST /form HTTP/1.1\r\n{head}Content-Length: 3\r\n\r\na=1".encode()
        while not self._enough.is_set():
            try:
                with self._connect() as connection:
                    connection.settimeout(30)
                    connection.sendall(form if number % 2 else page)
                    answer = b"".join(iter(lambda: connection.recv(65_536), b""))
            except OSError as error:
                answer = repr(error).encode()
            with self._lock:
                self.answered += 1
                if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"}"):
                    self.failures.append(f"{self.phase}: {'form' if number % 2 else 'page'}: {answer[:200]!r}")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def some_more(self, phase: str, count: int = 100) -> None:
        """Return after so many more answers."""
        self.phase = phase
        wanted = self.answered + count
        wait_until(lambda: self.answered >= wanted, "more answers", 120)


@pytest.fixture(name="nodes")
def nodes_fixture(tmp_path: Path) -> Iterator[list[GatewayProcess]]:
    """Two nodes of one App, with one secret and one Redis."""
    nodes: list[GatewayProcess] = []
    with redis_server() as redis, application() as upstream:
        for name in ("one", "other"):
            folder = tmp_path / name
            folder.mkdir()
            more = "trusted_proxies: [127.0.0.1]\nlame_duck: 3s\n"
            node = GatewayProcess(folder, upstream, redis.url, workers=2, more=more)
            text = node.settings.read_text()
            node.settings.write_text(text.replace(f"url: http://{HOST}:{node.port}", f"url: https://{HOST}"))
            if nodes:
                shutil.copy(nodes[0].folder / "secret", folder / "secret")
            nodes.append(node)
        for node in nodes:
            node.start()
        yield nodes
        for node in nodes:
            node.stop()


@pytest.mark.parametrize("balanced", [behind_nginx, behind_haproxy])
def test_a_node_that_ends_costs_nobody_a_request(
    tmp_path: Path,
    nodes: list[GatewayProcess],
    balanced: Callable[[Path, int, int], contextlib.AbstractContextManager[Connect]],
) -> None:
    """The node is told to end, ends after its lame duck, comes back; the other one replaces its workers meanwhile."""
    one, other = nodes
    with balanced(tmp_path, one.port, other.port) as connect, Crowd(connect) as crowd:
        crowd.some_more("both nodes")
        assert one.process is not None
        one.process.send_signal(signal.SIGTERM)
        crowd.some_more("a node ends")
        assert one.next_notice() == "STOPPING=1"
        assert one.process.wait(60) == 0
        crowd.some_more("one node")
        one.start()
        crowd.some_more("it is back")
        assert other.process is not None
        before = set(other.workers())
        other.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: len(other.workers()) == 2 and before.isdisjoint(other.workers()), "other workers", 120)
        crowd.some_more("other workers")

    assert crowd.failures == []
    assert crowd.answered >= 500
