"""Has the portal's application answer a request in this process: one more upstream of the byte path, without a socket.

The application and its handlers are aiohttp's. Its server is left out: a socketpair, a parser and a writer of HTTP
between two ends of one process took a sixth of a sign-in's time. A request is what `portal_head` wrote, with the body
behind it. An answer is handed over whole, as none of our pages comes in pieces.
"""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.errors import GatewayError, UpstreamProtocolError, UpstreamTimeoutError
from gateway.observe.events import Event
from gateway.observe.redact import where_it_failed
from gateway.settings.settings import TrafficSettings
from gateway.upstream.upstream import AnswerFraming, AnswerHead, Receiver

SECONDS_TO_CLOSE = 1.0
"""Seconds our own pages may take to end when their generation is over."""

_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT.value, HTTPStatus.NOT_MODIFIED.value})
_CHUNKED = b"\r\nTransfer-Encoding: chunked\r\n"

_log = structlog.get_logger()


_NoSocket: Any = type("_NoSocket", (BaseProtocol,), dict.fromkeys(("ssl_context", "peername", "sockname")))
"""The end of a connection, as a request of aiohttp's asks for it: without addresses and certificates."""


class PortalInside:
    """The portal, as the byte path uses an upstream."""

    rewrite = None

    def __init__(self, app: web.Application, limits: TrafficSettings) -> None:
        """Take an application that has been set up."""
        self.app: Any = app
        self.limits = limits
        self.longest: int = self.app._client_max_size  # noqa: SLF001 (it says so to nobody)
        self.socket: Any = _NoSocket(asyncio.get_running_loop())
        self.tasks: set[asyncio.Task[None]] = set()
        self._known: dict[tuple[str, str], Any] = {}
        """The places of the application, by method and path: to look one up costs as much as to make a short page."""
        self._middlewares = tuple(reversed(app.middlewares))
        # Only the collector ends the circles of an application, and it never visits those that a reload finds alive.
        # No request can come any more once this object is gone.
        weakref.finalize(self, _part, app, self._known)

    def take(self, receiver: Receiver, *, repeatable: bool) -> PageCall:
        """Return the way to one answer; there is always one."""
        del repeatable
        return PageCall(self, receiver)

    def take_fresh(self, receiver: Receiver) -> None:
        """Make nothing anew, as nothing is kept."""
        del receiver

    def leave(self, receiver: Receiver) -> None:
        """Remove nobody, as nobody waits for a connection."""
        del receiver

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the answer, as the application's own `_handle` does.

        That one remembers the handlers of the last thousand routes, for all applications of the process. Each
        configuration has its own application, so it would keep those of hundreds that are over.
        """
        line = (request.method, request.path)
        match_info = self._known.get(line)
        if match_info is None:
            app = self.app
            match_info = await app.router.resolve(request)
            match_info.add_app(app)
            match_info.freeze()
            # Only a page whose path is fixed, of which there are few; and the root, where the byte path asks for a page
            # that no handler makes.
            if line[1] == "/" or (match_info.http_exception is None and not match_info):
                self._known[line] = match_info
        request._match_info = match_info  # noqa: SLF001 (the server's own way in)
        handler = match_info.handler
        for middleware in self._middlewares:
            handler = partial(middleware, handler=handler)
        response: web.StreamResponse = await handler(request)
        return response

    async def close(self) -> None:
        """End what is still under way, after a while."""
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=SECONDS_TO_CLOSE)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=SECONDS_TO_CLOSE)


def _part(app: web.Application, known: dict[tuple[str, str], Any]) -> None:
    """Have the parts of an application refer to each other no more: those too that stand for no page of it."""
    for route in (*app.router.routes(), *(match_info.route for match_info in known.values())):
        vars(route).clear()
    vars(app).clear()


class PageCall:
    """One request of the portal, as an `Exchanger`."""

    __slots__ = ("_body", "_head", "_holder", "_late", "_portal", "last")

    def __init__(self, portal: PortalInside, holder: Receiver) -> None:
        self.last = False
        self._portal = portal
        self._holder: Receiver | None = holder
        self._head = b""
        self._body: bytearray | None = None
        self._late: asyncio.TimerHandle | None = None

    def send(self, holder: Receiver, head: bytes, *, is_head: bool, uploading: bool, with_body: bool = False) -> None:
        """Begin, once the body is there."""
        del is_head, with_body
        if holder is not self._holder:
            raise RuntimeError("a request of somebody who is not the holder")
        self._head, _, body = head.partition(b"\r\n\r\n")
        if uploading:
            self._body = bytearray()
        else:
            self._begin(body)

    def within(self, holder: Receiver, limits: TrafficSettings) -> None:
        """Keep our own clock, which no App's settings change."""

    def send_body(self, holder: Receiver, data: bytes) -> None:
        """Gather the body; one that is longer than any form of ours is refused by its beginning."""
        if holder is not self._holder or self._body is None:
            return
        self._body += data
        if len(self._body) > 2 * self._portal.longest:
            self.upload_done(holder)

    def upload_done(self, holder: Receiver) -> None:
        """Begin."""
        if holder is self._holder and self._body is not None:
            body, self._body = bytes(self._body), None
            self._begin(body)

    def end_tunnel(self, holder: Receiver) -> None:
        """End nothing: there is no tunnel."""

    def pause(self, holder: Receiver) -> None:
        """Pause nothing: an answer is handed over whole."""

    def resume(self, holder: Receiver) -> None:
        """Resume nothing."""

    def pass_on(self, holder: Receiver, heir: Receiver) -> None:
        """Have another receiver get the answer."""
        if holder is self._holder:
            self._holder = heir

    def abandon(self, holder: Receiver) -> None:
        """Forget the receiver. A sign-in that is under way goes on: its code is spent."""
        if holder is self._holder:
            self._holder = None
            self._body = None

    def _begin(self, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        portal = self._portal
        # In a context of its own, as a server has it.
        task = loop.create_task(self._answer(body), context=contextvars.Context())
        portal.tasks.add(task)
        task.add_done_callback(portal.tasks.discard)
        self._late = loop.call_later(portal.limits.answer, self._fail, UpstreamTimeoutError())

    async def _answer(self, body: bytes) -> None:
        try:
            response = await self._portal.handle(self._request(body))
            head, content = _taken(response)
        except Exception as error:  # noqa: BLE001 (the last resort, as a server has it: no client waits for ever)
            _log.error(Event.PORTAL_FAILED, error=type(error).__name__, where=where_it_failed(error))
            self._fail(UpstreamProtocolError())
            return
        holder = self._over()
        if holder is not None:
            holder.answer_begins(head, content, complete=True)

    def _over(self) -> Receiver | None:
        """End the lease, and return the one who held it."""
        holder, self._holder = self._holder, None
        if self._late is not None:
            self._late.cancel()
            self._late = None
        return holder

    def _fail(self, error: GatewayError) -> None:
        holder = self._over()
        if holder is not None:
            holder.upstream_failed(error, unheard=False)

    def _request(self, body: bytes) -> web.Request:
        portal = self._portal
        line, *fields = self._head.split(b"\r\n")
        method, path, _ = line.decode("ascii").split(" ")
        parts = [field.partition(b": ") for field in fields]
        raw = tuple([(name, value) for name, _, value in parts])
        headers: CIMultiDict[str] = CIMultiDict(
            [(name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in raw]
        )
        payload: StreamReader = EMPTY_PAYLOAD
        if body:
            payload = StreamReader(portal.socket, 2 * portal.longest, loop=asyncio.get_running_loop())
            payload.feed_data(_unchunked(body) if _CHUNKED in self._head + b"\r\n" else body)
            payload.feed_eof()
        message = RawRequestMessage(
            method,
            path,
            HttpVersion11,
            CIMultiDictProxy(headers),
            raw,
            should_close=False,
            compression=None,
            upgrade=False,
            chunked=False,
            url=URL(path, encoded=True),
        )
        request: web.Request = portal.app._make_request(  # noqa: SLF001
            message, payload, portal.socket, None, asyncio.current_task()
        )
        return request


def _unchunked(framed: bytes) -> bytes:
    """Return a body that the listener framed in chunks; one that was cut off as far as it came."""
    body = bytearray()
    at = 0
    while (end := framed.find(b"\r\n", at)) >= 0:
        length = int(framed[at:end].partition(b";")[0], 16)
        if not length:
            break
        body += framed[end + 2 : end + 2 + length]
        at = end + 2 + length + 2
    return bytes(body)


def _taken(response: web.StreamResponse) -> tuple[AnswerHead, bytes]:
    """Return an answer's head and body, as the server would have sent them."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(response, web.Response) or not isinstance(body, bytes | None):
        raise TypeError("an answer of ours that does not come whole")
    content = body or b""
    headers = response.headers
    if content:
        headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")
    fields = tuple(
        [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in headers.items()]
    )
    if response.status in _WITHOUT_BODY:
        return AnswerHead(response.status, fields, AnswerFraming.NONE), b""
    return AnswerHead(response.status, fields, AnswerFraming.COUNTED, len(content)), content
