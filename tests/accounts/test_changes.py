"""Changes of an account: laws that hold after any changes in any order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts import changes
from gateway.accounts.accounts import (
    MOST_PERSONS,
    Account,
    Evidence,
    Full,
    KeptPassword,
    KeptPasswords,
    Link,
    Linked,
    Record,
    Taken,
)
from gateway.accounts.changes import MOST_CLAIMS, Kept
from gateway.accounts.marks import Marks
from gateway.identity import AccountKind, Role

NOW = 1_800_000_000.0
TANAKA = Account("booking", "tanaka")
CLUB = Account("booking", "club", AccountKind.GROUP)
PERSONS = tuple(Marks((f"key2-{number}", f"key1-{number}")) for number in range(4))
ANNA, BERT, *_ = PERSONS

persons = st.sampled_from(PERSONS)
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("link"), persons, st.sampled_from(list(Role))),
        st.tuples(st.just("old link"), persons, st.sampled_from(list(Role))),
        st.tuples(st.sampled_from(["unlink", "hand over", "ask again", "erase"]), persons, st.none()),
        st.tuples(st.just("role"), persons, st.sampled_from(list(Role))),
        st.tuples(st.just("kind"), st.sampled_from(list(AccountKind)), st.none()),
        st.tuples(st.sampled_from(["keep", "prepare"]), st.booleans(), st.none()),
    ),
    max_size=25,
)


def apply(kept: Kept, deed: tuple[str, object, object]) -> Kept:
    match deed:
        case "link", Marks() as person, Role() as role:
            return changes.link(kept, TANAKA, person, Evidence.PROOF, NOW, role).kept or kept
        case "old link", Marks() as person, Role() as role:
            return changes.link(kept, TANAKA, Marks(person.all[1:]), Evidence.PROOF, NOW, role).kept or kept
        case "unlink", Marks() as person, _:
            return changes.unlink(kept, person).kept or kept
        case "hand over", Marks() as person, _:
            return changes.hand_over(kept, TANAKA, person, Evidence.COUNTER, NOW).kept or kept
        case "ask again", Marks() as person, _:
            return changes.ask_again(kept, person).kept or kept
        case "erase", Marks() as person, _:
            return changes.erase(kept, person).kept or kept
        case "role", Marks() as person, Role() as role:
            return changes.set_role(kept, person, role).kept or kept
        case "kind", AccountKind() as kind, _:
            return changes.put(kept, replace(TANAKA, kind=kind)).kept or kept
        case "keep", bool() as own, _:
            return changes.keep_password(kept, KeptPassword(b"box", own)).kept or kept
        case "prepare", bool() as own, _:
            return changes.prepare_password(kept, KeptPassword(b"box2", own), kept.passwords).kept or kept
        case _:
            raise AssertionError(deed)


@given(deeds, st.sampled_from(list(AccountKind)))
def test_no_order_of_changes_gives_an_account_to_two(
    history: list[tuple[str, object, object]], kind: AccountKind
) -> None:
    """A person's account has one person at most; a group has one representative at most, and a role for each."""
    kept = Kept(replace(TANAKA, kind=kind))
    before: list[KeptPassword] = []
    for deed in history:
        kept = apply(kept, deed)

        marks = [link.mark for link in kept.links]
        assert len(marks) == len(set(marks))
        assert sum(link.role is Role.REPRESENTATIVE for link in kept.links) <= 1
        if kept.account.kind is AccountKind.PERSON:
            assert len(kept.links) <= 1
            assert all(link.role is None for link in kept.links)
        else:
            assert all(link.role is not None for link in kept.links)
            assert kept.claims == ()
        assert kept.marks == {*marks, *(claim.mark for claim in kept.claims)}
        assert not {*marks} & {claim.mark for claim in kept.claims}
        assert kept.account.name == "tanaka"
        if kept.passwords.current is not None and kept.passwords.current.own:
            assert kept.links, "a person's own password outlived her link"
        made = [each for each in (kept.passwords.current, kept.passwords.next) if each is not None and not each.own]
        if deed[0] not in ("keep", "prepare"):
            assert made == before, "a password that the gateway made is the only key to the account"
        before = made
        if deed[0] == "erase" and isinstance(deed[1], Marks):
            assert not kept.marks & {*deed[1].all}


def test_a_person_is_one_under_all_her_marks() -> None:
    """Her old link is hers: proving again moves it and makes no second."""
    old = changes.link(None, TANAKA, Marks(ANNA.all[1:]), Evidence.IMPORT, NOW, Role.MEMBER).kept

    change = changes.link(old, TANAKA, ANNA, Evidence.PROOF, NOW + 1, Role.MEMBER)

    assert isinstance(change.outcome, Linked)
    assert change.outcome.renewed
    assert change.kept is not None
    assert change.kept.links == (Link(ANNA.first, None, Evidence.PROOF, NOW, NOW + 1),)
    assert change.kept.link_of(Marks(ANNA.all[1:])) is None
    assert changes.moved(old or Kept(TANAKA), ANNA).marks == {ANNA.first}


