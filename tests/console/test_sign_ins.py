from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from gateway.console.sign_ins import MOST_SIGN_INS, SignIns
from gateway.portal.operators import Operator, Operators, Role

IDLE, ABSOLUTE = 900.0, 3_600.0
SATO = Operator("sato", frozenset({Role.LOOK}), "a" * 64)


class House:
    """Sign-ins on a clock of the test's."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.file = Operators((SATO,))
        numbers = count()
        self.sign_ins = SignIns(lambda: self.now, lambda size: next(numbers).to_bytes(4) * (size // 4))

    def is_in(self, secret: str) -> bool:
        return self.sign_ins.find(secret, self.file, idle=IDLE, absolute=ABSOLUTE) is not None


@pytest.fixture
def house() -> House:
    return House()


def test_a_cookie_finds_its_operator_and_no_other_does(house: House) -> None:
    """Each has a secret and a key for forms of her own."""
    first, second = (house.sign_ins.begin(SATO, by_token=True) for _ in range(2))
    found = [house.sign_ins.find(each, house.file, idle=IDLE, absolute=ABSOLUTE) for each in (first, second)]

    assert first != second
    assert all(each is not None and each.operator.name == "sato" for each in found)
    assert len({each.csrf for each in found if each is not None}) == 2
    assert not house.is_in("")
    assert not house.is_in(first[:-1])
    assert not house.is_in("\udcff")


def test_silence_ends_it(house: House) -> None:
    """Every request restarts that clock."""
    secret = house.sign_ins.begin(SATO, by_token=True)
    house.now += IDLE - 1
    awake = house.is_in(secret)
    house.now += IDLE - 1
    still = house.is_in(secret)
    house.now += IDLE

    assert (awake, still, house.is_in(secret)) == (True, True, False)


def test_nothing_restarts_the_absolute_clock(house: House) -> None:
    """An operator who never stops signs in again all the same."""
    secret = house.sign_ins.begin(SATO, by_token=True)
    answers = []
    for _ in range(5):
        house.now += IDLE - 1
        answers.append(house.is_in(secret))

    assert answers == [True, True, True, True, False]


def test_a_clock_that_was_set_back_keeps_nobody_in(house: House) -> None:
    """A sign-in from the future has an age that nobody knows."""
    secret = house.sign_ins.begin(SATO, by_token=True)
    house.now -= 3_600

    assert not house.is_in(secret)


def test_the_file_decides_at_every_request(house: House) -> None:
    """A role that is taken away is gone at once, and a person who is removed is signed out for good."""
    secret = house.sign_ins.begin(SATO, by_token=True)
    house.file = Operators((replace(SATO, roles=frozenset({Role.AUDIT})),))
    found = house.sign_ins.find(secret, house.file, idle=IDLE, absolute=ABSOLUTE)
    roles = None if found is None else found.operator.roles
    house.file = Operators((replace(SATO, token_hash="b" * 64),))
    removed = house.is_in(secret)
    house.file = Operators((SATO,))

    assert roles == frozenset({Role.AUDIT})
    assert not removed
    assert not house.is_in(secret)


def test_a_person_of_the_provider_is_not_in_the_file(house: House) -> None:
    """Her roles came with her sign-in, and end with it."""
    secret = house.sign_ins.begin(Operator("mori", frozenset({Role.LOOK})), by_token=False)

    assert house.is_in(secret)


def test_a_sign_out_ends_it(house: House) -> None:
    """The cookie opens nothing any more."""
    secret = house.sign_ins.begin(SATO, by_token=True)
    house.sign_ins.end(secret)
    house.sign_ins.end("unknown")

    assert not house.is_in(secret)


def test_memory_is_bounded(house: House) -> None:
    """The oldest one ends where there is one too many."""
    secrets = [house.sign_ins.begin(SATO, by_token=True) for _ in range(MOST_SIGN_INS + 1)]

    assert [house.is_in(secrets[place]) for place in (0, 1, -1)] == [False, True, True]
