"""An upstream for what nginx cannot be: it swallows uploads whole, and echoes WebSocket messages.

Runs on the load's core. It reads bodies into one buffer that is never looked at, so it is no limit
to any proxy; a WebSocket message is answered by one of the same length, unmasked.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

import uvloop

PAYLOAD = 125
"""Bytes of a WebSocket message: the longest with a head of two bytes (RFC 6455 section 5.2)."""

MASKED = 2 + 4 + PAYLOAD
UNMASKED = 2 + PAYLOAD
_ECHO = bytes((0x82, PAYLOAD)) + b"e" * PAYLOAD
_TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\ntaken"
_UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
_ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The answer to the key `dGhlIHNhbXBsZSBub25jZQ==` of RFC 6455 section 1.3, which all our clients send."""


class Sink(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = bytearray(1 << 20)
        self._head = b""
        self._left = 0
        self._chunked = False
        self._upgraded = False
        self._waiting = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's signature
        """Lend the buffer."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count a body, answer a message, or read a head."""
        assert self._transport is not None  # noqa: S101 - asyncio calls `connection_made` first
        if self._upgraded:
            self._waiting += nbytes
            whole, self._waiting = divmod(self._waiting, MASKED)
            if whole:
                self._transport.write(_ECHO * whole)
            return
        if self._left:
            self._left -= nbytes
            if self._left <= 0:
                self._transport.write(_TAKEN)
            return
        if self._chunked:
            if self._buffer[:nbytes].endswith(b"0\r\n\r\n"):
                self._chunked = False
                self._transport.write(_TAKEN)
            return
        self._head += self._buffer[:nbytes]
        head, end, body = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        self._head = b""
        if re.search(rb"^upgrade: *websocket", head, re.IGNORECASE | re.MULTILINE):
            self._upgraded = True
            self._transport.write(_UPGRADED + _ACCEPT + b"\r\n\r\n")
        elif match := re.search(rb"^content-length: *(\d+)", head, re.IGNORECASE | re.MULTILINE):
            self._left = int(match[1]) - len(body)
            if self._left <= 0:
                self._left = 0
                self._transport.write(_TAKEN)
        elif re.search(rb"^transfer-encoding:", head, re.IGNORECASE | re.MULTILINE):
            self._chunked = not body.endswith(b"0\r\n\r\n")
            if not self._chunked:
                self._transport.write(_TAKEN)
        else:
            self._transport.write(_TAKEN)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
