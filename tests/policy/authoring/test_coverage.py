"""An author sees what her examples try, and what they leave untried."""

from __future__ import annotations

from gateway.policy.authoring.coverage import Coverage, Point, coverage, say_coverage
from gateway.policy.authoring.examples import run_examples
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Language, Mistakes

RULES = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  成人: {age: {at_least: 18}}
  市民: {residence: {in: [横浜市]}}
  どちらも: {all: [成人, 市民]}
  夜: {dates: {hours: {from: 22:00, until: 5:00}}}
  昼: {not: 夜}
  unused: {gender: male}
rules:
  - {name: 休み, match: {path: /x/**}, when: 夜, allow: nobody}
  - {name: 借りる, match: {path: /x/**}, require: [どちらも]}
  - name: 応募
    match: {path: /enter, method: POST}
    allow: signed_in
    limit: {name: once, once: ever, counted_when: {status: 303}}
  - {name: 見る, match: {path: /, method: GET}, allow: everyone, disclose: [昼]}
"""

EXAMPLES = """\
examples:
  - title: borrows
    at: 2026-11-23 12:00
    who: {birthdate: 1990-01-01, address: 神奈川県横浜市中区本町1-1}
    request: GET /x
    expect: allow
  - {title: closed, at: 2026-11-23 23:00, request: GET /x, expect: deny 休み}
  - {title: signs in, at: 2026-11-23, request: POST /enter, expect: sign in}
  - {title: again, at: 2026-11-23, who: {}, entries: 1, request: POST /enter, expect: deny once}
"""


def covered(examples: str = EXAMPLES) -> Coverage:
    mistakes = Mistakes()
    policy = parse_policy(RULES.replace("disclose: [昼]", "disclose: [subject]") + examples, mistakes)
    assert policy is not None, mistakes.say()
    compiled = CompiledPolicy(policy)
    return coverage(policy, run_examples(policy, compiled), compiled)


def test_each_rule_and_condition_has_its_outcomes() -> None:
    """Both of a condition, those that a rule can have, and none of a condition that no rule uses."""
    found = {(each.name, each.point): each.examples for each in covered().tried}

    assert found == {
        ("休み", Point.REFUSES): ("closed",),
        ("借りる", Point.PERMITS): ("borrows",),
        ("借りる", Point.REFUSES): (),
        ("応募", Point.PERMITS): (),
        ("応募", Point.ASKS): ("signs in",),
        ("応募", Point.REFUSES): ("again",),
        ("見る", Point.PERMITS): (),
        ("成人", Point.YES): ("borrows",),
        ("成人", Point.NO): (),
        ("市民", Point.YES): ("borrows",),
        ("市民", Point.NO): (),
        ("どちらも", Point.YES): ("borrows",),
        ("どちらも", Point.NO): (),
        ("夜", Point.YES): ("closed",),
        ("夜", Point.NO): ("borrows",),
    }


def test_a_condition_that_is_unknown_says_neither() -> None:
    """A refusal for want of a fact shows nothing of the condition."""
    found = covered(
        "examples: [{title: t, at: 2026-11-23 12:00, who: {}, request: GET /x, expect: deny どちらも (unknown)}]\n"
    )

    assert {each.name for each in found.tried if each.examples} == {"借りる", "夜"}


def test_the_whole_is_said_in_words() -> None:
    """The count, each outcome, and the first example that reaches it."""
    found = covered()
    english, japanese = (say_coverage(found, language) for language in (Language.EN, Language.JA))

    assert (found.reached, found.percent) == (9, 60)
    assert english.startswith("tried by examples: 9 of 15 (60%)\n  + rule 休み / refuses: “closed”\n")
    assert "  - condition 成人 / no: no example" in english
    assert japanese.startswith("例が試したこと: 9 / 15（60%）\n  + 規則 休み / 断る：「closed」\n")
    assert "  - 規則 借りる / 断る：例がない" in japanese
    assert Coverage(()).percent == 100


def test_several_examples_are_counted() -> None:
    """The first is named."""
    more = EXAMPLES + "  - {title: later, at: 2026-11-23 23:30, request: GET /x, expect: deny 休み}\n"

    assert "“closed” and 1 more" in say_coverage(covered(more), Language.EN)
    assert "「closed」 ほか 1 件" in say_coverage(covered(more), Language.JA)


def test_an_example_that_fails_tries_nothing() -> None:
    """The rule permits whom its author wants refused, and a share of 100% would hide that."""
    right = "examples: [{title: t, at: 2026-11-23 12:00, request: GET /, expect: allow}]\n"

    assert covered(right).reached > 0
    assert covered(right.replace("expect: allow", "expect: deny")).reached == 0
