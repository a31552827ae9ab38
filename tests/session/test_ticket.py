from __future__ import annotations

import hashlib
import re
import secrets
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.session.seal import Secrets, ticket_seals
from gateway.session.ticket import (
    MOST_COOKIES,
    PLAIN,
    TicketSeals,
    every_brought,
    find_brought,
    find_ticket,
    new_ticket,
    ticket_name,
)

NAME = b"__Host-sekisho"
OLD, NEW, RETIRED = (f"{index}{secrets.token_hex(32)}" for index in range(3))
BOTH = Secrets.parse(f"{NEW}\n{OLD}")
PLAIN_FORM, SEALED, SEALED_ONLY = (ticket_seals(BOTH, form) for form in ("plain", "sealed", "sealed_only"))
MINE, OTHER = new_ticket(b"m" * 32), new_ticket(b"o" * 32)


def brought(*values: str) -> bytes:
    """Return a Cookie field with these values under our name, and others around them."""
    return b"; ".join([b"a=1", *(NAME + b"=" + value.encode() for value in values), b"b=2"])


def forged(ticket: str = OTHER) -> str:
    """Return a ticket under a seal that somebody made up."""
    return f"{ticket}.{'A' * 16}"


def test_both_forms_name_the_same_session() -> None:
    """A gateway that issues sealed cookies still knows the plain ones, and the other way round."""
    sealed = SEALED.cookie(MINE)

    assert PLAIN_FORM.cookie(MINE) == MINE
    assert sealed != MINE
    for seals in (PLAIN_FORM, SEALED):
        assert find_ticket(brought(MINE), NAME, seals) == MINE
        assert find_ticket(brought(sealed), NAME, seals) == MINE


def test_a_version_before_seals_reads_a_plain_cookie() -> None:
    """The form that is issued until `sealed` is turned on is the old one: 43 characters and nothing more."""
    assert len(PLAIN_FORM.cookie(MINE)) == 43
    assert find_ticket(brought(PLAIN_FORM.cookie(MINE)), NAME, PLAIN) == MINE


def test_every_kept_secret_verifies_and_the_first_one_seals() -> None:
    """A rotation signs nobody out; a retired secret's seal is a stranger's."""
    with_old = ticket_seals(Secrets.parse(OLD), "sealed")
    with_retired = ticket_seals(Secrets.parse(RETIRED), "sealed")

    assert find_ticket(brought(with_old.cookie(MINE)), NAME, SEALED_ONLY) == MINE
    assert find_ticket(brought(SEALED.cookie(MINE)), NAME, ticket_seals(Secrets.parse(NEW), "sealed_only")) == MINE
    assert find_ticket(brought(with_retired.cookie(MINE)), NAME, SEALED) is None


@given(st.text("ABCDEFabcdef0123456789-_.", max_size=64))
def test_nobody_makes_up_a_seal(value: str) -> None:
    """Property: of what somebody writes into the cookie, only what we issued is a ticket with our seal."""
    for seals in (SEALED, SEALED_ONLY):
        found = find_brought(brought(value), NAME, seals)

        assert found is None or not found.sealed
        assert seals.accept_plain or found is None


@given(st.integers(0, 59), st.sampled_from("ABCabc019-_."))
def test_a_sealed_ticket_that_was_changed_is_none(place: int, sign: str) -> None:
    """Property: neither the ticket nor its seal can be changed by a character."""
    cookie = SEALED.cookie(MINE)
    changed = cookie[:place] + sign + cookie[place + 1 :]

    assert changed == cookie or find_ticket(brought(changed), NAME, SEALED_ONLY) is None


def test_a_seal_is_of_96_bits_and_leaves_the_ticket_its_256() -> None:
    """The filter is beside the secret, not in its place."""
    ticket, _, seal = SEALED.cookie(MINE).partition(".")

    assert (len(ticket) * 6, len(seal) * 6) == (258, 96)


def test_without_a_key_no_seal_holds() -> None:
    """An empty list of keys must not be a yes."""
    assert not TicketSeals((), accept_plain=False).holds(MINE.encode(), b"A" * 16)
    assert find_ticket(brought(SEALED.cookie(MINE)), NAME, PLAIN) is None


def test_the_keys_are_not_shown() -> None:
    """A configuration that is printed opens no filter."""
    assert "keys" not in repr(SEALED)


