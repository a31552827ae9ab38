"""The pages of linked accounts, from values to values: how an operator names one, and what a page shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import normalize

from gateway.accounts.accounts import Claim, Held, Link, Record
from gateway.accounts.counter import Hindrance
from gateway.accounts.names import fold_account, read_account_name
from gateway.accounts.sheet import Row
from gateway.accounts.survey import Survey, asked
from gateway.console.screen import Moment, Screen, moment
from gateway.identity import AccountKind, Role
from gateway.policy.subject_code import fold_code, show_code
from gateway.settings.settings import AppAccounts

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
class Doubt:
    """An account that was not linked yet: nobody has had it here, and a known one has nearly its name."""

    account: str
    code: str
    role: Role | None
    near: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of a list: what it has changed, and what not."""

    done: int = 0
    refused: tuple[Refused, ...] = ()
    mistakes: tuple[str, ...] = ()
    """The mistakes of a list that changed nothing, each with its line."""
    new: int = 0
    """Accounts that are new here."""
    near: tuple[tuple[int, str, str], ...] = ()
    """Those that may be misspelt: the line, the name, and the near names of known ones."""
    waiting: int = 0
    """Persons whom a page asks for the application's password at their next visit."""


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
    outcome: Outcome | Doubt | None = None,
    asks: bool = False,
) -> Screen:
    """Return the page with the forms, and all that was found for one of them.

    More `rows` than the page shows are left out. `asks`: people are asked for a password of the application where none
    is kept.
    """
    links = [_link(record.account.name, each) for each in record.links] if record is not None else []
    links += [_link(each.account.name, each.link) for each in held]
    claims: Sequence[Claim] = () if record is None else record.claims
    values = {
        "apps": apps,
        "app": app or (apps[0] if apps else ""),
        "ways": list(By),
        "group_roles": list(Role),
        "wanted": wanted,
        "rows": rows[:MOST_SHOWN] if record is None else [row_of(record)],
        "links": links,
        "claims": [(each.mark, moment(each.at)) for each in claims],
        "more": len(rows) > MOST_SHOWN,
        "most": MOST_SHOWN,
        "outcome": outcome if isinstance(outcome, Outcome) else None,
        "doubt": outcome if isinstance(outcome, Doubt) else None,
        "asks": asks,
    }
    return Screen("accounts", "accounts.title", values)


def _link(name: str, link: Link) -> LinkRow:
    return LinkRow(name, link.mark, link.role, link.evidence.value, moment(link.since), link.state.value)


def refused_rows(found: Sequence[tuple[Row, Hindrance]]) -> tuple[Refused, ...]:
    """Return the rows of a list that were not carried out, as many as a page shows."""
    return tuple(Refused(row.line, row.account.name, why) for row, why in found[:MOST_SHOWN])


def outcome_of(
    rows: Sequence[Row], found: Sequence[tuple[Row, Hindrance]], before: Survey, settings: AppAccounts
) -> Outcome:
    """Return the effect of a list whose rows were carried out, apart from those that were `found` to be hindered."""
    hindered = {row.line for row, _ in found}
    done = [row for row in rows if row.line not in hindered]
    new = {fold_account(row.account.name): row for row in reversed(done) if before.near(row.account.name) is not None}
    near = tuple(
        (row.line, row.account.name, ", ".join(names))
        for row in reversed(new.values())
        if (names := before.near(row.account.name))
    )
    waiting = 0
    if asked(settings, has_password=False) is not None:
        waiting = sum(row.person is not None and before.lacks_password(row.account.name) for row in done)
    return Outcome(len(done), refused_rows(found), new=len(new), near=near[:MOST_SHOWN], waiting=waiting)
