"""Tells an author everything about a draft: mistakes, remarks, examples, ages, words, an answer, a comparison.

The draft is read, compiled and judged by the objects by which the gateway reads, compiles and judges. Nothing here
decides about a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import assert_never

from gateway.instant import tokyo_day
from gateway.plain_text import printable
from gateway.policy.authoring.birthdates import age_tables
from gateway.policy.authoring.check import remarks
from gateway.policy.authoring.effect import EffectKind, compare
from gateway.policy.authoring.effect_words import effect_rows
from gateway.policy.authoring.examples import Outcome, run_examples, say_verdict, surroundings_of, verdict_of
from gateway.policy.authoring.explain import explain
from gateway.policy.authoring.questions import read_question
from gateway.policy.authoring.words import DATA_MAP_HEAD, data_map, say_policy, say_scopes, say_test, say_words
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import Example
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.policy.switches import named_by
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Permit, Reason, ReasonKind, Verdict
from gateway.workbench.difference import changed_lines
from gateway.workbench.draft import (
    MOST_FINDINGS,
    AgeRows,
    Analysis,
    Changed,
    Compared,
    ConditionStep,
    DiffLine,
    Draft,
    EffectRow,
    ExampleResult,
    Finding,
    Judged,
    PassingDates,
    RuleStep,
    WhatIf,
)
from gateway.yaml.mistakes import Language, Mistake, Mistakes, Phrase

MOST_TRIED = 30_000
"""Requests of people that a draft is tried on beside the policy in force: a second or two of work."""

MOST_EFFECTS = 200
"""Effects that are shown, the gravest first."""

_REASONS = {
    ReasonKind.NO_RULE: Phrase("no rule fits", "当てはまる規則がありません"),
    ReasonKind.NOBODY_ALLOWED: Phrase("the rule allows nobody", "だれも通さない規則です"),
    ReasonKind.CONDITION_NO: Phrase("the condition does not hold", "条件を満たしません"),
    ReasonKind.CONDITION_UNKNOWN: Phrase("the condition is unknown", "条件が不明です"),
    ReasonKind.LIMIT_REACHED: Phrase("the limit is reached", "回数に達しています"),
    ReasonKind.AMBIGUOUS_QUERY: Phrase("a parameter can be read in two ways", "パラメータが二通りに読めます"),
    ReasonKind.METHOD_OVERRIDE: Phrase("the request asks for another method", "別のメソッドとして扱うよう求めています"),
    ReasonKind.REFERENCE: Phrase("a further URL cannot be read", "ほかの URL を読み取れません"),
    ReasonKind.AMBIGUOUS_PATH: Phrase("the path may be another rule's", "パスが別の規則のものとも読めます"),
}


def analyse(draft: Draft, read_text: Callable[[Path], str]) -> Analysis:
    """Return everything about a draft. `read_text` returns a file of the policy in force; empty where it cannot."""
    language = Language(draft.language)
    folder = Path(draft.folder)
    today = tokyo_day(draft.now)
    in_force = Path(draft.in_force) if draft.in_force else None
    mistakes = Mistakes()
    policy = parse_policy(
        draft.text, mistakes, file=draft.file, folder=folder, may_read=_reader_of(draft, folder, in_force)
    )
    lines = None if in_force is None else changed_lines(read_text(in_force), draft.text.removeprefix("\ufeff"))
    if policy is None:
        found = [_finding_of(mistake, draft, language) for mistake in mistakes]
        compared = None if lines is None else Compared(lines, (), 0)
        return Analysis(tuple(found[:MOST_FINDINGS]), max(0, len(found) - MOST_FINDINGS), compared=compared)
    compiled = CompiledPolicy(policy)
    advice = [
        Finding(0, 1, each.say(language, draft.file), mistake=False, file=each.file)
        if each.file not in {"", draft.file}
        else Finding(each.line, 1, _said(each.what, each.wiser, language), mistake=False)
        for each in remarks(policy, compiled, today=today)
    ]
    judged, faults = (None, ()) if draft.what_if is None else _answer(policy, compiled, draft.what_if, language)
    return Analysis(
        findings=tuple(advice[:MOST_FINDINGS]),
        more_findings=max(0, len(advice) - MOST_FINDINGS),
        policy=policy.name,
        version=policy.version,
        rules=len(policy.rules),
        examples=tuple(_example_result(outcome, language) for outcome in run_examples(policy, compiled)),
        ages=tuple(_age_rows(policy, today, language)),
        words=say_policy(policy, language),
        data_head=DATA_MAP_HEAD[language],
        data=tuple(item.cells for item in data_map(policy, language)),
        what_if_mistakes=faults,
        judged=judged,
        compared=None if in_force is None or lines is None else _compared(draft, lines, policy, compiled, in_force),
        names=tuple(policy.conditions),
        switches=tuple(sorted(named_by([policy]))),
    )


def _reader_of(draft: Draft, folder: Path, in_force: Path | None) -> Callable[[Path], bool]:
    """Return which files the draft may name: those in its folder, or those that the policy in force reads already."""
    root = folder.resolve()
    if draft.in_folder:
        return lambda path: path.resolve().is_relative_to(root)
    loaded = None if in_force is None else load_policy(in_force, Mistakes())
    known = set() if loaded is None else {path.resolve() for path in loaded.sources}
    return lambda path: path.resolve() in known


def _finding_of(mistake: Mistake, draft: Draft, language: Language) -> Finding:
    if mistake.file != draft.file:
        return Finding(0, 1, mistake.say(language), mistake=True, file=mistake.file)
    return Finding(mistake.line, mistake.column, _said(mistake.what, mistake.remedy, language), mistake=True)


def _said(what: Phrase, remedy: Phrase | None, language: Language) -> str:
    """Return a mistake or a remark without its place, which the page shows beside it."""
    if remedy is None:
        return printable(what.say(language))
    comma = "、" if language is Language.JA else ", "
    return printable(f"{what.say(language)}{comma}{remedy.say(language)}")


# --- examples and ages -----------------------------------------------------------------


def _example_result(outcome: Outcome, language: Language) -> ExampleResult:
    said = outcome.say(language).splitlines()[1:]
    example = outcome.example
    return ExampleResult(example.where.line, example.title, outcome.passed, tuple(line.strip() for line in said))


def _age_rows(policy: Policy, today: date, language: Language) -> Iterator[AgeRows]:
    for table in age_tables(policy, today):
        rows = tuple(
            PassingDates(
                "" if row.first is None else row.first.isoformat(),
                "" if row.last is None else row.last.isoformat(),
                row.oldest,
                row.youngest,
            )
            for row in table.rows
        )
        yield AgeRows(table.name, say_test(table.condition.test, language), table.day.isoformat(), rows)


# --- a question ------------------------------------------------------------------------


def _answer(
    policy: Policy, compiled: CompiledPolicy, asked: WhatIf, language: Language
) -> tuple[Judged | None, tuple[str, ...]]:
    """Return the answer, or the mistakes in the question."""
    mistakes = Mistakes()
    place = "例" if language is Language.JA else "what if"
    example = question_of(policy, asked, mistakes, place)
    if example is None:
        return None, tuple(each.say(language) for each in mistakes)
    return judge(compiled, example, language, asked), ()


def question_of(policy: Policy, asked: WhatIf, mistakes: Mistakes, place: str = "what if") -> Example | None:
    """Return a question as the gateway's examples have it; `None` where a part of it cannot be read."""
    return read_question(
        policy,
        mistakes,
        place=place,
        asked={
            "request": asked.request,
            "at": asked.at,
            "signed_in": asked.signed_in,
            "from": asked.client,
            "entries": asked.entries,
        },
        who=None if asked.nobody else dict(_facts(asked)),
        switches=asked.switches,
    )