@pytest.mark.parametrize(
    "junk", ["junk", "", "x" * 43 + "=", forged(), forged(MINE), f"{OTHER}.{'A' * 22}", '"', "a=b", f"{OTHER}."]
)
def test_a_cookie_beside_ours_locks_nobody_out(junk: str) -> None:
    """`document.cookie = '__Host-sekisho=junk; Path=/; Secure; Partitioned'` stands beside our cookie for 400 days."""
    mine = SEALED.cookie(MINE)

    for values in permutations((mine, junk)):
        assert find_ticket(brought(*values), NAME, SEALED) == MINE


@pytest.mark.parametrize("other", [OTHER, SEALED.cookie(OTHER)], ids=["plain", "sealed"])
@pytest.mark.parametrize("mine", [MINE, SEALED.cookie(MINE)], ids=["plain", "sealed"])
def test_of_two_that_may_be_ours_neither_is_believed(mine: str, other: str) -> None:
    """Somebody who plants a session of their own must not have this person act in it."""
    for values in permutations((mine, other)):
        assert find_ticket(brought(*values), NAME, SEALED) is None


def test_where_plain_tickets_are_no_longer_taken_a_plain_one_beside_ours_is_junk() -> None:
    """The last step of the upgrade leaves a script nothing that could be taken for a ticket."""
    assert find_ticket(brought(OTHER, SEALED.cookie(MINE)), NAME, SEALED_ONLY) == MINE
    assert find_ticket(brought(OTHER), NAME, SEALED_ONLY) is None


def test_the_same_ticket_twice_is_one() -> None:
    """A browser may send one value twice; a sealed and a plain cookie of one ticket are the same ticket, too."""
    found = find_brought(brought(MINE, SEALED.cookie(MINE), MINE), NAME, SEALED)

    assert found is not None
    assert (found.ticket, found.sealed) == (MINE, True)


def test_a_field_full_of_our_name_is_not_checked_seal_by_seal() -> None:
    """No browser holds so many, and each would cost us a MAC."""
    assert find_ticket(brought(SEALED.cookie(MINE), *["junk"] * MOST_COOKIES), NAME, SEALED) is None
    assert find_ticket(brought(SEALED.cookie(MINE), *["junk"] * (MOST_COOKIES - 1)), NAME, SEALED) == MINE


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_ticket_is_made_of_256_random_bits_and_no_fewer(size: int) -> None:
    """A caller that brings another number of bytes is a mistake of ours, and gets no ticket."""
    with pytest.raises(ValueError, match="a ticket is made of 32 bytes"):
        new_ticket(b"x" * size)


def test_the_store_never_has_a_ticket() -> None:
    """Its name there is a hash, of one length, that is told apart from every other hash of the same ticket."""
    names = {ticket_name(MINE), ticket_name(OTHER)}

    assert len(names) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", name) for name in names)
    assert MINE not in names
    assert hashlib.sha256(MINE.encode()).hexdigest() not in names


def test_every_ticket_that_a_browser_may_hold_can_be_ended() -> None:
    """At a sign-out both of two tickets end, and junk, strangers' seals and other cookies are passed over."""
    field = brought(SEALED.cookie(MINE), OTHER, forged(), "junk", MINE)

    assert {(each.ticket, each.sealed) for each in every_brought(field, NAME, SEALED)} == {(MINE, True), (OTHER, False)}
    assert [each.ticket for each in every_brought(field, NAME, SEALED_ONLY)] == [MINE]
    assert every_brought(b"a=1; other=" + MINE.encode(), NAME, SEALED) == []
    assert find_ticket(b"", NAME, SEALED) is None


def test_a_cookie_is_ours_by_its_exact_name_alone() -> None:
    """`__Host-sekisho2` and `x__Host-sekisho` are another's; a name without a value is none."""
    for name in (b"__Host-sekisho2", b"x__Host-sekisho", b"__host-sekisho"):
        assert find_ticket(name + b"=" + MINE.encode(), NAME, SEALED) is None
    assert find_ticket(NAME + b"; a=1", NAME, SEALED) is None
    assert find_ticket(b"a=1;\t" + NAME + b"=" + MINE.encode() + b" ;b=2", NAME, SEALED) == MINE


def test_at_a_sign_out_too_many_cookies_cost_no_mac_each() -> None:
    """Only the first of them are looked at."""
    field = brought(*["junk"] * MOST_COOKIES, SEALED.cookie(MINE))

    assert every_brought(field, NAME, SEALED) == []
