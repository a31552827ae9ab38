"""Syslog messages (RFC 5424) of our lines, and the addresses of servers that take them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from gateway.audit.entry import written
from gateway.instant import Instant
from gateway.observe.lines import LineKind

_LOG_AUDIT: Final = 13
_DAEMON: Final = 3
_NOTICE: Final = 5
_INFO: Final = 6

PRIORITIES: Final = {LineKind.AUDIT: _LOG_AUDIT * 8 + _NOTICE}
"""The audit trail has the facility `log audit`; everything else is a daemon's."""
_OTHERS: Final = _DAEMON * 8 + _INFO

LONGEST_NAME: Final = 48
"""Characters of APP-NAME (RFC 5424 section 6)."""


class Transport(StrEnum):
    """The ways to a server."""

    TLS = "tls"
    TCP = "tcp"
    UNIX = "unix"


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a server."""

    transport: Transport
    host: str = ""
    port: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """The writer of the messages."""

    node: str
    pid: int
    program: str = "sekisho"


def read_target(address: str) -> Target:
    """Return the parts of an address that `settings.check` has accepted."""
    if address.startswith("unix:"):
        return Target(Transport.UNIX, path=address.removeprefix("unix:").replace("///", "/", 1))
    parts = urlsplit(address)
    return Target(Transport(parts.scheme), parts.hostname or "", parts.port or 0)


def message(line: bytes, kind: LineKind, at: Instant, origin: Origin) -> bytes:
    """Return a line of ours as one message; the line itself is its text."""
    priority = PRIORITIES.get(kind, _OTHERS)
    node, program = _name(origin.node), _name(origin.program)[:LONGEST_NAME]
    head = f"<{priority}>1 {written(at)} {node} {program} {origin.pid} {kind.value} - "
    return head.encode() + line.rstrip(b"\n")


def counted(text: bytes) -> bytes:
    """Return a message for a stream, with the number of its bytes before it (RFC 5425 section 4.3, RFC 6587)."""
    return b"%d %s" % (len(text), text)


def _name(text: str) -> str:
    """Return a name of visible ASCII, as the head of a message has them; `-` stands for none."""
    return "".join(sign if "!" <= sign <= "~" else "?" for sign in text)[:255] or "-"
