from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.console_line import console_line
from gateway.plain_text import OBEYED

HEAD: dict[str, Any] = {
    "time": "2026-11-29T14:46:10.123+09:00",
    "kind": "event",
    "node": "gw-1",
    "worker": 2,
    "pid": 77,
}
REQUEST = HEAD | {"kind": "access", "request_id": "r1", "method": "GET", "host": "a.test", "path": "/a", "status": 200}


def test_an_event_reads_from_left_to_right() -> None:
    """Moment, writer, level, event, and the fields that have a value."""
    line = console_line(
        HEAD | {"level": "warning", "event": "sign_in", "app": "a", "error": None, "rule": "", "names": ["x", "y z"]}
    )

    assert line == ('2026-11-29T14:46:10.123+09:00 gw-1/2[77] warning sign_in app=a names=[x, "y z"]')


def test_a_request_reads_as_an_operator_says_it() -> None:
    """Status, method, host, path and duration; a part that was not read is a dash."""
    whole = console_line(REQUEST | {"seconds": 0.0123, "verdict": "permit"})
    refused = console_line(REQUEST | {"status": 400, "method": "", "host": "", "path": "", "reason": "syntax"})

    assert whole.endswith("access 200 GET a.test /a 12.3ms request_id=r1 verdict=permit")
    assert refused.endswith("access 400 - - - request_id=r1 reason=syntax")


def test_colours_are_ours_alone() -> None:
    """A terminal gets colours if it is asked for them, and none that a value brings."""
    red = console_line(REQUEST | {"status": 502, "path": "/\x1b[32m"}, colour=True)

    assert "\x1b[31maccess 502 " in red
    assert "\x1b[32m" not in red
    assert "\x1b" not in console_line(REQUEST | {"status": 502})


def test_a_value_cannot_pass_for_another_field() -> None:
    """A space, an equals sign or a quote has the value quoted."""
    line = console_line(HEAD | {"level": "info", "event": "e", "reason": 'x level=error event="y"'})

    assert line.endswith('info e reason="x level=error event=\\"y\\""')


values = st.one_of(st.text(), st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.text(), max_size=3))


@given(st.dictionaries(st.sampled_from(["path", "host", "method", "reason", "event", "node", "names"]), values))
def test_a_terminal_only_draws_a_line(fields: dict[str, Any]) -> None:
    """The line is one line without anything that a terminal obeys, of any values."""
    for kind in ("access", "event"):
        line = console_line(HEAD | fields | {"kind": kind})

        assert OBEYED.search(line) is None
        line.encode()
        assert re.match(r"2026-11-29T14:46:10\.123\+09:00 ", line)