@pytest.mark.parametrize("evidence", Evidence)
def test_a_claim_says_that_somebody_has_proved_the_account(evidence: Evidence) -> None:
    """A row of a list that was refused, and a clerk who was told no, prove nothing."""
    kept = changes.link(None, TANAKA, ANNA, Evidence.PROOF, NOW, Role.MEMBER).kept

    change = changes.link(kept, TANAKA, Marks(("key1-c1",)), evidence, NOW, Role.MEMBER)

    assert change.outcome == Taken(TANAKA, ANNA.first)
    assert change.kept is not None
    assert bool(change.kept.claims) == (evidence is Evidence.PROOF)


def test_claims_are_kept_up_to_a_number() -> None:
    """The oldest goes first, and a person has one."""
    kept = changes.link(None, TANAKA, ANNA, Evidence.PROOF, NOW, Role.MEMBER).kept
    for number in range(MOST_CLAIMS + 5):
        for _ in range(2):
            change = changes.link(kept, TANAKA, Marks((f"key1-c{number}",)), Evidence.PROOF, NOW, Role.MEMBER)
            assert change.outcome == Taken(TANAKA, ANNA.first)
            kept = change.kept

    assert kept is not None
    assert [claim.mark for claim in kept.claims] == [f"key1-c{number}" for number in range(5, MOST_CLAIMS + 5)]


def test_a_group_is_full_at_a_number() -> None:
    """For links, for imports and for the counter."""
    members = tuple(Link(f"key1-m{n:04}", Role.MEMBER, Evidence.IMPORT, NOW, NOW) for n in range(MOST_PERSONS))
    kept = Kept(CLUB, members)

    assert changes.link(kept, CLUB, ANNA, Evidence.PROOF, NOW, Role.MEMBER).outcome == Full()
    assert changes.hand_over(kept, CLUB, ANNA, Evidence.COUNTER, NOW).outcome is None
    assert changes.hand_over(kept, CLUB, Marks(("key1-m0000",)), Evidence.COUNTER, NOW).outcome == ()


def test_a_record_shows_no_password() -> None:
    """It says that there is one."""
    kept = Kept(TANAKA, passwords=KeptPasswords(KeptPassword(b"box", own=True)))

    assert kept.record == Record(TANAKA, has_password=True)
    assert "box" not in repr(kept.record)


@pytest.mark.parametrize("old", [b"current", b"next"])
def test_either_box_is_sealed_anew(old: bytes) -> None:
    """The box of a change that was interrupted is sealed anew as well."""
    both = KeptPasswords(KeptPassword(b"current", own=True), KeptPassword(b"next", own=False))

    kept = changes.resealed(Kept(TANAKA, passwords=both), lambda name, box: name.encode() if box == old else None)

    boxes = [each.box for each in (kept.passwords.current, kept.passwords.next) if each is not None]
    assert sorted(boxes) == sorted({b"current", b"next"} - {old} | {b"tanaka"})
    assert changes.forget_password(kept).kept == Kept(TANAKA)


def test_nothing_becomes_of_an_unknown_account() -> None:
    """Only a link, a hand-over and the office make one known."""
    password = KeptPassword(b"box", own=True)

    assert changes.unlink(None, ANNA) == changes.Change(None, None)
    assert changes.erase(None, ANNA) == changes.Change(None, 0)
    assert changes.move(None, ANNA) == changes.Change(None, None)
    for change in (
        changes.set_role(None, ANNA, Role.MEMBER),
        changes.ask_again(None, ANNA),
        changes.prepare_password(None, password, KeptPasswords()),
        changes.withdraw_password(None, password),
        changes.refuse_password(None, password),
        changes.keep_password(None, password),
        changes.forget_password(None),
    ):
        assert change == changes.Change(None, outcome=False)


def test_nobody_without_a_link_changes_anything() -> None:
    """Neither a role nor a state; a role is a group's alone."""
    kept = changes.link(None, TANAKA, ANNA, Evidence.PROOF, NOW, Role.MEMBER).kept
    assert kept is not None

    assert not changes.set_role(kept, ANNA, Role.MEMBER).outcome
    assert changes.ask_again(kept, BERT) == changes.Change(kept, outcome=False)
    assert changes.unlink(kept, BERT) == changes.Change(kept, None)
    assert changes.erase(kept, BERT) == changes.Change(kept, 0)
