"""A line that the gateway wrote reads back; nothing else is taken for one."""

import msgspec
import pytest

from gateway.observe.access_log import AccessLine
from gateway.policy.authoring.access_lines import Logged, read_line

LINE = AccessLine(
    0.0,
    "r1",
    "192.0.2.7",
    "POST",
    "app.example",
    "/reserve/1",
    403,
    app="booking",
    verdict="deny",
    rule="p/reserve",
    reason="condition_no:adult",
    session="p-1",
    candidate="permit",
)


def written(**changes: object) -> bytes:
    """Return the line as the access log has it, with its time as text."""
    fields = msgspec.to_builtins(LINE) | {"time": "2026-11-28T01:02:03.456Z", "kind": "access"} | changes
    return msgspec.json.encode(fields) + b"\n"


def test_a_line_of_the_access_log_reads_back() -> None:
    """The fields that a policy looks at, and none of the others."""
    assert read_line(written()) == Logged(
        1_795_827_723.456,
        "POST",
        "/reserve/1",
        "192.0.2.7",
        "booking",
        "deny",
        "p/reserve",
        "condition_no:adult",
        signed_in=True,
        candidate="permit",
    )
    assert read_line(written(session="")) != read_line(written())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"kind":"event","event":"started","time":"2026-11-28T01:02:03Z"}',
        written(time="yesterday"),
        written(time="2026-11-28T01:02:03"),
        written(time=5),
        written(path=None),
        b"2026-11-28 10:02 POST /reserve/1 403",
    ],
)
def test_another_line_is_none(line: bytes) -> None:
    """An event, a line for people, a cut one, and one whose time may be any zone's."""
    assert read_line(line) is None


def test_the_rule_has_two_names() -> None:
    """A rule's name may hold a slash; a policy's may not be asked for it."""
    logged = read_line(written(rule="p/a/b"))
    assert logged is not None
    assert (logged.policy, logged.rule_name) == ("p", "a/b")
