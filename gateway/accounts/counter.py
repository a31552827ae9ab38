"""The office's deeds on accounts that a command and a page of the console share: one row of its list, and why not.

The store is asked through its protocol alone.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.accounts.accounts import AccountStore, Evidence, Linked, LinkOutcome, LinkState, Taken
from gateway.accounts.marks import Marks
from gateway.accounts.sheet import Row
from gateway.instant import Instant


class Hindrance(StrEnum):
    """The reason why the office's wish was not carried out."""

    TAKEN = "taken"
    """Another person has the account."""
    FULL = "full"
    """There are too many accounts or members, or the group has another representative."""
    SEVERAL = "several"
    """Several persons have the account, so it cannot become one person's."""


def hindrance_of(outcome: LinkOutcome) -> Hindrance | None:
    """Return the reason why a person was not linked; `None` if she was."""
    if isinstance(outcome, Linked):
        return None
    return Hindrance.TAKEN if isinstance(outcome, Taken) else Hindrance.FULL


async def dismiss_claim(store: AccountStore, app: str, name: str, person: Marks) -> bool:
    """Forget that a second person has proved an account; False if she has not. Her links stay.

    Raises:
        StoreUnavailableError: the store did not answer.

    """
    record = await store.record(app, name)
    if record is None or not any(claim.mark in person.all for claim in record.claims):
        return False
    # A person with a claim has no link: a link removes the claim.
    await store.unlink(app, name, person)
    return True


async def import_row(store: AccountStore, row: Row, now: Instant) -> Hindrance | None:
    """Make an account known as one row of the office's list says, and link its person, if the row names one.

    A known account keeps the kind and the title of which the row says nothing.

    Raises:
        StoreUnavailableError: the store did not answer.

    """
    known = await store.record(row.account.app, row.account.name)
    account = row.account_beside(None if known is None else known.account)
    if await store.put(account) is None:
        return Hindrance.SEVERAL
    if row.person is None:
        return None
    hindrance = hindrance_of(await store.link(account, row.person, Evidence.IMPORT, now, row.role))
    if hindrance is None and row.state is LinkState.ASK_AGAIN:
        await store.ask_again(account.app, account.name, row.person)
    return hindrance
