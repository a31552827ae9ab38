"""The office's deeds that a command and the console share."""

from __future__ import annotations

import pytest

from gateway.accounts.accounts import Account, Evidence, LinkState
from gateway.accounts.counter import Hindrance, dismiss_claim, hindrance_of, import_row
from gateway.accounts.marks import Marks
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.sheet import Row
from gateway.identity import AccountKind, Role
from tests.builders import NOON

HANAKO, TARO = Marks(("k-1",)), Marks(("k-2",))
OWN = Account("booking", "tanaka")
CLUB = Account("booking", "club", AccountKind.GROUP, "卓球クラブ")


async def test_a_row_makes_an_account_known_and_links_its_person() -> None:
    """A row without a person only makes it known."""
    store = MemoryAccounts()

    assert await import_row(store, Row(2, CLUB, None, Role.MEMBER), NOON) is None
    assert await import_row(store, Row(3, CLUB, HANAKO, Role.REPRESENTATIVE), NOON) is None

    record = await store.record("booking", "club")
    assert record is not None
    assert [(each.role, each.evidence) for each in record.links] == [(Role.REPRESENTATIVE, Evidence.IMPORT)]


async def test_a_row_changes_nothing_that_it_does_not_say() -> None:
    """A list of accounts and codes alone adds a member, and leaves a group its kind, its title and its roles."""
    store = MemoryAccounts()
    await store.put(CLUB)
    await store.link(CLUB, HANAKO, Evidence.COUNTER, NOON, Role.REPRESENTATIVE)
    for person in (HANAKO, TARO):
        silent = Row(2, Account("booking", "CLUB"), person, None, kind_said=False, title_said=False)
        assert await import_row(store, silent, NOON) is None

    record = await store.record("booking", "club")
    assert record is not None
    assert record.account == CLUB
    assert {link.mark: link.role for link in record.links} == {
        HANAKO.first: Role.REPRESENTATIVE,
        TARO.first: Role.MEMBER,
    }


async def test_a_row_gives_a_known_member_the_role_that_it_says() -> None:
    """A list that names her as the representative makes her that."""
    store = MemoryAccounts()
    await store.link(CLUB, HANAKO, Evidence.PROOF, NOON)

    assert await import_row(store, Row(2, CLUB, HANAKO, Role.REPRESENTATIVE), NOON) is None

    (held,) = await store.find("booking", HANAKO)
    assert held.link.role is Role.REPRESENTATIVE


async def test_a_row_of_a_moved_store_opens_no_link_that_must_be_proved_again() -> None:
    """The state of the export counts."""
    store = MemoryAccounts()

    assert await import_row(store, Row(2, OWN, HANAKO, Role.MEMBER, state=LinkState.ASK_AGAIN), NOON) is None

    (held,) = await store.find("booking", HANAKO)
    assert held.link.state is LinkState.ASK_AGAIN


async def test_a_row_takes_an_account_from_nobody() -> None:
    """Neither a person's, nor a group's representative, nor a group from its members."""
    store = MemoryAccounts()
    await import_row(store, Row(2, OWN, HANAKO, Role.MEMBER), NOON)
    await import_row(store, Row(3, CLUB, HANAKO, Role.REPRESENTATIVE), NOON)
    await import_row(store, Row(4, CLUB, TARO, Role.MEMBER), NOON)

    assert await import_row(store, Row(5, OWN, TARO, Role.MEMBER), NOON) is Hindrance.TAKEN
    assert await import_row(store, Row(6, Account("booking", "club"), None, Role.MEMBER), NOON) is Hindrance.SEVERAL


@pytest.mark.parametrize("word", Hindrance)
async def test_every_hindrance_comes_about(word: Hindrance) -> None:
    """Each of them is the outcome of a store."""
    store = MemoryAccounts()
    await store.put(CLUB)
    await store.link(OWN, HANAKO, Evidence.COUNTER, NOON)
    await store.link(CLUB, HANAKO, Evidence.COUNTER, NOON, Role.REPRESENTATIVE)
    match word:
        case Hindrance.TAKEN:
            found = hindrance_of(await store.link(OWN, TARO, Evidence.COUNTER, NOON))
        case Hindrance.FULL:
            found = hindrance_of(await store.link(CLUB, TARO, Evidence.COUNTER, NOON, Role.REPRESENTATIVE))
        case _:
            await store.link(CLUB, TARO, Evidence.COUNTER, NOON)
            found = await import_row(store, Row(2, Account("booking", "club"), None, Role.MEMBER), NOON)

    assert found is word


async def test_a_claim_is_dismissed_and_a_link_stays() -> None:
    """The person who has the account keeps it; a second dismissal finds nothing."""
    store = MemoryAccounts()
    await store.link(OWN, HANAKO, Evidence.PROOF, NOON)
    await store.link(OWN, TARO, Evidence.PROOF, NOON)

    assert not await dismiss_claim(store, "booking", "tanaka", HANAKO)
    assert await dismiss_claim(store, "booking", "TANAKA", TARO)
    assert not await dismiss_claim(store, "booking", "tanaka", TARO)

    record = await store.record("booking", "tanaka")
    assert record is not None
    assert ([link.mark for link in record.links], record.claims) == ([HANAKO.first], ())
