"""The trace that a request belongs to, as W3C Trace Context (Level 1) carries it from server to server.

Reading is strict: a `traceparent` that is not exactly of its form is none, and so is one that came twice. A faulty
`tracestate` is left out alone (section 3.3). `otel_spans` has the spans, and makes ids.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_PARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NO_TRACE_ID: Final = b"0" * 32
_NO_SPAN_ID: Final = b"0" * 16
_SAMPLED: Final = 1

_MEMBER: Final = re.compile(
    rb"([a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    rb"=([ -+\--<>-~]{0,255}[!-+\--<>-~])"
)
"""A key and a value: printable ASCII without a comma or an equals sign, and no space at the end."""

MOST_MEMBERS: Final = 32
LONGEST_STATE: Final = 1024
"""Bytes of a `tracestate` that is passed on; section 3.3.1.5 asks for 512 at least."""


class TraceContext(NamedTuple):
    """A trace, and the span in it that is the parent of what comes next."""

    trace_id: str
    """32 hexadecimal digits; empty for no trace."""
    span_id: str = ""
    sampled: bool = False
    """Whether the caller records this trace."""
    state: str = ""
    """Tracing systems tell each other this; it is passed on unread."""

    @property
    def parent(self) -> str:
        """The value of `traceparent` for the next server."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    @property
    def lines(self) -> bytes:
        """The header lines for the next server, each after a line end; none without a trace."""
        if not self.trace_id:
            return b""
        state = f"\r\ntracestate: {self.state}" if self.state else ""
        return f"\r\ntraceparent: {self.parent}{state}".encode("ascii")


NO_TRACE: Final = TraceContext("")


def read_trace(parents: tuple[bytes, ...], states: tuple[bytes, ...]) -> TraceContext:
    """Return the trace that a request's `traceparent` and `tracestate` fields name, or `NO_TRACE`."""
    if len(parents) != 1:
        return NO_TRACE
    match = _PARENT.fullmatch(parents[0])
    if match is None:
        return NO_TRACE
    version, trace_id, span_id, flags, more = match.groups()
    # Section 4.3: a later version may say more behind the four parts, and this one never does.
    if version == b"ff" or (version == b"00" and more is not None):
        return NO_TRACE
    if trace_id == _NO_TRACE_ID or span_id == _NO_SPAN_ID:
        return NO_TRACE
    return TraceContext(
        trace_id.decode("ascii"), span_id.decode("ascii"), bool(int(flags, 16) & _SAMPLED), _state_of(states)
    )


def _state_of(fields: tuple[bytes, ...]) -> str:
    """Return the list of the fields in one line, without empty members; empty if any member is faulty."""
    members = [member for member in (each.strip(b" \t") for each in b",".join(fields).split(b",")) if member]
    keys = set()
    for member in members:
        match = _MEMBER.fullmatch(member)
        if match is None or match[1] in keys:
            return ""
        keys.add(match[1])
    whole = b",".join(members)
    return whole.decode("ascii") if len(members) <= MOST_MEMBERS and len(whole) <= LONGEST_STATE else ""
