"""Lines on their way to a syslog server, over each transport, and while the server is away."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.audit import thread_syslog
from gateway.audit.syslog import Origin, Target, Transport
from gateway.audit.thread_syslog import SyslogSender, tls_to_server
from gateway.observe.lines import LineKind
from tests.audit.folders import until
from tests.redis_server import write_certificates

ORIGIN = Origin("gw1", 77)


class Server:
    """Takes messages with counted octets, strictly."""

    def __init__(self, address: tuple[str, int] | str, context: ssl.SSLContext | None = None) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(address)
        self.socket.listen()
        self.context = context
        self.messages: list[bytes] = []
        self.peers: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
                if self.context is not None:
                    peer = self.context.wrap_socket(peer, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self._read, args=(peer,), daemon=True).start()

    def _read(self, peer: socket.socket) -> None:
        try:
            with peer, peer.makefile("rb") as stream:
                while digits := self._count(stream):
                    text = stream.read(int(digits))
                    assert len(text) == int(digits)
                    self.messages.append(text)
        except OSError:
            return

    @staticmethod
    def _count(stream: object) -> bytes:
        digits = b""
        while (byte := stream.read(1)) not in (b" ", b""):  # type: ignore[attr-defined]
            assert byte.isdigit()
            digits += byte
        return digits

    def texts(self) -> list[str]:
        return [message.rpartition(b" - ")[2].decode() for message in self.messages]

    def hang_up(self) -> None:
        for peer in self.peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.hang_up()
        self._thread.join(10)


@contextmanager
def sending(target: Target, tls: ssl.SSLContext | None = None) -> Iterator[SyslogSender]:
    sender = SyslogSender(target, ORIGIN, tls)
    try:
        yield sender
    finally:
        sender.close(10)


def put(sender: SyslogSender, *texts: str) -> None:
    for text in texts:
        sender.put(text.encode() + b"\n", 1, LineKind.AUDIT)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_syslog, "FIRST_PAUSE", 0.05)


def test_lines_go_over_tls_and_the_server_is_verified(tmp_path: Path) -> None:
    """The server's certificate must be of a CA that the settings name; another server gets nothing."""
    ca, certificate, key = write_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(("127.0.0.1", 0), context)
    target = Target(Transport.TLS, "localhost", server.port)
    try:
        with sending(target, tls_to_server(None, None)) as distrusting:
            put(distrusting, "secret")
        assert server.messages == []
        assert distrusting.lost[LineKind.COPY] == 1
        with sending(target, tls_to_server(ca, None)) as sender:
            put(sender, "one", "二")
            until(lambda: len(server.messages) == 2)
    finally:
        server.close()

    assert server.texts() == ["one", "二"]
    assert server.messages[0].startswith(b"<109>1 ")
    assert sender.lost[LineKind.COPY] == 0


def test_a_server_that_comes_back_gets_what_has_waited() -> None:
    """In order, and also what it hung up on."""
    server = Server(("127.0.0.1", 0))
    port = server.port
    with sending(Target(Transport.TCP, "127.0.0.1", port)) as sender:
        put(sender, "first")
        until(lambda: server.texts() == ["first"])
        server.close()
        put(sender, "second", "third")
        again = Server(("127.0.0.1", port))
        until(lambda: again.texts() == ["second", "third"])
        again.hang_up()
        put(sender, "fourth")
        until(lambda: again.texts()[-1] == "fourth")
        again.close()

    assert sender.lost[LineKind.COPY] == 0


def test_what_has_no_room_is_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is away holds nobody up."""
    monkeypatch.setattr(thread_syslog, "ROOM", {LineKind.COPY: 20})
    with sending(Target(Transport.TCP, "127.0.0.1", 1)) as sender:
        put(sender, "123456789", "123456789", "x")
        sender.lose(2, LineKind.EVENT)
        assert sender.lost[LineKind.COPY] == 3
    # Two more that had waited until the end.
    assert sender.lost[LineKind.COPY] == 5


def test_datagrams_go_to_a_local_socket(tmp_path: Path) -> None:
    """As `/dev/log` takes them: one message each, without a count."""
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(20)
        with sending(Target(Transport.UNIX, path=path)) as sender:
            put(sender, "one", "two")
            assert [server.recv(999).rpartition(b" - ")[2] for _ in range(2)] == [b"one", b"two"]


def test_a_local_stream_gets_counted_messages(tmp_path: Path) -> None:
    """A socket that takes no datagrams."""
    server = Server(str(tmp_path / "log"))
    with sending(Target(Transport.UNIX, path=str(tmp_path / "log"))) as sender:
        put(sender, "one")
        until(lambda: server.texts() == ["one"])
    server.close()
