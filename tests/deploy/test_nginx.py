"""The nginx configuration we hand out, run by a real nginx in front of a socket that writes down what it gets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.settings.settings import TrafficSettings
from tests.conftest import free_port
from tests.deploy.nginx import NAME, Front, nginx_before


@dataclass
class Recorder:
    """An application of one answer: keeps the heads it was sent."""

    port: int
    heads: list[bytes] = field(default_factory=list)
    fields: bytes = b""
    """The answer's header lines beside its length."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = Recorder(listener.getsockname()[1])

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        head = b""
                        while b"\r\n\r\n" not in head and (part := connection.recv(65536)):
                            head += part
                        if head:
                            kept.heads.append(head)
                            begin = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n"
                            connection.sendall(begin + kept.fields + b"\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        yield kept
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture
def front(tmp_path: Path, recorder: Recorder) -> Iterator[Front]:
    with nginx_before(tmp_path, recorder.port) as running:
        yield running


def lines(head: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.lower(), []).append(value.strip())
    return found


def test_what_a_client_says_of_itself_is_not_passed_on_as_ours(front: Front, recorder: Recorder) -> None:
    """The forwarding headers are nginx's own words, once each; forged ones are gone."""
    request = (
        f"GET / HTTP/1.1\r\nHost: {NAME}\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\n"
        "X-Forwarded-Host: elsewhere.example\r\nForwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n"
        "X-Request-Id: 0123456789abcdef0123\r\nX_Verified_Subject: forged\r\nConnection: close\r\n\r\n"
    )

    answer = front.ask(request.encode())

    assert answer.startswith(b"HTTP/1.1 200")
    answered = lines(recorder.heads[-1])
    assert answered["host"] == [NAME]
    assert answered["x-forwarded-for"] == ["127.0.0.1"]
    assert answered["x-forwarded-proto"] == ["https"]
    assert answered["x-request-id"] != ["0123456789abcdef0123"]
    assert not {"x-forwarded-host", "forwarded", "x-real-ip", "x_verified_subject"} & answered.keys()


@pytest.mark.parametrize(
    "target", ["/a%2Fb", "//double", "/a/../b", "/%E6%B8%8B?x=%41", "/static/..;/reserve", "/a%5cb", "/A%c3%a9?"]
)
@pytest.mark.parametrize("more", ["Accept: text/html", "Accept: text/event-stream", "Upgrade: websocket"])
def test_the_target_arrives_as_it_was_sent(front: Front, recorder: Recorder, target: str, more: str) -> None:
    """The gateway judges what the browser sent, not what nginx made of it, also where a stream is asked for."""
    front.ask(f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n{more}\r\n\r\n".encode())

    assert recorder.heads[-1].startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert lines(recorder.heads[-1])["x-forwarded-for"] == ["127.0.0.1"]


def test_a_websocket_keeps_its_upgrade(front: Front, recorder: Recorder) -> None:
    """An upgrade is passed on, and a request without one asks for none."""
    front.ask(f"GET /ws HTTP/1.1\r\nHost: {NAME}\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n".encode())
    front.ask(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())

    upgraded, plain = (lines(head) for head in recorder.heads)
    assert (upgraded["upgrade"], upgraded["connection"]) == (["websocket"], ["upgrade"])
    assert not {"upgrade", "connection"} & plain.keys()


def test_a_strange_name_gets_no_certificate(front: Front) -> None:
    """A client that asks for another name gets no certificate, not even ours."""
    with pytest.raises(ssl.SSLError):
        front.ask(b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", name="elsewhere.example")


def test_plain_http_is_sent_to_https(front: Front) -> None:
    """308 keeps the method: a form posted to http is not turned into a GET."""
    with socket.create_connection(("127.0.0.1", front.plain_port), 5) as connection:
        connection.sendall(f"POST /reserve HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 0\r\n\r\n".encode())
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 308")
    assert f"Location: https://{NAME}/reserve\r\n".encode() in answer


def test_the_longest_head_that_we_pass_on_fits(front: Front, recorder: Recorder) -> None:
    """An answer's head of `traffic.answer_headers`, and a request line and cookies of as many bytes as we take."""
    field = b"Set-Cookie: a=" + b"c" * 4_000 + b"; Path=/\r\n"
    recorder.fields = field * (TrafficSettings().answer_headers // len(field))
    target = "/" + "a" * (TrafficSettings().request_line - 100)

    answer = front.ask(
        f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\nCookie: a={'c' * 8_000}\r\nConnection: close\r\n\r\n".encode()
    )

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"Set-Cookie: a=") == TrafficSettings().answer_headers // len(field)
    assert recorder.heads[-1].startswith(f"GET {target} HTTP/1.1\r\n".encode())


@contextlib.contextmanager
def breaking() -> Iterator[tuple[int, list[bytes]]]:
    """Run a node that breaks each connection once it has the request, and yield its port and what it got."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        got: list[bytes] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        got.append(connection.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], got
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(("method", "repeated"), [("GET", True), ("HEAD", True), ("POST", False), ("PATCH", False)])
def test_the_second_node_gets_what_the_first_one_did_not_answer(
    tmp_path: Path, recorder: Recorder, method: str, repeated: bool
) -> None:
    """A page is asked for again at the other node. A form is not: the application may have it already."""
    with breaking() as (broken, got), nginx_before(tmp_path, recorder.port, other=broken) as front:
        head = f"{method} /x HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        # Of two requests, one goes to the node that breaks it, and that one is then left alone.
        answers = [front.ask(head)[:12] for _ in range(2)]

    assert len(got) == 1
    assert sorted(answers) == [b"HTTP/1.1 200", b"HTTP/1.1 200" if repeated else b"HTTP/1.1 502"]
    assert len(recorder.heads) == (2 if repeated else 1)


def test_a_node_that_is_away_costs_nobody_a_request(tmp_path: Path, recorder: Recorder) -> None:
    """Nothing was sent to a node that refuses the connection, so a form goes to the other one as well."""
    with nginx_before(tmp_path, recorder.port, other=free_port()) as front:
        head = f"POST /x HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".encode()
        answers = {front.ask(head)[:12] for _ in range(4)}

    assert answers == {b"HTTP/1.1 200"}
    assert len(recorder.heads) == 4
