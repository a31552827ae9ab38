"""Limits in this process's memory: for one worker, for the demo and for tests. Gone on restart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.instant import Instant
from gateway.limits.limits import LEASE, Entry, LimitUse, Settlement, state_of


@dataclass(slots=True)
class _Kept:
    since: Instant
    lease_ends: Instant
    counted: bool = False
    name: str = ""


class MemoryLimits:
    """A `LimitStore` in memory. No method waits, so none can be interrupted half-way."""

    def __init__(self) -> None:
        self._kept: defaultdict[LimitUse, dict[str, _Kept]] = defaultdict(dict)

    async def reserve(self, use: LimitUse, entry: str, now: Instant) -> bool:
        """See `LimitStore`."""
        self._forget(now)
        entries = self._kept[_key(use)]
        if entry in entries:
            return True
        if len(entries) >= use.times:
            return False
        entries[entry] = _Kept(now, now + LEASE)
        return True

    async def renew(self, use: LimitUse, entry: str, now: Instant) -> bool:
        """See `LimitStore`."""
        kept = self._kept[_key(use)].get(entry)
        if kept is None:
            return False
        kept.lease_ends = now + LEASE
        return True

    async def settle(self, use: LimitUse, entry: str, settlement: Settlement, now: Instant, name: str = "") -> None:
        """See `LimitStore`."""
        del now
        entries = self._kept[_key(use)]
        if settlement is Settlement.GIVE_BACK:
            if entry in entries and not entries[entry].counted:
                del entries[entry]
        elif settlement is Settlement.COUNT and entry in entries:
            entries[entry].counted = True
            entries[entry].name = name

    async def cancel(self, use: LimitUse, name: str, before: Instant, now: Instant) -> bool:
        """See `LimitStore`."""
        entries = self._kept[_key(use)]
        fit = [
            (kept.counted, kept.since, entry)
            for entry, kept in entries.items()
            if kept.since < before
            and ((kept.counted and kept.name == name) if name else (kept.counted or kept.lease_ends <= now))
        ]
        if not fit:
            return False
        del entries[max(fit)[2]]
        return True

    async def show(self, code: str, now: Instant) -> Sequence[Entry]:
        """See `LimitStore`."""
        self._forget(now)
        return [
            Entry(use, name, state_of(counted=kept.counted, lease_ends=kept.lease_ends, now=now), kept.since)
            for use, entries in self._kept.items()
            if use.code == code
            for name, kept in entries.items()
        ]

    async def give_back(self, entry: Entry) -> bool:
        """See `LimitStore`."""
        return self._kept[_key(entry.use)].pop(entry.id, None) is not None

    async def check(self) -> None:
        """See `LimitStore`: memory is fit for what it is used for."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _forget(self, now: Instant) -> None:
        for use in [use for use, entries in self._kept.items() if use.forget_at <= now or not entries]:
            del self._kept[use]


def _key(use: LimitUse) -> LimitUse:
    """Return the use without how often it allows: a policy that changes `times` counts on."""
    return replace(use, times=1)
