"""The numbers of the gateway as a whole: its workers, its configuration, and what became of reloads and replacements.

One process counts them: the supervisor, or the only process there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

from gateway.observe.gateway_metrics import RELOADS
from gateway.observe.instruments import Counter, Declared, Kind, shown
from gateway.observe.merge import Family, Over


class Death(StrEnum):
    """The causes of a worker's end that nobody asked for."""

    SIGNAL = "signal"
    """A signal ended it: the kernel's for want of memory, or an operator's."""
    ERROR = "error"
    """It ended by itself with an exit code that is not 0."""
    ENDED = "ended"
    """It ended by itself with exit code 0."""
    SILENT = "silent"
    """It did not answer the supervisor, which killed it."""
    START = "start"
    """It never took requests."""


class Reloaded(StrEnum):
    """The outcomes of a reload of the settings."""

    ADOPTED = "adopted"
    REFUSED = "refused"
    HELD = "held"


WANTED: Final = Declared(
    name="sekisho_workers_wanted", kind=Kind.GAUGE, meaning="Workers that the settings ask for", over=Over.ONCE
)
WORKERS: Final = Declared(
    name="sekisho_workers", kind=Kind.GAUGE, meaning="Workers that take requests now", over=Over.ONCE
)
LEAVING: Final = Declared(
    name="sekisho_workers_leaving",
    kind=Kind.GAUGE,
    meaning="Workers that take no more connections and end with their last request",
    over=Over.ONCE,
)
DEATHS: Final = Declared(
    name="sekisho_worker_deaths",
    kind=Kind.COUNTER,
    meaning="Workers that ended unasked: by a `signal`, an `error`, an exit with 0 (`ended`), since they did not answer"
    " (`silent`), or before they took requests (`start`)",
    labels=("cause",),
    closed={"cause": tuple(Death)},
)
UNSERVED: Final = Declared(
    name="sekisho_unserved_connections",
    kind=Kind.COUNTER,
    meaning="Connections that the supervisor refused since there was no worker",
)
REPLACEMENTS: Final = Declared(
    name="sekisho_replacements",
    kind=Kind.COUNTER,
    meaning="Replacements of all workers that an operator asked for",
    labels=("outcome",),
    closed={"outcome": ("done", "failed")},
)
MANAGEMENT_REFUSED: Final = Declared(
    name="sekisho_management_refused",
    kind=Kind.COUNTER,
    meaning="Requests that the sessions API or the console refused, by the reason of the event `management_refused`",
    labels=("reason",),
    closed={
        "reason": ("no_known_token", "too_many_wrong_tokens", "role", "csrf", "foreign_page", "oidc"),
    },
)
CONFIGURATION: Final = Declared(
    name="sekisho_configuration_info",
    kind=Kind.GAUGE,
    meaning="The settings that were adopted last, by the first 12 digits of the SHA-256 of `gateway.yaml`; always 1",
    labels=("digest",),
    over=Over.ONCE,
)
CURRENT: Final = Declared(
    name="sekisho_configuration_current",
    kind=Kind.GAUGE,
    meaning="Whether `gateway.yaml` is still the file that was adopted: 1, or 0 once it was changed and not adopted",
    over=Over.ONCE,
)
SUCCESSFUL: Final = Declared(
    name="sekisho_reload_last_successful",
    kind=Kind.GAUGE,
    meaning="Whether the last reload or replacement adopted the settings; 1 after a start",
    over=Over.ONCE,
)
SUCCEEDED: Final = Declared(
    name="sekisho_reload_last_success_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="Unix time at which settings were adopted last, by a start, a reload or a replacement",
    unit="seconds",
    over=Over.ONCE,
)
CLOCK: Final = Declared(
    name="sekisho_clock_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="Unix time by the node's clock, to compare with Prometheus's own",
    unit="seconds",
    over=Over.ONCE,
)

DECLARED: Final = (
    WANTED,
    WORKERS,
    LEAVING,
    DEATHS,
    UNSERVED,
    REPLACEMENTS,
    MANAGEMENT_REFUSED,
    CONFIGURATION,
    CURRENT,
    SUCCESSFUL,
    SUCCEEDED,
    CLOCK,
)


class SupervisionMetrics:
    """Counts what becomes of workers and settings."""

    def __init__(self, digest: str, clock: Callable[[], float]) -> None:
        """Take the name of the settings that the start adopted, and a clock that gives Unix seconds."""
        self._clock = clock
        self._deaths = Counter(DEATHS)
        self._unserved = 0
        self._replacements = Counter(REPLACEMENTS)
        self._reloads = Counter(RELOADS)
        self._refused = Counter(MANAGEMENT_REFUSED)
        self._digest = digest
        self._successful = True
        self._succeeded = clock()

    def died(self, cause: Death) -> None:
        """Count a worker that ended unasked."""
        self._deaths.add((cause.value,))

    def unserved(self) -> None:
        """Count a connection that no worker could take."""
        self._unserved += 1

    def management_refused(self, reason: str) -> None:
        """Count a client that the management listener refused."""
        self._refused.add((reason,))

    def reloaded(self, outcome: Reloaded, digest: str = "") -> None:
        """Count a reload; `digest` names the settings that it adopted."""
        self._reloads.add(("settings", outcome.value))
        self._tried(digest if outcome is Reloaded.ADOPTED else "")

    def replaced(self, digest: str) -> None:
        """Count a replacement of all workers; `digest` names the settings it adopted, and is empty if it failed."""
        self._replacements.add(("done" if digest else "failed",))
        self._tried(digest)

    def _tried(self, digest: str) -> None:
        self._successful = bool(digest)
        if digest:
            self._digest = digest
            self._succeeded = self._clock()

    def families(self, *, wanted: int, workers: int, leaving: int, file: str) -> Iterator[Family]:
        """Yield every metric; `file` is the name of the settings that stand in the file now."""
        yield shown(WANTED, {(): wanted})
        yield shown(WORKERS, {(): workers})
        yield shown(LEAVING, {(): leaving})
        yield self._deaths.family()
        yield shown(UNSERVED, {(): self._unserved})
        yield self._replacements.family()
        yield self._reloads.family()
        yield self._refused.family()
        yield shown(CONFIGURATION, {(self._digest,): 1})
        yield shown(CURRENT, {(): float(file == self._digest)})
        yield shown(SUCCESSFUL, {(): float(self._successful)})
        yield shown(SUCCEEDED, {(): self._succeeded})
        yield shown(CLOCK, {(): self._clock()})
