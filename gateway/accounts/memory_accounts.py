"""Accounts in this process's memory: for one worker, for the demo and for tests. Gone on restart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from gateway.accounts.attempts import Scope
from gateway.accounts.changes import Change, Kept
from gateway.accounts.kept_accounts import KeptAccounts
from gateway.instant import Instant

_Outcome = TypeVar("_Outcome")


@dataclass(slots=True)
class _Counted:
    """An attempt in one scope."""

    ends_at: Instant
    open_until: Instant | None
    begun: int = 0
    """Its place in the order; 0 where the order does not matter."""
    over: int = 0
    """The place in the order at which it was over; 0 before."""


class MemoryAccounts(KeptAccounts):
    """An `AccountStore` in memory. No change waits, so none can be interrupted half-way."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: defaultdict[str, dict[str, Kept]] = defaultdict(dict)
        self._revisions: defaultdict[str, int] = defaultdict(int)
        self._attempts: defaultdict[tuple[str, str], dict[str, _Counted]] = defaultdict(dict)
        self._order = count(1)

    async def read(self, app: str, names: Sequence[str]) -> Mapping[str, Kept]:
        """See `KeptAccounts`."""
        return {name: self._kept[app][name] for name in names if name in self._kept[app]}

    async def alter(
        self, app: str, folded: str, change: Callable[[Kept | None], Change[_Outcome]]
    ) -> tuple[_Outcome, bool]:
        """See `KeptAccounts`."""
        before = self._kept[app].get(folded)
        done = change(before)
        if done.kept == before:
            return done.outcome, False
        self._revisions[app] += 1
        if done.kept is None:
            del self._kept[app][folded]
        else:
            self._kept[app][folded] = done.kept
        return done.outcome, True

    async def named(self, app: str, marks: Sequence[str]) -> Sequence[str]:
        """See `KeptAccounts`."""
        return [name for name, kept in self._kept[app].items() if kept.marks.intersection(marks)]

    async def page(self, app: str, after: str, most: int) -> Sequence[str]:
        """See `KeptAccounts`."""
        return sorted(name for name in self._kept[app] if name > after)[:most]

    async def revision(self, app: str) -> int:
        """See `AccountStore`."""
        return self._revisions[app]

    async def take(self, app: str, attempt: str, scopes: Sequence[Scope], now: Instant) -> bool:
        """See `KeptAccounts`."""
        places = [(self._attempts[app, scope.name], scope) for scope in scopes]
        for counted, scope in places:
            self._forget_late(counted, now, together=scope.open_until is not None)
        if any(attempt not in counted and len(counted) >= scope.most for counted, scope in places):
            return False
        for counted, scope in places:
            if attempt not in counted:
                begun = next(self._order) if scope.open_until is not None else 0
                counted[attempt] = _Counted(scope.ends_at, scope.open_until, begun)
        return True

    def _forget_late(self, counted: dict[str, _Counted], now: Instant, *, together: bool) -> None:
        late = [name for name, each in counted.items() if each.ends_at <= now]
        if not together or len(late) == len(counted):
            for name in late:
                del counted[name]
        for each in counted.values():
            if each.open_until is not None and not each.over and each.open_until <= now:
                each.over = next(self._order)

    async def settle(self, app: str, scope: str, attempt: str, ends_at: Instant) -> None:
        """See `KeptAccounts`."""
        found = self._attempts[app, scope].get(attempt)
        if found is not None:
            found.ends_at = ends_at
            found.over = found.over or next(self._order)

    async def succeed(self, app: str, scope: str, attempt: str) -> None:
        """See `KeptAccounts`."""
        counted = self._attempts[app, scope]
        found = counted.pop(attempt, None)
        if found is not None:
            for name in [name for name, each in counted.items() if 0 < each.over < found.begun]:
                del counted[name]

    async def clear_over(self, app: str, scope: str, now: Instant) -> None:
        """See `KeptAccounts`."""
        counted = self._attempts[app, scope]
        self._forget_late(counted, now, together=True)
        for name in [name for name, each in counted.items() if each.over]:
            del counted[name]

    async def give_back(self, app: str, scopes: Sequence[str], attempt: str) -> None:
        """See `KeptAccounts`."""
        for scope in scopes:
            self._attempts[app, scope].pop(attempt, None)

    async def clear(self, app: str, scopes: Sequence[str]) -> None:
        """See `KeptAccounts`."""
        for scope in scopes:
            self._attempts.pop((app, scope), None)

    async def check(self) -> None:
        """See `AccountStore`: memory is fit for what it is used for."""

    async def close(self) -> None:
        """Nothing to let go of."""
