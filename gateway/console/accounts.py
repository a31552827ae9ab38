"""The pages of linked accounts, from values to values: how an operator names one, and what a page shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import normalize

from gateway.accounts.accounts import Claim, Held, Link, Record
from gateway.accounts.counter import Hindrance
from gateway.accounts.names import read_account_name
from gateway.accounts.sheet import Row
from gateway.console.screen import Moment, Screen, moment
from gateway.identity import AccountKind, Role
from gateway.policy.subject_code import fold_code, show_code

MOST_SHOWN = 200
"""Accounts, and mistakes of a list, on one page. The command line lists all of them."""


class By(StrEnum):
    """The ways to name accounts on a page."""

    ACCOUNT = "account"
    CODE = "code"
    CLAIMED = "claimed"
    """Every account that a second person has proved."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Sought:
    """The accounts that an operator names."""

    by: By
    value: str = ""

    @property
    def shown(self) -> str:
        """The value as people read it."""
        return show_code(self.value) if self.by is By.CODE else self.value


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account on a page."""

    name: str
    kind: AccountKind
    title: str
    links: int
    claims: int
    password: bool


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One person's link on a page; she is named by her mark."""

    account: str
    mark: str
    role: Role | None
    evidence: str
    since: Moment
    state: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One row of a list that was not carried out."""

    line: int
    account: str
    why: Hindrance


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of a list: what it has changed, and what not."""

    done: int = 0
    refused: tuple[Refused, ...] = ()
    mistakes: tuple[str, ...] = ()
    """The mistakes of a list that changed nothing, each with its line."""


def sought(by: str, value: str) -> Sought | None:
    """Return what a form names, or `None` if it names no account and no person."""
    match by:
        case By.ACCOUNT:
            name = read_account_name(value)
            return None if name is None else Sought(By.ACCOUNT, name)
        case By.CODE:
            code = fold_code(normalize("NFKC", value))
            return None if code is None else Sought(By.CODE, code)
        case By.CLAIMED | By.ALL:
            return Sought(By(by))
        case _:
            return None


def row_of(record: Record) -> AccountRow:
    """Return an account as a page lists it."""
    account = record.account
    links, claims = len(record.links), len(record.claims)
    return AccountRow(account.name, account.kind, account.title, links, claims, record.has_password)


def accounts_page(
    apps: Sequence[str],
    app: str = "",
    wanted: Sought | None = None,
    *,
    rows: Sequence[AccountRow] = (),
    record: Record | None = None,
    held: Sequence[Held] = (),
    more: bool = False,
    outcome: Outcome | None = None,
) -> Screen:
    """Return the page with the forms, and all that was found for one of them."""
    links = [_link(record.account.name, each) for each in record.links] if record is not None else []
    links += [_link(each.account.name, each.link) for each in held]
    claims: Sequence[Claim] = () if record is None else record.claims
    values = {
        "apps": apps,
        "app": app or (apps[0] if apps else ""),
        "ways": list(By),
        "group_roles": list(Role),
        "wanted": wanted,
        "rows": rows if record is None else [row_of(record)],
        "links": links,
        "claims": [(each.mark, moment(each.at)) for each in claims],
        "more": more,
        "most": MOST_SHOWN,
        "outcome": outcome,
    }
    return Screen("accounts", "accounts.title", values)


def _link(name: str, link: Link) -> LinkRow:
    return LinkRow(name, link.mark, link.role, link.evidence.value, moment(link.since), link.state.value)


def refused_rows(found: Sequence[tuple[Row, Hindrance]]) -> tuple[Refused, ...]:
    """Return the rows of a list that were not carried out, as many as a page shows."""
    return tuple(Refused(row.line, row.account.name, why) for row, why in found[:MOST_SHOWN])
