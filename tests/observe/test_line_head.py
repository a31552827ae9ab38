from __future__ import annotations

from gateway.observe.line_head import LineStyle, LineWriterName
from gateway.observe.lines import LineKind


def test_a_head_says_when_and_who() -> None:
    """The moment in Japan's time with its offset, the kind, and the writer."""
    style = LineStyle(LineWriterName("gw-1", 2, 77))

    assert style.head(1_795_402_800.25, LineKind.AUDIT) == {
        "time": "2026-11-23T12:00:00.250+09:00",
        "kind": "audit",
        "node": "gw-1",
        "worker": 2,
        "pid": 77,
    }
