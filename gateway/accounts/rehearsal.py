"""A rehearsal of a link and an attempt at the store of accounts, with nobody in it.

A store may answer that it is fit and still refuse a command that a link needs, for a user of Redis without one right.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.accounts.accounts import Account, AccountStore, Evidence
from gateway.accounts.attempts import Attempt, AttemptLimits
from gateway.accounts.marks import Marks
from gateway.instant import Instant

_APP = "(rehearsal)"
"""No App has this name."""

_SECONDS = 60.0
"""The time after which the rehearsal's attempt does not count, if it is not given back as it should be."""

_LIMITS = AttemptLimits(
    account=1, account_seconds=_SECONDS, person=1, person_seconds=_SECONDS, app=100, app_seconds=_SECONDS
)


async def rehearse_accounts(store: AccountStore, now: Instant, random: Callable[[int], bytes]) -> None:
    """Take an account from its first attempt to its removal.

    Raises:
        StoreUnavailableError: the store refused a command, or did not answer.
        UnfitAccountStoreError: it may forget, or others can read it.

    """
    await store.check()
    # No person has this mark: it has the form of no key's.
    name, person = random(16).hex(), Marks((random(16).hex(),))
    attempt = Attempt(_APP, name, person.first, random(16).hex())
    await store.begin_attempt(attempt, _LIMITS, now)
    await store.attempt_succeeded(attempt)
    await store.link(Account(_APP, name), person, Evidence.PROOF, now)
    await store.find(_APP, person)
    await store.revision(_APP)
    async for _ in store.records(_APP):
        break
    await store.unlink(_APP, name, person)
    await store.remove(_APP, name)
