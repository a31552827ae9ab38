"""TLS on the listener: small requests over kept connections, whole and resumed handshakes, and long answers."""

from __future__ import annotations

import socket
import ssl
import sys
import time
from collections.abc import Mapping
from statistics import median

from benchmarks import load
from benchmarks.cases import MIB, Row
from benchmarks.certificates import trusting
from benchmarks.clients import head
from benchmarks.peer import Peer, Running
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.sekisho import Sekisho
from benchmarks.programs import BenchmarkError
from benchmarks.surroundings import Surroundings

KEPT, WHOLE = "kept, requests/s", "µs CPU a handshake"
RESUMED = "µs CPU a resumed one"
LONG = "1 MiB answers/s"
"""Figures that a goal is about."""

_LONG_CONNECTIONS = 8
_TIMEOUT = 20.0

_FEWEST = 200
"""Handshakes of a round: the kernel counts CPU time by hundredths of a second, a handshake takes a fortieth of one."""


def tls(around: Surroundings, *, rounds: int, seconds: int) -> list[Row]:
    """Measure us and nginx, round by round in turn; a handshake has one small request with it."""
    files = around.folder / "files" / "1m"
    if not files.exists():
        with files.open("wb") as file:
            file.truncate(MIB)
    peers: list[Peer] = [Sekisho(tls=True, name="sekisho"), Nginx(tls=True)]
    found: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds):
        for peer in peers:
            print(f"tls, round {number + 1} of {rounds}: {peer.name} …", file=sys.stderr, flush=True)
            with peer.run(around) as up:
                for name, value in _round(up, around, seconds).items():
                    found.setdefault(peer.name, {}).setdefault(name, []).append(value)
    return [
        Row("tls", peer, {name: median(values) for name, values in figures.items()}) for peer, figures in found.items()
    ]


def _round(up: Running, around: Surroundings, seconds: int) -> dict[str, float]:
    def loaded(path: str, connections: int) -> load.Round:
        return load.run(
            up.program,
            up.port,
            path,
            up.headers,
            seconds=seconds,
            folder=around.folder,
            connections=connections,
            tls=True,
        )

    loaded("/", load.CONNECTIONS)
    kept = loaded("/", load.CONNECTIONS)
    return {
        KEPT: kept.rate,
        "µs CPU a request": kept.cpu,
        WHOLE: _handshakes(up, seconds, resumed=False),
        RESUMED: _handshakes(up, seconds, resumed=True),
        LONG: loaded("/files/1m", _LONG_CONNECTIONS).rate,
    }


def _handshakes(up: Running, seconds: int, *, resumed: bool) -> float:
    """Return the server's CPU microseconds for a new connection with one request."""
    context = trusting()
    request = head("GET", "/", up.headers)
    session = _visit(context, up.port, request, None)
    count = 0
    before = up.program.cpu_seconds()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or count < _FEWEST:
        _visit(context, up.port, request, session if resumed else None)
        count += 1
    return (up.program.cpu_seconds() - before) / count * 1e6


def _visit(context: ssl.SSLContext, port: int, request: bytes, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    with (
        _connected(port) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
    ):
        if session is not None and not connection.session_reused:
            raise BenchmarkError("the server does not resume sessions")
        connection.sendall(request)
        if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
            raise BenchmarkError("a request over TLS that is not answered with 200")
        return connection.session


def _connected(port: int) -> socket.socket:
    """Return a connection that sends each write at once, as a browser's does.

    Without that, the request behind a short handshake waits for an acknowledgement, which nginx delays by 40 ms: twenty
    handshakes a second say nothing about CPU time.
    """
    plain = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def ratios(rows: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return our figures as multiples of nginx's, by name; empty where one of the two is missing."""
    if not {"sekisho", "nginx"} <= rows.keys():
        return {}
    return {name: ours / rows["nginx"][name] for name, ours in rows["sekisho"].items() if rows["nginx"][name] > 0}
