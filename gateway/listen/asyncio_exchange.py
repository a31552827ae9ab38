"""One request and its answer, from the accepted head to the access line: the stages.

The connection it came on (`httptools_connection`) feeds it the body's bytes; the upstream side
(`upstream/httptools_connection`) feeds it the answer's. Each event is looked up in the table of `stages` before
anything is done. `upload` and `answer` say which bytes go on; everything is re-framed. A request pays only for what it
needs: most of the fields below are written only by those that need them.

`Expect: 100-continue` ends with us: once policy has let a request pass and its application has
taken the connection, we say 100 ourselves; a refusal is sent before the client uploads the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, assert_never

import msgspec
import structlog

from gateway.errors import GatewayError, StoreUnavailableError
from gateway.limits.asyncio_entry import Entry
from gateway.limits.limits import Settlement, settle_failure
from gateway.listen.answer import (
    AS_IT_COMES,
    CHUNKED,
    CONTINUE,
    NO_BODY,
    WITHOUT_BODY,
    chunk,
    connection_line,
    fit_trailers,
    framing_of,
    last_chunk,
    own_answer,
    plain_page,
    sent_head,
    status_line,
)
from gateway.listen.asyncio_last_word import LastWord
from gateway.listen.asyncio_press import SpentName, WholeBody
from gateway.listen.asyncio_stores import session_of, taken_entry
from gateway.listen.downstream import Downstream
from gateway.listen.services import RequestServices
from gateway.listen.stages import BEGUN, STAGES, TUNNELS, WAITING_FOR_ANSWER, Stage, StageEvent
from gateway.listen.upload import COMPLETE, WANTED, BadUploadError, Upload, UploadState, body_lines
from gateway.login.returned import is_of_our_page, unpressed
from gateway.observe.access_log import AccessLine
from gateway.observe.events import Event
from gateway.pipeline.outcome import Answer, AskPortal, Forward, NeedPress, NeedReservation, NeedSession, Step
from gateway.pipeline.problem import RETRY_AFTER, problem
from gateway.pipeline.step import next_worker, pressed, pseudonym_of, store_unavailable
from gateway.pipeline.visit import FormOverPage, Trouble, TroublePage, Visit, access_words
from gateway.request.head_reader import Arrival
from gateway.request.inbound import Framing, Inbound
from gateway.request.navigation import Navigation, navigation
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Limited, NoTicket, SessionState, Watch
from gateway.session.ticket import Ticket
from gateway.settings.settings import TrafficSettings
from gateway.upstream.upstream import AnswerHead, Exchanger, Headers, location_of
from gateway.wire.methods import BODYLESS, SAFE
from gateway.wire.states import IllegalEventError

log = structlog.get_logger()

CLIENT_GONE = 499
"""The access line's status if the client left before the answer began. Never sent."""

_NO_TICKET = NoTicket()
_EMPTY = Framing.EMPTY
"""By a name of its own: to look it up in its enum, each request, costs more than to compare it. So are the stages."""
_UNDECIDED, _DECIDING, _COUNTING, _CONNECTING = Stage.UNDECIDED, Stage.DECIDING, Stage.COUNTING, Stage.CONNECTING
_SENT, _SETTLING, _ANSWERING, _OVER = Stage.SENT, Stage.SETTLING, Stage.ANSWERING, Stage.OVER
_UPLOADED = UploadState.DONE

_AFTER_NO_BODY = STAGES.after(StageEvent.NO_BODY)
_AFTER_ASK_SESSION = STAGES.after(StageEvent.ASK_SESSION)
_AFTER_READ_PRESS = STAGES.after(StageEvent.READ_PRESS)
_AFTER_PRESS = STAGES.after(StageEvent.PRESS)
_AFTER_COUNT = STAGES.after(StageEvent.COUNT)
_AFTER_TAKE_ENTRY = STAGES.after(StageEvent.TAKE_ENTRY)
_AFTER_WAIT = STAGES.after(StageEvent.WAIT)
_AFTER_SEND = STAGES.after(StageEvent.SEND)
_AFTER_READY = STAGES.after(StageEvent.READY)
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
_AFTER_OWN_ANSWER = STAGES.after(StageEvent.OWN_ANSWER)
_AFTER_CUT = STAGES.after(StageEvent.CUT)
_AFTER_LEAVE = STAGES.after(StageEvent.LEAVE)

