"""The numbers of the gateway itself: connections, limits, reloads, switches, log lines and the version."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from gateway.observe.instruments import Counter, Declared, Kind, shown
from gateway.observe.lines import LOST, LineKind, lost_family
from gateway.observe.merge import Family, Over

RELOADED: Final = ("settings", "policies", "switches", "certificate")
OUTCOMES: Final = ("adopted", "refused", "held")
"""The gateway counts each thing that it reads anew, and the outcome."""

LIMITS: Final = (
    "connections",
    "connections_per_address",
    "request_line",
    "headers",
    "head_time",
    "body",
    "idle",
    "stream_idle",
    "tunnel_idle",
)
"""The limits that are met most; the others appear as they are met."""

LIMITS_MET: Final = Declared(
    name="sekisho_limits_met",
    kind=Kind.COUNTER,
    meaning="Limits and time-outs of the byte path that were reached, by the setting's key below `traffic`",
    labels=("limit",),
    closed={"limit": LIMITS},
)
RELOADS: Final = Declared(
    name="sekisho_reloads",
    kind=Kind.COUNTER,
    meaning="Readings of files anew: `settings` once for the gateway, the others once for each worker",
    labels=("what", "outcome"),
    closed={"what": RELOADED, "outcome": OUTCOMES},
)
SWITCH_ON: Final = Declared(
    name="sekisho_switch_on",
    kind=Kind.GAUGE,
    meaning="Switches that are on, 1 each",
    labels=("switch",),
    over=Over.LARGEST,
)
FILES_HELD: Final = Declared(
    name="sekisho_files_held",
    kind=Kind.GAUGE,
    meaning="Policy files that lost much at once and wait for an operator",
    over=Over.LARGEST,
)
CANCELLED: Final = Declared(
    name="sekisho_entries_cancelled",
    kind=Kind.COUNTER,
    meaning="Entries of limits that an application said were cancelled, by outcome: `none` where there was no such "
    "entry, `unsettled` where the store was away",
    labels=("outcome",),
    closed={"outcome": ("given_back", "none", "unsettled")},
)
SPANS: Final = Declared(
    name="sekisho_spans",
    kind=Kind.COUNTER,
    meaning="Spans for the collector of traces, by outcome: lost where it was away, slow, or refused them",
    labels=("outcome",),
    closed={"outcome": ("sent", "lost")},
)
OPENED: Final = Declared(name="sekisho_connections_opened", kind=Kind.COUNTER, meaning="Client connections accepted")
OPEN: Final = Declared(name="sekisho_connections", kind=Kind.GAUGE, meaning="Client connections open now")
BUILD: Final = Declared(
    name="sekisho_build_info",
    kind=Kind.GAUGE,
    meaning="The version that runs; always 1",
    labels=("version", "python"),
    over=Over.ONCE,
)

DECLARED: Final = (LIMITS_MET, RELOADS, SWITCH_ON, FILES_HELD, CANCELLED, SPANS, OPENED, OPEN, LOST, BUILD)


class GatewayMetrics:
    """Counts what the gateway does. Its methods are for the event loop's thread alone, but for reading `lost`."""

    def __init__(self, version: str, lost: Callable[[], Mapping[LineKind, int]]) -> None:
        self._version = version
        self._lost = lost
        self._limited = Counter(LIMITS_MET)
        self._reloads = Counter(RELOADS)
        self._cancelled = Counter(CANCELLED)
        self._switches: tuple[str, ...] = ()
        self._opened = 0
        self._closed = 0

    def connections(self, change: int) -> None:
        """Count client connections opened (+1) or closed (-1)."""
        if change > 0:
            self._opened += change
        else:
            self._closed -= change

    def limited(self, limit: str) -> None:
        """Count a limit of `TrafficSettings` that was reached."""
        self._limited.add((limit,))

    def reload(self, what: str, outcome: str) -> None:
        """Count one of `RELOADED` that was read anew, with one of `OUTCOMES`."""
        self._reloads.add((what, outcome))

    def entry_cancelled(self, outcome: str) -> None:
        """Count an entry that an application said was cancelled."""
        self._cancelled.add((outcome,))

    def switches_on(self, names: Iterable[str]) -> None:
        """Show which switches are on from now on."""
        self._switches = tuple(sorted(names))

    def families(self) -> Iterator[Family]:
        """Yield every metric."""
        yield self._limited.family()
        yield self._reloads.family()
        yield self._cancelled.family()
        yield shown(SWITCH_ON, {(name,): 1 for name in self._switches})
        yield shown(OPENED, {(): self._opened})
        yield shown(OPEN, {(): self._opened - self._closed})
        yield lost_family(self._lost())
        yield shown(BUILD, {(self._version, ".".join(map(str, sys.version_info[:3]))): 1})
