"""The part of a store that all technologies share; `tests/contracts/test_account_store.py` holds it whole."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TypeVar

import pytest

from gateway.accounts import changes
from gateway.accounts.accounts import Account, Evidence, Full, KeptPassword, KeptPasswords, Linked
from gateway.accounts.attempts import Attempt, AttemptLimits
from gateway.accounts.changes import Change, Kept
from gateway.accounts.marks import Marks
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.names import fold_account
from gateway.identity import AccountKind, Role

_Outcome = TypeVar("_Outcome")

NOW = 1_800_000_000.0
ANNA = Marks(("key2-anna", "key1-anna"))
OLD_ANNA = Marks(("key1-anna",))


class Racing(MemoryAccounts):
    """A store in which another worker ends a link between a look and the change that follows it."""

    async def alter(
        self, app: str, folded: str, change: Callable[[Kept | None], Change[_Outcome]]
    ) -> tuple[_Outcome, bool]:
        """See `KeptAccounts`."""
        if self._kept[app].get(folded) is not None:
            await super().alter(app, folded, lambda kept: changes.unlink(kept, ANNA))
        return await super().alter(app, folded, change)


async def test_a_link_that_ends_meanwhile_is_not_found() -> None:
    """A person's move to another key brings no link back that the counter has ended."""
    store = Racing()
    await store.link(Account("booking", "tanaka"), OLD_ANNA, Evidence.PROOF, NOW)

    assert await store.find("booking", ANNA) == ()
    assert await store.find("booking", OLD_ANNA) == ()


async def test_a_name_without_a_record_is_passed_over() -> None:
    """An index may be ahead of its records for a moment."""
    store = MemoryAccounts()
    await store.link(Account("booking", "tanaka"), ANNA, Evidence.PROOF, NOW)

    class Ahead(MemoryAccounts):
        async def named(self, app: str, marks: object) -> list[str]:
            del app, marks
            return ["gone", "tanaka"]

    ahead = Ahead()
    ahead._kept = store._kept

    assert [held.account.name for held in await ahead.find("booking", ANNA)] == ["tanaka"]


BERT = Marks(("key2-bert", "key1-bert"))
TANAKA = Account("booking", "Tanaka")
CLUB = Account("booking", "club", AccountKind.GROUP)
SPELLINGS = ("Tanaka", "TANAKA", "\uff54anaka", " tanaka")


@pytest.fixture(name="store")
async def store_fixture() -> MemoryAccounts:
    """A store in which Anna has two accounts."""
    store = MemoryAccounts()
    await store.link(TANAKA, ANNA, Evidence.PROOF, NOW)
    await store.link(CLUB, ANNA, Evidence.PROOF, NOW)
    return store


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_every_spelling_is_the_one_account(store: MemoryAccounts, spelling: str) -> None:
    """Each question and each change folds the name, so no spelling is another account with a link of its own."""
    password, next_one = KeptPassword(b"box", own=True), KeptPassword(b"next", own=False, since=NOW)
    record = await store.record("booking", spelling)
    assert record is not None
    assert record.account == TANAKA

    assert await store.keep_password("booking", spelling, password)
    assert await store.prepare_password("booking", spelling, next_one, KeptPasswords(password))
    assert await store.passwords("booking", spelling) == KeptPasswords(password, next_one)
    assert await store.withdraw_password("booking", spelling, next_one)
    assert await store.refuse_password("booking", spelling, password)
    assert await store.forget_password("booking", spelling)
    assert await store.ask_again("booking", spelling, ANNA)
    assert await store.unlink("booking", spelling, ANNA) is not None
    assert await store.remove("booking", spelling)
    assert await store.record("booking", "tanaka") is None


async def test_a_hand_over_and_a_role_are_changes_of_one_account(store: MemoryAccounts) -> None:
    """The former person loses that account alone, and a role is given in a group."""
    former = await store.hand_over(TANAKA, BERT, Evidence.COUNTER, NOW)
    assert former is not None
    assert [link.mark for link in former] == [ANNA.first]

    assert [held.account.name for held in await store.find("booking", ANNA)] == ["club"]
    assert [held.account.name for held in await store.find("booking", BERT)] == ["Tanaka"]
    assert await store.set_role("booking", "CLUB", ANNA, Role.REPRESENTATIVE)
    assert not await store.set_role("booking", "club", BERT, Role.REPRESENTATIVE)


