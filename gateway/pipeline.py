"""One request through the steps; the only file that knows their order.

`step` is pure and never waits: values in, a value out. Where it needs what is not in
memory it says so, the listener fetches it, and steps again with the same table.
"""

from __future__ import annotations

import msgspec

from gateway.policy.policy import Permit
from gateway.portal.visit import Visit
from gateway.route.route import Route
from gateway.session.ticket import Ticket

Headers = tuple[tuple[bytes, bytes], ...]


class Forward(msgspec.Struct, frozen=True):
    """Send this head to the App's upstream, then the body as it comes."""

    route: Route
    permit: Permit
    head: bytes
    """Request line and header section but for framing fields and the empty line: every line ends in CRLF.

    The upstream side adds `Content-Length` or `Transfer-Encoding` from `Inbound.framing`, `Connection`
    and `Upgrade` where `Inbound.websocket`, `Expect` and trailers' `TE` never, and the empty line.
    """
    signed_in: bool
    """Whether a session was used: its answer must not be kept by a shared cache, its stream dies with it."""
    ticket: Ticket | None = None


class AskPortal(msgspec.Struct, frozen=True):
    """Let the portal answer. Its head is made by `portal_head` once the visit has its token."""

    visit: Visit


class Answer(msgspec.Struct, frozen=True):
    """The byte path answers by itself: 401, redirects, refusals of a head, problem+json.

    `Content-Length`, `Date` and `Connection` are added by the listener.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    close: bool = False


class NeedSession(msgspec.Struct, frozen=True):
    """What this ticket stands for must be asked of the store first."""

    ticket: Ticket


Step = Forward | AskPortal | Answer | NeedSession
