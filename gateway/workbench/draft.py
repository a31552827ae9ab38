"""A draft of a policy and all that its author is told about it, as values that go between two processes.

`analysis` makes the answer in a process of its own (`asyncio_analyst` starts it, `system_analyst` is it).
"""

from __future__ import annotations

import msgspec

LONGEST_TEXT = 128 * 1024
"""Bytes of a draft: the longest policy of an office so far has a tenth of it."""

MOST_FINDINGS = 200
"""Mistakes and remarks that are shown; a reader mends the first ones first."""


class WhatIf(msgspec.Struct, frozen=True):
    """A question: a request, a person and a moment, as typed. An empty text was not typed."""

    request: str = ""
    at: str = ""
    nobody: bool = False
    """Nobody has signed in. Otherwise a fact that is empty was asked for and not given."""
    birthdate: str = ""
    address: str = ""
    gender: str = ""
    name: str = ""
    subject: str = ""
    signed_in: str = ""
    client: str = ""
    entries: str = ""
    switches: tuple[str, ...] = ()


class Draft(msgspec.Struct, frozen=True):
    """A text, the place where its files are looked for, and what its author asks."""

    text: str
    """As a save would write it, with the line ends of its file: the version is that of the bytes."""
    file: str
    """Its name in messages, relative to `folder`."""
    folder: str
    """The folder of the files that it uses; nothing outside of it is read."""
    language: str
    now: float
    in_folder: bool = True
    """Whether every file of `folder` may be used; otherwise only those that the policy in force reads."""
    in_force: str = ""
    """The path of the policy with which it is compared; empty if there is none."""
    what_if: WhatIf | None = None


class Finding(msgspec.Struct, frozen=True):
    """A mistake or a remark at a line."""

    line: int
    """From 1; 0 is the whole file."""
    column: int
    text: str
    mistake: bool
    """Whether the gateway would refuse the file; a remark is advice."""
    file: str = ""
    """The other file in which it is; empty for the draft itself."""


class ExampleResult(msgspec.Struct, frozen=True):
    """One example of the draft, and whether the draft does what it expects."""

    line: int
    title: str
    passed: bool
    differences: tuple[str, ...] = ()


class PassingDates(msgspec.Struct, frozen=True):
    """Birthdates in a row that pass; a day that is empty is open."""

    first: str
    last: str
    oldest: int | None
    youngest: int | None


class AgeRows(msgspec.Struct, frozen=True):
    """A condition that tests an age."""

    name: str
    words: str
    day: str
    rows: tuple[PassingDates, ...]


class RuleStep(msgspec.Struct, frozen=True):
    """A rule on the way to a verdict."""

    name: str
    fit: str
    because: str


class ConditionStep(msgspec.Struct, frozen=True):
    """A condition of the deciding rule."""

    name: str
    says: str
    depth: int
    words: str


class Judged(msgspec.Struct, frozen=True):
    """The answer to a question."""

    verdict: str
    """`allow`, `sign_in`, `sign_in_again` or `deny`."""
    rule: str
    reasons: tuple[str, ...]
    sentences: tuple[str, ...]
    """The sentences that a refused person reads."""
    asked: str
    """The items that the provider is asked for, in words; empty where it is not asked."""
    told: tuple[tuple[str, str], ...]
    rules: tuple[RuleStep, ...]
    conditions: tuple[ConditionStep, ...]
    as_example: str
    """The same question as an example for the file."""


class DiffLine(msgspec.Struct, frozen=True):
    """One line of a comparison."""

    kind: str
    """`same`, `gone`, `new`, or `gap` for lines that are left out."""
    before: int
    after: int
    text: str


class Changed(msgspec.Struct, frozen=True):
    """An example of either policy on which the two decide otherwise."""

    title: str
    before: str
    after: str
    more: bool
    """Whether the draft permits it and the policy in force does not."""


class EffectRow(msgspec.Struct, frozen=True):
    """An effect of the draft on people, with one of them."""

    kind: str
    head: str
    sides: str
    witness: str
    more: bool
    """Whether a request is newly permitted, or something is newly told."""


class Compared(msgspec.Struct, frozen=True):
    """The draft beside the policy in force."""

    lines: tuple[DiffLine, ...]
    changed: tuple[Changed, ...]
    asked: int
    """The number of examples that both were asked."""
    in_force_version: str = ""
    """Empty where the policy in force cannot be read."""
    effects: tuple[EffectRow, ...] = ()
    more_effects: int = 0
    """Effects that are not shown."""
    permits_more: bool = False
    """Whether anything is newly permitted or told, among the effects or the examples."""
    tried: int = 0
    """Requests of people that both policies were asked about."""
    not_all: int = 0
    """Requests for which not every kind of person and moment was tried."""


class Analysis(msgspec.Struct, frozen=True):
    """All that an author is told about a draft."""

    findings: tuple[Finding, ...] = ()
    more_findings: int = 0
    """Findings that are not shown."""
    policy: str = ""
    """The policy's name; empty where the draft cannot be read."""
    version: str = ""
    rules: int = 0
    examples: tuple[ExampleResult, ...] = ()
    ages: tuple[AgeRows, ...] = ()
    words: str = ""
    data_head: tuple[str, ...] = ()
    data: tuple[tuple[str, ...], ...] = ()
    what_if_mistakes: tuple[str, ...] = ()
    judged: Judged | None = None
    compared: Compared | None = None
    names: tuple[str, ...] = ()
    """The conditions of the draft, for completion."""
    switches: tuple[str, ...] = ()
    """The switches at which it looks."""

    @property
    def good(self) -> bool:
        """Whether the gateway would take the draft."""
        return bool(self.policy)


class NotAnalysed(msgspec.Struct, frozen=True):
    """The draft was not analysed, and why."""

    why: str
    """`slow`, `busy`, `older` (a later edit came) or `broken`."""
