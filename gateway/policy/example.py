"""One example of a policy: a person, a moment, a request, and the expected verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.identity import Acting, Birthdate, Gender, Identity, Scope
from gateway.instant import Instant
from gateway.request.inbound import Inbound
from gateway.request.target import DEFAULT_PATHS, Target
from gateway.settings.case import fold_case
from gateway.settings.settings import PathSettings
from gateway.yaml.mistakes import Where

EXAMPLE_CLIENT = "198.51.100.1"
"""The client's address in an example without `from`: a documentation address (RFC 5737)."""

EXAMPLE_SUBJECT = "example-person"

EXAMPLE_CLIENT_ID = "example-client"

UNKNOWN = " (unknown)"
"""After `deny NAME`: the condition is unknown, since a fact is missing or unreadable."""

NOTHING = "nothing"
"""In `disclosed`: this is not told."""

ALL_SCOPES = frozenset(Scope)


class Expect(StrEnum):
    """The outcomes an example can expect."""

    ALLOW = "allow"
    SIGN_IN = "sign in"
    SIGN_IN_AGAIN = "sign in again"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Who:
    """The facts a sign-in has given. A fact that is missing was asked and not given."""

    subject: str = EXAMPLE_SUBJECT
    name: str | None = None
    address: str | None = None
    birthdate: Birthdate | None = None
    gender: Gender | None = None
    acting: Acting | None = None
    """The account for which the person acts."""

    def identity(self, signed_in_at: Instant) -> Identity:
        """Return the person as a session would know her."""
        return Identity(
            EXAMPLE_CLIENT_ID,
            self.subject,
            signed_in_at,
            ALL_SCOPES,
            name=self.name,
            address=self.address,
            birthdate=self.birthdate,
            gender=self.gender,
            acting=self.acting,
        )


@dataclass(frozen=True, slots=True)
class Example:
    """One example as written."""

    title: str
    at: Instant
    method: str
    path: str
    query: str | None
    expect: Expect
    written: str = ""
    """The target as its author wrote it, for the door of an App; empty where it is only known as it is read."""
    name: str = ""
    """The condition, limit or rule after `deny`, which must be among the reasons. Empty means that no rule fits."""
    unknown: bool = False
    """Whether the condition after `deny` must be unknown, and not only fail."""
    who: Who | None = None
    """`None`: nobody is signed in."""
    signed_in_ago: float = 0.0
    """Seconds since the sign-in."""
    client: str = EXAMPLE_CLIENT
    switches: tuple[str, ...] = ()
    entries: int = 0
    """Entries of the rule's limit so far."""
    disclosed: Mapping[str, str] | None = None
    """Names and values, with `nothing` for a fact that must not be told. `{}` expects no fact at all, `None` is not
    looked at."""
    where: Where = field(default=Where(""), compare=False)

    @property
    def person(self) -> Identity | None:
        """The person who is signed in, since `signed_in_ago`; `None`: nobody is."""
        return None if self.who is None else self.who.identity(self.at - self.signed_in_ago)

    def inbound(self, paths: PathSettings = DEFAULT_PATHS) -> Inbound:
        """Return the request as the door would hand it on to an App with these settings."""
        path = fold_case(self.path) if paths.ignore_case else self.path
        return make_inbound(self.method, path, self.query, self.client)


def make_inbound(method: str, path: str, query: str | None = None, client: str = EXAMPLE_CLIENT) -> Inbound:
    """Return a request's head with nothing in it but what policies look at."""
    target = Target(path=path, raw_path=path.encode(), query=None if query is None else query.encode())
    return Inbound(method, target, "example", (), "", peer=client, client_address=client, scheme="https")
