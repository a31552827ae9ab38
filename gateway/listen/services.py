"""The services that the listener needs from the other folders, in one value.

Composed in `app.py`, faked in tests. A reload makes another and hands it to the listener; a
request in flight keeps the one it began with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.audit.entry import Entry
from gateway.audit.trail import always_recorded
from gateway.instant import Instant
from gateway.limits.limits import Cancellation, LimitStore
from gateway.listen.upload import CountedBytes
from gateway.login.returned import ReturnedForms
from gateway.observe.access_log import Observer
from gateway.observe.spans import Spans
from gateway.pipeline.outcome import Answer, MayGiveBack, NeedRecord, Step
from gateway.pipeline.visit import Visit
from gateway.request.inbound import Inbound
from gateway.request.rates import LookupLimits
from gateway.request.section_cache import Removed
from gateway.request.trust import Trust
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, SessionReader, SessionState, Watch
from gateway.session.ticket import Ticket
from gateway.settings.settings import TrafficSettings
from gateway.upstream.upstream import Headers, Upstreams


class AppAnswer(Protocol):
    """`headers.app_answer_headers`."""

    def __call__(self, headers: Headers, route: Route, *, private: bool, personal: bool = False) -> bytes:
        """Return the answer's header lines."""


class Visits(Protocol):
    """`portal.visits.VisitTable`, as far as the door uses it."""

    def issue(self, visit: Visit) -> str:
        """Keep a visit and return its one-time token."""

    def take(self, token: str) -> Visit | None:
        """Forget a visit that the portal will not collect."""


class OneUse(Protocol):
    """The part of `login.pending.PendingStore` that the listener uses."""

    async def spend(self, name: str, now: Instant) -> bool:
        """Use a name up; True for exactly one caller."""

    async def unspend(self, name: str) -> None:
        """Forget that a name was used, because the action failed."""


class Accounts(Protocol):
    """Finds out for which account of an application a person acts; `accounts.asyncio_linking` implements it."""

    async def load(self, route: Route, found: Found, ticket: Ticket) -> None:
        """Keep the answer with the session.

        Raises:
            StoreUnavailableError: a store did not answer.

        """

    def watch(self, route: Route, found: Found, on_end: Callable[[], None]) -> Watch | None:
        """Call `on_end` once when the account ends for which the person acts; `None` if she acts for none."""


def _as_it_came(inbound: Inbound, _table: RouteTable) -> Inbound | Answer:
    return inbound


def _uncounted(_route: Route, _replaced: int, _left_out: int) -> None:
    """Count nothing."""


def _untold(_app: str, _removed: Removed) -> None:
    """Tell nobody."""


def _uncancelled(_may: MayGiveBack, _request_id: str, _how: Cancellation) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestServices:
    """The services an exchange may call: they decide on a request, answer it, and record it."""

    table: Callable[[], RouteTable]
    step: Callable[[Inbound, SessionState, Instant, RouteTable], Step | NeedRecord]
    sessions: SessionReader
    upstreams: Mapping[str, Upstreams]
    """Each App's way to its application, by the App's name."""
    portal: Upstreams
    visits: Visits
    portal_head: Callable[[Visit, str], bytes]
    app_answer: AppAnswer
    portal_answer: Callable[[Headers], bytes]
    trailers: Callable[[Headers, Route], bytes]
    """Lines of those request trailers that the route's application may get."""
    observer: Observer
    clock: Callable[[], Instant]
    stopwatch: Callable[[], float]
    """A monotonic clock in seconds, for durations."""
    entries: LimitStore | None = None
    """The store of a policy's limits; `None` if no policy has one (checked when they are read)."""
    cancelled: Callable[[MayGiveBack, str, Cancellation], None] = _uncancelled
    """Told of each entry that an application said was cancelled, with the request's id."""
    accounts: Accounts | None = None
    """Knows the accounts of Apps that have some (checked when the policies are read); `None` where none has."""
    returned: ReturnedForms | None = None
    """Opens a form that came back from another site; `None` where no rule can name one."""
    one_use: OneUse | None = None
    """The store of names that are for one use; with `returned`."""
    count_encoding_losses: Callable[[Route, int, int], None] = _uncounted
    """Told of characters replaced and facts left out, when an App's headers are made (`Forward.losses`)."""
    names_removed: Callable[[str, Removed], None] = _untold
    """Told of a client's fields that no browser sends, which the App's application did not get (`removed`)."""
    original: Callable[[Inbound, RouteTable], Inbound | Answer] = _as_it_came
    """Returns the request to decide on, of one under the portal's prefix: itself, or the one another proxy asks about
    (`forward_auth.original`)."""
    hsts: bytes = b""
    """The `Strict-Transport-Security` line of answers over https; empty for none."""
    limits: TrafficSettings = field(default_factory=TrafficSettings)
    counted: CountedBytes = field(default_factory=lambda: CountedBytes(TrafficSettings().counted_uploads))
    """The account of all bodies that are counted before they go on."""
    trust: Trust = field(default_factory=lambda: Trust(()))
    recording: Callable[[Inbound, Step, Instant], Step | NeedRecord] | None = None
    """Finds the decisions that wait for the audit trail, for steps that `step` has not made; `None` where none does."""
    recorded: Callable[[Entry], Awaitable[bool]] = always_recorded
    """Has a decision on the disk, and says whether it may be carried out."""
    lookups: LookupLimits = field(default_factory=LookupLimits)
    """Limits on look-ups of tickets that belong to no session."""
    spans: Spans | None = None
    """Takes the spans of requests; `None` without `traces`."""
