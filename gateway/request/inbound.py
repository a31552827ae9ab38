"""One request's head as a value. Every later step decides on this value alone."""

from __future__ import annotations

from enum import Enum

import msgspec

from gateway.observe.trace_context import NO_TRACE, TraceContext
from gateway.request.section_cache import SectionCache
from gateway.request.target import Target


class Framing(Enum):
    """The framing of the request's body (RFC 9112 section 6.3)."""

    EMPTY = "empty"
    COUNTED = "counted"
    CHUNKED = "chunked"


class Inbound(msgspec.Struct, frozen=True, gc=False):
    """A request's head. `headers` are as received, in order, names in their spelling."""

    method: str
    target: Target
    host: str
    """Lower-case host and, where it is not the scheme's default, `:port`; no trailing dot."""
    headers: tuple[tuple[bytes, bytes], ...]
    request_id: str
    peer: str
    """The address at the other end of the socket."""
    client_address: str
    """The address of the person's browser, as far as a trusted proxy says one; else `peer`."""
    scheme: str
    """`https` or `http`: how the browser speaks to us, by our socket or a trusted proxy."""
    cookie: bytes = b""
    """The Cookie fields joined by `; ` (RFC 9110 section 5.3 makes this one exception)."""
    framing: Framing = Framing.EMPTY
    length: int = 0
    """Bytes of body where `framing` is `COUNTED`."""
    websocket: bool = False
    """A GET without a body that asks for an upgrade to `websocket`: the one upgrade we tunnel."""
    received: bytes = b""
    """The target's bytes as they came, if they differ from `target.raw`; otherwise empty."""
    forwarded: str = ""
    """The proxy's dialect if this is a request that another proxy will forward (forward-auth); otherwise empty."""
    section_cache: SectionCache | None = None
    """The results that follow from headers, cookie, host, scheme and client alone. The next request with these very
    ones shares it; `None` where any of them may be another next time, and where `overrides`, `worker_script` or
    `references` says that more than the request line must be looked at."""
    client_known: bool = True
    """Whether it is the browser's address: a trusted proxy that names none stands before browsers of anywhere."""
    overrides: tuple[bytes, ...] = ()
    """The values of fields such as `X-HTTP-Method-Override`, and an empty one more if such a field is spelled oddly."""
    worker_script: bool = False
    """The browser asks for the script of a service worker (`Service-Worker: script`)."""
    references: bool = False
    """A field names further resources (`Destination`, `If`): `references` has them."""
    trace: TraceContext = NO_TRACE
    """The trace that a trusted proxy says the request belongs to, or that begins here."""

    @property
    def seen_from(self) -> str:
        """The address that policy judges; an unknown one is empty and belongs to no network."""
        return self.client_address if self.client_known else ""
