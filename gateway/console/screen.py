"""One page of the console as a value: `aiohttp_render` makes HTML of it, and `templates/` have its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor

from gateway.instant import Instant, tokyo_time

LONGEST_REASON = 300
"""Characters of an operator's reason: a log line cuts off longer ones."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A page, ready to be rendered."""

    template: str
    title: str
    """The key of its heading."""
    values: Mapping[str, object] = field(default_factory=dict)
    status: int = 200
    retry_after: int | None = None
    """Seconds, for the Retry-After field."""
    leads_to: tuple[str, ...] = ()
    """Other origins to which a form of the page leads by a redirect."""
    nonce: str = ""
    """A word of this answer alone, by which the page's script may add a sheet of styles; empty: no script runs."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as a clock on a wall in Japan shows it, and as a machine reads it."""

    text: str
    machine: str


def moment(at: Instant) -> Moment:
    """Return a moment for a page."""
    there = tokyo_time(at)
    return Moment(f"{there:%Y-%m-%d %H:%M}", there.isoformat(timespec="seconds"))


def share(part: float, whole: float) -> str:
    """Return a share in per cent; a dash where there is nothing to share."""
    # Never rounded up to 100 %: one failed request of a million is a failed request.
    return "—" if whole <= 0 else f"{floor(part / whole * 10_000) / 100:.2f} %"
