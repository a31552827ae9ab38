"""Accounts of an application, their links to sign-in identities, and the store that keeps both.

A *link* says that the person with a mark (`marks`) may use an account. The application's own login has proved it, or
the office has said it. One account of the kind `person` has one person. A second one who proves it gets no link: her
*claim* is kept, and the counter decides. An account of the kind `group` has members, and one representative at most.

Stores: `memory_accounts`, `sqlite_accounts`, `redis_accounts`, behind one contract.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.accounts.attempts import Attempt, AttemptLimits
from gateway.accounts.marks import Marks
from gateway.identity import AccountKind, Role
from gateway.instant import Instant

MOST_ACCOUNTS = 50
"""Accounts of one person at one App."""

MOST_PERSONS = 1_000
"""Persons of one group."""

CHANGE_SECONDS = 120.0
"""Seconds after which a change of password that has not ended is over: its worker is gone."""

LONGEST_TITLE = 255
"""Characters of the name that people know an account by (名義)."""


def is_title(text: str) -> bool:
    """Say whether a text can be the name that people know an account by; it may be empty."""
    return len(text) <= LONGEST_TITLE and text.isprintable()


@dataclass(frozen=True, slots=True)
class Account:
    """One account of an application."""

    app: str
    name: str
    """As the application is told, in the spelling that was proved or imported first."""
    kind: AccountKind = AccountKind.PERSON
    title: str = ""
    """The name that people know it by (名義), or empty."""


class Evidence(StrEnum):
    """The reason for a link."""

    PROOF = "proof"
    """The person gave the old password, and the application's own login took it."""
    IMPORT = "import"
    """The office's list says it."""
    COUNTER = "counter"
    """The counter has seen the person."""


class LinkState(StrEnum):
    """The state of a link."""

    ACTIVE = "active"
    ASK_AGAIN = "ask_again"
    """The person must prove the account once more before the link counts."""


@dataclass(frozen=True, slots=True)
class Link:
    """One person's link to one account."""

    mark: str
    role: Role | None
    """`None` for an account of the kind `person`."""
    evidence: Evidence
    since: Instant
    """The moment of the first link."""
    proven_at: Instant
    """The moment of the latest evidence."""
    state: LinkState = LinkState.ACTIVE


@dataclass(frozen=True, slots=True)
class Claim:
    """A second person has proved an account that another person has."""

    mark: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Held:
    """An account of a person, with her link to it."""

    account: Account
    link: Link


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that the store keeps of one account, except its password."""

    account: Account
    links: tuple[Link, ...] = ()
    claims: tuple[Claim, ...] = ()
    has_password: bool = False


def counts(link: Link, joined_at: Instant | None) -> bool:
    """Say whether a link opens the account now.

    `joined_at`: the moment at which the office had the person known by an older subject (`Aliases.joined_at`). An
    alias hands one person's account to another card, so the password is asked again after it.
    """
    return link.state is LinkState.ACTIVE and (joined_at is None or link.proven_at > joined_at)


@dataclass(frozen=True, slots=True)
class Linked:
    """The person has the account."""

    held: Held
    renewed: bool
    """She had it before."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Another person has the account; a claim is kept, and the counter decides."""

    account: Account
    holder: str
    """The other person's mark."""


@dataclass(frozen=True, slots=True)
class Full:
    """The person has `MOST_ACCOUNTS`, or the group `MOST_PERSONS`, or the group has a representative already."""


LinkOutcome = Linked | Taken | Full


@dataclass(frozen=True, slots=True)
class KeptPassword:
    """An account's password, sealed (`passwords`)."""

    box: bytes = field(repr=False)
    own: bool
    """The person's own, kept by explicit statement. It goes with the last link; one that the gateway made stays."""
    since: Instant = 0.0
    """The moment at which the gateway made it."""
    refused: bool = False
    """The application did not take it the last time."""


@dataclass(frozen=True, slots=True)
class KeptPasswords:
    """The password in use, and one that was made and may be in use already, if a change was interrupted."""

    current: KeptPassword | None = None
    next: KeptPassword | None = None


