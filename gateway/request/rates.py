"""Rates: how many actions one address, and all together, may do before the answer is 429.

Buckets of tokens: each holds a minute's worth and fills steadily. A library or a mobile carrier's
gateway is one address for many people, so the limits are wide: they stop floods, not persons.
A worker counts for itself. The caller knows the limited action, and the page that a person then sees.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.instant import Instant
from gateway.request.senders import sender_of

MOST_ADDRESSES = 50_000
"""Addresses remembered. The one not seen for longest is forgotten; by then its bucket is full again, or the flood
comes from so many that only the bucket of all can stop it."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: Instant

    def wait(self, rate: float, size: float, now: Instant) -> float:
        """Return the seconds until there is a token: 0 where there is one."""
        # A clock that was set back fills nothing and empties nothing.
        self.tokens = min(size, self.tokens + max(0.0, now - self.filled_at) * rate)
        self.filled_at = now
        return 0.0 if self.tokens >= 1.0 else (1.0 - self.tokens) / rate

    def take(self, rate: float, size: float, now: Instant) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        wait = self.wait(rate, size, now)
        if wait == 0.0:
            self.tokens -= 1.0
        return wait


class Rate:
    """One kind of thing, limited by address and in all; both numbers are a minute's."""

    __slots__ = ("_addresses", "_all", "_per_address", "_total")

    def __init__(self, per_address: int, total: int) -> None:
        """Take the limits per minute for one address, and for all.

        Raises:
            ValueError: a number is not positive.

        """
        if per_address < 1 or total < 1:
            raise ValueError("a rate of nothing lets nobody in")
        self._per_address = float(per_address)
        self._total = float(total)
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()
        self._all = _Bucket(self._total, 0.0)

    def take(self, address: str, now: Instant) -> int | None:
        """Count one, and return None; or count nothing, and return the whole seconds to wait."""
        key = sender_of(address)
        bucket = self._addresses.get(key)
        if bucket is None:
            if len(self._addresses) >= MOST_ADDRESSES:
                self._addresses.popitem(last=False)
            bucket = self._addresses[key] = _Bucket(self._per_address, now)
        else:
            self._addresses.move_to_end(key)
        # The address first: one that floods must not use up what all share.
        wait = bucket.take(self._per_address / 60, self._per_address, now)
        if wait == 0.0:
            wait = self._all.take(self._total / 60, self._total, now)
        return None if wait == 0.0 else int(wait) + 1

    def wait(self, address: str, now: Instant) -> int | None:
        """Count nothing, and return the whole seconds to wait; None where one more would pass.

        It is for an action that turns out to count only afterwards: the look-up of a forged ticket.
        """
        bucket = self._addresses.get(sender_of(address))
        wait = 0.0 if bucket is None else bucket.wait(self._per_address / 60, self._per_address, now)
        wait = wait or self._all.wait(self._total / 60, self._total, now)
        return None if wait == 0.0 else int(wait) + 1


@dataclass(frozen=True, slots=True)
class LookupLimits:
    """The limits on look-ups of tickets that belong to no session: two limits, so that neither uses up the other.

    Every client can invent a plain ticket. We issued every ticket with our seal, so such a ticket has no session only
    when that session has ended.
    """

    forged: Rate = field(default_factory=lambda: Rate(1_200, 60_000))
    """For tickets without our seal."""
    ended: Rate = field(default_factory=lambda: Rate(1_200, 60_000))
    """For tickets with it."""

    def of(self, *, sealed: bool) -> tuple[Rate, str]:
        """Return the limit for a ticket, and the name under which it is counted."""
        return (self.ended, "ended_tickets") if sealed else (self.forged, "forged_tickets")
