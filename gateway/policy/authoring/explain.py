"""Explains a policy's verdict on one request and one person: rule by rule, condition by condition.

It judges by the very objects the gateway judges by; what it adds is the way there. If the request leaves something open
(no address, no moment), a rule *cannot be told*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.identity import Identity, Scope
from gateway.instant import Instant
from gateway.policy.authoring.examples import say_verdict
from gateway.policy.authoring.unknown import why_unknown
from gateway.policy.authoring.words import say_gives_back, say_limit, say_scopes, say_test, say_words
from gateway.policy.conditions import AllOf, AnyOf, Context, Not, Surroundings, Test
from gateway.policy.decide import CompiledPolicy, Undecidable, no_rule_fits
from gateway.policy.matching import AmbiguousQuery, matches, named_values
from gateway.policy.policy import Accounts, Policy, Rule
from gateway.policy.verdict import Challenge, Deny, Permit, Sign, Truth, Verdict
from gateway.request.inbound import Inbound
from gateway.yaml.mistakes import Language, Phrase


class Fit(StrEnum):
    """The relation of a rule to a request."""

    FITS = "fits"
    DOES_NOT = "does_not"
    CANNOT_BE_TOLD = "cannot_be_told"
    NOT_ASKED = "not_asked"
    """It would fit, and an earlier one did."""


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule on the way."""

    name: str
    fit: Fit
    because: Phrase


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One condition of the rule, and what it is made of."""

    name: str
    truth: Truth
    test: Test
    depth: int = 0
    because: Phrase | None = None
    """Why it is unknown; none if it is not, or if the parts below say it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole way to a verdict."""

    rules: tuple[RuleTrace, ...]
    conditions: tuple[ConditionTrace, ...]
    verdict: Verdict
    valid_until: Instant
    sign: Sign | None = None
    """The document to be signed before the form goes on."""
    account: Phrase | None = None
    """The part of an account in it, where the rule looks for one and does not refuse."""

    @property
    def rule(self) -> str | None:
        """The rule that is *the* rule."""
        return next((trace.name for trace in self.rules if trace.fit is Fit.FITS), None)

    @property
    def asked(self) -> frozenset[Scope]:
        """The scopes that the provider would be asked for."""
        return self.verdict.scopes if isinstance(self.verdict, Challenge) else frozenset()

    @property
    def disclosed(self) -> tuple[tuple[str, str], ...]:
        """The facts that the application would get."""
        return self.verdict.disclosed if isinstance(self.verdict, Permit) else ()


def explain(policy: CompiledPolicy, inbound: Inbound, person: Identity | None, now: Instant) -> Explanation:
    """Judge one request of one person, and explain each step."""
    rules = tuple(_rules(policy.policy, inbound, now, policy.surroundings))
    rule = policy.fitting(inbound, now)
    if isinstance(rule, Undecidable):
        rules = _in_doubt(rules, rule, policy.other_reading(inbound, now))
    if rule is None:
        return Explanation(rules, (), no_rule_fits(), now)
    verdict, until = rule.decide(inbound, person, now)
    at = Context(person, now, inbound.seen_from, policy.surroundings)
    traces = [trace for name in rule.rule.require for trace in _conditions(policy.policy, name, at, 0)]
    account = None if isinstance(verdict, Deny) else _account(rule.rule, person)
    return Explanation(rules, tuple(traces), verdict, until, rule.sign, account)


def _account(rule: Rule, person: Identity | None) -> Phrase | None:
    """Say what the gateway does about an account of the application, before the request goes on."""
    if rule.accounts is None:
        return None
    acting = None if person is None else person.acting
    if acting is not None:
        name = acting.account
        return Phrase(f"the person acts for `{name}`", f"アカウント「{name}」として利用する")
    if rule.accounts is Accounts.REQUIRED:
        return Phrase(
            "needed: a person without one is asked to link it, and does not pass before",
            "必要。連携していない方には連携の画面を示し、それまで通さない",
        )
    return Phrase(
        "offered: a person without one is asked once, and may go on",
        "任意。連携していない方には一度だけ尋ね、先へ進める",
    )


def _in_doubt(rules: tuple[RuleTrace, ...], stands: Undecidable, reading: str | None) -> tuple[RuleTrace, ...]:
    """Say why the rule that would be the rule is not: the application may read the request as another rule's."""
    place = next(place for place, trace in enumerate(rules) if trace.name == stands.id.rule)
    if rules[place].fit is Fit.CANNOT_BE_TOLD:
        return rules
    because = (
        Phrase("the value of a parameter can be read in two ways", "パラメータの値は二通りに読める")
        if reading is None
        else Phrase(
            f"the application may read the path as `{reading}`, which is another rule's",
            f"アプリケーションがパスを `{reading}` と読むことがあり、それは別の規則に当たる",
        )
    )
    behind = Phrase("an earlier rule has decided", "先の規則が使われるため、見ない")
    return (
        *rules[:place],
        RuleTrace(rules[place].name, Fit.CANNOT_BE_TOLD, because),
        *(
            RuleTrace(trace.name, Fit.NOT_ASKED, behind) if trace.fit is Fit.FITS else trace
            for trace in rules[place + 1 :]
        ),
    )


