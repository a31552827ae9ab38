"""Ejects an upstream that accepts no connections, so that the App's others are asked instead.

Only connections count: an upstream that refuses them, or does not accept them in time, so many times in a row is
ejected until it accepts one again. An answer never counts: a page that is broken, slow or no HTTP belongs to its URL,
and a client that asks for it must not take the others' pages away. The last upstream that is left is never ejected. An
upstream that returns gets its share back slowly, over `slow_return` seconds, so that a server that has just started is
not thrown all the morning's traffic.

`asyncio_upstreams` and `asyncio_health` connect, knock and check.
"""

from __future__ import annotations

from gateway.settings.settings import UpstreamSettings

SMALLEST_SHARE = 0.1
"""The fraction of its full share that an upstream gets at its return."""


class Breaker:
    """The state of one upstream's health. Each worker finds out for itself."""

    __slots__ = ("_failures", "_returned_at", "_settings", "ejected", "healthy")

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._returned_at: float | None = None
        self.ejected = False
        """Whether it has taken no connection for so long that the others are asked."""
        self.healthy = True
        """The active check's last word; without a check, nothing."""

    @property
    def is_reachable(self) -> bool:
        """Whether it took a connection among its last ones: also said of the last upstream, which is never ejected."""
        return not self.ejected and self._failures < self._settings.failures

    @property
    def is_up(self) -> bool:
        """Whether it accepts connections and the active check finds it well, as far as this worker has seen."""
        return self.healthy and self.is_reachable

    @property
    def in_turn(self) -> bool:
        """Whether the upstream is asked in its turn; otherwise only where no other is left."""
        return self.healthy and not self.ejected

    def share(self, now: float) -> float:
        """Return its part of the traffic, from a tenth to the whole."""
        if self._returned_at is None:
            return 1.0
        grown = (now - self._returned_at) / self._settings.slow_return if self._settings.slow_return else 1.0
        if grown >= 1.0:
            self._returned_at = None
            return 1.0
        return max(SMALLEST_SHARE, grown)

    def unreached(self, *, last: bool) -> bool:
        """Note that it took no connection; return whether that ejects it. `last`: all the others are ejected."""
        self._failures = min(self._failures + 1, self._settings.failures)
        if self.ejected or last or self._failures < self._settings.failures:
            return False
        self.ejected = True
        return True

    def reached(self, now: float) -> bool:
        """Note that it took a connection; return whether that brings it back."""
        self._failures = 0
        if not self.ejected:
            return False
        self.ejected = False
        self._returned_at = now
        return True

    def checked(self, now: float, *, healthy: bool) -> None:
        """Take the result of the active check."""
        if healthy and not self.healthy:
            self._returned_at = now
        self.healthy = healthy
