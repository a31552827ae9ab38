"""Messages as RFC 5424 has them."""

from __future__ import annotations

import re

import pytest

from gateway.audit.syslog import Origin, Target, Transport, counted, message, read_target
from gateway.observe.lines import LineKind
from tests.audit.trails import NOON

ORIGIN = Origin("gw1", 77)

HEAD = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) "
    rb"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - "
)
"""RFC 5424 section 6."""


@pytest.mark.parametrize(("kind", "priority"), [(LineKind.AUDIT, 109), (LineKind.EVENT, 30), (LineKind.COPY, 30)])
def test_a_line_is_the_text_of_a_message(kind: LineKind, priority: int) -> None:
    """The head says who and when; the line follows as it is, without its end."""
    made = message(b'{"action":"sign_in"}\n', kind, NOON, ORIGIN)
    head = HEAD.match(made)

    assert head is not None
    assert head.groups() == (
        str(priority).encode(),
        b"2026-11-23T03:00:00.000000Z",
        b"gw1",
        b"sekisho",
        b"77",
        kind.value.encode(),
    )
    assert made[head.end() :] == b'{"action":"sign_in"}'


@pytest.mark.parametrize("node", ["", "a b", "関所", "x" * 999, "a\nb"])
def test_no_name_breaks_a_head(node: str) -> None:
    """A host name may be anything; the head's fields are visible ASCII."""
    assert HEAD.match(message(b"x", LineKind.EVENT, NOON, Origin(node, 1)))


def test_a_message_on_a_stream_says_its_length() -> None:
    """In bytes, and a line end in it would not matter."""
    assert counted("関所\n".encode()) == b"7 " + "関所\n".encode()


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("tls://log.example:6514", Target(Transport.TLS, "log.example", 6514)),
        ("tcp://127.0.0.1:601", Target(Transport.TCP, "127.0.0.1", 601)),
        ("tcp://[::1]:601", Target(Transport.TCP, "::1", 601)),
        ("unix:/dev/log", Target(Transport.UNIX, path="/dev/log")),
        ("unix:///dev/log", Target(Transport.UNIX, path="/dev/log")),
    ],
)
def test_an_address_is_read(address: str, target: Target) -> None:
    """As the settings have it."""
    assert read_target(address) == target
