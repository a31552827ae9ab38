"""A session's ledger: each App and each set of facts once, names alone, and no more than are bounded."""

from __future__ import annotations

import os

import pytest

from gateway.instant import Instant
from gateway.session.ledger import MOST, Disclosure, Ledger, in_order
from gateway.session.seal import Secrets, open_disclosure, seal_disclosure
from gateway.session.sealed_box import NONCE_BYTES
from gateway.session.ticket import new_ticket
from tests import builders

SECRETS = Secrets.parse("correct-horse-battery-staple-0123456789")
TOLD = Disclosure("booking", ("subject", "name"), builders.NOON)


def test_the_same_facts_are_noted_once() -> None:
    """A permit that is made again tells nothing new, and nothing of nothing is noted."""
    due: list[tuple[str, Disclosure]] = []
    ledger = Ledger("ticket", due)

    for at in (1.0, 2.0):
        ledger.tell("booking", ("subject",), at)
        ledger.tell("booking", (), at)
    ledger.tell("wallet", ("subject",), 3.0)

    assert ledger.told == (Disclosure("booking", ("subject",), 1.0), Disclosure("wallet", ("subject",), 3.0))
    assert due == [("ticket", told) for told in ledger.told]


def test_a_ledger_has_an_end() -> None:
    """An operator's many Apps cost a session no more than that."""
    due: list[tuple[str, Disclosure]] = []
    ledger = Ledger("ticket", due)

    for number in range(MOST + 5):
        ledger.tell(f"app-{number}", ("name",), 1.0)

    assert len(ledger.told) == len(due) == MOST


def test_of_two_entries_the_earlier_is_shown() -> None:
    """Two secrets may have sealed the same entry at two times."""
    later = TOLD._replace(at=builders.NOON + 9)
    other = Disclosure("wallet", ("subject",), builders.NOON + 5)

    assert in_order([later, other, TOLD]) == (TOLD, other)


@pytest.mark.parametrize("change", ["ticket", "secret", "bit", "nothing"])
def test_an_entry_opens_by_its_session_alone(change: str) -> None:
    """The store has neither the App nor the facts in clear; another ticket, secret or bit opens nothing."""
    ticket = new_ticket(os.urandom(32))
    field, sealed = seal_disclosure(TOLD, ticket, SECRETS.first, os.urandom(NONCE_BYTES))
    assert not any(word in field + sealed for word in (b"booking", b"subject", b"name"))
    secrets = Secrets.single(os.urandom(32)) if change == "secret" else SECRETS
    opener = new_ticket(os.urandom(32)) if change == "ticket" else ticket
    record = sealed[:-1] + bytes((sealed[-1] ^ 1,)) if change == "bit" else sealed

    assert open_disclosure(record, opener, secrets) == (TOLD if change == "nothing" else None)


def test_the_field_of_an_entry_is_the_same_at_each_worker() -> None:
    """The second worker writes nothing, and the field of another session's entry says nothing about it."""
    ticket, other = new_ticket(os.urandom(32)), new_ticket(os.urandom(32))

    def field(which: str, at: Instant) -> bytes:
        return seal_disclosure(TOLD._replace(at=at), which, SECRETS.first, os.urandom(NONCE_BYTES))[0]

    assert field(ticket, 1.0) == field(ticket, 2.0)
    assert field(ticket, 1.0) != field(other, 1.0)