async def test_a_person_has_room_for_a_number_of_accounts(
    store: MemoryAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is refused, by a proof and by the counter; another spelling of one that she has is not one more."""
    monkeypatch.setattr("gateway.accounts.kept_accounts.MOST_ACCOUNTS", 2)
    more = Account("booking", "more")

    assert await store.link(more, ANNA, Evidence.PROOF, NOW) == Full()
    assert await store.hand_over(more, ANNA, Evidence.COUNTER, NOW) is None
    assert await store.record("booking", "more") is None
    assert isinstance(await store.link(Account("booking", "TANAKA"), ANNA, Evidence.PROOF, NOW), Linked)
    assert isinstance(await store.link(Account("other", "more"), ANNA, Evidence.PROOF, NOW), Linked)


async def test_accounts_are_walked_a_page_at_a_time(store: MemoryAccounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each account comes once with a page of any size, and each password is sealed anew once."""
    for number in range(3):
        assert await store.put(Account("booking", f"a{number}")) is not None
    await store.keep_password("booking", "club", KeptPassword(b"old", own=True))
    await store.keep_password("booking", "tanaka", KeptPassword(b"old", own=True))

    for size in (1, 2, 5, 200):
        monkeypatch.setattr("gateway.accounts.kept_accounts.PAGE", size)
        walked = [record.account.name async for record in store.records("booking")]
        assert walked == ["a0", "a1", "a2", "club", "Tanaka"]

    monkeypatch.setattr("gateway.accounts.kept_accounts.PAGE", 2)
    assert await store.reseal("booking", lambda name, _: name.encode()) == 2
    assert (await store.passwords("booking", "tanaka")).current == KeptPassword(b"Tanaka", own=True)


async def test_erasure_ends_a_persons_links_and_her_attempts(store: MemoryAccounts) -> None:
    """Under every mark that she has had, so that nothing of her is left under an older key."""
    limits = AttemptLimits(account=9, account_seconds=inf, person=1, person_seconds=inf, app=99)
    assert await store.begin_attempt(Attempt("booking", "x", OLD_ANNA.first, "1"), limits, NOW)
    assert not await store.begin_attempt(Attempt("booking", "y", OLD_ANNA.first, "2"), limits, NOW)

    assert await store.erase("booking", ANNA) == 2

    assert await store.find("booking", ANNA) == ()
    assert await store.begin_attempt(Attempt("booking", "y", OLD_ANNA.first, "2"), limits, NOW)


async def test_an_attempt_is_counted_before_it_is_made_and_given_back_after() -> None:
    """A success frees the account of what had failed before; the office's unlocking frees it in any spelling."""
    store = MemoryAccounts()
    limits = AttemptLimits(account=2, account_seconds=inf, person=9, app=99, kept=3)

    def attempt(number: int) -> Attempt:
        return Attempt("booking", fold_account("tanaka"), ANNA.first, str(number))

    for number in (1, 2):
        assert await store.begin_attempt(attempt(number), limits, NOW)
        await store.attempt_failed(attempt(number), limits, NOW)
    assert not await store.begin_attempt(attempt(3), limits, NOW)
    assert await store.begin_kept_attempt(attempt(4), limits, NOW, again=False), "its place is its own"
    await store.attempt_succeeded(attempt(4))
    for number in (5, 6):
        assert await store.begin_attempt(attempt(number), limits, NOW)
    await store.withdraw_attempt(attempt(6))
    assert await store.begin_attempt(attempt(7), limits, NOW)
    for number in (5, 7):
        await store.attempt_failed(attempt(number), limits, NOW)
    assert not await store.begin_attempt(attempt(8), limits, NOW)
    await store.forget_attempts("booking", "TANAKA", NOW)
    assert await store.begin_attempt(attempt(8), limits, NOW)


async def test_a_login_gives_its_turn_to_the_next() -> None:
    """One login of an account at a time has it."""
    store = MemoryAccounts()
    first, second = (Attempt("booking", "tanaka", ANNA.first, name) for name in ("1", "2"))

    assert await store.begin_login(first, NOW)
    assert not await store.begin_login(second, NOW)
    await store.end_login(first)
    assert await store.begin_login(second, NOW)