def _rules(policy: Policy, inbound: Inbound, now: Instant, surroundings: Surroundings) -> Iterator[RuleTrace]:
    at = Context(None, now, inbound.seen_from, surroundings)
    found = False
    ambiguous = _ambiguous(policy, inbound)
    for rule in policy.rules:
        fit, because = _fit(rule, policy, inbound, at)
        if ambiguous is not None and rule is ambiguous[0]:
            fit, because = Fit.CANNOT_BE_TOLD, ambiguous[1]
        if found and fit is not Fit.DOES_NOT:
            fit = Fit.NOT_ASKED
            because = Phrase("an earlier rule has decided", "先の規則が使われるため、見ない")
        found = found or fit in (Fit.FITS, Fit.CANNOT_BE_TOLD)
        yield RuleTrace(rule.name, fit, because)


def _takes_path(rule: Rule, inbound: Inbound) -> bool:
    match = rule.match
    return (not match.method or inbound.method in match.method) and (
        not match.path or any(matches(pattern, inbound.target.path) for pattern in match.path)
    )


def _ambiguous(policy: Policy, inbound: Inbound) -> tuple[Rule, Phrase] | None:
    """Return the first rule that a request with an ambiguous parameter could match.

    Every rule counts that is looked at for such a request, up to the first that looks at its path and method alone.
    """
    looked_at: list[Rule] = []
    for rule in policy.rules:
        if _takes_path(rule, inbound):
            if rule.when is None and not rule.match.query:
                break
            looked_at.append(rule)
    try:
        named_values(inbound.target.query, [name for rule in looked_at for name in rule.match.query])
    except AmbiguousQuery as name:
        what = Phrase(f"the parameter `{name}` can be read in two ways", f"パラメータ `{name}` は二通りに読める")
        return looked_at[0], what
    return None


def _fit(rule: Rule, policy: Policy, inbound: Inbound, at: Context) -> tuple[Fit, Phrase]:
    match = rule.match
    path = inbound.target.path
    if match.path and not any(matches(pattern, path) for pattern in match.path):
        return Fit.DOES_NOT, Phrase("the path is different", "パスが違う")
    if match.method and inbound.method not in match.method:
        return Fit.DOES_NOT, Phrase("the method is different", "メソッドが違う")
    if match.query:
        try:
            values = named_values(inbound.target.query, match.query)
        except AmbiguousQuery:
            values = {}
        for name, allowed in match.query.items():
            if values.get(name) not in allowed:
                return Fit.DOES_NOT, Phrase(f"the parameter `{name}` is another", f"パラメータ `{name}` が違う")
    if rule.when is not None:
        truth = policy.conditions[rule.when].test.ask(at).truth
        if truth is Truth.UNKNOWN:
            return Fit.CANNOT_BE_TOLD, Phrase(f"it is unknown whether `{rule.when}`", f"「{rule.when}」が分からない")
        if truth is Truth.NO:
            return Fit.DOES_NOT, Phrase(f"`{rule.when}` does not hold", f"「{rule.when}」ではない")
    return Fit.FITS, Phrase("path, method and all else fit", "パスなど、すべて当てはまる")


def _conditions(policy: Policy, name: str, at: Context, depth: int) -> Iterator[ConditionTrace]:
    condition = policy.conditions[name]
    truth = condition.test.ask(at).truth
    yield ConditionTrace(name, truth, condition.test, depth, why_unknown(condition.test, at))
    match condition.test:
        case AnyOf(names=names) | AllOf(names=names):
            for inner in names:
                yield from _conditions(policy, inner, at, depth + 1)
        case Not(name=inner):
            yield from _conditions(policy, inner, at, depth + 1)
        case _:
            pass


_FITS = {
    Fit.FITS: Phrase("fits", "当てはまる"),
    Fit.DOES_NOT: Phrase("does not fit", "当てはまらない"),
    Fit.CANNOT_BE_TOLD: Phrase("is unknown", "判断できない"),
    Fit.NOT_ASKED: Phrase("not asked", "見ない"),
}
_TRUTHS = {
    Truth.YES: Phrase("yes", "はい"),
    Truth.NO: Phrase("no", "いいえ"),
    Truth.UNKNOWN: Phrase("unknown", "不明"),
}


