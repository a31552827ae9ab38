"""A server that speaks out of turn, in front of a gateway of several workers."""

from __future__ import annotations

import re
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows.gateway_process import PATIENCE, GatewayProcess


class _Talker(socketserver.StreamRequestHandler):
    """Keeps connections, and counts the length of `/talk` in characters."""

    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.connections += 1
        while line := self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            page = "関所" if b"/talk" in line else "ok"
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page.encode()))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    connections = 0


@contextmanager
def talker() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Talker) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.05)


def number(gateway: GatewayProcess, metric: str) -> float:
    """Return one of the App's numbers."""
    found = re.search(metric + r'{app="app"} (\S+)', gateway.ask_management("/metrics")[1])
    return float(found[1]) if found else 0.0


@pytest.mark.long
def test_what_one_worker_hears_all_workers_heed(tmp_path: Path, redis_url: str) -> None:
    """They have the same servers behind them; and neither a reload nor a new worker makes them forget."""
    with talker() as server:
        gateway = GatewayProcess(tmp_path, server.server_address[1], redis_url, workers=2)
        try:
            gateway.start()
            gateway.get("/talk")
            gateway.wait_for_event("upstream_put_apart", "'app': 'app'")
            until(lambda: number(gateway, "sekisho_apps_apart") == 2, "both workers heed it")
            seen = number(gateway, "sekisho_upstream_out_of_turn_total")
            before = server.connections
            for _ in range(20):
                assert gateway.get("/good")[1] == b"ok"
            used = server.connections - before

            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGHUP)
            gateway.wait_for_event("reloaded")
            after_reload = number(gateway, "sekisho_apps_apart")
            gateway.process.send_signal(signal.SIGUSR2)
            gateway.wait_for_event("replaced")
            until(lambda: number(gateway, "sekisho_apps_apart") == 2, "new workers heed it")
        finally:
            gateway.stop()

    assert (seen, used, after_reload) == (1, 20, 2)
    assert [event["event"] for event in gateway.events()].count("upstream_put_apart") == 1
