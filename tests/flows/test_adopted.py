"""Workers come and go: each starts from what was adopted, and no number falls."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.gateway_process import HOST, OPEN_POLICY, GatewayProcess, application
from tests.redis_server import wait_until
from tests.upstream.certificates import certify


def number(gateway: GatewayProcess, name: str, **labels: str) -> float:
    """Return the sum of a metric over the series that have these labels."""
    total = 0.0
    for told, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", gateway.ask_management("/metrics")[1], re.MULTILINE):
        if all(f'{label}="{word}"' in told for label, word in labels.items()):
            total += float(value)
    return total


def test_a_worker_starts_from_what_was_adopted(start: Callable[[int], GatewayProcess]) -> None:
    """The files are broken and gone, every worker is killed, and people are still served.

    Nobody waits for ever meanwhile: each connection is answered, and what the dead had counted stays counted.
    """
    gateway = start(2)
    dead = gateway.workers()
    for _ in range(5):
        assert gateway.get()[0] == 200
    wait_until(lambda: number(gateway, "sekisho_requests_total", status="2xx") == 5, "five requests counted")
    gateway.settings.write_text("listen: [\n")
    (gateway.folder / "policy.yaml").write_text("policy: [\n")
    for name in ("keys.jwks", "secret"):
        (gateway.folder / name).unlink()

    for worker in dead:
        os.kill(worker, signal.SIGKILL)
    statuses = set()

    def served_again() -> bool:
        began = time.monotonic()
        statuses.add(gateway.get()[0])
        assert time.monotonic() - began < 9
        return 200 in statuses and len(set(gateway.workers()) - set(dead)) == 2

    wait_until(served_again, "two new workers", 200)

    assert statuses <= {200, 503}
    assert number(gateway, "sekisho_requests_total", status="2xx") >= 6
    assert number(gateway, "sekisho_worker_deaths_total", cause="signal") == 2
    assert number(gateway, "sekisho_configuration_current") == 0
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: number(gateway, "sekisho_reloads_total", what="settings", outcome="refused") == 1, "a count")
    gateway.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: number(gateway, "sekisho_replacements_total", outcome="failed") == 1, "a count")
    assert gateway.get()[0] == 200


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_a_gateway_that_stops_answers_for_a_while_and_then_refuses(
    workers: int, prepare: Callable[..., GatewayProcess]
) -> None:
    """A request that is half sent holds the drain up, and nobody else waits for it."""
    gateway = prepare(workers, OPEN_POLICY)
    gateway.settings.write_text(gateway.settings.read_text() + "lame_duck: 2s\n")
    gateway.start()
    assert gateway.process is not None
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as slow:
        slow.sendall(f"POST /x HTTP/1.1\r\nHost: {HOST}:{gateway.port}\r\n".encode())
        assert gateway.get()[0] == 200
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.next_notice() == "STOPPING=1"
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        connection.request("GET", "/", headers={"Host": f"{HOST}:{gateway.port}"})
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        connection.close()

        def refused() -> bool:
            began = time.monotonic()
            try:
                with socket.create_connection(("127.0.0.1", gateway.port), 5) as late:
                    late.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    late.recv(1)
            except ConnectionError:
                return True
            finally:
                assert time.monotonic() - began < 4
            return False

        wait_until(refused, "a refused connection", 20)
        assert gateway.process.poll() is None
        assert number(gateway, "sekisho_workers") == 0
        assert number(gateway, "sekisho_requests_total", status="2xx") == 2
        slow.sendall(b"Content-Length: 0\r\n\r\n")
        with slow.makefile("rb") as whole:
            assert whole.read().startswith(b"HTTP/1.1 ")

    assert gateway.process.wait(30) == 0


@pytest.mark.long
def test_a_worker_starts_with_the_certificate_that_was_adopted(tmp_path: Path, redis_url: str) -> None:
    """The files of the listener's certificate and of the application's CA are gone: those in use are used again."""
    certificate, key = certify(tmp_path, HOST)
    with application() as upstream:
        gateway = GatewayProcess(
            tmp_path, upstream, redis_url, 2, more=f"tls: {{certificate: {certificate}, key: {key}}}\n", scheme="https"
        )
        try:
            gateway.start()
            trusted = ssl.create_default_context(cafile=str(certificate))
            dead = gateway.workers()
            certificate.unlink()
            key.unlink()
            for worker in dead:
                os.kill(worker, signal.SIGKILL)

            async def ask() -> bytes:
                async with asyncio.timeout(10):
                    reader, writer = await asyncio.open_connection(
                        "127.0.0.1", gateway.port, ssl=trusted, server_hostname=HOST
                    )
                    writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}:{gateway.port}\r\nConnection: close\r\n\r\n".encode())
                    first = await reader.readline()
                    writer.close()
                    return first

            def served() -> bool:
                try:
                    return asyncio.run(ask()).startswith(b"HTTP/1.1 200 ")
                except OSError:
                    return False

            wait_until(served, "an answer by a new worker", 200)
            assert not set(gateway.workers()) & set(dead)
        finally:
            gateway.stop()
