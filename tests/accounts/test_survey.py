"""The office hears beforehand which accounts are new here, and who is asked for a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.accounts import Account, Evidence, KeptPassword
from gateway.accounts.marks import Marks
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.survey import Asked, asked, is_near, survey
from gateway.settings.settings import AppAccounts
from tests.builders import NOON

HANAKO = Marks(("k-1",))


async def _store(*names: str) -> MemoryAccounts:
    store = MemoryAccounts()
    for name in names:
        await store.put(Account("booking", name))
    return store


@pytest.mark.parametrize("names", [("tanka",), ("tanka", "suzuki"), ("Tanka", "ＳＵＺＵＫＩ"), ("tanka", "tanaka")])
async def test_a_misspelt_account_is_new_and_has_a_near_one(names: tuple[str, ...]) -> None:
    """Alone, or in a list. A known account is not new, in any spelling of its name."""
    found = await survey(await _store("tanaka", "suzuki", "sato"), "booking", names)

    assert dict(found.new) == {"tanka": ("tanaka",)}
    assert found.near(names[0]) == ("tanaka",)
    assert found.near(names[-1]) is (None if len(names) > 1 else found.new["tanka"])


async def test_an_account_without_a_kept_password_is_told() -> None:
    """A new one has none, and one whose last link has ended has lost a person's own."""
    store = await _store("tanaka", "suzuki")
    await store.link(Account("booking", "suzuki"), HANAKO, Evidence.PROOF, NOON)
    await store.keep_password("booking", "suzuki", KeptPassword(b"x", own=True))

    several = await survey(store, "booking", ("Tanaka", "suzuki", "new"))
    assert [several.lacks_password(name) for name in ("tanaka", "suzuki", "NEW")] == [True, False, True]
    assert not (await survey(store, "booking", ("suzuki",))).lacks_password("Suzuki")


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("tanaka", "tanka", True),
        ("tanaka", "tanakaa", True),
        ("tanaka", "tamaka", True),
        ("tanaka", "tanaak", True),
        ("tanaka", "tanaka", False),
        ("tanaka", "tnaak", False),
        ("tanaka", "natana", False),
        ("u1001", "u1002", False),
        ("1001", "10011", False),
        ("u1001a", "u1001b", True),
        ("ab", "ac", False),
        ("タナカ", "タナケ", True),
    ],
)
def test_names_are_near_by_one_letter(one: str, other: str, near: bool) -> None:
    """Numbered accounts are not near to one another, or every new one would look misspelt."""
    assert is_near(one, other) is near
    assert is_near(other, one) is near


@given(st.text("abc1", min_size=3, max_size=7), st.text("abc1", min_size=3, max_size=7))
async def test_a_list_finds_what_a_comparison_of_each_pair_finds(one: str, other: str) -> None:
    """The index over the names loses no near pair."""
    if one == other:
        return
    found = await survey(await _store(other), "booking", (one, "zzzz"))

    assert found.near(one) == ((other,) if is_near(one, other) else ())


@pytest.mark.parametrize(
    ("settings", "has_password", "expected"),
    [
        (AppAccounts(tell="form", passwords="changed"), False, Asked.THEN_CHANGED),
        (AppAccounts(tell="form", passwords="kept"), False, Asked.THEN_KEPT),
        (AppAccounts(tell="form", passwords="changed"), True, None),
        (AppAccounts(tell="header"), False, None),
        (AppAccounts(tell="basic"), False, None),
    ],
)
def test_a_person_is_asked_where_a_form_needs_a_password(
    settings: AppAccounts,
    has_password: bool,
    expected: Asked | None,
) -> None:
    """An application that reads a header, or one secret for all, needs none."""
    assert asked(settings, has_password=has_password) is expected
