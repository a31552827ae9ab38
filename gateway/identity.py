"""A person as the provider names her: a subject, and the 4情報 as far as they were asked for.

Values here are already normalised (`login/claims.py` reads the provider's forms);
an unreadable value is `None`, never a guess. The policy derives an age or a municipality from them.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import msgspec

from gateway.instant import Instant

NOT_TOLD: Instant = 0.0
"""`authenticated_at` if the provider does not state it: too old for every `signed_in_within`, and never disclosed."""


EARLIEST_YEAR = 1868
"""明治元年, the first era a card can name: a birthdate of an earlier year is a clerk's mistake."""


class Scope(StrEnum):
    """Scopes that the provider knows (OpenID Connect Core 5.4, as the Digital Authentication service has it)."""

    OPENID = "openid"
    NAME = "name"
    ADDRESS = "address"
    BIRTHDATE = "birthdate"
    GENDER = "gender"


class Gender(StrEnum):
    """The value of gender recorded on the card: code 1, 2 or 9."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"


class Birthdate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A day of birth, whose month and day may be unknown (生年月日不詳). A record has its three parts in a row.

    Raises:
        ValueError: there is no such day, or a day is given without its month.

    """

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.month is None and self.day is not None:
            raise ValueError("a day of birth without its month says nothing")
        # A part of 0 is not an unknown part: the reader of a birthdate decides what zeros mean.
        date(self.year, 1 if self.month is None else self.month, 1 if self.day is None else self.day)

    @property
    def earliest(self) -> date:
        """The first day it can mean."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> date:
        """The last day it can mean."""
        month = self.month or 12
        return date(self.year, month, self.day or monthrange(self.year, month)[1])

    @property
    def exact(self) -> date | None:
        """The day itself, when every part of it is known."""
        return self.earliest if self.day is not None else None


class AccountKind(StrEnum):
    """The kind of an application's account that sign-in identities are linked to."""

    PERSON = "person"
    """One person's account: one sign-in identity."""
    GROUP = "group"
    """The account of a group (団体): several identities, each with a role."""


class Role(StrEnum):
    """The role of an identity in a group's account."""

    REPRESENTATIVE = "representative"
    """代表者: one at most."""
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Acting:
    """The account of an application for which a person acts in this session."""

    account: str
    """As the application is told."""
    kind: AccountKind = AccountKind.PERSON
    role: Role | None = None
    """Her role in a group."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """A person as one client of the provider knows her.

    `asked` has the scopes of her sign-in. A scope that is in
    `asked` with its value `None` was not given, or could not be read: a policy keeps
    that unknown and does not ask again. A scope that is not in `asked` can be asked
    for in a step-up.
    """

    client_id: str
    subject: str
    """The provider's pairwise identifier (PPID) of this person for `client_id`."""
    authenticated_at: Instant
    """`auth_time`, or the callback's time if the profile says `freshness: callback`; otherwise `NOT_TOLD`."""
    asked: frozenset[Scope]
    name: str | None = None
    address: str | None = None
    birthdate: Birthdate | None = None
    gender: Gender | None = None
    acr: str | None = None
    acting: Acting | None = None
    """The application's account for which she acts, where a rule looks at accounts. No session keeps it."""
