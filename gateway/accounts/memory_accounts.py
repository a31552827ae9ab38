"""Accounts in this process's memory: for one worker, for the demo and for tests. Gone on restart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from gateway.accounts import changes
from gateway.accounts.accounts import (
    MOST_ACCOUNTS,
    Account,
    Evidence,
    Full,
    Held,
    KeptPassword,
    KeptPasswords,
    Link,
    LinkOutcome,
    Record,
)
from gateway.accounts.attempts import Attempt, AttemptLimits, account_scope, person_scope, scope_names, scopes_of
from gateway.accounts.changes import Change, Kept
from gateway.accounts.marks import Marks
from gateway.accounts.names import fold_account
from gateway.identity import Role
from gateway.instant import Instant

_Outcome = TypeVar("_Outcome")


class MemoryAccounts:
    """An `AccountStore` in memory. No method waits, so none can be interrupted half-way."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: dict[tuple[str, str], Kept] = {}
        self._revisions: defaultdict[str, int] = defaultdict(int)
        self._attempts: defaultdict[tuple[str, str], dict[str, Instant]] = defaultdict(dict)

    async def find(self, app: str, person: Marks) -> tuple[Held, ...]:
        """See `AccountStore`."""
        for folded, kept in self._of(app, person):
            self._write((app, folded), changes.moved(kept, person))
        found = ((kept.account, kept.link_of(person)) for _, kept in self._of(app, person))
        return tuple(Held(account, link) for account, link in found if link is not None)

    async def record(self, app: str, name: str) -> Record | None:
        """See `AccountStore`."""
        kept = self._kept.get((app, fold_account(name)))
        return None if kept is None else kept.record

    async def records(self, app: str) -> AsyncIterator[Record]:
        """See `AccountStore`."""
        for (_, _), kept in sorted(
            ((key, kept) for key, kept in self._kept.items() if key[0] == app), key=lambda each: each[0]
        ):
            yield kept.record

    async def put(self, account: Account) -> Account | None:
        """See `AccountStore`."""
        key = (account.app, fold_account(account.name))
        return self._changed(key, changes.put(self._kept.get(key), account))

    async def link(
        self, account: Account, person: Marks, evidence: Evidence, now: Instant, role: Role = Role.MEMBER
    ) -> LinkOutcome:
        """See `AccountStore`."""
        key = (account.app, fold_account(account.name))
        if self._has_no_room(key, person):
            return Full()
        return self._changed(key, changes.link(self._kept.get(key), account, person, evidence, now, role))

    async def unlink(self, app: str, name: str, person: Marks) -> Link | None:
        """See `AccountStore`."""
        return self._change(app, name, lambda kept: changes.unlink(kept, person), None)

    async def hand_over(self, account: Account, to: Marks, evidence: Evidence, now: Instant) -> tuple[Link, ...] | None:
        """See `AccountStore`."""
        key = (account.app, fold_account(account.name))
        if self._has_no_room(key, to):
            return None
        return self._changed(key, changes.hand_over(self._kept.get(key), account, to, evidence, now))

    async def set_role(self, app: str, name: str, person: Marks, role: Role) -> bool:
        """See `AccountStore`."""
        return self._change(app, name, lambda kept: changes.set_role(kept, person, role), otherwise=False)

    async def ask_again(self, app: str, name: str, person: Marks) -> bool:
        """See `AccountStore`."""
        return self._change(app, name, lambda kept: changes.ask_again(kept, person), otherwise=False)

    async def erase(self, app: str, person: Marks) -> int:
        """See `AccountStore`."""
        for mark in person.all:
            self._attempts.pop((app, person_scope(mark)), None)
        return sum(self._changed((app, folded), changes.erase(kept, person)) for folded, kept in self._of(app, person))

    async def remove(self, app: str, name: str) -> bool:
        """See `AccountStore`."""
        known = self._kept.pop((app, fold_account(name)), None) is not None
        self._revisions[app] += known
        return known

    async def revision(self, app: str) -> int:
        """See `AccountStore`."""
        return self._revisions[app]

    async def begin_attempt(self, attempt: Attempt, limits: AttemptLimits, now: Instant) -> bool:
        """See `AccountStore`."""
        scopes = [(self._attempts[attempt.app, scope.name], scope) for scope in scopes_of(attempt, limits, now)]
        for counted, _ in scopes:
            for name in [name for name, ends_at in counted.items() if ends_at <= now]:
                del counted[name]
        if any(attempt.id not in counted and len(counted) >= scope.most for counted, scope in scopes):
            return False
        for counted, scope in scopes:
            counted.setdefault(attempt.id, scope.ends_at)
        return True

    async def attempt_succeeded(self, attempt: Attempt) -> None:
        """See `AccountStore`."""
        await self.withdraw_attempt(attempt)
        await self.forget_attempts(attempt.app, attempt.account)

    async def withdraw_attempt(self, attempt: Attempt) -> None:
        """See `AccountStore`."""
        for name in scope_names(attempt):
            self._attempts[attempt.app, name].pop(attempt.id, None)

    async def forget_attempts(self, app: str, name: str) -> None:
        """See `AccountStore`."""
        self._attempts.pop((app, account_scope(fold_account(name))), None)

    async def passwords(self, app: str, name: str) -> KeptPasswords:
        """See `AccountStore`."""
        kept = self._kept.get((app, fold_account(name)))
        return KeptPasswords() if kept is None else kept.passwords

    async def prepare_password(self, app: str, name: str, password: KeptPassword) -> bool:
        """See `AccountStore`."""
        return self._change(app, name, lambda kept: changes.prepare_password(kept, password), otherwise=False)

    async def keep_password(self, app: str, name: str, password: KeptPassword) -> bool:
        """See `AccountStore`."""
        return self._change(app, name, lambda kept: changes.keep_password(kept, password), otherwise=False)

    async def replace_password(self, app: str, name: str, old: bytes, new: bytes) -> bool:
        """See `AccountStore`."""
        return self._change(app, name, lambda kept: changes.replace_password(kept, old, new), otherwise=False)

    async def forget_password(self, app: str, name: str) -> bool:
        """See `AccountStore`."""
        return self._change(app, name, changes.forget_password, otherwise=False)

    async def check(self) -> None:
        """See `AccountStore`: memory is fit for what it is used for."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _of(self, app: str, person: Marks) -> list[tuple[str, Kept]]:
        """Return the accounts that name a person, in the order of their names."""
        found = ((key[1], kept) for key, kept in self._kept.items() if key[0] == app)
        return sorted(((name, kept) for name, kept in found if kept.marks & set(person.all)), key=lambda each: each[0])

    def _has_no_room(self, key: tuple[str, str], person: Marks) -> bool:
        names = {folded for folded, kept in self._of(key[0], person) if kept.link_of(person)}
        return key[1] not in names and len(names) >= MOST_ACCOUNTS

    def _change(self, app: str, name: str, change: Callable[[Kept], Change[_Outcome]], otherwise: _Outcome) -> _Outcome:
        key = (app, fold_account(name))
        kept = self._kept.get(key)
        return otherwise if kept is None else self._changed(key, change(kept))

    def _changed(self, key: tuple[str, str], change: Change[_Outcome]) -> _Outcome:
        if change.kept is not None:
            self._write(key, change.kept)
        return change.outcome

    def _write(self, key: tuple[str, str], kept: Kept) -> None:
        if self._kept.get(key) != kept:
            self._kept[key] = kept
            self._revisions[key[0]] += 1
