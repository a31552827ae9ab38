"""Pending logins in this process's memory: for one worker, gone on restart."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import NamedTuple

from gateway.instant import Instant, began
from gateway.login.pending import (
    BYTES_IN_TOTAL,
    BYTES_PER_ADDRESS,
    PENDING_IN_TOTAL,
    PENDING_PER_ADDRESS,
    PENDING_PER_BROWSER,
    PENDING_SECONDS,
    SPENT_SECONDS,
    TARGET_SECONDS,
    TARGETS_UP_TO,
    Cap,
    KeptTarget,
    PendingLogin,
    Round,
    UsedLogin,
    bytes_of,
    kept_target,
    state_name,
)
from gateway.request.senders import sender_of


class _Place(NamedTuple):
    """The share of the caps that a login takes, from its beginning until it would have ended, used or not."""

    since: Instant
    share: str
    size: int
    browser: str


class MemoryPendingStore:
    """A `PendingStore` of dictionaries, each in the order its entries were made."""

    def __init__(
        self,
        *,
        total: int = PENDING_IN_TOTAL,
        per_address: int = PENDING_PER_ADDRESS,
        per_browser: int = PENDING_PER_BROWSER,
        bytes_in_total: int = BYTES_IN_TOTAL,
        bytes_per_address: int = BYTES_PER_ADDRESS,
        life: float = PENDING_SECONDS,
    ) -> None:
        """Begin empty, with the caps of `pending`. `life` is the lifetime of a login, in seconds."""
        self._life = life
        self._logins = Cap(total, per_address)
        self._bytes = Cap(bytes_in_total, bytes_per_address)
        self._per_browser = per_browser
        self._places: dict[str, _Place] = {}
        # Beside each, since when it is kept.
        self._kept: dict[str, tuple[Instant, PendingLogin | UsedLogin]] = {}
        # In the order in which they end.
        self._targets: OrderedDict[str, tuple[Instant, KeptTarget]] = OrderedDict()
        self._rounds: dict[str, tuple[Instant, Round]] = {}
        self._spent: dict[str, Instant] = {}
        self._of_address: Counter[str] = Counter()
        self._bytes_of_address: Counter[str] = Counter()
        self._all_bytes = 0
        self._browsers: dict[str, list[str]] = {}

    async def open(self, state: str, login: PendingLogin, address: str, now: Instant) -> int:
        """See `PendingStore`."""
        self._forget(now)
        share, size = sender_of(address), bytes_of(login)
        own = self._browsers.get(login.browser, [])
        evicted = own[0] if len(own) >= self._per_browser else None
        gone = None if evicted is None else self._places[evicted]
        freed, freed_bytes = (0, 0) if gone is None else (1, gone.size)
        same = gone is not None and gone.share == share
        addresses = len(self._of_address)
        if not self._logins.admits(
            1,
            live=len(self._places) - freed,
            addresses=addresses,
            of_address=self._of_address[share] - freed * same,
        ) or not self._bytes.admits(
            size,
            live=self._all_bytes - freed_bytes,
            addresses=addresses,
            of_address=self._bytes_of_address[share] - freed_bytes * same,
        ):
            return 0
        if evicted is not None:
            self._free(evicted)
            del self._kept[evicted]
        name = state_name(state)
        self._kept[name] = (now, login)
        self._places[name] = _Place(now, share, size, login.browser)
        self._of_address[share] += 1
        self._bytes_of_address[share] += size
        self._all_bytes += size
        self._browsers.setdefault(login.browser, []).append(name)
        target = kept_target(login)
        if target is not None and len(self._places) <= max(1, self._logins.total // TARGETS_UP_TO):
            self._targets[name] = (now, target)
            while len(self._targets) > self._logins.total:
                self._targets.popitem(last=False)
        return self._of_address[share]

    async def find(self, state: str, now: Instant) -> PendingLogin | UsedLogin | KeptTarget | None:
        """See `PendingStore`."""
        name = state_name(state)
        since, kept = self._kept.get(name, (0.0, None))
        if self._lives(since, now) and kept is not None:
            return kept
        since, target = self._targets.get(name, (0.0, None))
        return target if _lives(since, now, TARGET_SECONDS) else None

    async def use(self, state: str, login: PendingLogin, now: Instant) -> bool:
        """See `PendingStore`."""
        name = state_name(state)
        since, kept = self._kept.get(name, (0.0, None))
        if not isinstance(kept, PendingLogin) or not self._lives(since, now):
            return False
        self._leave_browser(name, login.browser)
        # Its place still counts: two requests that make and spend a login are cheaper than one that only makes it.
        self._keep(name, UsedLogin(login.browser, login.host, login.return_to), now)
        return True

    async def waits(self, name: str) -> bool:
        """See `PendingStore`."""
        return isinstance(self._kept.get(name, (0.0, None))[1], PendingLogin)

    async def settle(self, state: str, used: UsedLogin, now: Instant, made: Round | None = None) -> None:
        """See `PendingStore`."""
        name = state_name(state)
        if name in self._kept:
            self._keep(name, used, now)
        if made is None or used.session_name is None:
            return
        self._rounds.pop(used.session_name, None)
        self._rounds[used.session_name] = (now, made)
        while len(self._rounds) > 2 * self._logins.total:
            del self._rounds[next(iter(self._rounds))]

    def _keep(self, name: str, used: UsedLogin, now: Instant) -> None:
        # Taken out first, so that the dictionary stays in the order in which its entries end.
        del self._kept[name]
        self._kept[name] = (now, used)

    async def find_round(self, session_name: str, now: Instant) -> Round | None:
        """See `PendingStore`."""
        since, made = self._rounds.get(session_name, (0.0, None))
        return made if self._lives(since, now) else None

    async def spend(self, name: str, now: Instant) -> bool:
        """See `PendingStore`."""
        self._forget(now)
        if name in self._spent:
            return False
        self._spent[name] = now
        return True

    async def unspend(self, name: str) -> None:
        """See `PendingStore`."""
        self._spent.pop(name, None)

    def _free(self, name: str) -> None:
        place = self._places.pop(name)
        self._of_address[place.share] -= 1
        self._bytes_of_address[place.share] -= place.size
        self._all_bytes -= place.size
        if not self._of_address[place.share]:
            del self._of_address[place.share], self._bytes_of_address[place.share]
        self._leave_browser(name, place.browser)

    def _leave_browser(self, name: str, browser: str) -> None:
        own = self._browsers.get(browser, [])
        if name in own:
            own.remove(name)
        if not own:
            self._browsers.pop(browser, None)

    def _forget(self, now: Instant) -> None:
        while self._places and not self._lives(next(iter(self._places.values())).since, now):
            self._free(next(iter(self._places)))
        while self._kept and not self._lives(next(iter(self._kept.values()))[0], now):
            del self._kept[next(iter(self._kept))]
        while self._rounds and not self._lives(next(iter(self._rounds.values()))[0], now):
            del self._rounds[next(iter(self._rounds))]
        while self._spent and not _lives(next(iter(self._spent.values())), now, SPENT_SECONDS):
            del self._spent[next(iter(self._spent))]
        while self._targets and not _lives(next(iter(self._targets.values()))[0], now, TARGET_SECONDS):
            self._targets.popitem(last=False)

    def _lives(self, since: Instant, now: Instant) -> bool:
        return _lives(since, now, self._life)


def _lives(since: Instant, now: Instant, life: float) -> bool:
    """Say whether a value kept since then may still be used: a clock that was set back must not prolong it."""
    return began(since, now) and now < since + life
