"""Tells the office what it is about to do: which accounts are new here, and which persons are asked for a password.

An account of which nothing is kept may be a misspelt one. So the near names of known accounts are found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.accounts.accounts import AccountStore, Record
from gateway.accounts.names import fold_account
from gateway.settings.settings import AppAccounts

MOST_NEAR = 3
"""Near names that are told of one account."""

_SHORTEST = 3
"""Characters of a name that can be near to another one."""

_MOST_COMPARED = 5_000
"""New accounts of one list whose near names are sought."""

_DIGIT = re.compile(r"\d")


class Asked(StrEnum):
    """The reason why a person whom the office has linked is asked for the application's password at her next visit."""

    THEN_CHANGED = "changed"
    """No password is kept. The gateway replaces the one that she gives."""
    THEN_KEPT = "kept"
    """No password is kept. The gateway keeps the one that she gives."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The state of some accounts before the office changes them."""

    new: Mapping[str, tuple[str, ...]]
    """The folded names of which nothing is kept, each with the near names of known accounts."""
    unkept: frozenset[str]
    """The folded names of accounts of which no password is kept."""

    def near(self, name: str) -> tuple[str, ...] | None:
        """Return the near names of known accounts; `None` if the account itself is known."""
        return self.new.get(fold_account(name))

    def lacks_password(self, name: str) -> bool:
        """Say whether no password of the account is kept."""
        return fold_account(name) in self.unkept


def asked(settings: AppAccounts, *, has_password: bool) -> Asked | None:
    """Return the reason why a person of an account is asked for its password at her next visit; `None`: she is not.

    The office's word links her. With `tell: form`, the gateway also needs a password to sign in for her.
    """
    if settings.tell != "form" or has_password:
        return None
    return Asked.THEN_CHANGED if settings.passwords == "changed" else Asked.THEN_KEPT


async def survey(store: AccountStore, app: str, names: Iterable[str]) -> Survey:
    """Look at accounts that the office is about to link.

    Raises:
        StoreUnavailableError: the store did not answer.

    """
    wanted = {fold_account(name): name for name in names}
    found: dict[str, Record] = {}
    if len(wanted) == 1:
        for folded, name in wanted.items():
            record = await store.record(app, name)
            if record is not None:
                found[folded] = record
    near: dict[str, list[str]] = {}
    if len(found) < len(wanted):
        index = _index(wanted) if len(wanted) <= _MOST_COMPARED else {}
        async for record in store.records(app):
            folded = fold_account(record.account.name)
            if folded in wanted:
                found[folded] = record
            for other in {each for variant in _variants(folded) for each in index.get(variant, ())}:
                if is_near(folded, other):
                    near.setdefault(other, []).append(record.account.name)
    new = {folded: tuple(near.get(folded, ())[:MOST_NEAR]) for folded in wanted if folded not in found}
    kept = {folded for folded, record in found.items() if record.has_password}
    return Survey(new, frozenset(wanted.keys() - kept))


def is_near(one: str, other: str) -> bool:
    """Say whether one folded name may be the other one, misspelt: a letter is missing, too much, wrong or too early.

    Digits tell accounts apart that an application has numbered, so they must be the same.
    """
    if one == other or min(len(one), len(other)) < _SHORTEST or abs(len(one) - len(other)) > 1:
        return False
    if _DIGIT.findall(one) != _DIGIT.findall(other):
        return False
    short, long = sorted((one, other), key=len)
    start = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) != len(long):
        return short[start:] == long[start + 1 :]
    swapped = long[start + 1 : start + 2] + long[start : start + 1]
    return short[start + 1 :] == long[start + 1 :] or (
        short[start : start + 2] == swapped and short[start + 2 :] == long[start + 2 :]
    )


def _index(wanted: Iterable[str]) -> Mapping[str, list[str]]:
    """Return names by what is left of them without one character, or with all of them."""
    index: dict[str, list[str]] = {}
    for name in wanted:
        for variant in _variants(name):
            index.setdefault(variant, []).append(name)
    return index


def _variants(name: str) -> set[str]:
    return {name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}
