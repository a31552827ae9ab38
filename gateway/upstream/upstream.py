"""An application's answer, and its receiver.

An upstream is one place an App can be reached at; several may serve one App. This module has the
values that pass between the way to the application (`httptools_connection`) and the door
(`httptools_listener`); which upstream is asked is in `balance`, whether it may be in `breaker`.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import msgspec

from gateway.errors import GatewayError
from gateway.settings.settings import TrafficSettings
from gateway.upstream.prefix import PathRewrite

Headers = tuple[tuple[bytes, bytes], ...]


class AnswerFraming(Enum):
    """The framing of an application's answer (RFC 9112 section 6.3)."""

    NONE = "none"
    """The answer has no body: HEAD, 204, 304."""
    COUNTED = "counted"
    CHUNKED = "chunked"
    CLOSE = "close"
    """It ends where the connection does."""


class SentHead(msgspec.Struct, frozen=True, gc=False):
    """An application's head as a client gets it."""

    head: bytes
    """Its lines. If the application says no `Date`, ours follows, and then the empty line."""
    dated: bool
    """Whether the application says a `Date`, so that this is all of the head."""
    behind: bytes = b""
    """The rest of the lines, if the value of a cookie stands between."""


AnswerCase = tuple[object, bool, bool, str]
"""Four things may differ for the same bytes of a head: the route, by its token, whether a shared cache must not keep
the answer, whether a session was used, and the scheme."""


SentHeads = dict[AnswerCase, SentHead]


class AnswerHead(msgspec.Struct, frozen=True):
    """The head of an application's answer."""

    status: int
    headers: Headers
    framing: AnswerFraming
    length: int | None = None
    """The value of `Content-Length`; with `NONE`, of a body that does not follow."""
    answer_cache: SentHeads | None = None
    """The heads that the listener has made of a repeated answer's head, each without its framing if the head tells no
    length.

    Only the head of an answer that leaves its connection open has one. It ends with the upstream, and so with these
    settings.
    """
    cookie: bytes = b""
    """The value of the one cookie that `headers` have and `answer_cache` leaves out; empty where it has all of them."""


def location_of(head: AnswerHead) -> str | None:
    """Return an answer's `Location` as received; `None` where it has none."""
    found = next((value for name, value in head.headers if name.lower() == b"location"), None)
    return None if found is None else found.decode("latin-1")


class Exchanger(Protocol):
    """A connection to an application, as the door uses it.

    A connection has one holder: a lease begins when `Upstreams` hands the connection to a receiver, and ends with
    the last word of the answer, with the connection's loss, or with `abandon`. Each method takes the caller and does
    nothing unless the caller is the holder. A lease that has ended can therefore never affect the next request, even if
    its old holder keeps the reference.
    """

    last: bool
    """Whether no further request will be sent here, as the application is best told: `Connection: close`."""

    def send(self, holder: Receiver, head: bytes, *, is_head: bool, uploading: bool, with_body: bool = False) -> None:
        """Begin a request: a whole head, and whether a body will follow in `send_body`.

        `with_body`: the whole body stands behind the head already.

        Raises:
            RuntimeError: the caller is not the holder. A head that vanished would leave its client waiting for ever.

        """

    def within(self, holder: Receiver, limits: TrafficSettings) -> None:
        """Have other clocks than the App's hold for the request that has just been sent."""

    def send_body(self, holder: Receiver, data: bytes) -> None:
        """Send framed bytes of the request's body, or bytes of a tunnel."""

    def upload_done(self, holder: Receiver) -> None:
        """Say that the request is complete."""

    def end_tunnel(self, holder: Receiver) -> None:
        """Say that the client says nothing more in the tunnel."""

    def pause(self, holder: Receiver) -> None:
        """Read no more for now."""

    def resume(self, holder: Receiver) -> None:
        """Read on."""

    def pass_on(self, holder: Receiver, heir: Receiver) -> None:
        """Make another object the holder, which then receives the answer."""

    def abandon(self, holder: Receiver) -> None:
        """Close: the holder does not want the answer any more."""


class Upstreams(Protocol):
    """The upstreams of one App, or the portal as one."""

    @property
    def rewrite(self) -> PathRewrite | None:
        """Changes paths on their way there and back; `None` if they are the same."""

    def take(self, receiver: Receiver, *, repeatable: bool) -> Exchanger | None:
        """Return a kept connection at once, or `None`, and tell the receiver later.

        `repeatable`: the request may be sent again should the kept connection turn out dead.
        """

    def take_fresh(self, receiver: Receiver) -> None:
        """Make a connection, as a kept one has just turned out dead, and tell the receiver then."""

    def leave(self, receiver: Receiver) -> None:
        """Remove a request from the queue that has no connection yet: the next one takes its place."""


class Receiver(Protocol):
    """Receives the answer: one client's request. No method here may raise."""

    @property
    def over(self) -> bool:
        """Whether the client has stopped waiting for the answer."""

    def upstream_ready(self, connection: Exchanger) -> None:
        """The connection that had to be made first is there."""

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        """There will be no answer, or no more of it.

        `unheard`: a kept connection died before it said a byte, so the application may not even
        have seen the request.
        """

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Tell of a 1xx that is not 101."""

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        """Hand over the head, what came of the body with it, and whether that is all."""

    def answer_goes_on(self, body: bytes) -> None:
        """Hand over more of the body."""

    def answer_ends(self, trailers: Headers) -> None:
        """The stream has ended."""

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        """A 101: from now on bytes are bytes; `rest` came with the head."""

    def tunnel_data(self, data: bytes) -> None:
        """Pass the application's bytes of the tunnel on."""

    def tunnel_ends(self) -> None:
        """The application says nothing more in the tunnel, but may listen still."""

    def pause_upload(self) -> None:
        """The application does not keep up: send no more until told."""

    def resume_upload(self) -> None:
        """Send on."""
