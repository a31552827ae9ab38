"""One request and its answer, from the accepted head to the access line: the stages.

The connection it came on (`httptools_connection`) feeds it the body's bytes; the upstream side
(`upstream/httptools_connection`) feeds it the answer's. Each event is looked up in the table of `stages` before
anything is done. `upload` and `answer` say which bytes go on; everything is re-framed.

This file has the answer's way back. `asyncio_request` brings the request to its application, and `asyncio_ending` has
the values of a request and its end.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from gateway.errors import GatewayError
from gateway.headers.answer import cookie_passes
from gateway.limits.asyncio_entry import Entry
from gateway.limits.limits import AnswerWords
from gateway.listen.answer import (
    CHUNKED,
    NO_BODY,
    WITHOUT_BODY,
    chunk,
    connection_line,
    fit_trailers,
    framed,
    framing_of,
    last_chunk,
    status_line,
    with_cookie,
    without_cookie,
)
from gateway.listen.asyncio_last_word import LastWord
from gateway.listen.asyncio_request import RequestSide
from gateway.listen.stages import BEGUN, STAGES, TUNNELS, WAITING_FOR_ANSWER, Stage, StageEvent
from gateway.observe.causes import CLIENT_GONE, GATEWAY_STOPPED, PORTAL_FAILED, UPSTREAM_STATUS
from gateway.pipeline.problem import RETRY_AFTER, problem
from gateway.pipeline.small_page import without_portal
from gateway.pipeline.step import next_worker
from gateway.pipeline.visit import Told, Trouble, TroublePage, Visit, told
from gateway.request.inbound import Framing
from gateway.request.navigation import Navigation, navigation
from gateway.route.route import Route
from gateway.session.session import BothWatches, Found
from gateway.session.ticket import Ticket
from gateway.upstream.upstream import AnswerHead, Headers, SentHead, location_of
from gateway.wire.methods import SAFE

LEFT = 499
"""The access line's status if the client left before the answer began. Never sent."""

_SERVER_ERROR = 500

_EMPTY = Framing.EMPTY
"""By a name of its own: to look it up in its enum, each request, costs more than to compare it. So are the stages."""
_DECIDING, _CONNECTING = Stage.DECIDING, Stage.CONNECTING
_SENT, _SETTLING, _ANSWERING, _OVER = Stage.SENT, Stage.SETTLING, Stage.ANSWERING, Stage.OVER

_AFTER_SEND = STAGES.after(StageEvent.SEND)
_AFTER_RETRY = STAGES.after(StageEvent.RETRY)
_AFTER_FAIL = STAGES.after(StageEvent.FAIL)
_AFTER_REPLACE = STAGES.after(StageEvent.REPLACE)
_AFTER_INTERIM = STAGES.after(StageEvent.INTERIM)
_AFTER_SETTLE = STAGES.after(StageEvent.SETTLE)
_AFTER_SETTLE_WHOLE = STAGES.after(StageEvent.SETTLE_WHOLE)
_AFTER_GO_ON = STAGES.after(StageEvent.GO_ON)
_AFTER_ANSWER = STAGES.after(StageEvent.ANSWER)
_AFTER_WHOLE_ANSWER = STAGES.after(StageEvent.WHOLE_ANSWER)
_AFTER_DATA = STAGES.after(StageEvent.DATA)
_AFTER_END = STAGES.after(StageEvent.END)
_AFTER_OPEN = STAGES.after(StageEvent.OPEN)
_AFTER_OPEN_HALF = STAGES.after(StageEvent.OPEN_HALF)
_AFTER_CLIENT_DATA = STAGES.after(StageEvent.CLIENT_DATA)
_AFTER_APPLICATION_DATA = STAGES.after(StageEvent.APPLICATION_DATA)
_AFTER_CLIENT_ENDS = STAGES.after(StageEvent.CLIENT_ENDS)
_AFTER_APPLICATION_ENDS = STAGES.after(StageEvent.APPLICATION_ENDS)
_AFTER_LEAVE = STAGES.after(StageEvent.LEAVE)

# The moves of nearly every request, looked up once.
_SENT_AT_ONCE = _AFTER_SEND[_DECIDING]
_ANSWERED_AT_ONCE = _AFTER_WHOLE_ANSWER[_SENT_AT_ONCE]

_TROUBLES = {trouble.value: trouble for trouble in Trouble}


