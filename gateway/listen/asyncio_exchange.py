"""One request and its answer, from the accepted head to the access line.

The connection it came on (`httptools_listener`) feeds it the body's bytes; the upstream side
(`upstream/httptools_forward`) feeds it the answer's. Everything is re-framed: lengths and chunks
that leave are ours. A request pays only for the parts that it uses: only such requests write the fields below that have
a default.

`Expect: 100-continue` ends with us: once policy has let a request pass and its application has
taken the connection, we say 100 ourselves; a refusal is sent before the client uploads the body.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Protocol, assert_never

import msgspec
import structlog

from gateway.errors import GatewayError, StoreUnavailableError
from gateway.limits.asyncio_entry import Entry, ReservedEntry
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
    sent_head,
    status_line,
)
from gateway.listen.asyncio_last_word import LastWord
from gateway.listen.asyncio_press import SpentName, WholeBody
from gateway.listen.services import RequestServices
from gateway.listen.upload import COMPLETE, WANTED, BadUploadError, Upload
from gateway.login.returned import is_of_our_page, unpressed
from gateway.observe.access_log import AccessLine
from gateway.observe.events import Event
from gateway.pipeline.outcome import Answer, AskPortal, Forward, NeedPress, NeedReservation, NeedSession, Step
from gateway.pipeline.problem import RETRY_AFTER, problem
from gateway.pipeline.step import next_worker, pressed, pseudonym_of, store_unavailable
from gateway.pipeline.visit import (
    ForeignFormPage,
    FormNotSentPage,
    FormOverPage,
    OwnPage,
    RefusalPage,
    ReturnedFormPage,
    SignInPage,
    Trouble,
    TroublePage,
    Visit,
    WorkerPage,
)
from gateway.policy.verdict import Permit
from gateway.request.head_reader import Arrival
from gateway.request.inbound import Framing, Inbound
from gateway.request.navigation import Navigation, navigation
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Gone, Limited, NoTicket, SessionState, Watch
from gateway.session.ticket import Ticket
from gateway.upstream.prefix import PathRewrite
from gateway.upstream.upstream import AnswerHead, Exchanger, Headers, location_of
from gateway.wire.methods import BODYLESS, SAFE
from gateway.wire.states import IllegalEventError

log = structlog.get_logger()

CLIENT_GONE = 499
"""The access line's status if the client left before the answer began. Never sent."""

_NO_TICKET = NoTicket()
_EMPTY = Framing.EMPTY
"""By a name of its own: to look it up in its enum, each request, costs more than to compare it."""
_TROUBLES = {trouble.value: trouble for trouble in Trouble}


def _body_lines(inbound: Inbound, *, again: bool) -> bytes:
    """Return what ends the head of a request with a body; `again`: whether its connection may be used again.

    A server that leaves a body unread takes it for the next request, which is another person's.
    """
    close = b"" if again else b"Connection: close\r\n"
    if inbound.framing is Framing.CHUNKED:
        return close + b"Transfer-Encoding: chunked\r\n\r\n"
    return b"%bContent-Length: %d\r\n\r\n" % (close, inbound.length)


class Downstream(Protocol):
    """The connection a request came on."""

    def write(self, data: bytes) -> None:
        """Send bytes, if the client is still there."""

    def write_whole(self, answer: bytes) -> None:
        """Send a whole answer, with those of others when the loop's turn ends."""

    def pause_upload(self) -> None:
        """Read no more of the body for now."""

    def resume_upload(self) -> None:
        """Read on."""

    def answered(self) -> None:
        """The answer is sent: serve the next request."""

    def answered_last(self) -> None:
        """The answer is sent, and the connection ends with it."""

    def outlived_by(self, word: LastWord) -> None:
        """The request goes on without this client."""

    def heard_last_word(self) -> None:
        """Such a request has come to its end."""

    def hang_up(self) -> None:
        """Close at once and without ceremony: the answer cannot be completed, and the client must see that."""

    def date_line(self) -> bytes:
        """Return a `Date` line with the present second."""

    def tunnelling(self) -> bool:
        """Tunnel bytes from now on; False if the client has not waited for the 101."""

    def tunnel_over(self) -> None:
        """Send what is left and close."""

    def tunnel_data(self, data: bytes) -> None:
        """Send bytes of a tunnel, which is not silent then."""

    def tunnel_half_over(self) -> None:
        """Send what is left and say that nothing more follows."""

    @property
    def draining(self) -> bool:
        """Whether connections are to be closed as their requests end."""

    @property
    def congested(self) -> bool:
        """Whether the client reads slower than the answer comes."""


