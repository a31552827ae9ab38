"""A rehearsal of a limited request at the store of limits, with nobody in it.

A store may answer that it is fit and still refuse a command that an entry needs, for a user of Redis without one right.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.instant import Instant
from gateway.limits.limits import Entry, EntryState, LimitStore, LimitUse, Settlement

_NOBODY = "rehearsal"
"""Policy, limit and period of the rehearsal."""

_SECONDS = 60.0
"""The time after which the store forgets the rehearsal's entry, if it is not removed as it should be."""


async def rehearse(store: LimitStore, now: Instant, random: Callable[[int], bytes]) -> None:
    """Take an entry from its reservation to its settlement, and give it back as an operator does.

    Raises:
        StoreUnavailableError: the store refused a command, or did not answer.
        UnfitLimitStoreError: it may forget what it has counted.

    """
    await store.check()
    # No person has this code: hers is shorter.
    code = random(16).hex()
    use = LimitUse(_NOBODY, _NOBODY, _NOBODY, code, times=1, forget_at=now + _SECONDS)
    entry = random(16).hex()
    await store.reserve(use, entry, now)
    await store.renew(use, entry, now)
    await store.settle(use, entry, Settlement.COUNT, now)
    # Not by `show`, which walks over all keys of the store.
    await store.give_back(Entry(use, entry, EntryState.COUNTED, now))
    await store.reserve(use, entry, now)
    # An entry in flight is never cancelled, but the store looks for one.
    await store.cancel(use, "", now, now)
    await store.settle(use, entry, Settlement.GIVE_BACK, now)
