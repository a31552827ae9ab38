"""The numbers of each process: its event loop, memory, processor, descriptors and garbage.

`system_process` reads them at each scrape; a timer of the worker measures the event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.observe.instruments import Declared, Histogram, Key, Kind, shown
from gateway.observe.merge import Family, Over

LOOK: Final = 0.5
"""Seconds between two looks at the event loop."""
KEPT: Final = 60.0
"""Seconds for which the largest lag is shown."""

LAG: Final = Declared(
    name="sekisho_event_loop_lag_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Delay of a timer that is due twice a second: as long as this, each request waits for the event loop",
    unit="seconds",
)
LONGEST_LAG: Final = Declared(
    name="sekisho_event_loop_lag_max_seconds",
    kind=Kind.GAUGE,
    meaning="The largest delay of that timer within the last minute",
    labels=("worker",),
    unit="seconds",
    over=Over.EACH,
)
CPU: Final = Declared(
    name="sekisho_process_cpu_seconds",
    kind=Kind.COUNTER,
    meaning="Processor time of a process; a worker's number is given to the next one, whose time is added",
    labels=("worker",),
    unit="seconds",
)
MEMORY: Final = Declared(
    name="sekisho_process_resident_memory_bytes",
    kind=Kind.GAUGE,
    meaning="Memory that a process has",
    labels=("worker",),
    unit="bytes",
    over=Over.EACH,
)
DESCRIPTORS: Final = Declared(
    name="sekisho_process_open_fds",
    kind=Kind.GAUGE,
    meaning="Descriptors that a process has open",
    labels=("worker",),
    over=Over.EACH,
)
MOST_DESCRIPTORS: Final = Declared(
    name="sekisho_process_max_fds",
    kind=Kind.GAUGE,
    meaning="Descriptors that a process may have",
    labels=("worker",),
    over=Over.EACH,
)
STARTED: Final = Declared(
    name="sekisho_process_start_time_seconds",
    kind=Kind.GAUGE,
    meaning="Unix time at which a process started",
    labels=("worker",),
    unit="seconds",
    over=Over.EACH,
)
COLLECTIONS: Final = Declared(
    name="sekisho_gc_collections",
    kind=Kind.COUNTER,
    meaning="Collections of garbage by generation; one of generation 2 stops a worker longest",
    labels=("worker", "generation"),
)

DECLARED: Final = (LAG, LONGEST_LAG, CPU, MEMORY, DESCRIPTORS, MOST_DESCRIPTORS, STARTED, COLLECTIONS)


@dataclass(frozen=True, slots=True)
class Usage:
    """The use that a process makes of the machine."""

    cpu: float
    """Seconds of all its processors."""
    memory: int
    """Bytes."""
    descriptors: int
    most_descriptors: int
    started: float
    """Unix seconds."""
    collections: tuple[int, ...]
    """Collections of each generation."""


class EventLoopLag:
    """Remembers how late the timer was."""

    def __init__(self) -> None:
        self.histogram = Histogram(LAG)
        self._recent: deque[tuple[float, float]] = deque()
        """The times and lags that nothing larger has followed."""

    def late(self, seconds: float, now: float) -> None:
        """Take one delay, at a moment of a clock that never steps."""
        self.histogram.add((), seconds)
        recent = self._recent
        while recent and recent[-1][1] <= seconds:
            recent.pop()
        recent.append((now, seconds))
        while recent[0][0] < now - KEPT:
            recent.popleft()

    def longest(self, now: float) -> float:
        """Return the largest delay within the last minute."""
        return max((lag for at, lag in self._recent if at >= now - KEPT), default=0.0)


def process_families(worker: str, usage: Usage) -> Iterator[Family]:
    """Yield a process's use of the machine; `worker` is its name."""
    name: Key = (worker,)
    yield shown(CPU, {name: usage.cpu})
    yield shown(MEMORY, {name: usage.memory})
    yield shown(DESCRIPTORS, {name: usage.descriptors})
    yield shown(MOST_DESCRIPTORS, {name: usage.most_descriptors})
    yield shown(STARTED, {name: usage.started})
    collections: dict[Key, float] = {(worker, str(number)): count for number, count in enumerate(usage.collections)}
    yield shown(COLLECTIONS, collections)


def lag_families(worker: str, lag: EventLoopLag, now: float) -> Iterator[Family]:
    """Yield how late the timer of a worker was."""
    yield lag.histogram.family()
    yield shown(LONGEST_LAG, {(worker,): lag.longest(now)})