class Exchange:
    """One request being served."""

    # Slots, and each written at the beginning. A default on the class would spare the writing and cost more: the
    # interpreter would look an attribute up in the instance and in the class, each time it is read or written.
    __slots__ = (
        "_answer_body",
        "_answered",
        "_app",
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
        "_own_body",
        "_permit",
        "_portal_asked",
        "_private",
        "_pseudonym",
        "_reason",
        "_repeatable",
        "_retried",
        "_rewrite",
        "_rule",
        "_sent",
        "_services",
        "_signed_in",
        "_status",
        "_table",
        "_task",
        "_token",
        "_upstream_began",
        "_upstream_ended",
        "_verdict",
        "_waiting",
        "_wall_time",
        "_watch",
        "answer_begun",
        "half_closed",
        "inbound",
        "over",
        "state",
        "ticket",
        "tunnel",
        "undecided",
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
        self.state: SessionState = _NO_TICKET
        self.ticket: Ticket | None = None
        self.upstream: Exchanger | None = None
        self.over = False
        self.tunnel = False
        self.half_closed = False
        """The client has said its last, but listens still."""
        self.upload: Upload | None = None
        """The request's body; `None` where it has none."""
        self.undecided = False
        """The exchange decides nothing before the body's first bytes: only they tell whether there is a body."""
        self._upstream_ended = False
        self._waiting = False
        self._app: Route | None = None
        self._permit: Permit | None = None
        self._entries: tuple[Entry, ...] = ()
        """The entries of limits that this request has taken, until the answer's head settles them."""
        self._late: list[Callable[[], None]] | None = None
        """The part of the answer that came while its entry was being settled."""
        self._sent = False
        self._rewrite: PathRewrite | None = None
        self._signed_in = False
        self._private = True
        self._own_body = False
        self._head = b""
        self._later: Forward | None = None
        """The step to take once the body is counted."""
        self._repeatable = False
        self._retried = False
        self._portal_asked = False
        self._token = ""
        self.answer_begun = False
        self._answer_body = AS_IT_COMES
        self._keep_alive = False
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None
        self._answered = 0.0
        self._began = self._upstream_began = services.stopwatch()
        # The access line's values, for the end of this request.
        self._wall_time = services.clock()
        self._app_name = self._rule = self._reason = self._pseudonym = self._candidate = ""
        self._verdict = "error"
        self._status = self._bytes_in = self._bytes_out = 0
        if inbound.framing is not _EMPTY:
            self.upload = Upload(inbound, services.limits.headers)
            self.undecided = (
                inbound.framing is Framing.CHUNKED and inbound.method in BODYLESS and not arrival.expects_continue
            )

    # --- the decision -------------------------------------------------------------------------

    def is_ripe(self) -> bool:
        """Say whether an undecided request can be decided now; an empty body counts as none."""
        upload = self.upload
        if self.over or upload is None or (upload.is_unknown and upload.state not in COMPLETE):
            return False
        self.undecided = False
        if upload.is_unknown:
            # Behind a head without a body, the last chunk would be the beginning of the next request.
            self.upload = None
            self.inbound = msgspec.structs.replace(self.inbound, framing=_EMPTY)
        else:
            # As for a session: a part of the body has come, and leaves behind the head.
            self._waiting = True
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
        state = self.state
        if inbound.cookie and (brought := table.brought(inbound)) is not None:
            ticket = self.ticket = brought.ticket
            state = self.state = services.sessions.peek(ticket, self._wall_time)
        step = services.step(inbound, state, self._wall_time, table)
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
                self._candidate = step.candidate
                self._verdict, self._rule, self._reason = step.verdict, step.rule, step.reason
                self._app_name, self._pseudonym = step.app, step.pseudonym
                if step.removed:
                    self._services.names_removed(step.app, step.removed)
                self.answer(step)
            case NeedSession():
                self._wait_for_upstream()
                self._task = asyncio.get_running_loop().create_task(self._load(step.ticket))
            case NeedPress():
                self._own_body = True
                self._wait_for_upstream()
                self.upstream_ready(WholeBody(partial(self._read_press, step)))
            case NeedReservation():
                self._wait_for_upstream()
                self._task = asyncio.get_running_loop().create_task(self._reserve(step))
            case _:
                assert_never(step)

    def _read_press(self, need: NeedPress, body: bytes) -> None:
        """Go on with a whole body: it is the button of our page, or a form of the application's own."""
        self.upstream = None
        self._sent = False
        self._wait_for_upstream()
        self._task = asyncio.get_running_loop().create_task(self._press(need, body))

    async def _press(self, need: NeedPress, body: bytes) -> None:
        """Send the form that a press stands for, as it came, once; or ask the person to sign in first."""
        services = self._services
        try:
            press = self.inbound
            returned, one_use = services.returned, services.one_use
            opened = (
                None if returned is None else returned.open(press, need.route.cookie_prefix, body, services.clock())
            )
            over = AskPortal(Visit(need.route, press, self.state, FormOverPage()))
            if not is_of_our_page(body):
                self._go_on(unpressed(press), body)
                step = await self._step_with_session()
            elif opened is None or one_use is None or opened.site not in need.sites:
                step = over
            else:
                self._go_on(opened.inbound, opened.body)
                judged = await self._step_with_session()
                step = pressed(judged, press)
                if step is not judged:
                    # The sealed form is kept with the pending sign-in, in a form of our own page.
                    self._go_on(press, body)
                elif isinstance(step, Forward | NeedReservation) and not self.over:
                    if await one_use.spend(opened.name, services.clock()):
                        self._entries = (SpentName(one_use, opened.name),)
                    else:
                        step = over
            if self.over:
                # The client has left in the meantime, and nothing has been sent.
                self._settle_failure()
            else:
                self._act(step)
        except StoreUnavailableError:
            if not self.over:
                self._act(store_unavailable(need.route, self.inbound, self.state))
        except Exception:
            # No exception lets a request pass, and none leaves a client waiting for ever.
            log.exception(Event.BYTE_PATH_FAILED, request_id=self.inbound.request_id)
            self.broken("")

    def _go_on(self, inbound: Inbound, body: bytes) -> None:
        """Take another request in the place of the one that came, with its whole body."""
        self.inbound = inbound
        self.upload = Upload(inbound, 0)
        self.upload.feed(body, None, self._trailer_lines)

    async def _step_with_session(self) -> Step:
        """Decide on the request, and ask the store if the decision needs it."""
        services = self._services
        step = services.step(self.inbound, self.state, services.clock(), self._table)
        if isinstance(step, NeedSession):
            await self._read_session(step.ticket)
            step = services.step(self.inbound, self.state, services.clock(), self._table)
        if isinstance(step, NeedSession | NeedPress):
            raise TypeError("the session was asked for twice")
        return step

    async def _read_session(self, ticket: Ticket) -> None:
        """Ask the store for the ticket's session, unless too many tickets without a session came from this address."""
        services = self._services
        client = self.inbound.client_address
        brought = self._table.brought(self.inbound)
        rate, reason = services.lookups.of(sealed=brought is not None and brought.sealed)
        if (wait := rate.wait(client, services.clock())) is not None:
            # This is not "signed out": a person with a real session can use it again soon.
            self._reason = reason
            services.observer.limited(reason)
            self.state = Limited(wait, reason)
            return
        self.state = await services.sessions.load(ticket, services.clock())
        if isinstance(self.state, Gone):
            rate.take(client, services.clock())

    async def _load(self, ticket: Ticket) -> None:
        """Ask the store, and step again with the same table."""
        services = self._services
        try:
            await self._read_session(ticket)
            if self.over:
                return
            step = services.step(self.inbound, self.state, services.clock(), self._table)
            if isinstance(step, NeedSession):
                self.broken("the session was asked for twice")
                return
            self._act(step)
        except Exception:
            # No exception lets a request pass, and none leaves a client waiting for ever.
            log.exception(Event.BYTE_PATH_FAILED, request_id=self.inbound.request_id)
            self.broken("")

    async def _reserve(self, step: NeedReservation) -> None:
        """Take an entry of a limit, and go on as that went."""
        services = self._services
        entries = services.entries
        try:
            if entries is None:
                self.broken("a rule has a limit, and there is no store of limits")
                return
            # Not the request's id alone: a proxy in front may pass on one that a client made up, or sends twice.
            name = f"{self.inbound.request_id}.{secrets.token_hex(8)}"
            try:
                taken = await entries.reserve(step.use, name, services.clock())
            except StoreUnavailableError:
                self._settle_failure()
                if not self.over:
                    self._act(step.unavailable)
                return
            if not taken:
                self._settle_failure()
                if not self.over:
                    self._act(step.none_left)
                return
            entry = ReservedEntry(entries, step.use, name, services.clock, step.limits)
            if self.over:
                # The client went while we asked, and nothing has been sent.
                await entry.settle(Settlement.GIVE_BACK)
                return
            self._entries += (entry,)
            self._act(step.taken)
        except Exception:
            # No exception lets a request pass, and none leaves a client waiting for ever.
            log.exception(Event.BYTE_PATH_FAILED, request_id=self.inbound.request_id)
            self.broken("")

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
        late, self._late = self._late, None
        if self.over:
            return
        self.answer_begins(head, body, complete=complete)
        for hand_over in late or ():
            if not self.over:
                hand_over()

    def _settle_failure(self) -> None:
        """Settle each entry by the reason for which there is no answer of the application."""
        entries, self._entries = self._entries, ()
        for entry in entries:
            entry.settle_soon(settle_failure(sent=self._sent))

    def broken(self, why: str) -> None:
        """Answer 500 after a mistake of ours, as far as that is still possible."""
        if why:
            log.error(Event.BYTE_PATH_FAILED, request_id=self.inbound.request_id, why=why)
        if self.over:
            return
        if self.answer_begun:
            self._cut_short("internal_error")
            return
        self._drop_upstream()
        self._reason = "internal_error"
        self.answer(problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", self.inbound.request_id))

    # --- the request goes out -----------------------------------------------------------------

    def _forward(self, step: Forward) -> None:
        inbound = self.inbound
        services = self._services
        route = self._app = step.route
        if step.losses is not None:
            services.count_encoding_losses(route, *step.losses)
        if step.removed:
            services.names_removed(route.app.name, step.removed)
        permit = self._permit = step.permit
        self._signed_in = step.signed_in
        self._private = step.signed_in or not permit.shared
        self._app_name = route.app.name
        self._verdict = "permit"
        self._rule = step.rule or str(permit.rule)
        self._pseudonym = step.pseudonym
        if step.candidate:
            self._candidate = step.candidate
        method = inbound.method
        framing = inbound.framing
        self._own_body = True
        if framing is _EMPTY:
            self._repeatable = method in SAFE
            if inbound.websocket:
                head = step.head + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            elif method == "GET" or method in BODYLESS:
                head = step.head + b"\r\n"
            else:
                head = step.head + b"Content-Length: 0\r\n\r\n"
        else:
            if framing is Framing.CHUNKED:
                if not self._may_go_on(step):
                    return
                inbound = self.inbound
            head = step.head + _body_lines(inbound, again=route.app.upstream_options.reads_bodies)
        upstreams = services.upstreams[route.app.name]
        if upstreams.rewrite is not None:
            self._rewrite = upstreams.rewrite
            head = self._rewrite.outbound(head)
        self._head = head
        connection = upstreams.take(self, repeatable=self._repeatable)
        if connection is None or self._waiting:
            self._hand_to(connection)
        else:
            self._send(connection)

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
        # Losses and removed names of this step have been reported already.
        self._later = msgspec.structs.replace(step, losses=None, removed=())
        self._wait_for_upstream()
        if self._arrival.expects_continue and upload.is_unknown:
            self._client.write(CONTINUE)
        self._client.resume_upload()
        return False

    def _ask_portal(self, visit: Visit) -> None:
        self._app_name = visit.route.app.name
        self._pseudonym = pseudonym_of(visit.route, visit.session)
        self._app = None
        self._portal_asked = True
        self._classify(visit)
        services = self._services
        token = self._token = services.visits.issue(visit)
        head = services.portal_head(visit, token)
        inbound = self.inbound
        self._own_body = visit.brings_body and not inbound.websocket
        self._repeatable = False
        if not self._own_body:
            self._discard_upload()
        if not self._own_body or inbound.framing is Framing.EMPTY:
            self._head = head + (
                b"Content-Length: 0\r\n\r\n" if inbound.method == "POST" and self._own_body else b"\r\n"
            )
        else:
            self._head = head + _body_lines(inbound, again=False)
        self._hand_to(services.portal.take(self, repeatable=False))

    def _hand_to(self, connection: Exchanger | None) -> None:
        """Send on a connection there is; or wait for one."""
        if connection is None:
            self._wait_for_upstream()
        elif self._waiting:
            # We waited for the session, and part of the body has come meanwhile.
            self.upstream_ready(connection)
        else:
            self._send(connection)

    def _classify(self, visit: Visit) -> None:
        """Say in the access line what the visit is about."""
        match visit.purpose:
            case OwnPage():
                self._verdict = "portal"
            case WorkerPage():
                self._verdict, self._reason = "deny", "service_worker"
            case SignInPage(challenge) | FormNotSentPage(challenge):
                self._verdict = "challenge"
                self._rule, self._reason = str(challenge.rule), challenge.reason.value
            case RefusalPage(deny):
                self._verdict = "deny"
                self._rule = "" if deny.rule is None else str(deny.rule)
                self._reason = deny.words
            case ForeignFormPage(challenge) | ReturnedFormPage(challenge):
                self._verdict, self._rule = "challenge", str(challenge.rule)
                self._reason = "foreign_form" if isinstance(visit.purpose, ForeignFormPage) else "returned_form"
            case FormOverPage():
                self._verdict, self._reason = "deny", "form_over"
            case TroublePage(trouble=trouble):
                self._verdict = "error"
                self._reason = visit.session.reason if isinstance(visit.session, Limited) else trouble.value
            case _:
                assert_never(visit.purpose)

    def _wait_for_upstream(self) -> None:
        """Keep the body's bytes until the upstream can accept them."""
        self._waiting = True

    def _send(self, connection: Exchanger) -> None:
        self.upstream = connection
        self._sent = True
        if self._waiting:
            self._waiting = False
            self._upstream_began = self._services.stopwatch()
        is_head = self._arrival.inbound.method == "HEAD" and self._own_body
        upload = self.upload
        if upload is None or upload.state not in WANTED:
            connection.send(self, self._head, is_head=is_head, uploading=False)
            return
        complete = upload.state in COMPLETE
        held = upload.take()
        connection.send(self, self._head, is_head=is_head, uploading=not complete)
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
        if self.over:
            connection.abandon(self)
            return
        if connection.last and b"\r\nConnection: " not in self._head:
            self._head = self._head[:-2] + b"Connection: close\r\n\r\n"
        self._send(connection)

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
            framed, rest = upload.feed(data, self._services.limits.body, self._trailer_lines)
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
        elif upload.is_counted_first:
            later = self._later
            if later is not None and upload.state in COMPLETE and upload.state in WANTED:
                self._later = None
                self._forward(later)
        elif upload.is_full:
            # Reading goes on for a while, since a client whose bytes are not read cannot be heard leaving either.
            self._client.pause_upload()
        return rest

    def _trailer_lines(self, trailers: Headers) -> bytes:
        return b"" if self._app is None else self._services.trailers(trailers, self._app)

    def _bad_upload(self, status: HTTPStatus, code: str) -> None:
        self._drop_upstream()
        if self.answer_begun:
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
        self._discard_upload()
        keep_alive = self._keep_alive = self._can_stay() and not close and not answer.close
        # The method on this connection: a proxy asks about a HEAD with a GET, and waits for a body.
        bodyless = self._arrival.inbound.method == "HEAD"
        self._status = answer.status
        self.answer_begun = True
        if not bodyless:
            self._bytes_out = len(answer.body)
        self._client.write_whole(
            own_answer(
                answer,
                self._client.date_line(),
                self._hsts_line(),
                connection_line(keep_alive=keep_alive, minor=self._arrival.minor),
                bodyless=bodyless,
            )
        )
        self._finish()

    def _hsts_line(self) -> bytes:
        # Over plain HTTP it must not be said (RFC 6797 section 7.2).
        return self._services.hsts if self.inbound.scheme == "https" else b""

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Pass a 1xx on, but for 100: what the client expected, we have answered."""
        if self.over or self.answer_begun or status == HTTPStatus.CONTINUE or not self._arrival.minor:
            return
        if self._portal_asked:
            return
        self._client.write(status_line(status) + self._lines(headers) + b"\r\n")

    def _lines(self, headers: Headers) -> bytes:
        if self._app is None:
            return self._services.portal_answer(headers)
        return self._services.app_answer(headers, self._app, private=self._private, personal=self._signed_in)

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Send the head, re-framed, and what came of the body with it."""
        if self._entries:
            entries, self._entries = self._entries, ()
            self._late = []
            if complete:
                # The connection is in the pool again, whenever the client hears of the answer.
                self.upstream = None
            self._task = asyncio.get_running_loop().create_task(self._settle(entries, head, body, complete=complete))
            return
        inbound = self.inbound
        app = self._app
        if (
            inbound.worker_script
            and app is not None
            and (next_one := next_worker(inbound, head.headers, app, self.state))
        ):
            # A connection with a complete answer may belong to the next request already.
            self.upstream = None if complete else self.upstream
            self._drop_upstream()
            self._act(next_one)
            return
        client = self._client
        arrival = self._arrival
        status = self._status = head.status
        self.answer_begun = True
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
        cache = head.answer_cache if app is not None and keep_alive and arrival.minor and not bodyless else None
        if app is not None:
            self._answered = self._services.stopwatch()
            if (
                cache is not None
                and (known := cache.get((app, self._private, self._signed_in, inbound.scheme))) is not None
            ):
                self._bytes_out = len(body)
                # Before the write: the connection is in the pool again, and a client that is full would pause it there.
                self.upstream = None
                client.write_whole(
                    known.head + body if known.dated else b"%b%b\r\n%b" % (known.head, client.date_line(), body)
                )
                self._done()
                client.answered()
                return
        if app is None:
            lines = self._services.portal_answer(head.headers)
        else:
            headers = head.headers if self._rewrite is None else self._rewrite.answer(head.headers)
            lines = self._services.app_answer(headers, app, private=self._private, personal=self._signed_in)
        dated = b"\r\ndate: " in b"\r\n" + lines.lower()
        sent_as, framing, goes_on = framing_of(
            head, len(body), complete=complete, bodyless=bodyless, minor=arrival.minor
        )
        self._answer_body = sent_as
        if not goes_on:
            keep_alive = self._keep_alive = False
        if bodyless:
            body = b""
        elif body:
            self._bytes_out = len(body)
            if sent_as is CHUNKED:
                body = chunk(body)
        known = sent_head(
            status,
            lines,
            self._hsts_line() + framing + connection_line(keep_alive=keep_alive, minor=arrival.minor),
            dated=dated,
        )
        if cache is not None and app is not None:
            cache[app, self._private, self._signed_in, inbound.scheme] = known
        answer = known.head + body if dated else b"%b%b\r\n%b" % (known.head, client.date_line(), body)
        if complete:
            # As above.
            self.upstream = None
            client.write_whole(answer)
            self._finish()
            return
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
        if self._late is not None:
            self._late.append(partial(self.answer_goes_on, body))
            return
        if self._answer_body is NO_BODY or not body:
            return
        self._bytes_out += len(body)
        self._client.write(chunk(body) if self._answer_body is CHUNKED else body)

    def answer_ends(self, trailers: Headers) -> None:
        """Send the end of the body."""
        # Whenever the client hears of it, the connection is in the pool again.
        self.upstream = None
        if self._late is not None:
            self._late.append(partial(self.answer_ends, trailers))
            return
        if self._answer_body is CHUNKED:
            lines = b""
            if trailers and self._app is not None and (fit := fit_trailers(trailers)):
                lines = self._services.app_answer(fit, self._app, private=False)
            self._client.write(last_chunk(lines))
        self._finish()

    def _outlive(self, ticket: Ticket) -> None:
        """Have this stream cut when the session that opened it ends."""
        self._watch = self._services.sessions.watch(ticket, self._session_over)

    def _session_over(self) -> None:
        self.cut()

    # --- the tunnel ---------------------------------------------------------------------------

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        """Open the tunnel, if this request asked for one."""
        if not self.inbound.websocket or self._app is None:
            upstream = self.upstream
            self.upstream = None
            if upstream is not None:
                upstream.abandon(self)
            self._upstream_trouble(Trouble.UPSTREAM_PROTOCOL, HTTPStatus.BAD_GATEWAY)
            return
        self.tunnel = True
        self.answer_begun = True
        self._status = 101
        self._answered = self._services.stopwatch()
        if not self._client.tunnelling():
            self._cut_short("tunnel_too_early")
            return
        self._client.write(
            status_line(101)
            + self._lines(headers)
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
        self._bytes_out += len(data)
        self._client.tunnel_data(data)

    def tunnel_ends(self) -> None:
        """The application says nothing more."""
        if self.half_closed:
            self._drop_upstream()
            self._finish_tunnel()
        else:
            self._upstream_ended = True
            self._client.tunnel_half_over()

    def client_ends_tunnel(self) -> None:
        """The client says nothing more."""
        if self._upstream_ended:
            self._drop_upstream()
            self._finish_tunnel()
        else:
            self.half_closed = True
            if self.upstream is not None:
                self.upstream.end_tunnel(self)

    def feed_tunnel(self, data: bytes) -> None:
        """Pass the client's bytes to the application."""
        self._bytes_in += len(data)
        if self.upstream is not None:
            self.upstream.send_body(self, data)

    # --- what goes wrong ----------------------------------------------------------------------

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        """Try again where that is safe; else say what happened."""
        self.upstream = None
        if self._late is not None:
            self._late.append(partial(self.upstream_failed, error, unheard=unheard))
            return
        if self.over:
            return
        if self.tunnel:
            self._finish_tunnel()
            return
        if self.answer_begun:
            self._cut_short(error.code)
            return
        if unheard and (self._repeatable or not self._sent) and not self._retried and self._app is not None:
            self._retried = True
            self._services.upstreams[self._app.app.name].take_fresh(self)
            return
        self._upstream_trouble(_TROUBLES[error.code], error.status)

    def _upstream_trouble(self, trouble: Trouble, status: HTTPStatus) -> None:
        inbound = self.inbound
        route = self._app
        self._verdict, self._reason = "error", trouble.value
        self._waiting = False
        # Before our own page's answer could be taken for the application's.
        self._settle_failure()
        if self._portal_asked:
            self._services.visits.take(self._token)
            self.answer(self._plain(HTTPStatus.BAD_GATEWAY))
            return
        if route is not None and navigation(inbound) is not Navigation.BACKGROUND:
            retry_after = RETRY_AFTER if status is HTTPStatus.SERVICE_UNAVAILABLE else None
            self._ask_portal(Visit(route, inbound, self.state, TroublePage(trouble, status, retry_after)))
            return
        self.answer(problem(status, trouble.value, inbound.request_id))

    def _plain(self, status: HTTPStatus) -> Answer:
        """Return the page of last resort: our own pages do not answer either."""
        text = (
            "ただいまご利用になれません。しばらくしてからもう一度お試しください。\n"
            "This service is not available right now. Please try again later.\n"
            f"\n{status.value} {self.inbound.request_id}\n"
        )
        headers = ((b"Content-Type", b"text/plain; charset=utf-8"), (b"Cache-Control", b"no-store"))
        return Answer(status.value, headers, text.encode())

    def client_stalled(self) -> None:
        """The client neither sends nor reads for too long."""
        self._services.observer.limited("stream_idle")
        self._drop_upstream()
        if self.answer_begun or self.upload_done:
            self._cut_short("stream_idle")
            return
        self._verdict, self._reason = "error", "stream_idle"
        self.answer(problem(HTTPStatus.REQUEST_TIMEOUT, "stream_idle", self.inbound.request_id), close=True)

    def listens_on(self) -> bool:
        """Say whether a client that has said its last is believed to wait for its answer, however long it takes."""
        return self._app is not None and self._app.app.upstream_options.half_close == "listens"

    def client_gone(self) -> None:
        """The client has left: stop the application's answer, or let a request that it has begun come to its end."""
        if self.over:
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
        if self.upload is not None:
            self.upload.let_go()
        if not self.answer_begun:
            self._status = CLIENT_GONE
        if not self.tunnel:
            self._reason = self._reason or "client_gone"
        self._done()

    def _runs_on(self) -> bool:
        """Whether the application is at work on something that cutting its connection would not undo."""
        if self._app is None or self.answer_begun or self._late is not None or not self.upload_done:
            return False
        return bool(self._entries) or self.inbound.method not in SAFE

    def _cut_short(self, code: str) -> None:
        """Abort a begun answer so that no client can take it for complete."""
        self._drop_upstream()
        if not self.over:
            self._reason = code
            self._done()
        self._client.hang_up()

    def cut(self) -> None:
        """The session is over, and this stream with it."""
        if not self.over:
            self._cut_short("session_over")

    def _drop_upstream(self) -> None:
        upstream = self.upstream
        self.upstream = None
        if upstream is not None:
            upstream.abandon(self)
        elif self._portal_asked:
            self._services.portal.leave(self)
        elif self._app is not None:
            # The request may still wait for a connection, and take the place of a client that is there.
            self._services.upstreams[self._app.app.name].leave(self)

    # --- the end ------------------------------------------------------------------------------

    def _finish_tunnel(self) -> None:
        self._done()
        self._client.tunnel_over()

    def _finish(self) -> None:
        self._done()
        if self._keep_alive:
            self._client.answered()
        else:
            self._client.answered_last()

    def _done(self) -> None:
        """Write the one access line."""
        self.over = True
        if self._entries:
            self._settle_failure()
        self._task = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        services = self._services
        inbound = self.inbound
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
                self._answered - self._upstream_began if self._answered else 0.0,
                self._bytes_in if self.upload is None else self.upload.received,
                self._bytes_out,
                self._candidate,
            )
        )
