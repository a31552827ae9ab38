"""How an App's servers have behaved so far, as this worker has seen it; it outlives a reading of the settings.

The counts are what metrics show. Whoever connects and reads answers (`httptools_forward`) writes them.
"""

from __future__ import annotations


class Standing:
    """What is known of one App's servers. Seconds are those of a monotonic clock."""

    __slots__ = ("ejections", "unreachable")

    def __init__(self) -> None:
        self.unreachable = 0
        """Connections that an upstream refused, or did not take in time."""
        self.ejections = 0
        """Times that an upstream was ejected."""
