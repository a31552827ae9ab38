from __future__ import annotations

import pytest

from gateway.console.screen import Moment, moment, share
from tests.builders import NOON


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "—"), (1, 1, "100.00 %"), (999_999, 1_000_000, "99.99 %"), (1, 3, "33.33 %"), (0, 5, "0.00 %")],
)
def test_a_share_is_never_rounded_up(part: float, whole: float, text: str) -> None:
    """One failure of a million is not none."""
    assert share(part, whole) == text


def test_a_moment_is_said_as_a_clock_in_japan() -> None:
    """A machine reads the moment with its zone."""
    assert moment(NOON) == Moment("2026-11-23 12:00", "2026-11-23T12:00:00+09:00")
