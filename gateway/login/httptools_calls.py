"""Calls over HTTP/1.1 to the provider's own addresses: a request leaves whole, and its answer is read whole.

A sign-in makes two of them, and a general client took an eighth of its time. This one knows no redirect, cookie,
compression, proxy or ambient variable, so it has no switch for any of them. `answer_reader` reads the answers, as it
reads those of applications. `aiohttp_provider` decides what an answer means, and limits the time of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ssl import SSLContext
from typing import Final, assert_never, cast

import httptools
from yarl import URL

from gateway.settings.address import Address
from gateway.settings.settings import Tolerated, TrafficSettings
from gateway.upstream.answer_events import (
    AnswerBegins,
    AnswerEnds,
    AnswerFault,
    AnswerGoesOn,
    Ending,
    InterimAnswer,
    Switched,
)
from gateway.upstream.answer_reader import AnswerReader, Syntax
from gateway.upstream.answer_states import ReaderState
from gateway.upstream.asyncio_connect import Connect, connector
from gateway.upstream.head_cache import HeadCache
from gateway.upstream.upstream import AnswerHead, Headers

MOST_CONNECTIONS = 64
"""Connections of one client to the provider; a call that finds none free waits within its time."""

LONGEST_HEAD = 64 * 1024
"""Bytes of an answer's header section."""

_LLHTTP = Syntax(httptools.HttpResponseParser, httptools.HttpParserUpgrade, httptools.HttpParserError)
_UNTIL_CLOSE, _REUSABLE = ReaderState.UNTIL_CLOSE, Ending.REUSABLE


_Place = tuple[str, str, int]
"""Scheme, host and port."""


class CallError(Exception):
    """A call that has no answer; `args[0]` says why, in one word of ours."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, whole."""

    status: int
    headers: Headers
    body: bytes

    def field(self, name: bytes) -> str:
        """Return the first field of this name, which is in lower case; empty if there is none."""
        for each, value in self.headers:
            if each.lower() == name:
                return value.decode("latin-1").strip()
        return ""


def is_unread(status: int) -> bool:
    """Whether an answer's body is of no use: it sends the call elsewhere, or tells of a failure of the provider's."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


class _NoHeads(HeadCache):
    """Remembers nothing: an answer of the provider's is about one person."""

    __slots__ = ()

    def remember(self, raw: bytes, head: AnswerHead) -> None:
        """Forget it."""


class _Rules:
    """The rules that the provider's answers are read by."""

    limits = TrafficSettings(answer_headers=LONGEST_HEAD)
    tolerate: tuple[Tolerated, ...] = ()
    head_cache: HeadCache = _NoHeads()
    is_doubted = False


_RULES: Final = _Rules()


class Caller:
    """Calls of one client, over connections that are kept for a while."""

    def __init__(self, verification: SSLContext, *, longest: int, idle: float) -> None:
        """Take the certificates to trust, the bytes of the longest body, and the seconds a connection waits."""
        self._verification = verification
        self._longest = longest
        self._idle_time = idle
        self._connects: dict[_Place, Connect] = {}
        self._idle: dict[_Place, list[_Connection]] = {}
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)

    async def call(self, url: str, fields: Mapping[str, str], body: bytes | None = None) -> Answered:
        """Make one call and return its answer: a GET, or a POST of a body. The caller limits its time.

        An answer that `is_unread` has no body.

        Raises:
            CallError: the answer is too long, or none of HTTP/1.1; or the connection ended before it was complete.
            OSError: there is no connection, or it was lost.

        """
        place, target, host = _read(url)
        method = "GET" if body is None else "POST"
        lines = [f"{method} {target} HTTP/1.1\r\nHost: {host}"]
        for name, value in fields.items():
            if not value.isprintable():
                # It would begin another field.
                raise CallError("unsendable")
            lines.append(f"{name}: {value}")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        request = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + (body or b"")
        async with self._places:
            while True:
                connection = self._kept(place)
                fresh = connection is None
                if connection is None:
                    connection = await self._connected(place)
                try:
                    answer = await connection.ask(request, self._longest)
                except _UnheardError as unheard:
                    # The provider closed a connection that waited. A code is sent once, and a question may be repeated.
                    if fresh or body is not None:
                        raise unheard.lost from None
                    continue
                if connection.is_reusable:
                    connection.wait(self._idle.setdefault(place, []), self._idle_time)
                return answer

    def _kept(self, place: _Place) -> _Connection | None:
        waiting = self._idle.get(place)
        while waiting:
            connection = waiting.pop()
            if connection.take():
                return connection
        return None

    async def _connected(self, place: _Place) -> _Connection:
        connect = self._connects.get(place)
        if connect is None:
            scheme, host, port = place
            tls = self._verification if scheme == "https" else None
            connect = self._connects[place] = connector(Address(host, port), tls)
        _, connection = await connect(_Connection)
        return cast("_Connection", connection)

    def close(self) -> None:
        """Close the connections that wait; a call under way ends with its task."""
        for waiting in self._idle.values():
            for connection in waiting:
                connection.close()
        self._idle.clear()


