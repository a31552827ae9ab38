"""One request's head, as we understand it. Everything later decides on this value alone.

Made by the door (`httptools_listener`, or `forward_auth` from a proxy's sub-request)
when the whole head is there and acceptable; never changed afterwards.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from gateway.listen.target import Target


class Framing(Enum):
    """How the request's body is delimited (RFC 9112 section 6.3)."""

    EMPTY = "empty"
    COUNTED = "counted"
    CHUNKED = "chunked"


class Inbound(msgspec.Struct, frozen=True):
    """A request's head. `headers` are as received, in order, names in their spelling."""

    method: str
    target: Target
    host: str
    """Lower-case host and, where it is not the scheme's default, `:port`; no trailing dot."""
    headers: tuple[tuple[bytes, bytes], ...]
    request_id: str
    peer: str
    """The address at the other end of the socket."""
    client: str
    """The address of the person's browser, as far as a trusted proxy says one; else `peer`."""
    scheme: str
    """`https` or `http`: how the browser speaks to us, by our socket or a trusted proxy."""
    cookie: bytes = b""
    """All Cookie fields joined by `; ` (RFC 9110 section 5.3 makes this one exception)."""
    framing: Framing = Framing.EMPTY
    length: int = 0
    """Bytes of body where `framing` is `COUNTED`."""
    websocket: bool = False
    """A GET without a body that asks for an upgrade to `websocket`: the one upgrade we tunnel."""
    forwarded: bool = False
    """True where this stands for a request that another proxy will forward (forward-auth)."""