def _facts(asked: WhatIf) -> Iterator[tuple[str, str]]:
    for name, text in (
        ("subject", asked.subject),
        ("name", asked.name),
        ("address", asked.address),
        ("birthdate", asked.birthdate),
        ("gender", asked.gender),
    ):
        if text:
            yield name, text


def judge(compiled: CompiledPolicy, example: Example, language: Language, asked: WhatIf) -> Judged:
    """Judge one question, and tell the way to the verdict."""
    policy = compiled.policy
    snapshot = compiled.within(surroundings_of(policy, example))
    verdict, _ = verdict_of(snapshot, example)
    person = example.person
    way = explain(snapshot, example.inbound(snapshot.paths), person, example.at)
    reasons = verdict.reasons if isinstance(verdict, Deny) else ()
    return Judged(
        verdict=verdict_word(verdict),
        rule="" if verdict.rule is None else verdict.rule.rule,
        reasons=tuple(_say_reason(reason, language) for reason in reasons),
        sentences=tuple(sentence for reason in reasons if (sentence := say_words(reason.sentence, language))),
        asked=say_scopes(verdict.scopes, language) if isinstance(verdict, Challenge) else "",
        told=verdict.disclosed if isinstance(verdict, Permit) else (),
        rules=tuple(RuleStep(each.name, each.fit.value, each.because.say(language)) for each in way.rules),
        conditions=tuple(
            ConditionStep(each.name, each.truth.value, each.depth, say_test(each.test, language))
            for each in way.conditions
        ),
        as_example=_as_example(asked, verdict),
    )


