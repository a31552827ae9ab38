"""What a policy is and what it can say. Reading one from YAML lives in `parse`, deciding in `decide`.

A policy is an ordered list of rules; the first rule whose `match` and `when` fit a
request is *the* rule, however generous a later one is. What it says is a `Verdict`:
a value, matched exhaustively by whoever acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.identity import Identity, Scope


class Fact(StrEnum):
    """What `disclose` can name beside conditions. Headers and the assertion use these words."""

    SUBJECT = "subject"
    NAME = "name"
    ADDRESS = "address"
    BIRTHDATE = "birthdate"
    GENDER = "gender"
    PREFECTURE = "prefecture"
    MUNICIPALITY = "municipality"
    MUNICIPALITY_CODE = "municipality_code"
    TOWN = "town"
    AGE = "age"
    SIGNED_IN_AT = "signed_in_at"


class Truth(StrEnum):
    """What a condition says. `not` keeps unknown; `all` and `any` follow Kleene; only yes passes."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class ChallengeReason(StrEnum):
    """Why a person is asked to sign in."""

    SIGN_IN = "sign_in"
    MORE_FACTS = "more_facts"
    TOO_LONG_AGO = "too_long_ago"


Words = Mapping[str, str]
"""The same sentence in languages: `{"ja": …, "en": …}`, `ja` always there where a person reads it."""


@dataclass(frozen=True, slots=True)
class RuleId:
    """Names a rule in logs, metrics, the assertion and the audit: no personal data in it."""

    policy: str
    rule: str

    def __str__(self) -> str:
        return f"{self.policy}/{self.rule}"


@dataclass(frozen=True, slots=True)
class Permit:
    """The request may go on. Only `decide` makes one, and nothing is forwarded without one."""

    rule: RuleId
    identity: Identity | None
    told: tuple[tuple[str, str], ...] = ()
    """What the application learns: (fact or condition name, value as text), in `disclose`'s order.

    Values are plain text (`name`: U+3000 kept; `birthdate`: `YYYY-MM-DD`; a condition: `yes` or
    `no`); what is unknown is not in it. `headers/encode.py` gives them their form on the wire.
    """


@dataclass(frozen=True, slots=True)
class Challenge:
    """The person must sign in, again, or for more facts: one card reading for all the rule can need."""

    rule: RuleId
    reason: ChallengeReason
    scopes: frozenset[Scope]
    """All that must be asked now, `openid` included."""
    purpose: Words = field(default_factory=dict)
    """Why the 4情報 are asked; the notice shows it. Empty where only `openid` is asked."""
    fresh_within: float | None = None
    """Seconds of `signed_in_within`, where the sign-in must be that recent."""
    keep_form: bool = False

    @property
    def needs_notice(self) -> bool:
        """Whether any of the 4情報 is asked, so that our page must say so first."""
        return bool(self.scopes - {Scope.OPENID})


@dataclass(frozen=True, slots=True)
class Deny:
    """The request may not go on, and why, in names a person and a counter can read."""

    rule: RuleId | None
    """`None`: no rule fits."""
    reasons: tuple[Reason, ...]
    status: int = 403
    """403, or what the rule's `say` states."""
    retry_after: int | None = None
    """Seconds, where the rule's `say` gives one."""


class ReasonKind(StrEnum):
    """The closed list of why not. Label of metrics and audit lines."""

    NO_RULE = "no_rule"
    NOBODY_ALLOWED = "nobody_allowed"
    CONDITION_NO = "condition_no"
    CONDITION_UNKNOWN = "condition_unknown"
    LIMIT_REACHED = "limit_reached"
    AMBIGUOUS_QUERY = "ambiguous_query"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a refusal."""

    kind: ReasonKind
    name: str = ""
    """The condition, limit or rule it is about; empty where no rule fits."""
    sentence: Words = field(default_factory=dict)
    """`if_not`, `if_over` or `say`: what the refused person reads; may be empty."""


Verdict = Permit | Challenge | Deny