class Exchange(RequestSide):
    """One request being served."""

    __slots__ = ()

    async def _settle(self, entries: tuple[Entry, ...], head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Count or give back the entries before the client hears of it, then hand over what has come meanwhile."""
        words = AnswerWords(head.status, location_of(head), head.headers)
        waits = self.upstream
        if waits is not None:
            waits.pause(self)
        for entry in entries:
            await entry.settle_by(words)
        # The store's time is none of the application's.
        waited = self._waited
        self._wait_ends()
        self._sent += self._waited - waited
        if waits is not None:
            waits.resume(self)
        if self.stage is _OVER:
            return
        self.stage = _AFTER_GO_ON[self.stage]
        self.answer_begins(head, body, complete=complete)
        late, self._late = self._late, ()
        for hand_over in late:
            # Another answer may have taken the place of this one, and has a rest of its own.
            if self.stage is not _ANSWERING:
                return
            hand_over()

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Pass a 1xx on, but for 100: what the client expected, we have answered."""
        after = _AFTER_INTERIM[self.stage]
        if after in BEGUN or status == HTTPStatus.CONTINUE or not self._arrival.minor or self._route is None:
            return
        self._client.write(status_line(status) + self._lines(headers, self._route) + b"\r\n")

    def _lines(self, headers: Headers, route: Route) -> bytes:
        return self._services.app_answer(headers, route, private=self._private, personal=self._signed_in)

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Send the head, re-framed, and what came of the body with it."""
        if self._entries:
            self.stage = _AFTER_SETTLE_WHOLE[self.stage] if complete else _AFTER_SETTLE[self.stage]
            entries, self._entries = self._entries, ()
            # From here on the store has the time, also if the client leaves meanwhile.
            self._answered = self._services.stopwatch()
            if complete:
                # The connection is in the pool again, whenever the client hears of the answer.
                self.upstream = None
            self._wait_for(self._settle(entries, head, body, complete=complete))
            return
        stage = self.stage
        if complete:
            after = _ANSWERED_AT_ONCE if stage is _SENT_AT_ONCE else _AFTER_WHOLE_ANSWER[stage]
        else:
            after = _AFTER_ANSWER[stage]
        inbound = self.inbound
        route = self._route
        if (
            inbound.worker_script
            and route is not None
            and (next_one := next_worker(inbound, head.headers, route, self.session))
        ):
            # A connection with a complete answer may belong to the next request already.
            self.upstream = None if complete else self.upstream
            self._drop_upstream()
            self.stage = _AFTER_REPLACE[self.stage]
            self._act(next_one)
            return
        client = self._client
        arrival = self._arrival
        status = self._status = head.status
        # An early answer ends the connection: the application has heard enough, and the rest may never come.
        # So does a refused upgrade: it leaves no doubt about what the next byte is, as there is none.
        keep_alive = self._keep_alive = (
            arrival.keep_alive
            and not client.draining
            and not self.half_closed
            and not inbound.websocket
            and (self.upload is None or self._can_stay())
        )
        bodyless = arrival.inbound.method == "HEAD" or status in WITHOUT_BODY
        cache = head.answer_cache
        cookie = head.cookie
        if cache is not None and (
            route is None or bodyless or not keep_alive or not arrival.minor or (cookie and not self._passes(cookie))
        ):
            cache = None
        known = None
        if route is not None:
            self._answered = self._services.stopwatch()
            if status >= _SERVER_ERROR:
                self._reason = UPSTREAM_STATUS
            if cache is not None:
                known = cache.get((route.token, self._private, self._signed_in, inbound.scheme))
                if cookie and known is not None:
                    known = with_cookie(known, cookie)
                if known is not None and complete and head.length is not None:
                    self._bytes_out = len(body)
                    # Before the write: the connection is in the pool again, and a client that is full would pause it
                    # there.
                    self.upstream = None
                    client.write_whole(
                        known.head + body if known.dated else b"%b%b\r\n%b" % (known.head, client.date_line(), body)
                    )
                    self._done(after)
                    client.answered()
                    return
        body_as, framing, goes_on = framing_of(
            head, len(body), complete=complete, bodyless=bodyless, minor=arrival.minor
        )
        self._answer_body = body_as
        if not goes_on:
            keep_alive = self._keep_alive = False
        if not keep_alive or not arrival.minor:
            framing += connection_line(keep_alive=keep_alive, minor=arrival.minor)
        if known is None:
            known = self._own_head(head, route)
            if head.length is not None:
                known = framed(known, framing)
            if cache is not None and route is not None:
                kept = without_cookie(known, cookie) if cookie else known
                if kept is not None:
                    cache[route.token, self._private, self._signed_in, inbound.scheme] = kept
        if head.length is None:
            known = framed(known, framing)
        if bodyless:
            body = b""
        elif body:
            self._bytes_out = len(body)
            if body_as is CHUNKED:
                body = chunk(body)
        answer = known.head + body if known.dated else b"%b%b\r\n%b" % (known.head, client.date_line(), body)
        if complete:
            # As above.
            self.upstream = None
            client.write_whole(answer)
            self._finish(after)
            return
        self.stage = after
        client.write(answer)
        # From here on the application makes the rest, and the client reads it.
        self._wait_begins()
        self._heed_congestion()
        if self._signed_in and self.ticket is not None:
            self._outlive(self.ticket)

    def _passes(self, cookie: bytes) -> bool:
        """Say whether the client gets a cookie as the application set it."""
        return cookie_passes(cookie) and self._services.upstreams[self._app_name].rewrite is None

    def _own_head(self, head: AnswerHead, route: Route | None) -> SentHead:
        """Return an answer's head as the client gets it, but for its framing."""
        services = self._services
        if route is None:
            lines = services.portal_answer(head.headers)
            self._hear(told(head.headers))
        else:
            rewrite = services.upstreams[route.app.name].rewrite
            lines = self._lines(head.headers if rewrite is None else rewrite.answer(head.headers), route)
        if services.hsts:
            lines += self._hsts_line()
        return SentHead(status_line(head.status) + lines, b"\r\ndate: " in b"\r\n" + lines.lower())

    def _hear(self, word: Told) -> None:
        """Note what the portal says of an answer of its own."""
        self._waited += word.waited
        if word.reason:
            self._reason = word.reason
        elif self._status >= _SERVER_ERROR and not self._reason:
            self._reason = PORTAL_FAILED

    def _heed_congestion(self) -> None:
        """Pause the application where the client was full before there was one to pause: it is said once."""
        if self._client.congested and self.upstream is not None:
            self.upstream.pause(self)

    def answer_goes_on(self, body: bytes) -> None:
        """Send more of the body."""
        if self.stage is not _ANSWERING and _AFTER_DATA[self.stage] is _SETTLING:
            self._late += (partial(self.answer_goes_on, body),)
            return
        body_as = self._answer_body
        if body_as is NO_BODY or not body:
            return
        self._bytes_out += len(body)
        self._client.write(b"%x\r\n%b\r\n" % (len(body), body) if body_as is CHUNKED else body)

    def answer_ends(self, trailers: Headers) -> None:
        """Send the end of the body."""
        before, after = self.stage, _AFTER_END[self.stage]
        # Whenever the client hears of it, the connection is in the pool again.
        self.upstream = None
        if before is _SETTLING:
            self.stage = after
            self._late += (partial(self.answer_ends, trailers),)
            return
        if self._answer_body is CHUNKED:
            lines = b""
            if trailers and self._route is not None and (fit := fit_trailers(trailers)):
                lines = self._services.app_answer(fit, self._route, private=False)
            self._client.write(last_chunk(lines))
        self._finish(after)

    def _outlive(self, ticket: Ticket) -> None:
        """Have this stream cut when the session that opened it ends, or the link to the account that it is for."""
        services, state, route = self._services, self.session, self._route
        watch = services.sessions.watch(ticket, self._session_over)
        if services.accounts is not None and isinstance(state, Found) and route is not None and self.stage is not _OVER:
            link = services.accounts.watch(route, state, self._account_over)
            watch = watch if link is None else BothWatches(watch, link)
        self._watch = watch

    def _session_over(self) -> None:
        if self.stage is not _OVER:
            self._cut_short("session_over")

    def _account_over(self) -> None:
        if self.stage is not _OVER:
            self._cut_short("account_over")

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        """Open the tunnel, if this request asked for one."""
        after = _AFTER_OPEN_HALF[self.stage] if self.half_closed else _AFTER_OPEN[self.stage]
        route = self._route
        if not self.inbound.websocket or route is None:
            self.stage = _AFTER_FAIL[self.stage]
            upstream = self.upstream
            self.upstream = None
            if upstream is not None:
                upstream.abandon(self)
            self._tell_trouble(Trouble.UPSTREAM_PROTOCOL, HTTPStatus.BAD_GATEWAY)
            return
        self.stage = after
        self.tunnel_idle = self.traffic.tunnel_idle
        self._status = 101
        self._answered = self._services.stopwatch()
        if not self._client.tunnelling():
            self._cut_short("tunnel_too_early")
            return
        self._client.write(
            status_line(101)
            + self._lines(headers, route)
            + self._client.date_line()
            + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            + rest
        )
        self._wait_begins()
        self._heed_congestion()
        self._bytes_out = len(rest)
        if self.ticket is not None and self._signed_in:
            self._outlive(self.ticket)

    def tunnel_data(self, data: bytes) -> None:
        """Pass the application's bytes to the client."""
        self.stage = _AFTER_APPLICATION_DATA[self.stage]
        self._bytes_out += len(data)
        self._client.tunnel_data(data)

    def feed_tunnel(self, data: bytes) -> None:
        """Pass the client's bytes to the application."""
        self.stage = _AFTER_CLIENT_DATA[self.stage]
        self._bytes_in += len(data)
        upstream = self.upstream
        if upstream is not None:
            upstream.send_body(self, data)

    def tunnel_ends(self) -> None:
        """The application says nothing more."""
        before, after = self.stage, _AFTER_APPLICATION_ENDS[self.stage]
        if after is _OVER:
            self._end_tunnel(after)
        elif after is not before:
            self.stage = after
            self._client.tunnel_half_over()

    def client_ends_tunnel(self) -> None:
        """The client says nothing more."""
        before, after = self.stage, _AFTER_CLIENT_ENDS[self.stage]
        if after is _OVER:
            self._end_tunnel(after)
        elif after is not before:
            self.stage = after
            if self.upstream is not None:
                self.upstream.end_tunnel(self)

    def _end_tunnel(self, after: Stage) -> None:
        self._drop_upstream()
        self._done(after)
        self._client.tunnel_over()

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        """Try again where that is safe; else say what happened."""
        before, after = self.stage, _AFTER_FAIL[self.stage]
        self.upstream = None
        if before is _SETTLING:
            self.stage = after
            self._late += (partial(self.upstream_failed, error, unheard=unheard),)
        elif before is _OVER:
            pass
        elif before in TUNNELS:
            self._end_tunnel(after)
        elif before in BEGUN:
            self._cut_short(error.code)
        elif unheard and (before is _CONNECTING or before is _SENT) and (route := self._route) and self._may_repeat():
            self.stage = _AFTER_RETRY[before]
            # The time on the dead connection counts as a wait.
            self._since = self._sent or self._since
            self._wait_begins()
            self._services.upstreams[route.app.name].take_fresh(self)
        else:
            self.stage = after
            self._tell_trouble(_TROUBLES[error.code], error.status)

    def _may_repeat(self) -> bool:
        """Whether the application cannot have seen the request, or may see it twice."""
        return not self._sent or (self.inbound.framing is _EMPTY and self.inbound.method in SAFE)

    def _tell_trouble(self, trouble: Trouble, status: HTTPStatus) -> None:
        inbound = self.inbound
        route = self._route
        self._give_up_waiting()
        self._verdict, self._reason = "error", trouble.value
        # Before our own page's answer could be taken for the application's.
        self._settle_failure()
        if self._token:
            # A page of ours has failed, and no application.
            self._reason = PORTAL_FAILED
            self._services.visits.take(self._token)
            self.answer(without_portal(inbound, route))
            return
        if route is not None and navigation(inbound) is not Navigation.BACKGROUND:
            retry_after = RETRY_AFTER if status is HTTPStatus.SERVICE_UNAVAILABLE else None
            self._ask_portal(Visit(route, inbound, self.session, TroublePage(trouble, status, retry_after)))
            return
        self.answer(problem(status, trouble.value, inbound.request_id))

    def client_stalled(self) -> None:
        """The client neither sends nor reads for too long."""
        self._services.observer.limited("stream_idle")
        if self.upload_done:
            self._cut_short("stream_idle")
        else:
            self._bad_upload(HTTPStatus.REQUEST_TIMEOUT, "stream_idle")

    def listens_on(self) -> bool:
        """Say whether a client that has said its last is believed to wait for its answer, however long it takes."""
        return self._route is not None and self._route.app.upstream_options.half_close == "listens"

    def client_gone(self) -> None:
        """The client has left: stop the application's answer, or let a request that it has begun come to its end."""
        self._leave(CLIENT_GONE, LEFT)

    def gateway_stops(self) -> None:
        """The gateway does not wait for the end of this request: do as for a client that has left."""
        self._leave(GATEWAY_STOPPED, HTTPStatus.SERVICE_UNAVAILABLE.value)

    def _leave(self, reason: str, status: int) -> None:
        before, after = self.stage, _AFTER_LEAVE[self.stage]
        if after is before:
            return
        self._give_up_waiting()
        upstream = self.upstream
        if upstream is not None and self._runs_on():
            word = LastWord(upstream, self._entries, self._client.heard_last_word)
            self.upstream = None
            self._entries = ()
            upstream.pass_on(self, word)
            self._client.outlived_by(word)
        else:
            self._drop_upstream()
        if before not in BEGUN:
            self._status = status
        if before not in TUNNELS and not self._reason:
            self._reason = reason
        self._done(after)

    def _runs_on(self) -> bool:
        """Whether the application is at work on something that cutting its connection would not undo."""
        if self._route is None or self.stage not in WAITING_FOR_ANSWER or not self.upload_done:
            return False
        return bool(self._entries) or self.inbound.method not in SAFE
