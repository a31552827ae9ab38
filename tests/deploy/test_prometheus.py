"""A real Prometheus scrapes two nodes whose workers are replaced, killed and drained: no counter goes backwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pytest

from tests.conftest import free_port, program
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.redis_server import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SLOW = 240
"""Seconds for a condition on a machine that is busy with other tests."""
UNSEEN = 5.0
"""Seconds before a worker is killed whose counts and lines may be lost: a snapshot's, on a busy machine."""


class Prometheus:
    """A server of its own, with its data in the test's folder."""

    def __init__(self, folder: Path, targets: list[str]) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        configuration = folder / "prometheus.yml"
        configuration.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                    "scrape_configs": [{"job_name": "sekisho", "static_configs": [{"targets": targets}]}],
                }
            )
        )
        self._log = (folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self._address}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()

    def ask(self, query: str) -> dict[str, float]:
        """Return the value of each series of a query, by its labels; nothing before Prometheus answers."""
        url = f"http://{self._address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                told: Any = json.loads(answer.read())
        except OSError:
            return {}
        return {
            json.dumps(series["metric"], sort_keys=True): float(series["value"][1]) for series in told["data"]["result"]
        }

    def total(self, query: str) -> float:
        """Return the sum of a query's series."""
        return sum(self.ask(query).values())


@contextmanager
def visitors(*gateways: GatewayProcess) -> Iterator[None]:
    """Ask each gateway again and again, over kept connections; a connection that a killed worker drops is made anew."""
    enough = threading.Event()

    def ask(gateway: GatewayProcess) -> None:
        head = f"GET /x HTTP/1.1\r\nHost: {HOST}:{gateway.port}\r\n\r\n".encode()
        while not enough.is_set():
            try:
                with socket.create_connection(("127.0.0.1", gateway.port), 20) as connection:
                    while not enough.wait(0.02):
                        connection.sendall(head)
                        if not connection.recv(65_536):
                            break
            except OSError:
                enough.wait(0.1)

    threads = [threading.Thread(target=ask, args=(gateway,)) for gateway in gateways for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def lines(gateway: GatewayProcess) -> list[dict[str, Any]]:
    """Return the access log; the last line may be on its way."""
    text = (gateway.folder / "access.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def test_no_counter_goes_backwards(tmp_path: Path, redis_url: str) -> None:
    """Under traffic a node replaces its workers, another loses one, and one drains with a request under way.

    The totals are those of the access log, but for what a killed worker had neither told nor written.
    """
    for name in ("one", "two", "prometheus"):
        (tmp_path / name).mkdir()
    with application() as upstream:
        nodes = [GatewayProcess(tmp_path / name, upstream, redis_url, 2) for name in ("one", "two")]
        try:
            for node in nodes:
                node.start()
            targets = [f"127.0.0.1:{node.management}" for node in nodes]
            with Prometheus(tmp_path / "prometheus", targets) as prometheus:
                _operate(nodes[0], nodes[1], targets, prometheus)
        finally:
            for node in nodes:
                node.stop()


def _operate(one: GatewayProcess, two: GatewayProcess, targets: list[str], prometheus: Prometheus) -> None:
    assert one.process is not None
    assert two.process is not None
    with visitors(one, two):
        wait_until(lambda: len(prometheus.ask("sum by (instance) (sekisho_requests_total) > 50")) == 2, "traffic", SLOW)
        one.process.send_signal(signal.SIGUSR2)
        victim = two.workers()[0]
        os.kill(victim, signal.SIGKILL)
        killed = datetime.now().astimezone()
        one.wait_for_event("replaced")
        wait_until(lambda: prometheus.total('sekisho_worker_deaths_total{cause="signal"}') == 1, "a death", SLOW)
        wait_until(lambda: prometheus.total("sekisho_workers") == 4, "four workers", SLOW)
        wait_until(lambda: prometheus.total('sekisho_replacements_total{outcome="done"}') == 1, "the count", SLOW)

    def counted(target: str) -> float:
        return prometheus.total(f'sekisho_requests_total{{instance="{target}"}}')

    wait_until(lambda: counted(targets[0]) == len(lines(one)), "as many requests as lines", SLOW)
    seen = lines(two)
    unseen = [
        line
        for line in seen
        if line["pid"] == victim and (killed - datetime.fromisoformat(line["time"])).total_seconds() < UNSEEN
    ]
    assert abs(counted(targets[1]) - len(seen)) <= 2 * len(unseen) + 20
    assert prometheus.total("sekisho_log_lines_lost_total") == 0

    with socket.create_connection(("127.0.0.1", one.port), 20) as slow:
        slow.sendall(f"POST /x HTTP/1.1\r\nHost: {HOST}:{one.port}\r\nContent-Length: 2\r\n\r\nx".encode())
        with visitors(two):
            one.process.send_signal(signal.SIGTERM)
            leaving = f'sekisho_workers_leaving{{instance="{targets[0]}"}}'
            wait_until(lambda: prometheus.total(leaving) >= 1, "a scrape of a node that drains", SLOW)
    one.process.wait(60)

    counters = '{__name__=~"sekisho_.+_(total|count|bucket|sum)"}'
    assert len(prometheus.ask(f"last_over_time({counters}[1h])")) > 1_000
    assert prometheus.ask(f"resets({counters}[1h]) > 0") == {}
