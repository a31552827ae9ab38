"""Answers for the workers while there is none.

The kernel accepts connections for as long as any process has the listening socket, and a client would wait for an
answer that never comes. Each connection gets the page of last resort and is closed. Over TLS, where only workers have
the certificate, it is reset at once, so that a balancer asks another node.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus

from gateway.listen.answer import date_line, own_answer
from gateway.pipeline.outcome import Answer
from gateway.pipeline.problem import RETRY_AFTER
from gateway.pipeline.small_page import last_resort

MOST = 500
"""Connections that are answered at a time. More are reset."""
LINGER = 2.0
"""Seconds a client has to send what is on its way, so that the answer is not lost with it."""
PAUSE = 0.1
"""Seconds until the next attempt where the system accepts nothing, such as for want of descriptors."""

_RESET = struct.pack("ii", 1, 0)
_CHUNK = 64 * 1024


async def stand_in(listening: Iterable[tuple[socket.socket, bool]], refused: Callable[[], None]) -> None:
    """Refuse each connection of the listening sockets, until cancelled; `True` stands beside one that speaks TLS."""
    answering: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as accepting:
            for listener, secured in listening:
                accepting.create_task(_accept(listener, answering, refused, secured=secured))
    finally:
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


async def _accept(
    listener: socket.socket, answering: set[asyncio.Task[None]], refused: Callable[[], None], *, secured: bool
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            connection, _ = await loop.sock_accept(listener)
        except OSError:
            await asyncio.sleep(PAUSE)
            continue
        refused()
        if secured or len(answering) >= MOST:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
            continue
        task = loop.create_task(_answer(connection))
        answering.add(task)
        task.add_done_callback(answering.discard)


async def _answer(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with connection, contextlib.suppress(OSError, TimeoutError):
        connection.settimeout(0)
        async with asyncio.timeout(LINGER):
            await loop.sock_sendall(connection, _page())
            connection.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(connection, _CHUNK):
                pass


def _page() -> bytes:
    page = last_resort(HTTPStatus.SERVICE_UNAVAILABLE, secrets.token_hex(8))
    page = Answer(page.status, (*page.headers, (b"Retry-After", b"%d" % RETRY_AFTER)), page.body)
    return own_answer(page, date_line(int(time.time())), b"", b"Connection: close\r\n", bodyless=False)
