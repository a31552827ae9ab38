"""Whether an upstream is asked at all: what it did lately, and what its health check says.

Failures in a row take it out; after a while one request may try it, and if that succeeds it
comes back slowly, its share growing over `slow_return` seconds, so that a server that has just
started is not thrown all the morning's traffic. Who sends requests and checks is elsewhere.
"""

from __future__ import annotations

from gateway.settings.settings import UpstreamSettings

LONGEST = 8
"""An upstream that keeps failing is tried less and less often, up to this many times `ejected_for`."""

SMALLEST_SHARE = 0.1
"""Of its full share, what an upstream gets in the moment it returns."""


class Breaker:
    """What is known of one upstream's health. Each worker finds out for itself."""

    __slots__ = ("_failures", "_next_trial", "_returned_at", "_settings", "_trials", "_trying", "healthy", "spotless")

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._trials = 0
        self._trying = False
        self._next_trial = 0.0
        self._returned_at: float | None = None
        self.healthy = True
        """What the active check says; without one, nothing."""
        self.spotless = True
        """Nothing has failed since the last success: whoever sees this need not ask, nor tell of another success."""

    @property
    def open(self) -> bool:
        """Whether failures have taken the upstream out."""
        return self._failures >= self._settings.failures

    def admits(self, now: float) -> bool:
        """Say whether the upstream may be asked now."""
        if self._failures < self._settings.failures:
            return self.healthy
        return now >= self._next_trial and not self._trying

    def share(self, now: float) -> float:
        """Return its part of the traffic, from a tenth to the whole."""
        if self._returned_at is None:
            return 1.0
        grown = (now - self._returned_at) / self._settings.slow_return if self._settings.slow_return else 1.0
        if grown >= 1.0:
            self._returned_at = None
            return 1.0
        return max(SMALLEST_SHARE, grown)

    def asked(self) -> None:
        """A request goes out; where failures have taken the upstream out, it is the one that tries."""
        if self.open:
            self._trying = True

    def succeeded(self, now: float) -> None:
        """An answer's head has come, whatever it says."""
        if self.open:
            self._returned_at = now
        self._failures = 0
        self._trials = 0
        self._trying = False
        self.spotless = self.healthy

    def failed(self, now: float) -> None:
        """It could not be reached, did not answer in time, or not in HTTP."""
        self.spotless = False
        self._failures = min(self._failures + 1, self._settings.failures)
        self._trying = False
        if self.open:
            factor = min(2**self._trials, LONGEST)
            self._trials += 1
            self._next_trial = now + self._settings.ejected_for * factor

    def let_go(self) -> None:
        """The request ended without telling anything: its client left."""
        self._trying = False

    def checked(self, now: float, *, healthy: bool) -> None:
        """Take what the active check has found."""
        if healthy and not self.healthy:
            self._returned_at = now
        self.healthy = healthy
        if healthy and self.open:
            self.succeeded(now)
        self.spotless = healthy and not self._failures
