"""A store of accounts over the few things that SQLite, Redis and memory do differently.

A technology reads records, alters one at a time, lists names, and counts attempts. The rest is here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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
from gateway.accounts.attempts import (
    LOGIN_SECONDS,
    Attempt,
    AttemptLimits,
    Scope,
    account_scope,
    again_scope,
    kept_scopes_of,
    login_scope,
    person_scope,
    scope_names,
    scopes_of,
)
from gateway.accounts.changes import Change, Kept
from gateway.accounts.marks import Marks
from gateway.accounts.names import fold_account
from gateway.identity import Role
from gateway.instant import Instant

PAGE = 200
"""Accounts that are read at once."""

_Outcome = TypeVar("_Outcome")


class KeptAccounts(ABC):
    """An `AccountStore`, apart from what a technology does in its own way."""

    @abstractmethod
    async def read(self, app: str, names: Sequence[str]) -> Mapping[str, Kept]:
        """Return the accounts of these folded names, those that are there."""

    @abstractmethod
    async def alter(
        self, app: str, folded: str, change: Callable[[Kept | None], Change[_Outcome]]
    ) -> tuple[_Outcome, bool]:
        """Change one account, alone among all workers; return the outcome, and whether something was written.

        `change` may be asked several times. A record that an older key has sealed is written also if it is the same.
        """

    @abstractmethod
    async def named(self, app: str, marks: Sequence[str]) -> Sequence[str]:
        """Return the folded names of the accounts whose record has one of the marks."""

    @abstractmethod
    async def page(self, app: str, after: str, most: int) -> Sequence[str]:
        """Return so many folded names after one at most, in their order."""

    @abstractmethod
    async def take(self, app: str, attempt: str, scopes: Sequence[Scope], now: Instant) -> bool:
        """Count an attempt in all scopes, or in none; True if it is counted already.

        In a scope whose attempts have an order (`Scope.open_until`), those that should be over by now are over, and
        all are forgotten together.
        """

    @abstractmethod
    async def give_back(self, app: str, scopes: Sequence[str], attempt: str) -> None:
        """Give one attempt back in these scopes."""

    @abstractmethod
    async def settle(self, app: str, scope: str, attempt: str, ends_at: Instant) -> None:
        """Note in a scope with an order that an attempt is over, and until when it counts."""

    @abstractmethod
    async def succeed(self, app: str, scope: str, attempt: str) -> None:
        """Forget an attempt of a scope with an order, and those that were over before it began."""

    @abstractmethod
    async def clear_over(self, app: str, scope: str, now: Instant) -> None:
        """Forget every attempt of a scope with an order that is over by now."""

    @abstractmethod
    async def clear(self, app: str, scopes: Sequence[str]) -> None:
        """Forget every attempt of these scopes."""

    async def find(self, app: str, person: Marks) -> tuple[Held, ...]:
        """See `AccountStore`."""
        names = sorted(await self.named(app, person.all))
        kept = await self.read(app, names) if names else {}
        found = []
        for name in names:
            record = kept.get(name)
            if record is None:
                continue
            if changes.moved(record, person) != record:
                record = (await self.alter(app, name, lambda old: changes.move(old, person)))[0]
            link = None if record is None else record.link_of(person)
            if record is not None and link is not None:
                found.append(Held(record.account, link))
        return tuple(found)

    async def record(self, app: str, name: str) -> Record | None:
        """See `AccountStore`."""
        kept = await self._one(app, name)
        return None if kept is None else kept.record

    async def records(self, app: str) -> AsyncIterator[Record]:
        """See `AccountStore`."""
        after = ""
        while names := await self.page(app, after, PAGE):
            kept = await self.read(app, names)
            for name in names:
                if name in kept:
                    yield kept[name].record
            after = names[-1]

    async def put(self, account: Account) -> Account | None:
        """See `AccountStore`."""
        return await self._changed(account.app, account.name, lambda kept: changes.put(kept, account))

    async def link(
        self, account: Account, person: Marks, evidence: Evidence, now: Instant, role: Role | None = None
    ) -> LinkOutcome:
        """See `AccountStore`."""
        if not await self._has_room(account, person):
            return Full()
        return await self._changed(
            account.app, account.name, lambda kept: changes.link(kept, account, person, evidence, now, role)
        )

    async def unlink(self, app: str, name: str, person: Marks) -> Link | None:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: changes.unlink(kept, person))

    async def hand_over(self, account: Account, to: Marks, evidence: Evidence, now: Instant) -> tuple[Link, ...] | None:
        """See `AccountStore`."""
        if not await self._has_room(account, to):
            return None
        return await self._changed(
            account.app, account.name, lambda kept: changes.hand_over(kept, account, to, evidence, now)
        )

    async def set_role(self, app: str, name: str, person: Marks, role: Role) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: changes.set_role(kept, person, role))

    async def ask_again(self, app: str, name: str, person: Marks) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: changes.ask_again(kept, person))

    async def erase(self, app: str, person: Marks) -> int:
        """See `AccountStore`."""
        await self.clear(app, [person_scope(mark) for mark in person.all])
        names = await self.named(app, person.all)
        return sum([await self._changed(app, name, lambda kept: changes.erase(kept, person)) for name in names])

    async def remove(self, app: str, name: str) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: Change(None, kept is not None))

    async def begin_attempt(self, attempt: Attempt, limits: AttemptLimits, now: Instant) -> bool:
        """See `AccountStore`."""
        return await self.take(attempt.app, attempt.id, scopes_of(attempt, limits, now), now)

    async def attempt_failed(self, attempt: Attempt, limits: AttemptLimits, now: Instant) -> None:
        """See `AccountStore`."""
        await self.settle(attempt.app, account_scope(attempt.account), attempt.id, now + limits.account_seconds)

    async def attempt_succeeded(self, attempt: Attempt) -> None:
        """See `AccountStore`."""
        await self.succeed(attempt.app, account_scope(attempt.account), attempt.id)
        await self.withdraw_attempt(attempt)
        await self.clear(attempt.app, [again_scope(attempt.account)])

    async def withdraw_attempt(self, attempt: Attempt) -> None:
        """See `AccountStore`."""
        await self.give_back(attempt.app, scope_names(attempt), attempt.id)

    async def forget_attempts(self, app: str, name: str, now: Instant) -> None:
        """See `AccountStore`."""
        folded = fold_account(name)
        await self.clear_over(app, account_scope(folded), now)
        await self.clear(app, [again_scope(folded)])

    async def begin_login(self, attempt: Attempt, now: Instant) -> bool:
        """See `AccountStore`."""
        turn = Scope(login_scope(attempt.account), 1, now + LOGIN_SECONDS)
        return await self.take(attempt.app, attempt.id, [turn], now)

    async def end_login(self, attempt: Attempt) -> None:
        """See `AccountStore`."""
        await self.give_back(attempt.app, [login_scope(attempt.account)], attempt.id)

    async def begin_kept_attempt(self, attempt: Attempt, limits: AttemptLimits, now: Instant, *, again: bool) -> bool:
        """See `AccountStore`."""
        return await self.take(attempt.app, attempt.id, kept_scopes_of(attempt, limits, now, again=again), now)

    async def passwords(self, app: str, name: str) -> KeptPasswords:
        """See `AccountStore`."""
        kept = await self._one(app, name)
        return KeptPasswords() if kept is None else kept.passwords

    async def prepare_password(self, app: str, name: str, password: KeptPassword, seen: KeptPasswords) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: changes.prepare_password(kept, password, seen))

    async def refuse_password(self, app: str, name: str, password: KeptPassword) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: changes.refuse_password(kept, password))

    async def withdraw_password(self, app: str, name: str, password: KeptPassword) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: changes.withdraw_password(kept, password))

    async def keep_password(self, app: str, name: str, password: KeptPassword, person: Marks | None = None) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, lambda kept: changes.keep_password(kept, password, person))

    async def forget_password(self, app: str, name: str) -> bool:
        """See `AccountStore`."""
        return await self._changed(app, name, changes.forget_password)

    async def reseal(self, app: str, box: Callable[[str, bytes], bytes | None]) -> int:
        """See `AccountStore`."""

        def anew(kept: Kept | None) -> Change[None]:
            return Change(None if kept is None else changes.resealed(kept, box), None)

        written, after = 0, ""
        while names := await self.page(app, after, PAGE):
            for name in names:
                written += (await self.alter(app, name, anew))[1]
            after = names[-1]
        return written

    async def _one(self, app: str, name: str) -> Kept | None:
        folded = fold_account(name)
        return (await self.read(app, [folded])).get(folded)

    async def _changed(self, app: str, name: str, change: Callable[[Kept | None], Change[_Outcome]]) -> _Outcome:
        return (await self.alter(app, fold_account(name), change))[0]

    async def _has_room(self, account: Account, person: Marks) -> bool:
        """Say whether a person may have one more account, or has this one. Two at once may pass together."""
        held = {fold_account(each.account.name) for each in await self.find(account.app, person)}
        return len(held) < MOST_ACCOUNTS or fold_account(account.name) in held
