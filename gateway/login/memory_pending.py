"""Pending logins in this process's memory: for one worker, gone on restart."""

from __future__ import annotations

from collections import Counter

from gateway.instant import Instant, began
from gateway.login.pending import (
    PENDING_IN_TOTAL,
    PENDING_PER_BROWSER,
    PENDING_SECONDS,
    PendingLogin,
    Round,
    UsedLogin,
    may_open,
    state_name,
)
from gateway.request.senders import sender_of


class MemoryPendingStore:
    """A `PendingStore` of dictionaries, each in the order its entries were made."""

    def __init__(self, *, total: int = PENDING_IN_TOTAL, per_browser: int = PENDING_PER_BROWSER) -> None:
        """Begin empty, with the caps of `pending`."""
        self._total = total
        self._per_browser = per_browser
        # Beside each, since when it is kept.
        self._kept: dict[str, tuple[Instant, str, PendingLogin | UsedLogin]] = {}
        self._rounds: dict[str, tuple[Instant, Round]] = {}
        self._spent: dict[str, Instant] = {}
        self._addresses: Counter[str] = Counter()
        self._browsers: dict[str, list[str]] = {}

    async def open(self, state: str, login: PendingLogin, address: str, now: Instant) -> bool:
        """See `PendingStore`."""
        self._forget(now)
        share = sender_of(address)
        own = self._browsers.get(login.browser, [])
        evicted = own[0] if len(own) >= self._per_browser else None
        of_address = self._addresses[share] - (evicted is not None and self._kept[evicted][1] == share)
        live = len(self._kept) - (evicted is not None)
        if not may_open(live, len(self._addresses), of_address, self._total):
            return False
        if evicted is not None:
            self._drop(evicted)
        name = state_name(state)
        self._kept[name] = (now, share, login)
        self._addresses[share] += 1
        self._browsers.setdefault(login.browser, []).append(name)
        return True

    async def find(self, state: str, now: Instant) -> PendingLogin | UsedLogin | None:
        """See `PendingStore`."""
        since, _, kept = self._kept.get(state_name(state), (0.0, "", None))
        return kept if _lives(since, now) else None

    async def use(self, state: str, login: PendingLogin, now: Instant) -> bool:
        """See `PendingStore`."""
        name = state_name(state)
        since, share, kept = self._kept.get(name, (0.0, "", None))
        if not isinstance(kept, PendingLogin) or not _lives(since, now):
            return False
        self._leave_browser(name, login.browser)
        # Taken out first, so that the dictionary stays in that order. It still counts: two
        # requests that make and spend a login are cheaper than one that only makes it.
        del self._kept[name]
        self._kept[name] = (now, share, UsedLogin(login.browser, login.host, login.return_to))
        return True

    async def settle(self, state: str, used: UsedLogin, now: Instant) -> None:
        """See `PendingStore`."""
        name = state_name(state)
        entry = self._kept.pop(name, None)
        if entry is not None:
            self._kept[name] = (now, entry[1], used)

    async def remember_round(self, session_name: str, made: Round, now: Instant) -> None:
        """See `PendingStore`."""
        self._rounds.pop(session_name, None)
        self._rounds[session_name] = (now, made)
        while len(self._rounds) > 2 * self._total:
            del self._rounds[next(iter(self._rounds))]

    async def find_round(self, session_name: str, now: Instant) -> Round | None:
        """See `PendingStore`."""
        since, made = self._rounds.get(session_name, (0.0, None))
        return made if _lives(since, now) else None

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

    def _drop(self, name: str) -> None:
        _, share, kept = self._kept.pop(name)
        self._addresses[share] -= 1
        if not self._addresses[share]:
            del self._addresses[share]
        self._leave_browser(name, kept.browser)

    def _leave_browser(self, name: str, browser: str) -> None:
        own = self._browsers.get(browser, [])
        if name in own:
            own.remove(name)
        if not own:
            self._browsers.pop(browser, None)

    def _forget(self, now: Instant) -> None:
        while self._kept and not _lives(next(iter(self._kept.values()))[0], now):
            self._drop(next(iter(self._kept)))
        while self._rounds and not _lives(next(iter(self._rounds.values()))[0], now):
            del self._rounds[next(iter(self._rounds))]
        while self._spent and not _lives(next(iter(self._spent.values())), now):
            del self._spent[next(iter(self._spent))]


def _lives(since: Instant, now: Instant) -> bool:
    """Say whether what is kept since then may be used: not for longer because the clock was set back meanwhile."""
    return began(since, now) and now < since + PENDING_SECONDS
