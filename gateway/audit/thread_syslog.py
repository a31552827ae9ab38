"""Sends lines to a syslog server from a thread of its own: over TLS (RFC 5425), TCP on loopback, or a Unix socket.

A server that is away costs nothing but room in a bounded queue, and beyond that lines, which are counted. Syslog has no
receipt: lines that were on their way when the server died are lost without a trace here, and the trail's own files have
them.
"""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.audit.syslog import Origin, Target, Transport, counted, message
from gateway.kept_files import kept
from gateway.observe.lines import ROOM, LineKind, lost_by_kind

CONNECT: Final = 5.0
"""Seconds to reach the server."""
SEND: Final = 10.0
"""Seconds for the server to take a message."""
FIRST_PAUSE: Final = 0.5
"""Seconds until the next attempt after a failure; doubled each time."""
LONGEST_PAUSE: Final = 30.0
PAUSE: Final = 0.1
"""Seconds between two looks at the queue."""
FLUSH: Final = 2.0
"""Seconds at the end for what still waits."""


def tls_to_server(ca: Path | None, certificate: Path | None) -> ssl.SSLContext:
    """Return the context in which a server is verified, and told who we are.

    Raises:
        OSError: a file cannot be used.

    """
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(kept(ca))
    if certificate is not None:
        context.load_cert_chain(kept(certificate), password="")
    return context


class SyslogSender:
    """The queue and its thread: a `Sink`. `put` may be called from any thread, and returns at once."""

    def __init__(self, target: Target, origin: Origin, tls: ssl.SSLContext | None = None) -> None:
        """`tls` is for a target over TLS, and for no other."""
        self._target = target
        self._origin = origin
        self._tls = tls
        self._queue: deque[tuple[float, bytes, LineKind]] = deque()
        self._waiting = 0
        self._counting = threading.Lock()
        self._lost = 0
        self._closing = threading.Event()
        self._socket: socket.socket | None = None
        self._pause = FIRST_PAUSE
        self._next_attempt = 0.0
        self._thread = threading.Thread(target=self._run, name="syslog-sender", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> dict[LineKind, int]:
        """The number of lines that had no room while the server was away."""
        return lost_by_kind(({LineKind.COPY: self._lost},))

    def put(self, text: bytes, lines: int, kind: LineKind) -> None:
        """Take one line, or count it as lost."""
        with self._counting:
            if self._waiting + len(text) > ROOM[LineKind.COPY]:
                self._lost += lines
                return
            self._waiting += len(text)
        self._queue.append((time.time(), text, kind))

    def lose(self, lines: int, kind: LineKind) -> None:  # noqa: ARG002 - a copy is a copy
        """Count lines that could not even be made."""
        with self._counting:
            self._lost += lines

    def close(self, patience: float = FLUSH) -> None:
        """Send what waits and stop, within `patience` seconds."""
        self._closing.set()
        self._thread.join(patience)

    def _run(self) -> None:
        while not self._closing.wait(PAUSE):
            self._send_all()
        # The last attempt waits for no pause.
        self._next_attempt = 0.0
        self._send_all()
        self._hang_up()
        with self._counting:
            self._lost += len(self._queue)

    def _send_all(self) -> None:
        if time.monotonic() < self._next_attempt:
            return
        try:
            while self._queue:
                at, text, kind = self._queue[0]
                self._send(message(text, kind, at, self._origin))
                # Only now: what broke off is sent again, whole.
                self._queue.popleft()
                with self._counting:
                    self._waiting -= len(text)
                self._pause = FIRST_PAUSE
        except OSError:
            self._hang_up()
            self._next_attempt = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _send(self, text: bytes) -> None:
        if self._socket is not None and self._is_gone(self._socket):
            self._hang_up()
        if self._socket is None:
            self._socket = self._connect()
        if self._socket.type == socket.SOCK_DGRAM:
            self._socket.send(text)
        else:
            self._socket.sendall(counted(text))

    def _connect(self) -> socket.socket:
        target = self._target
        match target.transport:
            case Transport.UNIX:
                return _connect_unix(target.path)
            case Transport.TCP:
                found = socket.create_connection((target.host, target.port), CONNECT)
            case _:
                plain = socket.create_connection((target.host, target.port), CONNECT)
                context = self._tls or ssl.create_default_context()
                try:
                    found = context.wrap_socket(plain, server_hostname=target.host)
                except OSError:
                    plain.close()
                    raise
        found.settimeout(SEND)
        return found

    @staticmethod
    def _is_gone(found: socket.socket) -> bool:
        """Say whether the server has hung up: a first write to such a connection would be lost without an error."""
        if found.type == socket.SOCK_DGRAM:
            return False
        found.settimeout(0)
        try:
            return found.recv(1) == b""
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            found.settimeout(SEND)

    def _hang_up(self) -> None:
        found, self._socket = self._socket, None
        if found is not None:
            with suppress(OSError):
                found.close()


def _connect_unix(path: str) -> socket.socket:
    """Return a connection to a local server: datagrams, as `/dev/log` takes them, or else a stream."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        found.settimeout(SEND)
        found.connect(path)
    except OSError as error:
        found.close()
        if not _is_a_stream(error):
            raise
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            found.settimeout(SEND)
            found.connect(path)
        except OSError:
            found.close()
            raise
    return found


def _is_a_stream(error: OSError) -> bool:
    return error.errno == errno.EPROTOTYPE
