"""Pending logins in this process's memory: for one worker, gone on restart."""

from __future__ import annotations

from collections import Counter

from gateway.instant import Instant
from gateway.login.pending import (
    PENDING_IN_TOTAL,
    PENDING_PER_BROWSER,
    PENDING_SECONDS,
    PendingLogin,
    Round,
    UsedLogin,
    may_open,
    share_of,
    state_name,
)


class MemoryPendingStore:
    """A `PendingStore` of dictionaries, each in the order its entries end."""

    def __init__(self, *, total: int = PENDING_IN_TOTAL, per_browser: int = PENDING_PER_BROWSER) -> None:
        self._total = total
        self._per_browser = per_browser
        self._live: dict[str, tuple[Instant, str, PendingLogin]] = {}
        self._used: dict[str, tuple[Instant, UsedLogin]] = {}
        self._rounds: dict[str, tuple[Instant, Round]] = {}
        self._addresses: Counter[str] = Counter()
        self._browsers: dict[str, list[str]] = {}

    async def open(self, state: str, login: PendingLogin, address: str, now: Instant) -> bool:
        """Keep a pending login; False, and nothing kept, where `may_open` says no."""
        self._forget(now)
        share = share_of(address)
        own = self._browsers.get(login.browser, [])
        full = len(own) >= self._per_browser
        freed = self._live[own[0]][1] if full else None
        of_address = self._addresses[share] - (freed == share)
        if not may_open(len(self._live) - full, len(self._addresses), of_address, self._total):
            return False
        if full:
            self._drop(own[0])
        name = state_name(state)
        self._live[name] = (now + PENDING_SECONDS, share, login)
        self._addresses[share] += 1
        self._browsers.setdefault(login.browser, []).append(name)
        return True

    async def find(self, state: str, now: Instant) -> PendingLogin | UsedLogin | None:
        """Return what waits under a state: unused, used, or nothing."""
        name = state_name(state)
        if name in self._used:
            ends, used = self._used[name]
            return used if now < ends else None
        if name in self._live:
            ends, _, login = self._live[name]
            return login if now < ends else None
        return None

    async def use(self, state: str, login: PendingLogin, now: Instant) -> bool:
        """Mark a login that `find` returned as used; True for exactly one caller, ever."""
        name = state_name(state)
        if name not in self._live or now >= self._live[name][0]:
            return False
        self._drop(name)
        self._used[name] = (now + PENDING_SECONDS, UsedLogin(login.browser, login.host, login.return_to))
        while len(self._used) > 2 * self._total:
            del self._used[next(iter(self._used))]
        return True

    async def settle(self, state: str, used: UsedLogin, now: Instant) -> None:
        """Remember what came of a used login."""
        name = state_name(state)
        # Taken out first, so that the dictionary stays in the order its entries end.
        self._used.pop(name, None)
        self._used[name] = (now + PENDING_SECONDS, used)

    async def remember_round(self, session_name: str, made: Round, now: Instant) -> None:
        """Remember which sign-in made a session."""
        self._rounds.pop(session_name, None)
        self._rounds[session_name] = (now + PENDING_SECONDS, made)

    async def find_round(self, session_name: str, now: Instant) -> Round | None:
        """Return which sign-in made a session, if that was within `PENDING_SECONDS`."""
        ends, made = self._rounds.get(session_name, (0.0, None))
        return made if now < ends else None

    def _drop(self, name: str) -> None:
        _, share, login = self._live.pop(name)
        self._addresses[share] -= 1
        if not self._addresses[share]:
            del self._addresses[share]
        own = self._browsers[login.browser]
        own.remove(name)
        if not own:
            del self._browsers[login.browser]

    def _forget(self, now: Instant) -> None:
        while self._live and next(iter(self._live.values()))[0] <= now:
            self._drop(next(iter(self._live)))
        for kept in (self._used, self._rounds):
            while kept and next(iter(kept.values()))[0] <= now:
                del kept[next(iter(kept))]
