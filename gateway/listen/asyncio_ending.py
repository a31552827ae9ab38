"""The values of a request, the answers of the listener itself, and each way in which a request ends.

`asyncio_request` has the decision and the way out to the application, `asyncio_exchange` the answer's way back.
A request pays only for what it needs: most of the fields below are written only by those that need them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from gateway.limits.asyncio_entry import Entry
from gateway.limits.limits import settle_failure
from gateway.listen.answer import (
    AS_IT_COMES,
    connection_line,
    own_answer,
)
from gateway.listen.downstream import Downstream
from gateway.listen.services import RequestServices
from gateway.listen.stages import BEGUN, STAGES, Stage, StageEvent
from gateway.listen.upload import COMPLETE, Upload, UploadState
from gateway.observe.access_log import AccessLine
from gateway.observe.causes import INTERNAL_ERROR
from gateway.pipeline.outcome import Answer, Forward
from gateway.pipeline.problem import problem
from gateway.pipeline.small_page import for_person
from gateway.request.brought import Brought
from gateway.request.head_reader import Arrival
from gateway.request.inbound import Framing
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import NoTicket, SessionState, Watch
from gateway.session.ticket import Ticket
from gateway.settings.settings import TrafficSettings
from gateway.upstream.upstream import Exchanger
from gateway.wire.methods import BODYLESS

_NO_TICKET = NoTicket()
_EMPTY = Framing.EMPTY
"""By a name of its own: to look it up in its enum, each request, costs more than to compare it. So are the stages."""
_UNDECIDED, _DECIDING = Stage.UNDECIDED, Stage.DECIDING
_OVER = Stage.OVER
_UPLOADED = UploadState.DONE

_AFTER_OWN_ANSWER = STAGES.after(StageEvent.OWN_ANSWER)
_AFTER_CUT = STAGES.after(StageEvent.CUT)


if TYPE_CHECKING:
    from gateway.upstream.upstream import Receiver
else:
    # A protocol has no slots: to inherit from it would give each request a dictionary of attributes.
    Receiver = object


class Ending(Receiver):
    """The values of one request, and each way in which it ends."""

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
        "_since",
        "_status",
        "_table",
        "_task",
        "_token",
        "_verdict",
        "_waited",
        "_wall_time",
        "_watch",
        "brought",
        "half_closed",
        "inbound",
        "session",
        "stage",
        "tunnel_idle",
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
        self.brought: Brought | None = None
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
        self._late: tuple[Callable[[], None], ...] = ()
        """The part of the answer that came while the stage was `SETTLING`."""
        self._keep_alive = False
        """Whether the client was told that its connection stays."""
        self._answer_body = AS_IT_COMES
        self.tunnel_idle: float
        """Seconds that the tunnel may be silent. Only a request with a tunnel has it."""
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None
        self._began = services.stopwatch()
        self._sent = self._answered = 0.0
        """When a connection took the request, and when the application's answer began or was given up; 0 before."""
        self._waited = self._since = 0.0
        """The seconds spent waiting for others than the application, and when the present wait began; 0 without one."""
        # The access line's values, for the end of this request.
        self._wall_time = services.clock()
        self._app_name = self._rule = self._reason = self._pseudonym = self._candidate = ""
        self._verdict = "error"
        self._status = self._bytes_in = self._bytes_out = 0
        if inbound.framing is not _EMPTY:
            self.upload = Upload(inbound, services.limits.headers)
            if inbound.framing is Framing.CHUNKED and inbound.method in BODYLESS and not arrival.expects_continue:
                self.stage = _UNDECIDED
                self._since = self._began

    @property
    def ticket(self) -> Ticket | None:
        """The ticket that the browser brought, if there is one."""
        return None if self.brought is None else self.brought.ticket

    @property
    def over(self) -> bool:
        """Whether the access line is written, and nothing more is sent."""
        return self.stage is _OVER

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
            self._cut_short(INTERNAL_ERROR)
            return
        self._drop_upstream()
        self._verdict, self._reason = "error", INTERNAL_ERROR
        self.answer(problem(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, self.inbound.request_id))

    def _wait_begins(self) -> None:
        """From now on somebody else has the time: a store, a queue, the client."""
        if not self._since:
            self._since = self._services.stopwatch()

    def _wait_ends(self) -> None:
        if self._since:
            self._waited += self._services.stopwatch() - self._since
            self._since = 0.0

    def _give_up_waiting(self) -> None:
        """The application has not answered, and nobody waits for it any more: the wait counts all the same."""
        # While it waits for another connection, no application is asked.
        if self._sent and not self._answered and not self._since and self._route is not None:
            self._answered = self._services.stopwatch()

    @property
    def upload_done(self) -> bool:
        """Whether the request's body has come, if it has one."""
        return self.upload is None or self.upload.state in COMPLETE

    @property
    def traffic(self) -> TrafficSettings:
        """The limits and clocks that hold for this request."""
        route = self._route
        if route is None or route.traffic is None:
            return self._services.limits
        return route.traffic.at(self.inbound.target.path)

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

    def answer(self, answer: Answer, *, close: bool = False) -> None:
        """Answer by ourselves."""
        if answer.status >= HTTPStatus.BAD_REQUEST:
            answer = for_person(answer, self.inbound, self._route or self._services.table().home(self.inbound.host))
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
        if self._since:
            self._wait_ends()
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
                self._waited,
                inbound.trace.trace_id,
            )
        )
