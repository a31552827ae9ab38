"""Shows what the examples of a policy try: each rule and each condition, with both of its outcomes.

A rule that asks for conditions should be seen to permit and to refuse; a condition to say yes and no. A rule for
everybody only permits, and one for nobody only refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.policy.authoring.examples import Outcome, surroundings_of
from gateway.policy.conditions import AllOf, AnyOf, Context, Not
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import Example
from gateway.policy.matching import matches
from gateway.policy.policy import Allow, Policy, Rule
from gateway.policy.verdict import Challenge, Deny, Permit, Truth
from gateway.yaml.mistakes import Language, Phrase


class Point(StrEnum):
    """One outcome of a rule or of a condition."""

    PERMITS = "permits"
    REFUSES = "refuses"
    ASKS = "asks"
    """The person is asked to sign in, again, or for more facts."""
    YES = "yes"
    NO = "no"


_WORDS = {
    Point.PERMITS: Phrase("permits", "通る"),
    Point.REFUSES: Phrase("refuses", "断る"),
    Point.ASKS: Phrase("asks to sign in", "ログインを求める"),
    Point.YES: Phrase("yes", "はい"),
    Point.NO: Phrase("no", "いいえ"),
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One outcome, and the titles of the examples that reach it."""

    is_rule: bool
    name: str
    point: Point
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Everything that examples can reach."""

    tried: tuple[Tried, ...]

    @property
    def reached(self) -> int:
        """How many of the outcomes some example reaches."""
        return sum(bool(each.examples) for each in self.tried)

    @property
    def percent(self) -> int:
        """The part of the outcomes that is reached, rounded down."""
        return 100 * self.reached // len(self.tried) if self.tried else 100


def coverage(policy: Policy, outcomes: Iterable[Outcome], compiled: CompiledPolicy) -> Coverage:
    """Return what the examples reach. One that fails proves nothing, and reaches nothing."""
    found: dict[tuple[bool, str, Point], list[str]] = {}
    for rule in policy.rules:
        found.update({(True, rule.name, point): [] for point in _points(rule)})
    for name in policy.conditions:
        if name in _used(policy):
            found.update({(False, name, point): [] for point in (Point.YES, Point.NO)})
    for outcome in outcomes:
        if not outcome.passed:
            continue
        title = outcome.example.title
        for key in _reached(policy, outcome, compiled):
            if key in found and title not in found[key]:
                found[key].append(title)
    return Coverage(tuple(Tried(*key, tuple(titles)) for key, titles in found.items()))


def _points(rule: Rule) -> tuple[Point, ...]:
    match rule.allow:
        case Allow.NOBODY:
            return (Point.REFUSES,)
        case Allow.EVERYONE:
            return (Point.PERMITS, Point.REFUSES) if rule.limit else (Point.PERMITS,)
        case Allow.SIGNED_IN:
            return (Point.PERMITS, Point.ASKS, Point.REFUSES) if rule.limit else (Point.PERMITS, Point.ASKS)
        case _:
            return (Point.PERMITS, Point.REFUSES)


def _named(rule: Rule) -> tuple[str, ...]:
    return (*rule.require, *rule.disclose, *([rule.when] if rule.when else ()))


def _with_parts(policy: Policy, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        condition = policy.conditions.get(name)
        if condition is None:
            continue
        yield name
        match condition.test:
            case AnyOf(names=parts) | AllOf(names=parts):
                yield from _with_parts(policy, parts)
            case Not(name=part):
                yield from _with_parts(policy, (part,))
            case _:
                pass


def _used(policy: Policy) -> frozenset[str]:
    return frozenset(name for rule in policy.rules for name in _with_parts(policy, _named(rule)))


def _reached(policy: Policy, outcome: Outcome, compiled: CompiledPolicy) -> Iterator[tuple[bool, str, Point]]:
    example = outcome.example
    rule = next((each for each in policy.rules if each.name == outcome.rule), None)
    if rule is not None:
        match outcome.verdict:
            case Permit():
                yield True, rule.name, Point.PERMITS
            case Challenge():
                yield True, rule.name, Point.ASKS
            case Deny():
                yield True, rule.name, Point.REFUSES
    snapshot = compiled.within(surroundings_of(policy, example))
    inbound = example.inbound(snapshot.paths)
    person = example.person
    now = Context(person, example.at, inbound.seen_from, snapshot.surroundings)
    # The conditions of `when` are asked of each rule up to the one that decides.
    asked = [*(() if rule is None else _named(rule)), *_whens(policy, rule, example)]
    for name in _with_parts(policy, asked):
        truth = policy.conditions[name].test.ask(now).truth
        if truth is not Truth.UNKNOWN:
            yield False, name, Point.YES if truth is Truth.YES else Point.NO


def _whens(policy: Policy, decided: Rule | None, example: Example) -> Iterator[str]:
    for rule in policy.rules:
        fits = not rule.match.path or any(matches(pattern, example.path) for pattern in rule.match.path)
        if rule.when is not None and fits and (not rule.match.method or example.method in rule.match.method):
            yield rule.when
        if rule is decided:
            return


def say_coverage(found: Coverage, language: Language) -> str:
    """Return a line for each outcome: how many examples reach it, and the first of them."""
    ja = language is Language.JA
    total = len(found.tried)
    lines = [
        f"例が試したこと: {found.reached} / {total}（{found.percent}%）"
        if ja
        else f"tried by examples: {found.reached} of {total} ({found.percent}%)"
    ]
    for each in found.tried:
        kind = Phrase("rule", "規則") if each.is_rule else Phrase("condition", "条件")
        point = _WORDS[each.point].say(language)
        more = len(each.examples) - 1
        if not each.examples:
            by = "例がない" if ja else "no example"
        elif ja:
            by = f"「{each.examples[0]}」" + (f" ほか {more} 件" if more else "")
        else:
            by = f"“{each.examples[0]}”" + (f" and {more} more" if more else "")
        mark = "+" if each.examples else "-"
        colon = "：" if ja else ": "
        lines.append(f"  {mark} {kind.say(language)} {each.name} / {point}{colon}{by}")
    return "\n".join(lines)
