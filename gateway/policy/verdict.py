"""The verdicts of a policy on one request: permit, challenge or deny, each with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from gateway.identity import Acting, Identity, Scope


class Fact(StrEnum):
    """Facts that `disclose` can name beside conditions. Headers and the assertion use these words."""

    SUBJECT = "subject"
    NAME = "name"
    ADDRESS = "address"
    BIRTHDATE = "birthdate"
    GENDER = "gender"
    PREFECTURE = "prefecture"
    MUNICIPALITY = "municipality"
    MUNICIPALITY_CODE = "municipality_code"
    TOWN = "town"
    TOWN_CANONICAL = "town_canonical"
    AGE = "age"
    SIGNED_IN_AT = "signed_in_at"


class Truth(StrEnum):
    """A condition's answer. `not` keeps unknown; `all` and `any` follow Kleene; only yes passes."""

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


class Permit(msgspec.Struct, frozen=True, gc=False):
    """The request may go on. Only `decide` makes one, and nothing is forwarded without one."""

    rule: RuleId
    identity: Identity | None
    disclosed: tuple[tuple[str, str], ...] = ()
    """The facts for the application: (fact or condition name, value as text), in `disclose`'s order.

    Values are plain text: a name keeps its U+3000, a birthdate is `YYYY-MM-DD`, a condition is `yes` or `no`. An
    unknown value is not in it. `headers/encode.py` gives them their form on the wire.
    """
    limit: Limit | None = None
    """An entry of this limit must be reserved before the request goes on, and settled at the answer's head."""
    audit: bool = False
    """The rule wants every permit of its own in the audit log."""
    shared: bool = False
    """Everybody who asks for the same method, path and query hears the same at any time: no person, address, clock,
    switch or list was looked at, by this rule or by an earlier one that did not fit. Any other answer is `private`."""
    acting: Acting | None = None
    """The account for which the person acts, where the rule has the application told."""
    also: tuple[Limit, ...] = ()
    """Other rules' limits, which count as well: where a request is judged by several rules (`both_rules`)."""
    gives_back: GivesBack | None = None
    """The answer that gives an entry back to this person, if the rule names one."""


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
    returns_from: tuple[str, ...] = ()
    """The origins of other sites whose forms come back here: their bodies wait for a press on our page."""
    signs: bool = False
    """The form is signed before it goes on, so a signed one may wait for this sign-in."""

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
    """403, or the status of the rule's `say`."""
    retry_after: int | None = None
    """Seconds, if the rule's `say` gives them."""
    until: float | None = None
    """The planned moment of the rule's end, if `say` asks for it."""

    @property
    def words(self) -> str:
        """Every reason as the access line and the audit say it: `condition_no:adult,condition_unknown:resident`."""
        return ",".join(reason.word for reason in self.reasons)


class ReasonKind(StrEnum):
    """The closed list of why not. Label of metrics and audit lines."""

    NO_RULE = "no_rule"
    NOBODY_ALLOWED = "nobody_allowed"
    CONDITION_NO = "condition_no"
    CONDITION_UNKNOWN = "condition_unknown"
    LIMIT_REACHED = "limit_reached"
    AMBIGUOUS_QUERY = "ambiguous_query"
    METHOD_OVERRIDE = "method_override"
    """The request asks to be taken for one of another method, by a field or a parameter of its query."""
    REFERENCE = "reference"
    """A further URL in its fields (`Destination`, `If`) cannot be read, is missing, or is not of the same App."""
    AMBIGUOUS_PATH = "ambiguous_path"
    """Some server takes the path for a page of another rule, and only the application knows how it reads it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a refusal."""

    kind: ReasonKind
    name: str = ""
    """The condition, limit or rule it is about; empty where no rule fits."""
    sentence: Words = field(default_factory=dict)
    """`if_not`, `if_over` or `say`: what the refused person reads; may be empty."""

    @property
    def word(self) -> str:
        """Kind and name: `condition_no:adult`; a comma in a name would look like another reason."""
        return f"{self.kind.value}:{self.name.replace(',', ' ')}" if self.name else self.kind.value


Verdict = Permit | Challenge | Deny


class Once(StrEnum):
    """The time in which a limit counts; days, months and years are those of Asia/Tokyo."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    FISCAL_YEAR = "fiscal_year"
    EVER = "ever"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many times for one sign-in identity (the PPID of a client), which is not the same as for one human."""

    name: str
    once: Once
    statuses: frozenset[int]
    """`counted_when`: the answer's status is one of these …"""
    location: str | None = None
    """… and, where this is given, its `Location` leads to this path."""
    times: int = 1
    if_over: Words = field(default_factory=dict)
    header: str = ""
    """The answer's field in which the application names the entry, in lower case; empty: its entries have no names."""


@dataclass(frozen=True, slots=True)
class GivesBack:
    """An answer of the application that says that the person's entry of a limit was cancelled.

    The answer has every part that is given, and one of `statuses` and `header` is.
    """

    limit: Limit
    statuses: frozenset[int] = frozenset()
    location: str | None = None
    header: str = ""
    """A field of the answer, in lower case; it names the entry where the limit's entries have names."""


@dataclass(frozen=True, slots=True)
class Sign:
    """The person signs the posted form with the card's signing certificate before the application gets it."""

    title: Words
    """The document's title; the signed text has the Japanese one."""
    digest_info: bool = False
    """Whether the provider is given the hash as DigestInfo (RFC 8017)."""


class SignedFact(StrEnum):
    """The facts about its signature that a signed form brings to the application, each in a header of its own."""

    ID = "signature_id"
    AT = "signature_at"
    HASH = "signature_hash"
    VALIDITY = "signature_validity"
    SAME_PERSON = "signature_same_person"


class ActingFact(StrEnum):
    """The facts about her account that stand beside a person's own, each in a header of its own."""

    FOR = "acting_for"
    ROLE = "acting_role"


def header_word(name: str) -> str:
    """Return a disclosed name as headers spell it; two names that fold alike cannot both be disclosed."""
    return name.replace("_", "-").lower()


FACT_SCOPES: Mapping[Fact, frozenset[Scope]] = {
    Fact.SUBJECT: frozenset(),
    Fact.NAME: frozenset({Scope.NAME}),
    Fact.ADDRESS: frozenset({Scope.ADDRESS}),
    Fact.BIRTHDATE: frozenset({Scope.BIRTHDATE}),
    Fact.GENDER: frozenset({Scope.GENDER}),
    Fact.PREFECTURE: frozenset({Scope.ADDRESS}),
    Fact.MUNICIPALITY: frozenset({Scope.ADDRESS}),
    Fact.MUNICIPALITY_CODE: frozenset({Scope.ADDRESS}),
    Fact.TOWN: frozenset({Scope.ADDRESS}),
    Fact.TOWN_CANONICAL: frozenset({Scope.ADDRESS}),
    Fact.AGE: frozenset({Scope.BIRTHDATE}),
    Fact.SIGNED_IN_AT: frozenset(),
}
"""The scope that a fact needs, beside `openid`."""