class AccountStore(Protocol):
    """The store of accounts, links, attempts and sealed passwords. One test suite holds every implementation to this.

    Names of accounts are compared by `fold_account`. Each method is atomic among all workers, and raises
    `StoreUnavailableError` if the store does not answer, or cannot promise durability.
    """

    async def find(self, app: str, person: Marks) -> tuple[Held, ...]:
        """Return a person's accounts at an App, in the order of their names. Their links move to her first mark."""

    async def record(self, app: str, name: str) -> Record | None:
        """Return what is kept of an account; None if it is unknown."""

    def records(self, app: str) -> AsyncIterator[Record]:
        """Yield every account of an App, in pages; what changes meanwhile may be there or not."""

    async def put(self, account: Account) -> Account | None:
        """Make an account known, or change its kind and title; its first spelling stays.

        None, and nothing changed, if the kind would become `person` while several persons have the account. The
        person of an account that becomes a group's becomes a member. The other way, her role ends.
        """

    async def link(
        self, account: Account, person: Marks, evidence: Evidence, now: Instant, role: Role | None = None
    ) -> LinkOutcome:
        """Link a person to an account. A known account keeps its kind, title and spelling.

        The link of a person who has the account is active again with this evidence. In a group she gets this role.
        `None`: a new member becomes a member, and a known one keeps hers.
        """

    async def unlink(self, app: str, name: str, person: Marks) -> Link | None:
        """End a person's link to an account and remove her claim; None if she had no link."""

    async def hand_over(self, account: Account, to: Marks, evidence: Evidence, now: Instant) -> tuple[Link, ...] | None:
        """Give an account to a person, and return the links that ended or changed for it.

        A `person` account changes hands: the former link ends, with every claim and the former person's own password.
        In a group, the person becomes the representative, and the former one a member. None if she has no room.
        """

    async def set_role(self, app: str, name: str, person: Marks, role: Role) -> bool:
        """Change a member's role in a group; a former representative becomes a member. False if she is no member."""

    async def ask_again(self, app: str, name: str, person: Marks) -> bool:
        """Have a person prove an account again before her link counts; False if she has no link."""

    async def erase(self, app: str, person: Marks) -> int:
        """End all links and claims of a person at an App; return how many there were. Her attempts go, too."""

    async def remove(self, app: str, name: str) -> bool:
        """Forget an account with its links, claims and password; False if it is unknown."""

    async def revision(self, app: str) -> int:
        """Return a number that grows with every change of an App's accounts, links and claims. It is cheap to ask."""

    async def begin_attempt(self, attempt: Attempt, limits: AttemptLimits, now: Instant) -> bool:
        """Count an attempt before it is made; False, and nothing counted, if a limit is reached."""

    async def attempt_failed(self, attempt: Attempt, limits: AttemptLimits, now: Instant) -> None:
        """Note that the application has answered an attempt and refused it. It counts from now on."""

    async def attempt_succeeded(self, attempt: Attempt) -> None:
        """Give an attempt back, and forget those at its account that had failed before it began."""

    async def withdraw_attempt(self, attempt: Attempt) -> None:
        """Give an attempt back that the application never got."""

    async def forget_attempts(self, app: str, name: str, now: Instant) -> None:
        """Forget the failed attempts at an account: the office has unlocked it. Those under way count on."""

    async def begin_login(self, attempt: Attempt, now: Instant) -> bool:
        """Take the account's turn to sign in with a kept password; False while another login of any worker has it."""

    async def end_login(self, attempt: Attempt) -> None:
        """Give the turn to the next login."""

    async def begin_kept_attempt(self, attempt: Attempt, limits: AttemptLimits, now: Instant, *, again: bool) -> bool:
        """Count an attempt with a kept password before it is made; False, and nothing counted, if a limit is reached.

        `again`: the application has refused this password before.
        """

    async def passwords(self, app: str, name: str) -> KeptPasswords:
        """Return the sealed passwords of an account."""

    async def prepare_password(self, app: str, name: str, password: KeptPassword, seen: KeptPasswords) -> bool:
        """Keep a password beside the one in use before the application is asked to change it.

        `seen`: the passwords as they were before the login that goes before the change. False if they are others now,
        if another change began less than `CHANGE_SECONDS` ago, or if the account is unknown. `keep_password` or
        `withdraw_password` ends the change.
        """

    async def refuse_password(self, app: str, name: str, password: KeptPassword) -> bool:
        """Note that the application did not take a kept password; False if it is not kept any more."""

    async def withdraw_password(self, app: str, name: str, password: KeptPassword) -> bool:
        """Forget a prepared password that is not in force; False if it is not the prepared one."""

    async def keep_password(self, app: str, name: str, password: KeptPassword, person: Marks | None = None) -> bool:
        """Keep the password in use, and forget a prepared one; False if nobody is linked to the account.

        `person`: False also if this person is not, since the account may be another one's by now.
        """

    async def forget_password(self, app: str, name: str) -> bool:
        """Forget all passwords of an account; False if there was none."""

    async def reseal(self, app: str, box: Callable[[str, bytes], bytes | None]) -> int:
        """Seal every account of an App under the first key; return how many were not.

        `box` takes an account's name and the box of a password, and returns the new one, or None. Marks do not change:
        a link moves to the first key when its person comes.
        """

    async def check(self) -> None:
        """Return if the store can be written now and will remember.

        Raises:
            UnfitAccountStoreError: it may forget, or others can read it.

        """

    async def close(self) -> None:
        """Let go of every connection and file."""
