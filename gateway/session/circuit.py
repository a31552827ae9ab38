"""A circuit breaker for a store that has just failed.

A dead Redis must cost a request microseconds, not a time-out each. After a few failures in a row only the prober asks
the store, and its first success closes the circuit for all.
"""

from __future__ import annotations

from gateway.errors import StoreFault

FAILURES = 3
"""In a row, before the store is left alone: one lost connection is not an outage."""

# The failure of one command says nothing about the next: records may be read while no memory is left to write.
_NOT_THE_STORE = frozenset({StoreFault.WRONG_TYPE, StoreFault.OUT_OF_MEMORY, StoreFault.CIRCUIT_OPEN})


class Circuit:
    """Counts failures in a row."""

    __slots__ = ("_failures", "opened")

    def __init__(self) -> None:
        self._failures = 0
        self.opened = 0
        """The number of times that it opened."""

    @property
    def is_open(self) -> bool:
        """Whether only the prober may ask."""
        return self._failures >= FAILURES

    def succeeded(self) -> None:
        """The store answered."""
        self._failures = 0

    def failed(self, fault: StoreFault) -> None:
        """The store did not."""
        if fault in _NOT_THE_STORE:
            return
        self._failures += 1
        if self._failures == FAILURES:
            self.opened += 1
