"""HTTP/1.1 on a bare socket: any bytes out, every byte of the answer back, and when it came.

No client library would send what these cases send, or show what came back unread.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

QUIET = 1.5
"""Seconds without a byte after which an unfinished answer is taken as it is."""

WHOLE = 30.0
"""Seconds after which an exchange is given up."""


@dataclass
class Response:
    """One answer, as parsed from the bytes."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    seconds: float = 0.0
    raw: bytes = b""
    complete: bool = True

    def all(self, name: str) -> list[str]:
        return [value for field_name, value in self.headers if field_name.lower() == name.lower()]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    @property
    def text(self) -> str:
        """The body as text, decompressed where it says so."""
        body = self.body
        if (self.one("content-encoding") or "").lower() == "gzip":
            with suppress(zlib.error):
                body = zlib.decompressobj(31).decompress(body, 1 << 20)
        return body.decode("utf-8", "replace")


@dataclass
class Exchange:
    """The result of one connection: its answers in order, and its end."""

    responses: list[Response] = field(default_factory=list)
    received: bytes = b""
    closed: bool = False
    reset: bool = False
    seconds: float = 0.0
    closed_after: float | None = None
    leftover: bytes = b""

    @property
    def response(self) -> Response | None:
        return self.responses[0] if self.responses else None


_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")


class Parser:
    """Cuts answers out of bytes. `methods` are those of the requests sent, in order: HEAD has no body."""

    def __init__(self, methods: list[str]) -> None:
        self._methods = list(methods)
        self.buffer = b""
        self.responses: list[Response] = []
        self.broken = False

    def feed(self, data: bytes, *, eof: bool = False) -> None:
        self.buffer += data
        while self.buffer and not self.broken:
            cut = self._cut(eof=eof)
            if cut is None:
                return
            response, self.buffer = cut
            if response.status >= 200 or response.status == 101:
                if self._methods:
                    self._methods.pop(0)
                self.responses.append(response)
            if response.status == 101:
                return

    def _cut(self, *, eof: bool) -> tuple[Response, bytes] | None:
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = head.split(b"\r\n")
        status_line = _STATUS_LINE.fullmatch(lines[0])
        if status_line is None:
            self.broken = True
            return None
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon:
                self.broken = True
                return None
            headers.append((name.decode("latin-1"), value.strip(b" \t").decode("utf-8", "replace")))
        status = int(status_line[1])
        response = Response(status, headers, b"", raw=head + end)
        method = self._methods[0] if self._methods else "GET"
        if status < 200 or status in (204, 304) or method == "HEAD":
            return response, rest
        if "chunked" in (response.one("transfer-encoding") or "").lower():
            return self._chunked(response, rest, eof=eof)
        length = response.one("content-length")
        if length is not None:
            if not length.isdigit():
                self.broken = True
                return None
            count = int(length)
            if len(rest) < count:
                if not eof:
                    return None
                response.body, response.complete = rest, False
                return response, b""
            response.body = rest[:count]
            return response, rest[count:]
        if not eof:
            return None
        response.body = rest
        return response, b""

    @staticmethod
    def _chunked(response: Response, rest: bytes, *, eof: bool) -> tuple[Response, bytes] | None:
        body = bytearray()
        left = rest
        while True:
            line, end, after = left.partition(b"\r\n")
            if not end:
                break
            size = int(line.split(b";")[0] or b"0", 16)
            if size == 0:
                _, done, tail = (b"\r\n" + after).partition(b"\r\n\r\n")
                if not done:
                    break
                response.body = bytes(body)
                return response, tail
            if len(after) < size + 2:
                body += after[:size]
                break
            body += after[:size]
            left = after[size + 2 :]
        if not eof:
            return None
        response.body, response.complete = bytes(body), False
        return response, b""


class Connection:
    """One TCP connection from a chosen loopback address."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, address: tuple[str, int], source: str, tls: ssl.SSLContext | None = None) -> Connection:
        reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0), ssl=tls, limit=1 << 24)
        return cls(reader, writer)

    async def send(self, data: bytes) -> bool:
        """Write it all; False where the other side would not have it."""
        try:
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), WHOLE)
        except (OSError, TimeoutError):
            return False
        return True

    def reset(self) -> None:
        """Go away at once, as a process that is killed does (RFC 9293 section 3.10.4): with RST and not with FIN."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError, TimeoutError, ssl.SSLError):
            await asyncio.wait_for(self.writer.wait_closed(), 2)


async def exchange(
    connection: Connection,
    data: bytes,
    methods: list[str],
    *,
    want: int | None = 1,
    quiet: float = QUIET,
    whole: float = WHOLE,
    on_bytes: Callable[[], None] | None = None,
) -> Exchange:
    """Send bytes and read until `want` answers are whole, the end, or silence; `None`: until the end or silence."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    result = Exchange()
    parser = Parser(methods)
    sender = asyncio.create_task(connection.send(data))
    patience = whole if want is not None else quiet
    try:
        while loop.time() - began < whole:
            try:
                piece = await asyncio.wait_for(connection.reader.read(1 << 18), patience)
            except TimeoutError:
                break
            except OSError:
                result.closed = result.reset = True
                break
            if not piece:
                result.closed = True
                break
            if on_bytes is not None:
                on_bytes()
            result.received += piece
            parser.feed(piece)
            if want is not None and len(parser.responses) >= want:
                break
            if want is None:
                patience = quiet
    finally:
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender
    result.seconds = loop.time() - began
    if result.closed:
        result.closed_after = result.seconds
        parser.feed(b"", eof=True)
    result.responses = parser.responses
    result.leftover = parser.buffer
    for response in result.responses:
        response.seconds = result.seconds
    return result


async def closes_within(connection: Connection, seconds: float) -> bool:
    """Say whether the other side ends the connection in that time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (left := until - loop.time()) > 0:
        try:
            if not await asyncio.wait_for(connection.reader.read(1 << 16), left):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def head(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return a request's head, with any content."""
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target), *(b"%b: %b" % field_ for field_ in headers), b"", b""]
    return b"\r\n".join(lines)