def verdict_word(verdict: Verdict) -> str:
    """Return a verdict as one word."""
    match verdict:
        case Permit():
            return "allow"
        case Challenge(reason=ChallengeReason.TOO_LONG_AGO):
            return "sign_in_again"
        case Challenge():
            return "sign_in"
        case Deny():
            return "deny"
        case _:
            assert_never(verdict)


def _say_reason(reason: Reason, language: Language) -> str:
    said = _REASONS[reason.kind].say(language)
    colon = "：" if language is Language.JA else ": "
    return f"{reason.name}{colon}{said}" if reason.name else said


def _as_example(asked: WhatIf, verdict: Verdict) -> str:
    """Return a question as lines for `examples:`, expecting the verdict that it has got."""
    facts = ", ".join(f"{name}: {_quoted(text)}" for name, text in _facts(asked))
    expect = say_verdict(verdict)
    if isinstance(verdict, Deny):
        # An example names one reason.
        named = next((reason.name for reason in verdict.reasons if reason.name), "")
        expect = f"deny {named}".strip()
    lines = [
        f"  - title: {_quoted(asked.request)}",
        f"    at: {asked.at}" if asked.at else "",
        "    who: nobody" if asked.nobody else f"    who: {{{facts}}}",
        f"    signed_in: {_quoted(asked.signed_in)}" if asked.signed_in else "",
        f"    from: {_quoted(asked.client)}" if asked.client else "",
        f"    switch: [{', '.join(map(_quoted, asked.switches))}]" if asked.switches else "",
        f"    entries: {asked.entries}" if asked.entries else "",
        f"    request: {_quoted(asked.request)}",
        f"    expect: {_quoted(expect)}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back, with any signs in it."""
    return "'" + text.replace("'", "''") + "'"


# --- beside the policy in force ---------------------------------------------------------


def _compared(
    draft: Draft, lines: tuple[DiffLine, ...], policy: Policy, compiled: CompiledPolicy, in_force: Path
) -> Compared:
    old = load_policy(in_force, Mistakes())
    if old is None:
        return Compared(lines, (), 0)
    if old.version == policy.version:
        return Compared(lines, (), 0, old.version)
    old_compiled = CompiledPolicy(old)
    examples: list[Example] = []
    for each in (*policy.examples, *old.examples):
        # Both files have most of them, at other lines.
        if each not in examples:
            examples.append(each)
    changed = []
    for example in examples:
        earlier, later = (
            verdict_of(ready.within(surroundings_of(ready.policy, example)), example)[0]
            for ready in (old_compiled, compiled)
        )
        if say_verdict(earlier) != say_verdict(later) or _told(earlier) != _told(later):
            more = isinstance(later, Permit) and (not isinstance(earlier, Permit) or _told(earlier) != _told(later))
            changed.append(Changed(example.title, _shown(earlier), _shown(later), more))
    comparison = compare(old, policy, draft.now, most=MOST_TRIED)
    rows = [
        EffectRow(row.kind.value, row.head, row.sides, row.witness, row.kind in (EffectKind.PERMITS, EffectKind.TELLS))
        for row in effect_rows(comparison, Language(draft.language))
    ]
    return Compared(
        lines,
        tuple(changed),
        len(examples),
        old.version,
        tuple(rows[:MOST_EFFECTS]),
        max(0, len(rows) - MOST_EFFECTS),
        comparison.permits_more,
        comparison.tried,
        len(comparison.cut),
    )


def _told(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    return verdict.disclosed if isinstance(verdict, Permit) else ()


def _shown(verdict: Verdict) -> str:
    told = ", ".join(f"{name}: {value}" for name, value in _told(verdict))
    return f"{say_verdict(verdict)} ({told})" if told else say_verdict(verdict)
