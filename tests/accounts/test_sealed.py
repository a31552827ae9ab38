"""Boxes of records and passwords: they open for their key, purpose, App and account alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.accounts import Account, Claim, Evidence, KeptPassword, KeptPasswords, Link, LinkState
from gateway.accounts.changes import Kept
from gateway.accounts.sealed import (
    BOX_NONCE,
    Purpose,
    close,
    is_of_first_key,
    open_kept,
    open_or_refuse,
    open_with,
    seal_kept,
)
from gateway.errors import StoreUnavailableError
from gateway.identity import AccountKind, Role
from gateway.session.seal import Secrets

OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4
KEYS = Secrets.parse(OLD)
NONCE = bytes(BOX_NONCE)
CLUB = Kept(
    Account("booking", "club", AccountKind.GROUP, "卓球クラブ"),
    (
        Link("key1-anna", Role.REPRESENTATIVE, Evidence.PROOF, 1.0, 2.0),
        Link("key1-bert", Role.MEMBER, Evidence.IMPORT, 1.0, 2.0, LinkState.ASK_AGAIN),
    ),
    (Claim("key1-cara", 3.0),),
    KeptPasswords(KeptPassword(bytes(range(256)), own=True), KeptPassword(b"", own=False)),
)


def test_a_record_comes_back_as_it_was() -> None:
    """With every field, and bytes of passwords."""
    assert open_kept(KEYS, "booking", "club", seal_kept(KEYS, "booking", "club", CLUB, NONCE)) == CLUB


def test_a_box_shows_nothing() -> None:
    """Neither a name nor a mark, and little of its length."""
    box = seal_kept(KEYS, "booking", "club", CLUB, NONCE)
    shorter = Kept(Account("booking", "c"))

    assert not any(word in box for word in (b"club", b"key1", "卓球".encode(), b"booking"))
    assert len(seal_kept(KEYS, "booking", "c", shorter, NONCE)) == len(
        seal_kept(KEYS, "booking", "c", Kept(Account("booking", "cccccccc")), NONCE)
    )


@pytest.mark.parametrize(
    ("app", "folded"), [("bookin", "gclub"), ("booking", "klub"), ("other", "club"), ("bookingclub", "")]
)
def test_a_box_that_was_moved_does_not_open(app: str, folded: str) -> None:
    """To another account or another App, also where the two names joined are the same."""
    assert open_kept(KEYS, app, folded, seal_kept(KEYS, "booking", "club", CLUB, NONCE)) is None


def test_a_box_is_for_one_purpose() -> None:
    """A password's box is no record."""
    box = close(KEYS, Purpose.PASSWORD, "booking", "club", b"content", NONCE, padding=16)

    assert open_with(KEYS, Purpose.PASSWORD, "booking", "club", box) == b"content"
    assert open_with(KEYS, Purpose.RECORD, "booking", "club", box) is None
    assert open_kept(KEYS, "booking", "club", box) is None


def test_all_keys_open_and_the_first_seals() -> None:
    """A key that is retired opens nothing more."""
    box = seal_kept(KEYS, "booking", "club", CLUB, NONCE)
    both = Secrets.parse(f"{NEW}\n{OLD}")

    assert open_kept(both, "booking", "club", box) == CLUB
    assert is_of_first_key(KEYS, box)
    assert not is_of_first_key(both, box)
    assert is_of_first_key(both, seal_kept(both, "booking", "club", CLUB, NONCE))
    assert open_kept(Secrets.parse(NEW), "booking", "club", box) is None


@given(st.binary(max_size=200))
def test_other_bytes_are_no_record(content: bytes) -> None:
    """Bytes that somebody has sealed under our key are no record either."""
    assert open_kept(KEYS, "booking", "club", content) is None
    sealed = close(KEYS, Purpose.RECORD, "booking", "club", content, NONCE, padding=16)
    assert open_kept(KEYS, "booking", "club", sealed) is None


def test_one_changed_bit_closes_a_box() -> None:
    """In its key's name, nonce, content or tag."""
    box = seal_kept(KEYS, "booking", "club", CLUB, NONCE)

    for place in range(0, len(box), 7):
        changed = bytes((*box[:place], box[place] ^ 1, *box[place + 1 :]))
        assert open_kept(KEYS, "booking", "club", changed) is None


def test_a_box_that_nobody_opens_is_no_account_without_a_link() -> None:
    """A store that has nothing says so; one whose key is gone is away, so that nobody links the account anew."""
    box = seal_kept(KEYS, "booking", "club", CLUB, NONCE)

    assert open_or_refuse(KEYS, "booking", "club", None) is None
    assert open_or_refuse(KEYS, "booking", "club", box) == CLUB
    with pytest.raises(StoreUnavailableError):
        open_or_refuse(Secrets.parse(NEW), "booking", "club", box)
