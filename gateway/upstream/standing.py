"""The behaviour of an App's servers so far, as this worker has seen it; it outlives a reading of the settings.

A server that speaks out of turn is put apart. HTTP/1.1 has nothing that ties an answer to its request but their order
on the connection, so that one byte too many is the beginning of the next person's answer. If such a byte comes late,
behind the next request's head, the gateway cannot tell it from that request's answer. The gateway sees only those that
come in time, and takes the first one for a warning. From then on it uses no connection of the App twice, until its
servers have kept the order for a while.

`httptools_connection` tells what it sees. The counts are what metrics show.
"""

from __future__ import annotations

from collections.abc import Callable


def _uncounted(_seconds: float) -> None:
    """Count nothing."""


class Standing:
    """The standing of one App's servers. Seconds are those of a monotonic clock."""

    __slots__ = ("apart_until", "caught", "ejections", "out_of_turn", "queued", "unreachable")

    def __init__(self, queued: Callable[[float], None] = _uncounted) -> None:
        """`queued` is told how many seconds each request waited in the App's queue."""
        self.queued = queued
        self.unreachable = 0
        """Connections that an upstream refused, or did not take in time."""
        self.ejections = 0
        """Times that an upstream was ejected."""
        self.out_of_turn = 0
        """Times that a server was seen to speak out of turn."""
        self.caught = False
        """Whether that has ever happened: the gateway never again trusts such a server's permitted extra bytes."""
        self.apart_until = 0.0

    def is_apart(self, now: float) -> bool:
        """Say whether the App's connections are used for one request each."""
        return now < self.apart_until

    def follow(self, until: float) -> None:
        """Believe another worker that the App is apart until then."""
        self.caught = True
        self.apart_until = max(self.apart_until, until)

    def spoke_out_of_turn(self, now: float, apart_for: float) -> bool:
        """Put the App apart from now on; return whether it was not before."""
        begins = not self.is_apart(now)
        self.out_of_turn += 1
        self.caught = True
        self.apart_until = now + apart_for
        return begins
