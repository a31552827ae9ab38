"""A policy: its rules, conditions and words. Reading one from YAML lives in `parse`, deciding in `decide`.

A policy is an ordered list of rules; the first rule whose `match` and `when` fit a
request is *the* rule, however generous a later one is. A decision is a `Verdict`, a value that its caller matches
exhaustively.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.policy.conditions import Condition, ListEntry
    from gateway.policy.example import Example
from gateway.policy.verdict import ActingFact, GivesBack, Limit, RuleId, Sign, Words

# --- what is written -----------------------------------------------------------------


class Allow(StrEnum):
    """The persons who may pass a rule without conditions."""

    EVERYONE = "everyone"
    SIGNED_IN = "signed_in"
    NOBODY = "nobody"


class Accounts(StrEnum):
    """The need of a rule for an account of the application (`apps[].accounts`)."""

    REQUIRED = "required"
    """Without a linked account nobody passes."""
    OFFERED = "offered"
    """A person is asked once, and may go on without one."""


@dataclass(frozen=True, slots=True)
class Match:
    """The requests that a rule matches; an empty part does not restrict."""

    path: tuple[str, ...] = ()
    """Patterns: `*` is one segment, `**` any number."""
    method: frozenset[str] = frozenset()
    query: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Say:
    """The page of a rule with `allow: nobody`."""

    words: Words = field(default_factory=dict)
    status: int = 403
    retry_after: int | None = None
    """Seconds."""
    until_change: bool = False
    """`retry_after: end`: until the rule's `when` changes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as written: exactly one of `allow` and `require`."""

    id: RuleId
    match: Match = Match()
    when: str | None = None
    allow: Allow | None = None
    require: tuple[str, ...] = ()
    signed_in_within: float | None = None
    """Seconds."""
    limit: Limit | None = None
    gives_back: GivesBack | None = None
    disclose: tuple[str, ...] = ()
    """Facts and names of conditions, in the order written."""
    purpose: Words = field(default_factory=dict)
    """The rule's own, or else the policy's."""
    say: Say | None = None
    keep_form: bool = False
    returns_from: tuple[str, ...] = ()
    """Origins of other sites that send a person back here by a form, as browsers write them."""
    sign: Sign | None = None
    accounts: Accounts | None = None
    """The application is told for which of its accounts the person acts."""
    audit: bool = False
    weaker_than: Mapping[str, str] = field(default_factory=dict)
    """Stricter rules by name, with the reason why other spellings of their pages may reach this one."""
    line: int = field(default=0, compare=False)

    @property
    def told(self) -> tuple[str, ...]:
        """Everything that the rule can tell the application: its disclosures, and those about an account."""
        return self.disclose if self.accounts is None else (*self.disclose, *(fact.value for fact in ActingFact))

    @property
    def name(self) -> str:
        """The rule's name in its policy."""
        return self.id.rule


def entry_fields(rules: Iterable[Rule]) -> frozenset[bytes]:
    """Return the answer fields in which an application speaks of entries, by these rules."""
    fields = {rule.limit.header for rule in rules if rule.limit is not None}
    fields |= {rule.gives_back.header for rule in rules if rule.gives_back is not None}
    return frozenset(name.encode() for name in fields if name)


REMEMBERED = 256 * 1024
"""Bytes of a file up to which its text is remembered, to be compared with what it becomes."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a policy, as it was read."""

    digest: str
    """Names what it holds: 64 hexadecimal digits."""
    text: bytes | None
    """The whole content, if it is not too long."""
    ends: bool
    """Whether its last line has an end."""
    place: str = ""
    """The file itself, without links, however the settings spell it."""

    @classmethod
    def of(cls, text: bytes, place: str = "") -> Source:
        """Return the remembered values of a file."""
        return cls(sha256(text).hexdigest(), text if len(text) <= REMEMBERED else None, text.endswith(b"\n"), place)


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy as written, every name in it resolved and checked by `parse`."""

    name: str
    rules: tuple[Rule, ...]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    title: Words = field(default_factory=dict)
    purpose: Words = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    version: str = ""
    """A hash of every file it was read from: 16 hexadecimal digits."""
    sources: tuple[Path, ...] = ()
    """Every file it was read from, `use` and subject lists included: what to watch."""
    lists: Mapping[str, Mapping[str, ListEntry]] = field(default_factory=dict)
    """The subject lists as they were when it was read."""
    read: Mapping[Path, Source] = field(default_factory=dict, repr=False, compare=False)
    """The content of each of these files."""
