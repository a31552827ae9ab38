"""A request from its accepted head to the connection that takes it: the decision, the stores, and the body.

`asyncio_ending` has the values of a request and its end, `asyncio_exchange` the answer's way back.

`Expect: 100-continue` ends with us: once policy has let a request pass and its application has
taken the connection, we say 100 ourselves; a refusal is sent before the client uploads the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, assert_never

import msgspec
import structlog

from gateway.errors import StoreUnavailableError
from gateway.headers.encode import signature_lines
from gateway.limits.limits import Settlement
from gateway.listen.answer import (
    CONTINUE,
)
from gateway.listen.asyncio_ending import Ending
from gateway.listen.asyncio_press import SpentName, WholeBody
from gateway.listen.asyncio_stores import entry_to_cancel, session_of, taken_entry
from gateway.listen.stages import STAGES, Stage, StageEvent
from gateway.listen.upload import COMPLETE, WANTED, BadUploadError, Upload, body_lines
from gateway.login.returned import is_of_our_page, unpressed
from gateway.observe.events import Event
from gateway.pipeline.outcome import (
    Answer,
    AskPortal,
    Forward,
    MayGiveBack,
    NeedAccount,
    NeedPress,
    NeedRecord,
    NeedReservation,
    NeedSession,
    Passing,
    Step,
)
from gateway.pipeline.step import pressed, pseudonym_of, signed, store_unavailable
from gateway.pipeline.visit import FormOverPage, Visit, access_words
from gateway.request.inbound import Framing, Inbound
from gateway.session.session import Found, Limited
from gateway.session.ticket import Ticket
from gateway.upstream.upstream import Exchanger, Headers
from gateway.wire.asyncio_outbox import SMALL
from gateway.wire.methods import BODYLESS, SAFE
from gateway.wire.states import IllegalEventError

log = structlog.get_logger()

_EMPTY = Framing.EMPTY
"""By a name of its own: to look it up in its enum, each request, costs more than to compare it. So are the stages."""
_DECIDING, _COUNTING = Stage.DECIDING, Stage.COUNTING
_OVER = Stage.OVER

_AFTER_NO_BODY = STAGES.after(StageEvent.NO_BODY)
_AFTER_ASK_SESSION = STAGES.after(StageEvent.ASK_SESSION)
_AFTER_READ_PRESS = STAGES.after(StageEvent.READ_PRESS)
_AFTER_PRESS = STAGES.after(StageEvent.PRESS)
_AFTER_COUNT = STAGES.after(StageEvent.COUNT)
_AFTER_TAKE_ENTRY = STAGES.after(StageEvent.TAKE_ENTRY)
_AFTER_WAIT = STAGES.after(StageEvent.WAIT)
_AFTER_SEND = STAGES.after(StageEvent.SEND)
_AFTER_READY = STAGES.after(StageEvent.READY)

# The move of nearly every request, looked up once.
_SENT_AT_ONCE = _AFTER_SEND[_DECIDING]


class RequestSide(Ending):
    """The part of an exchange that brings the request to its application."""

    __slots__ = ()

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
        self._wait_ends()
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
            self.brought = brought
            session = self.session = services.sessions.peek(brought.ticket, self._wall_time)
        step = services.step(inbound, session, self._wall_time, table)
        # The usual case first, and without a match's isinstance calls.
        if type(step) is Forward:
            self._forward(step)
        else:
            self._act(step)

    def _act(self, step: Step | NeedRecord) -> None:
        self._wait_ends()
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
            case NeedAccount():
                self.stage = _AFTER_ASK_SESSION[self.stage]
                self._wait_for(self._load_account(step))
            case NeedPress():
                self.stage = _AFTER_READ_PRESS[self.stage]
                self._wait_begins()
                self._read_press(step)
            case NeedReservation():
                self.stage = _AFTER_TAKE_ENTRY[self.stage]
                self._wait_for(self._reserve(step))
            case MayGiveBack():
                self._entries += (entry_to_cancel(step, self.inbound.request_id, self._services),)
                self._act(self._to_record(step.forward))
            case NeedRecord():
                self.stage = _AFTER_TAKE_ENTRY[self.stage]
                self._wait_for(self._record(step))
            case _:
                assert_never(step)

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        self._wait_begins()
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

    async def _load_account(self, need: NeedAccount) -> None:
        """Ask for which account of the application the person acts, and step again with the same table."""
        step = await self._step_with_account(need)
        if self.stage is not _OVER:
            self._act(step)

    async def _step_with_account(self, need: NeedAccount) -> Step | NeedRecord:
        services = self._services
        if services.accounts is None or self.brought is None:
            raise RuntimeError("a rule looks at accounts, and the App has none")
        try:
            await services.accounts.load(need.route, need.found, self.brought.ticket)
        except StoreUnavailableError:
            return store_unavailable(need.route, self.inbound, self.session)
        step = services.step(self.inbound, self.session, services.clock(), self._table)
        if isinstance(step, NeedAccount):
            raise TypeError("the account was asked for twice")
        return step

    async def _read_session(self, ticket: Ticket) -> None:
        brought = self.brought
        sealed = brought is not None and brought.sealed
        session = self.session = await session_of(ticket, self.inbound.client_address, self._services, sealed=sealed)
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

    async def _step_of_press(self, need: NeedPress, body: bytes) -> Step | NeedRecord:
        services = self._services
        press = self.inbound
        returned, one_use = services.returned, services.one_use
        opened = None if returned is None else returned.open(press, need.route.cookie_prefix, body, services.clock())
        if not is_of_our_page(body):
            self._go_on(unpressed(press), body)
            return await self._step_with_session()
        over = AskPortal(Visit(need.route, press, self.session, FormOverPage()))
        if opened is None or one_use is None:
            return self._to_record(over)
        signature = opened.signature
        if not need.signs if signature is not None else opened.site not in need.sites:
            return self._to_record(over)
        self._go_on(opened.inbound, opened.body)
        recorded = await self._step_with_session()
        judged = recorded.step if isinstance(recorded, NeedRecord) else recorded
        if signature is not None:
            go_on = signed(judged, signature.subject, signature_lines(signature.facts, need.route.app.headers))
            if go_on is None:
                return self._to_record(over)
            if go_on is not judged:
                judged = go_on
                recorded = self._to_record(go_on)
        step = pressed(judged, press)
        if step is not judged:
            # The sealed form is kept with the pending sign-in, in a form of our own page.
            self._go_on(press, body)
        elif isinstance(step, Passing) and self.stage is not _OVER:
            if not await one_use.spend(opened.name, services.clock()):
                return self._to_record(over)
            self._entries = (SpentName(one_use, opened.name),)
        return recorded if step is judged else step

    def _go_on(self, inbound: Inbound, body: bytes) -> None:
        """Take another request in the place of the one that came, with its whole body."""
        self.inbound = inbound
        if inbound.framing is _EMPTY:
            self.upload = None
            return
        self.upload = Upload(inbound, 0)
        self.upload.feed(body, None, self._trailer_lines)

    async def _step_with_session(self) -> Step | NeedRecord:
        """Decide on the request, and ask the store if the decision needs it."""
        services = self._services
        step = services.step(self.inbound, self.session, services.clock(), self._table)
        if isinstance(step, NeedSession):
            await self._read_session(step.ticket)
            step = services.step(self.inbound, self.session, services.clock(), self._table)
        if isinstance(step, NeedAccount):
            step = await self._step_with_account(step)
        if isinstance(step, NeedSession | NeedAccount | NeedPress):
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
            sent = step.forward if isinstance(step, MayGiveBack) else step
            if isinstance(sent, Forward) and sent.signed_in and isinstance(self.session, Found):
                told = tuple(name for name, _ in sent.permit.disclosed)
                self.session.ledger.tell(sent.route.app.name, told, self._services.clock())
        if self.stage is not _OVER:
            self._act(self._to_record(step))

    def _to_record(self, step: Step) -> Step | NeedRecord:
        """Return a step that the pipeline has prepared, or first the entry that it needs in the audit trail."""
        recording = self._services.recording
        return step if recording is None else recording(self.inbound, step, self._services.clock())

    async def _record(self, need: NeedRecord) -> None:
        """Have the decision in the audit trail, and go on as that went."""
        good = await self._services.recorded(need.entry)
        if self.stage is _OVER or not good:
            # The application gets nothing of this request.
            self._settle_failure()
        if self.stage is not _OVER:
            self._act(need.step if good else need.unrecorded)

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
            self._wait_begins()
            self.stage = _AFTER_WAIT[self.stage]

    def _has_room(self) -> bool:
        """Say whether the App takes a body as long as this one; else refuse it."""
        longest, upload = self.traffic.body, self.upload
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
        self._wait_begins()
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
            self._wait_begins()
            self.stage = _AFTER_WAIT[self.stage]

    def _send(self, connection: Exchanger, moves: Mapping[Stage, Stage]) -> None:
        stage = self.stage
        if stage is _DECIDING:
            self.stage = _SENT_AT_ONCE
        else:
            self.stage = moves[stage]
            self._wait_ends()
        # A page of ours about an application that did not answer leaves its time alone.
        if not self._answered:
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
        if complete and head and len(held) <= SMALL:
            # One write for both.
            connection.send(self, head + held, is_head=is_head, uploading=False, with_body=True)
            if self._route is not None and self._route.traffic is not None:
                connection.within(self, self.traffic)
            return
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
                self._wait_ends()
                self._forward(later)
        elif upload.is_full:
            # Reading goes on for a while, since a client whose bytes are not read cannot be heard leaving either.
            self._client.pause_upload()
        return rest

    @property
    def _longest_body(self) -> int | None:
        """The bytes that the body may have; `None` for any number, and while neither an App nor a page takes it."""
        return None if self._route is None and self.upstream is None else self.traffic.body

    def _trailer_lines(self, trailers: Headers) -> bytes:
        return b"" if self._route is None else self._services.trailers(trailers, self._route)
