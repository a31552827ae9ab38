"""A rehearsal says of each row what the real import says, and changes nothing."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.accounts import Account, Evidence
from gateway.accounts.counter import import_row
from gateway.accounts.marks import Marks
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.memory_foreseen import ForeseenAccounts
from gateway.accounts.sheet import Row
from gateway.identity import AccountKind, Role

NOW = 1_800_000_000.0
rows = st.lists(
    st.builds(
        Row,
        st.just(1),
        st.builds(Account, st.just("booking"), st.sampled_from(["a", "A ", "b", "c"]), st.sampled_from(AccountKind)),
        st.sampled_from([None, Marks(("k1-x",)), Marks(("k2-x", "k1-x")), Marks(("k1-y",)), Marks(("k1-z",))]),
        st.sampled_from([None, *Role]),
    ),
    max_size=8,
)


@given(rows, rows)
def test_a_rehearsal_says_what_the_import_says(before: list[Row], new: list[Row]) -> None:
    """Of every row, in the state that the store has and with the rows before it; the store stays as it is."""

    async def story() -> None:
        real = MemoryAccounts()
        for row in before:
            await import_row(real, row, NOW)
        revision, foreseen = await real.revision("booking"), ForeseenAccounts(real)

        said = [await import_row(foreseen, row, NOW) for row in new]

        assert await real.revision("booking") == revision
        assert said == [await import_row(real, row, NOW) for row in new]

    asyncio.run(story())


@pytest.mark.parametrize("most", [2, 3])
async def test_a_rehearsal_counts_a_persons_accounts(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that she has with those of the list."""
    monkeypatch.setattr("gateway.accounts.kept_accounts.MOST_ACCOUNTS", most)
    real, anna = MemoryAccounts(), Marks(("k1-anna",))
    await real.link(Account("booking", "a"), anna, Evidence.PROOF, NOW)
    foreseen = ForeseenAccounts(real)

    ends = [
        await import_row(foreseen, Row(number, Account("booking", name), anna, Role.MEMBER), NOW)
        for number, name in enumerate("bcd")
    ]

    assert [end is None for end in ends] == [True, most == 3, False]


async def test_an_account_that_is_removed_in_the_rehearsal_is_gone_there() -> None:
    """In the real store it stays."""
    real, anna = MemoryAccounts(), Marks(("k1-anna",))
    await real.link(Account("booking", "a"), anna, Evidence.PROOF, NOW)
    foreseen = ForeseenAccounts(real)

    assert await foreseen.remove("booking", "a")

    assert (await foreseen.find("booking", anna), await foreseen.record("booking", "a")) == ((), None)
    assert len(await real.find("booking", anna)) == 1
