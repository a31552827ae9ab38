"""The numbers of the stores: their answers, their latency, and the connections to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from gateway.errors import StoreFault
from gateway.observe.instruments import Counter, Declared, Histogram, Kind
from gateway.observe.metrics import Metrics


class Store(StrEnum):
    """The stores of a gateway."""

    SESSIONS = "sessions"
    SIGN_INS = "sign_ins"
    """Sign-ins under way; it is the same Redis as that of the sessions, by connections of its own."""
    LIMITS = "limits"


OK: Final = "ok"

CALLS: Final = Declared(
    name="sekisho_store_calls",
    kind=Kind.COUNTER,
    meaning="Commands to a store by outcome: `ok`, or what the store did in place of an answer",
    labels=("store", "outcome"),
    closed={"store": tuple(Store), "outcome": (OK, *StoreFault)},
)
SECONDS: Final = Declared(
    name="sekisho_store_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Duration of commands to a store, with the wait for a connection, of every outcome",
    labels=("store",),
    unit="seconds",
    closed={"store": tuple(Store)},
)
CONNECTIONS: Final = Declared(
    name="sekisho_store_connections",
    kind=Kind.GAUGE,
    meaning="Connections to a store that are in use (`busy`) or wait in the pool (`idle`)",
    labels=("store", "state"),
    closed={"store": tuple(Store), "state": ("busy", "idle")},
)
LIMIT: Final = Declared(
    name="sekisho_store_connections_limit",
    kind=Kind.GAUGE,
    meaning="Connections that all workers together may have to a store",
    labels=("store",),
    closed={"store": tuple(Store)},
)

DECLARED: Final = (CALLS, SECONDS, CONNECTIONS, LIMIT)

Pool = Callable[[], tuple[int, int]]
"""Returns the number of busy and of idle connections."""


class StoreMetrics:
    """Counts commands to the stores of one worker."""

    def __init__(self, metrics: Metrics) -> None:
        self._calls = Counter(CALLS)
        self._seconds = Histogram(SECONDS)
        self._pools: dict[Store, tuple[Pool, int]] = {}
        metrics.add(lambda: (self._calls.family(), self._seconds.family()))
        metrics.show(CONNECTIONS, self._connections)
        metrics.show(LIMIT, lambda: {(store.value,): most for store, (_, most) in self._pools.items()})

    def of(self, store: Store) -> Callable[[str, float], None]:
        """Return what counts one command of a store, with its fault (or nothing) and its seconds."""
        name = store.value

        def asked(fault: str, seconds: float) -> None:
            self._calls.add((name, fault or OK))
            self._seconds.add((name,), seconds)

        return asked

    def watch(self, store: Store, pool: Pool, most: int) -> None:
        """Show a store's connections, of which there may be `most`."""
        self._pools[store] = (pool, most)

    def _connections(self) -> Mapping[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for store, (pool, _) in self._pools.items():
            found[store.value, "busy"], found[store.value, "idle"] = pool()
        return found
