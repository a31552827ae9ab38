"""The access line: one struct a request, put into a bounded queue, written by a thread.

A full disk or a slow pipe loses lines, counted, never requests. Events that are not
requests are structlog's business (`structlog_setup`).
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class AccessLine(msgspec.Struct, gc=False):
    """The access line of one finished request: every part of the gateway writes every field.

    No query, no header, no cookie, no claim. `line_head` has the fields before these.
    """

    time: float
    """Unix seconds at which the head was complete. The line tells it as RFC 3339."""
    request_id: str
    """The request's id, as on every page of ours and in `X-Request-Id` to the application."""
    client: str
    """The client's address, as far as `trusted_proxies` tell it."""
    method: str
    """The request's method; of a forward-auth question, that of the request it is about."""
    host: str
    """The host that the request names."""
    path: str
    """The canonical path, without its query. A refused head's is as it was received, or empty. `*` stands for the id
    behind `signatures/`."""
    status: int
    """The answer's status; 499 if the client left before an answer began."""
    app: str = ""
    """The name of the App, if one has this host and path."""
    verdict: str = ""
    """`permit`, `challenge`, `deny`, `portal` or `error`."""
    rule: str = ""
    """The rule that gave the verdict, as `policy/rule`."""
    reason: str = ""
    """The reasons of a refusal as closed words joined by commas: a `ReasonKind` with its name, an error code or a
    limit's name. Every 5xx has one, also a 5xx of the application (`causes`)."""
    session: str = ""
    """The session's pseudonym."""
    seconds: float = 0.0
    """From the complete head to the last byte of the answer."""
    upstream_seconds: float = 0.0
    """From the head sent to the application to its answer's head, or to the moment when somebody gave up waiting."""
    bytes_in: int = 0
    """Bytes of the request's body."""
    bytes_out: int = 0
    """Bytes of the answer's body."""
    candidate: str = ""
    """The verdict of the App's candidate policy, if it is another one."""
    waited_seconds: float = 0.0
    """Beside `upstream_seconds`: the wait for a store, the provider, a connection, and for the rest of a body or
    stream. The rest of `seconds` is the gateway's own."""
    trace_id: str = ""
    """The trace of the request, where a trusted proxy named one or `traces` began one."""


class Observer(Protocol):
    """Receives what happens on the byte path: the access log and the metrics."""

    def finished(self, line: AccessLine) -> None:
        """One request is over, however it ended."""

    def connections(self, change: int) -> None:
        """Client connections opened (+1) or closed (-1)."""

    def limited(self, limit: str) -> None:
        """A limit or clock of `config.TrafficSettings` was met; `limit` is its key."""
