"""An answer that comes before the body is whole reaches the client, although the client is sending still."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from gateway.listen.asyncio_client import UPLOAD_SILENCE, UPLOAD_TIME
from gateway.pipeline.outcome import Step
from gateway.pipeline.problem import problem
from tests.listen.byte_path import HOST, PATIENCE, Door

MIB = 1024 * 1024
REFUSAL = b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge"
POST = b"POST /up HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"


def _refuse(connection: socket.socket) -> None:
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(1024)
            if not more:
                return
            head += more
        connection.sendall(REFUSAL)
        # The system sends a reset, because a part of the request has not been read.


@contextmanager
def refusing_server() -> Iterator[int]:
    """Run a server that answers each upload at once and resets the connection; give its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            _refuse(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        # A blocked `accept` ends with the socket's shutdown, not with its close.
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _send_all_then_read(port: int, size: int, framing: bytes) -> tuple[bytes, bool]:
    """Do as simple clients do: read nothing before everything is sent. Say whether it could be."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(POST + framing + b"\r\n")
        sent = True
        try:
            for _ in range(size // 65536):
                client.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in framing else b"x" * 65536)
        except OSError:
            sent = False
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer, sent


def counted(size: int) -> bytes:
    return b"Content-Length: %d\r\n" % size


@pytest.mark.parametrize(("times", "size"), [(6, 4 * MIB), pytest.param(40, 20 * MIB, marks=pytest.mark.long)])
async def test_a_server_that_answers_and_resets_is_heard(door: Door, times: int, size: int) -> None:
    """The reset takes nothing away that came before it; and the client is not reset in its turn."""
    with refusing_server() as port:
        door.upstream_ports = [port]
        await door.open()

        answers = [await asyncio.to_thread(_send_all_then_read, door.port, size, counted(size)) for _ in range(times)]

    assert all(sent and answer.startswith(b"HTTP/1.1 413 ") and answer.endswith(b"large") for answer, sent in answers)
    assert {line.status for line in await door.lines(times)} == {413}


@pytest.mark.parametrize("framing", [counted(4 * MIB), b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("refused_by", ["the policy", "the limit"])
async def test_our_own_refusal_is_heard(door: Door, refused_by: str, framing: bytes) -> None:
    """A form whose session has ended is answered 401, not cut off; so is a body that is too long answered 413."""

    def refuse(*_: object) -> Step:
        return problem(HTTPStatus.UNAUTHORIZED, "sign_in_required", "0123456789abcdef")

    if refused_by == "the policy":
        door.step = refuse
        await door.open()
    else:
        await door.open(body=MIB)

    answer, sent = await asyncio.to_thread(_send_all_then_read, door.port, 4 * MIB, framing)

    assert sent
    assert answer.startswith(b"HTTP/1.1 401 " if refused_by == "the policy" else b"HTTP/1.1 413 ")
    assert not door.application.requests


@pytest.mark.parametrize(("goes_on", "seconds"), [(True, UPLOAD_TIME), (False, UPLOAD_SILENCE)])
async def test_nobody_sends_into_the_void_for_ever(door: Door, goes_on: bool, seconds: float) -> None:
    """A client that has its answer and sends on, or does nothing more, is closed after a while."""
    door.resolution = 0.005
    await door.open(body=10)
    client = await door.client()
    await client.send(POST + counted(2**40) + b"\r\n")
    assert (await client.answer()).status == 413

    await client.send(b"x" * 3 * MIB)
    assert door.observed.open == 1
    door.deadlines.now += seconds + 1
    if goes_on:
        await client.send(b"x")
    async with asyncio.timeout(PATIENCE):
        while door.observed.open:
            await asyncio.sleep(0)