def _say_truth(trace: ConditionTrace, language: Language) -> str:
    """Return the answer of a condition, and for unknown its reason."""
    said = _TRUTHS[trace.truth].say(language)
    if trace.because is None:
        return said
    return f"{said}：{trace.because.say(language)}" if language is Language.JA else f"{said}: {trace.because.en}"


def _say_asked(trace: ConditionTrace, language: Language) -> str:
    """Return the question that the answer answers: a no to 市民である must not read as a yes."""
    asked = say_test(trace.test, language)
    return f"（問い：{asked}か）" if language is Language.JA else f" (asked: {asked})"


def say_explanation(explanation: Explanation, language: Language) -> str:
    """Return the way to a verdict as text."""
    ja = language is Language.JA
    lines = ["規則" if ja else "rules"]
    lines += [
        f"  {number}. {trace.name}: {_FITS[trace.fit].say(language)} ({trace.because.say(language)})"
        for number, trace in enumerate(explanation.rules, 1)
    ]
    if explanation.conditions:
        lines.append("条件" if ja else "conditions")
        lines += [
            f"  {'  ' * trace.depth}{trace.name}: {_say_truth(trace, language)}{_say_asked(trace, language)}"
            for trace in explanation.conditions
        ]
    lines.append(f"{'判断' if ja else 'verdict'}: {say_verdict(explanation.verdict)}")
    if isinstance(explanation.verdict, Deny):
        sentences = [
            reason.sentence.get(language.value) or reason.sentence.get("ja", "")
            for reason in explanation.verdict.reasons
        ]
        lines += [f"  「{sentence}」" if ja else f"  “{sentence}”" for sentence in sentences if sentence]
    if explanation.asked:
        lines.append(f"{'求める項目' if ja else 'asked of the card'}: {say_scopes(explanation.asked, language)}")
    if isinstance(explanation.verdict, Challenge) and explanation.verdict.returns_from:
        sites = ", ".join(explanation.verdict.returns_from)
        lines.append(
            f"{sites} から戻るフォームは、ボタンを押すと送られる"
            if ja
            else f"a form that comes back from {sites} is sent by a press"
        )
    if explanation.account is not None:
        lines.append(f"{'アカウント' if ja else 'account'}: {explanation.account.say(language)}")
    if explanation.sign is not None and not isinstance(explanation.verdict, Deny):
        title = say_words(explanation.sign.title, language)
        lines.append(
            f"フォームは「{title}」として電子署名されてから送られる（プレビュー機能）"
            if ja
            else f"the form is signed as “{title}” before it is sent (preview)"
        )
    if isinstance(explanation.verdict, Permit):
        if explanation.verdict.limit is not None:
            said = say_limit(explanation.verdict.limit, language)
            lines.append(f"回数: {said}" if ja else f"counted: {said}")
        if explanation.verdict.gives_back is not None:
            said = say_gives_back(explanation.verdict.gives_back, language)
            lines.append(f"取消: {said}" if ja else f"given back: {said}")
        lines.append("アプリケーションに伝わること" if ja else "told to the application")
        lines += [f"  {name}: {value}" for name, value in explanation.disclosed] or [f"  {'なし' if ja else 'nothing'}"]
    return "\n".join(lines)


def as_values(explanation: Explanation) -> dict[str, Any]:
    """Return the way to a verdict as plain values, for JSON. Words in it are English keys, not sentences."""
    verdict = explanation.verdict
    found: dict[str, Any] = {
        "rule": explanation.rule,
        "verdict": say_verdict(verdict).split(" ")[0] if isinstance(verdict, Deny) else say_verdict(verdict),
        "reasons": [],
        "asked": sorted(explanation.asked),
        "told": dict(explanation.disclosed),
        "rules": [
            {"name": trace.name, "fit": trace.fit.value, "because": trace.because.en} for trace in explanation.rules
        ],
        "account": None if explanation.account is None else explanation.account.en,
        "signs": None if explanation.sign is None else dict(explanation.sign.title),
        "conditions": [
            {
                "name": trace.name,
                "says": trace.truth.value,
                "depth": trace.depth,
                "because": None if trace.because is None else trace.because.en,
            }
            for trace in explanation.conditions
        ],
    }
    if isinstance(verdict, Deny):
        found["reasons"] = [
            {"kind": reason.kind.value, "name": reason.name, "sentence": dict(reason.sentence)}
            for reason in verdict.reasons
        ]
        found["status"] = verdict.status
    return found