# The moves of nearly every request, looked up once.
_SENT_AT_ONCE = _AFTER_SEND[_DECIDING]
_ANSWERED_AT_ONCE = _AFTER_WHOLE_ANSWER[_SENT_AT_ONCE]

_TROUBLES = {trouble.value: trouble for trouble in Trouble}


class Exchange:
    """One request being served."""

    # Slots, and each written at the beginning. A default on the class would spare the writing and cost more: the
    # interpreter would look an attribute up in the instance and in the class, each time it is read or written.
    __slots__ = (
        "_answer_body",
        "_answered",
        "_app_name",
        "_arrival",
        "_began",
        "_bytes_in",
        "_bytes_out",
        "_candidate",
        "_client",
        "_entries",
        "_head",
        "_keep_alive",
        "_late",
        "_later",
        "_private",
        "_pseudonym",
        "_reason",
        "_route",
        "_rule",
        "_sent",
        "_services",
        "_signed_in",
        "_status",
        "_table",
        "_task",
        "_token",
        "_verdict",
        "_wall_time",
        "_watch",
        "half_closed",
        "inbound",
        "session",
        "stage",
        "ticket",
        "upload",
        "upstream",
    )

    def __init__(self, client: Downstream, services: RequestServices, arrival: Arrival, table: RouteTable) -> None:
        inbound = arrival.inbound
        self._client = client
        self._services = services
        self._arrival = arrival
        self.inbound = inbound
        self._table = table
        self.stage = _DECIDING
        self.session: SessionState = _NO_TICKET
        self.ticket: Ticket | None = None
        self.upstream: Exchanger | None = None
        """The connection to the application or the portal, while this request holds it."""
        self.upload: Upload | None = None
        """The request's body; `None` where it has none."""
        self.half_closed = False
        """The client has said its last, but listens still."""
        self._route: Route | None = None
        """The route of the application that is asked; `None` before, and where the portal is."""
        self._token = ""
        """The visit's, where the portal is asked."""
        self._head = b""
        """The request's head for the one that is asked."""
        self._later: Forward | None = None
        """The step to take once the body is counted."""
        self._signed_in = False
        self._private = True
        self._entries: tuple[Entry, ...] = ()
        """The entries of limits that this request has taken, until the answer's head settles them."""
        self._late: list[Callable[[], None]] = []
        """The part of the answer that came while the stage was `SETTLING`."""
        self._keep_alive = False
        """Whether the client was told that its connection stays."""
        self._answer_body = AS_IT_COMES
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None
        self._began = services.stopwatch()
        self._sent = self._answered = 0.0
        """When a connection took the request, and when the application's answer began; 0 before."""
        # The access line's values, for the end of this request.
        self._wall_time = services.clock()
        self._app_name = self._rule = self._reason = self._pseudonym = self._candidate = ""
        self._verdict = "error"
        self._status = self._bytes_in = self._bytes_out = 0
        if inbound.framing is not _EMPTY:
            self.upload = Upload(inbound, services.limits.headers)
            if inbound.framing is Framing.CHUNKED and inbound.method in BODYLESS and not arrival.expects_continue:
                self.stage = _UNDECIDED

    @property
    def over(self) -> bool:
        """Whether the access line is written, and nothing more is sent."""
        return self.stage is _OVER

    # --- the decision -------------------------------------------------------------------------

    def is_ripe(self) -> bool:
        """Say whether an undecided request can be decided now; an empty body counts as none."""
        upload = self.upload
        if upload is None or (upload.is_unknown and upload.state not in COMPLETE):
            return False
        if upload.is_unknown:
            self.stage = _AFTER_NO_BODY[self.stage]
            # Behind a head without a body, the last chunk would be the beginning of the next request.
            self.upload = None
            self.inbound = msgspec.structs.replace(self.inbound, framing=_EMPTY)
        return True

    def decide(self) -> None:
        """Ask the pipeline, and carry out its outcome."""
        services = self._services
        table = self._table
        inbound = self.inbound
        if inbound.target.path.startswith(table.portal_prefix):
            # Another proxy may ask here about a request that it has.
            original = services.original(inbound, table)
            if isinstance(original, Answer):
                self._act(original)
                return
            if original is not inbound:
                self.inbound = inbound = original
        session = self.session
        if inbound.cookie and (brought := table.brought(inbound)) is not None:
            ticket = self.ticket = brought.ticket
            session = self.session = services.sessions.peek(ticket, self._wall_time)
        step = services.step(inbound, session, self._wall_time, table)
        # The usual case first, and without a match's isinstance calls.
        if type(step) is Forward:
            self._forward(step)
        else:
            self._act(step)

    def _act(self, step: Step) -> None:
        match step:
            case Forward():
                self._forward(step)
            case AskPortal():
                self._candidate = step.candidate
                self._ask_portal(step.visit)
            case Answer():
                self._candidate, self._verdict, self._rule = step.candidate, step.verdict, step.rule
                self._reason, self._app_name, self._pseudonym = step.reason, step.app, step.pseudonym
                if step.removed:
                    self._services.names_removed(step.app, step.removed)
                self.answer(step)
            case NeedSession():
                self.stage = _AFTER_ASK_SESSION[self.stage]
                self._wait_for(self._load(step.ticket))
            case NeedPress():
                self.stage = _AFTER_READ_PRESS[self.stage]
                self._read_press(step)
            case NeedReservation():
                self.stage = _AFTER_TAKE_ENTRY[self.stage]
                self._wait_for(self._reserve(step))
            case _:
                assert_never(step)

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            # No exception lets a request pass, and none leaves a client waiting for ever.
            log.exception(Event.BYTE_PATH_FAILED, request_id=self.inbound.request_id)
            self.broken()

    async def _load(self, ticket: Ticket) -> None:
        """Ask the store, and step again with the same table."""
        await self._read_session(ticket)
        if self.stage is not _OVER:
            self._act(self._services.step(self.inbound, self.session, self._services.clock(), self._table))

    async def _read_session(self, ticket: Ticket) -> None:
        session = self.session = await session_of(ticket, self.inbound, self._table, self._services)
        if isinstance(session, Limited):
            self._reason = session.reason

    def _read_press(self, need: NeedPress) -> None:
        """Read the whole body: it is the button of our page, or a form of the application's own."""
        if self.upload is None:
            self._take_press(need, b"")
            return
        body = self.upstream = WholeBody(partial(self._take_press, need))
        self._send_upload(body, b"", self.upload)

    def _take_press(self, need: NeedPress, body: bytes) -> None:
        self.stage = _AFTER_PRESS[self.stage]
        self.upstream = None
        self._wait_for(self._press(need, body))

    async def _press(self, need: NeedPress, body: bytes) -> None:
        """Send the form that a press stands for, as it came, once; or ask the person to sign in first."""
        try:
            step = await self._step_of_press(need, body)
        except StoreUnavailableError:
            step = store_unavailable(need.route, self.inbound, self.session)
        if self.stage is _OVER:
            # The client has left in the meantime, and nothing has been sent.
            self._settle_failure()
        else:
            self._act(step)

    async def _step_of_press(self, need: NeedPress, body: bytes) -> Step:
        services = self._services
        press = self.inbound
        returned, one_use = services.returned, services.one_use
        opened = None if returned is None else returned.open(press, need.route.cookie_prefix, body, services.clock())
        if not is_of_our_page(body):
            self._go_on(unpressed(press), body)
            return await self._step_with_session()
        over = AskPortal(Visit(need.route, press, self.session, FormOverPage()))
        if opened is None or one_use is None or opened.site not in need.sites:
            return over
        self._go_on(opened.inbound, opened.body)
        judged = await self._step_with_session()
        step = pressed(judged, press)
        if step is not judged:
            # The sealed form is kept with the pending sign-in, in a form of our own page.
            self._go_on(press, body)
        elif isinstance(step, Forward | NeedReservation) and self.stage is not _OVER:
            if not await one_use.spend(opened.name, services.clock()):
                return over
            self._entries = (SpentName(one_use, opened.name),)
        return step

    def _go_on(self, inbound: Inbound, body: bytes) -> None:
        """Take another request in the place of the one that came, with its whole body."""
        self.inbound = inbound
        self.upload = Upload(inbound, 0)
        self.upload.feed(body, None, self._trailer_lines)

    async def _step_with_session(self) -> Step:
        """Decide on the request, and ask the store if the decision needs it."""
        services = self._services
        step = services.step(self.inbound, self.session, services.clock(), self._table)
        if isinstance(step, NeedSession):
            await self._read_session(step.ticket)
            step = services.step(self.inbound, self.session, services.clock(), self._table)
        if isinstance(step, NeedSession | NeedPress):
            raise TypeError("the session was asked for twice")
        return step

    async def _reserve(self, need: NeedReservation) -> None:
        """Take an entry of a limit, and go on as that went."""
        step, entry = await taken_entry(need, self.inbound.request_id, self._services)
        if entry is None:
            self._settle_failure()
        elif self.stage is _OVER:
            # The client went while we asked, and nothing has been sent.
            await entry.settle(Settlement.GIVE_BACK)
        else:
            self._entries += (entry,)
        if self.stage is not _OVER:
            self._act(step)

    async def _settle(self, entries: tuple[Entry, ...], head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Count or give back the entries before the client hears of it, then hand over what has come meanwhile."""
        location = location_of(head)
        waits = self.upstream
        if waits is not None:
            waits.pause(self)
        for entry in entries:
            await entry.settle_by(head.status, location)
        if waits is not None:
            waits.resume(self)
        if self.stage is _OVER:
            return
        self.stage = _AFTER_GO_ON[self.stage]
        self.answer_begins(head, body, complete=complete)
        late, self._late = self._late, []
        for hand_over in late:
            # Another answer may have taken the place of this one, and has a rest of its own.
            if self.stage is not _ANSWERING:
                return
            hand_over()

    def _settle_failure(self) -> None:
        """Settle each entry by the reason for which there is no answer of the application."""
        entries, self._entries = self._entries, ()
        for entry in entries:
            entry.settle_soon(settle_failure(sent=self._sent > 0.0))

    def broken(self) -> None:
        """Answer 500 after a mistake of ours, as far as that is still possible."""
        if self.stage is _OVER:
            return
        if self.stage in BEGUN:
            self._cut_short("internal_error")
            return
        self._drop_upstream()
        self._reason = "internal_error"
        self.answer(problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", self.inbound.request_id))

    # --- the request goes out -----------------------------------------------------------------

    def _forward(self, step: Forward) -> None:
        inbound = self.inbound
        services = self._services
        route = self._route = step.route
        name = route.app.name
        if step.losses is not None:
            services.count_encoding_losses(route, *step.losses)
        if step.removed:
            services.names_removed(name, step.removed)
        permit = step.permit
        self._signed_in = step.signed_in
        self._private = step.signed_in or not permit.shared
        self._app_name = name
        self._verdict = "permit"
        self._rule = step.rule or str(permit.rule)
        self._pseudonym = step.pseudonym
        if step.candidate:
            self._candidate = step.candidate
        method = inbound.method
        repeatable = False
        if inbound.framing is _EMPTY:
            repeatable = method in SAFE
            if inbound.websocket:
                head = step.head + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            elif method == "GET" or method in BODYLESS:
                head = step.head + b"\r\n"
            else:
                head = step.head + b"Content-Length: 0\r\n\r\n"
        else:
            if not self._has_room():
                return
            if inbound.framing is Framing.CHUNKED:
                if not self._may_go_on(step):
                    return
                inbound = self.inbound
            head = step.head + body_lines(inbound, again=route.app.upstream_options.reads_bodies)
        upstreams = services.upstreams[name]
        self._head = head if upstreams.rewrite is None else upstreams.rewrite.outbound(head)
        connection = upstreams.take(self, repeatable=repeatable)
        if connection is not None:
            self._send(connection, _AFTER_SEND)
        else:
            self.stage = _AFTER_WAIT[self.stage]

    def _has_room(self) -> bool:
        """Say whether the App takes a body as long as this one; else refuse it."""
        longest, upload = self._longest_body, self.upload
        known = max(self.inbound.length, 0 if upload is None else upload.received)
        if longest is None or known <= longest:
            return True
        self._services.observer.limited("body")
        self._bad_upload(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body")
        return False

    def _may_go_on(self, step: Forward) -> bool:
        """Say whether a request with chunks goes out now; else have its body counted first, or refuse it."""
        upload = self.upload
        options = step.route.app.upstream_options
        if options.chunked_uploads == "stream" or upload is None:
            return True
        if options.chunked_uploads == "refuse":
            self._bad_upload(HTTPStatus.LENGTH_REQUIRED, "length_required")
            return False
        try:
            if not upload.is_counted_first:
                upload.count_first(options.counted_upload, self._services.counted)
        except BadUploadError as bad:
            self._bad_upload(bad.status, bad.code)
            return False
        if upload.state in COMPLETE:
            # It goes on as one that has said its length.
            self.inbound = msgspec.structs.replace(self.inbound, framing=Framing.COUNTED, length=upload.received)
            return True
        self.stage = _AFTER_COUNT[self.stage]
        # Losses and removed names of this step have been reported already.
        self._later = msgspec.structs.replace(step, losses=None, removed=())
        if self._arrival.expects_continue and upload.is_unknown:
            self._client.write(CONTINUE)
        self._client.resume_upload()
        return False

    def _ask_portal(self, visit: Visit) -> None:
        services = self._services
        inbound = self.inbound
        self._app_name = visit.route.app.name
        self._pseudonym = pseudonym_of(visit.route, visit.session)
        self._verdict, rule, reason = access_words(visit)
        self._rule = self._rule if rule is None else rule
        self._reason = self._reason if reason is None else reason
        self._route = None
        token = self._token = services.visits.issue(visit)
        head = services.portal_head(visit, token)
        brings_body = visit.brings_body and not inbound.websocket
        if not brings_body:
            self._discard_upload()
        if brings_body and inbound.framing is not _EMPTY:
            self._head = head + body_lines(inbound, again=False)
        else:
            empty = b"Content-Length: 0\r\n\r\n" if inbound.method == "POST" and brings_body else b"\r\n"
            self._head = head + empty
        connection = services.portal.take(self, repeatable=False)
        if connection is not None:
            self._send(connection, _AFTER_SEND)
        else:
            self.stage = _AFTER_WAIT[self.stage]

    def _send(self, connection: Exchanger, moves: Mapping[Stage, Stage]) -> None:
        stage = self.stage
        if stage is _DECIDING:
            self.stage = _SENT_AT_ONCE
            self._sent = self._began
        else:
            self.stage = moves[stage]
            self._sent = self._services.stopwatch()
        self.upstream = connection
        head = self._head
        is_head = self.inbound.method == "HEAD" and head.startswith(b"HEAD ")
        upload = self.upload
        if upload is None or upload.state not in WANTED:
            connection.send(self, head, is_head=is_head, uploading=False)
            route = self._route
            if route is not None and route.traffic is not None:
                connection.within(self, self.traffic)
            return
        self._send_upload(connection, head, upload, is_head=is_head)

    def _send_upload(self, connection: Exchanger, head: bytes, upload: Upload, *, is_head: bool = False) -> None:
        """Send the head and what has come of the body, and have the rest come."""
        complete = upload.state in COMPLETE
        held = upload.take()
        connection.send(self, head, is_head=is_head, uploading=not complete)
        if self._route is not None and self._route.traffic is not None:
            connection.within(self, self.traffic)
        if self._arrival.expects_continue and not held and not complete:
            self._client.write(CONTINUE)
        if not complete:
            # Before the held part is sent: an application that does not keep up with it has us pause again.
            self._client.resume_upload()
        if held and self.upstream is connection:
            connection.send_body(self, held)
        if complete and self.upstream is connection:
            connection.upload_done(self)

    def upstream_ready(self, connection: Exchanger) -> None:
        """Send what has waited for this connection."""
        before, after = self.stage, _AFTER_READY[self.stage]
        if after is before:
            connection.abandon(self)
            return
        if connection.last and b"\r\nConnection: " not in self._head:
            self._head = self._head[:-2] + b"Connection: close\r\n\r\n"
        self._send(connection, _AFTER_READY)

    def pause_upload(self) -> None:
        """The application does not keep up."""
        self._client.pause_upload()

    def resume_upload(self) -> None:
        """The application has caught up."""
        self._client.resume_upload()

    # --- the body comes in --------------------------------------------------------------------

    @property
    def upload_done(self) -> bool:
        """Whether the request's body has come, if it has one."""
        return self.upload is None or self.upload.state in COMPLETE

    def feed(self, data: bytes) -> bytes:
        """Take the body's part of the client's bytes, and return the bytes behind the body."""
        upload = self.upload
        if upload is None:
            raise IllegalEventError("a request without a body is fed one")
        try:
            framed, rest = upload.feed(data, self._longest_body, self._trailer_lines)
        except BadUploadError as bad:
            if bad.code == "body":
                self._services.observer.limited("body")
            self._bad_upload(bad.status, bad.code)
            return b""
        upstream = self.upstream
        if upstream is not None:
            if framed:
                upstream.send_body(self, framed)
                if upload.state in COMPLETE and self.upstream is upstream:
                    upstream.upload_done(self)
        elif self.stage is _COUNTING:
            if upload.state in COMPLETE and (later := self._later) is not None:
                self._later = None
                self._forward(later)
        elif upload.is_full:
            # Reading goes on for a while, since a client whose bytes are not read cannot be heard leaving either.
            self._client.pause_upload()
        return rest

    @property
    def traffic(self) -> TrafficSettings:
        """The limits and clocks that hold for this request."""
        route = self._route
        if route is None or route.traffic is None:
            return self._services.limits
        return route.traffic.at(self.inbound.target.path)

    @property
    def _longest_body(self) -> int | None:
        """The bytes that the body may have; `None` for any number, and while neither an App nor a page takes it."""
        return None if self._route is None and self.upstream is None else self.traffic.body

    def _trailer_lines(self, trailers: Headers) -> bytes:
        return b"" if self._route is None else self._services.trailers(trailers, self._route)

    def _bad_upload(self, status: HTTPStatus, code: str) -> None:
        """Refuse the request, if no answer has begun, and end the connection."""
        self._drop_upstream()
        if self.stage in BEGUN:
            self._cut_short(code)
            return
        self._verdict, self._reason = "error", code
        self.answer(problem(status, code, self.inbound.request_id), close=True)

    def _discard_upload(self) -> None:
        """Read and drop the body; if that would take long, answer and close the connection."""
        upload = self.upload
        if upload is None:
            return
        upload.discard()
        if upload.state not in COMPLETE:
            self._client.resume_upload()

    def _can_stay(self) -> bool:
        """Whether the connection can serve another request once this one is answered."""
        if not self._arrival.keep_alive or self.half_closed or self._client.draining:
            return False
        upload = self.upload
        if upload is None or upload.state in COMPLETE:
            return True
        # After we refuse `Expect: 100-continue`, the client may or may not send the body. We cannot tell that body from
        # a new request, so the connection must close.
        return upload.can_be_read_away and not self._arrival.expects_continue

    # --- the answer ---------------------------------------------------------------------------

    def answer(self, answer: Answer, *, close: bool = False) -> None:
        """Answer by ourselves."""
        after = _AFTER_OWN_ANSWER[self.stage]
        self._discard_upload()
        keep_alive = self._keep_alive = self._can_stay() and not close and not answer.close
        # The method on this connection: a proxy asks about a HEAD with a GET, and waits for a body.
        bodyless = self._arrival.inbound.method == "HEAD"
        self._status = answer.status
        if not bodyless:
            self._bytes_out = len(answer.body)
        connection = connection_line(keep_alive=keep_alive, minor=self._arrival.minor)
        self._client.write_whole(
            own_answer(answer, self._client.date_line(), self._hsts_line(), connection, bodyless=bodyless)
        )
        self._finish(after)

    def _hsts_line(self) -> bytes:
        # Over plain HTTP it must not be said (RFC 6797 section 7.2).
        return self._services.hsts if self.inbound.scheme == "https" else b""

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
        cache = head.answer_cache if route is not None and keep_alive and arrival.minor and not bodyless else None
        if route is not None:
            self._answered = self._services.stopwatch()
            if cache is not None and (known := cache.get((route, self._private, self._signed_in, inbound.scheme))):
                self._bytes_out = len(body)
                # Before the write: the connection is in the pool again, and a client that is full would pause it there.
                self.upstream = None
                client.write_whole(
                    known.head + body if known.dated else b"%b%b\r\n%b" % (known.head, client.date_line(), body)
                )
                self._done(after)
                client.answered()
                return
            rewrite = self._services.upstreams[route.app.name].rewrite
            lines = self._lines(head.headers if rewrite is None else rewrite.answer(head.headers), route)
        else:
            lines = self._services.portal_answer(head.headers)
        dated = b"\r\ndate: " in b"\r\n" + lines.lower()
        body_as, framing, goes_on = framing_of(
            head, len(body), complete=complete, bodyless=bodyless, minor=arrival.minor
        )
        self._answer_body = body_as
        if not goes_on:
            keep_alive = self._keep_alive = False
        if bodyless:
            body = b""
        elif body:
            self._bytes_out = len(body)
            if body_as is CHUNKED:
                body = chunk(body)
        if self._services.hsts:
            lines += self._hsts_line()
        if not keep_alive or not arrival.minor:
            framing += connection_line(keep_alive=keep_alive, minor=arrival.minor)
        known = sent_head(status, lines, framing, dated=dated)
        if cache is not None and route is not None:
            cache[route, self._private, self._signed_in, inbound.scheme] = known
        answer = known.head + body if dated else b"%b%b\r\n%b" % (known.head, client.date_line(), body)
        if complete:
            # As above.
            self.upstream = None
            client.write_whole(answer)
            self._finish(after)
            return
        self.stage = after
        client.write(answer)
        self._heed_congestion()
        if self._signed_in and self.ticket is not None:
            self._outlive(self.ticket)

    def _heed_congestion(self) -> None:
        """Pause the application where the client was full before there was one to pause: it is said once."""
        if self._client.congested and self.upstream is not None:
            self.upstream.pause(self)

    def answer_goes_on(self, body: bytes) -> None:
        """Send more of the body."""
        if self.stage is not _ANSWERING and _AFTER_DATA[self.stage] is _SETTLING:
            self._late.append(partial(self.answer_goes_on, body))
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
            self._late.append(partial(self.answer_ends, trailers))
            return
        if self._answer_body is CHUNKED:
            lines = b""
            if trailers and self._route is not None and (fit := fit_trailers(trailers)):
                lines = self._services.app_answer(fit, self._route, private=False)
            self._client.write(last_chunk(lines))
        self._finish(after)

    def _outlive(self, ticket: Ticket) -> None:
        """Have this stream cut when the session that opened it ends."""
        self._watch = self._services.sessions.watch(ticket, self._session_over)

    def _session_over(self) -> None:
        if self.stage is not _OVER:
            self._cut_short("session_over")

    # --- the tunnel ---------------------------------------------------------------------------

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
        if self.upstream is not None:
            self.upstream.send_body(self, data)

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

    # --- what goes wrong ----------------------------------------------------------------------

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        """Try again where that is safe; else say what happened."""
        before, after = self.stage, _AFTER_FAIL[self.stage]
        self.upstream = None
        if before is _SETTLING:
            self.stage = after
            self._late.append(partial(self.upstream_failed, error, unheard=unheard))
        elif before is _OVER:
            pass
        elif before in TUNNELS:
            self._end_tunnel(after)
        elif before in BEGUN:
            self._cut_short(error.code)
        elif unheard and (before is _CONNECTING or before is _SENT) and (route := self._route) and self._may_repeat():
            self.stage = _AFTER_RETRY[before]
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
        self._verdict, self._reason = "error", trouble.value
        # Before our own page's answer could be taken for the application's.
        self._settle_failure()
        if self._token:
            self._services.visits.take(self._token)
            self.answer(plain_page(HTTPStatus.BAD_GATEWAY, inbound.request_id))
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
        before, after = self.stage, _AFTER_LEAVE[self.stage]
        if after is before:
            return
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
            self._status = CLIENT_GONE
        if before not in TUNNELS and not self._reason:
            self._reason = "client_gone"
        self._done(after)

    def _runs_on(self) -> bool:
        """Whether the application is at work on something that cutting its connection would not undo."""
        if self._route is None or self.stage not in WAITING_FOR_ANSWER or not self.upload_done:
            return False
        return bool(self._entries) or self.inbound.method not in SAFE

    def _cut_short(self, code: str) -> None:
        """Abort a begun answer so that no client can take it for complete."""
        before, after = self.stage, _AFTER_CUT[self.stage]
        self._drop_upstream()
        if after is not before:
            self._reason = code
            self._done(after)
        self._client.hang_up()

    def _drop_upstream(self) -> None:
        upstream = self.upstream
        self.upstream = None
        if upstream is not None:
            upstream.abandon(self)
        elif self._token:
            self._services.portal.leave(self)
        elif self._route is not None:
            # The request may still wait for a connection, and take the place of a client that is there.
            self._services.upstreams[self._route.app.name].leave(self)

    # --- the end ------------------------------------------------------------------------------

    def _finish(self, after: Stage) -> None:
        self._done(after)
        if self._keep_alive:
            self._client.answered()
        else:
            self._client.answered_last()

    def _done(self, after: Stage) -> None:
        """Write the one access line."""
        self.stage = after
        if self._entries:
            self._settle_failure()
        self._task = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        services = self._services
        inbound = self.inbound
        upload = self.upload
        if upload is not None:
            self._bytes_in = upload.received
            if upload.state is not _UPLOADED:
                upload.let_go()
        services.observer.finished(
            AccessLine(
                self._wall_time,
                inbound.request_id,
                inbound.client_address,
                inbound.method,
                inbound.host,
                inbound.target.path,
                self._status,
                self._app_name,
                self._verdict,
                self._rule,
                self._reason,
                self._pseudonym,
                services.stopwatch() - self._began,
                self._answered - self._sent if self._answered else 0.0,
                self._bytes_in,
                self._bytes_out,
                self._candidate,
            )
        )
