"""The lines of a gateway with two workers, from every part of it that answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.observe.access_log import AccessLine
from gateway.observe.events import SHAPES, Event
from tests.flows.gateway_process import HOST, OPEN_POLICY, PATIENCE, GatewayProcess

HEAD = ["time", "kind", "node", "worker", "pid"]


def ask(port: int, head: bytes) -> None:
    """Send bytes, and read until the gateway closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(head)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


def access_lines(gateway: GatewayProcess, wanted: int) -> list[dict[str, Any]]:
    """Return the access lines, once there are so many."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        lines = [json.loads(line) for line in (gateway.folder / "access.log").read_text().splitlines()]
        if len(lines) >= wanted:
            return lines
        threading.Event().wait(0.05)
    raise AssertionError(f"no {wanted} lines")


def test_every_line_says_who_wrote_it_in_one_shape(
    tmp_path: Path, prepare: Callable[[int, str], GatewayProcess]
) -> None:
    """Every answer has an access line with the same fields, and a worker keeps its number while it lives."""
    gateway = prepare(2, OPEN_POLICY)
    gateway.settings.write_text(gateway.settings.read_text() + "node: gw-1\n")
    gateway.start()
    host = f"Host: {HOST}:{gateway.port}\r\n".encode()
    ask(gateway.port, b"GET /app HTTP/1.1\r\n%bConnection: close\r\n\r\n" % host)
    ask(gateway.port, b"GET /.sekisho/nothing HTTP/1.1\r\n%bConnection: close\r\n\r\n" % host)
    ask(gateway.port, b"GET /unknown HTTP/1.1\r\nHost: nowhere.test\r\nConnection: close\r\n\r\n")
    ask(gateway.port, b"FOO /method HTTP/1.1\r\n%b\r\n" % host)
    ask(gateway.port, b"OPTIONS * HTTP/1.1\r\n%b\r\n" % host)
    ask(gateway.port, b"GET /too-long?%b HTTP/1.1\r\n%b\r\n" % (b"x" * 20_000, host))
    ask(gateway.port, b"POST /too-many HTTP/1.1\r\n%bX: %b\r\n\r\n" % (host, b"x" * 100_000))
    lines = access_lines(gateway, 7)
    os.kill(gateway.workers()[0], signal.SIGKILL)
    gateway.wait_for_event("worker_died")
    gateway.stop()

    assert {tuple(line) for line in lines} == {(*HEAD, *AccessLine.__struct_fields__[1:])}
    assert {(line["kind"], line["node"]) for line in lines} == {("access", "gw-1")}
    assert {line["worker"] for line in lines} <= {1, 2}
    # Two workers wrote them, and two of their times can be the same.
    assert sorted((line["method"], line["path"], line["status"]) for line in lines) == [
        ("FOO", "/method", 501),
        ("GET", "/.sekisho/nothing", 404),
        ("GET", "/app", 200),
        ("GET", "/too-long", 414),
        ("GET", "/unknown", 421),
        ("OPTIONS", "", 204),
        ("POST", "/too-many", 431),
    ]
    events = [event for event in gateway.events() if "event" in event]
    for event in events:
        assert list(event)[:5] == HEAD, event
        shape = SHAPES[Event(str(event["event"]))].split()
        assert set(event) - {"dropped"} == {*HEAD, "level", "event", *shape}, event
    started = next(event for event in events if event["event"] == "started")
    assert (started["worker"], started["node"]) == (0, "gw-1")
    assert gateway.process is not None
    assert started["pid"] == gateway.process.pid