def _read(url: str) -> tuple[_Place, str, str]:
    """Return the place to connect to, the request's target, and its `Host`."""
    read = URL(url)
    host, port = read.raw_host, read.port
    if read.scheme not in {"http", "https"} or not host or not port:
        raise CallError("no_address")
    return (read.scheme, host, port), read.raw_path_qs, read.host_port_subcomponent or host


class _UnheardError(Exception):
    """The connection was lost before the first byte of an answer."""

    def __init__(self, lost: Exception) -> None:
        super().__init__()
        self.lost = lost


class _Connection(asyncio.Protocol):
    """One connection to the provider, and at most one call on it."""

    def __init__(self) -> None:
        self._reader = AnswerReader(_RULES, _LLHTTP)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answered] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._head: AnswerHead | None = None
        self._body = bytearray()
        self._longest = 0
        self._heard = False
        self.is_reusable = False
        """Whether the last answer has left the connection open for another call."""

    async def ask(self, request: bytes, longest: int) -> Answered:
        """Send a request and return its answer.

        Raises:
            _UnheardError: the connection was lost, and nothing had come.
            CallError, OSError: as `Caller.call`.

        """
        if self._transport is None:
            raise _UnheardError(CallError("hung_up"))
        self._longest = longest
        self._heard = self.is_reusable = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None
            self._head = None
            self._body.clear()
            if not self.is_reusable:
                # Nothing more is read here: the rest of this answer would be taken for the next one's.
                self.close()

    def wait(self, among: list[_Connection], seconds: float) -> None:
        """Wait for another call, for so long."""
        if self._transport is not None:
            among.append(self)
            self._expiry = asyncio.get_running_loop().call_later(seconds, self._expire, among)

    def take(self) -> bool:
        """Stop waiting; return whether the connection is still there."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        return self._transport is not None

    def close(self) -> None:
        """Close the connection at once."""
        self.take()
        transport, self._transport = self._transport, None
        self._reader.part()
        if transport is not None:
            transport.abort()

    def _expire(self, among: list[_Connection]) -> None:
        among.remove(self)
        self._expiry = None
        self.close()

    # --- what the event loop does -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports are not subclasses of asyncio's, but behave the same.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        if self._answer is None or self._answer.done():
            # It speaks unasked: these bytes must not become the next call's answer.
            self.close()
            return
        self._heard = True
        for event in self._reader.feed(data):
            match event:
                case AnswerBegins(head, body, ending):
                    self._head = head
                    if is_unread(head.status):
                        self._finish(None)
                        return
                    self._add(body)
                case AnswerGoesOn(body):
                    self._add(body)
                    ending = None
                case AnswerEnds(ending=ending):
                    pass
                case InterimAnswer():
                    ending = None
                case Switched() | AnswerFault():
                    self._fail(CallError("not_http"))
                    return
                case _:
                    assert_never(event)
            if ending is not None:
                self._finish(ending)
            if self._answer.done():
                return

    def eof_received(self) -> None:
        """End an answer that ends where the connection does."""
        if self._answer is not None and not self._answer.done() and self._reader.state is _UNTIL_CLOSE:
            self._finish(self._reader.hang_up().ending)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, with or without an answer."""
        self._transport = None
        self._reader.part()
        lost = exc or CallError("hung_up")
        self._fail(lost if self._heard else _UnheardError(lost))

    def _add(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._longest:
            self._fail(CallError("too_long"))

    def _finish(self, ending: Ending | None) -> None:
        answer, head = self._answer, self._head
        if answer is None or answer.done() or head is None:
            return
        self.is_reusable = ending is _REUSABLE
        answer.set_result(Answered(head.status, head.headers, bytes(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
