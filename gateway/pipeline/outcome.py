"""The pipeline's outcomes for one request, as values."""

from __future__ import annotations

import msgspec

from gateway.audit.entry import Entry
from gateway.headers.encode import EncodingLosses
from gateway.limits.limits import LimitUse
from gateway.pipeline.visit import Visit
from gateway.policy.verdict import GivesBack, Limit, Permit
from gateway.request.section_cache import Removed
from gateway.route.route import Route
from gateway.session.session import Found
from gateway.session.ticket import Ticket

Headers = tuple[tuple[bytes, bytes], ...]


class Forward(msgspec.Struct, frozen=True, gc=False):
    """Send this head to the App's upstream, then the body as it comes."""

    route: Route
    permit: Permit
    head: bytes
    """Request line and header section but for framing fields and the empty line: every line ends in CRLF.

    The upstream side adds `Content-Length` or `Transfer-Encoding` from `Inbound.framing`, `Connection`
    and `Upgrade` where `Inbound.websocket`, `Expect` and trailers' `TE` never, and the empty line.
    Of another proxy's question these are the lines that we add alone.
    """
    signed_in: bool
    """Whether a session was used: its stream dies with it, and no shared cache may keep its answer, under any
    permit."""
    pseudonym: str = ""
    """The session's pseudonym, for the access line; empty if nobody is signed in."""
    rule: str = ""
    """The permit's rule as the access line names it, where that was made before."""
    losses: EncodingLosses | None = None
    """Characters replaced in the headers just made, and facts left out of them; nothing where they were kept ready."""
    removed: Removed = ()
    """The client's fields that no browser sends, which the application does not get."""
    candidate: str = ""
    """The verdict of the App's candidate policy, if it is another one: `deny:condition_no:adult`."""


class AskPortal(msgspec.Struct, frozen=True):
    """Let the portal answer. Its head is made by `portal_head` once the visit has its token."""

    visit: Visit
    candidate: str = ""
    signed: Passing | None = None
    """The outcome for the same form once it is signed, where the page asks the person to sign it."""


class Answer(msgspec.Struct, frozen=True):
    """The byte path answers by itself: 401, redirects, refusals, problem+json.

    `Content-Length`, `Date` and `Connection` are added by the listener.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    close: bool = False
    verdict: str = "error"
    """`challenge`, `deny` or `error`: for the access line, as are `rule` and `reason`."""
    rule: str = ""
    reason: str = ""
    candidate: str = ""
    app: str = ""
    """The App's name; empty where the request is no App's."""
    pseudonym: str = ""
    """The session's, as in `Forward`: the audit names who was refused."""
    removed: Removed = ()
    """The fields that no browser sends, on whose account the request was refused."""
    lines: bytes = b""
    """All of `headers` as they are sent, if they were rendered before."""


class NeedSession(msgspec.Struct, frozen=True):
    """The listener must first ask the store for this ticket's session."""

    ticket: Ticket


class NeedAccount(msgspec.Struct, frozen=True):
    """The listener must first ask for which account of the application this person acts."""

    route: Route
    found: Found
    """The answer is kept in it (`accounts`)."""


class NeedPress(msgspec.Struct, frozen=True):
    """The body must be read first: it may be the button of our page about a form that came back."""

    route: Route
    sites: tuple[str, ...]
    """The origins that the rule names now."""
    signs: bool = False
    """Whether the rule has its forms signed now."""


class NeedReservation(msgspec.Struct, frozen=True):
    """The exchange must first reserve one entry of a limit; each outcome after that is decided already."""

    use: LimitUse
    limits: tuple[Limit, ...]
    """The limits that this one entry is for: what an answer means for it is the strictest of theirs."""
    taken: Passing
    none_left: AskPortal | Answer
    unavailable: AskPortal | Answer
    """The outcome if the store of limits is away: not a pass, since nothing would count it."""


class MayGiveBack(msgspec.Struct, frozen=True):
    """Send the request, and give an entry of a limit back if the application's answer says that it was cancelled."""

    use: LimitUse
    gives_back: GivesBack
    forward: Forward


class NeedRecord(msgspec.Struct, frozen=True):
    """The audit trail must have the decision on the disk before it is carried out (`audit.required`)."""

    step: Forward | AskPortal | Answer
    entry: Entry
    unrecorded: AskPortal | Answer
    """The outcome if it cannot be recorded."""


Passing = Forward | NeedReservation | MayGiveBack
"""The outcomes by which a request reaches its application."""

Step = Passing | AskPortal | Answer | NeedSession | NeedAccount | NeedPress
