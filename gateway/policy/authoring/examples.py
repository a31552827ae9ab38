"""Runs the examples of a policy: its author's expectations, compared with its verdicts.

An example is a whole little world: a moment, a person, an address, switches, entries of a limit
so far, and a request. The examples read no store and ask no provider. Reading them lives in `parse_examples`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy, no_rule_fits
from gateway.policy.example import EXAMPLE_CLIENT_ID, NOTHING, UNKNOWN, Example, Expect
from gateway.policy.policy import Policy
from gateway.policy.subject_code import fold_code, subject_code
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Limit, Permit, Reason, ReasonKind, Verdict
from gateway.yaml.mistakes import Language, Phrase

_PASSED = Phrase("ok", "成功")
_FAILED = Phrase("FAILED", "失敗")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one example."""

    example: Example
    verdict: Verdict
    rule: str | None
    """The rule that was *the* rule; `None`: none fits."""
    differences: tuple[tuple[str, str, str], ...] = ()
    """(what, expected, found): `verdict`, or a name under `disclosed`."""

    @property
    def passed(self) -> bool:
        """Whether the policy does what its author expects."""
        return not self.differences

    def say(self, language: Language = Language.EN) -> str:
        """Return the example's line, and for a failing one each difference."""
        mark = (_PASSED if self.passed else _FAILED).say(language)
        lines = [f"{mark}: {self.example.title}"]
        for what, expected, found in self.differences:
            if language is Language.JA:
                said = "判断" if what == "verdict" else what.replace("told ", "伝わる値 ")
                lines.append(f"  {said}: 期待 `{expected}`、実際 `{found}`")
            else:
                lines.append(f"  {what}: expected `{expected}`, found `{found}`")
        return "\n".join(lines)


def surroundings_of(policy: Policy, example: Example) -> Surroundings:
    """Return the world of one example: its switches are on, the lists as they are."""
    lists = policy.lists
    code = None if example.who is None else fold_code(example.who.subject)
    if example.who is not None and code is not None:
        # The author knows people by the codes on her list: such a subject is the person with that code.
        own = subject_code(EXAMPLE_CLIENT_ID, example.who.subject)
        lists = {key: {**entries, own: entries[code]} if code in entries else entries for key, entries in lists.items()}
    return Surroundings({name: float("inf") for name in example.switches}, lists)


def verdict_of(compiled: CompiledPolicy, example: Example) -> tuple[Verdict, str | None]:
    """Return the policy's verdict on an example's request, and the name of its rule."""
    inbound = example.inbound(compiled.paths)
    rule = compiled.fitting(inbound, example.at)
    if rule is None:
        return no_rule_fits(), None
    person = example.person
    verdict = rule.decide(inbound, person, example.at).verdict
    if isinstance(verdict, Permit) and verdict.limit is not None:
        verdict = counted(verdict, example, (verdict.limit,))
    return verdict, rule.id.rule


def counted(permit: Permit, example: Example, limits: Iterable[Limit]) -> Permit | Deny:
    """Return the permit, or the refusal by the first limit that the entries of an example have used up."""
    for limit in limits:
        if example.entries >= limit.times:
            return Deny(permit.rule, (Reason(ReasonKind.LIMIT_REACHED, limit.name, limit.if_over),))
    return permit


def run_example(policy: Policy, example: Example, compiled: CompiledPolicy | None = None) -> Outcome:
    """Judge one example and compare. `compiled` saves making the policy ready for each."""
    ready = (compiled or CompiledPolicy(policy)).within(surroundings_of(policy, example))
    return compare_outcome(example, *verdict_of(ready, example))


def compare_outcome(example: Example, verdict: Verdict, rule: str | None) -> Outcome:
    """Compare a verdict with the expectation of an example."""
    differences: list[tuple[str, str, str]] = []
    expected = f"{example.expect} {example.name}".strip() + UNKNOWN * example.unknown
    if not _as_expected(example, verdict):
        differences.append(("verdict", expected, say_verdict(verdict)))
    elif example.disclosed is not None and isinstance(verdict, Permit):
        disclosed = dict(verdict.disclosed)
        wanted = example.disclosed or dict.fromkeys(disclosed, NOTHING)
        for name, value in wanted.items():
            found = disclosed.get(name, NOTHING)
            if found != value:
                differences.append((f"told {name}", value, found))
    return Outcome(example, verdict, rule, tuple(differences))


def run_examples(policy: Policy, compiled: CompiledPolicy | None = None) -> tuple[Outcome, ...]:
    """Judge every example of a policy; `compiled`: as an App's settings have it."""
    compiled = compiled or CompiledPolicy(policy)
    return tuple(run_example(policy, example, compiled) for example in policy.examples)


def _as_expected(example: Example, verdict: Verdict) -> bool:
    match verdict:
        case Permit():
            return example.expect is Expect.ALLOW
        case Challenge(reason=ChallengeReason.TOO_LONG_AGO):
            return example.expect is Expect.SIGN_IN_AGAIN
        case Challenge():
            return example.expect is Expect.SIGN_IN
        case Deny(reasons=reasons):
            if example.expect is not Expect.DENY:
                return False
            if not example.name:
                return any(reason.kind is ReasonKind.NO_RULE for reason in reasons)
            return any(
                reason.name == example.name and (reason.kind is ReasonKind.CONDITION_UNKNOWN or not example.unknown)
                for reason in reasons
            )
        case _:
            assert_never(verdict)


def say_verdict(verdict: Verdict) -> str:
    """Return a verdict in the words of `expect`."""
    match verdict:
        case Permit():
            return Expect.ALLOW.value
        case Challenge(reason=ChallengeReason.TOO_LONG_AGO):
            return Expect.SIGN_IN_AGAIN.value
        case Challenge():
            return Expect.SIGN_IN.value
        case Deny(reasons=reasons):
            names = [
                f"{reason.name}{UNKNOWN}" if reason.kind is ReasonKind.CONDITION_UNKNOWN else reason.name
                for reason in reasons
                if reason.name
            ]
            kinds = [
                reason.kind.value for reason in reasons if not reason.name and reason.kind is not ReasonKind.NO_RULE
            ]
            return " ".join(["deny", ", ".join([*names, *kinds])]).strip()
        case _:
            assert_never(verdict)
